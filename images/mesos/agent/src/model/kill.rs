//! Ending tasks, executors and frameworks on request (protocol-flows.md, section 8).

use std::time::Duration;

use mesos_proto::executor::{Event, event};
use mesos_proto::mesos::{TaskState, task_status};
use mesos_proto::messages::{FrameworkToExecutorMessage, KillTaskMessage, UpdateFrameworkMessage};
use mesos_wire::pid::Upid;
use task_status::Reason;

use super::effect::{Checkpoint, Effect};
use super::framework::{Executor, ExecutorState, Queued};
use super::{Model, Now};

impl Model {
    /// KillTaskMessage from the master.
    pub fn kill_task(&mut self, now: Now, mut message: KillTaskMessage) {
        let framework = message.framework_id.value().to_string();
        let task = message.task_id.value().to_string();
        tracing::info!("killing task {task} of framework {framework}");
        let Some(owner) = self.frameworks.get_mut(&framework) else {
            tracing::warn!("ignoring the kill of task {task}: framework {framework} is not here");
            return;
        };
        let waits = |e: &Executor| e.queued_tasks().any(|t| t.task_id.value() == task);
        let holder = owner.executors.values_mut().find(|e| {
            e.launched.contains_key(&task) || e.terminated.contains_key(&task) || waits(e)
        });
        let Some(executor) = holder else {
            let state = owner.lost_state(TaskState::TASK_DROPPED);
            let reason = Some(Reason::REASON_EXECUTOR_TERMINATED);
            self.own_update(
                now,
                &framework,
                None,
                &task,
                state,
                reason,
                "Cannot find executor",
            );
            return;
        };
        if let Some(queued) = executor
            .queued
            .iter()
            .find(|queued| queued.tasks().iter().any(|t| t.task_id.value() == task))
        {
            let queued = queued.clone();
            let executor = executor.id().to_string();
            self.kill_queued(now, &framework, &executor, &queued);
            return;
        }
        if executor.state != ExecutorState::Running {
            tracing::warn!(
                "ignoring the kill of task {task}: its executor is {:?}",
                executor.state
            );
            return;
        }
        let mut kill = event::Kill::new();
        kill.task_id = message.task_id.take().into();
        kill.kill_policy = message.kill_policy.take().into();
        let mut event = Event::new();
        event.set_type(event::Type::KILL);
        event.kill = Some(kill).into();
        let tell = tell(executor, event);
        self.effects.extend(tell);
    }

    fn kill_queued(&mut self, now: Now, framework: &str, executor: &str, queued: &Queued) {
        let reason = Some(Reason::REASON_TASK_KILLED_DURING_LAUNCH);
        let text = "Killed before delivery to the executor";
        for task in queued.tasks() {
            let task = task.task_id.value();
            let state = TaskState::TASK_KILLED;
            self.own_update(now, framework, Some(executor), task, state, reason, text);
        }
        let is_needless =
            |executor: &Executor| executor.queued.is_empty() && executor.link.is_none();
        let found = self.executor_mut(framework, executor);
        let container = found
            .filter(|e| is_needless(e))
            .map(|e| e.container_id.clone());
        if container.is_some_and(|container| self.waits_for_start(&container)) {
            self.shutdown_executor(now, framework, executor);
        }
    }

    /// ShutdownFrameworkMessage from the master: everything of a framework ends, untold.
    pub fn shutdown_framework(&mut self, now: Now, framework: &str) {
        let Some(owner) = self.frameworks.get_mut(framework) else {
            self.streams.forget(framework);
            return;
        };
        tracing::info!("shutting down framework {framework}");
        owner.terminating = true;
        let executors: Vec<String> = owner.executors.keys().cloned().collect();
        self.streams.forget(framework);
        for executor in executors {
            self.shutdown_executor(now, framework, &executor);
            self.forget_if_unheard(framework, &executor);
        }
        self.forget_if_idle(framework);
    }

    /// The tasks of a framework that ends are over when their executor is: nobody acknowledges.
    pub(super) fn forget_if_unheard(&mut self, framework: &str, id: &str) {
        let ends = self
            .frameworks
            .get(framework)
            .is_some_and(|owner| owner.terminating);
        if let Some(executor) = self.executor_mut(framework, id)
            && ends
            && executor.state == ExecutorState::Terminated
        {
            executor.queued.clear();
            let launched = std::mem::take(&mut executor.launched);
            executor.terminated.extend(launched);
            for task in executor.terminated.keys().cloned().collect::<Vec<_>>() {
                executor.complete(&task);
            }
            self.forget_if_done(framework, id);
        }
    }

    /// Asks an executor to end, and destroys it if it has not after its grace period.
    pub fn shutdown_executor(&mut self, now: Now, framework: &str, executor: &str) {
        let default = self.config.executor_shutdown_grace_period;
        let Some(executor) = self.executor_mut(framework, executor) else {
            tracing::warn!("ignoring the shutdown of executor {executor}: it is not here");
            return;
        };
        if !matches!(
            executor.state,
            ExecutorState::Registering | ExecutorState::Running
        ) {
            return;
        }
        tracing::info!(
            "shutting down executor {} of framework {framework}",
            executor.id()
        );
        executor.state = ExecutorState::Terminating;
        let grace = executor
            .info
            .shutdown_grace_period
            .as_ref()
            .and_then(|period| u64::try_from(period.nanoseconds()).ok())
            .map_or(default, Duration::from_nanos);
        let mut event = Event::new();
        event.set_type(event::Type::SHUTDOWN);
        let told = tell(executor, event);
        match told {
            Some(tell) => {
                executor.deadline = Some(now.at + grace);
                self.effects.push(tell);
            }
            // One that cannot be told need not be waited for.
            None => {
                executor.deadline = None;
                let container = executor.container_id.clone();
                self.destroy(&container);
            }
        }
    }

    /// A framework came back, perhaps elsewhere or as another.
    pub fn update_framework(&mut self, now: Now, mut message: UpdateFrameworkMessage) {
        let id = message.framework_id.value().to_string();
        let Some(framework) = self.frameworks.get_mut(&id) else {
            return;
        };
        if framework.terminating {
            return;
        }
        framework.pid = message
            .pid()
            .parse::<Upid>()
            .ok()
            .filter(|pid| !pid.is_empty());
        if let Some(info) = message.framework_info.take() {
            framework.info = info;
        }
        if framework.info.checkpoint() {
            let info = Box::new(framework.info.clone());
            let checkpoint = Checkpoint::Framework(info, framework.pid.clone());
            self.effects.push(Effect::Checkpoint(checkpoint));
        }
        self.streams.resume(now.at, Some(&id));
        self.flush_updates(now);
    }

    /// FrameworkToExecutorMessage, from the master or from the framework itself.
    pub fn framework_message(&mut self, mut message: FrameworkToExecutorMessage) {
        let framework = message.framework_id.value().to_string();
        let executor = message.executor_id.value().to_string();
        let data = message.take_data();
        let told = self
            .executor_mut(&framework, &executor)
            .filter(|executor| executor.state == ExecutorState::Running)
            .and_then(|executor| {
                let mut message = event::Message::new();
                message.set_data(data);
                let mut event = Event::new();
                event.set_type(event::Type::MESSAGE);
                event.message = Some(message).into();
                tell(executor, event)
            });
        match told {
            Some(tell) => {
                self.counters.valid_framework_messages += 1;
                self.effects.push(tell);
            }
            None => {
                tracing::warn!(
                    "dropping a message: executor {executor} of {framework} is not here"
                );
                self.counters.invalid_framework_messages += 1;
            }
        }
    }
}

/// Tells an executor something, if it can be reached.
pub(super) fn tell(executor: &Executor, event: Event) -> Option<Effect> {
    Some(Effect::Tell {
        link: executor.link.clone()?,
        place: executor.place(),
        event: Box::new(event),
    })
}
