//! What the master knows of one agent.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use mesos_proto::allocator::InverseOfferStatus;
use mesos_proto::mesos::slave_info::capability::Type as Capability;
use mesos_proto::mesos::{
    Address, ExecutorInfo, Operation, Resource, SlaveInfo, TimeInfo, URL, UUID, Unavailability,
};
use mesos_wire::pid::Upid;
use mesos_wire::resources::{Format, Resources};
use protobuf::MessageField;

use super::effect::Moment;
use super::id::{AgentId, ExecutorId, FrameworkId, OfferId, TaskId};

/// A registered agent.
#[derive(Debug)]
pub struct Agent {
    /// Its name.
    pub id: AgentId,
    /// What it said of itself; resources without roles, reservations as a stack.
    pub info: SlaveInfo,
    /// Where its messages come from and go to.
    pub pid: Upid,
    /// Its version, `N.N.N`.
    pub version: String,
    /// What it can do.
    pub capabilities: Vec<Capability>,
    /// Whether the connection to it stands.
    pub connected: bool,
    /// Whether an operator has set it aside.
    pub deactivated: bool,
    /// When it first registered with this master.
    pub registered: Moment,
    /// When it last came back.
    pub reregistered: Option<Moment>,
    /// All its resources.
    pub total: Resources,
    /// The reservations and volumes that it keeps on disk.
    pub checkpointed: Vec<Resource>,
    /// Operations on its resources that are under way or whose end is not acknowledged, by uuid.
    pub operations: BTreeMap<Vec<u8>, Operation>,
    /// The version of its resources, which it wants back with each launch.
    pub resource_version: Option<UUID>,
    /// The tasks on it, those included whose end is not acknowledged.
    pub tasks: BTreeMap<FrameworkId, BTreeSet<TaskId>>,
    /// The executors on it; those that the agent makes for command tasks are its own affair.
    pub executors: BTreeMap<FrameworkId, BTreeMap<ExecutorId, ExecutorInfo>>,
    /// What each framework's tasks and executors use, allocated.
    pub used: BTreeMap<FrameworkId, Resources>,
    /// What is offered, allocated.
    pub offered: Resources,
    /// The offers that hold it.
    pub offers: BTreeSet<OfferId>,
    /// Tasks that are to be killed: said again when the agent comes back.
    pub killed: BTreeMap<FrameworkId, BTreeSet<TaskId>>,
    /// The number of its observer.
    pub observer: u64,
    /// How many pings in a row it has not answered.
    pub missed: u32,
    /// Whether its pings have begun.
    pub pinged: bool,
    /// Whether a pong came since the last ping.
    pub answered: bool,
    /// Counts disconnections, so that an old timer says nothing of a new one.
    pub epoch: u64,
    /// When its machine is to be worked on.
    pub unavailability: Option<Unavailability>,
    /// What frameworks said to leaving it for that.
    pub maintenance_answers: BTreeMap<FrameworkId, InverseOfferStatus>,
    /// Whether it waits for its turn to become unreachable.
    pub is_doomed: bool,
    /// When it was told to drain.
    pub drain_started: Option<Moment>,
}

impl Agent {
    /// Whether its resources may be offered.
    pub fn is_active(&self) -> bool {
        self.connected && !self.deactivated
    }

    /// Whether nothing runs there, those tasks and operations included whose end is not acknowledged.
    pub fn is_idle(&self) -> bool {
        self.tasks.values().all(BTreeSet::is_empty) && self.operations.is_empty()
    }

    /// Whether it can do this.
    pub fn can(&self, capability: Capability) -> bool {
        self.capabilities.contains(&capability)
    }

    /// The format of resources that it reads.
    pub fn format(&self) -> Format {
        if self.can(Capability::RESERVATION_REFINEMENT) {
            Format::Post
        } else {
            Format::Pre
        }
    }

    /// What all frameworks together use, allocated.
    pub fn used_total(&self) -> Resources {
        let mut sum = Resources::new();
        for used in self.used.values() {
            sum.add(used);
        }
        sum
    }

    /// What is neither used nor offered. Shared volumes always are there.
    pub fn available(&self) -> Resources {
        let taken = |bag: &Resources| bag.filter(|r| r.shared.is_none()).unallocated();
        let mut rest = self.total.clone();
        for used in self.used.values() {
            rest.subtract(&taken(used));
        }
        rest.subtract(&taken(&self.offered));
        rest
    }

    /// Counts resources as used by a framework.
    pub fn take(&mut self, framework: &FrameworkId, resources: &Resources) {
        self.used
            .entry(framework.clone())
            .or_default()
            .add(resources);
    }

    /// Counts resources as no longer used by a framework.
    pub fn release(&mut self, framework: &FrameworkId, resources: &Resources) {
        if let Some(used) = self.used.get_mut(framework) {
            used.subtract(resources);
            if used.is_empty() {
                self.used.remove(framework);
            }
        }
    }

    /// Where it can be reached over HTTP, as offers say it.
    pub fn url(&self) -> URL {
        let mut address = Address::new();
        address.set_hostname(self.info.hostname().to_string());
        address.set_ip(self.pid.address.ip().to_string());
        address.set_port(self.pid.address.port().into());
        let mut url = URL::new();
        url.set_scheme("http".to_string());
        url.address = MessageField::some(address);
        url.set_path(format!("/{}", self.pid.id));
        url
    }
}

impl fmt::Display for Agent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {} ({})", self.id, self.pid, self.info.hostname())
    }
}

/// A moment as the v1 API writes it.
pub fn time_info(moment: Moment) -> TimeInfo {
    let mut time = TimeInfo::new();
    time.set_nanoseconds(i64::try_from(moment.as_nanos()).unwrap_or(i64::MAX));
    time
}
