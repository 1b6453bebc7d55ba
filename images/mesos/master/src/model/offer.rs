//! One offer: what a framework may use on one agent until it answers.

use mesos_proto::mesos::{self, Resource, resource};
use mesos_wire::resources::{Format, Resources};
use protobuf::MessageField;

use super::agent::Agent;
use super::framework::Framework;
use super::id::{AgentId, FrameworkId, OfferId};

/// An offer that has not been answered.
#[derive(Debug, Clone)]
pub struct Offer {
    /// Its name.
    pub id: OfferId,
    /// Whose it is.
    pub framework: FrameworkId,
    /// Where the resources are.
    pub agent: AgentId,
    /// The role they are allocated to.
    pub role: String,
    /// The resources, allocated to the role.
    pub resources: Resources,
}

impl Offer {
    /// The offer as its framework reads it: whoever does not know several roles sees no allocations,
    /// whoever does not know refined reservations sees roles (messages.md, "Resource formats").
    pub fn proto(&self, agent: &Agent, framework: &Framework) -> mesos::Offer {
        let mut proto = mesos::Offer::new();
        proto.id = self.id.field();
        proto.framework_id = self.framework.field();
        proto.slave_id = self.agent.field();
        proto.set_hostname(agent.info.hostname().to_string());
        proto.url = MessageField::some(agent.url());
        proto.domain = agent.info.domain.clone();
        proto.attributes = agent.info.attributes.clone();
        proto.executor_ids = agent
            .executors
            .get(&self.framework)
            .into_iter()
            .flat_map(|executors| executors.keys().map(|id| id.proto()))
            .collect();
        proto.unavailability = agent.unavailability.clone().into();
        let capabilities = framework.capabilities;
        let format = if capabilities.reservation_refinement {
            Format::Post
        } else {
            Format::Pre
        };
        if capabilities.multi_role {
            proto.resources = self.resources.to_protos(format);
            proto.allocation_info = MessageField::some(allocation(&self.role));
        } else {
            proto.resources = self.resources.unallocated().to_protos(format);
        }
        proto
    }
}

/// The allocation to one role.
pub(crate) fn allocation(role: &str) -> resource::AllocationInfo {
    let mut allocation = resource::AllocationInfo::new();
    allocation.set_role(role.to_string());
    allocation
}

/// Fills in the allocation where a framework, which may not know of allocations, left it out.
pub(crate) fn fill_allocation(resources: &mut [Resource], role: &str) {
    for resource in resources {
        if !resource
            .allocation_info
            .as_ref()
            .is_some_and(|a| a.has_role())
        {
            resource.allocation_info = MessageField::some(allocation(role));
        }
    }
}

/// Puts resources into the form in which they are kept; invalid ones stay, for validation to refuse.
pub(crate) fn normalize(resources: &mut Vec<Resource>) {
    if let Ok(bag) = Resources::from_protos(resources.iter()) {
        *resources = bag.to_protos(Format::Post);
    }
}
