//! Operations on resources: reservations and volumes that frameworks and operators make
//! (protocol-flows §7).

use mesos_proto::mesos::offer::{Operation, operation};
use mesos_proto::mesos::slave_info::capability::Type as Capability;
use mesos_proto::mesos::{self, OperationState, OperationStatus};
use mesos_proto::messages::{
    ApplyOperationMessage, CheckpointResourcesMessage, ResourceVersionUUID,
};
use mesos_wire::resources::operation::{
    conversions, in_format, resources_of, unallocated, upgraded,
};
use mesos_wire::resources::{Format, ResourceError, Resources, check_alone};
use protobuf::MessageField;

use super::agent::Agent;
use super::authorization::operation_denied;
use super::calls::CallError;
use super::id::{AgentId, FrameworkId, OfferId};
use super::master::Master;
use super::offer::allocation;
use super::operation_feedback::uuid_field;
use super::validate_operation::{Wish, check, check_part};

/// Puts an operation's resources into the form in which they are kept, allocated to `role` where a
/// framework left that out.
fn prepare(operation: &mut Operation, role: Option<&str>) -> Result<(), String> {
    for resource in resources_of(operation) {
        *resource = upgraded(resource).map_err(|error| error.to_string())?;
        let is_allocated = resource
            .allocation_info
            .as_ref()
            .is_some_and(|a| a.has_role());
        if let (Some(role), false) = (role, is_allocated) {
            resource.allocation_info = MessageField::some(allocation(role));
        }
    }
    Ok(())
}

fn is_resize(operation: &Operation) -> bool {
    matches!(
        operation.type_(),
        operation::Type::GROW_VOLUME | operation::Type::SHRINK_VOLUME
    )
}

impl Master {
    /// Does an operation of an ACCEPT on what is left of the offers. Says why not, if not.
    pub(crate) fn convert(
        &mut self,
        id: &FrameworkId,
        agent_id: &AgentId,
        role: &str,
        rest: &mut Resources,
        operation: &mut Operation,
    ) -> Result<(), String> {
        let (Some(framework), Some(agent)) = (self.frameworks.get(id), self.agents.get(agent_id))
        else {
            return Err("Agent removed".to_string());
        };
        check_part(operation)
            .and_then(|()| prepare(operation, Some(role)))
            .map_err(|text| format!("Operation attempted with invalid resources: {text}"))?;
        if operation.id.is_some() && !agent.can(Capability::AGENT_OPERATION_FEEDBACK) {
            return Err(format!(
                "Operation on agent default resources requested feedback, but agent {} does not have the required AGENT_OPERATION_FEEDBACK and RESOURCE_PROVIDER capabilities",
                agent.id
            ));
        }
        let wish = Wish {
            agent,
            framework: Some(framework),
            principal: framework.info.principal.as_deref(),
        };
        check(&wish, operation).map_err(|text| format!("{text}; on agent {agent}"))?;
        let rights = self.rights(framework.info.principal.as_deref());
        if let Some(text) = operation_denied(&rights, operation) {
            let principal = framework.info.principal();
            return Err(format!("Principal '{principal}' no authorized to {text}"));
        }
        let steps = conversions(operation).map_err(|error| error.to_string())?;
        let mut converted = rest.clone();
        let is_resize = is_resize(operation);
        converted.apply(&steps).map_err(|error| match is_resize {
            true => format!("Invalid {:?} operation: {error}", operation.type_()),
            false => error.to_string(),
        })?;
        if is_resize {
            // A volume of another size is offered anew; what follows cannot have it.
            for step in &steps {
                rest.subtract(&step.consumed);
            }
        } else {
            *rest = converted;
        }
        self.apply_operation(Some(id), agent_id, operation.clone());
        Ok(())
    }

    /// Does an operator's operation, taking offers back where their resources are needed.
    pub fn operate(
        &mut self,
        agent_id: &AgentId,
        mut operation: Operation,
        principal: Option<&str>,
    ) -> Result<(), CallError> {
        let Some(agent) = self.agents.get(agent_id) else {
            return Err(CallError::new(400, "No agent found with specified ID"));
        };
        let refuse = |error: ResourceError| CallError::new(400, error.to_string());
        if is_resize(&operation) {
            // An operator's two resources are looked at one by one, not as a list.
            let mut resources = resources_of(&mut operation).into_iter();
            resources
                .try_for_each(|resource| check_alone(resource))
                .map_err(refuse)?;
        }
        prepare(&mut operation, None).map_err(|text| CallError::new(400, text))?;
        let wish = Wish {
            agent,
            framework: None,
            principal,
        };
        let kind = operation.type_();
        check(&wish, &operation).map_err(|text| {
            // What is given back does not say where.
            let place = match kind {
                operation::Type::UNRESERVE | operation::Type::DESTROY => String::new(),
                _ => format!(" on agent {agent}"),
            };
            CallError::new(400, format!("Invalid {kind:?} operation{place}: {text}"))
        })?;
        if operation_denied(&self.rights(principal), &operation).is_some() {
            return Err(CallError::forbidden());
        }
        let steps = conversions(&operation).map_err(refuse)?;
        let mut needed = Resources::new();
        for step in &steps {
            needed.add(&step.consumed);
        }
        let needed = needed.unallocated();
        let offers = self.offers_to_take_back(agent, &needed)?;
        for offer in offers {
            self.rescind(&offer);
        }
        self.apply_operation(None, agent_id, operation);
        self.free(agent_id);
        Ok(())
    }

    /// The fewest offers, first come, without which an agent has the needed resources to spare.
    fn offers_to_take_back(
        &self,
        agent: &Agent,
        needed: &Resources,
    ) -> Result<Vec<OfferId>, CallError> {
        let mut spare = agent.available();
        let mut taken = Vec::new();
        for id in &agent.offers {
            if spare.contains(needed) {
                break;
            }
            let Some(offer) = self.offers.get(id) else {
                continue;
            };
            let offered = offer.resources.unallocated();
            let missing = needed.minus(&spare);
            if missing.minus(&offered) != missing {
                spare.add(&offered);
                taken.push(id.clone());
            }
        }
        if spare.contains(needed) {
            Ok(taken)
        } else {
            let text = format!("{spare} does not contain {needed}");
            Err(CallError::new(409, text))
        }
    }

    /// Counts an operation as done, and has the agent do it. It was found valid, and what it consumes
    /// is not in use.
    fn apply_operation(
        &mut self,
        framework: Option<&FrameworkId>,
        agent_id: &AgentId,
        operation: Operation,
    ) {
        let Some(agent) = self.agents.get_mut(agent_id) else {
            return;
        };
        tracing::info!(
            "applying {:?} of {} to agent {agent_id}",
            operation.type_(),
            framework.map_or("an operator".to_string(), |id| format!("framework {id}"))
        );
        let steps = conversions(&unallocated(&operation)).unwrap_or_default();
        if let Err(error) = agent.total.apply(&steps) {
            tracing::error!("agent {agent_id} has not the resources that it offered: {error}");
            return;
        }
        agent.checkpointed = agent.total.checkpointed().to_protos(Format::Post);
        let format = agent.format();
        if agent.can(Capability::RESOURCE_PROVIDER) {
            let message = agent.begin_operation(framework, operation.clone(), format);
            self.send_to_agent(agent_id, message);
        } else {
            let mut message = CheckpointResourcesMessage::new();
            message.resources = agent.total.checkpointed().to_protos(format);
            self.send_to_agent(agent_id, message);
        }
        if operation.type_() == operation::Type::DESTROY {
            self.rescind_volumes(agent_id, &unallocated(&operation).destroy.volumes);
        }
    }

    /// A shared volume may stand in several offers; when it is no more, they are void.
    fn rescind_volumes(&mut self, agent: &AgentId, volumes: &[mesos::Resource]) {
        let gone = Resources::from_protos(volumes).unwrap_or_default();
        let has_one = |id: &&OfferId| {
            self.offers.get(*id).is_some_and(|offer| {
                let offered = offer.resources.unallocated();
                gone.iter()
                    .any(|volume| offered.iter().any(|r| r == volume))
            })
        };
        let offers: Vec<OfferId> = self
            .agents
            .get(agent)
            .into_iter()
            .flat_map(|a| &a.offers)
            .filter(has_one)
            .cloned()
            .collect();
        for offer in offers {
            self.rescind(&offer);
        }
    }
}

impl Agent {
    /// Remembers an operation that the agent is to do, and says so to it.
    fn begin_operation(
        &mut self,
        framework: Option<&FrameworkId>,
        operation: Operation,
        format: Format,
    ) -> ApplyOperationMessage {
        let uuid = uuid::Uuid::new_v4().as_bytes().to_vec();
        let mut status = OperationStatus::new();
        status.operation_id = operation.id.clone();
        status.slave_id = self.id.field();
        status.set_state(OperationState::OPERATION_PENDING);
        let mut record = mesos::Operation::new();
        record.framework_id = framework.map(FrameworkId::proto).into();
        record.slave_id = self.id.field();
        record.info = MessageField::some(operation.clone());
        record.latest_status = MessageField::some(status);
        record.uuid = uuid_field(&uuid);
        self.operations.insert(uuid.clone(), record);
        let mut written = operation;
        for resource in resources_of(&mut written) {
            *resource = in_format(resource, format);
        }
        let version = ResourceVersionUUID {
            uuid: MessageField::some(self.resource_version.clone().unwrap_or_default()),
            ..Default::default()
        };
        ApplyOperationMessage {
            framework_id: framework.map(FrameworkId::proto).into(),
            operation_info: MessageField::some(written),
            operation_uuid: uuid_field(&uuid),
            resource_version_uuid: MessageField::some(version),
            ..Default::default()
        }
    }
}
