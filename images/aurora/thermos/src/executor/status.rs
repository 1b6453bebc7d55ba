//! What is reported of a task, in the original's words (`status_checker.py`, `thermos_task_runner.py`).

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use mesos_proto::mesos::{TaskID, TaskState, TaskStatus};

use crate::checkpoint;
use crate::runner::ExitStatus as RunnerExit;

/// A state of the task, and why.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Report {
    pub(crate) state: TaskState,
    pub(crate) message: Option<String>,
}

impl Report {
    pub(crate) fn new(state: TaskState, message: impl Into<String>) -> Self {
        Self {
            state,
            message: Some(message.into()),
        }
    }

    /// As an update to the agent.
    pub(crate) fn status(&self, task_id: &str) -> TaskStatus {
        let mut id = TaskID::new();
        id.set_value(task_id.to_string());
        let mut status = TaskStatus::new();
        status.task_id = Some(id).into();
        status.set_state(self.state);
        if let Some(message) = &self.message {
            status.set_message(message.clone());
        }
        status
    }
}

/// What a runner's end says about its task. `state` is what the task's checkpoint says by then;
/// `Err` where it cannot be read.
pub(crate) fn of_runner(
    exit: ExitStatus,
    state: Result<Option<checkpoint::TaskState>, ()>,
) -> Report {
    use checkpoint::TaskState as Ended;
    if let Some(signal) = exit.signal() {
        return Report::new(
            TaskState::TASK_KILLED,
            format!("Task killed by signal {signal}."),
        );
    }
    let code = exit.code().unwrap_or_default();
    let known = |status: RunnerExit| code == status as i32;
    if code != 0 && !known(RunnerExit::TerminalTask) {
        return match code {
            _ if known(RunnerExit::InternalError) => {
                Report::new(TaskState::TASK_LOST, "Thermos failed with internal error.")
            }
            _ if known(RunnerExit::InvalidTask) => {
                Report::new(TaskState::TASK_FAILED, "Thermos received an invalid task.")
            }
            _ if known(RunnerExit::UnknownError) => Report::new(
                TaskState::TASK_LOST,
                "Thermos failed with an unknown error.",
            ),
            _ if known(RunnerExit::UnknownUser) => {
                Report::new(TaskState::TASK_FAILED, "Task started with unknown user.")
            }
            _ => Report::new(
                TaskState::TASK_LOST,
                format!("Thermos exited for unknown reason (exit status: {code})"),
            ),
        };
    }
    match state {
        Err(()) => Report::new(TaskState::TASK_LOST, "Task checkpoint could not be read."),
        Ok(Some(Ended::Success)) => Report::new(TaskState::TASK_FINISHED, "Task finished."),
        Ok(Some(Ended::Failed)) => Report::new(TaskState::TASK_FAILED, "Task failed."),
        Ok(Some(Ended::Killed)) => Report::new(TaskState::TASK_KILLED, "Task killed."),
        Ok(Some(Ended::Lost)) => Report::new(TaskState::TASK_LOST, "Task lost."),
        Ok(_) => Report::new(TaskState::TASK_LOST, "Runner died while task was active."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use checkpoint::TaskState as Ended;

    #[test]
    fn a_runners_end_is_told_in_the_originals_words() {
        let cases = [
            (
                0,
                Ok(Some(Ended::Success)),
                TaskState::TASK_FINISHED,
                "Task finished.",
            ),
            (
                0,
                Ok(Some(Ended::Failed)),
                TaskState::TASK_FAILED,
                "Task failed.",
            ),
            (
                0,
                Ok(Some(Ended::Killed)),
                TaskState::TASK_KILLED,
                "Task killed.",
            ),
            (0, Ok(Some(Ended::Lost)), TaskState::TASK_LOST, "Task lost."),
            (
                0,
                Ok(Some(Ended::Active)),
                TaskState::TASK_LOST,
                "Runner died while task was active.",
            ),
            (
                0,
                Err(()),
                TaskState::TASK_LOST,
                "Task checkpoint could not be read.",
            ),
            (
                101 << 8,
                Ok(None),
                TaskState::TASK_LOST,
                "Thermos failed with internal error.",
            ),
            (
                102 << 8,
                Ok(None),
                TaskState::TASK_FAILED,
                "Thermos received an invalid task.",
            ),
            (
                103 << 8,
                Ok(None),
                TaskState::TASK_LOST,
                "Thermos failed with an unknown error.",
            ),
            (
                104 << 8,
                Ok(None),
                TaskState::TASK_FAILED,
                "Task started with unknown user.",
            ),
            (
                105 << 8,
                Ok(Some(Ended::Success)),
                TaskState::TASK_FINISHED,
                "Task finished.",
            ),
            (
                3 << 8,
                Ok(None),
                TaskState::TASK_LOST,
                "Thermos exited for unknown reason (exit status: 3)",
            ),
            (
                9,
                Ok(Some(Ended::Active)),
                TaskState::TASK_KILLED,
                "Task killed by signal 9.",
            ),
        ];
        for (raw, state, want, message) in cases {
            let report = of_runner(ExitStatus::from_raw(raw), state);
            assert_eq!(report, Report::new(want, message), "case {raw}");
        }
    }
}
