//! Finds a cluster's scheduler: in ZooKeeper, where the leader announces itself, or at a fixed URL
//! (`apache/aurora/client/api/scheduler_client.py`).

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use thiserror::Error;

use crate::clusters::Cluster;

const DEFAULT_ZK_PORT: u16 = 2181;
/// How long ZooKeeper may take to answer.
const ZK_TIMEOUT: Duration = Duration::from_secs(10);
/// Announcements are children of this name; others are contenders in the election.
const MEMBER_PREFIX: &str = "member_";

/// Why there is no scheduler to talk to.
#[derive(Debug, Error)]
pub enum DiscoveryError {
    /// The configuration says nothing useful: trying again will not help.
    #[error("{0}")]
    Configuration(String),
    /// It may come up.
    #[error("{0}")]
    NotNow(String),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Member {
    additional_endpoints: BTreeMap<String, Endpoint>,
}

#[derive(Deserialize)]
struct Endpoint {
    host: String,
    port: u16,
}

/// The scheduler's URL, without a slash at its end.
pub async fn scheduler_url(cluster: &Cluster) -> Result<String, DiscoveryError> {
    let configuration = |text: &str| Err(DiscoveryError::Configuration(text.to_owned()));
    if let Some(zk) = &cluster.zk {
        let Some(path) = &cluster.scheduler_zk_path else {
            return configuration(
                "Cluster has no defined scheduler path, must specify scheduler_zk_path in your cluster config!",
            );
        };
        let servers = servers(zk, cluster.zk_port.unwrap_or(DEFAULT_ZK_PORT));
        return match tokio::time::timeout(ZK_TIMEOUT, ask(&servers, path)).await {
            Ok(Ok(Some(url))) => Ok(url),
            Ok(Ok(None)) => Err(DiscoveryError::NotNow(format!(
                "No schedulers detected in {}!",
                cluster.name
            ))),
            Ok(Err(_)) | Err(_) => Err(DiscoveryError::NotNow(format!(
                "Failed to connect to Zookeeper within {} seconds.",
                ZK_TIMEOUT.as_secs()
            ))),
        };
    }
    match &cluster.scheduler_uri {
        Some(uri) => Ok(uri.trim_end_matches('/').to_owned()),
        None => configuration("\"cluster\" does not specify zk or scheduler_uri"),
    }
}

fn servers(hosts: &str, port: u16) -> String {
    let hosts = hosts.split(',').map(str::trim).map(|host| {
        if host.contains(':') {
            host.to_owned()
        } else {
            format!("{host}:{port}")
        }
    });
    hosts.collect::<Vec<_>>().join(",")
}

async fn ask(servers: &str, path: &str) -> Result<Option<String>, zookeeper_client::Error> {
    let client = zookeeper_client::Client::connect(servers).await?;
    let mut children = match client.list_children(path).await {
        Err(zookeeper_client::Error::NoNode) => return Ok(None),
        children => children?,
    };
    children.retain(|child| child.starts_with(MEMBER_PREFIX));
    children.sort();
    for child in children {
        // One that goes away meanwhile no longer leads.
        if let Ok((data, _)) = client.get_data(&format!("{path}/{child}")).await
            && let Some(url) = announced_url(&data)
        {
            return Ok(Some(url));
        }
    }
    Ok(None)
}

/// The URL in an announcement: of its endpoint `https`, else of `http`.
fn announced_url(data: &[u8]) -> Option<String> {
    let member: Member = serde_json::from_slice(data).ok()?;
    ["https", "http"].into_iter().find_map(|scheme| {
        let endpoint = member.additional_endpoints.get(scheme)?;
        Some(format!("{scheme}://{}:{}", endpoint.host, endpoint.port))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_announced_url_is_an_additional_endpoint() {
        let data = br#"{"serviceEndpoint":{"host":"a","port":1},"additionalEndpoints":{"http":{"host":"aurora.local","port":8081}},"status":"ALIVE"}"#;
        assert_eq!(
            announced_url(data).as_deref(),
            Some("http://aurora.local:8081")
        );
        assert_eq!(
            announced_url(br#"{"serviceEndpoint":{"host":"a","port":1},"additionalEndpoints":{}}"#),
            None
        );
        assert_eq!(announced_url(b"\x00\x01"), None);
    }

    #[test]
    fn every_zookeeper_host_gets_the_port() {
        assert_eq!(servers("a, b:2182", 2181), "a:2181,b:2182");
    }

    #[tokio::test]
    async fn a_cluster_without_an_address_says_so() {
        let error = scheduler_url(&Cluster::default()).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "\"cluster\" does not specify zk or scheduler_uri"
        );
        let cluster = Cluster {
            zk: Some("z".to_owned()),
            ..Cluster::default()
        };
        let error = scheduler_url(&cluster).await.unwrap_err();
        assert!(error.to_string().contains("scheduler_zk_path"));
    }

    #[tokio::test]
    async fn a_fixed_address_is_taken_as_it_is() {
        let cluster = Cluster {
            scheduler_uri: Some("http://h:1/".to_owned()),
            ..Cluster::default()
        };
        assert_eq!(scheduler_url(&cluster).await.unwrap(), "http://h:1");
    }
}
