//! Which master leads, as an address to send HTTP requests to.

use std::fmt;
use std::time::Duration;

use mesos_proto::mesos::MasterInfo;
use mesos_wire::pid::Upid;
use tokio::sync::watch;

use super::DriverError;

/// `host:port` of a master.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MasterAddress(String);

impl MasterAddress {
    /// From a text `host:port`.
    pub fn new(host_and_port: impl Into<String>) -> Self {
        Self(host_and_port.into())
    }

    /// From a master's own description: its `address`, else its process id.
    pub fn of(info: &MasterInfo) -> Option<Self> {
        if let Some(address) = info.address.as_ref() {
            let host = match (address.ip(), address.hostname()) {
                ("", host) => host,
                (ip, _) => ip,
            };
            if !host.is_empty() && address.port() > 0 {
                return Some(Self(format!("{host}:{}", address.port())));
            }
        }
        let pid: Upid = info.pid().parse().ok()?;
        Some(Self(pid.address.to_string()))
    }
}

impl fmt::Display for MasterAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Follows the leading master at `master`: `zk://…/path`, `host:port` or `file:///path`. Must be called
/// inside a tokio runtime. Ends when the receiver is dropped.
pub fn detect(
    master: &str,
    session_timeout: Duration,
) -> Result<watch::Receiver<Option<MasterAddress>>, DriverError> {
    let mut leaders = mesos_wire::zk::detect(master, session_timeout)
        .map_err(|_| DriverError::MasterAddress(master.to_string()))?;
    let (sender, receiver) = watch::channel(None);
    tokio::spawn(async move {
        loop {
            let leader = leaders
                .borrow_and_update()
                .as_ref()
                .and_then(MasterAddress::of);
            sender.send_if_modified(|current| {
                let changed = *current != leader;
                *current = leader;
                changed
            });
            tokio::select! {
                changed = leaders.changed() => if changed.is_err() { return },
                () = sender.closed() => return,
            }
        }
    });
    Ok(receiver)
}
