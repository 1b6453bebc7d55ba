//! Which persistent volumes stand in which sandboxes.

use mesos_proto::mesos::{Resource, Task};
use mesos_wire::resources::operation::is_persistent_volume;

use super::Model;
use super::effect::{Effect, Mount};
use super::framework::Executor;

impl Model {
    /// The volumes among `resources`, as an executor gets them.
    pub(super) fn mounts<'a>(
        &self,
        container: &str,
        resources: impl IntoIterator<Item = &'a Resource>,
    ) -> Vec<Mount> {
        let volumes = resources.into_iter().filter(|r| is_persistent_volume(r));
        volumes
            .map(|volume| Mount {
                is_used: self
                    .executors()
                    .any(|(_, other)| other.container_id != container && uses(other, volume, None)),
                volume: volume.clone(),
            })
            .collect()
    }

    /// What is to be done before tasks with these resources are told to their executor.
    pub(super) fn attachment(
        &self,
        framework: &str,
        executor: &str,
        resources: &[Resource],
    ) -> Option<Effect> {
        let executor = self.frameworks.get(framework)?.executors.get(executor)?;
        let volumes = self.mounts(&executor.container_id, resources);
        (!volumes.is_empty()).then(|| Effect::Attach {
            place: executor.place(),
            directory: executor.directory.clone(),
            user: executor.user.clone(),
            volumes,
        })
    }

    /// What is to be done when a task has ended while its executor goes on.
    pub(super) fn detachment(executor: &Executor, task: &str) -> Option<Effect> {
        let ended = executor.terminated.get(task)?;
        let volumes: Vec<Resource> = ended
            .resources
            .iter()
            .filter(|r| is_persistent_volume(r) && !uses(executor, r, Some(ended)))
            .cloned()
            .collect();
        (!volumes.is_empty()).then(|| Effect::Detach {
            directory: executor.directory.clone(),
            volumes,
        })
    }
}

/// Whether an executor, or a task of it other than `but`, has a volume.
fn uses(executor: &Executor, volume: &Resource, but: Option<&Task>) -> bool {
    let is_it = |resource: &Resource| {
        resource.disk.persistence.id() == volume.disk.persistence.id()
            && resource.reservations == volume.reservations
            && is_persistent_volume(resource)
    };
    let launched = executor
        .launched
        .values()
        .filter(|task| but.is_none_or(|but| but.task_id != task.task_id));
    executor.info.resources.iter().any(is_it)
        || launched.flat_map(|task| &task.resources).any(is_it)
        || executor
            .queued_tasks()
            .flat_map(|task| &task.resources)
            .any(is_it)
}
