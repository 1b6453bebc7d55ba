//! The description of a leader, as its znode holds it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Begins the names of znodes that describe a leader; others belong to the election.
pub(super) const MEMBER_PREFIX: &str = "member_";

/// An address.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Endpoint {
    /// Host name or IP address.
    pub host: String,
    /// TCP port.
    pub port: u16,
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// A member of a serverset. The order of the fields is that of the JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Member {
    /// Its main address.
    pub service_endpoint: Endpoint,
    /// Its addresses by name.
    pub additional_endpoints: std::collections::BTreeMap<String, Endpoint>,
    /// `ALIVE`, as far as we are concerned.
    pub status: String,
}

impl Member {
    /// A living scheduler at `endpoint`.
    pub fn alive(endpoint: &Endpoint, endpoint_name: &str) -> Self {
        Self {
            service_endpoint: endpoint.clone(),
            additional_endpoints: [(endpoint_name.to_string(), endpoint.clone())].into(),
            status: "ALIVE".to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_is_written_as_the_original_writes_it() {
        let endpoint = Endpoint {
            host: "aurora.local".to_string(),
            port: 8081,
        };
        let member = Member::alive(&endpoint, "http");
        let json = r#"{"serviceEndpoint":{"host":"aurora.local","port":8081},"additionalEndpoints":{"http":{"host":"aurora.local","port":8081}},"status":"ALIVE"}"#;
        assert_eq!(serde_json::to_string(&member).unwrap(), json);
        let with_more = json.replace("\"status\"", "\"shard\":3,\"status\"");
        assert_eq!(serde_json::from_str::<Member>(&with_more).unwrap(), member);
    }
}
