//! What agents say of tasks and executors, and how frameworks answer (protocol-flows §7).

use mesos_proto::mesos::TaskState;
use mesos_proto::messages::{
    ExecutorToFrameworkMessage, ExitedExecutorMessage, StatusUpdateAcknowledgementMessage,
    StatusUpdateMessage,
};
use mesos_proto::scheduler::{Event, call, event};
use mesos_wire::pid::Upid;
use protobuf::MessageField;

use super::counters::is_terminal;
use super::id::{AgentId, ExecutorId, FrameworkId, TaskId};
use super::master::{Master, bag};
use super::status::record;

impl Master {
    /// A task's new state. It goes to the framework with its uuid, so the framework answers it.
    pub fn status_update(&mut self, from: &Upid, message: StatusUpdateMessage) {
        self.counters.bump("messages_status_update");
        let update = message.update.unwrap_or_default();
        let framework_id = FrameworkId::from(update.framework_id.get_or_default());
        let agent_id = AgentId::from(update.slave_id.get_or_default());
        let mut status = update.status.clone().unwrap_or_default();
        let task_id = TaskId::from(status.task_id.get_or_default());
        let refuse = |why: &str| {
            tracing::warn!(
                "ignoring {:?} of task {task_id} of framework {framework_id} from {from}: {why}",
                status.state()
            );
        };
        if !self.agents.contains_key(&agent_id) {
            refuse("its agent is not registered");
            self.counters.bump_valid(false, "status_updates");
            return;
        }
        if !self.frameworks.contains_key(&framework_id) {
            refuse("the framework is not known");
            self.counters.bump_valid(false, "status_updates");
            return;
        }
        // Whoever reads the status must be able to answer it from the status alone.
        if !status.has_uuid() {
            status.uuid = update.uuid.clone();
        }
        if status.uuid.as_ref().is_some_and(Vec::is_empty) {
            status.clear_uuid();
        }
        if status.slave_id.is_none() {
            status.slave_id = agent_id.field();
        }
        if status.executor_id.is_none() {
            status.executor_id = update.executor_id.clone();
        }
        if !status.has_timestamp() {
            status.set_timestamp(update.timestamp());
        }
        self.send_status(&framework_id, status.clone());
        let known = self
            .frameworks
            .get_mut(&framework_id)
            .and_then(|f| f.tasks.get_mut(&task_id));
        let Some(task) = known else {
            tracing::warn!(
                "task {task_id} of framework {framework_id} is not known to this master"
            );
            self.counters.bump_valid(false, "status_updates");
            return;
        };
        self.counters.bump_valid(true, "status_updates");
        let old = task.state();
        let latest = match update.latest_state {
            Some(state) => state.enum_value_or(status.state()),
            None => status.state(),
        };
        let said = task.statuses.last().map(|last| last.state());
        task.status_update_state = status.state;
        task.status_update_uuid = status.uuid.clone();
        record(task, &status);
        if !is_terminal(old) {
            task.set_state(latest);
        }
        let known = task.state();
        let resources = bag(&task.resources);
        self.task_happened(&framework_id, said, &status, known);
        if is_terminal(old) {
            return;
        }
        if status.state() == TaskState::TASK_STARTING || status.state() == TaskState::TASK_RUNNING {
            self.counters.started += u64::from(old == TaskState::TASK_STAGING);
        }
        if is_terminal(latest) {
            status.set_state(latest);
            self.count_end(&framework_id, &status);
            self.release(&framework_id, &agent_id, &resources);
        }
    }

    /// A framework has seen a status. After the last one its task is history.
    pub(crate) fn acknowledge(&mut self, framework: &FrameworkId, call: call::Acknowledge) {
        self.counters.bump("messages_status_update_acknowledgement");
        let agent_id = AgentId::from(call.slave_id.get_or_default());
        let task_id = TaskId::from(call.task_id.get_or_default());
        let agent = self.agents.get(&agent_id);
        if agent.is_none_or(|a| !a.connected) {
            tracing::warn!(
                "cannot pass on the acknowledgement of task {task_id} of framework {framework}: agent {agent_id} is not connected"
            );
            self.counters
                .bump_valid(false, "status_update_acknowledgements");
            return;
        }
        let task = self
            .frameworks
            .get(framework)
            .and_then(|f| f.tasks.get(&task_id));
        let is_last = task.is_some_and(|task| {
            task.status_update_uuid == call.uuid && is_terminal(task.status_update_state())
        });
        self.counters
            .bump_valid(true, "status_update_acknowledgements");
        let message = StatusUpdateAcknowledgementMessage {
            slave_id: agent_id.field(),
            framework_id: framework.field(),
            task_id: task_id.field(),
            uuid: call.uuid,
            ..Default::default()
        };
        self.send_to_agent(&agent_id, message);
        if is_last && let Some(task) = self.unindex_task(framework, &task_id) {
            let most = self.config.max_completed_tasks;
            if let Some(framework) = self.frameworks.get_mut(framework) {
                framework.complete(task, most);
            }
        }
    }

    /// An executor is gone.
    pub fn exited_executor(&mut self, message: ExitedExecutorMessage) {
        self.counters.bump("messages_exited_executor");
        let agent = AgentId::from(message.slave_id.get_or_default());
        let framework = FrameworkId::from(message.framework_id.get_or_default());
        let executor = ExecutorId::from(message.executor_id.get_or_default());
        if !self.remove_executor(&framework, &agent, &executor) {
            tracing::warn!(
                "executor {executor} of framework {framework} on agent {agent} is not known"
            );
            return;
        }
        tracing::info!(
            "executor {executor} of framework {framework} on agent {agent} exited with status {}",
            message.status()
        );
        let mut event = Event::new();
        event.set_type(event::Type::FAILURE);
        event.failure = MessageField::some(event::Failure {
            slave_id: message.slave_id,
            executor_id: message.executor_id,
            status: message.status,
            ..Default::default()
        });
        self.notify(&framework, event);
    }

    /// What an executor has to say to its framework.
    pub fn executor_message(&mut self, message: ExecutorToFrameworkMessage) {
        self.counters.bump("messages_executor_to_framework");
        let framework = FrameworkId::from(message.framework_id.get_or_default());
        let is_known = self
            .agents
            .contains_key(&AgentId::from(message.slave_id.get_or_default()));
        let mut event = Event::new();
        event.set_type(event::Type::MESSAGE);
        event.message = MessageField::some(event::Message {
            slave_id: message.slave_id,
            executor_id: message.executor_id,
            data: message.data,
            ..Default::default()
        });
        let valid = is_known && self.notify(&framework, event);
        self.counters
            .bump_valid(valid, "executor_to_framework_messages");
    }
}
