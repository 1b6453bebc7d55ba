//! What an agent that comes back brings with it (protocol-flows §3, steps 4 to 6).

use std::collections::{BTreeMap, BTreeSet};

use mesos_proto::mesos::task_status::{Reason, Source};
use mesos_proto::mesos::{Task, TaskState, TaskStatus};
use mesos_proto::messages::{
    KillTaskMessage, ReconcileTasksMessage, ReregisterSlaveMessage, SlaveReregisteredMessage,
};
use mesos_wire::pid::Upid;
use mesos_wire::resources::Resources;
use protobuf::MessageField;

use super::agent::Agent;
use super::counters::is_terminal;
use super::effect::Effect;
use super::framework::{Framework, roles_of};
use super::id::{AgentId, ExecutorId, FrameworkId, TaskId};
use super::master::{Master, bag};
use super::offer::{fill_allocation, normalize};
use super::status::MasterStatus;
use super::watch::Happening;

/// Why a re-registration is ignored, if it is (protocol-flows §3, step 5).
pub(crate) fn flaw(message: &ReregisterSlaveMessage) -> Option<String> {
    let agent = message.slave.id.get_or_default().value();
    if agent.is_empty() {
        return Some("it names no id".to_string());
    }
    let mut frameworks = BTreeSet::new();
    for info in &message.frameworks {
        if !frameworks.insert(info.id.value()) {
            return Some(format!("framework {} stands twice", info.id.value()));
        }
    }
    let mut executors = BTreeSet::new();
    for executor in &message.executor_infos {
        let (framework, id) = (executor.framework_id.value(), executor.executor_id.value());
        if !frameworks.contains(framework) {
            return Some(format!(
                "executor {id} is of unlisted framework `{framework}`"
            ));
        }
        if !executors.insert((framework, id)) {
            return Some(format!(
                "executor {id} of framework {framework} stands twice"
            ));
        }
        if let Err(error) = Resources::from_protos(&executor.resources) {
            return Some(format!("executor {id} of framework {framework}: {error}"));
        }
    }
    for task in &message.tasks {
        let (framework, id) = (task.framework_id.value(), task.task_id.value());
        if !frameworks.contains(framework) {
            return Some(format!("task {id} is of unlisted framework `{framework}`"));
        }
        if task.slave_id.value() != agent {
            return Some(format!(
                "task {id} of framework {framework} is of another agent"
            ));
        }
        let executor = task.executor_id.as_ref().map(|e| e.value());
        if task.state() == TaskState::TASK_RUNNING
            && executor.is_some_and(|executor| !executors.contains(&(framework, executor)))
        {
            return Some(format!(
                "task {id} of framework {framework} runs on an unlisted executor"
            ));
        }
        if let Err(error) = Resources::from_protos(&task.resources) {
            return Some(format!("task {id} of framework {framework}: {error}"));
        }
    }
    None
}

impl Master {
    /// An agent that this master does not have registered: all it brings is adopted, and the
    /// frameworks learn that their tasks are there.
    pub(crate) fn readmit(
        &mut self,
        id: &AgentId,
        from: &Upid,
        message: &ReregisterSlaveMessage,
        total: Resources,
    ) {
        let was_unreachable = self.unreachable_agents.remove(id).is_some();
        let is_expected = self.recovered_agents.remove(id).is_some();
        if let Some(other) = self.agents_by_pid.get(from).cloned() {
            self.remove_agent(&other, super::health::Removal::Replaced);
        }
        let agent = self.new_agent(
            id.clone(),
            from.clone(),
            message.slave.get_or_default().clone(),
            message.version().to_string(),
            &message.agent_capabilities,
            total,
        );
        let agent = Agent {
            checkpointed: message.checkpointed_resources.clone(),
            resource_version: message.resource_version_uuid.as_ref().cloned(),
            reregistered: Some(self.now),
            ..agent
        };
        self.agents.insert(id.clone(), agent);
        self.keep_admitted(id);
        self.happened(|| Happening::AgentAdded(id.clone()));
        self.agents_by_pid.insert(from.clone(), id.clone());
        self.effect(Effect::Link(from.clone()));
        let mut roles = BTreeMap::new();
        for info in &message.frameworks {
            let framework = FrameworkId::from(info.id.get_or_default());
            roles.insert(
                framework.clone(),
                roles_of(info).into_iter().next().unwrap_or_default(),
            );
            if !self.frameworks.contains_key(&framework) && !self.is_completed(&framework) {
                tracing::info!("framework {framework} is known from agent {id} again");
                let mut recovered = Framework::new(framework.clone(), info.clone(), self.now);
                recovered.recovered = true;
                self.begin_traffic(&recovered.info);
                self.frameworks.insert(framework.clone(), recovered);
                self.happened(|| Happening::FrameworkAdded(framework));
            }
        }
        let role = |framework: &FrameworkId| roles.get(framework).cloned().unwrap_or_default();
        for executor in &message.executor_infos {
            let framework = FrameworkId::from(executor.framework_id.get_or_default());
            if self.frameworks.contains_key(&framework) {
                let mut executor = executor.clone();
                fill_allocation(&mut executor.resources, &role(&framework));
                normalize(&mut executor.resources);
                self.add_executor(&framework, id, executor);
            }
        }
        // Of an agent that was expected, nothing was ever said that is to be taken back.
        let text = match (was_unreachable, is_expected) {
            (true, _) => Some("Unreachable agent re-reregistered"),
            (false, false) => Some("Unknown agent reregistered"),
            (false, true) => None,
        };
        for task in &message.tasks {
            let framework = FrameworkId::from(task.framework_id.get_or_default());
            if self.frameworks.contains_key(&framework) {
                let mut task = task.clone();
                fill_allocation(&mut task.resources, &role(&framework));
                normalize(&mut task.resources);
                self.adopt_task(&framework, id, task, text);
            }
        }
    }

    fn adopt_task(
        &mut self,
        framework_id: &FrameworkId,
        agent_id: &AgentId,
        task: Task,
        text: Option<&str>,
    ) {
        let id = TaskId::from(task.task_id.get_or_default());
        let state = task.state();
        if let Some(framework) = self.frameworks.get_mut(framework_id) {
            framework.unreachable.remove(&id);
        }
        if !is_terminal(state) {
            self.take(framework_id, agent_id, &bag(&task.resources));
        }
        self.index_task(framework_id, agent_id, task);
        if let Some(text) = text {
            let status = MasterStatus {
                state,
                reason: Reason::REASON_SLAVE_REREGISTERED,
                message: text.to_string(),
                unreachable: None,
            };
            self.notify_status(framework_id, &id, Some(agent_id), status);
        }
    }

    /// An agent that this master has registered: what the two know is brought together. The answer
    /// names the tasks that the agent does not have.
    pub(crate) fn take_back(
        &mut self,
        id: &AgentId,
        from: &Upid,
        message: &ReregisterSlaveMessage,
        total: Resources,
    ) -> SlaveReregisteredMessage {
        let mut answer = SlaveReregisteredMessage::new();
        answer.slave_id = id.field();
        answer.connection = MessageField::some(self.connection());
        let now = self.now;
        let Some(agent) = self.agents.get_mut(id) else {
            return answer;
        };
        let old_pid = std::mem::replace(&mut agent.pid, from.clone());
        let mut info = message.slave.get_or_default().clone();
        info.id = id.field();
        info.resources = bag(&info.resources).to_protos(mesos_wire::resources::Format::Post);
        let is_other = agent.info != info;
        agent.info = info;
        agent.version = message.version().to_string();
        agent.capabilities = message
            .agent_capabilities
            .iter()
            .map(|c| c.type_())
            .collect();
        agent.checkpointed = message.checkpointed_resources.clone();
        agent.resource_version = message.resource_version_uuid.as_ref().cloned();
        agent.reregistered = Some(now);
        agent.connected = true;
        agent.epoch += 1;
        let changed = agent.total != total;
        agent.total = total;
        self.agents_by_pid.remove(&old_pid);
        self.agents_by_pid.insert(from.clone(), id.clone());
        if is_other {
            self.keep_admitted(id);
        }
        self.effect(Effect::Link(from.clone()));
        if changed {
            self.rescind_agent(id);
            self.allocator.forget_agent(id);
        }
        answer.reconciliations = self.missing_tasks(id, message);
        self.remove_missing_executors(id, message);
        self.repeat_kills(id, message);
        answer
    }

    /// The tasks that this master has on the agent and the agent does not list, by framework.
    fn missing_tasks(
        &self,
        id: &AgentId,
        message: &ReregisterSlaveMessage,
    ) -> Vec<ReconcileTasksMessage> {
        let listed: BTreeSet<(&str, &str)> = message
            .tasks
            .iter()
            .map(|t| (t.framework_id.value(), t.task_id.value()))
            .collect();
        let mut missing = Vec::new();
        for (framework_id, tasks) in self.agents.get(id).into_iter().flat_map(|a| &a.tasks) {
            let Some(framework) = self.frameworks.get(framework_id) else {
                continue;
            };
            let statuses: Vec<TaskStatus> = tasks
                .iter()
                .filter(|task| !listed.contains(&(framework_id.as_str(), task.as_str())))
                .map(|task| {
                    let mut status = TaskStatus::new();
                    status.task_id = task.field();
                    status.slave_id = id.field();
                    status.state = framework.tasks.get(task).and_then(|t| t.state);
                    status.set_source(Source::SOURCE_MASTER);
                    status.set_reason(Reason::REASON_RECONCILIATION);
                    status
                })
                .collect();
            if !statuses.is_empty() {
                missing.push(ReconcileTasksMessage {
                    framework_id: framework_id.field(),
                    statuses,
                    framework: MessageField::some(framework.info.clone()),
                    ..Default::default()
                });
            }
        }
        missing
    }

    fn remove_missing_executors(&mut self, id: &AgentId, message: &ReregisterSlaveMessage) {
        let listed: BTreeSet<(&str, &str)> = message
            .executor_infos
            .iter()
            .map(|e| (e.framework_id.value(), e.executor_id.value()))
            .collect();
        let missing: Vec<(FrameworkId, ExecutorId)> = self
            .agents
            .get(id)
            .into_iter()
            .flat_map(|agent| &agent.executors)
            .flat_map(|(framework, executors)| {
                executors
                    .keys()
                    .map(move |executor| (framework.clone(), executor.clone()))
            })
            .filter(|(framework, executor)| {
                !listed.contains(&(framework.as_str(), executor.as_str()))
            })
            .collect();
        for (framework, executor) in missing {
            self.remove_executor(&framework, id, &executor);
        }
    }

    /// Says again which of the agent's tasks are to be killed.
    fn repeat_kills(&mut self, id: &AgentId, message: &ReregisterSlaveMessage) {
        for task in &message.tasks {
            let framework = FrameworkId::from(task.framework_id.get_or_default());
            let task_id = TaskId::from(task.task_id.get_or_default());
            let is_killed = self
                .agents
                .get(id)
                .and_then(|agent| agent.killed.get(&framework))
                .is_some_and(|killed| killed.contains(&task_id));
            if is_killed && !is_terminal(task.state()) {
                let mut kill = KillTaskMessage::new();
                kill.framework_id = framework.field();
                kill.task_id = task_id.field();
                self.send_to_agent(id, kill);
            }
        }
    }
}
