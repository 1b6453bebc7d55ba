//! What `--acls` let frameworks, agents and operators do, in the original's words where they do not.

use std::collections::BTreeSet;

use mesos_proto::mesos::offer::Operation;
use mesos_proto::mesos::offer::operation::{self, Reserve};
use mesos_proto::mesos::{FrameworkInfo, Resource, SlaveInfo, TaskInfo};
use mesos_wire::authorization::{Action, Rights};
use mesos_wire::json::{Dialect, to_value};
use mesos_wire::pid::Upid;
use mesos_wire::resources::reservation_role;
use serde_json::json;

use super::framework::{Framework, roles_of};
use super::master::{Master, bag};
use super::validate_framework::braces;

impl Master {
    /// What a principal may do, or whoever was not asked for one.
    pub fn rights(&self, principal: Option<&str>) -> Rights {
        Rights::new(self.config.acls.as_ref(), principal)
    }

    /// Why a framework may not describe itself so, if it may not.
    pub(crate) fn registration_denied(&self, info: &FrameworkInfo) -> Option<String> {
        let rights = self.rights(info.principal.as_deref());
        let roles = roles_of(info);
        let is_allowed = roles
            .iter()
            .all(|role| rights.allow(Action::RegisterFramework, role));
        (!is_allowed).then(|| {
            format!(
                "Not authorized to register framework {} with roles {}",
                info.id.value(),
                braces(&roles)
            )
        })
    }

    /// Whether an agent may register, with what is reserved on it from the start.
    pub(crate) fn may_register(&self, pid: &Upid, info: &SlaveInfo) -> bool {
        let principal = self.principals.get(pid);
        let rights = self.rights(principal.map(String::as_str));
        let total = bag(&info.resources);
        let roles: BTreeSet<&str> = total.iter().map(role_of).collect();
        let is_reserved = total.iter().any(|r| reservation_role(r).is_some());
        let may_reserve = || {
            let mut roles = roles.iter();
            roles.all(|role| rights.allow(Action::ReserveResources, role))
        };
        let is_allowed = (!is_reserved || may_reserve()) && rights.allow_any(Action::RegisterAgent);
        if !is_allowed {
            let who = match principal {
                Some(name) => format!("with principal '{name}'"),
                None => "without a principal".to_string(),
            };
            tracing::warn!(
                "refusing the agent at {pid}: Not authorized to register agent providing resources '{total}' {who}"
            );
        }
        is_allowed
    }
}

/// The role that a resource is reserved to.
fn role_of(resource: &Resource) -> &str {
    reservation_role(resource).unwrap_or("*")
}

/// The user that a task runs as.
fn user_of<'a>(task: &'a TaskInfo, framework: &'a FrameworkInfo) -> &'a str {
    let own = task.command.user.as_deref();
    own.or(task.executor.command.user.as_deref())
        .unwrap_or(framework.user())
}

/// What launching a task would be, where the framework may not launch it.
pub(crate) fn launch_denied(
    rights: &Rights,
    task: &TaskInfo,
    framework: &Framework,
) -> Option<String> {
    let user = user_of(task, &framework.info);
    (!rights.allow(Action::RunTask, user)).then(|| {
        format!(
            "launch task {} of framework {} under user '{user}'",
            task.task_id.value(),
            framework.id
        )
    })
}

/// A part of an operation that is to be allowed: for an object, or for any.
struct Part<'a> {
    action: Action,
    object: Option<String>,
    resource: Option<&'a Resource>,
}

impl<'a> Part<'a> {
    fn new(action: Action, object: &str, resource: &'a Resource) -> Self {
        Self {
            action,
            object: Some(object.to_string()),
            resource: Some(resource),
        }
    }

    fn any(action: Action) -> Self {
        Self {
            action,
            object: None,
            resource: None,
        }
    }

    fn is_allowed(&self, rights: &Rights) -> bool {
        match &self.object {
            Some(object) => rights.allow(self.action, object),
            None => rights.allow_any(self.action),
        }
    }

    /// It as the original writes it.
    fn text(&self) -> String {
        let name = match self.action {
            Action::ReserveResources => "RESERVE_RESOURCES",
            Action::UnreserveResources => "UNRESERVE_RESOURCES",
            Action::CreateVolume => "CREATE_VOLUME",
            Action::DestroyVolume => "DESTROY_VOLUME",
            _ => "RESIZE_VOLUME",
        };
        match (&self.object, self.resource) {
            (Some(object), Some(resource)) => {
                let object = json!({
                    "value": object,
                    "resource": to_value(resource, Dialect::V0),
                });
                format!("perform action {name} on object {object}")
            }
            _ => format!("perform action {name} on ANY object"),
        }
    }
}

/// Parts for one resource of each role.
fn by_role<'a>(action: Action, resources: &'a [Resource]) -> Vec<Part<'a>> {
    let mut seen = BTreeSet::new();
    resources
        .iter()
        .filter(|resource| seen.insert(role_of(resource)))
        .map(|resource| Part::new(action, role_of(resource), resource))
        .collect()
}

/// Parts for giving back the `level`th reservation of resources; those that nobody signed come last.
fn unreserve<'a>(
    resources: &'a [Resource],
    level: impl Fn(&Resource) -> Option<usize>,
) -> Vec<Part<'a>> {
    let mut parts = Vec::new();
    let mut is_unsigned = false;
    for resource in resources {
        let reservation = level(resource).and_then(|level| resource.reservations.get(level));
        match reservation.and_then(|reservation| reservation.principal.as_deref()) {
            Some(principal) => {
                parts.push(Part::new(Action::UnreserveResources, principal, resource));
            }
            None => is_unsigned = true,
        }
    }
    if is_unsigned {
        parts.push(Part::any(Action::UnreserveResources));
    }
    parts
}

/// Parts for reserving anew what is reserved: down to what both have in common, and up again.
fn rereserve(reserve: &Reserve) -> Vec<Part<'_>> {
    let stack = |all: &[Resource]| {
        all.first()
            .map_or_else(Vec::new, |r| r.reservations.clone())
    };
    let (old, new) = (stack(&reserve.source), stack(&reserve.resources));
    let common = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let mut parts = Vec::new();
    for level in (common..old.len()).rev() {
        parts.extend(unreserve(&reserve.source, |_| Some(level)));
    }
    for reservation in new.iter().skip(common) {
        let role = reservation.role();
        parts.extend(
            reserve
                .resources
                .first()
                .map(|resource| Part::new(Action::ReserveResources, role, resource)),
        );
    }
    parts
}

/// What an operation on resources that was found valid would be, where it may not be done. Its resources are in
/// the normal form.
pub(crate) fn operation_denied(rights: &Rights, operation: &Operation) -> Option<String> {
    let parts = match operation.type_() {
        operation::Type::RESERVE if operation.reserve.source.is_empty() => {
            by_role(Action::ReserveResources, &operation.reserve.resources)
        }
        operation::Type::RESERVE => rereserve(&operation.reserve),
        operation::Type::UNRESERVE => unreserve(&operation.unreserve.resources, |resource| {
            resource.reservations.len().checked_sub(1)
        }),
        operation::Type::CREATE => by_role(Action::CreateVolume, &operation.create.volumes),
        operation::Type::DESTROY => {
            let volumes = operation.destroy.volumes.iter();
            volumes
                .map(|volume| {
                    let principal = volume.disk.persistence.principal();
                    Part::new(Action::DestroyVolume, principal, volume)
                })
                .collect()
        }
        operation::Type::GROW_VOLUME => {
            let volume = operation.grow_volume.volume.get_or_default();
            vec![Part::new(Action::ResizeVolume, role_of(volume), volume)]
        }
        operation::Type::SHRINK_VOLUME => {
            let volume = operation.shrink_volume.volume.get_or_default();
            vec![Part::new(Action::ResizeVolume, role_of(volume), volume)]
        }
        operation::Type::UNKNOWN
        | operation::Type::LAUNCH
        | operation::Type::LAUNCH_GROUP
        | operation::Type::CREATE_DISK
        | operation::Type::DESTROY_DISK => Vec::new(),
    };
    let mut denied = parts.iter().filter(|part| !part.is_allowed(rights));
    denied.next().map(Part::text)
}
