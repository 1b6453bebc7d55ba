//! The election: candidates queue up in Curator's lock znodes, and the first one leads.

use std::time::Duration;

use mesos_wire::zk;
use zookeeper_client::{Client, CreateMode, Error, LockOptions, LockPrefix, SessionState};

use super::Place;
use super::member::{MEMBER_PREFIX, Member};
use crate::store::Epoch;

/// What Curator's `LeaderSelector` puts into the names of its znodes.
const LOCK_NAME: &str = "lock-";
/// The same, as it stands in a name.
const LOCK_MARK: &str = "-lock-";
/// Between two tries after an error.
const RETRY: Duration = Duration::from_millis(50);

/// An election that was won. It is lost with the session, or given up with [`Leadership::resign`].
#[derive(Debug)]
pub struct Leadership {
    client: Client,
    place: Place,
    lock: String,
    member: std::sync::Mutex<Option<String>>,
    /// Its place among all leaderships.
    pub epoch: Epoch,
}

/// Stands for election until it is won, however long that takes.
pub async fn elect(place: &Place) -> Leadership {
    let mut last = String::new();
    loop {
        let client = zk::connect(&place.url, place.session_timeout).await;
        match stand(&client, place).await {
            Ok((lock, epoch)) => {
                let (place, member) = (place.clone(), std::sync::Mutex::new(None));
                return Leadership {
                    client,
                    place,
                    lock,
                    member,
                    epoch,
                };
            }
            Err(error) => {
                if last != error.to_string() {
                    tracing::warn!("the election did not come about: {error}");
                    last = error.to_string();
                }
                tokio::time::sleep(RETRY).await;
            }
        }
    }
}

async fn stand(client: &Client, place: &Place) -> Result<(String, Epoch), Error> {
    let folder = &place.url.path;
    zk::make_folder(client, &place.url, folder).await?;
    sweep(client, place).await?;
    let acls = zk::acls(&place.url);
    let folder_options = CreateMode::Persistent.with_acls(acls);
    let prefix = LockPrefix::new_curator(folder, LOCK_NAME)?;
    let name = place.endpoint.to_string();
    let options = LockOptions::new(acls).with_ancestor_options(folder_options)?;
    let lock = client.lock(prefix, name.as_bytes(), options).await?;
    let path = lock.lock_path().to_string();
    let stat = client.check_stat(&path).await?.ok_or(Error::NoNode)?;
    let era = client.check_stat(folder).await?.ok_or(Error::NoNode)?;
    // The znode is ours until the session ends; the guard would delete it here.
    std::mem::forget(lock);
    Ok((
        path,
        Epoch {
            era: era.ctime,
            zxid: stat.czxid,
        },
    ))
}

/// Removes what an earlier process of ours left behind when it was killed. Nobody else has our
/// address, and we hold its port, so that process is gone; its session need not be waited for.
async fn sweep(client: &Client, place: &Place) -> Result<(), Error> {
    let folder = &place.url.path;
    for child in client.list_children(folder).await? {
        let path = format!("{folder}/{child}");
        let is_candidate = child.contains(LOCK_MARK);
        if !is_candidate && !child.starts_with(MEMBER_PREFIX) {
            continue;
        }
        let data = match client.get_data(&path).await {
            Ok((data, _)) => data,
            Err(Error::NoNode) => continue,
            Err(error) => return Err(error),
        };
        let ours = if is_candidate {
            data == place.endpoint.to_string().as_bytes()
        } else {
            serde_json::from_slice::<Member>(&data)
                .is_ok_and(|member| member.service_endpoint == place.endpoint)
        };
        if ours {
            tracing::info!("removing `{path}`, left behind by an earlier process");
            match client.delete(&path, None).await {
                Ok(()) | Err(Error::NoNode) => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(())
}

impl Leadership {
    /// Tells the world that we lead, if that has not been done.
    pub async fn announce(&self) -> Result<(), Error> {
        if self.announced().is_some() {
            return Ok(());
        }
        let member = Member::alive(&self.place.endpoint, &self.place.endpoint_name);
        let data = serde_json::to_vec(&member)
            .map_err(|error| Error::UnexpectedError(error.to_string()))?;
        let prefix = format!("{}/{MEMBER_PREFIX}", self.place.url.path);
        let options = CreateMode::EphemeralSequential.with_acls(zk::acls(&self.place.url));
        let (_, sequence) = self.client.create(&prefix, &data, &options).await?;
        if let Ok(mut member) = self.member.lock() {
            *member = Some(format!("{prefix}{sequence}"));
        }
        Ok(())
    }

    fn announced(&self) -> Option<String> {
        self.member.lock().ok()?.clone()
    }

    /// Waits until the lead is lost.
    pub async fn lost(&self) -> &'static str {
        let mut states = self.client.state_watcher();
        loop {
            match states.state() {
                SessionState::Expired => return "the ZooKeeper session expired",
                SessionState::AuthFailed => return "ZooKeeper refused our credentials",
                SessionState::Closed => return "the ZooKeeper session was closed",
                SessionState::Disconnected
                | SessionState::SyncConnected
                | SessionState::ConnectedReadOnly => {}
            }
            let watched = async {
                match self.client.check_and_watch_stat(&self.lock).await {
                    Ok((None, _)) => true,
                    Ok((Some(_), watcher)) => {
                        watcher.changed().await;
                        false
                    }
                    Err(_) => {
                        tokio::time::sleep(RETRY).await;
                        false
                    }
                }
            };
            tokio::select! {
                _ = states.changed() => {}
                gone = watched => if gone {
                    return "our znode in the election was removed";
                },
            }
        }
    }

    /// Steps down at once, so that nobody has to wait for the session's end.
    pub async fn resign(&self) {
        let announced = self.announced();
        for path in announced.iter().chain([&self.lock]) {
            match self.client.delete(path, None).await {
                Ok(()) | Err(Error::NoNode) => {}
                Err(error) => tracing::debug!("could not remove `{path}`: {error}"),
            }
        }
    }
}
