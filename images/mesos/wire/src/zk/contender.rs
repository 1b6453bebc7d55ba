//! Stands for election: one ephemeral znode with this master's description.

use std::time::Duration;

use mesos_proto::mesos::MasterInfo;
use serde_json::Value;
use tokio::sync::watch;
use zookeeper_client::{Client, CreateMode, Error};

use super::{Backoff, JSON_LABEL, Url, acls, connect, make_folder};
use crate::json::{self, Dialect};

/// A place in the queue of masters. Dropping it gives the place up.
pub struct Candidacy {
    client: Client,
    url: Url,
    name: String,
}

/// Enters the group with this description, however long that takes.
pub async fn contend(url: &Url, info: &MasterInfo, session_timeout: Duration) -> Candidacy {
    let data = sorted(json::to_value(info, Dialect::V0)).to_string();
    loop {
        let client = connect(url, session_timeout).await;
        let mut backoff = Backoff::new();
        while !client.state().is_terminated() {
            match enter(&client, url, info, data.as_bytes()).await {
                Ok(name) => {
                    tracing::info!(znode = name, "entered the election");
                    return Candidacy {
                        client,
                        url: url.clone(),
                        name,
                    };
                }
                Err(error) => tracing::warn!(%error, "cannot enter the election yet"),
            }
            backoff.wait().await;
        }
    }
}

async fn enter(
    client: &Client,
    url: &Url,
    info: &MasterInfo,
    data: &[u8],
) -> Result<String, Error> {
    make_folder(client, url, &url.path).await?;
    sweep(client, url, info).await?;
    let prefix = format!("{}/{JSON_LABEL}_", url.path);
    let options = CreateMode::EphemeralSequential.with_acls(acls(url));
    let (_, sequence) = client.create(&prefix, data, &options).await?;
    Ok(format!("{JSON_LABEL}_{sequence}"))
}

/// Removes what an earlier process of ours left behind when it was killed. We hold the port that it
/// had, so it is gone; without this, nobody would lead until its session has run out.
async fn sweep(client: &Client, url: &Url, info: &MasterInfo) -> Result<(), Error> {
    for child in client.list_children(&url.path).await? {
        if !child.starts_with(JSON_LABEL) {
            continue;
        }
        let path = format!("{}/{child}", url.path);
        let data = match client.get_data(&path).await {
            Ok((data, _)) => data,
            Err(Error::NoNode) => continue,
            Err(error) => return Err(error),
        };
        if is_predecessor(&data, info) {
            tracing::info!(
                znode = child,
                "removing what an earlier process left behind"
            );
            match client.delete(&path, None).await {
                Ok(()) | Err(Error::NoNode) => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(())
}

/// Whether a znode describes a master of our address that is not this process.
fn is_predecessor(data: &[u8], info: &MasterInfo) -> bool {
    json::from_slice::<MasterInfo>(data, Dialect::V0)
        .is_ok_and(|found| found.id() != info.id() && found.pid() == info.pid())
}

impl Candidacy {
    /// The znode's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The session that the candidacy lives in, for other znodes that must live as long.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Resolves when the place is lost: the session has expired or the znode is gone.
    pub async fn lost(&self) {
        let path = format!("{}/{}", self.url.path, self.name);
        let mut backoff = Backoff::new();
        while !self.client.state().is_terminated() {
            match self.client.check_and_watch_stat(&path).await {
                Ok((None, _)) => return,
                Ok((Some(_), watcher)) => {
                    backoff = Backoff::new();
                    watcher.changed().await;
                }
                Err(_) => backoff.wait().await,
            }
        }
    }

    /// Whether `leader` describes the holder of this place, by the id in both.
    pub fn is_leader(leader: &watch::Receiver<Option<MasterInfo>>, info: &MasterInfo) -> bool {
        leader
            .borrow()
            .as_ref()
            .is_some_and(|leader| leader.id() == info.id())
    }
}

/// The same JSON with the keys of all objects in order, as the original writes it.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(object) => {
            let mut pairs: Vec<(String, Value)> = object
                .into_iter()
                .map(|(key, value)| (key, sorted(value)))
                .collect();
            pairs.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(pairs.into_iter().collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_predecessor_has_our_address_and_another_id() {
        let master = |id: &str, address: &str| {
            let mut info = MasterInfo::new();
            info.set_id(id.to_string());
            info.set_ip(16777226);
            info.set_port(5050);
            info.set_pid(format!("master@{address}"));
            info
        };
        let own = master("now", "10.0.0.1:5050");
        let cases = [
            (master("before", "10.0.0.1:5050"), true),
            (master("now", "10.0.0.1:5050"), false),
            (master("before", "10.0.0.2:5050"), false),
            (master("before", "10.0.0.1:5051"), false),
        ];
        for (found, want) in cases {
            let data = json::to_value(&found, Dialect::V0).to_string();
            assert_eq!(is_predecessor(data.as_bytes(), &own), want, "case {data}");
        }
        assert!(!is_predecessor(b"no master", &own));
        assert!(!is_predecessor(b"{}", &own));
    }

    #[test]
    fn a_description_is_written_as_the_original_writes_it() {
        let recorded = r#"{"address":{"hostname":"m1","ip":"10.0.0.1","port":5050},"capabilities":[{"type":"AGENT_UPDATE"},{"type":"AGENT_DRAINING"},{"type":"QUOTA_V2"}],"hostname":"m1","id":"6ce527eb-263c-434c-b612-3bf33f1d1328","ip":16777226,"pid":"master@10.0.0.1:5050","port":5050,"version":"1.12.0"}"#;
        let info: MasterInfo = json::from_slice(recorded.as_bytes(), Dialect::V0).unwrap();
        assert_eq!(
            sorted(json::to_value(&info, Dialect::V0)).to_string(),
            recorded
        );
    }
}
