//! What `--acls` let somebody see and do here. What may not be seen is left out.

use mesos_proto::mesos::{ExecutorInfo, FrameworkInfo, Resource, Task, TaskInfo};
use mesos_wire::authorization::{Action, Rights};
use mesos_wire::http::Request;

use super::agent::Agent;
use crate::model::{Executor, Framework, Model};

impl Agent {
    /// What whoever sent a request may do.
    pub(crate) fn rights(&self, request: &Request) -> Rights {
        Rights::new(self.acls.as_ref(), request.principal.as_deref())
    }
}

/// Whether a framework may be seen.
pub(super) fn framework(rights: &Rights, framework: &FrameworkInfo) -> bool {
    rights.allow(Action::ViewFramework, framework.user())
}

/// The user that an executor was asked to run as, by itself or by its framework.
pub(super) fn user<'a>(executor: &'a ExecutorInfo, framework: &'a FrameworkInfo) -> &'a str {
    let own = executor.command.user.as_deref();
    own.unwrap_or(framework.user())
}

/// Whether an executor may be seen.
pub(super) fn executor(rights: &Rights, executor: &Executor, of: &FrameworkInfo) -> bool {
    rights.allow(Action::ViewExecutor, user(&executor.info, of))
}

/// Whether a task may be seen.
pub(super) fn task(rights: &Rights, task: &Task, of: &FrameworkInfo) -> bool {
    let user = task.user.as_deref().unwrap_or(of.user());
    rights.allow(Action::ViewTask, user)
}

/// Whether a task may be seen that waits for its executor.
pub(super) fn queued(rights: &Rights, task: &TaskInfo, of: &FrameworkInfo) -> bool {
    let own = task.command.user.as_deref();
    let user = own.or(task.executor.command.user.as_deref());
    rights.allow(Action::ViewTask, user.unwrap_or(of.user()))
}

/// Whether a resource may be seen: each role that it is reserved to, and the one that it is allocated to.
pub(super) fn resource(rights: &Rights, resource: &Resource) -> bool {
    let reserved = resource.reservations.iter().map(|r| r.role());
    let allocated = resource.allocation_info.iter().map(|a| a.role());
    let mut roles = reserved.chain(allocated);
    roles.all(|role| rights.allow(Action::ViewRole, role))
}

/// All frameworks, ended or not, that may be seen.
pub(super) fn frameworks<'a>(
    model: &'a Model,
    rights: &'a Rights,
) -> impl Iterator<Item = &'a Framework> {
    let all = model.frameworks().chain(model.completed_frameworks());
    all.filter(|f| framework(rights, &f.info))
}

/// Whether something may be done in the container of an executor, by its outermost id. `unknown` is what is asked
/// about where no executor has such a container.
pub(super) fn in_container(
    agent: &Agent,
    rights: &Rights,
    action: Action,
    root: &str,
    unknown: Option<&str>,
) -> bool {
    let owner = agent.look(|model| {
        let (of, executor) = model
            .executors()
            .find(|(_, executor)| executor.container_id == root)?;
        Some(user(&executor.info, &of.info).to_string())
    });
    match owner.as_deref().or(unknown) {
        Some(object) => rights.allow(action, object),
        None => rights.allow_any(action),
    }
}
