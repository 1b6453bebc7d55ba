//! Which operations may be done, in Mesos' words where they may not (protocol-flows §7). Resources must
//! be in the normal form.

use mesos_proto::mesos::offer::Operation;
use mesos_proto::mesos::offer::operation::{self, GrowVolume, Reserve, ShrinkVolume};
use mesos_proto::mesos::slave_info::capability::Type as Capability;
use mesos_proto::mesos::{Resource, resource};
use mesos_wire::resources::operation::{
    is_dynamically_reserved, is_persistent_volume, without_persistence,
};
use mesos_wire::resources::{Resources, reservation_role, thousandths};

use super::agent::Agent;
use super::framework::Framework;
use super::validate_resources::{
    check as check_resources, check_one_provider, check_one_role, check_unique_volumes,
    check_volumes, shown,
};

/// Who wants an operation done, and where.
pub(crate) struct Wish<'a> {
    pub(crate) agent: &'a Agent,
    /// None for an operator.
    pub(crate) framework: Option<&'a Framework>,
    /// Who the caller is known to be; nobody's principal is checked against nothing.
    pub(crate) principal: Option<&'a str>,
}

/// Whether the part that an operation's type names is there.
pub(crate) fn check_part(operation: &Operation) -> Result<(), String> {
    let (is_there, article, end) = match operation.type_() {
        operation::Type::RESERVE => (operation.reserve.is_some(), "A", "."),
        operation::Type::UNRESERVE => (operation.unreserve.is_some(), "An", "."),
        operation::Type::CREATE => (operation.create.is_some(), "A", "."),
        operation::Type::DESTROY => (operation.destroy.is_some(), "A", "."),
        operation::Type::GROW_VOLUME => (operation.grow_volume.is_some(), "A", ""),
        operation::Type::SHRINK_VOLUME => (operation.shrink_volume.is_some(), "A", ""),
        operation::Type::LAUNCH => (operation.launch.is_some(), "A", "."),
        operation::Type::LAUNCH_GROUP => (operation.launch_group.is_some(), "A", "."),
        operation::Type::CREATE_DISK => (operation.create_disk.is_some(), "A", "."),
        operation::Type::DESTROY_DISK => (operation.destroy_disk.is_some(), "A", "."),
        operation::Type::UNKNOWN => return Err("Unknown offer operation".to_string()),
    };
    if is_there {
        return Ok(());
    }
    let name = format!("{:?}", operation.type_());
    // Mesos leaves a word out for this one.
    let offer = match operation.type_() {
        operation::Type::GROW_VOLUME => "",
        _ => "offer ",
    };
    Err(format!(
        "{article} {name} {offer}operation must have the Offer.Operation.{} field set{end}",
        name.to_ascii_lowercase()
    ))
}

/// Why an operation may not be done, if so.
pub(crate) fn check(wish: &Wish<'_>, operation: &Operation) -> Result<(), String> {
    match operation.type_() {
        operation::Type::RESERVE => check_reserve(wish, operation.reserve.get_or_default()),
        operation::Type::UNRESERVE => check_unreserve(&operation.unreserve.resources),
        operation::Type::CREATE => check_create(wish, &operation.create.volumes),
        operation::Type::DESTROY => check_destroy(wish, &operation.destroy.volumes),
        operation::Type::GROW_VOLUME => check_grow(wish, operation.grow_volume.get_or_default()),
        operation::Type::SHRINK_VOLUME => {
            check_shrink(wish, operation.shrink_volume.get_or_default())
        }
        operation::Type::CREATE_DISK => check_disk(&operation.create_disk.source),
        operation::Type::DESTROY_DISK => check_disk(&operation.destroy_disk.source),
        operation::Type::UNKNOWN => Err("Unknown operation".to_string()),
        kind @ (operation::Type::LAUNCH | operation::Type::LAUNCH_GROUP) => {
            Err(format!("{kind:?} is no operation on resources"))
        }
    }
}

/// What holds for all lists of resources.
fn check_list(resources: &[Resource]) -> Result<(), String> {
    let invalid = |text: String| format!("Invalid resources: {text}");
    check_resources(resources).map_err(invalid)?;
    check_one_provider(resources).map_err(invalid)
}

fn check_reserve(wish: &Wish<'_>, reserve: &Reserve) -> Result<(), String> {
    check_list(&reserve.resources)?;
    for resource in &reserve.resources {
        if !is_dynamically_reserved(resource) {
            return Err(not_reserved(resource));
        }
        check_place(wish.agent, resource, "Resource", "reserved")?;
        check_reserving_principal(wish.principal, resource)?;
        match wish.framework {
            Some(framework) => check_reserving_role(framework, resource)?,
            None if resource.allocation_info.is_some() => {
                return Err(
                    "A reserve operation was attempted with an allocated resource, but the operator API only allows reservations to be made to unallocated resources"
                        .to_string(),
                );
            }
            None => {}
        }
    }
    if wish.framework.is_some() {
        check_one_role(&reserve.resources)
            .map_err(|text| format!("Invalid reservation resources: {text}"))?;
    }
    check_source(reserve)
}

/// What is reserved out of another reservation must be the same but for its reservations.
fn check_source(reserve: &Reserve) -> Result<(), String> {
    if reserve.source.is_empty() {
        return Ok(());
    }
    check_resources(&reserve.source).map_err(|text| format!("Invalid source resources: {text}"))?;
    let plain = |resources: &[Resource]| {
        let free = resources.iter().cloned().map(|mut resource| {
            resource.reservations.clear();
            resource
        });
        Resources::from_protos(&free.collect::<Vec<_>>()).unwrap_or_default()
    };
    let (from, to) = (plain(&reserve.source), plain(&reserve.resources));
    if from.contains(&to) && to.contains(&from) {
        return Ok(());
    }
    Err(format!(
        "Source and target resources should refer to identical resource quantities: {from} vs. {to}"
    ))
}

fn check_reserving_principal(principal: Option<&str>, resource: &Resource) -> Result<(), String> {
    let (Some(principal), Some(reservation)) = (principal, resource.reservations.last()) else {
        return Ok(());
    };
    if !reservation.has_principal() {
        return Err(format!(
            "A reserve operation was attempted by principal '{principal}', but there is a reserved resource in the request with no principal set"
        ));
    }
    if reservation.principal() != principal {
        return Err(format!(
            "A reserve operation was attempted by authenticated principal '{principal}', which does not match a reserved resource in the request with principal '{}'",
            reservation.principal()
        ));
    }
    Ok(())
}

fn check_reserving_role(framework: &Framework, resource: &Resource) -> Result<(), String> {
    let reserved = reservation_role(resource).unwrap_or_default();
    let Some(allocated) = resource.allocation_info.as_ref().filter(|a| a.has_role()) else {
        return Err(format!(
            "A reserve operation was attempted on unallocated resource {}, but frameworks can only perform reservations on allocated resources",
            shown(resource)
        ));
    };
    if allocated.role() != reserved {
        return Err(format!(
            "A reserve operation was attempted for a resource with role '{reserved}', but the resource was allocated to role '{}'",
            allocated.role()
        ));
    }
    if !framework.roles.contains(allocated.role()) {
        let roles: Vec<&str> = framework.roles.iter().map(String::as_str).collect();
        return Err(format!(
            "A reserve operation was attempted for a resource allocated to role '{}', but the framework only has roles '{{ {} }}'",
            allocated.role(),
            roles.join(", ")
        ));
    }
    Ok(())
}

/// Whether the agent knows reservations like this one.
fn check_place(agent: &Agent, resource: &Resource, what: &str, done: &str) -> Result<(), String> {
    let role = reservation_role(resource).unwrap_or_default();
    if !agent.can(Capability::HIERARCHICAL_ROLE) && role.contains('/') {
        return Err(format!(
            "{what} {} with reservation for hierarchical role '{role}' cannot be {done} on an agent without HIERARCHICAL_ROLE capability",
            shown(resource)
        ));
    }
    if !agent.can(Capability::RESERVATION_REFINEMENT) && resource.reservations.len() > 1 {
        return Err(format!(
            "{what} {} with reservation refinement cannot be {done} on an agent without RESERVATION_REFINEMENT capability",
            shown(resource)
        ));
    }
    Ok(())
}

fn not_reserved(resource: &Resource) -> String {
    format!("Resource {} is not dynamically reserved", shown(resource))
}

fn check_unreserve(resources: &[Resource]) -> Result<(), String> {
    check_list(resources)?;
    for resource in resources {
        if !is_dynamically_reserved(resource) {
            return Err(not_reserved(resource));
        }
        if is_persistent_volume(resource) {
            return Err(format!(
                "A dynamically reserved persistent volume {} cannot be unreserved directly. Please destroy the persistent volume first then unreserve the resource",
                shown(resource)
            ));
        }
    }
    Ok(())
}

fn check_create(wish: &Wish<'_>, volumes: &[Resource]) -> Result<(), String> {
    check_list(volumes)?;
    check_volumes(volumes).map_err(|text| format!("Not a persistent volume: {text}"))?;
    check_unique_volumes(wish.agent.checkpointed.iter().chain(volumes))?;
    for volume in volumes {
        if let Some(framework) = wish.framework
            && volume.shared.is_some()
            && !framework.capabilities.shared_resources
        {
            return Err(format!(
                "Create volume operation for '{}' has been attempted by framework '{}' with no SHARED_RESOURCES capability",
                shown(volume),
                framework.id
            ));
        }
        check_place(wish.agent, volume, "Volume", "created")?;
        let Some(principal) = wish.principal else {
            continue;
        };
        let persistence = volume.disk.persistence.get_or_default();
        if !persistence.has_principal() {
            return Err(format!(
                "Create volume operation attempted by principal '{principal}', but there is a volume in the operation with no principal set in 'disk.persistence'"
            ));
        }
        if persistence.principal() != principal {
            return Err(format!(
                "Create volume operation attempted by authenticated principal '{principal}', which does not match a volume in the operation with principal '{}' set in 'disk.persistence'",
                persistence.principal()
            ));
        }
    }
    if wish.framework.is_some() {
        check_one_role(volumes).map_err(|text| format!("Invalid volume resources: {text}"))?;
    }
    Ok(())
}

fn check_destroy(wish: &Wish<'_>, volumes: &[Resource]) -> Result<(), String> {
    // Whose they are is nothing to the agent.
    let volumes: Vec<Resource> = volumes
        .iter()
        .cloned()
        .map(|mut volume| {
            volume.allocation_info.clear();
            volume
        })
        .collect();
    check_list(&volumes)?;
    check_volumes(&volumes).map_err(|text| format!("Not a persistent volume: {text}"))?;
    let kept = Resources::from_protos(&wish.agent.checkpointed).unwrap_or_default();
    let each = |volume: &Resource| {
        Resources::from_protos([volume])
            .unwrap_or_default()
            .unallocated()
    };
    if !volumes.iter().all(|volume| kept.contains(&each(volume))) {
        return Err("Persistent volumes not found".to_string());
    }
    // One that is not shared cannot be offered while it is used.
    for used in wish.agent.used.values().map(Resources::unallocated) {
        if volumes.iter().any(|volume| used.contains(&each(volume))) {
            return Err("Persistent volumes in use".to_string());
        }
    }
    Ok(())
}

fn check_grow(wish: &Wish<'_>, grow: &GrowVolume) -> Result<(), String> {
    let (volume, addition) = (grow.volume.get_or_default(), grow.addition.get_or_default());
    for (resource, field) in [(volume, "volume"), (addition, "addition")] {
        Resources::from_protos([resource])
            .map_err(|e| format!("Invalid resource in the 'GrowVolume.{field}' field: {e}"))?;
    }
    if thousandths(addition.scalar.value()) <= 0 {
        return Err(
            "The size of 'GrowVolume.addition' field must be greater than zero".to_string(),
        );
    }
    if volume.provider_id.is_some() {
        return Err("Growing a volume from a resource provider is not supported".to_string());
    }
    let volumes = std::slice::from_ref(volume);
    check_volumes(volumes).map_err(|text| {
        format!("Invalid persistent volume in the 'GrowVolume.volume' field: {text}")
    })?;
    if volume.shared.is_some() {
        return Err("Growing a shared persistent volume is not supported".to_string());
    }
    let alike = Resources::from_protos([&without_persistence(volume), addition]);
    if alike.map_or(0, |bag| bag.iter().count()) != 1 {
        return Err(
            "Incompatible resources in the 'GrowVolume.volume' and 'GrowVolume.addition' fields"
                .to_string(),
        );
    }
    check_resizes(wish.agent, volume, "grown")
}

fn check_shrink(wish: &Wish<'_>, shrink: &ShrinkVolume) -> Result<(), String> {
    let volume = shrink.volume.get_or_default();
    Resources::from_protos([volume])
        .map_err(|e| format!("Invalid resource in the 'ShrinkVolume.volume' field: {e}"))?;
    let less = thousandths(shrink.subtract.value());
    if less <= 0 {
        return Err("Value of 'ShrinkVolume.subtract' must be greater than zero".to_string());
    }
    if thousandths(volume.scalar.value()) <= less {
        return Err(
            "Value of 'ShrinkVolume.subtract' must be smaller than the size of 'ShrinkVolume.volume'"
                .to_string(),
        );
    }
    if volume.provider_id.is_some() {
        return Err("Shrinking a volume from a resource provider is not supported".to_string());
    }
    if volume.disk.source.type_() == resource::disk_info::source::Type::MOUNT {
        return Err("Shrinking a volume on a MOUNT disk is not supported".to_string());
    }
    let volumes = std::slice::from_ref(volume);
    check_volumes(volumes).map_err(|text| {
        format!("Invalid persistent volume in the 'ShrinkVolume.volume' field: {text}")
    })?;
    if volume.shared.is_some() {
        return Err("Shrinking a shared persistent volume is not supported".to_string());
    }
    check_resizes(wish.agent, volume, "shrunk")
}

fn check_resizes(agent: &Agent, volume: &Resource, done: &str) -> Result<(), String> {
    if agent.can(Capability::RESIZE_VOLUME) {
        return Ok(());
    }
    Err(format!(
        "Volume {} cannot be {done} on an agent without RESIZE_VOLUME capability",
        shown(volume)
    ))
}

/// Disks are made and unmade by resource providers, of which no agent here has one.
fn check_disk(source: &Resource) -> Result<(), String> {
    check_resources(std::slice::from_ref(source))
        .map_err(|text| format!("Invalid resource: {text}"))?;
    if source.provider_id.is_none() {
        return Err("'source' is not managed by a resource provider".to_string());
    }
    Err("'source' is of a resource provider that is not known".to_string())
}
