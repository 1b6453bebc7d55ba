//! What operators have decided and the next leader must know, piece by piece.

use mesos_proto::maintenance::Schedule;
use mesos_proto::mesos::{DrainInfo, MachineInfo};
use mesos_proto::quota::QuotaConfig;

use super::effect::Effect;
use super::id::AgentId;
use super::master::Master;
use super::policy::Quota;

/// One piece. Where it holds nothing it is to be forgotten.
#[derive(Debug, Clone, PartialEq)]
pub enum Record {
    /// A role's weight.
    Weight(String, f64),
    /// A role's quota.
    Quota(String, Option<QuotaConfig>),
    /// When machines are to be worked on.
    Schedule(Option<Schedule>),
    /// The machines of the schedule, each with its mode. They are few, and change together.
    Machines(Vec<MachineInfo>),
    /// An agent that is drained, or is to be.
    Drain(AgentId, Option<DrainInfo>),
}

impl Master {
    /// Asks for something to be kept for the next leader.
    pub(crate) fn record(&mut self, record: Record) {
        self.effect(Effect::Record(record));
    }

    /// Takes over what a former master has kept; to be called before [`Master::elect`].
    pub fn recall(&mut self, records: impl IntoIterator<Item = Record>) {
        for record in records {
            match record {
                Record::Weight(role, weight) => {
                    self.policy.weights.insert(role, weight);
                }
                Record::Quota(role, Some(config)) => {
                    self.policy.quotas.insert(role, Quota::new(&config));
                }
                Record::Schedule(Some(schedule)) => self.maintenance.schedule = Some(schedule),
                Record::Machines(machines) => self.maintenance.set_machines(machines),
                Record::Drain(agent, Some(info)) => {
                    self.draining.insert(agent, info);
                }
                Record::Quota(_, None) | Record::Schedule(None) | Record::Drain(_, None) => {}
            }
        }
    }
}
