//! What resources may be in tasks, executors and operations, in Mesos' words where they may not.

use std::collections::{BTreeMap, BTreeSet};

use mesos_proto::mesos::{Resource, volume};
use mesos_wire::resources::operation::{is_dynamically_reserved, is_persistent_volume};
use mesos_wire::resources::{Resources, reservation_role};

use super::id::flaw;

/// What holds wherever resources stand. They must be in the normal form.
pub(crate) fn check(resources: &[Resource]) -> Result<Resources, String> {
    let bag =
        Resources::from_protos(resources).map_err(|error| format!("Invalid resources: {error}"))?;
    if bag.scalar("gpus").fract() != 0.0 {
        return Err(
            "Invalid 'gpus' resource: The 'gpus' resource must be an unsigned integer".to_string(),
        );
    }
    for resource in resources {
        check_disk(resource).map_err(|text| format!("Invalid DiskInfo: {text}"))?;
        if is_dynamically_reserved(resource) && resource.revocable.is_some() {
            return Err(format!(
                "Invalid ReservationInfo: Dynamically reserved resource {} cannot be created from revocable resources",
                shown(resource)
            ));
        }
    }
    Ok(bag)
}

fn check_disk(resource: &Resource) -> Result<(), String> {
    let Some(disk) = resource.disk.as_ref() else {
        return Ok(());
    };
    let wrong = |text: &str| Err(text.to_string());
    let Some(persistence) = disk.persistence.as_ref() else {
        return if disk.volume.is_some() {
            wrong("Non-persistent volume not supported")
        } else if disk.source.is_none() {
            wrong("DiskInfo is set but empty")
        } else {
            Ok(())
        };
    };
    if resource.revocable.is_some() {
        return wrong("Persistent volumes cannot be created from revocable resources");
    }
    if reservation_role(resource).is_none() {
        return wrong("Persistent volumes cannot be created from unreserved resources");
    }
    let Some(volume) = disk.volume.as_ref() else {
        return wrong("Expecting 'volume' to be set for persistent volume");
    };
    if volume.has_host_path() {
        return wrong("Expecting 'host_path' to be unset for persistent volume");
    }
    match flaw(persistence.id()) {
        Some(flaw) => Err(format!(
            "Invalid persistence ID for persistent volume: {flaw}"
        )),
        None => Ok(()),
    }
}

/// Whether all of these are persistent volumes that can be written to.
pub(crate) fn check_volumes(volumes: &[Resource]) -> Result<(), String> {
    for volume in volumes {
        let Some(disk) = volume.disk.as_ref() else {
            return Err(format!("Resource {} does not have DiskInfo", shown(volume)));
        };
        if disk.persistence.is_none() {
            return Err("'persistence' is not set in DiskInfo".to_string());
        }
        let Some(place) = disk.volume.as_ref() else {
            return Err("Expecting 'volume' to be set for persistent volume".to_string());
        };
        if place.mode() == volume::Mode::RO {
            return Err("Read-only persistent volume not supported".to_string());
        }
    }
    Ok(())
}

/// Persistence ids are unique within a role on an agent.
pub(crate) fn check_unique_volumes<'a>(
    resources: impl Iterator<Item = &'a Resource>,
) -> Result<(), String> {
    let mut seen: BTreeMap<Option<&str>, BTreeSet<&str>> = BTreeMap::new();
    for volume in resources.filter(|resource| is_persistent_volume(resource)) {
        let id = volume.disk.persistence.id();
        if !seen.entry(reservation_role(volume)).or_default().insert(id) {
            return Err(format!("Persistence ID '{id}' is not unique"));
        }
    }
    Ok(())
}

/// Whether all of these are allocated, and to one role.
pub(crate) fn check_one_role(resources: &[Resource]) -> Result<(), String> {
    let mut first: Option<&str> = None;
    for resource in resources {
        let Some(role) = resource
            .allocation_info
            .as_ref()
            .filter(|a| a.has_role())
            .map(|a| a.role())
        else {
            return Err("The resources are not allocated to a role".to_string());
        };
        match first {
            Some(first) if first != role => {
                return Err(format!(
                    "The resources have multiple allocation roles ('{role}' and '{first}') but only one allocation role is allowed"
                ));
            }
            _ => first = Some(role),
        }
    }
    Ok(())
}

/// Whether all of these are of one resource provider, or all of the agent's own; there must be one.
pub(crate) fn check_one_provider(resources: &[Resource]) -> Result<(), String> {
    let mut providers: Vec<Option<&str>> = resources
        .iter()
        .map(|resource| resource.provider_id.as_ref().map(|id| id.value()))
        .collect();
    providers.sort_unstable();
    providers.dedup();
    if providers.len() == 1 {
        return Ok(());
    }
    if providers.contains(&None) {
        return Err("Some resources have a resource provider and some do not".to_string());
    }
    let names: Vec<&str> = providers.into_iter().flatten().collect();
    Err(format!(
        "The resources have multiple resource providers: {}",
        names.join(", ")
    ))
}

/// A resource as messages show it.
pub(crate) fn shown(resource: &Resource) -> String {
    Resources::from_protos([resource])
        .map(|bag| bag.to_string())
        .unwrap_or_else(|_| resource.name().to_string())
}
