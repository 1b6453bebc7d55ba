//! Where a group is: `zk://user:password@host1:2181,host2:2181/path`.

use std::str::FromStr;

use thiserror::Error;

/// A place in a ZooKeeper.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url {
    /// `host:port` of each server, with commas between.
    pub servers: String,
    /// The path of the group's folder, never `/`.
    pub path: String,
    /// `user:password`, for digest authentication.
    pub auth: Option<String>,
}

/// Why a text is not such a place.
#[derive(Debug, Error, PartialEq, Eq)]
#[error(
    "`{text}` is not a ZooKeeper URL: {reason}; `zk://[user:password@]host1:port1,host2:port2/path` is expected"
)]
pub struct UrlError {
    /// The text.
    pub text: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl FromStr for Url {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        let wrong = |reason| UrlError {
            text: text.to_string(),
            reason,
        };
        let rest = text
            .trim()
            .strip_prefix("zk://")
            .ok_or(wrong("it does not begin with `zk://`"))?;
        let (authority, path) = rest.split_once('/').ok_or(wrong("it has no path"))?;
        let path = path.trim_end_matches('/');
        if path.is_empty() {
            return Err(wrong("the path must not be `/`"));
        }
        let (auth, servers) = match authority.rsplit_once('@') {
            Some((auth, servers)) => (Some(auth.to_string()), servers),
            None => (None, authority),
        };
        if auth.as_deref().is_some_and(|auth| !auth.contains(':')) {
            return Err(wrong("the credentials have no `:`"));
        }
        let has_port = |server: &str| {
            server
                .rsplit_once(':')
                .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
        };
        if !servers.split(',').all(has_port) {
            return Err(wrong("a server is not `host:port`"));
        }
        Ok(Self {
            servers: servers.to_string(),
            path: format!("/{path}"),
            auth,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_taken_apart() {
        let url: Url = "zk://u:p@a:2181,b:2182/mesos/x/".parse().unwrap();
        assert_eq!(
            (url.servers.as_str(), url.path.as_str(), url.auth.as_deref()),
            ("a:2181,b:2182", "/mesos/x", Some("u:p"))
        );
        let url: Url = "zk://zookeeper:2181/mesos".parse().unwrap();
        assert_eq!(
            (url.servers.as_str(), url.path.as_str(), url.auth),
            ("zookeeper:2181", "/mesos", None)
        );
        for bad in [
            "",
            "a:1/x",
            "zk://a:1",
            "zk://a:1/",
            "zk://a/x",
            "zk://u@a:1/x",
            "zk://a:1,/x",
            "zk://:1/x",
            "zk://a:99999/x",
        ] {
            assert!(bad.parse::<Url>().is_err(), "case `{bad}`");
        }
    }
}
