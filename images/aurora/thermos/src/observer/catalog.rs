//! Which tasks there are: those in the checkpoint folders of all runs under the agent's work
//! directory (`apache/thermos/monitoring/detector.py`).

use std::collections::HashMap;
use std::fs;
use std::io::{BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

use crate::checkpoint::{self, Record, TaskHistory, TaskPaths, is_file_name};

use super::abandoned;

/// The longest description of a task that is read, in bytes.
const MAX_TASK: u64 = 64 * 1024 * 1024;

/// Which tasks are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    All,
    Active,
    Finished,
}

impl Which {
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        [Self::All, Self::Active, Self::Finished]
            .into_iter()
            .find(|which| which.name() == name)
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Active => "active",
            Self::Finished => "finished",
        }
    }
}

/// A task that was found.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub(crate) paths: TaskPaths,
    /// Somebody runs it.
    pub(crate) active: bool,
    /// Its files say that somebody runs it.
    pub(crate) pending: bool,
    /// The folder of the executor's run, where an agent's executor has one.
    pub(crate) run: Option<PathBuf>,
}

impl Found {
    /// The task's history. One that nobody runs any more, and nobody has ended, is lost.
    pub(crate) fn history(&self, records: &[Record]) -> TaskHistory {
        let mut history = TaskHistory::replay(records);
        if self.pending && !self.active {
            history.abandon();
        }
        history
    }
}

/// What lists show of a task.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Summary {
    pub(crate) task_id: String,
    pub(crate) name: String,
    pub(crate) user: String,
    /// Seconds since 1970.
    pub(crate) launched: i64,
    pub(crate) state: String,
    /// Seconds since 1970; 0 where no state is known.
    pub(crate) state_since: i64,
    pub(crate) ports: Vec<(String, i64)>,
    pub(crate) hostname: String,
}

/// A task, read.
#[derive(Debug, Clone)]
pub(crate) struct Task {
    pub(crate) found: Found,
    pub(crate) history: TaskHistory,
    /// The task's JSON.
    pub(crate) json: Value,
    pub(crate) summary: Summary,
}

/// The tasks of one agent.
#[derive(Debug)]
pub(crate) struct Catalog {
    mesos_root: PathBuf,
    root: Option<PathBuf>,
    /// What has ended does not change any more; by the task's stream.
    ended: Mutex<HashMap<PathBuf, Summary>>,
}

impl Catalog {
    pub(crate) fn new(mesos_root: PathBuf, root: Option<PathBuf>) -> Self {
        Self {
            mesos_root,
            root,
            ended: Mutex::default(),
        }
    }

    /// The tasks under one checkpoint root, that no agent runs.
    pub(crate) fn of_root(root: PathBuf) -> Self {
        Self::new(PathBuf::new(), Some(root))
    }

    /// Every task, in no order.
    pub(crate) fn scan(&self) -> Vec<Found> {
        let mut found = Vec::new();
        for run in self.runs() {
            tasks(&run.join("checkpoints"), Some(&run), &mut found);
        }
        if let Some(root) = &self.root {
            tasks(root, None, &mut found);
        }
        found
    }

    /// How many tasks are active, and how many have ended.
    pub(crate) fn counts(&self) -> (usize, usize) {
        let found = self.scan();
        let active = found.iter().filter(|found| found.active).count();
        (active, found.len() - active)
    }

    /// What there is to say of these tasks, newest first. Unreadable ones are left out.
    pub(crate) fn summaries(&self, which: Which) -> Vec<(Found, Summary)> {
        let wanted: Vec<Found> = self
            .scan()
            .into_iter()
            .filter(|found| match which {
                Which::All => true,
                Which::Active => found.active,
                Which::Finished => !found.active,
            })
            .collect();
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        if which == Which::All {
            // Sandboxes are removed by the agent some day.
            let kept: std::collections::HashSet<PathBuf> =
                wanted.iter().map(|found| found.paths.runner()).collect();
            ended.retain(|path, _| kept.contains(path));
        }
        let mut listed: Vec<(Found, Summary)> = wanted
            .into_iter()
            .filter_map(|found| {
                let path = found.paths.runner();
                if let Some(summary) = ended.get(&path) {
                    return Some((found, summary.clone()));
                }
                let summary = read(found.clone())?.summary;
                if !found.pending {
                    ended.insert(path, summary.clone());
                }
                Some((found, summary))
            })
            .collect();
        listed.sort_by(|(_, a), (_, b)| {
            b.launched
                .cmp(&a.launched)
                .then_with(|| b.task_id.cmp(&a.task_id))
        });
        listed
    }

    /// One task.
    pub(crate) fn task(&self, task_id: &str) -> Option<Task> {
        if !is_file_name(task_id) {
            return None;
        }
        self.scan()
            .into_iter()
            .find(|found| found.paths.task_id() == task_id)
            .and_then(read)
    }

    /// The folders of all runs of all executors, without the links to them.
    fn runs(&self) -> Vec<PathBuf> {
        if self.mesos_root.as_os_str().is_empty() {
            return Vec::new();
        }
        let mut level = vec![self.mesos_root.join("slaves")];
        for below in [Some("frameworks"), Some("executors"), Some("runs"), None] {
            level = level
                .iter()
                .flat_map(|folder| folders(folder))
                .map(|folder| match below {
                    Some(name) => folder.join(name),
                    None => folder,
                })
                .collect();
        }
        level
    }
}

/// The real folders in a folder.
fn folders(path: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(path) else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.path())
        .collect()
}

fn tasks(root: &Path, run: Option<&Path>, found: &mut Vec<Found>) {
    for (folder, pending) in [("active", true), ("finished", false)] {
        let Ok(entries) = fs::read_dir(root.join("tasks").join(folder)) else {
            continue;
        };
        for entry in entries.flatten() {
            let Ok(task_id) = entry.file_name().into_string() else {
                continue;
            };
            if is_file_name(&task_id) {
                let paths = TaskPaths::new(root, task_id);
                found.push(Found {
                    active: pending && !abandoned::is_abandoned(&paths),
                    pending,
                    paths,
                    run: run.map(Path::to_path_buf),
                });
            }
        }
    }
}

/// Reads a task. `None` where it cannot be read, or has no header (yet).
fn read(found: Found) -> Option<Task> {
    let records = checkpoint::read_all(&found.paths.runner()).ok()?;
    let history = found.history(&records);
    let header = history.header.as_ref()?;
    let file = checkpoint::open_regular(&found.paths.active())
        .or_else(|_| checkpoint::open_regular(&found.paths.finished()))
        .ok()?;
    let json: Value = serde_json::from_reader(BufReader::new(file.take(MAX_TASK))).ok()?;
    let name = json
        .get("name")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_string();
    let seconds = |ms: i64| ms.div_euclid(1000);
    let last = history.statuses.last();
    // The state may have been written again by a runner that took over.
    let entered = last.and_then(|last| {
        history
            .statuses
            .iter()
            .rev()
            .take_while(|status| status.state == last.state)
            .last()
    });
    let summary = Summary {
        task_id: header.task_id.clone(),
        name,
        user: header.user.clone(),
        launched: history
            .statuses
            .first()
            .map_or(0, |status| seconds(status.timestamp_ms)),
        state: last.map_or_else(|| "UNKNOWN".to_string(), |status| status.state.to_string()),
        state_since: entered.map_or(0, |status| seconds(status.timestamp_ms)),
        ports: header.ports.clone(),
        hostname: header.hostname.clone(),
    };
    Some(Task {
        found,
        history,
        json,
        summary,
    })
}
