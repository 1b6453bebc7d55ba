//! What an agent counts since its start (http-endpoints.md, agent metrics and old stats).

use mesos_proto::mesos::TaskState;

/// Counts of events; they never go down.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counters {
    /// Tasks that reached the agent.
    pub tasks_staged: u64,
    /// Tasks that said TASK_STARTING or TASK_RUNNING for the first time.
    pub tasks_started: u64,
    /// Tasks that ended in TASK_FINISHED.
    pub tasks_finished: u64,
    /// Tasks that ended in TASK_FAILED.
    pub tasks_failed: u64,
    /// Tasks that ended in TASK_KILLED.
    pub tasks_killed: u64,
    /// Tasks that ended in TASK_LOST, TASK_DROPPED or TASK_ERROR.
    pub tasks_lost: u64,
    /// Tasks that ended in TASK_GONE.
    pub tasks_gone: u64,
    /// Status updates of a framework that is here.
    pub valid_status_updates: u64,
    /// Status updates that nobody waits for.
    pub invalid_status_updates: u64,
    /// Messages from frameworks to executors that are here.
    pub valid_framework_messages: u64,
    /// Messages from frameworks to executors that are not.
    pub invalid_framework_messages: u64,
    /// Executors that are gone.
    pub executors_terminated: u64,
    /// Containers that could not be started.
    pub container_launch_errors: u64,
    /// Containers whose processes could not all be killed.
    pub container_destroy_errors: u64,
    /// Checkpoints that could not be read at the start.
    pub recovery_errors: u64,
    /// How long the last recovery took, in microseconds.
    pub recovery_micros: u64,
    /// Tasks all of whose URIs were fetched.
    pub fetches_succeeded: u64,
    /// Tasks one of whose URIs was not.
    pub fetches_failed: u64,
}

impl Counters {
    pub(super) fn ended(&mut self, state: TaskState) {
        let counter = match state {
            TaskState::TASK_FINISHED => &mut self.tasks_finished,
            TaskState::TASK_FAILED => &mut self.tasks_failed,
            TaskState::TASK_KILLED => &mut self.tasks_killed,
            TaskState::TASK_LOST | TaskState::TASK_DROPPED | TaskState::TASK_ERROR => {
                &mut self.tasks_lost
            }
            TaskState::TASK_GONE | TaskState::TASK_GONE_BY_OPERATOR => &mut self.tasks_gone,
            _ => return,
        };
        *counter += 1;
    }
}
