//! What outlives a master: which agents were admitted, are unreachable, or are gone for good. Every
//! change is asked to be kept before anybody hears of it; the next leader begins with what was kept
//! (protocol-flows §2, §4).

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
        self.expected_agents = self.recovered_agents.len();
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
        self.await_agents();
    }

    /// Where there are quotas, nothing is allocated before most agents of the former master are back, or have
    /// had time enough: what few agents have would go to roles that are promised more, and what others have
    /// there would seem to be missing.
    fn await_agents(&mut self) {
        // Whole agents, as the original counts them.
        let awaited = (self.expected_agents as f64 * self.config.recovery_factor).floor() as usize;
        if self.policy.quotas.is_empty() || awaited == 0 {
            return;
        }
        tracing::info!(
            "allocating nothing until {awaited} agents are back, or {} have passed",
            mesos_wire::duration::format(self.config.recovery_timeout)
        );
        self.awaited_agents = awaited;
        self.timers.set(
            self.now.saturating_add(self.config.recovery_timeout),
            Timer::Allocate,
        );
    }

    /// Whether allocations wait for agents of a former master.
    pub(crate) fn awaits_agents(&mut self) -> bool {
        if self.agents.len() >= self.awaited_agents {
            self.awaited_agents = 0;
        }
        self.awaited_agents > 0
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
        let missing: Vec<AgentId> = self.recovered_agents.keys().cloned().collect();
        let part = missing.len() as f64 / self.expected_agents.max(1) as f64;
        let limit = self.config.recovery_removal_limit;
        if part > limit {
            let timeout = mesos_wire::duration::format(self.config.agent_reregister_timeout);
            self.effect(Effect::Abort(format!(
                "Post-recovery agent removal limit exceeded! After {timeout} there were {} ({:.2}%) agents recovered from the registry that did not reregister. The configured removal limit is {:.2}%. Please investigate or increase this limit to proceed further",
                missing.len(),
                part * 100.0,
                limit * 100.0
            )));
            return;
        }
        for id in missing {
            self.counters.bump("slave_unreachable_scheduled");
            let at = self.removal_turn();
            if at <= self.now {
                self.give_up_unless_back(&id);
            } else {
                self.timers.set(at, Timer::GiveUp(id));
            }
        }
    }

    /// An agent of a former master has not come back in its time.
    pub(crate) fn give_up_unless_back(&mut self, id: &AgentId) {
        if self.recovered_agents.remove(id).is_none() {
            self.counters.bump("slave_unreachable_canceled");
            return;
        }
        tracing::warn!("agent {id} did not reregister after master failover");
        self.give_up(id);
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
            self.counters.bump("slave_unreachable_scheduled");
            self.give_up(&id);
        }
    }

    /// An agent of a former master is not expected back any more.
    fn give_up(&mut self, id: &AgentId) {
        for name in [
            "recovery_slave_removals",
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
