//! What agents say became of operations, and who is told of it (protocol-flows §7).

use mesos_proto::mesos::{self, OperationState, OperationStatus, UUID};
use mesos_proto::messages::{
    AcknowledgeOperationStatusMessage, ReconcileOperationsMessage, UpdateOperationStatusMessage,
    reconcile_operations_message,
};
use mesos_proto::scheduler::{Event, call, event};
use protobuf::MessageField;

use super::agent::Agent;
use super::id::{AgentId, FrameworkId};
use super::master::Master;

/// Whether an operation in this state is at its end.
pub fn is_over(state: OperationState) -> bool {
    use OperationState::*;
    matches!(
        state,
        OPERATION_FINISHED
            | OPERATION_FAILED
            | OPERATION_ERROR
            | OPERATION_DROPPED
            | OPERATION_GONE_BY_OPERATOR
    )
}

impl Master {
    /// What an agent says became of an operation.
    pub fn operation_update(&mut self, message: &UpdateOperationStatusMessage) {
        self.counters.bump("messages_operation_status_update");
        let agent_id = AgentId::from(message.slave_id.get_or_default());
        let uuid = message.operation_uuid.value();
        let status = message.status.get_or_default();
        let Some(agent) = self.agents.get_mut(&agent_id) else {
            tracing::warn!("ignoring state of an operation on unknown agent {agent_id}");
            self.counters.bump_valid(false, "operation_status_updates");
            return;
        };
        let Some(operation) = agent.operations.get_mut(uuid) else {
            tracing::warn!("agent {agent_id} says the state of an operation that is not known");
            self.counters.bump_valid(false, "operation_status_updates");
            // Nobody will ever acknowledge it.
            if message.framework_id.is_none() || status.operation_id.is_none() {
                self.acknowledge_to_agent(&agent_id, status.uuid.as_ref(), uuid);
            }
            return;
        };
        let latest = message.latest_status.as_ref().unwrap_or(status);
        if !is_over(operation.latest_status.state()) {
            operation.latest_status = MessageField::some(latest.clone());
        }
        if operation.statuses.last() != Some(status) {
            operation.statuses.push(status.clone());
        }
        let wants_feedback = operation.info.id.is_some();
        let is_done = is_over(operation.latest_status.state());
        let kind = operation.info.type_();
        let framework = message.framework_id.as_ref().map(FrameworkId::from);
        tracing::info!("{kind:?} on agent {agent_id} is {:?}", status.state());
        self.counters.bump_valid(true, "operation_status_updates");
        if is_done {
            self.counters.operation_ended(kind, latest.state());
        }
        let is_heard = framework
            .as_ref()
            .is_some_and(|id| self.frameworks.contains_key(id) && !self.is_completed(id));
        if wants_feedback && is_heard {
            if let Some(framework) = &framework {
                self.tell_operation(framework, status.clone());
            }
            // Without a uuid there is nothing to acknowledge.
            if is_done && status.uuid.is_none() {
                self.forget_operation(&agent_id, uuid);
            }
            return;
        }
        self.acknowledge_to_agent(&agent_id, status.uuid.as_ref(), uuid);
        if is_done {
            self.forget_operation(&agent_id, uuid);
        }
    }

    fn acknowledge_to_agent(&mut self, agent: &AgentId, status: Option<&UUID>, operation: &[u8]) {
        let Some(status) = status else {
            return;
        };
        let message = AcknowledgeOperationStatusMessage {
            status_uuid: MessageField::some(status.clone()),
            operation_uuid: uuid_field(operation),
            ..Default::default()
        };
        self.send_to_agent(agent, message);
    }

    fn forget_operation(&mut self, agent: &AgentId, uuid: &[u8]) {
        if let Some(agent) = self.agents.get_mut(agent) {
            agent.operations.remove(uuid);
        }
    }

    pub(crate) fn tell_operation(&mut self, id: &FrameworkId, status: OperationStatus) {
        let mut event = Event::new();
        event.set_type(event::Type::UPDATE_OPERATION_STATUS);
        event.update_operation_status.mut_or_insert_default().status = MessageField::some(status);
        self.notify(id, event);
    }

    /// A framework has heard what became of an operation.
    pub(crate) fn acknowledge_operation(
        &mut self,
        id: &FrameworkId,
        call: &call::AcknowledgeOperationStatus,
    ) {
        self.counters
            .bump("messages_operation_status_update_acknowledgement");
        let agent_id = AgentId::from(call.slave_id.get_or_default());
        let found = self
            .agents
            .get(&agent_id)
            .filter(|agent| agent.connected)
            .and_then(|agent| agent.operation_of(id, &call.operation_id))
            .and_then(|operation| {
                let status = operation
                    .statuses
                    .iter()
                    .find(|status| status.uuid.value() == call.uuid())?;
                let uuid = operation.uuid.value().to_vec();
                Some((uuid, status.uuid.clone(), is_over(status.state())))
            });
        self.counters
            .bump_valid(found.is_some(), "operation_status_update_acknowledgements");
        let Some((uuid, status, is_done)) = found else {
            tracing::warn!(
                "framework {id} acknowledges a status of operation {} on agent {agent_id}, which is not known",
                call.operation_id.value()
            );
            return;
        };
        self.acknowledge_to_agent(&agent_id, status.as_ref(), &uuid);
        if is_done {
            self.forget_operation(&agent_id, &uuid);
        }
    }

    /// What is known of operations: of those named, or of all that want feedback.
    pub(crate) fn reconcile_operations(
        &mut self,
        id: &FrameworkId,
        call: &call::ReconcileOperations,
    ) {
        self.counters.bump("messages_reconcile_operations");
        let statuses: Vec<OperationStatus> = if call.operations.is_empty() {
            self.agents
                .values()
                .flat_map(|agent| agent.operations.values())
                .filter(|o| o.framework_id.value() == id.as_str() && o.info.id.is_some())
                .map(latest)
                .collect()
        } else {
            call.operations
                .iter()
                .map(|wanted| self.operation_status(id, wanted))
                .collect()
        };
        for status in statuses {
            self.tell_operation(id, status);
        }
    }

    fn operation_status(
        &self,
        id: &FrameworkId,
        wanted: &call::reconcile_operations::Operation,
    ) -> OperationStatus {
        let named = wanted.slave_id.as_ref().map(AgentId::from);
        let known = self
            .agents
            .values()
            .filter(|agent| named.as_ref().is_none_or(|named| agent.id == *named))
            .find_map(|agent| agent.operation_of(id, &wanted.operation_id));
        if let Some(operation) = known {
            return latest(operation);
        }
        let (state, text) = match &named {
            Some(agent) if self.recovered_agents.contains_key(agent) => (
                OperationState::OPERATION_RECOVERING,
                "Reconciliation: Agent is recovered but has not re-registered",
            ),
            Some(agent) if self.unreachable_agents.contains_key(agent) => (
                OperationState::OPERATION_UNREACHABLE,
                "Reconciliation: Agent is unreachable",
            ),
            Some(agent) if self.gone_agents.contains_key(agent) => (
                OperationState::OPERATION_GONE_BY_OPERATOR,
                "Reconciliation: Agent marked gone by operator",
            ),
            _ => (
                OperationState::OPERATION_UNKNOWN,
                "Reconciliation: Operation is unknown",
            ),
        };
        let mut status = OperationStatus::new();
        status.operation_id = wanted.operation_id.clone();
        status.slave_id = wanted.slave_id.clone();
        status.resource_provider_id = wanted.resource_provider_id.clone();
        status.set_state(state);
        status.set_message(text.to_string());
        status
    }

    /// An agent goes, and with it what was not said of its operations.
    pub(crate) fn lose_operations(&mut self, agent_id: &AgentId, state: OperationState, why: &str) {
        let Some(agent) = self.agents.get_mut(agent_id) else {
            return;
        };
        for operation in std::mem::take(&mut agent.operations).into_values() {
            let framework = FrameworkId::from(operation.framework_id.get_or_default());
            if operation.info.id.is_none() || is_over(operation.latest_status.state()) {
                continue;
            }
            let mut status = OperationStatus::new();
            status.operation_id = operation.info.id.clone();
            status.slave_id = agent_id.field();
            status.set_state(state);
            status.set_message(why.to_string());
            self.tell_operation(&framework, status);
        }
    }

    /// Brings together what agent and master know of the agent's operations: those that a former
    /// master began are adopted, and of those that never arrived the agent is asked.
    pub(crate) fn merge_operations(&mut self, agent_id: &AgentId, listed: Vec<mesos::Operation>) {
        let Some(agent) = self.agents.get_mut(agent_id) else {
            return;
        };
        let mut missing = ReconcileOperationsMessage::new();
        for operation in agent.operations.values() {
            if !listed
                .iter()
                .any(|o| o.uuid.value() == operation.uuid.value())
            {
                missing
                    .operations
                    .push(reconcile_operations_message::Operation {
                        operation_uuid: operation.uuid.clone(),
                        operation_id: operation.info.id.clone(),
                        ..Default::default()
                    });
            }
        }
        for operation in listed {
            let uuid = operation.uuid.value().to_vec();
            agent.operations.entry(uuid).or_insert(operation);
        }
        if !missing.operations.is_empty() {
            self.send_to_agent(agent_id, missing);
        }
    }
}

impl Agent {
    /// A framework's operation of this name.
    fn operation_of(
        &self,
        framework: &FrameworkId,
        id: &mesos::OperationID,
    ) -> Option<&mesos::Operation> {
        self.operations.values().find(|operation| {
            operation.framework_id.value() == framework.as_str()
                && operation.info.id.as_ref() == Some(id)
        })
    }
}

fn latest(operation: &mesos::Operation) -> OperationStatus {
    let status = operation
        .statuses
        .last()
        .unwrap_or_else(|| operation.latest_status.get_or_default());
    status.clone()
}

pub(crate) fn uuid_field(bytes: &[u8]) -> MessageField<UUID> {
    let mut uuid = UUID::new();
    uuid.set_value(bytes.to_vec());
    MessageField::some(uuid)
}
