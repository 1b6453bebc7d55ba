//! What the state machine asks the world to do, and the times at which it wants to be called again.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use mesos_proto::scheduler;
use mesos_wire::libprocess::Outgoing;
use mesos_wire::pid::Upid;

use super::id::{AgentId, FrameworkId, OfferId};
use super::records::Record;
use super::registry::Standing;
use super::watch::Happening;

/// Time since 1970. The state machine has no clock: whoever calls it says what time it is.
pub type Moment = Duration;

/// One open event stream of an HTTP framework: its `Mesos-Stream-Id`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamId(pub uuid::Uuid);

/// Which of the master's processes a message comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sender {
    /// `master`.
    Master,
    /// `slave-observer(N)`, of which there is one an agent.
    Observer(u64),
}

/// One thing to do in the world, in the order given.
#[derive(Debug)]
pub enum Effect {
    /// Send a libprocess message.
    Send {
        /// Who it comes from.
        from: Sender,
        /// Who it goes to.
        to: Upid,
        /// What it says.
        message: Box<dyn Outgoing>,
    },
    /// Keep a connection to this process open and report when it breaks.
    Link(Upid),
    /// Write an event to a framework's stream.
    Event {
        /// The stream.
        stream: StreamId,
        /// The event.
        event: Box<scheduler::Event>,
    },
    /// Tell the operators who watch.
    Tell(Happening),
    /// End a framework's stream.
    Close(StreamId),
    /// Keep an agent's standing for the next leader, before anything else of this step is done.
    Keep {
        /// The agent.
        agent: AgentId,
        /// What to keep; nothing if `None`.
        standing: Option<Standing>,
    },
    /// Keep whether an agent is deactivated, as [`Effect::Keep`] does.
    KeepDeactivated {
        /// The agent.
        agent: AgentId,
        /// Whether it is.
        deactivated: bool,
    },
    /// End the program: going on would do harm.
    Abort(String),
    /// Keep what an operator decided, as [`Effect::Keep`] does.
    Record(Record),
}

/// What is due at some time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    /// An allocation run over all agents.
    Allocation,
    /// An allocation run over the agents whose resources were freed since.
    Freed,
    /// The end of a ping's time.
    Ping { agent: AgentId, observer: u64 },
    /// An agent that does not answer may be given up now.
    Removal { agent: AgentId, observer: u64 },
    /// An agent of a former master may be given up now.
    GiveUp(AgentId),
    /// The end of a disconnected agent's time.
    Reregister { agent: AgentId, epoch: u64 },
    /// The end of a disconnected framework's time.
    Failover { framework: FrameworkId, epoch: u64 },
    /// The end of the time in which a former master's agents may come back.
    Recovery,
    /// The end of the time in which allocations wait for these agents.
    Allocate,
    /// The end of an offer's time.
    Offer(OfferId),
    /// The end of an inverse offer's time.
    InverseOffer(OfferId),
    /// The next heartbeat of an event stream.
    Heartbeat {
        framework: FrameworkId,
        stream: StreamId,
    },
}

/// The times at which something is due, soonest first.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    heap: BinaryHeap<Reverse<(Moment, Timer)>>,
}

impl Timers {
    pub(crate) fn set(&mut self, at: Moment, timer: Timer) {
        self.heap.push(Reverse((at, timer)));
    }

    /// When something is due next.
    pub(crate) fn next(&self) -> Option<Moment> {
        self.heap.peek().map(|Reverse((at, _))| *at)
    }

    /// Takes one thing that is due at `now`.
    pub(crate) fn due(&mut self, now: Moment) -> Option<Timer> {
        if self.next()? > now {
            return None;
        }
        self.heap.pop().map(|Reverse((_, timer))| timer)
    }
}
