//! What operators decide about agents: that one gets no offers for a while, or is gone for good
//! (protocol-flows §4, v1-api §9).

use mesos_proto::mesos::task_status::Reason;
use mesos_proto::mesos::{DrainInfo, DrainState, OperationState, TaskState};
use mesos_proto::messages::ShutdownMessage;

use super::calls::CallError;
use super::effect::Effect;
use super::id::AgentId;
use super::master::Master;
use super::registry::Standing;
use super::status::MasterStatus;

/// What agents, frameworks and the log are told of an agent that is gone.
pub(crate) const GONE: &str = "Agent has been marked gone";

impl Master {
    /// Whether an agent may come back, or is here.
    pub(crate) fn is_known(&self, id: &AgentId) -> bool {
        self.agents.contains_key(id)
            || self.recovered_agents.contains_key(id)
            || self.unreachable_agents.contains_key(id)
    }

    /// No offers of an agent's resources until it is reactivated. What runs there goes on.
    pub fn deactivate_agent(&mut self, id: &AgentId) -> Result<(), CallError> {
        if !self.is_known(id) {
            return Err(CallError::new(400, "Unknown agent"));
        }
        if !self.deactivated_agents.contains(id) {
            tracing::info!("agent {id} is deactivated");
            self.set_deactivated(id, true);
            self.rescind_agent(id);
        }
        Ok(())
    }

    /// Offers of a deactivated agent's resources are made again.
    pub fn reactivate_agent(&mut self, id: &AgentId) -> Result<(), CallError> {
        // Nor is one that nobody knows.
        if !self.deactivated_agents.contains(id) {
            return Err(CallError::new(400, "Agent is not deactivated"));
        }
        let drain = self.draining.get(id).map(DrainInfo::state);
        if drain == Some(DrainState::DRAINING) {
            return Err(CallError::new(400, "Agent is still in the DRAINING state"));
        }
        tracing::info!("agent {id} is reactivated");
        self.set_drain(id, None);
        self.set_deactivated(id, false);
        self.allocate(id);
        Ok(())
    }

    pub(crate) fn set_deactivated(&mut self, id: &AgentId, deactivated: bool) {
        let changes = if deactivated {
            self.deactivated_agents.insert(id.clone())
        } else {
            self.deactivated_agents.remove(id)
        };
        if !changes {
            return;
        }
        if let Some(agent) = self.agents.get_mut(id) {
            agent.deactivated = deactivated;
        }
        self.effect(Effect::KeepDeactivated {
            agent: id.clone(),
            deactivated,
        });
    }

    /// An agent will never come back: it is told to exit, and its tasks are over.
    pub fn mark_agent_gone(&mut self, id: &AgentId) -> Result<(), CallError> {
        if self.gone_agents.contains_key(id) {
            return Ok(());
        }
        if !self.is_known(id) {
            return Err(CallError::new(404, format!("Agent '{id}' not found")));
        }
        tracing::warn!("agent {id} is marked gone");
        self.recovered_agents.remove(id);
        self.unreachable_agents.remove(id);
        self.gone_agents.insert(id.clone(), self.now);
        self.set_deactivated(id, false);
        self.set_drain(id, None);
        self.keep(id, Some(Standing::Gone(self.now)));
        if !self.agents.contains_key(id) {
            return Ok(());
        }
        let mut shutdown = ShutdownMessage::new();
        shutdown.set_message(GONE.to_string());
        self.send_to_agent(id, shutdown);
        for framework in self.frameworks_on(id) {
            let is_aware = self
                .frameworks
                .get(&framework)
                .is_some_and(|f| f.capabilities.partition_aware);
            let (state, reason) = if is_aware {
                (
                    TaskState::TASK_GONE_BY_OPERATOR,
                    Reason::REASON_SLAVE_REMOVED_BY_OPERATOR,
                )
            } else {
                (TaskState::TASK_LOST, Reason::REASON_SLAVE_REMOVED)
            };
            let status = MasterStatus {
                state,
                reason,
                message: GONE.to_string(),
                unreachable: None,
            };
            self.end_tasks(&framework, id, &status);
            self.end_executors(&framework, id);
        }
        self.lose_operations(id, OperationState::OPERATION_GONE_BY_OPERATOR, GONE);
        self.drop_agent(id);
        Ok(())
    }
}
