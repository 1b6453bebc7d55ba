//! Whether agents are there: pings, broken connections, and what becomes of an agent that is not
//! (protocol-flows §4).

use mesos_proto::mesos::task_status::Reason;
use mesos_proto::mesos::{OperationState, TaskState};
use mesos_proto::messages::PingSlaveMessage;
use mesos_wire::duration;
use mesos_wire::pid::Upid;

use super::effect::{Effect, Moment, Sender, Timer};
use super::id::{AgentId, ExecutorId, FrameworkId, TaskId};
use super::master::Master;
use super::registry::Standing;
use super::status::MasterStatus;
use super::watch::Happening;

/// Why an agent that does not answer is unreachable.
const UNHEALTHY: &str = "health check timed out";

/// Why an agent is removed for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Removal {
    /// It said so.
    Unregistered,
    /// Another one registered at its address.
    Replaced,
    /// Its machine is worked on.
    Down,
}

impl Master {
    /// Pings an agent now and from now on, unless that goes on already.
    pub(crate) fn begin_pings(&mut self, id: &AgentId) {
        let now = self.now;
        let timeout = self.config.ping_timeout;
        let Some(agent) = self.agents.get_mut(id) else {
            return;
        };
        agent.missed = 0;
        let goes_on = agent.pinged;
        agent.pinged = true;
        let observer = agent.observer;
        self.ping(id);
        if !goes_on {
            let timer = Timer::Ping {
                agent: id.clone(),
                observer,
            };
            self.timers.set(now.saturating_add(timeout), timer);
        }
    }

    fn ping(&mut self, id: &AgentId) {
        let Some(agent) = self.agents.get(id) else {
            return;
        };
        let mut message = PingSlaveMessage::new();
        message.set_connected(agent.connected);
        let effect = Effect::Send {
            from: Sender::Observer(agent.observer),
            to: agent.pid.clone(),
            message: Box::new(message),
        };
        self.effect(effect);
    }

    /// An agent's answer to its observer.
    pub fn pong(&mut self, observer: u64) {
        let agent = self
            .observers
            .get(&observer)
            .and_then(|id| self.agents.get_mut(id));
        if let Some(agent) = agent {
            agent.missed = 0;
            agent.answered = true;
        }
    }

    pub(crate) fn ping_is_over(&mut self, id: &AgentId, observer: u64) {
        let most = self.config.max_ping_timeouts;
        let timeout = self.config.ping_timeout;
        let Some(agent) = self.agents.get_mut(id).filter(|a| a.observer == observer) else {
            return;
        };
        if !std::mem::take(&mut agent.answered) {
            agent.missed += 1;
            tracing::warn!("agent {id} did not answer ping {} of {most}", agent.missed);
        }
        if agent.missed >= most && !std::mem::replace(&mut agent.is_doomed, true) {
            self.counters.bump("slave_unreachable_scheduled");
            let at = self.removal_turn();
            if at <= self.now {
                self.lose_agent(id, UNHEALTHY);
                return;
            }
            let timer = Timer::Removal {
                agent: id.clone(),
                observer,
            };
            self.timers.set(at, timer);
        }
        self.ping(id);
        let timer = Timer::Ping {
            agent: id.clone(),
            observer,
        };
        self.timers.set(self.now.saturating_add(timeout), timer);
    }

    /// When the next agent may be given up, which is then taken.
    pub(crate) fn removal_turn(&mut self) -> Moment {
        let Some(spacing) = self.config.removal_spacing else {
            return self.now;
        };
        let at = self.now.max(self.next_removal);
        self.next_removal = at.saturating_add(spacing);
        at
    }

    /// An agent that did not answer has its turn, unless it has answered since.
    pub(crate) fn removal_is_due(&mut self, id: &AgentId, observer: u64) {
        let most = self.config.max_ping_timeouts;
        let Some(agent) = self.agents.get_mut(id).filter(|a| a.observer == observer) else {
            return;
        };
        agent.is_doomed = false;
        if agent.missed >= most {
            self.lose_agent(id, UNHEALTHY);
        } else {
            tracing::info!("agent {id} answers again");
            self.counters.bump("slave_unreachable_canceled");
        }
    }

    /// The connection to a process broke.
    pub fn exited(&mut self, pid: &Upid) {
        self.forget_principals_at(pid);
        if let Some(id) = self.agents_by_pid.get(pid).cloned() {
            self.disconnect_agent(&id);
        }
        if let Some(id) = self.frameworks_by_pid.get(pid).cloned() {
            self.disconnect_framework(&id);
        }
    }

    fn disconnect_agent(&mut self, id: &AgentId) {
        let now = self.now;
        let Some(agent) = self.agents.get_mut(id).filter(|a| a.connected) else {
            return;
        };
        agent.connected = false;
        agent.epoch += 1;
        let epoch = agent.epoch;
        let host = agent.info.hostname().to_string();
        tracing::warn!("agent {id} at {} disconnected", agent.pid);
        let timer = Timer::Reregister {
            agent: id.clone(),
            epoch,
        };
        self.timers.set(
            now.saturating_add(self.config.agent_reregister_timeout),
            timer,
        );
        self.rescind_agent(id);
        // Without checkpoints nothing survives the agent, so nothing is to be waited for.
        for framework in self.frameworks_on(id) {
            if self
                .frameworks
                .get(&framework)
                .is_none_or(|f| !f.info.checkpoint())
            {
                let status = MasterStatus {
                    state: TaskState::TASK_LOST,
                    reason: Reason::REASON_SLAVE_DISCONNECTED,
                    message: format!("Agent {host} disconnected"),
                    unreachable: None,
                };
                self.end_tasks(&framework, id, &status);
                self.end_executors(&framework, id);
            }
        }
    }

    pub(crate) fn reregistration_is_over(&mut self, id: &AgentId, epoch: u64) {
        if self
            .agents
            .get(id)
            .is_some_and(|a| !a.connected && a.epoch == epoch)
        {
            let timeout = duration::format(self.config.agent_reregister_timeout);
            let why = format!("agent did not reregister within {timeout} after disconnecting");
            self.lose_agent(id, &why);
        }
    }

    /// Marks an agent unreachable: it may come back, but nothing waits for it.
    fn lose_agent(&mut self, id: &AgentId, why: &str) {
        tracing::warn!("agent {id} is unreachable: {why}");
        for name in [
            "slave_unreachable_completed",
            "slave_removals",
            "slave_removals/reason_unhealthy",
        ] {
            self.counters.bump(name);
        }
        for framework in self.frameworks_on(id) {
            let is_aware = self
                .frameworks
                .get(&framework)
                .is_some_and(|f| f.capabilities.partition_aware);
            let status = MasterStatus {
                state: if is_aware {
                    TaskState::TASK_UNREACHABLE
                } else {
                    TaskState::TASK_LOST
                },
                reason: Reason::REASON_SLAVE_REMOVED,
                message: why.to_string(),
                unreachable: Some(self.now),
            };
            self.end_tasks(&framework, id, &status);
            self.end_executors(&framework, id);
        }
        self.lose_operations(id, OperationState::OPERATION_UNREACHABLE, why);
        self.unreachable_agents.insert(id.clone(), self.now);
        self.keep(id, Some(Standing::Unreachable(self.now)));
        self.drop_agent(id);
    }

    /// Removes an agent that will not come back under its id.
    pub(crate) fn remove_agent(&mut self, id: &AgentId, removal: Removal) {
        let Some(agent) = self.agents.get(id) else {
            return;
        };
        let host = agent.info.hostname().to_string();
        let (why, counter) = match removal {
            Removal::Unregistered => (
                "the agent unregistered",
                Some("slave_removals/reason_unregistered"),
            ),
            Removal::Replaced => (
                "a new agent registered at the same address",
                Some("slave_removals/reason_registered"),
            ),
            Removal::Down => ("Operator initiated 'Machine DOWN'", None),
        };
        tracing::warn!("agent {id} ({host}) is removed: {why}");
        self.counters.bump("slave_removals");
        if let Some(counter) = counter {
            self.counters.bump(counter);
        }
        for framework in self.frameworks_on(id) {
            let status = MasterStatus {
                state: TaskState::TASK_LOST,
                reason: Reason::REASON_SLAVE_REMOVED,
                message: format!("Agent {host} removed: {why}"),
                unreachable: None,
            };
            self.end_tasks(&framework, id, &status);
            self.end_executors(&framework, id);
        }
        self.lose_operations(id, OperationState::OPERATION_GONE_BY_OPERATOR, why);
        self.set_deactivated(id, false);
        self.set_drain(id, None);
        self.keep(id, None);
        self.happened(|| Happening::AgentRemoved(id.clone()));
        self.drop_agent(id);
    }

    pub(crate) fn drop_agent(&mut self, id: &AgentId) {
        self.rescind_agent(id);
        self.rescind_inverse_of(id);
        if let Some(agent) = self.agents.remove(id) {
            self.agents_by_pid.remove(&agent.pid);
            self.observers.remove(&agent.observer);
        }
        self.freed.remove(id);
        self.allocator.forget_agent(id);
        self.announce_loss(id);
    }

    /// The frameworks that have tasks or executors on an agent.
    pub(crate) fn frameworks_on(&self, id: &AgentId) -> Vec<FrameworkId> {
        let agent = self.agents.get(id).into_iter();
        let mut frameworks: Vec<FrameworkId> = agent
            .flat_map(|a| a.tasks.keys().chain(a.executors.keys()))
            .cloned()
            .collect();
        frameworks.sort();
        frameworks.dedup();
        frameworks
    }

    /// Ends a framework's tasks on an agent; those that had not ended before are told of.
    pub(crate) fn end_tasks(
        &mut self,
        framework: &FrameworkId,
        id: &AgentId,
        status: &MasterStatus,
    ) {
        let tasks: Vec<TaskId> = self
            .agents
            .get(id)
            .and_then(|agent| agent.tasks.get(framework))
            .into_iter()
            .flat_map(|tasks| tasks.iter().cloned())
            .collect();
        for task in tasks {
            self.end_task(framework, id, &task, status);
        }
    }

    pub(crate) fn end_executors(&mut self, framework: &FrameworkId, id: &AgentId) {
        let executors: Vec<ExecutorId> = self
            .agents
            .get(id)
            .and_then(|agent| agent.executors.get(framework))
            .into_iter()
            .flat_map(|executors| executors.keys().cloned())
            .collect();
        for executor in executors {
            self.remove_executor(framework, id, &executor);
        }
    }

    /// Forgets agents that have been unreachable or gone for very long, or are very many.
    pub(crate) fn forget_old_agents(&mut self) {
        let (age, count) = (
            self.config.registry_max_agent_age,
            self.config.registry_max_agent_count,
        );
        let now = self.now;
        let mut forgotten = Vec::new();
        for agents in [&mut self.unreachable_agents, &mut self.gone_agents] {
            agents.retain(|id, lost| {
                let is_young = now.saturating_sub(*lost) <= age;
                if !is_young {
                    forgotten.push(id.clone());
                }
                is_young
            });
            while agents.len() > count {
                let oldest = agents
                    .iter()
                    .min_by_key(|(_, lost)| **lost)
                    .map(|(id, _)| id.clone());
                let Some(oldest) = oldest else { break };
                agents.remove(&oldest);
                forgotten.push(oldest);
            }
        }
        for id in forgotten {
            self.set_deactivated(&id, false);
            self.set_drain(&id, None);
            self.keep(&id, None);
        }
    }
}
