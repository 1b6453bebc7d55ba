//! What outlives a master: which agents were admitted, are unreachable, or are gone for good. Every
//! change is asked to be kept before anybody hears of it; the next leader begins with what was kept
//! (protocol-flows §2, §4).

use std::collections::BTreeMap;

use mesos_proto::mesos::SlaveInfo;

use super::effect::{Effect, Moment, Timer};
use super::id::AgentId;
use super::master::Master;

/// What is kept of one agent.
#[derive(Debug, Clone, PartialEq)]
pub enum Standing {
    /// It is registered, or was with the master before and is expected back.
    Admitted(Box<SlaveInfo>),
    /// It is unreachable since then.
    Unreachable(Moment),
    /// It will never be allowed back.
    Gone(Moment),
}

impl Master {
    /// Begins with what a former master has kept; to be called before [`Master::elect`].
    pub fn recover(
        &mut self,
        kept: impl IntoIterator<Item = (AgentId, Standing)>,
        deactivated: impl IntoIterator<Item = AgentId>,
    ) {
        self.has_registry = true;
        self.deactivated_agents.extend(deactivated);
        for (id, standing) in kept {
            match standing {
                Standing::Admitted(info) => {
                    self.recovered_agents.insert(id, *info);
                }
                Standing::Unreachable(since) => {
                    self.unreachable_agents.insert(id, since);
                }
                Standing::Gone(since) => {
                    self.gone_agents.insert(id, since);
                }
            }
        }
        if !self.recovered_agents.is_empty() {
            tracing::info!(
                "{} agents of a former master are expected back",
                self.recovered_agents.len()
            );
            self.timers.set(
                self.now
                    .saturating_add(self.config.agent_reregister_timeout),
                Timer::Recovery,
            );
        }
    }

    /// Asks for an agent's standing to be kept; `None` is for one that is forgotten.
    pub(crate) fn keep(&mut self, agent: &AgentId, standing: Option<Standing>) {
        self.effect(Effect::Keep {
            agent: agent.clone(),
            standing,
        });
    }

    /// Asks for what an agent says of itself to be kept.
    pub(crate) fn keep_admitted(&mut self, id: &AgentId) {
        if let Some(agent) = self.agents.get(id) {
            let info = Box::new(agent.info.clone());
            self.keep(id, Some(Standing::Admitted(info)));
        }
    }

    /// The time for agents of a former master to come back is over.
    pub(crate) fn recovery_is_over(&mut self) {
        let missing: BTreeMap<AgentId, SlaveInfo> = std::mem::take(&mut self.recovered_agents);
        for id in missing.keys() {
            tracing::warn!("agent {id} did not reregister after master failover");
            self.give_up(id);
        }
    }

    /// An agent that was admitted anew has the place of those that are expected back there: they will not come. The
    /// original waits for them all the same, and their tasks seem to run for `agent_reregister_timeout`.
    pub(crate) fn supersede_expected(&mut self, newcomer: &SlaveInfo) {
        let superseded: Vec<AgentId> = self
            .recovered_agents
            .iter()
            .filter(|(_, info)| {
                info.hostname() == newcomer.hostname() && info.port() == newcomer.port()
            })
            .map(|(id, _)| id.clone())
            .collect();
        for id in superseded {
            tracing::warn!("agent {id} is not expected back: a new agent registered in its place");
            self.recovered_agents.remove(&id);
            self.give_up(&id);
        }
    }

    /// An agent of a former master is not expected back any more.
    fn give_up(&mut self, id: &AgentId) {
        for name in [
            "recovery_slave_removals",
            "slave_unreachable_scheduled",
            "slave_unreachable_completed",
            "slave_removals",
            "slave_removals/reason_unhealthy",
        ] {
            self.counters.bump(name);
        }
        self.unreachable_agents.insert(id.clone(), self.now);
        self.keep(id, Some(Standing::Unreachable(self.now)));
        self.announce_loss(id);
    }
}
