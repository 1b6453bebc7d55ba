//! Telling a framework the state of its tasks (protocol-flows §9).

use mesos_proto::mesos::TaskState;
use mesos_proto::mesos::task_status::Reason;
use mesos_proto::scheduler::call;

use super::counters::is_terminal;
use super::effect::Moment;
use super::id::{AgentId, FrameworkId, TaskId};
use super::master::Master;
use super::status::MasterStatus;

impl Master {
    pub(crate) fn reconcile(&mut self, framework: &FrameworkId, call: &call::Reconcile) {
        self.counters.bump("messages_reconcile_tasks");
        if call.tasks.is_empty() {
            self.reconcile_all(framework);
        }
        for task in &call.tasks {
            let id = TaskId::from(task.task_id.get_or_default());
            let agent = task.slave_id.as_ref().map(AgentId::from);
            self.reconcile_one(framework, &id, agent.as_ref());
        }
    }

    /// The latest state of each task that has not ended.
    fn reconcile_all(&mut self, framework_id: &FrameworkId) {
        let Some(framework) = self.frameworks.get(framework_id) else {
            return;
        };
        let tasks: Vec<TaskId> = framework
            .tasks
            .iter()
            .filter(|(_, task)| !is_terminal(task.state()))
            .map(|(id, _)| id.clone())
            .collect();
        for task in tasks {
            self.reconcile_one(framework_id, &task, None);
        }
    }

    /// The state of one task, whatever is known of it.
    pub(crate) fn reconcile_one(
        &mut self,
        framework_id: &FrameworkId,
        id: &TaskId,
        agent: Option<&AgentId>,
    ) {
        let Some(framework) = self.frameworks.get(framework_id) else {
            return;
        };
        let is_aware = framework.capabilities.partition_aware;
        let unless_aware = |state| {
            if is_aware {
                state
            } else {
                TaskState::TASK_LOST
            }
        };
        let (state, text, agent, unreachable): (_, _, _, Option<Moment>) = if let Some(task) =
            framework.tasks.get(id)
        {
            // What was forwarded last, not what is known: the rest is on its way.
            let state = if task.has_status_update_state() {
                task.status_update_state()
            } else {
                task.state()
            };
            let agent = AgentId::from(task.slave_id.get_or_default());
            (state, "Latest task state", Some(agent), None)
        } else if let Some(agent) = agent.filter(|agent| self.agents.contains_key(*agent)) {
            let state = unless_aware(TaskState::TASK_GONE);
            (
                state,
                "Task is unknown to the agent",
                Some(agent.clone()),
                None,
            )
        } else if let Some((agent, since)) = self.unreachable_agent_of(framework_id, id, agent) {
            let state = unless_aware(TaskState::TASK_UNREACHABLE);
            (state, "Task is unreachable", Some(agent), Some(since))
        } else if let Some(agent) = agent.filter(|agent| self.gone_agents.contains_key(*agent)) {
            let state = unless_aware(TaskState::TASK_GONE_BY_OPERATOR);
            (state, "Task is gone", Some(agent.clone()), None)
        } else if self.may_come_back(framework_id, agent) {
            return;
        } else {
            let state = unless_aware(TaskState::TASK_UNKNOWN);
            (state, "Task is unknown", agent.cloned(), None)
        };
        let status = MasterStatus {
            state,
            reason: Reason::REASON_RECONCILIATION,
            message: format!("Reconciliation: {text}"),
            unreachable,
        };
        self.notify_status(framework_id, id, agent.as_ref(), status);
    }

    /// Whether a task of which nothing is known may yet turn up: after a failover agents of a former
    /// master take some time to come back, and until then nothing is said of their tasks. Without a
    /// registry these are the agents that a former master named; where the agent is not named, the time
    /// is that in which every agent notices its new master.
    fn may_come_back(&self, framework: &FrameworkId, agent: Option<&AgentId>) -> bool {
        if self.has_registry {
            return match agent {
                Some(agent) => self.recovered_agents.contains_key(agent),
                None => !self.recovered_agents.is_empty(),
            };
        }
        let (is_foreign, time) = match agent {
            Some(agent) => {
                let master = agent
                    .as_str()
                    .rsplit_once("-S")
                    .map_or("", |(master, _)| master);
                (
                    self.is_another_master(master),
                    self.config.agent_reregister_timeout,
                )
            }
            None => {
                let master = framework
                    .as_str()
                    .rsplit_once('-')
                    .map_or("", |(master, _)| master);
                let noticed = self
                    .config
                    .ping_timeout
                    .saturating_mul(self.config.max_ping_timeouts);
                (self.is_another_master(master), noticed)
            }
        };
        is_foreign
            && self
                .elected
                .is_some_and(|elected| self.now < elected.saturating_add(time))
    }

    /// Whether an id is that of a master, but not of this one.
    fn is_another_master(&self, id: &str) -> bool {
        id != self.info.id() && uuid::Uuid::try_parse(id).is_ok()
    }

    /// The unreachable agent that a task is on: the one that is named, or that the task was on.
    fn unreachable_agent_of(
        &self,
        framework: &FrameworkId,
        id: &TaskId,
        named: Option<&AgentId>,
    ) -> Option<(AgentId, Moment)> {
        let agent = match named {
            Some(agent) => agent.clone(),
            None => {
                let task = self.frameworks.get(framework)?.unreachable.get(id)?;
                AgentId::from(task.slave_id.get_or_default())
            }
        };
        let since = *self.unreachable_agents.get(&agent)?;
        Some((agent, since))
    }
}
