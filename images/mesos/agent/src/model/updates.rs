//! Status updates: from executors and of the agent's own making, on to the master.

use mesos_proto::executor::event;
use mesos_proto::mesos::{
    ContainerID, ContainerStatus, NetworkInfo, TaskState, network_info, task_status,
};
use mesos_proto::messages::{
    StatusUpdate, StatusUpdateAcknowledgementMessage, StatusUpdateMessage, StatusUpdateRecord,
    status_update_record,
};

use super::effect::{Checkpoint, Effect};
use super::framework::{Ending, ExecutorState, Link};
use super::ids::{executor_id, slave_id, task_id};
use super::record::{is_terminal, note, task_of, update_of};
use super::streams::Acknowledged;
use super::{Model, Now, State};
use crate::model::framework::Executor;

impl Model {
    /// An executor reports.
    pub fn executor_update(&mut self, now: Now, mut update: StatusUpdate) {
        if let Some(status) = update.status.as_mut() {
            status.set_source(task_status::Source::SOURCE_EXECUTOR);
        }
        self.accept_update(now, update, true);
    }

    /// The agent itself reports. An empty text is none.
    #[allow(clippy::too_many_arguments, reason = "the parts of one update")]
    pub(super) fn own_update(
        &mut self,
        now: Now,
        framework: &str,
        executor: Option<&str>,
        task: &str,
        state: TaskState,
        reason: Option<task_status::Reason>,
        text: &str,
    ) {
        let agent = self.id.clone().unwrap_or_default();
        let mut update = update_of(framework, &agent, executor, task, now.wall);
        if let Some(status) = update.status.as_mut() {
            status.set_state(state);
            if let Some(reason) = reason {
                status.set_reason(reason);
            }
            if !text.is_empty() {
                status.set_message(text.to_string());
            }
        }
        self.accept_update(now, update, false);
    }

    /// A task ends with its executor.
    pub(super) fn end_update(
        &mut self,
        now: Now,
        framework: &str,
        executor: &str,
        task: &str,
        ending: &Ending,
    ) {
        let agent = self.id.clone().unwrap_or_default();
        let mut update = update_of(framework, &agent, Some(executor), task, now.wall);
        if let Some(status) = update.status.as_mut() {
            status.set_state(ending.state);
            status.set_reason(ending.reason);
            if !ending.message.is_empty() {
                status.set_message(ending.message.clone());
            }
            if !ending.limited.is_empty() {
                let limitation = status.limitation.mut_or_insert_default();
                limitation.resources.clone_from(&ending.limited);
            }
        }
        self.accept_update(now, update, false);
    }

    fn accept_update(&mut self, now: Now, mut update: StatusUpdate, from_executor: bool) {
        let framework = update.framework_id.value().to_string();
        let executor = update.executor_id.value().to_string();
        let task = update.status.task_id.value().to_string();
        self.mark_drained(&mut update);
        let state = update.status.state();
        tracing::info!(
            "task {task} of framework {framework}: {state:?} {}",
            update.status.message()
        );
        let is_known = self.frameworks.contains_key(&framework);
        if from_executor && !is_known {
            tracing::warn!("ignoring an update of task {task}: framework {framework} is not here");
            self.counters.invalid_status_updates += 1;
            return;
        }
        let found = self.executor_mut(&framework, &executor);
        if from_executor && found.is_some_and(|executor| executor.is_limited()) {
            tracing::info!("dropping an update of task {task}: its executor is being ended");
            return;
        }
        if from_executor && self.is_beyond(&framework, &executor, &task, state) {
            // The executor is told that it is safe, so that it does not repeat itself.
            tracing::warn!("dropping an update of task {task}: it has ended, or never was here");
            self.counters.invalid_status_updates += 1;
            let found = self.executor_mut(&framework, &executor);
            if let Some((place, Some(link))) = found.map(|e| (e.place(), e.link.clone())) {
                self.acknowledge_executor(place, link, &task, update.uuid().to_vec());
            }
            return;
        }
        self.counters.valid_status_updates += 1;
        let agent = self.id.clone().unwrap_or_default();
        let ip = self.config.ip().to_string();
        complete(&mut update, &agent);
        let uuid = update.uuid().to_vec();
        let mut place = None;
        let mut link = None;
        let mut detach = None;
        let found = self.executor_mut(&framework, &executor);
        let mut started = false;
        let mut shrinks = false;
        let ended;
        if let Some(executor) = found {
            place = Some(executor.place());
            link = executor.link.clone();
            if let Some(status) = update.status.as_mut() {
                describe_container(status, executor, &ip);
            }
            (started, ended) = record(executor, &update);
            shrinks = ended && !executor.is_command;
            detach = if ended {
                Self::detachment(executor, &task)
            } else {
                None
            };
        } else {
            ended = is_terminal(state);
        }
        self.effects.extend(detach);
        if shrinks {
            self.resize(&framework, &executor);
        }
        let checkpoint = self
            .executor_mut(&framework, &executor)
            .is_some_and(|executor| executor.checkpoint);
        let is_new = self.streams.add(now.at, update.clone(), place.clone());
        if is_new {
            self.counters.tasks_started += u64::from(started);
            if ended {
                self.counters.ended(state);
            }
            if let (Some(place), true) = (place.clone(), checkpoint) {
                let mut record = StatusUpdateRecord::new();
                record.set_type(status_update_record::Type::UPDATE);
                record.update = Some(update).into();
                let record = Box::new(record);
                let checkpoint = Checkpoint::Record {
                    place,
                    task: task.clone(),
                    record,
                };
                self.effects.push(Effect::Checkpoint(checkpoint));
            }
        }
        if ended && !is_new {
            // The framework was told an end of this id before, and is told no other.
            if let Some(executor) = self.executor_mut(&framework, &executor) {
                executor.complete(&task);
            }
            self.forget_if_done(&framework, &executor);
        }
        // The executor is told that the update is safe, also when it tells it a second time.
        if let (true, Some(place), Some(link)) = (from_executor, place, link) {
            self.acknowledge_executor(place, link, &task, uuid);
        }
        self.flush_updates(now);
    }

    /// Whether an executor reports on a task that it does not have: one whose end was told, or that it
    /// was never given.
    fn is_beyond(&self, framework: &str, executor: &str, task: &str, state: TaskState) -> bool {
        let owner = self.frameworks.get(framework);
        let Some(executor) = owner.and_then(|owner| owner.executors.get(executor)) else {
            return false;
        };
        let is_queued = executor.queued_tasks().any(|t| t.task_id.value() == task);
        let is_its = executor.launched.contains_key(task) || (is_queued && is_terminal(state));
        !is_its
    }

    fn acknowledge_executor(&mut self, place: super::Place, link: Link, task: &str, uuid: Vec<u8>) {
        let mut acknowledged = event::Acknowledged::new();
        acknowledged.task_id = task_id(task);
        acknowledged.set_uuid(uuid);
        let mut event = mesos_proto::executor::Event::new();
        event.set_type(event::Type::ACKNOWLEDGED);
        event.acknowledged = Some(acknowledged).into();
        let event = Box::new(event);
        self.effects.push(Effect::Tell { link, place, event });
    }

    /// Sends the updates that are due, if there is a master to send them to.
    pub(super) fn flush_updates(&mut self, now: Now) {
        let (State::Running, Some(master)) = (self.state, self.master.clone()) else {
            return;
        };
        for update in self.streams.due(now.at) {
            let (framework, executor) = (update.framework_id.value(), update.executor_id.value());
            if let Some(task) = self
                .executor_mut(framework, executor)
                .and_then(|executor| executor.task_mut(update.status.task_id.value()))
            {
                task.set_status_update_state(update.status.state());
                task.set_status_update_uuid(update.uuid().to_vec());
            }
            let mut message = StatusUpdateMessage::new();
            message.update = Some(update).into();
            message.set_pid(self.config.pid.to_string());
            self.effects
                .push(Effect::Send(master.pid.clone(), Box::new(message)));
        }
    }

    /// The framework has processed an update.
    pub fn acknowledged(&mut self, now: Now, message: &StatusUpdateAcknowledgementMessage) {
        let framework = message.framework_id.value();
        let task = message.task_id.value();
        let answer = self
            .streams
            .acknowledge(now.at, framework, task, message.uuid());
        let Acknowledged::Delivered { state, place } = answer else {
            tracing::warn!(
                "ignoring an acknowledgement for task {task} of {framework}: {answer:?}"
            );
            return;
        };
        let Some(place) = place else {
            self.flush_updates(now);
            return;
        };
        if let Some(executor) = self.executor_mut(framework, &place.executor) {
            if is_terminal(state) {
                executor.complete(task);
            }
            if executor.checkpoint && executor.container_id == place.container {
                let mut record = StatusUpdateRecord::new();
                record.set_type(status_update_record::Type::ACK);
                record.set_uuid(message.uuid().to_vec());
                let (place, task, record) = (place.clone(), task.to_string(), Box::new(record));
                let checkpoint = Checkpoint::Record {
                    place,
                    task,
                    record,
                };
                self.effects.push(Effect::Checkpoint(checkpoint));
            }
        }
        self.forget_if_done(framework, &place.executor);
        self.flush_updates(now);
    }

    /// Forgets an executor that is gone and owes nothing.
    pub(super) fn forget_if_done(&mut self, framework: &str, executor: &str) {
        let keep = self.config.max_completed_executors;
        let Some(owner) = self.frameworks.get_mut(framework) else {
            return;
        };
        let is_done = owner.executors.get(executor).is_some_and(|executor| {
            executor.state == ExecutorState::Terminated && !executor.is_incomplete()
        });
        if !is_done {
            return;
        }
        if let Some(executor) = owner.executors.remove(executor) {
            if executor.checkpoint {
                let forget = Checkpoint::ForgetExecutor(executor.place());
                self.effects.push(Effect::Checkpoint(forget));
            }
            self.effects.push(Effect::RetireExecutor(executor.place()));
            owner.completed.push_back(executor);
            while owner.completed.len() > keep {
                owner.completed.pop_front();
            }
        }
        self.forget_if_idle(framework);
    }

    /// Forgets a framework that has nothing here.
    pub(super) fn forget_if_idle(&mut self, framework: &str) {
        if self
            .frameworks
            .get(framework)
            .is_none_or(|f| !f.executors.is_empty())
        {
            return;
        }
        let Some(gone) = self.frameworks.remove(framework) else {
            return;
        };
        tracing::info!("framework {framework} has nothing more here");
        if gone.terminating {
            self.streams.forget(framework);
        }
        let retire = Effect::RetireFramework(framework.to_string());
        self.effects.push(retire);
        if gone.info.checkpoint() {
            let forget = Checkpoint::ForgetFramework(framework.to_string());
            self.effects.push(Effect::Checkpoint(forget));
        }
        self.remember_framework(gone);
        self.settle_drain();
        self.exit_if_left();
    }
}

/// Fills in what the executor may leave out.
fn complete(update: &mut StatusUpdate, agent: &str) {
    let (uuid, executor) = (update.uuid().to_vec(), update.executor_id.clone());
    update.slave_id = slave_id(agent);
    let timestamp = update.timestamp();
    if let Some(status) = update.status.as_mut() {
        status.set_uuid(uuid);
        status.slave_id = slave_id(agent);
        if executor.is_some() {
            status.executor_id = executor;
        }
        if !status.has_timestamp() {
            status.set_timestamp(timestamp);
        }
    }
}

fn describe_container(status: &mut mesos_proto::mesos::TaskStatus, executor: &Executor, ip: &str) {
    status.executor_id = executor_id(executor.id());
    let is_starting = status.state() == TaskState::TASK_STARTING;
    let container: &mut ContainerStatus = status.container_status.mut_or_insert_default();
    if container.container_id.is_none() {
        let mut id = ContainerID::new();
        id.set_value(executor.container_id.clone());
        container.container_id = Some(id).into();
    }
    // A nested container that is yet to be made has no address.
    let is_there = container.container_id.parent.is_none() || !is_starting;
    if is_there && container.network_infos.is_empty() {
        let mut address = network_info::IPAddress::new();
        address.set_protocol(network_info::Protocol::IPv4);
        address.set_ip_address(ip.to_string());
        let mut network = NetworkInfo::new();
        network.ip_addresses.push(address);
        container.network_infos.push(network);
    }
    if !container.has_executor_pid()
        && let Some(process) = executor.process
    {
        container.set_executor_pid(process);
    }
}

/// Notes an update with its task. Whether the task started, and whether it ended, by this.
fn record(executor: &mut Executor, update: &StatusUpdate) -> (bool, bool) {
    let id = update.status.task_id.value();
    let state = update.status.state();
    if let Some(queued) = executor.unqueue(id) {
        let tasks = queued
            .tasks()
            .iter()
            .map(|task| task_of(task, &executor.framework));
        let tasks: Vec<_> = tasks.collect();
        for task in tasks {
            executor
                .launched
                .insert(task.task_id.value().to_string(), task);
        }
    }
    let Some(task) = executor.launched.get_mut(id) else {
        // An update beyond the terminal one, or of a task that the executor made up.
        return (false, false);
    };
    let started = task.state() == TaskState::TASK_STAGING && !is_terminal(state);
    note(task, &update.status);
    let ended = is_terminal(state);
    if ended && let Some(task) = executor.launched.remove(id) {
        executor.terminated.insert(id.to_string(), task);
    }
    (started, ended)
}
