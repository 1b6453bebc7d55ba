//! The agent as a state machine: what it knows, and what follows from each event. No sockets, no
//! files, no clock: every method is told the time, and leaves [`Effect`]s for others to carry out.

mod authentication;
mod built_in;
mod counters;
mod drain;
mod effect;
mod exits;
mod framework;
mod ids;
mod kill;
mod launch;
mod operations;
mod oversubscription;
mod record;
mod registration;
mod share;
mod starts;
mod streams;
mod subscribe;
mod updates;
mod volumes;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use mesos_proto::mesos::{Resource, SlaveInfo, UUID, slave_info};
use mesos_wire::authorization::Acls;
use mesos_wire::pid::Upid;

pub use authentication::Proof;
pub use counters::Counters;
pub use drain::Drain;
pub use effect::{Checkpoint, Effect, Launch, Mount, Place};
pub(crate) use exits::wait_status;
pub use framework::{Executor, ExecutorState, Framework, Limitation, Link, Queued};
pub use ids::{executor_id, framework_id, slave_id, task_id};
pub use oversubscription::Oversubscription;
pub use record::is_terminal;
pub use registration::Registered;
pub use share::Share;
pub use streams::{Acknowledged, Streams};
pub use subscribe::Refusal;

use authentication::Authentication;
use operations::Operations;
use oversubscription::Estimate;
use registration::Registration;
use starts::Starts;

/// How many ended frameworks are remembered (the original's constant).
const MAX_COMPLETED_FRAMEWORKS: usize = 50;

/// The moment of an event.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Now {
    /// Since an arbitrary start; never goes back. For deadlines.
    pub at: Duration,
    /// Seconds since 1970. For what others are told.
    pub wall: f64,
}

/// Where an agent stands with its master.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Waits for the executors of its former life.
    Recovering,
    /// Not registered with a master.
    Disconnected,
    /// Registered.
    Running,
    /// Ends.
    Terminating,
}

/// The leading master.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Master {
    /// Names this life of it: one that was started again is another.
    pub id: String,
    /// Its actor.
    pub pid: Upid,
    /// Its advertised host name.
    pub hostname: String,
}

/// What the machine needs of the agent's settings.
#[derive(Debug, Clone)]
pub struct Config {
    /// What the agent registers with, without an id.
    pub info: SlaveInfo,
    /// The agent's own actor.
    pub pid: Upid,
    /// Mesos' version that this agent speaks.
    pub version: String,
    /// What it can do.
    pub capabilities: Vec<slave_info::capability::Type>,
    /// `--work_dir`.
    pub work_dir: PathBuf,
    /// `--launcher_dir`.
    pub launcher_dir: String,
    /// `--switch_user`.
    pub switch_user: bool,
    /// `--registration_backoff_factor`.
    pub registration_backoff_factor: Duration,
    /// `--executor_registration_timeout`.
    pub executor_registration_timeout: Duration,
    /// `--executor_reregistration_timeout`.
    pub executor_reregistration_timeout: Duration,
    /// `--executor_shutdown_grace_period`.
    pub executor_shutdown_grace_period: Duration,
    /// `--max_completed_executors_per_framework`.
    pub max_completed_executors: usize,
    /// Who may do what; everybody may do everything without.
    pub acls: Option<Arc<Acls>>,
    /// What it proves itself with to a master, if it does.
    pub proof: Option<Proof>,
    /// What it lends, if it does.
    pub oversubscription: Option<Oversubscription>,
}

impl Config {
    /// The address that containers are reached at.
    pub fn ip(&self) -> Ipv4Addr {
        *self.pid.address.ip()
    }
}

/// The agent.
#[derive(Debug)]
pub struct Model {
    config: Config,
    id: Option<String>,
    state: State,
    master: Option<Master>,
    registration: Registration,
    authentication: Authentication,
    frameworks: BTreeMap<String, Framework>,
    completed: VecDeque<Framework>,
    starts: Starts,
    streams: Streams,
    checkpointed_resources: Vec<Resource>,
    operations: Operations,
    estimate: Estimate,
    resource_version: [u8; 16],
    counters: Counters,
    effects: Vec<Effect>,
    recovery_deadline: Option<Duration>,
    drain: Option<Drain>,
}

impl Model {
    /// An agent that has just started and remembers nothing. It does not look for a master before
    /// [`Model::recovered`].
    pub fn new(config: Config) -> Self {
        Self {
            config,
            id: None,
            state: State::Recovering,
            master: None,
            registration: Registration::default(),
            authentication: Authentication::default(),
            frameworks: BTreeMap::new(),
            completed: VecDeque::new(),
            starts: Starts::default(),
            streams: Streams::default(),
            checkpointed_resources: Vec::new(),
            operations: Operations::default(),
            estimate: Estimate::default(),
            resource_version: *uuid::Uuid::new_v4().as_bytes(),
            counters: Counters::default(),
            effects: Vec::new(),
            recovery_deadline: None,
            drain: None,
        }
    }

    /// What is to be done, in this order. Each effect is given out once.
    pub fn take_effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    /// When [`Model::tick`] has something to do.
    pub fn next_deadline(&self) -> Option<Duration> {
        let executors = self
            .frameworks
            .values()
            .flat_map(|framework| framework.executors.values())
            .filter_map(|executor| executor.deadline);
        let streams = match self.state {
            State::Running => self
                .streams
                .next_deadline()
                .into_iter()
                .chain(self.operations.next_deadline())
                .min(),
            _ => None,
        };
        executors
            .chain(streams)
            .chain(self.recovery_deadline)
            .chain(self.starts.next_deadline())
            .chain(self.registration.next_deadline())
            .chain(self.authentication.next_deadline())
            .chain(self.estimate.next_deadline())
            .min()
    }

    /// Does what is due.
    pub fn tick(&mut self, now: Now) {
        self.tick_recovery(now);
        self.tick_executors(now);
        self.tick_starts(now);
        self.tick_authentication(now);
        self.tick_registration(now);
        self.tick_estimate(now);
        self.flush_updates(now);
        self.flush_operations(now);
    }

    /// The agent's settings.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The id that a master has given, once it has.
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// Where it stands with its master.
    pub fn state(&self) -> State {
        self.state
    }

    /// The leading master, if one is known.
    pub fn master(&self) -> Option<&Master> {
        self.master.as_ref()
    }

    /// Frameworks that have something here.
    pub fn frameworks(&self) -> impl Iterator<Item = &Framework> {
        self.frameworks.values()
    }

    /// Frameworks that had something here, oldest first.
    pub fn completed_frameworks(&self) -> impl Iterator<Item = &Framework> {
        self.completed.iter()
    }

    /// Executors that exist.
    pub fn executors(&self) -> impl Iterator<Item = (&Framework, &Executor)> {
        self.frameworks
            .values()
            .flat_map(|f| f.executors.values().map(move |e| (f, e)))
    }

    /// What happened so often.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Counters that others than the machine keep.
    pub fn counters_mut(&mut self) -> &mut Counters {
        &mut self.counters
    }

    /// The agent as it describes itself, with its id if it has one.
    pub fn info(&self) -> SlaveInfo {
        let mut info = self.config.info.clone();
        if let Some(id) = &self.id {
            info.id = slave_id(id);
        }
        info
    }

    fn resource_version(&self) -> protobuf::MessageField<UUID> {
        let mut uuid = UUID::new();
        uuid.set_value(self.resource_version.to_vec());
        Some(uuid).into()
    }

    fn executor_mut(&mut self, framework: &str, executor: &str) -> Option<&mut Executor> {
        self.frameworks
            .get_mut(framework)?
            .executors
            .get_mut(executor)
    }

    /// The ids of the executor that runs in a container.
    fn find_container(&self, container: &str) -> Option<(String, String)> {
        self.executors()
            .find(|(_, executor)| executor.container_id == container)
            .map(|(framework, executor)| (framework.id().to_string(), executor.id().to_string()))
    }

    fn remember_framework(&mut self, framework: Framework) {
        self.completed.push_back(framework);
        while self.completed.len() > MAX_COMPLETED_FRAMEWORKS {
            self.completed.pop_front();
        }
    }
}
