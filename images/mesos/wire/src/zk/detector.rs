//! Finds the leading master, and keeps finding it.

use std::net::SocketAddrV4;
use std::time::Duration;

use mesos_proto::mesos::MasterInfo;
use protobuf::Message as _;
use thiserror::Error;
use tokio::sync::watch;
use zookeeper_client::{Client, Error as ZkError, OneshotWatcher};

use super::{BINARY_LABEL, Backoff, JSON_LABEL, Url, UrlError, connect, leading};
use crate::json::{self, Dialect};
use crate::pid::Upid;

/// How often a file that names the master is read again.
const FILE_INTERVAL: Duration = Duration::from_secs(1);

/// Why a master's address cannot be used.
#[derive(Debug, Error)]
pub enum MasterAddressError {
    /// It looks like a ZooKeeper URL and is none.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// It is of no known form.
    #[error("`{0}` is not a master: `zk://…`, `host:port` or `file:///path` is expected")]
    Form(String),
}

enum Source {
    ZooKeeper(Url),
    Fixed(String),
    File(String),
}

/// Watches for the leading master at `address`: `zk://…/path`, `host:port`, `master@host:port`, or
/// `file://` with the path of a file that holds one of these. Holds `None` while there is none.
/// Watching ends when all receivers are gone.
pub fn detect(
    address: &str,
    session_timeout: Duration,
) -> Result<watch::Receiver<Option<MasterInfo>>, MasterAddressError> {
    let source = source(address)?;
    let (sender, receiver) = watch::channel(None);
    tokio::spawn(async move {
        let gone = sender.clone();
        tokio::select! {
            () = gone.closed() => {}
            () = follow(source, session_timeout, sender) => {}
        }
    });
    Ok(receiver)
}

fn source(address: &str) -> Result<Source, MasterAddressError> {
    let address = address.trim();
    if address.starts_with("zk://") {
        Ok(Source::ZooKeeper(address.parse()?))
    } else if let Some(path) = address.strip_prefix("file://") {
        Ok(Source::File(path.to_string()))
    } else if is_host_and_port(address.strip_prefix("master@").unwrap_or(address)) {
        Ok(Source::Fixed(address.to_string()))
    } else {
        Err(MasterAddressError::Form(address.to_string()))
    }
}

fn is_host_and_port(text: &str) -> bool {
    text.rsplit_once(':').is_some_and(|(host, port)| {
        !host.is_empty() && !host.contains(['/', ':', '@']) && port.parse::<u16>().is_ok()
    })
}

async fn follow(
    source: Source,
    session_timeout: Duration,
    sender: watch::Sender<Option<MasterInfo>>,
) {
    match source {
        Source::ZooKeeper(url) => follow_group(&url, session_timeout, &sender).await,
        Source::Fixed(address) => follow_fixed(&address, &sender).await,
        Source::File(path) => follow_file(&path, session_timeout, &sender).await,
    }
}

async fn follow_group(
    url: &Url,
    session_timeout: Duration,
    sender: &watch::Sender<Option<MasterInfo>>,
) {
    loop {
        let client = connect(url, session_timeout).await;
        match watch_group(&client, url, sender).await {
            ZkError::SessionExpired => {
                tracing::warn!("the ZooKeeper session expired: the leading master is unknown");
                sender.send_replace(None);
            }
            error => tracing::warn!(%error, "lost ZooKeeper"),
        }
    }
}

async fn follow_fixed(address: &str, sender: &watch::Sender<Option<MasterInfo>>) {
    let mut backoff = Backoff::new();
    loop {
        if let Some(info) = standalone(address).await {
            sender.send_replace(Some(info));
            return std::future::pending().await;
        }
        backoff.wait().await;
    }
}

/// Follows whatever the file names, until it names something else.
async fn follow_file(
    path: &str,
    session_timeout: Duration,
    sender: &watch::Sender<Option<MasterInfo>>,
) {
    let mut text = String::new();
    loop {
        let changed = async {
            loop {
                let now = tokio::fs::read_to_string(path).await.unwrap_or_default();
                if now.trim() != text {
                    return now.trim().to_string();
                }
                tokio::time::sleep(FILE_INTERVAL).await;
            }
        };
        let following = async {
            match source(&text) {
                Ok(Source::ZooKeeper(url)) => follow_group(&url, session_timeout, sender).await,
                Ok(Source::Fixed(address)) => follow_fixed(&address, sender).await,
                Ok(Source::File(_)) | Err(_) => {
                    tracing::warn!(path, text, "the file names no master");
                    std::future::pending().await
                }
            }
        };
        text = tokio::select! {
            now = changed => now,
            () = following => continue,
        };
        sender.send_replace(None);
    }
}

/// Publishes the leader of the group until the session fails; returns how it failed.
async fn watch_group(
    client: &Client,
    url: &Url,
    sender: &watch::Sender<Option<MasterInfo>>,
) -> ZkError {
    let mut backoff = Backoff::new();
    loop {
        match leader(client, &url.path).await {
            Ok((info, watcher)) => {
                backoff = Backoff::new();
                sender.send_if_modified(|current| {
                    let changed = *current != info;
                    *current = info;
                    changed
                });
                watcher.changed().await;
            }
            // The znode went between the two looks at it: look again.
            Err(ZkError::NoNode) => {}
            Err(
                error @ (ZkError::SessionExpired | ZkError::ClientClosed | ZkError::AuthFailed),
            ) => {
                return error;
            }
            Err(error) => {
                tracing::debug!(%error, "the group of masters could not be read");
                if client.state().is_terminated() {
                    return ZkError::SessionExpired;
                }
                backoff.wait().await;
            }
        }
        if client.state().is_terminated() {
            return ZkError::SessionExpired;
        }
    }
}

/// The leader now, and what tells of a change.
async fn leader(
    client: &Client,
    path: &str,
) -> Result<(Option<MasterInfo>, OneshotWatcher), ZkError> {
    let (children, watcher) = match client.list_and_watch_children(path).await {
        Ok(found) => found,
        Err(ZkError::NoNode) => {
            let (stat, watcher) = client.check_and_watch_stat(path).await?;
            return match stat {
                None => Ok((None, watcher)),
                Some(_) => Err(ZkError::NoNode),
            };
        }
        Err(error) => return Err(error),
    };
    let Some((label, name)) = leading(&children) else {
        return Ok((None, watcher));
    };
    let (data, _) = client.get_data(&format!("{path}/{name}")).await?;
    let info = match label {
        JSON_LABEL => json::from_slice(&data, Dialect::V0).map_err(|e| e.to_string()),
        BINARY_LABEL => MasterInfo::parse_from_bytes(&data).map_err(|e| e.to_string()),
        "" => {
            let text = String::from_utf8_lossy(&data).into_owned();
            Ok(standalone(&text).await.unwrap_or_default())
        }
        other => Err(format!("unknown label `{other}`")),
    };
    match info {
        Ok(info) if info.has_id() => Ok((Some(info), watcher)),
        Ok(_) => Ok((None, watcher)),
        Err(reason) => {
            tracing::warn!(
                znode = name,
                reason,
                "a master's description cannot be read"
            );
            Ok((None, watcher))
        }
    }
}

/// The description of a master of which only the address is known; `None` if it does not resolve.
async fn standalone(address: &str) -> Option<MasterInfo> {
    let host = address
        .trim()
        .strip_prefix("master@")
        .unwrap_or(address.trim());
    let found = tokio::net::lookup_host(host)
        .await
        .ok()?
        .find_map(|address| match address {
            std::net::SocketAddr::V4(v4) => Some(v4),
            std::net::SocketAddr::V6(_) => None,
        })?;
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let pid = Upid::new("master", found);
    let id = format!("{pid}-{}", uuid::Uuid::new_v4());
    Some(master_info(&id, found, name))
}

/// A master's description of itself, as far as every master has it.
fn master_info(id: &str, address: SocketAddrV4, hostname: &str) -> MasterInfo {
    let mut info = MasterInfo::new();
    info.set_id(id.to_string());
    info.set_ip(u32::from_ne_bytes(address.ip().octets()));
    info.set_port(address.port().into());
    info.set_pid(Upid::new("master", address).to_string());
    info.set_hostname(hostname.to_string());
    let place = info.address.mut_or_insert_default();
    place.set_hostname(hostname.to_string());
    place.set_ip(address.ip().to_string());
    place.set_port(address.port().into());
    info
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_fixed_address_is_its_own_leader() {
        let mut leader = detect("127.0.0.1:5050", Duration::from_secs(10)).unwrap();
        let info = leader
            .wait_for(Option::is_some)
            .await
            .unwrap()
            .clone()
            .unwrap();
        assert_eq!(info.pid(), "master@127.0.0.1:5050");
        assert_eq!(info.ip(), 16_777_343);
    }

    #[tokio::test]
    async fn a_file_may_name_the_master() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "master@127.0.0.1:5051\n").unwrap();
        let address = format!("file://{}", file.path().display());
        let mut leader = detect(&address, Duration::from_secs(10)).unwrap();
        let info = leader
            .wait_for(Option::is_some)
            .await
            .unwrap()
            .clone()
            .unwrap();
        assert_eq!(info.port(), 5051);
    }

    #[test]
    fn addresses_of_no_known_form_are_refused() {
        for bad in [
            "",
            "master",
            "host",
            "host:port",
            "zk://a:1/",
            "http://a:1",
            "a:1:2",
        ] {
            assert!(source(bad).is_err(), "case `{bad}`");
        }
    }
}
