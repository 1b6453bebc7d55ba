//! How masters are elected and found: a group of ephemeral znodes whose lowest number leads.
//! (protocol-flows.md, "Leader election and detection")

mod contender;
mod detector;
mod url;

use std::time::Duration;

use zookeeper_client::{Acls, Client, CreateMode, Error};

pub use contender::{Candidacy, contend};
pub use detector::{MasterAddressError, detect};
pub use url::{Url, UrlError};

/// The first pause before another try to reach ZooKeeper; each next one is twice as long.
const FIRST_RETRY: Duration = Duration::from_millis(10);

/// The longest such pause.
const LAST_RETRY: Duration = Duration::from_millis(250);

/// How long the first try may take; each next one may take twice as long, up to what the session's
/// timeout allows. A ZooKeeper of 3.8 that is starting can forget a connection without closing it
/// (its `NIOServerCnxn.close` fails while there is no database yet); patience is lost on that one.
const FIRST_PATIENCE: Duration = Duration::from_millis(500);

/// Label of the znodes that hold a master's description in JSON.
const JSON_LABEL: &str = "json.info";

/// Label of those of masters before 0.23, in protobuf.
const BINARY_LABEL: &str = "info";

/// A new ZooKeeper session, however long that takes: ZooKeeper may be starting.
pub async fn connect(url: &Url, session_timeout: Duration) -> Client {
    let mut pause = FIRST_RETRY;
    let mut patience = FIRST_PATIENCE;
    loop {
        let mut connector = Client::connector()
            .with_session_timeout(session_timeout)
            // What is asked of ZooKeeper exists since 3.4; newer servers answer the older calls too.
            .with_server_version(3, 4, 14)
            .with_fail_eagerly();
        if let Some(auth) = &url.auth {
            connector = connector.with_auth("digest", auth.as_bytes());
        }
        match tokio::time::timeout(patience, connector.connect(&url.servers)).await {
            Ok(Ok(client)) => return client,
            Ok(Err(error)) => {
                tracing::debug!(servers = url.servers, %error, "ZooKeeper does not answer yet")
            }
            Err(_) => {
                tracing::debug!(servers = url.servers, ?patience, "ZooKeeper says nothing");
                patience = (patience * 2).min(session_timeout.max(FIRST_PATIENCE));
            }
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LAST_RETRY);
    }
}

/// The pauses between tries after errors of one session.
struct Backoff(Duration);

impl Backoff {
    fn new() -> Self {
        Self(FIRST_RETRY)
    }

    async fn wait(&mut self) {
        tokio::time::sleep(self.0).await;
        self.0 = (self.0 * 2).min(LAST_RETRY);
    }
}

/// Makes a folder of znodes with all above it.
pub async fn make_folder(client: &Client, url: &Url, path: &str) -> Result<(), Error> {
    let options = CreateMode::Persistent.with_acls(acls(url));
    match client.mkdir(path, &options).await {
        Err(Error::NodeExists) => Ok(()),
        done => done,
    }
}

/// Who may do what with our znodes: all of it everybody, or, with credentials, the creator alone.
pub fn acls(url: &Url) -> Acls<'static> {
    match url.auth {
        Some(_) => Acls::new(CREATOR_ALL_WORLD_READ),
        None => Acls::anyone_all(),
    }
}

const CREATOR_ALL_WORLD_READ: &[zookeeper_client::Acl] = &[
    zookeeper_client::Acl::new_const(zookeeper_client::Permission::ALL, "auth", ""),
    zookeeper_client::Acl::new_const(zookeeper_client::Permission::READ, "world", "anyone"),
];

/// The member that leads: the lowest number among `<label>_<number>` and plain numbers. Other
/// znodes, such as `log_replicas`, are none of ours. Returns the label and the znode's name.
fn leading(children: &[String]) -> Option<(&str, &str)> {
    children
        .iter()
        .filter_map(|name| {
            let (label, digits) = name.rsplit_once('_').unwrap_or(("", name));
            let is_number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
            let number: u64 = is_number.then(|| digits.parse().ok()).flatten()?;
            Some((number, label, name.as_str()))
        })
        .min()
        .map(|(_, label, name)| (label, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_connection_that_is_never_answered_is_given_up() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let servers = listener.local_addr().unwrap();
        let url: Url = format!("zk://{servers}/mesos").parse().unwrap();
        let trying = tokio::spawn(async move { connect(&url, Duration::from_secs(60)).await });
        // The first connection stays open and silent; the session's own patience would be 24 s.
        let _forgotten = listener.accept().await.unwrap();
        let second = tokio::time::timeout(Duration::from_secs(20), listener.accept()).await;
        trying.abort();
        assert!(second.expect("another try before that").is_ok());
    }

    #[test]
    fn the_lowest_number_leads() {
        let cases = [
            ("", None),
            ("log_replicas", None),
            (
                "json.info_0000000010 json.info_0000000009 log_replicas",
                Some(("json.info", "json.info_0000000009")),
            ),
            ("info_0000000002 0000000001", Some(("", "0000000001"))),
        ];
        for (children, want) in cases {
            let children: Vec<String> = children.split_whitespace().map(str::to_string).collect();
            assert_eq!(leading(&children), want);
        }
    }
}
