//! Resources that are lent for as long as nobody else needs them (oversubscription): the master is told of
//! all of them, and offers them as revocable (protocol-flows.md, section 6; messages.md, section 1.1).

use std::time::Duration;

use mesos_proto::messages::UpdateSlaveMessage;
use mesos_wire::resources::{Format, Resources};

use super::ids::slave_id;
use super::{Model, Now, State};

/// What the fixed resource estimator says, and how often it is asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Oversubscription {
    /// All that may be lent; each resource is revocable.
    pub resources: Resources,
    /// `--oversubscribed_resources_interval`.
    pub interval: Duration,
}

/// The latest estimate, and when the next is made.
#[derive(Debug, Default)]
pub(super) struct Estimate {
    total: Option<Resources>,
    next_at: Option<Duration>,
}

impl Estimate {
    pub(super) fn next_deadline(&self) -> Option<Duration> {
        self.next_at
    }

    /// Adds it to what the master is told; whether there is one.
    pub(super) fn tell(&self, message: &mut UpdateSlaveMessage) -> bool {
        message.set_update_oversubscribed_resources(self.total.is_some());
        if let Some(total) = &self.total {
            message.oversubscribed_resources = total.to_protos(Format::Post);
        }
        self.total.is_some()
    }
}

impl Model {
    /// What is lent or may be, by the latest estimate; nothing where none is made.
    pub fn oversubscribed(&self) -> Resources {
        self.estimate.total.clone().unwrap_or_default()
    }

    /// The first estimate, as soon as the executors of a former life are known.
    pub(super) fn begin_estimates(&mut self, now: Now) {
        self.estimate.next_at = self.config.oversubscription.as_ref().map(|_| now.at);
        self.tick_estimate(now);
    }

    /// Asks the estimator, if it is time, and tells the master what has changed.
    pub(super) fn tick_estimate(&mut self, now: Now) {
        let Some(settings) = &self.config.oversubscription else {
            return;
        };
        if self.estimate.next_at.is_none_or(|at| at > now.at) {
            return;
        }
        self.estimate.next_at = Some(now.at + settings.interval.max(Duration::from_millis(1)));
        let mut total = Resources::new();
        for (_, executor) in self.executors() {
            let lent = executor.allocated().filter(|r| r.revocable.is_some());
            total.add(&lent.unallocated());
        }
        // What a former life has lent is lent until it comes back, even if this one lends less.
        let free = settings.resources.minus(&total);
        total.add(&free);
        if self.estimate.total.as_ref() == Some(&total) {
            return;
        }
        self.estimate.total = Some(total);
        if self.state == State::Running {
            let mut message = UpdateSlaveMessage::new();
            message.slave_id = slave_id(self.id.as_deref().unwrap_or_default());
            self.estimate.tell(&mut message);
            self.send_to_master(message);
        }
    }
}
