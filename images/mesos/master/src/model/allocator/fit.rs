//! What of an agent may be offered to a framework, before anybody asks whose turn it is.

use mesos_wire::resources::{Resources, reservation_role};

use crate::model::agent::Agent;
use crate::model::config::{Config, Quantities};
use crate::model::framework::Framework;
use crate::model::policy::is_within;

/// What of an agent's resources a framework may have in a role: what is nobody's, and what is
/// reserved to the role or to one above it, without what the framework does not know.
pub(super) fn fitting(available: &Resources, framework: &Framework, role: &str) -> Resources {
    let capabilities = framework.capabilities;
    available.filter(|resource| {
        reservation_role(resource).is_none_or(|owner| is_within(role, owner))
            && (capabilities.revocable_resources || resource.revocable.is_none())
            && (capabilities.shared_resources || resource.shared.is_none())
            && (capabilities.reservation_refinement || resource.reservations.len() < 2)
    })
}

/// Whether an offer is large enough to be made.
pub(super) fn is_worth(
    offer: &Resources,
    framework: &Framework,
    role: &str,
    config: &Config,
) -> bool {
    if offer.is_empty() {
        return false;
    }
    let reaches = |wanted: &Quantities| {
        wanted
            .iter()
            .all(|(name, amount)| offer.scalar(name) + 1e-9 >= *amount)
    };
    let own = framework.info.offer_filters.get(role);
    match own.and_then(|filters| filters.min_allocatable_resources.as_ref()) {
        Some(own) => {
            own.quantities.is_empty()
                || own.quantities.iter().any(|set| {
                    set.quantities
                        .iter()
                        .all(|(name, q)| offer.scalar(name) + 1e-9 >= q.value())
                })
        }
        None => config.min_allocatable.is_empty() || config.min_allocatable.iter().any(reaches),
    }
}

/// Whether a framework takes offers of an agent at all.
pub(super) fn is_for(agent: &Agent, framework: &Framework, role: &str, config: &Config) -> bool {
    let is_kept_for_gpus = config.filter_gpu_resources
        && !framework.capabilities.gpu_resources
        && agent.total.scalar("gpus") > 0.0;
    // An agent that names its region stands apart from a master that names none.
    let is_elsewhere = agent.info.domain.is_some() && !framework.capabilities.region_aware;
    !is_kept_for_gpus && !is_elsewhere && framework.wishes.admit(role, &agent.info)
}
