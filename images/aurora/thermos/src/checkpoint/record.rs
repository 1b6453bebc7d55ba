//! The records themselves.

use std::fmt;

/// Where one run of a process stands. The numbers are those of `thermos_internal.thrift`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(i32)]
pub enum ProcessState {
    /// Chosen to run, not yet started.
    Waiting = 0,
    /// Its coordinator exists.
    Forked = 1,
    /// Its command line runs.
    Running = 2,
    /// It ended with 0.
    Success = 3,
    /// A signal ended it.
    Killed = 4,
    /// It ended with something else than 0.
    Failed = 5,
    /// Nobody knows how it ended.
    Lost = 6,
}

impl ProcessState {
    /// The state with this number.
    pub fn from_number(number: i32) -> Option<Self> {
        Some(match number {
            0 => Self::Waiting,
            1 => Self::Forked,
            2 => Self::Running,
            3 => Self::Success,
            4 => Self::Killed,
            5 => Self::Failed,
            6 => Self::Lost,
            _ => return None,
        })
    }

    /// Whether a run in this state is over.
    pub fn is_over(self) -> bool {
        matches!(
            self,
            Self::Success | Self::Killed | Self::Failed | Self::Lost
        )
    }
}

impl fmt::Display for ProcessState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Waiting => "WAITING",
            Self::Forked => "FORKED",
            Self::Running => "RUNNING",
            Self::Success => "SUCCESS",
            Self::Killed => "KILLED",
            Self::Failed => "FAILED",
            Self::Lost => "LOST",
        })
    }
}

/// Where a task stands. The numbers are those of `thermos_internal.thrift`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(i32)]
pub enum TaskState {
    /// Its regular processes run.
    Active = 0,
    /// It ended well.
    Success = 1,
    /// Too many of its processes failed.
    Failed = 2,
    /// It was asked to end.
    Killed = 3,
    /// It was given up.
    Lost = 4,
    /// What still runs has been asked to end.
    Cleaning = 5,
    /// Its final processes run.
    Finalizing = 6,
}

impl TaskState {
    /// The state with this number.
    pub fn from_number(number: i32) -> Option<Self> {
        Some(match number {
            0 => Self::Active,
            1 => Self::Success,
            2 => Self::Failed,
            3 => Self::Killed,
            4 => Self::Lost,
            5 => Self::Cleaning,
            6 => Self::Finalizing,
            _ => return None,
        })
    }

    /// Whether nothing can follow this state.
    pub fn is_terminal(self) -> bool {
        matches!(
            self,
            Self::Success | Self::Failed | Self::Killed | Self::Lost
        )
    }
}

impl fmt::Display for TaskState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Active => "ACTIVE",
            Self::Success => "SUCCESS",
            Self::Failed => "FAILED",
            Self::Killed => "KILLED",
            Self::Lost => "LOST",
            Self::Cleaning => "CLEANING",
            Self::Finalizing => "FINALIZING",
        })
    }
}

/// One change of one run of a process. Times are seconds since 1970.
#[derive(Debug, Clone, PartialEq)]
pub struct ProcessStatus {
    /// Counts the process's records, over all of its runs, from 0.
    pub seq: i64,
    /// The process's name.
    pub process: String,
    /// The state that it is in now.
    pub state: ProcessState,
    /// The coordinator's pid, with [`ProcessState::Forked`].
    pub coordinator_pid: Option<i32>,
    /// When the coordinator was started.
    pub fork_time: Option<f64>,
    /// When the command line was started.
    pub start_time: Option<f64>,
    /// The command line's pid.
    pub pid: Option<i32>,
    /// When it ended.
    pub stop_time: Option<f64>,
    /// Its exit status; `-n` where signal n ended it.
    pub return_code: Option<i32>,
}

impl ProcessStatus {
    /// A record with nothing but the state.
    pub fn new(process: impl Into<String>, seq: i64, state: ProcessState) -> Self {
        Self {
            seq,
            process: process.into(),
            state,
            coordinator_pid: None,
            fork_time: None,
            start_time: None,
            pid: None,
            stop_time: None,
            return_code: None,
        }
    }

    /// The return code and the stop time that the original tells of this run: it forgets both of a
    /// run that failed when it replays a stream.
    pub fn told_end(&self) -> (Option<i32>, Option<f64>) {
        match self.state {
            ProcessState::Failed => (None, None),
            _ => (self.return_code, self.stop_time),
        }
    }
}

/// One change of the task as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskStatus {
    /// The state that it is in now.
    pub state: TaskState,
    /// Since when, in milliseconds since 1970.
    pub timestamp_ms: i64,
    /// The runner that said so.
    pub runner_pid: i32,
    /// That runner's user.
    pub runner_uid: i32,
}

/// What a task's stream says once about the task.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RunnerHeader {
    /// The task's id.
    pub task_id: String,
    /// When it was launched, in milliseconds since 1970.
    pub launch_time_ms: i64,
    /// Its working directory.
    pub sandbox: String,
    /// Where its logs are.
    pub log_dir: Option<String>,
    /// The host that it runs on.
    pub hostname: String,
    /// The user that it runs as.
    pub user: String,
    /// That user's number.
    pub uid: Option<i32>,
    /// Its ports, by name, in the order written.
    pub ports: Vec<(String, i64)>,
}

/// One record of a stream (the union `RunnerCkpt`).
#[derive(Debug, Clone, PartialEq)]
pub enum Record {
    /// About the task, once.
    Header(RunnerHeader),
    /// A process changed.
    Process(ProcessStatus),
    /// The task changed.
    Task(TaskStatus),
}
