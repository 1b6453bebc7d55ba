//! Tasks as they come from the master (protocol-flows.md, section 7).

use mesos_proto::mesos::{ExecutorInfo, FrameworkInfo, TaskState, task_status};
use mesos_proto::messages::{ExitedExecutorMessage, RunTaskGroupMessage, RunTaskMessage};
use mesos_wire::authorization::{Action, Rights};
use mesos_wire::pid::Upid;
use protobuf::text_format::print_to_string_pretty;
use task_status::Reason;

use super::built_in::{command_executor, completed_executor};
use super::effect::{Checkpoint, Effect, Launch};
use super::framework::{Executor, ExecutorState, Framework, Queued};
use super::ids::{executor_id, framework_id, slave_id};
use super::{Model, Now, State};
use crate::paths;

/// Why the tasks of a message are not started.
struct Drop {
    state: TaskState,
    reason: Reason,
    text: String,
}

impl Drop {
    fn new(reason: Reason, text: &str) -> Self {
        Self {
            state: TaskState::TASK_DROPPED,
            reason,
            text: text.to_string(),
        }
    }
}

impl Model {
    /// RunTaskMessage from the master.
    pub fn run_task(&mut self, now: Now, mut message: RunTaskMessage) {
        let Some(task) = message.task.take() else {
            return;
        };
        let pid = message
            .pid()
            .parse::<Upid>()
            .ok()
            .filter(|pid| !pid.is_empty());
        let launch = message.launch_executor;
        let is_current = self.is_current(&message.resource_version_uuids);
        let framework = message.framework.take().unwrap_or_default();
        let (executor, is_command) = match task.executor.as_ref() {
            Some(executor) => (executor.clone(), false),
            None => (
                command_executor(&self.config.launcher_dir, &framework, &task),
                true,
            ),
        };
        let queued = Queued::Task(Box::new(task));
        self.run(
            now, framework, pid, executor, is_command, queued, launch, is_current,
        );
    }

    /// RunTaskGroupMessage from the master.
    pub fn run_group(&mut self, now: Now, mut message: RunTaskGroupMessage) {
        let Some(group) = message.task_group.take() else {
            return;
        };
        let launch = message.launch_executor;
        let is_current = self.is_current(&message.resource_version_uuids);
        let framework = message.framework.take().unwrap_or_default();
        let executor = message.executor.take().unwrap_or_default();
        let queued = Queued::Group(Box::new(group));
        self.run(
            now, framework, None, executor, false, queued, launch, is_current,
        );
    }

    /// Whether the master knew the agent's resources as they are.
    fn is_current(&self, versions: &[mesos_proto::messages::ResourceVersionUUID]) -> bool {
        versions
            .iter()
            .filter(|version| version.resource_provider_id.is_none())
            .all(|version| version.uuid.value() == self.resource_version)
    }

    #[allow(
        clippy::too_many_arguments,
        reason = "the parts of one message, taken apart"
    )]
    fn run(
        &mut self,
        now: Now,
        info: FrameworkInfo,
        pid: Option<Upid>,
        executor_info: ExecutorInfo,
        is_command: bool,
        queued: Queued,
        launch_executor: Option<bool>,
        is_current: bool,
    ) {
        let id = info.id.value().to_string();
        let wanted = self.id.as_deref().unwrap_or_default();
        let for_other = queued
            .tasks()
            .iter()
            .any(|task| task.slave_id.value() != wanted);
        let executor = executor_info.executor_id.value().to_string();
        let ids = [id.as_str(), executor.as_str()];
        if matches!(self.state, State::Recovering | State::Terminating)
            || for_other
            || wanted.is_empty()
            || !ids.iter().all(|id| paths::is_safe_id(id))
        {
            tracing::warn!(
                "ignoring tasks of framework {id}: they are not for this agent as it is"
            );
            return;
        }
        self.counters.tasks_staged += queued.tasks().len() as u64;
        for task in queued.tasks() {
            tracing::info!(
                "task {} of framework {id} is assigned",
                task.task_id.value()
            );
        }
        let is_new = !self.frameworks.contains_key(&id);
        let framework = self
            .frameworks
            .entry(id.clone())
            .or_insert_with(|| Framework::new(info, pid));
        // What it had here before is its own again.
        let former = self.completed.iter().position(|former| former.id() == id);
        if let Some(former) = former.and_then(|at| self.completed.remove(at)) {
            framework.completed = former.completed;
        }
        if is_new && framework.info.checkpoint() {
            let info = Box::new(framework.info.clone());
            let checkpoint = Checkpoint::Framework(info, framework.pid.clone());
            self.effects.push(Effect::Checkpoint(checkpoint));
        }
        let drop = self
            .reason_to_drop(&id, &executor, launch_executor, is_current)
            .or_else(|| self.denied(&id, &queued));
        if let Some(drop) = drop {
            self.drop_tasks(now, &id, &queued, &drop);
            let exists = self.executor_mut(&id, &executor).is_some();
            if launch_executor == Some(true) && !is_command && !exists {
                self.send_exited(&id, &executor, -1);
            }
            self.forget_if_idle(&id);
            return;
        }
        if self.executor_mut(&id, &executor).is_none() {
            self.start_executor(now, &id, executor_info, is_command, &queued);
        }
        self.deliver(now, &id, &executor, queued);
        self.resize(&id, &executor);
    }

    fn reason_to_drop(
        &mut self,
        framework: &str,
        executor: &str,
        launch_executor: Option<bool>,
        is_current: bool,
    ) -> Option<Drop> {
        if !is_current {
            let text = "Task assumes outdated resource state";
            return Some(Drop::new(Reason::REASON_INVALID_OFFERS, text));
        }
        if self.draining().is_some() {
            let text = "Task dropped: agent is draining";
            return Some(Drop::new(Reason::REASON_SLAVE_DRAINING, text));
        }
        let framework = self.frameworks.get(framework)?;
        if framework.terminating {
            let text = "Framework terminating";
            return Some(Drop::new(Reason::REASON_EXECUTOR_TERMINATED, text));
        }
        let text = match (framework.executors.get(executor), launch_executor) {
            (None, Some(false)) => "No executor is expected to launch and there is none running",
            (Some(_), Some(true)) => "Master wants to launch executor, but one already exists",
            (Some(running), _)
                if matches!(
                    running.state,
                    ExecutorState::Terminating | ExecutorState::Terminated
                ) =>
            {
                "Executor terminating"
            }
            _ => return None,
        };
        Some(Drop::new(Reason::REASON_EXECUTOR_TERMINATED, text))
    }

    /// Why the tasks may not run, if one may not: the text is of the first, in the original's words.
    fn denied(&self, framework: &str, queued: &Queued) -> Option<Drop> {
        let info = &self.frameworks.get(framework)?.info;
        let rights = Rights::new(self.config.acls.as_ref(), info.principal.as_deref());
        let denied = queued.tasks().iter().find(|task| {
            let own = task.command.user.as_deref();
            let user = own.or(task.executor.command.user.as_deref());
            !rights.allow(Action::RunTask, user.unwrap_or(info.user()))
        })?;
        Some(Drop {
            state: TaskState::TASK_ERROR,
            reason: match queued {
                Queued::Task(_) => Reason::REASON_TASK_UNAUTHORIZED,
                Queued::Group(_) => Reason::REASON_TASK_GROUP_UNAUTHORIZED,
            },
            text: format!(
                "Framework {framework} is not authorized to launch task {}",
                print_to_string_pretty(denied)
            ),
        })
    }

    fn drop_tasks(&mut self, now: Now, framework: &str, queued: &Queued, drop: &Drop) {
        let state = self
            .frameworks
            .get(framework)
            .map_or(TaskState::TASK_LOST, |f| match drop.state {
                TaskState::TASK_DROPPED => f.lost_state(TaskState::TASK_DROPPED),
                other => other,
            });
        for task in queued.tasks() {
            let task = task.task_id.value();
            self.own_update(
                now,
                framework,
                None,
                task,
                state,
                Some(drop.reason),
                &drop.text,
            );
        }
    }

    pub(super) fn send_exited(&mut self, framework: &str, executor: &str, status: i32) {
        let (Some(master), Some(id)) = (&self.master, &self.id) else {
            return;
        };
        let mut message = ExitedExecutorMessage::new();
        message.slave_id = slave_id(id);
        message.framework_id = framework_id(framework);
        message.executor_id = executor_id(executor);
        message.set_status(status);
        self.effects
            .push(Effect::Send(master.pid.clone(), Box::new(message)));
    }

    fn start_executor(
        &mut self,
        now: Now,
        id: &str,
        info: ExecutorInfo,
        is_command: bool,
        first: &Queued,
    ) {
        let agent = self.id.clone().unwrap_or_default();
        let container = uuid::Uuid::new_v4().to_string();
        let switch_user = self.config.switch_user;
        let work_dir = self.config.work_dir.clone();
        let tasks = first.tasks().iter().flat_map(|task| &task.resources);
        let volumes = self.mounts(&container, info.resources.iter().chain(tasks));
        let Some(framework) = self.frameworks.get_mut(id) else {
            return;
        };
        let mut executor = Executor::new(
            info,
            &framework.info,
            container,
            std::path::PathBuf::new(),
            is_command,
        );
        executor.directory = paths::run(&work_dir, &agent, &executor.place());
        let command = executor.info.command.as_ref();
        executor.user = switch_user.then(|| match command.filter(|c| c.has_user()) {
            Some(command) => command.user().to_string(),
            None => framework.info.user().to_string(),
        });
        tracing::info!(
            "launching executor {} of framework {id} in container {}",
            executor.id(),
            executor.container_id
        );
        if executor.checkpoint {
            self.effects.push(Effect::Checkpoint(Checkpoint::Executor {
                place: executor.place(),
                info: Box::new(executor.info.clone()),
                is_command,
            }));
        }
        let tasks = first.tasks().iter().flat_map(|task| &task.resources);
        let given = tasks.chain(&executor.info.resources);
        let ports = given.filter(|resource| resource.name() == "ports");
        let ports = ports.cloned().collect();
        let started = completed_executor(&self.config.launcher_dir, executor.info.clone());
        let launch = Launch {
            place: executor.place(),
            info: started,
            framework: framework.info.clone(),
            directory: executor.directory.clone(),
            user: executor.user.clone(),
            volumes,
            is_command,
            ports,
        };
        framework
            .executors
            .insert(executor.id().to_string(), executor);
        self.start_in_turn(now, launch);
    }
}
