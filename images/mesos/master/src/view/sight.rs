//! What somebody gets to see: entries that they may not see are left out, and nothing says so.

use mesos_proto::mesos::{ExecutorInfo, FrameworkInfo, Resource, Task};
use mesos_wire::authorization::{Action, Rights};
use mesos_wire::resources::Resources;

use crate::model::{Framework, FrameworkId, Master};

/// Whether a role may be seen.
pub(crate) fn role(rights: &Rights, role: &str) -> bool {
    rights.allow(Action::ViewRole, role)
}

/// Whether a resource may be seen: each role that it is reserved to, and the one that it is allocated to.
pub(crate) fn resource(rights: &Rights, resource: &Resource) -> bool {
    // Agents of a former master are kept in the older form.
    let old = resource.role.iter().filter(|role| *role != "*");
    let reserved = resource.reservations.iter().map(|r| r.role());
    let allocated = resource.allocation_info.iter().map(|a| a.role());
    let mut roles = old.map(String::as_str).chain(reserved).chain(allocated);
    roles.all(|name| role(rights, name))
}

/// The resources that may be seen.
pub(crate) fn resources(rights: &Rights, bag: &Resources) -> Resources {
    match rights.are_limited() {
        true => bag.filter(|one| resource(rights, one)),
        false => bag.clone(),
    }
}

/// Whether a framework may be seen.
pub(crate) fn framework(rights: &Rights, info: &FrameworkInfo) -> bool {
    rights.allow(Action::ViewFramework, info.user())
}

/// Whether a task of a framework may be seen.
pub(crate) fn task(rights: &Rights, task: &Task, info: &FrameworkInfo) -> bool {
    let user = task.user.as_deref().unwrap_or(info.user());
    rights.allow(Action::ViewTask, user)
}

/// Whether an executor of a framework may be seen.
pub(crate) fn executor(rights: &Rights, executor: &ExecutorInfo, info: &FrameworkInfo) -> bool {
    let user = executor.command.user.as_deref().unwrap_or(info.user());
    rights.allow(Action::ViewExecutor, user)
}

/// The frameworks that may be seen: those that have not ended, then those that have.
pub(crate) fn all_frameworks<'a>(
    master: &'a Master,
    rights: &'a Rights,
) -> impl Iterator<Item = &'a Framework> {
    let all = master.frameworks.values();
    all.chain(&master.completed_frameworks)
        .filter(|f| framework(rights, &f.info))
}

/// A framework of this name, ended or not.
pub(crate) fn find<'a>(master: &'a Master, id: &FrameworkId) -> Option<&'a Framework> {
    let ended = || master.completed_frameworks.iter().find(|f| f.id == *id);
    master.frameworks.get(id).or_else(ended)
}
