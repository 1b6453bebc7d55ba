//! Finding a master and staying registered with it (protocol-flows.md, sections 3 and 4).

use std::time::Duration;

use mesos_proto::mesos::{Resource, Task, TaskState, slave_info, task_status};
use mesos_proto::messages::{
    MasterSlaveConnection, PongSlaveMessage, ReconcileTasksMessage, RegisterSlaveMessage,
    ReregisterSlaveMessage, UnregisterSlaveMessage, archive,
};
use mesos_wire::libprocess::Outgoing;
use mesos_wire::pid::Upid;
use mesos_wire::resources::{Format, Resources};

use super::effect::{Checkpoint, Effect};
use super::framework::ExecutorState;
use super::ids::{framework_id, slave_id};
use super::record::task_of;
use super::{Master, Model, Now, State};

/// How long an agent waits for a ping before a master has told it.
const DEFAULT_PING_TIMEOUT: Duration = Duration::from_secs(75);
/// The longest a master may tell it to wait.
const MAX_PING_TIMEOUT: Duration = Duration::from_secs(24 * 3600);
/// The longest pause between two attempts to register.
const BACKOFF_MAX: Duration = Duration::from_secs(60);

#[derive(Debug, Default)]
pub(super) struct Registration {
    try_at: Option<Duration>,
    backoff: Duration,
    ping_timeout: Option<Duration>,
    ping_deadline: Option<Duration>,
}

impl Registration {
    pub(super) fn next_deadline(&self) -> Option<Duration> {
        self.try_at.into_iter().chain(self.ping_deadline).min()
    }
}

/// How a master answered.
#[derive(Debug, Clone)]
pub enum Registered {
    /// SlaveRegisteredMessage.
    New,
    /// SlaveReregisteredMessage, with the tasks that the master misses.
    Again(Vec<ReconcileTasksMessage>),
}

impl Model {
    /// Another master leads, or none, or the same one is to be asked again.
    pub fn master_detected(&mut self, now: Now, master: Option<Master>) {
        match &master {
            Some(master) => tracing::info!("the leading master is {}", master.pid),
            None => tracing::warn!("no master leads"),
        }
        self.master = master;
        self.register_anew(now);
    }

    pub(super) fn register_anew(&mut self, now: Now) {
        if matches!(self.state, State::Recovering | State::Terminating) {
            return;
        }
        self.state = State::Disconnected;
        self.forget_authentication();
        self.registration.ping_deadline = None;
        let factor = self.config.registration_backoff_factor;
        self.registration.backoff = factor.saturating_mul(2).min(BACKOFF_MAX);
        self.registration.try_at = self.master.as_ref().map(|_| now.at + up_to(factor));
    }

    /// The executors of the former life are here or gone: from now on a master is looked for.
    pub(super) fn leave_recovery(&mut self, now: Now) {
        if self.state == State::Recovering {
            self.state = State::Disconnected;
            self.recovery_deadline = None;
            self.begin_estimates(now);
            self.register_anew(now);
        }
    }

    /// Whether a message comes from the leading master. All its messages but PING must.
    pub fn is_master(&self, sender: &Upid) -> bool {
        self.master
            .as_ref()
            .is_some_and(|master| master.pid == *sender)
    }

    pub(super) fn tick_registration(&mut self, now: Now) {
        if self
            .registration
            .ping_deadline
            .is_some_and(|at| at <= now.at)
        {
            tracing::warn!("the master has not pinged for long; registering again");
            self.register_anew(now);
        }
        if self.registration.try_at.is_some_and(|at| at <= now.at) {
            if !self.is_proved(now) {
                self.registration.try_at = None;
                return;
            }
            self.try_to_register();
            let pause = up_to(self.registration.backoff);
            self.registration.backoff =
                self.registration.backoff.saturating_mul(2).min(BACKOFF_MAX);
            self.registration.try_at = Some(now.at + pause.max(Duration::from_millis(1)));
        }
    }

    /// The agent may register from now on.
    pub(super) fn register_soon(&mut self, now: Now) {
        if self.state == State::Disconnected {
            self.registration.try_at = Some(now.at);
            self.tick_registration(now);
        }
    }

    fn try_to_register(&mut self) {
        let Some(master) = self.master.as_ref().map(|master| master.pid.clone()) else {
            return;
        };
        self.effects.push(Effect::Link(master.clone()));
        let message: Box<dyn Outgoing> = if self.id.is_some() {
            Box::new(self.reregister_message())
        } else {
            Box::new(self.register_message())
        };
        self.effects.push(Effect::Send(master, message));
    }

    fn capabilities(&self) -> Vec<slave_info::Capability> {
        let capability = |kind: &slave_info::capability::Type| {
            let mut capability = slave_info::Capability::new();
            capability.set_type(*kind);
            capability
        };
        self.config.capabilities.iter().map(capability).collect()
    }

    fn register_message(&self) -> RegisterSlaveMessage {
        let mut message = RegisterSlaveMessage::new();
        message.slave = Some(self.info()).into();
        message.checkpointed_resources = before_refinement(&self.checkpointed_resources);
        message.set_version(self.config.version.clone());
        message.agent_capabilities = self.capabilities();
        message.resource_version_uuid = self.resource_version();
        message
    }

    fn reregister_message(&self) -> ReregisterSlaveMessage {
        let mut message = ReregisterSlaveMessage::new();
        message.slave = Some(self.info()).into();
        message.checkpointed_resources = before_refinement(&self.checkpointed_resources);
        message.set_version(self.config.version.clone());
        message.agent_capabilities = self.capabilities();
        message.resource_version_uuid = self.resource_version();
        for framework in self.frameworks.values() {
            message.frameworks.push(framework.info.clone());
            for executor in framework.executors.values() {
                let queued = executor
                    .queued_tasks()
                    .map(|task| task_of(task, framework.id()));
                message.tasks.extend(queued);
                let sent = executor
                    .launched
                    .values()
                    .chain(executor.terminated.values());
                message.tasks.extend(sent.cloned());
                if !executor.is_command && executor.state != ExecutorState::Terminated {
                    let mut info = executor.info.clone();
                    info.framework_id = framework_id(framework.id());
                    message.executor_infos.push(info);
                }
            }
        }
        for framework in &self.completed {
            let mut archived = archive::Framework::new();
            archived.framework_info = Some(framework.info.clone()).into();
            archived.set_pid(
                framework
                    .pid
                    .clone()
                    .unwrap_or_else(Upid::empty)
                    .to_string(),
            );
            let tasks = framework
                .completed
                .iter()
                .flat_map(|executor| &executor.completed);
            archived.tasks = tasks.cloned().collect::<Vec<Task>>();
            message.completed_frameworks.push(archived);
        }
        message
    }

    /// The master has accepted this agent.
    pub fn registered(
        &mut self,
        now: Now,
        sender: &Upid,
        id: &str,
        connection: Option<&MasterSlaveConnection>,
        how: Registered,
    ) {
        if !self.is_master(sender) {
            tracing::warn!("ignoring a registration by {sender}, which does not lead");
            return;
        }
        if let Some(own) = self.id.as_deref().filter(|own| *own != id) {
            let text = format!("registered as agent {id}, but this is agent {own}");
            self.effects.push(Effect::Exit(1, text));
            return;
        }
        if !matches!(self.state, State::Disconnected | State::Running) {
            return;
        }
        if let Some(seconds) = connection.map(|c| c.total_ping_timeout_seconds()) {
            self.registration.ping_timeout = Duration::try_from_secs_f64(seconds)
                .ok()
                .filter(|timeout| !timeout.is_zero() && *timeout < MAX_PING_TIMEOUT);
        }
        if self.state != State::Running {
            tracing::info!("registered with master {sender} as agent {id}");
            self.state = State::Running;
            self.registration.try_at = None;
            if self.id.is_none() {
                self.id = Some(id.to_string());
                let info = Box::new(self.info());
                self.effects
                    .push(Effect::Checkpoint(Checkpoint::Agent(info)));
            }
            self.streams.resume(now.at, None);
            self.announce_operations(now);
            // A former life may have ended after its last task and before it noted that it has drained.
            self.settle_drain();
        }
        self.expect_ping(now);
        if let Registered::Again(reconciliations) = how {
            for missing in &reconciliations {
                self.reconcile(now, missing);
            }
        }
        self.flush_updates(now);
    }

    /// The master has tasks that this agent did not report.
    fn reconcile(&mut self, now: Now, missing: &ReconcileTasksMessage) {
        let framework = missing.framework_id.value();
        let aware = missing.framework.as_ref().is_some_and(|info| {
            use mesos_proto::mesos::framework_info::capability::Type;
            info.capabilities
                .iter()
                .any(|c| c.type_() == Type::PARTITION_AWARE)
        });
        for status in &missing.statuses {
            let task = status.task_id.value();
            let is_known = self.streams.waits(framework, task)
                || self.frameworks.get(framework).is_some_and(|f| {
                    f.executors.values().any(|executor| {
                        executor.launched.contains_key(task)
                            || executor.terminated.contains_key(task)
                            || executor.queued_tasks().any(|t| t.task_id.value() == task)
                    })
                });
            if !is_known {
                let state = if aware {
                    TaskState::TASK_DROPPED
                } else {
                    TaskState::TASK_LOST
                };
                let reason = task_status::Reason::REASON_RECONCILIATION;
                let text = "Task is unknown to the agent";
                self.own_update(now, framework, None, task, state, Some(reason), text);
            }
        }
    }

    fn expect_ping(&mut self, now: Now) {
        let timeout = self
            .registration
            .ping_timeout
            .unwrap_or(DEFAULT_PING_TIMEOUT);
        self.registration.ping_deadline = Some(now.at + timeout);
    }

    /// A master's observer asks whether this agent lives.
    pub fn pinged(&mut self, now: Now, sender: Upid, connected: bool) {
        self.effects
            .push(Effect::Send(sender, Box::new(PongSlaveMessage::new())));
        if self.state != State::Running {
            return;
        }
        if connected {
            self.expect_ping(now);
        } else {
            tracing::warn!("the master sees this agent as disconnected; registering again");
            self.register_anew(now);
        }
    }

    /// The agent leaves the cluster for good: its frameworks end, then it exits.
    pub fn leave(&mut self, now: Now, reason: &str) {
        tracing::warn!("shutting down: {reason}");
        if let (Some(master), Some(id)) = (&self.master, &self.id)
            && self.state == State::Running
        {
            let mut message = UnregisterSlaveMessage::new();
            message.slave_id = slave_id(id);
            self.effects
                .push(Effect::Send(master.pid.clone(), Box::new(message)));
        }
        self.state = State::Terminating;
        self.registration.try_at = None;
        self.forget_authentication();
        self.registration.ping_deadline = None;
        for framework in self.frameworks.keys().cloned().collect::<Vec<_>>() {
            self.shutdown_framework(now, &framework);
        }
        self.exit_if_left();
    }

    pub(super) fn exit_if_left(&mut self) {
        if self.state == State::Terminating && self.frameworks.is_empty() {
            self.effects
                .push(Effect::Checkpoint(Checkpoint::ForgetAgent));
            let text = "all frameworks are shut down".to_string();
            self.effects.push(Effect::Exit(0, text));
        }
    }

    /// What operators and frameworks made of the agent's resources.
    pub fn checkpointed_resources(&self) -> &[Resource] {
        &self.checkpointed_resources
    }
}

fn before_refinement(resources: &[Resource]) -> Vec<Resource> {
    Resources::from_protos(resources.iter())
        .map(|resources| resources.to_protos(Format::Pre))
        .unwrap_or_else(|_| resources.to_vec())
}

/// A random time of at most `most`: agents must not all come at once.
pub(super) fn up_to(most: Duration) -> Duration {
    let random = uuid::Uuid::new_v4().as_u128() as u32;
    most.mul_f64(f64::from(random) / f64::from(u32::MAX))
}
