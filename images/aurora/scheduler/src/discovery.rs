//! Which scheduler leads: election and announcement in ZooKeeper, in one folder, as Apache Curator
//! and the serversets lay them out (api.md, section 3).

mod election;
mod member;
mod watch;

use std::time::Duration;

use mesos_wire::zk::Url;

pub use election::{Leadership, elect};
pub use member::{Endpoint, Member};
pub use watch::{Group, follow};

/// Where and as whom a scheduler stands for election.
#[derive(Debug, Clone)]
pub struct Place {
    /// ZooKeeper, and the folder.
    pub url: Url,
    /// How long ZooKeeper waits for a silent scheduler.
    pub session_timeout: Duration,
    /// Our own HTTP address, which is also our name in the election.
    pub endpoint: Endpoint,
    /// `-serverset_endpoint_name`
    pub endpoint_name: String,
}
