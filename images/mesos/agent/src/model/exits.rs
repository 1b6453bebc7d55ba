//! Executors that start, fail to start, take too long, or end.

use mesos_proto::mesos::{TaskState, task_status};
use task_status::Reason;

use super::effect::{Checkpoint, Effect};
use super::framework::{Ending, ExecutorState, Limitation};
use super::{Model, Now};

impl Model {
    /// An executor's process runs.
    pub fn container_started(&mut self, container: &str, process: u32) {
        let Some((framework, id)) = self.find_container(container) else {
            return;
        };
        let Some(executor) = self.executor_mut(&framework, &id) else {
            return;
        };
        executor.process = Some(process);
        executor.is_forking = false;
        if executor.checkpoint {
            let checkpoint = Checkpoint::Forked(executor.place(), process);
            self.effects.push(Effect::Checkpoint(checkpoint));
        }
        self.deliver_queued(&framework, &id);
    }

    /// An executor could not be started.
    pub fn container_failed(&mut self, now: Now, container: &str, text: &str) {
        self.counters.container_launch_errors += 1;
        if let Some((framework, id)) = self.find_container(container) {
            if let Some(executor) = self.executor_mut(&framework, &id) {
                executor.ending = Some(Ending {
                    state: TaskState::TASK_FAILED,
                    reason: Reason::REASON_CONTAINER_LAUNCH_FAILED,
                    message: text.to_string(),
                    limited: Vec::new(),
                });
            }
            self.executor_exited(now, &framework, &id, None);
        }
    }

    /// A container has used more than it may: it is ended, and its tasks fail for this reason, whatever else
    /// is told of them from now on.
    pub fn container_limited(&mut self, container: &str, limitation: Limitation) {
        let Some((framework, id)) = self.find_container(container) else {
            return;
        };
        let Some(executor) = self.executor_mut(&framework, &id) else {
            return;
        };
        if executor.state == ExecutorState::Terminated || executor.is_limited() {
            return;
        }
        tracing::warn!(
            "ending executor {id} of framework {framework}: {}",
            limitation.message
        );
        executor.ending = Some(Ending {
            state: TaskState::TASK_FAILED,
            reason: limitation.reason,
            message: limitation.message,
            limited: limitation.resources,
        });
        let container = executor.container_id.clone();
        self.destroy(&container);
    }

    /// All processes of a container are gone. `status` is the wait status of the executor, if known.
    pub fn container_exited(&mut self, now: Now, container: &str, status: Option<i32>) {
        if let Some((framework, executor)) = self.find_container(container) {
            self.executor_exited(now, &framework, &executor, status);
        }
    }

    /// An executor from a former life does not run any more. Where the whole machine, or container, was
    /// started again, its tasks are lost through no fault of theirs.
    pub fn lost_with_former_life(&mut self, now: Now, container: &str, is_same_boot: bool) {
        let Some((framework, id)) = self.find_container(container) else {
            return;
        };
        let state = self
            .frameworks
            .get(&framework)
            .map(|f| f.lost_state(TaskState::TASK_GONE));
        if let (Some(executor), Some(state), false) =
            (self.executor_mut(&framework, &id), state, is_same_boot)
        {
            executor.ending = Some(Ending {
                state,
                reason: Reason::REASON_EXECUTOR_TERMINATED,
                message: "Executor terminated".to_string(),
                limited: Vec::new(),
            });
        }
        self.executor_exited(now, &framework, &id, None);
    }

    fn executor_exited(&mut self, now: Now, framework: &str, id: &str, status: Option<i32>) {
        let ends = self
            .frameworks
            .get(framework)
            .is_some_and(|owner| owner.terminating);
        let Some(executor) = self.executor_mut(framework, id) else {
            return;
        };
        if executor.state == ExecutorState::Terminated {
            return;
        }
        let was_asked = executor.state == ExecutorState::Terminating;
        executor.state = ExecutorState::Terminated;
        executor.deadline = None;
        executor.link = None;
        let is_command = executor.is_command;
        let container = executor.container_id.clone();
        let ending = executor.ending.take();
        let open: Vec<String> = executor
            .launched
            .keys()
            .cloned()
            .chain(
                executor
                    .queued_tasks()
                    .map(|task| task.task_id.value().to_string()),
            )
            .collect();
        self.counters.executors_terminated += 1;
        let text = match (ending.as_ref(), status) {
            (Some(ending), _) => ending.message.clone(),
            (None, Some(status)) if !was_asked => format!("Command {}", wait_status(status)),
            (None, _) => "Executor terminated".to_string(),
        };
        tracing::info!("executor {id} of framework {framework} is gone: {text}");
        if !ends {
            let ending = ending.unwrap_or(Ending {
                state: TaskState::TASK_FAILED,
                reason: Reason::REASON_EXECUTOR_TERMINATED,
                message: text,
                limited: Vec::new(),
            });
            for task in open {
                self.end_update(now, framework, id, &task, &ending);
            }
        }
        if !is_command {
            self.send_exited(framework, id, status.unwrap_or(-1));
        }
        self.forget_if_unheard(framework, id);
        self.forget_if_done(framework, id);
        self.has_started(now, &container);
    }

    pub(super) fn tick_executors(&mut self, now: Now) {
        let due: Vec<(String, String)> = self
            .executors()
            .filter(|(_, executor)| executor.deadline.is_some_and(|at| at <= now.at))
            .map(|(framework, executor)| (framework.id().to_string(), executor.id().to_string()))
            .collect();
        let timeout = mesos_wire::duration::format(self.config.executor_registration_timeout);
        for (framework, id) in due {
            let Some(executor) = self.executor_mut(&framework, &id) else {
                continue;
            };
            executor.deadline = None;
            if executor.state == ExecutorState::Registering {
                executor.state = ExecutorState::Terminating;
                executor.ending = Some(Ending {
                    state: TaskState::TASK_FAILED,
                    reason: Reason::REASON_EXECUTOR_REGISTRATION_TIMEOUT,
                    message: format!("Executor did not register within {timeout}"),
                    limited: Vec::new(),
                });
            }
            tracing::warn!("destroying executor {id} of framework {framework}: its time is over");
            let container = executor.container_id.clone();
            self.destroy(&container);
        }
    }
}

/// A wait status in the original's words.
pub(crate) fn wait_status(status: i32) -> String {
    let signal = status & 0x7f;
    if signal == 0 {
        format!("exited with status {}", (status >> 8) & 0xff)
    } else {
        let core = if status & 0x80 != 0 {
            " (core dumped)"
        } else {
            ""
        };
        format!(
            "terminated with signal {}{core}",
            crate::signals::description(signal)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wait_statuses_read_as_the_original_says_them() {
        let cases = [
            (0, "exited with status 0"),
            (1 << 8, "exited with status 1"),
            (15, "terminated with signal Terminated"),
            (9, "terminated with signal Killed"),
            (
                11 | 0x80,
                "terminated with signal Segmentation fault (core dumped)",
            ),
        ];
        for (status, want) in cases {
            assert_eq!(wait_status(status), want);
        }
    }
}
