//! Who is announced as the leader.

use std::time::Duration;

use mesos_wire::zk;
use tokio::sync::watch;
use zookeeper_client::{Client, Error};

use super::Place;
use super::member::{Endpoint, MEMBER_PREFIX, Member};

const RETRY: Duration = Duration::from_millis(50);

/// The announced leaders: none while nobody leads, and never more than one for long.
pub type Group = Vec<Endpoint>;

/// Follows the group until all receivers are gone. Must be called inside a tokio runtime.
pub fn follow(place: &Place) -> watch::Receiver<Group> {
    let (sender, receiver) = watch::channel(Group::new());
    let place = place.clone();
    tokio::spawn(async move {
        let gone = sender.clone();
        tokio::select! {
            () = gone.closed() => {}
            () = run(place, sender) => {}
        }
    });
    receiver
}

async fn run(place: Place, sender: watch::Sender<Group>) {
    loop {
        let client = zk::connect(&place.url, place.session_timeout).await;
        while !client.state().is_terminated() {
            if let Err(error) = watch_once(&client, &place, &sender).await {
                tracing::debug!("the group of schedulers could not be read: {error}");
                tokio::time::sleep(RETRY).await;
            }
        }
        sender.send_replace(Group::new());
    }
}

/// Publishes the group and waits for it to change.
async fn watch_once(
    client: &Client,
    place: &Place,
    sender: &watch::Sender<Group>,
) -> Result<(), Error> {
    let folder = &place.url.path;
    let (children, watcher) = match client.list_and_watch_children(folder).await {
        Err(Error::NoNode) => {
            let (stat, watcher) = client.check_and_watch_stat(folder).await?;
            if stat.is_none() {
                watcher.changed().await;
            }
            return Ok(());
        }
        found => found?,
    };
    let mut group = Group::new();
    for child in children
        .iter()
        .filter(|child| child.starts_with(MEMBER_PREFIX))
    {
        match client.get_data(&format!("{folder}/{child}")).await {
            Ok((data, _)) => match serde_json::from_slice::<Member>(&data) {
                Ok(member) => group.push(member.service_endpoint),
                Err(error) => tracing::warn!("`{folder}/{child}` is no serverset member: {error}"),
            },
            Err(Error::NoNode) => {}
            Err(error) => return Err(error),
        }
    }
    sender.send_if_modified(|known| {
        let changed = *known != group;
        *known = group;
        changed
    });
    watcher.changed().await;
    Ok(())
}
