//! Who leads: this master alone, or whoever ZooKeeper says (protocol-flows §2).

use std::time::Duration;

use mesos_wire::zk::{self, Candidacy, Url};
use zookeeper_client::CreateMode;

use super::node::Node;
use super::{Epoch, ServeError};
use crate::flags::Settings;

/// How long giving the place up may take when the master stops.
const GOODBYE: Duration = Duration::from_millis(500);

/// Takes part in the election until `stop` is done. Losing leadership is an error: what a former
/// leader does could contradict the new one.
pub(super) async fn run(
    node: &Node,
    settings: &Settings,
    stop: impl Future<Output = ()>,
) -> Result<(), ServeError> {
    let mut stop = std::pin::pin!(stop);
    let (Some(url), Some(address)) = (&settings.zk, settings.flags.text("zk")) else {
        node.set_leader(Some(node.info()));
        node.lead(None)?;
        stop.await;
        return Ok(());
    };
    let info = node.info();
    let timeout = settings.zk_session_timeout;
    let mut leader = zk::detect(address, timeout)?;
    loop {
        let candidacy = tokio::select! {
            () = &mut stop => return Ok(()),
            candidacy = zk::contend(url, &info, timeout) => candidacy,
        };
        if settings.flags.text("registry") == Some("replicated_log") {
            register_replica(node, &candidacy, url).await;
        }
        let ended = {
            let mut lost = std::pin::pin!(candidacy.lost());
            loop {
                let found = leader.borrow_and_update().clone();
                let is_own = found.as_ref().is_some_and(|found| found.id() == info.id());
                node.set_leader(found);
                if is_own && !node.is_leading() {
                    match epoch(&candidacy, url).await {
                        Some(epoch) => node.lead(Some(epoch))?,
                        None => break Ended::Lost,
                    }
                } else if is_own {
                    // It leads on.
                } else if node.is_leading() {
                    break Ended::Deposed("another master leads, or none is known");
                }
                tokio::select! {
                    () = &mut stop => break Ended::Stopped,
                    () = &mut lost => break Ended::Lost,
                    changed = leader.changed() => if changed.is_err() {
                        break Ended::Deposed("the leading master cannot be found any more");
                    },
                }
            }
        };
        match ended {
            Ended::Stopped => {
                // The next leader need not wait for this session to run out.
                let path = format!("{}/{}", url.path, candidacy.name());
                let leave = candidacy.client().delete(&path, None);
                if !matches!(tokio::time::timeout(GOODBYE, leave).await, Ok(Ok(()))) {
                    tracing::warn!("left the election without a word");
                }
                return Ok(());
            }
            Ended::Deposed(why) => return Err(ServeError::Leadership(why.to_string())),
            Ended::Lost if node.is_leading() => {
                return Err(ServeError::Leadership(
                    "the place in the election is lost".to_string(),
                ));
            }
            Ended::Lost => tracing::warn!("lost the place in the election: entering it again"),
        }
    }
}

/// When this leadership began, as ZooKeeper counts; `None` if the place is lost again.
async fn epoch(candidacy: &Candidacy, url: &Url) -> Option<Epoch> {
    let place = format!("{}/{}", url.path, candidacy.name());
    let folder = candidacy.client().check_stat(&url.path).await.ok()??;
    let place = candidacy.client().check_stat(&place).await.ok()??;
    Some(Epoch {
        era: folder.ctime,
        zxid: place.czxid,
    })
}

enum Ended {
    Stopped,
    Lost,
    Deposed(&'static str),
}

/// Enters this master where the original has its log replicas, for tools that look there.
async fn register_replica(node: &Node, candidacy: &Candidacy, url: &Url) {
    let folder = format!("{}/log_replicas", url.path);
    let pid = node.pid("log-replica(1)").to_string();
    let options = CreateMode::EphemeralSequential.with_acls(zk::acls(url));
    let done = async {
        zk::make_folder(candidacy.client(), url, &folder).await?;
        candidacy
            .client()
            .create(&format!("{folder}/"), pid.as_bytes(), &options)
            .await
    };
    if let Err(error) = done.await {
        tracing::warn!("cannot enter {folder}: {error}");
    }
}
