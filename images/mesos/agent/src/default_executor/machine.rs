//! The default executor as a state machine: fed what the agent, the containers and the checks say, and
//! the time; it says what is to be done.

use std::collections::BTreeMap;
use std::time::Duration;

use mesos_proto::mesos::task_status::Reason;
use mesos_proto::mesos::{
    ContainerID, FrameworkInfo, KillPolicy, TaskGroupInfo, TaskInfo, TaskState, TaskStatus,
};
use mesos_proto::v1_agent::response::WaitContainer;
use protobuf::MessageField;
use tokio::time::Instant;

use crate::executor::health::{Check, Health};
use crate::executor::probe::Seen;
use crate::executor::task::{Order, Task};
use crate::model::{is_terminal, wait_status};

/// Something to be done.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Act {
    /// Report a task's state.
    Update(Box<TaskStatus>),
    /// Launch a task's container. Ends in [`Machine::launched`].
    Launch(Box<TaskInfo>, ContainerID),
    /// Wait for its end, link to its sandbox, and begin its checks. Ends in [`Machine::ended`].
    Watch(Box<TaskInfo>, ContainerID),
    /// Send its container a signal.
    Signal(ContainerID, i32),
    /// Exit: there is nothing left to do.
    Exit,
}

/// What a check has seen.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Sight {
    Health(Seen),
    Check(Seen),
}

/// Where a task's container stands.
#[derive(Debug, Clone, PartialEq)]
enum Phase {
    /// Asked for.
    Launching,
    /// It runs, and others of its group are still to come.
    Launched,
    /// It could not be launched.
    Failed(String),
    /// The whole group was launched.
    Running,
}

#[derive(Debug)]
struct Member {
    info: TaskInfo,
    group: u64,
    container: ContainerID,
    task: Task,
    phase: Phase,
    health: Option<Health>,
    check: Option<Check>,
    /// Whether it was told to end, so that its checks say nothing any more.
    ending: bool,
}

/// The executor.
#[derive(Debug, Default)]
pub(super) struct Machine {
    container: Option<ContainerID>,
    framework: Option<FrameworkInfo>,
    members: BTreeMap<String, Member>,
    groups: u64,
    shutting_down: bool,
    exited: bool,
    acts: Vec<Act>,
}

const SIGTERM: i32 = 15;
const SIGKILL: i32 = 9;

impl Machine {
    /// What is to be done, in this order.
    pub(super) fn take_acts(&mut self) -> Vec<Act> {
        std::mem::take(&mut self.acts)
    }

    /// When [`Machine::tick`] has something to do.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.members
            .values()
            .filter_map(|member| member.task.deadline())
            .min()
    }

    /// The agent knows this executor.
    pub(super) fn subscribed(&mut self, framework: Option<FrameworkInfo>, container: ContainerID) {
        if let Some(framework) = &framework {
            for member in self.members.values_mut() {
                member.task.set_framework(framework);
            }
        }
        self.framework = framework;
        self.container = Some(container);
    }

    /// A group of tasks is to run.
    pub(super) fn launch_group(
        &mut self,
        now: Instant,
        group: &TaskGroupInfo,
        mut new_id: impl FnMut() -> String,
    ) {
        if self.shutting_down || self.exited {
            tracing::warn!("ignoring a task group: the executor shuts down");
            return;
        }
        self.groups += 1;
        for info in &group.tasks {
            let key = info.task_id.value().to_string();
            let mut container = ContainerID::new();
            container.set_value(new_id());
            container.parent = self.container.clone().into();
            let member = Member {
                info: info.clone(),
                group: self.groups,
                container: container.clone(),
                task: Task::new(now, info, self.framework.as_ref()),
                phase: Phase::Launching,
                health: None,
                check: info.check.as_ref().map(Check::new),
                ending: false,
            };
            if self.members.contains_key(&key) {
                tracing::error!("ignoring task {key}: one of this id runs");
                continue;
            }
            self.members.insert(key.clone(), member);
            self.report(&key, TaskState::TASK_STARTING, None, "");
            self.acts
                .push(Act::Launch(Box::new(info.clone()), container));
        }
    }

    /// A container runs, or why it does not.
    pub(super) fn launched(&mut self, now: Instant, key: &str, result: Result<(), String>) {
        let Some(member) = self.members.get_mut(key) else {
            return;
        };
        member.phase = match result {
            Ok(()) => Phase::Launched,
            Err(text) => Phase::Failed(text),
        };
        if member.phase == Phase::Launched && member.ending {
            // The kill may have come to the agent before the container was there.
            let act = Act::Signal(member.container.clone(), SIGTERM);
            self.acts.push(act);
        }
        let group = member.group;
        let of_group = |member: &&Member| member.group == group;
        let mut members = self.members.values().filter(of_group);
        if members.any(|member| member.phase == Phase::Launching) {
            return;
        }
        let keys: Vec<String> = self
            .members
            .iter()
            .filter(|(_, member)| member.group == group)
            .map(|(key, _)| key.clone())
            .collect();
        for key in &keys {
            self.begin(now, key);
        }
        for key in &keys {
            if let Some(Member {
                phase: Phase::Failed(text),
                ..
            }) = self.members.get(key)
            {
                let text = text.clone();
                let was_told = self.members.get(key).is_some_and(|member| member.ending);
                let state = if was_told {
                    TaskState::TASK_KILLED
                } else {
                    TaskState::TASK_FAILED
                };
                let reason = Some(Reason::REASON_CONTAINER_LAUNCH_FAILED).filter(|_| !was_told);
                self.finish(now, key, state, reason, &text);
            }
        }
    }

    fn begin(&mut self, now: Instant, key: &str) {
        let Some(member) = self.members.get_mut(key) else {
            return;
        };
        if member.phase != Phase::Launched {
            return;
        }
        member.phase = Phase::Running;
        member.health = member
            .info
            .health_check
            .as_ref()
            .map(|check| Health::new(now, check));
        let watch = Act::Watch(Box::new(member.info.clone()), member.container.clone());
        if !member.ending {
            self.report(key, TaskState::TASK_RUNNING, None, "");
        }
        self.acts.push(watch);
    }

    /// A container has ended, or the agent does not know it: why.
    pub(super) fn ended(&mut self, now: Instant, key: &str, result: Result<WaitContainer, String>) {
        let Some(member) = self.members.get(key) else {
            return;
        };
        let (state, reason, text) = match result {
            Ok(wait) => {
                let end = member.task.end(wait.exit_status == Some(0));
                let mut text = match wait.exit_status {
                    Some(status) => format!("Command {}", wait_status(status)),
                    None => "Command terminated with unknown status".to_string(),
                };
                if let Some(more) = &wait.message {
                    text = format!("{text}: {more}");
                }
                // The agent may know more of the end than the status shows.
                let state = wait.state.and_then(|state| state.enum_value().ok());
                let reason = wait.reason.and_then(|reason| reason.enum_value().ok());
                (
                    state.filter(|s| is_terminal(*s)).unwrap_or(end.state),
                    reason.or(end.reason),
                    text,
                )
            }
            Err(text) => (member.task.end(false).state, None, text),
        };
        self.finish(now, key, state, reason, &text);
    }

    fn finish(
        &mut self,
        now: Instant,
        key: &str,
        state: TaskState,
        reason: Option<Reason>,
        text: &str,
    ) {
        tracing::info!("task {key}: {state:?} {text}");
        self.report(key, state, reason, text);
        let Some(member) = self.members.remove(key) else {
            return;
        };
        if self.members.is_empty() {
            self.exit();
        } else if matches!(state, TaskState::TASK_FAILED | TaskState::TASK_KILLED) {
            // A group is one: it does not go on without a member.
            let rest: Vec<String> = self
                .members
                .iter()
                .filter(|(_, other)| other.group == member.group && !other.ending)
                .map(|(key, _)| key.clone())
                .collect();
            for key in rest {
                tracing::info!("killing task {key}: its group has lost a task");
                self.kill(now, &key, None);
            }
        }
    }

    /// The framework wants a task to end.
    pub(super) fn kill(&mut self, now: Instant, key: &str, policy: Option<&KillPolicy>) {
        match self.members.get_mut(key) {
            Some(member) => {
                let order = member.task.kill(now, policy);
                self.obey(key, order);
            }
            None => tracing::warn!("ignoring the kill of task {key}, which is not here"),
        }
    }

    /// The agent wants no more of this executor.
    pub(super) fn shut_down(&mut self, now: Instant, grace: Duration) {
        tracing::info!("shutting down");
        self.shutting_down = true;
        if self.members.is_empty() {
            self.exit();
        }
        for key in self.members.keys().cloned().collect::<Vec<_>>() {
            if let Some(member) = self.members.get_mut(&key) {
                let order = member.task.kill_within(now, grace);
                self.obey(&key, order);
            }
        }
    }

    /// Does what is due.
    pub(super) fn tick(&mut self, now: Instant) {
        for key in self.members.keys().cloned().collect::<Vec<_>>() {
            if let Some(member) = self.members.get_mut(&key) {
                let order = member.task.tick(now);
                self.obey(&key, order);
            }
        }
    }

    /// A check has looked at a task.
    pub(super) fn seen(&mut self, now: Instant, key: &str, sight: &Sight) {
        let Some(member) = self.members.get_mut(key) else {
            return;
        };
        if member.ending {
            return;
        }
        match sight {
            Sight::Health(seen) => {
                let Some(health) = member.health.as_mut() else {
                    return;
                };
                let verdict = health.judge(now, seen.is_healthy());
                if verdict.report.is_some() {
                    let reason = Some(Reason::REASON_TASK_HEALTH_CHECK_STATUS_UPDATED);
                    self.report(key, TaskState::TASK_RUNNING, reason, "");
                }
                if verdict.kill {
                    tracing::warn!("killing task {key}: it is not healthy");
                    self.kill(now, key, None);
                }
            }
            Sight::Check(seen) => {
                if member.check.as_mut().is_some_and(|check| check.note(seen)) {
                    let reason = Some(Reason::REASON_TASK_CHECK_STATUS_UPDATED);
                    self.report(key, TaskState::TASK_RUNNING, reason, "");
                }
            }
        }
    }

    fn obey(&mut self, key: &str, order: Order) {
        let (signal, report) = match order {
            Order::Nothing => return,
            Order::Terminate { report } => (SIGTERM, report),
            Order::Kill { report } => (SIGKILL, report),
        };
        if report {
            self.report(key, TaskState::TASK_KILLING, None, "");
        }
        if let Some(member) = self.members.get_mut(key) {
            member.ending = true;
            self.acts
                .push(Act::Signal(member.container.clone(), signal));
        }
    }

    fn exit(&mut self) {
        if !self.exited {
            self.exited = true;
            self.acts.push(Act::Exit);
        }
    }

    fn report(&mut self, key: &str, state: TaskState, reason: Option<Reason>, text: &str) {
        let Some(member) = self.members.get(key) else {
            return;
        };
        let mut status = TaskStatus::new();
        status.task_id = member.info.task_id.clone();
        status.set_state(state);
        if let Some(reason) = reason {
            status.set_reason(reason);
        }
        if !text.is_empty() {
            status.set_message(text.to_string());
        }
        if let Some(healthy) = member.health.as_ref().and_then(Health::healthy) {
            status.set_healthy(healthy);
        }
        if let Some(check) = &member.check {
            status.check_status = Some(check.status().clone()).into();
        }
        let container = status.container_status.mut_or_insert_default();
        container.container_id = MessageField::some(member.container.clone());
        self.acts.push(Act::Update(Box::new(status)));
    }
}
