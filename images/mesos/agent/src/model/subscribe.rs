//! Executors that subscribe, for the first time or again (protocol-flows.md, sections 7 and 10).

use std::collections::HashSet;
use std::time::Duration;

use mesos_proto::executor::{Event, event};
use mesos_proto::mesos::{
    ContainerID, ExecutorInfo, FrameworkInfo, Resource, Task, TaskInfo, TaskState, task_status,
};
use mesos_proto::messages::{ExecutorToFrameworkMessage, StatusUpdate};
use mesos_wire::pid::Upid;
use task_status::Reason;
use thiserror::Error;

use super::effect::{Checkpoint, Effect, Place};
use super::framework::{Ending, Executor, ExecutorState, Framework, Link, Queued};
use super::ids::{executor_id, framework_id, slave_id};
use super::kill::tell;
use super::record::task_of;
use super::{Model, Now, State};

/// Why an executor is not heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Refusal {
    /// No framework of that id has anything here.
    #[error("Framework cannot be found")]
    Framework,
    /// The framework has no such executor here.
    #[error("Executor cannot be found")]
    Executor,
    /// It has not subscribed.
    #[error("Executor is not subscribed")]
    NotSubscribed,
}

impl Model {
    /// Whether an executor may call, and what calls are checked against.
    pub fn check_executor(&self, framework: &str, executor: &str) -> Result<&Executor, Refusal> {
        self.frameworks
            .get(framework)
            .ok_or(Refusal::Framework)?
            .executors
            .get(executor)
            .ok_or(Refusal::Executor)
    }

    /// An executor subscribes. What it was given and what it reported, without an acknowledgement,
    /// comes with it.
    pub fn subscribe(
        &mut self,
        now: Now,
        ids: (&str, &str),
        link: Link,
        tasks: &[TaskInfo],
        updates: Vec<StatusUpdate>,
    ) -> Result<(), Refusal> {
        let (framework, id) = ids;
        self.check_executor(framework, id)?;
        let agent = self.info();
        let Some(owner) = self.frameworks.get_mut(framework) else {
            return Err(Refusal::Framework);
        };
        let (info, ends) = (owner.info.clone(), owner.terminating);
        let Some(executor) = owner.executors.get_mut(id) else {
            return Err(Refusal::Executor);
        };
        // A lost connection may look alive from here: the newer one counts.
        if let Some(Link::Http(old)) = executor.link.replace(link.clone())
            && link != Link::Http(old)
        {
            tracing::warn!("executor {id} of framework {framework} subscribes over again");
            self.effects.push(Effect::End(old));
        }
        let is_first = executor.state == ExecutorState::Registering && !executor.is_incomplete();
        let over = matches!(
            executor.state,
            ExecutorState::Terminating | ExecutorState::Terminated
        );
        let nothing_left = executor.is_command && is_first && self.state != State::Recovering;
        if ends || over || nothing_left {
            tracing::info!("executor {id} of framework {framework} subscribes too late");
            if nothing_left && !ends && !over {
                self.shutdown_executor(now, framework, id);
            } else {
                let mut event = Event::new();
                event.set_type(event::Type::SHUTDOWN);
                let told = tell(executor, event);
                self.effects.extend(told);
            }
            return Ok(());
        }
        tracing::info!("executor {id} of framework {framework} has subscribed");
        executor.state = ExecutorState::Running;
        executor.deadline = None;
        let mut subscribed = event::Subscribed::new();
        subscribed.executor_info = Some(executor.info.clone()).into();
        subscribed.framework_info = Some(info).into();
        subscribed.slave_info = Some(agent).into();
        let mut container = ContainerID::new();
        container.set_value(executor.container_id.clone());
        subscribed.container_id = Some(container).into();
        let mut event = Event::new();
        event.set_type(event::Type::SUBSCRIBED);
        event.subscribed = Some(subscribed).into();
        let told = tell(executor, event);
        let container = executor.container_id.clone();
        if executor.checkpoint {
            let connected = Checkpoint::Connected(executor.place(), link);
            self.effects.push(Effect::Checkpoint(connected));
        }
        self.effects.extend(told);
        for update in updates {
            self.executor_update(now, update);
        }
        self.drop_unseen(now, framework, id, tasks);
        self.deliver_queued(framework, id);
        self.leave_recovery_if_complete(now);
        self.has_started(now, &container);
        Ok(())
    }

    /// Tasks that were on their way when a connection or the agent broke never reached it.
    fn drop_unseen(&mut self, now: Now, framework: &str, id: &str, seen: &[TaskInfo]) {
        let seen: HashSet<&str> = seen.iter().map(|task| task.task_id.value()).collect();
        let Some(owner) = self.frameworks.get(framework) else {
            return;
        };
        let state = owner.lost_state(TaskState::TASK_DROPPED);
        let Some(executor) = owner.executors.get(id) else {
            return;
        };
        let lost: Vec<String> = executor
            .launched
            .iter()
            .filter(|(id, task)| {
                task.state() == TaskState::TASK_STAGING && !seen.contains(id.as_str())
            })
            .map(|(id, _)| id.clone())
            .collect();
        for task in lost {
            let reason = Some(Reason::REASON_SLAVE_RESTARTED);
            let text = "Task launched during agent restart";
            self.own_update(now, framework, Some(id), &task, state, reason, text);
        }
    }

    /// Gives a task to its executor now, or when it subscribes.
    pub(super) fn deliver(&mut self, _now: Now, framework: &str, id: &str, queued: Queued) {
        if let Some(executor) = self.executor_mut(framework, id) {
            executor.queued.push(queued);
            self.deliver_queued(framework, id);
        }
    }

    /// Gives an executor what waits for it, if it has subscribed. It reports nothing of a task before, and by then
    /// its process is known, which each report names.
    pub(super) fn deliver_queued(&mut self, framework: &str, id: &str) {
        let Some(executor) = self.executor_mut(framework, id) else {
            return;
        };
        let is_ready = executor.state == ExecutorState::Running
            && executor.link.is_some()
            && !executor.is_forking;
        if is_ready {
            for queued in std::mem::take(&mut executor.queued) {
                self.hand_over(framework, id, queued);
            }
        }
    }

    fn hand_over(&mut self, framework: &str, id: &str, queued: Queued) {
        let tasks: Vec<Task> = queued
            .tasks()
            .iter()
            .map(|t| task_of(t, framework))
            .collect();
        let mut event = Event::new();
        match queued {
            Queued::Task(task) => {
                let mut launch = event::Launch::new();
                launch.task = Some(*task).into();
                event.set_type(event::Type::LAUNCH);
                event.launch = Some(launch).into();
            }
            Queued::Group(group) => {
                let mut launch = event::LaunchGroup::new();
                launch.task_group = Some(*group).into();
                event.set_type(event::Type::LAUNCH_GROUP);
                event.launch_group = Some(launch).into();
            }
        }
        let wanted: Vec<Resource> = tasks
            .iter()
            .flat_map(|task| task.resources.clone())
            .collect();
        let attach = self.attachment(framework, id, &wanted);
        let Some(executor) = self.executor_mut(framework, id) else {
            return;
        };
        let mut effects: Vec<Effect> = attach.into_iter().collect();
        for task in tasks {
            if executor.checkpoint {
                let place = executor.place();
                let checkpoint = Checkpoint::Task(place, Box::new(task.clone()));
                effects.push(Effect::Checkpoint(checkpoint));
            }
            executor
                .launched
                .insert(task.task_id.value().to_string(), task);
        }
        effects.extend(tell(executor, event));
        self.effects.extend(effects);
    }

    /// The event stream of a subscription broke. Its executor is expected to come back, or to exit.
    pub fn disconnected(&mut self, framework: &str, id: &str, link: &Link) {
        if let Some(executor) = self.executor_mut(framework, id)
            && executor.link.as_ref() == Some(link)
        {
            tracing::info!("executor {id} of framework {framework} has disconnected");
            executor.link = None;
        }
    }

    /// A message from an executor to its framework.
    pub fn executor_message(&mut self, framework: &str, id: &str, data: Vec<u8>) {
        let (Some(master), Some(agent)) = (&self.master, &self.id) else {
            return;
        };
        let Some(owner) = self.frameworks.get(framework) else {
            return;
        };
        let mut message = ExecutorToFrameworkMessage::new();
        message.slave_id = slave_id(agent);
        message.framework_id = framework_id(framework);
        message.executor_id = executor_id(id);
        message.set_data(data);
        let to = owner.pid.clone().unwrap_or_else(|| master.pid.clone());
        self.effects.push(Effect::Send(to, Box::new(message)));
    }

    /// The agent's id from a former life.
    pub fn restore_agent(&mut self, id: &str) {
        self.id = Some(id.to_string());
    }

    /// A framework from a former life.
    pub fn restore_framework(&mut self, info: FrameworkInfo, pid: Option<Upid>) {
        let framework = Framework::new(info, pid);
        self.frameworks
            .insert(framework.id().to_string(), framework);
    }

    /// An executor from a former life, with its tasks, each with its updates and the uuids of those
    /// that were acknowledged. Must follow its framework.
    pub fn restore_executor(
        &mut self,
        now: Now,
        place: &Place,
        info: ExecutorInfo,
        is_command: bool,
        process: Option<u32>,
        tasks: Vec<(Task, Vec<StatusUpdate>, HashSet<Vec<u8>>)>,
    ) {
        let agent = self.id.clone().unwrap_or_default();
        let directory = crate::paths::run(&self.config.work_dir, &agent, place);
        let Some(framework) = self.frameworks.get_mut(&place.framework) else {
            return;
        };
        let container = place.container.clone();
        let mut executor = Executor::new(info, &framework.info, container, directory, is_command);
        executor.process = process;
        for (mut task, updates, acknowledged) in tasks {
            let id = task.task_id.value().to_string();
            let mut over = false;
            for update in &updates {
                super::record::note(&mut task, &update.status);
                over |= super::is_terminal(update.status.state());
            }
            let settled = updates
                .last()
                .is_some_and(|last| acknowledged.contains(last.uuid()));
            if over {
                executor.terminated.insert(id.clone(), task);
                if settled {
                    executor.complete(&id);
                }
            } else {
                executor.launched.insert(id, task);
            }
            self.streams.restore(now.at, updates, &acknowledged, place);
        }
        framework
            .executors
            .insert(executor.id().to_string(), executor);
    }

    /// Everything from a former life is restored: executors that live have until the window closes to
    /// subscribe again, then a master is looked for.
    pub fn recovered(&mut self, now: Now) {
        let waits = self.executors().any(|(_, executor)| {
            executor.state == ExecutorState::Registering && executor.process.is_some()
        });
        if waits {
            let window: Duration = self.config.executor_reregistration_timeout;
            self.recovery_deadline = Some(now.at + window);
        } else {
            self.leave_recovery(now);
        }
    }

    /// Nobody else is waited for.
    pub(super) fn leave_recovery_if_complete(&mut self, now: Now) {
        let waits = self
            .executors()
            .any(|(_, executor)| executor.state == ExecutorState::Registering);
        if self.recovery_deadline.is_some() && !waits {
            self.leave_recovery(now);
        }
    }

    pub(super) fn tick_recovery(&mut self, now: Now) {
        if self.recovery_deadline.is_none_or(|at| at > now.at) {
            return;
        }
        let window = mesos_wire::duration::format(self.config.executor_reregistration_timeout);
        let mut destroy = Vec::new();
        for framework in self.frameworks.values_mut() {
            let state = framework.lost_state(TaskState::TASK_GONE);
            for executor in framework.executors.values_mut() {
                if executor.state == ExecutorState::Registering {
                    executor.state = ExecutorState::Terminating;
                    executor.ending = Some(Ending {
                        state,
                        reason: Reason::REASON_EXECUTOR_REREGISTRATION_TIMEOUT,
                        message: format!("Executor did not reregister within {window}"),
                        limited: Vec::new(),
                    });
                    destroy.push(executor.container_id.clone());
                }
            }
        }
        for container in destroy {
            self.destroy(&container);
        }
        self.leave_recovery(now);
    }
}
