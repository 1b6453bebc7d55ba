//! Tasks and updates as records.

use mesos_proto::mesos::{Task, TaskInfo, TaskState, TaskStatus, task_status};
use mesos_proto::messages::StatusUpdate;

use super::ids::{executor_id, framework_id, slave_id, task_id};

/// How many updates of one task are kept.
const MAX_STATUSES: usize = 100;

/// Whether a task is over.
pub fn is_terminal(state: TaskState) -> bool {
    matches!(
        state,
        TaskState::TASK_FINISHED
            | TaskState::TASK_FAILED
            | TaskState::TASK_KILLED
            | TaskState::TASK_ERROR
            | TaskState::TASK_LOST
            | TaskState::TASK_DROPPED
            | TaskState::TASK_GONE
            | TaskState::TASK_GONE_BY_OPERATOR
    )
}

/// The record of a task that is handed on.
pub(super) fn task_of(info: &TaskInfo, framework: &str) -> Task {
    let mut task = Task::new();
    task.set_name(info.name().to_string());
    task.task_id = info.task_id.clone();
    task.framework_id = framework_id(framework);
    task.slave_id = info.slave_id.clone();
    task.set_state(TaskState::TASK_STAGING);
    task.resources.clone_from(&info.resources);
    task.limits.clone_from(&info.limits);
    task.labels = info.labels.clone();
    task.discovery = info.discovery.clone();
    task.container = info.container.clone();
    task.health_check = info.health_check.clone();
    task.kill_policy = info.kill_policy.clone();
    let command = match info.executor.as_ref() {
        Some(executor) => {
            task.executor_id = executor.executor_id.clone();
            &executor.command
        }
        None => &info.command,
    };
    if let Some(user) = command.as_ref().filter(|command| command.has_user()) {
        task.set_user(user.user().to_string());
    }
    task
}

/// Notes what an update says. The uuid of the update stays with the status, as in the original.
pub(super) fn note(task: &mut Task, status: &TaskStatus) {
    task.set_state(status.state());
    // Only the latest of a state is kept: health and check results repeat it often.
    if task
        .statuses
        .last()
        .is_some_and(|last| last.state() == status.state())
    {
        task.statuses.pop();
    }
    if task.statuses.len() < MAX_STATUSES {
        let mut status = status.clone();
        status.clear_data();
        task.statuses.push(status);
    }
}

/// An update that the agent itself makes up.
pub(super) fn update_of(
    framework: &str,
    agent: &str,
    executor: Option<&str>,
    task: &str,
    wall: f64,
) -> StatusUpdate {
    let uuid = uuid::Uuid::new_v4().as_bytes().to_vec();
    let mut status = TaskStatus::new();
    status.task_id = task_id(task);
    status.set_source(task_status::Source::SOURCE_SLAVE);
    status.slave_id = slave_id(agent);
    status.set_timestamp(wall);
    status.set_uuid(uuid.clone());
    let mut update = StatusUpdate::new();
    update.framework_id = framework_id(framework);
    update.slave_id = slave_id(agent);
    if let Some(executor) = executor {
        status.executor_id = executor_id(executor);
        update.executor_id = executor_id(executor);
    }
    update.set_timestamp(wall);
    update.set_uuid(uuid);
    update.status = Some(status).into();
    update
}
