//! What the master knows of one framework.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;

use mesos_proto::mesos::framework_info::capability::Type as Capability;
use mesos_proto::mesos::{FrameworkInfo, Task};
use mesos_proto::scheduler::OfferConstraints;
use mesos_wire::pid::Upid;
use mesos_wire::resources::Resources;

use super::counters::FrameworkCounters;
use super::effect::{Moment, StreamId};
use super::id::{AgentId, FrameworkId, OfferId, TaskId};
use super::wishes::Wishes;

/// How a framework is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Connection {
    /// It is not.
    None,
    /// Events are written to this stream of the v1 API.
    Http(StreamId),
    /// Messages are sent to the v0 driver.
    Driver(Upid),
}

impl fmt::Display for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("nothing"),
            Self::Http(stream) => write!(f, "stream {}", stream.0),
            Self::Driver(pid) => write!(f, "{pid}"),
        }
    }
}

/// What a framework says it can do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// It takes revocable resources.
    pub revocable_resources: bool,
    /// It takes GPUs.
    pub gpu_resources: bool,
    /// It takes shared volumes.
    pub shared_resources: bool,
    /// It tells unreachable tasks from lost ones.
    pub partition_aware: bool,
    /// It has several roles.
    pub multi_role: bool,
    /// It reads reservations as a stack.
    pub reservation_refinement: bool,
    /// It takes offers from other regions.
    pub region_aware: bool,
}

impl Capabilities {
    /// Those that the framework names; unknown ones are passed over.
    pub fn of(info: &FrameworkInfo) -> Self {
        let has = |wanted| info.capabilities.iter().any(|c| c.type_() == wanted);
        Self {
            revocable_resources: has(Capability::REVOCABLE_RESOURCES),
            gpu_resources: has(Capability::GPU_RESOURCES),
            shared_resources: has(Capability::SHARED_RESOURCES),
            partition_aware: has(Capability::PARTITION_AWARE),
            multi_role: has(Capability::MULTI_ROLE),
            reservation_refinement: has(Capability::RESERVATION_REFINEMENT),
            region_aware: has(Capability::REGION_AWARE),
        }
    }
}

/// The roles of a framework: `roles` if it knows several, else its one `role`.
pub fn roles_of(info: &FrameworkInfo) -> BTreeSet<String> {
    if Capabilities::of(info).multi_role {
        info.roles.iter().cloned().collect()
    } else {
        BTreeSet::from([info.role().to_string()])
    }
}

/// A framework that is subscribed, may come back, or has ended.
#[derive(Debug)]
pub struct Framework {
    /// Its name.
    pub id: FrameworkId,
    /// What it said of itself, with its id.
    pub info: FrameworkInfo,
    /// What it can do.
    pub capabilities: Capabilities,
    /// The roles it takes offers for.
    pub roles: BTreeSet<String>,
    /// Those of them for which it wants none now.
    pub suppressed: BTreeSet<String>,
    /// What it wants of the agents it is offered, as it said it.
    pub offer_constraints: OfferConstraints,
    /// The same, to be asked.
    pub wishes: Wishes,
    /// How it is reached.
    pub connection: Connection,
    /// The process that its driver was last at.
    pub last_pid: Option<String>,
    /// Whether offers are made to it.
    pub active: bool,
    /// Whether it is known from agents alone.
    pub recovered: bool,
    /// When it first subscribed with this master.
    pub registered: Moment,
    /// When it last subscribed again.
    pub reregistered: Moment,
    /// When it ended.
    pub unregistered: Option<Moment>,
    /// Its tasks, those included whose end is not acknowledged.
    pub tasks: BTreeMap<TaskId, Task>,
    /// Its tasks on agents that are unreachable.
    pub unreachable: BTreeMap<TaskId, Task>,
    /// Its tasks that have ended, oldest first.
    pub completed: VecDeque<Task>,
    /// Its unanswered offers.
    pub offers: BTreeSet<OfferId>,
    /// What its tasks and executors use on each agent, allocated. Agents are kept apart: the same port
    /// on two of them is two resources.
    pub used: BTreeMap<AgentId, Resources>,
    /// What its offers hold of each agent, allocated.
    pub offered: BTreeMap<AgentId, Resources>,
    /// Counts disconnections, so that an old timer says nothing of a new one.
    pub epoch: u64,
    /// Its own metrics.
    pub counters: FrameworkCounters,
}

impl Framework {
    /// A framework that nothing is known of but its description.
    pub fn new(id: FrameworkId, mut info: FrameworkInfo, now: Moment) -> Self {
        info.id = id.field();
        Self {
            capabilities: Capabilities::of(&info),
            roles: roles_of(&info),
            id,
            info,
            suppressed: BTreeSet::new(),
            offer_constraints: OfferConstraints::new(),
            wishes: Wishes::default(),
            connection: Connection::None,
            last_pid: None,
            active: false,
            recovered: false,
            registered: now,
            reregistered: now,
            unregistered: None,
            tasks: BTreeMap::new(),
            unreachable: BTreeMap::new(),
            completed: VecDeque::new(),
            offers: BTreeSet::new(),
            used: BTreeMap::new(),
            offered: BTreeMap::new(),
            epoch: 0,
            counters: FrameworkCounters::default(),
        }
    }

    /// Whether it is reached.
    pub fn is_connected(&self) -> bool {
        self.connection != Connection::None
    }

    /// Its process, if it is a v0 driver.
    pub fn pid(&self) -> Option<&Upid> {
        match &self.connection {
            Connection::Driver(pid) => Some(pid),
            Connection::None | Connection::Http(_) => None,
        }
    }

    /// Its process as agents are told: the empty one stands for HTTP.
    pub fn pid_text(&self) -> String {
        self.pid()
            .map_or_else(|| Upid::empty().to_string(), Upid::to_string)
    }

    /// How long it may be disconnected; what is no time counts as none.
    pub fn failover_timeout(&self) -> std::time::Duration {
        std::time::Duration::try_from_secs_f64(self.info.failover_timeout()).unwrap_or_default()
    }

    /// What it uses on all agents together, allocated.
    pub fn used_total(&self) -> Resources {
        total(&self.used)
    }

    /// What it is offered on all agents together, allocated.
    pub fn offered_total(&self) -> Resources {
        total(&self.offered)
    }

    /// Remembers an ended task, forgetting the oldest beyond `most`.
    pub fn complete(&mut self, task: Task, most: usize) {
        self.completed.push_back(task);
        while self.completed.len() > most {
            self.completed.pop_front();
        }
    }
}

/// Counts an agent's resources in.
pub(crate) fn put(bags: &mut BTreeMap<AgentId, Resources>, agent: &AgentId, resources: &Resources) {
    bags.entry(agent.clone()).or_default().add(resources);
}

/// Counts an agent's resources out.
pub(crate) fn take_out(
    bags: &mut BTreeMap<AgentId, Resources>,
    agent: &AgentId,
    resources: &Resources,
) {
    if let Some(bag) = bags.get_mut(agent) {
        bag.subtract(resources);
        if bag.is_empty() {
            bags.remove(agent);
        }
    }
}

fn total(bags: &BTreeMap<AgentId, Resources>) -> Resources {
    let mut sum = Resources::new();
    for bag in bags.values() {
        sum.add(bag);
    }
    sum
}
