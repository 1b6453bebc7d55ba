//! What the machine wants done.

use std::path::PathBuf;

use mesos_proto::executor::Event;
use mesos_proto::mesos::{
    DrainConfig, ExecutorInfo, FrameworkInfo, Operation, Resource, SlaveInfo, Task,
};
use mesos_proto::messages::StatusUpdateRecord;
use mesos_wire::libprocess::Outgoing;
use mesos_wire::pid::Upid;

use super::framework::Link;
use super::share::Share;

/// Names a run of an executor, and so its folders.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The framework's id.
    pub framework: String,
    /// The executor's id.
    pub executor: String,
    /// The container's id.
    pub container: String,
}

/// All that is needed to start an executor.
#[derive(Debug, Clone, PartialEq)]
pub struct Launch {
    /// Which run.
    pub place: Place,
    /// What to run.
    pub info: ExecutorInfo,
    /// For whom.
    pub framework: FrameworkInfo,
    /// The sandbox.
    pub directory: PathBuf,
    /// The user to run as; `None` for the agent's own.
    pub user: Option<String>,
    /// Persistent volumes to put into the sandbox.
    pub volumes: Vec<Mount>,
    /// Whether the agent made the executor up for a command task.
    pub is_command: bool,
    /// The ports that it was given, with its first task.
    pub ports: Vec<Resource>,
}

/// A persistent volume in a sandbox.
#[derive(Debug, Clone, PartialEq)]
pub struct Mount {
    /// The volume.
    pub volume: Resource,
    /// Whether other executors use it as well.
    pub is_used: bool,
}

/// Something to be kept for the next life of the agent.
#[derive(Debug, Clone, PartialEq)]
pub enum Checkpoint {
    /// The agent, with its id.
    Agent(Box<SlaveInfo>),
    /// What operators and frameworks made of its resources.
    Resources {
        /// Reservations and volumes.
        resources: Vec<Resource>,
        /// Operations whose end is not acknowledged.
        operations: Vec<Operation>,
    },
    /// A framework that wants its executors to outlive the agent.
    Framework(Box<FrameworkInfo>, Option<Upid>),
    /// An executor of such a framework, about to be started.
    Executor {
        /// Which run.
        place: Place,
        /// The executor.
        info: Box<ExecutorInfo>,
        /// Whether the agent made it up for a command task.
        is_command: bool,
    },
    /// Its process.
    Forked(Place, u32),
    /// How it is reached.
    Connected(Place, Link),
    /// A task that it was given.
    Task(Place, Box<Task>),
    /// An update or an acknowledgement, added to a task's stream.
    Record {
        /// Which run.
        place: Place,
        /// The task's id.
        task: String,
        /// What to add.
        record: Box<StatusUpdateRecord>,
    },
    /// How the agent is to drain; `None` once it has.
    Drain(Option<Box<DrainConfig>>),
    /// A run has ended and all of its updates are acknowledged.
    ForgetExecutor(Place),
    /// The agent leaves for good: when it is started again it is a new one.
    ForgetAgent,
    /// A framework has nothing more here.
    ForgetFramework(String),
}

/// One thing to be done.
#[derive(Debug)]
pub enum Effect {
    /// Send a message to an actor; its name is the protobuf type's.
    Send(Upid, Box<dyn Outgoing>),
    /// Send a message to an actor as another process of this program than the agent itself.
    SendAs(String, Upid, Box<dyn Outgoing>),
    /// Hold a connection to an actor open, and tell when it breaks.
    Link(Upid),
    /// Start an executor. Ends in `container_started` or `container_failed`, then `container_exited`.
    Launch(Box<Launch>),
    /// Put persistent volumes into an executor's sandbox before its next task is told to it. Where that
    /// fails, the container is destroyed.
    Attach {
        /// Which run.
        place: Place,
        /// The sandbox.
        directory: PathBuf,
        /// Whom the volumes are given to.
        user: Option<String>,
        /// The volumes.
        volumes: Vec<Mount>,
    },
    /// Take persistent volumes out of a sandbox.
    Detach {
        /// The sandbox.
        directory: PathBuf,
        /// The volumes.
        volumes: Vec<Resource>,
    },
    /// What a container may use has changed, or is said for the first time.
    Resize(String, Share),
    /// Kill all processes of a container. Ends in `container_exited`.
    Destroy(String),
    /// Tell an executor something.
    Tell {
        /// How it is reached.
        link: Link,
        /// Who is told.
        place: Place,
        /// What it is told; v0 executors are told the same in their messages.
        event: Box<Event>,
    },
    /// End an executor's event stream: it has another one now.
    End(u64),
    /// An executor is gone and all of its updates are acknowledged: its sandbox may age.
    RetireExecutor(Place),
    /// A framework has nothing more here: its folders may age.
    RetireFramework(String),
    /// Write to disk before anything that follows.
    Checkpoint(Checkpoint),
    /// End the program with this exit code, for this reason.
    Exit(u8, String),
}
