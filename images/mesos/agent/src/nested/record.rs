//! What is kept of a nested container, in memory and in `--runtime_dir` for the agent's next life.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use mesos_proto::mesos::{TaskState, task_status};
use serde::{Deserialize, Serialize};

use super::chain::Chain;
use crate::launcher::{PID_FILE, STATUS_FILE};
use crate::proc;

/// The file that describes a container.
const RECORD_FILE: &str = "container";

/// A container as it was launched.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Its id.
    pub id: Chain,
    /// The agent's `--work_dir`: agents may share a runtime folder.
    pub work_dir: PathBuf,
    /// Whether it belongs to the connection that launched it.
    pub is_session: bool,
    /// Its sandbox; a session's is its parent's.
    pub directory: PathBuf,
    /// Its environment.
    pub environment: Vec<(String, String)>,
    /// Its user, if not the agent's.
    pub user: Option<String>,
    /// Where its streams are, if anybody may attach to them.
    pub socket: Option<PathBuf>,
    /// Whether it goes on when the agent is gone.
    #[serde(default)]
    pub outlives_agent: bool,
    /// Its launcher, and when that started, in clock ticks since boot.
    pub launcher: Option<(i32, u64)>,
    /// How many processors it asked for.
    pub cpus: Option<f64>,
    /// How much memory it asked for, in bytes.
    pub memory: Option<u64>,
}

/// How a container ended.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Termination {
    /// The wait status of its first process, if known.
    pub status: Option<i32>,
    /// What its task's state is to be, if that is known better than by the status.
    pub state: Option<TaskState>,
    /// Why.
    pub reason: Option<task_status::Reason>,
    /// In words.
    pub message: Option<String>,
}

impl Termination {
    /// An end that is known by its status alone.
    pub(super) fn of(status: Option<i32>) -> Self {
        Self {
            status,
            ..Self::default()
        }
    }
}

/// The folder of a container under `--runtime_dir`.
pub(super) fn runtime(runtime_dir: &Path, id: &Chain) -> PathBuf {
    id.levels()
        .iter()
        .fold(runtime_dir.to_path_buf(), |folder, level| {
            folder.join("containers").join(level)
        })
}

impl Record {
    /// Writes it, for the agent's user alone.
    pub fn write(&self, runtime: &Path) -> io::Result<()> {
        let bytes = serde_json::to_vec(self).map_err(io::Error::other)?;
        crate::launcher::write_private(&runtime.join(RECORD_FILE), &bytes)
    }

    /// Whether its launcher still runs.
    pub fn is_alive(&self) -> bool {
        self.launcher.is_some_and(|(pid, start)| {
            proc::same_process(pid, start).is_some_and(|process| process.state != 'Z')
        })
    }
}

/// Every container that is described below a runtime folder.
pub(super) fn all(runtime_dir: &Path) -> Vec<Record> {
    let mut found = Vec::new();
    let mut folders = vec![runtime_dir.join("containers")];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else {
            continue;
        };
        for entry in entries.flatten() {
            let container = entry.path();
            folders.push(container.join("containers"));
            let Ok(bytes) = fs::read(container.join(RECORD_FILE)) else {
                continue;
            };
            match serde_json::from_slice(&bytes) {
                Ok(record) => found.push(record),
                Err(error) => {
                    tracing::error!("cannot read `{}`: {error}", container.display());
                }
            }
        }
    }
    found
}

/// The wait status that the launcher has noted.
pub(super) fn status(runtime: &Path) -> Option<i32> {
    let text = fs::read_to_string(runtime.join(STATUS_FILE)).ok()?;
    text.trim().parse().ok()
}

/// The container's first process, and when it started; an id of 0 if it could not be executed.
pub(super) fn process(runtime: &Path) -> Option<(i32, u64)> {
    let text = fs::read_to_string(runtime.join(PID_FILE)).ok()?;
    let (pid, start) = text.trim().split_once(' ')?;
    Some((pid.parse().ok()?, start.parse().ok()?))
}
