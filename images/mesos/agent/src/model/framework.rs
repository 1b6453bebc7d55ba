//! Frameworks and executors as an agent keeps them.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::time::Duration;

use mesos_proto::mesos::{
    ExecutorInfo, FrameworkInfo, Resource, Task, TaskGroupInfo, TaskInfo, TaskState,
    framework_info, task_status,
};
use mesos_wire::pid::Upid;
use mesos_wire::resources::Resources;

use super::effect::Place;
use super::record::task_of;

/// How many ended tasks of one executor are remembered (the original's constant).
const MAX_COMPLETED_TASKS: usize = 200;

/// How an executor is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Link {
    /// By the event stream of its v1 subscription, which has this number.
    Http(u64),
    /// By libprocess messages.
    Libprocess {
        /// Its actor.
        driver: Upid,
        /// Whether it had registered before: it is told so.
        again: bool,
    },
}

/// Where an executor stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExecutorState {
    /// Started, and has not said a word.
    Registering,
    /// Subscribed.
    Running,
    /// Told to end, or being killed.
    Terminating,
    /// Gone; updates of its tasks are still to be acknowledged.
    Terminated,
}

/// What waits for its executor.
#[derive(Debug, Clone, PartialEq)]
pub enum Queued {
    /// One task.
    Task(Box<TaskInfo>),
    /// Tasks that start together.
    Group(Box<TaskGroupInfo>),
}

impl Queued {
    /// The tasks in it.
    pub fn tasks(&self) -> &[TaskInfo] {
        match self {
            Self::Task(task) => std::slice::from_ref(task),
            Self::Group(group) => &group.tasks,
        }
    }
}

/// Why an executor's tasks ended with it, if it is known better than by its exit status.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Ending {
    pub(super) state: TaskState,
    pub(super) reason: task_status::Reason,
    pub(super) message: String,
    /// What it had too much of, if that is why.
    pub(super) limited: Vec<Resource>,
}

/// Why a container is ended that has used more than it may.
#[derive(Debug, Clone, PartialEq)]
pub struct Limitation {
    /// What is limited.
    pub reason: task_status::Reason,
    /// What its tasks' updates say.
    pub message: String,
    /// What there was too much of.
    pub resources: Vec<Resource>,
}

/// A framework that has, or had, executors here.
#[derive(Debug, Clone)]
pub struct Framework {
    /// As the master describes it.
    pub info: FrameworkInfo,
    /// Its v0 driver; `None` for HTTP frameworks.
    pub pid: Option<Upid>,
    /// Whether it is being shut down.
    pub terminating: bool,
    /// Its executors by id.
    pub executors: BTreeMap<String, Executor>,
    /// Those that are gone, oldest first.
    pub completed: VecDeque<Executor>,
}

impl Framework {
    pub(super) fn new(info: FrameworkInfo, pid: Option<Upid>) -> Self {
        Self {
            info,
            pid,
            terminating: false,
            executors: BTreeMap::new(),
            completed: VecDeque::new(),
        }
    }

    /// Its id.
    pub fn id(&self) -> &str {
        self.info.id.value()
    }

    /// Whether it declares a capability.
    pub fn can(&self, capability: framework_info::capability::Type) -> bool {
        self.info
            .capabilities
            .iter()
            .any(|c| c.type_() == capability)
    }

    /// The state of a task that never ran: PARTITION_AWARE frameworks are told more exactly.
    pub(super) fn lost_state(&self, exact: TaskState) -> TaskState {
        if self.can(framework_info::capability::Type::PARTITION_AWARE) {
            exact
        } else {
            TaskState::TASK_LOST
        }
    }
}

/// An executor's run.
#[derive(Debug, Clone)]
pub struct Executor {
    /// What was started.
    pub info: ExecutorInfo,
    /// Its framework's id.
    pub framework: String,
    /// This run's container.
    pub container_id: String,
    /// Its sandbox.
    pub directory: PathBuf,
    /// Whether the agent made it up for a command task.
    pub is_command: bool,
    /// Whether it outlives the agent.
    pub checkpoint: bool,
    /// The user it runs as, if not the agent's.
    pub user: Option<String>,
    /// Where it stands.
    pub state: ExecutorState,
    /// How it is reached, once it has subscribed.
    pub link: Option<Link>,
    /// Its process, once it runs.
    pub process: Option<u32>,
    /// Whether its process is being made: it may be heard of before the agent knows which it is.
    pub(super) is_forking: bool,
    /// Tasks that wait for it.
    pub queued: Vec<Queued>,
    /// Tasks that it was given and that have not ended.
    pub launched: BTreeMap<String, Task>,
    /// Tasks that have ended, and whose last update is not acknowledged.
    pub terminated: BTreeMap<String, Task>,
    /// Tasks that are over, oldest first.
    pub completed: VecDeque<Task>,
    pub(super) deadline: Option<Duration>,
    pub(super) ending: Option<Ending>,
}

impl Executor {
    pub(super) fn new(
        info: ExecutorInfo,
        framework: &FrameworkInfo,
        container_id: String,
        directory: PathBuf,
        is_command: bool,
    ) -> Self {
        Self {
            info,
            framework: framework.id.value().to_string(),
            container_id,
            directory,
            is_command,
            checkpoint: framework.checkpoint(),
            user: None,
            state: ExecutorState::Registering,
            link: None,
            process: None,
            is_forking: false,
            queued: Vec::new(),
            launched: BTreeMap::new(),
            terminated: BTreeMap::new(),
            completed: VecDeque::new(),
            deadline: None,
            ending: None,
        }
    }

    /// Its id.
    pub fn id(&self) -> &str {
        self.info.executor_id.value()
    }

    /// Names this run.
    pub fn place(&self) -> Place {
        Place {
            framework: self.framework.clone(),
            executor: self.id().to_string(),
            container: self.container_id.clone(),
        }
    }

    /// Every task that waits for it.
    pub fn queued_tasks(&self) -> impl Iterator<Item = &TaskInfo> {
        self.queued.iter().flat_map(|queued| queued.tasks())
    }

    /// The record of a task that waits for it.
    pub fn as_task(&self, info: &TaskInfo) -> Task {
        task_of(info, &self.framework)
    }

    /// What it and its tasks have allocated.
    pub fn allocated(&self) -> Resources {
        let tasks = self.launched.values().flat_map(|task| &task.resources);
        let queued = self.queued_tasks().flat_map(|task| &task.resources);
        let all: Vec<&Resource> = self
            .info
            .resources
            .iter()
            .chain(tasks)
            .chain(queued)
            .collect();
        // A resource that the master has let through and that cannot be added up counts as nothing.
        Resources::from_protos(all).unwrap_or_default()
    }

    /// Whether it is being ended because it has used more than it may.
    pub(super) fn is_limited(&self) -> bool {
        let ending = self.ending.as_ref();
        ending.is_some_and(|ending| !ending.limited.is_empty())
    }

    /// Whether tasks of it are not over yet.
    pub fn is_incomplete(&self) -> bool {
        !(self.queued.is_empty() && self.launched.is_empty() && self.terminated.is_empty())
    }

    pub(super) fn task_mut(&mut self, id: &str) -> Option<&mut Task> {
        match self.launched.get_mut(id) {
            Some(task) => Some(task),
            None => self.terminated.get_mut(id),
        }
    }

    /// Takes a task, with its group, out of the queue.
    pub(super) fn unqueue(&mut self, id: &str) -> Option<Queued> {
        let at = self
            .queued
            .iter()
            .position(|queued| queued.tasks().iter().any(|task| task.task_id.value() == id))?;
        Some(self.queued.remove(at))
    }

    pub(super) fn complete(&mut self, id: &str) {
        if let Some(task) = self.terminated.remove(id) {
            self.completed.push_back(task);
            while self.completed.len() > MAX_COMPLETED_TASKS {
                self.completed.pop_front();
            }
        }
    }
}
