//! How many messages the drivers of each principal have sent. Calls over HTTP are not counted, as with the original.

use mesos_proto::mesos::FrameworkInfo;
use mesos_wire::pid::Upid;

use super::framework::Framework;
use super::master::Master;

/// The messages of a principal's drivers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    /// How many came.
    pub received: u64,
    /// How many were heard.
    pub processed: u64,
}

impl Master {
    /// Whether a driver that is subscribed is here, and its principal if it has one.
    pub fn driver_at(&self, pid: &Upid) -> Option<Option<&str>> {
        let id = self.frameworks_by_pid.get(pid)?;
        let framework = self.frameworks.get(id)?;
        Some(framework.info.principal.as_deref())
    }

    /// Begins to count for a framework's principal, unless that has begun before.
    pub(crate) fn begin_traffic(&mut self, info: &FrameworkInfo) {
        if let Some(principal) = &info.principal {
            self.traffic.entry(principal.clone()).or_default();
        }
    }

    /// A driver of this principal has sent something.
    pub fn message_received(&mut self, principal: &str) {
        if let Some(traffic) = self.traffic.get_mut(principal) {
            traffic.received += 1;
        }
    }

    /// What it sent was heard. It may have been the last of its principal.
    pub fn message_processed(&mut self, principal: &str) {
        if let Some(traffic) = self.traffic.get_mut(principal) {
            traffic.processed += 1;
        }
    }

    /// A framework has ended: with the last driver of a principal, what is counted of it is forgotten. The end of
    /// an HTTP framework changes nothing, as with the original.
    pub(crate) fn forget_traffic(&mut self, ended: &Framework) {
        let Some(principal) = ended.info.principal.as_ref().filter(|_| is_driver(ended)) else {
            return;
        };
        let mut drivers = self.frameworks.values().filter(|f| is_driver(f));
        if !drivers.any(|f| f.info.principal.as_ref() == Some(principal)) {
            self.traffic.remove(principal);
        }
    }
}

/// Whether a framework's last connection was a driver's.
fn is_driver(framework: &Framework) -> bool {
    framework.last_pid.is_some()
}
