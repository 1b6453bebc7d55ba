//! Task statuses that the master makes itself, and the record of a task that they are kept in.

use mesos_proto::mesos::task_status::{Reason, Source};
use mesos_proto::mesos::{Task, TaskInfo, TaskState, TaskStatus};
use mesos_proto::scheduler::{Event, event};
use protobuf::MessageField;

use super::agent::time_info;
use super::counters::is_terminal;
use super::effect::Moment;
use super::id::{AgentId, FrameworkId, TaskId};
use super::master::{Master, bag};
use super::watch::Happening;

/// What the master itself says of a task. It is sent once, without a uuid: nobody acknowledges it.
#[derive(Debug, Clone)]
pub(crate) struct MasterStatus {
    pub(crate) state: TaskState,
    pub(crate) reason: Reason,
    pub(crate) message: String,
    /// Since when the task's agent is unreachable.
    pub(crate) unreachable: Option<Moment>,
}

impl MasterStatus {
    fn proto(&self, task: &TaskId, agent: Option<&AgentId>, now: Moment) -> TaskStatus {
        let mut status = TaskStatus::new();
        status.task_id = task.field();
        status.slave_id = agent.map(AgentId::proto).into();
        status.set_state(self.state);
        status.set_source(Source::SOURCE_MASTER);
        status.set_reason(self.reason);
        status.set_message(self.message.clone());
        status.set_timestamp(now.as_secs_f64());
        status.unreachable_time = self.unreachable.map(time_info).into();
        status
    }
}

impl Master {
    /// Tells a framework of a task's state.
    pub(crate) fn notify_status(
        &mut self,
        framework: &FrameworkId,
        task: &TaskId,
        agent: Option<&AgentId>,
        status: MasterStatus,
    ) -> TaskStatus {
        let mut proto = status.proto(task, agent, self.now);
        let known = self
            .frameworks
            .get(framework)
            .and_then(|f| f.tasks.get(task));
        proto.executor_id = known.map(|t| t.executor_id.clone()).unwrap_or_default();
        let latest = known.and_then(|task| task.statuses.last());
        if let (Some(latest), Reason::REASON_RECONCILIATION) = (latest, status.reason) {
            proto.healthy = latest.healthy;
            proto.check_status = latest.check_status.clone();
            proto.container_status = latest.container_status.clone();
        }
        self.send_status(framework, proto.clone());
        proto
    }

    pub(crate) fn send_status(&mut self, framework: &FrameworkId, status: TaskStatus) {
        tracing::info!(
            "sending {:?} of task {} to framework {framework}{}",
            status.state(),
            status.task_id.value(),
            status
                .message
                .as_ref()
                .map(|m| format!(": {m}"))
                .unwrap_or_default(),
        );
        let mut event = Event::new();
        event.set_type(event::Type::UPDATE);
        event.update.mut_or_insert_default().status = MessageField::some(status);
        self.notify(framework, event);
    }

    /// Remembers a task under its framework and its agent.
    pub(crate) fn index_task(&mut self, framework_id: &FrameworkId, agent: &AgentId, task: Task) {
        let id = TaskId::from(task.task_id.get_or_default());
        self.happened(|| Happening::TaskAdded(Box::new(task.clone())));
        if let Some(agent) = self.agents.get_mut(agent) {
            agent
                .tasks
                .entry(framework_id.clone())
                .or_default()
                .insert(id.clone());
        }
        if let Some(framework) = self.frameworks.get_mut(framework_id) {
            framework.tasks.insert(id, task);
        }
    }

    /// Forgets a task and gives its record away.
    pub(crate) fn unindex_task(&mut self, framework: &FrameworkId, id: &TaskId) -> Option<Task> {
        let task = self.frameworks.get_mut(framework)?.tasks.remove(id)?;
        let agent = AgentId::from(task.slave_id.get_or_default());
        if let Some(agent) = self.agents.get_mut(&agent) {
            for index in [&mut agent.tasks, &mut agent.killed] {
                if let Some(tasks) = index.get_mut(framework) {
                    tasks.remove(id);
                    if tasks.is_empty() {
                        index.remove(framework);
                    }
                }
            }
        }
        Some(task)
    }

    /// Ends a task by the master's own word: unless it had ended before, its framework is told and
    /// what it used is free.
    pub(crate) fn end_task(
        &mut self,
        framework_id: &FrameworkId,
        agent: &AgentId,
        id: &TaskId,
        status: &MasterStatus,
    ) {
        let old = self
            .frameworks
            .get(framework_id)
            .and_then(|f| f.tasks.get(id))
            .map(Task::state);
        let was_over = old.is_none_or(is_terminal);
        let proto =
            (!was_over).then(|| self.notify_status(framework_id, id, Some(agent), status.clone()));
        let Some(mut task) = self.unindex_task(framework_id, id) else {
            return;
        };
        if let Some(proto) = proto {
            self.release(framework_id, agent, &bag(&task.resources));
            task.set_state(status.state);
            record(&mut task, &proto);
            self.task_happened(framework_id, old, &proto, status.state);
            self.count_end(framework_id, &proto);
        }
        let (completed, unreachable) = (
            self.config.max_completed_tasks,
            self.config.max_unreachable_tasks,
        );
        let Some(framework) = self.frameworks.get_mut(framework_id) else {
            return;
        };
        if status.unreachable.is_some() && !was_over {
            framework.unreachable.insert(id.clone(), task);
            while framework.unreachable.len() > unreachable {
                framework.unreachable.pop_first();
            }
        } else {
            framework.complete(task, completed);
        }
    }

    /// Counts a task's end, if this status is one.
    pub(crate) fn count_end(&mut self, framework: &FrameworkId, status: &TaskStatus) {
        if !is_terminal(status.state()) {
            return;
        }
        let reason = status.has_reason().then(|| status.reason());
        self.counters
            .task_ended(status.state(), status.source(), reason);
        if let Some(framework) = self.frameworks.get_mut(framework) {
            framework.counters.task_ended(status.state());
        }
    }
}

/// Keeps a status with its task: the last one of each state in a row, without its data (messages.md,
/// "Task.statuses").
pub(crate) fn record(task: &mut Task, status: &TaskStatus) {
    let mut kept = status.clone();
    kept.clear_data();
    match task.statuses.last_mut() {
        Some(last) if last.state() == kept.state() => *last = kept,
        _ => task.statuses.push(kept),
    }
}

/// The record of a task that is launched.
pub(crate) fn staged(info: &TaskInfo, framework: &FrameworkId) -> Task {
    let mut task = Task::new();
    task.set_name(info.name().to_string());
    task.task_id = info.task_id.clone();
    task.framework_id = framework.field();
    task.slave_id = info.slave_id.clone();
    task.set_state(TaskState::TASK_STAGING);
    task.resources = info.resources.clone();
    task.limits = info.limits.clone();
    task.labels = info.labels.clone();
    task.discovery = info.discovery.clone();
    task.container = info.container.clone();
    task.health_check = info.health_check.clone();
    task.kill_policy = info.kill_policy.clone();
    if let Some(executor) = info.executor.as_ref() {
        task.executor_id = executor.executor_id.clone();
    }
    let commands = [info.command.as_ref(), info.executor.command.as_ref()];
    task.user = commands
        .into_iter()
        .flatten()
        .find_map(|command| command.user.clone());
    task
}
