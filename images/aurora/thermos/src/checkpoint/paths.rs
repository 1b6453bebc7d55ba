//! Where a task's files are under a checkpoint root.

use std::path::{Path, PathBuf};

/// The files of one task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskPaths {
    root: PathBuf,
    task_id: String,
}

impl TaskPaths {
    /// The paths of task `task_id` under `root`.
    pub fn new(root: impl Into<PathBuf>, task_id: impl Into<String>) -> Self {
        Self {
            root: root.into(),
            task_id: task_id.into(),
        }
    }

    /// The checkpoint root.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The task's id.
    pub fn task_id(&self) -> &str {
        &self.task_id
    }

    /// The folder of its streams.
    pub fn streams(&self) -> PathBuf {
        self.root.join("checkpoints").join(&self.task_id)
    }

    /// The stream with its whole history.
    pub fn runner(&self) -> PathBuf {
        self.streams().join("runner")
    }

    /// The stream of one process.
    pub fn coordinator(&self, process: &str) -> PathBuf {
        self.streams().join(format!("coordinator.{process}"))
    }

    /// The task's JSON while it runs.
    pub fn active(&self) -> PathBuf {
        self.root.join("tasks").join("active").join(&self.task_id)
    }

    /// The task's JSON after it ended.
    pub fn finished(&self) -> PathBuf {
        self.root.join("tasks").join("finished").join(&self.task_id)
    }

    /// The folder of the logs of one run of a process, under a log folder.
    pub fn run_logs(log_dir: &Path, process: &str, run: usize) -> PathBuf {
        log_dir.join(process).join(run.to_string())
    }
}

/// Whether `name` can name a file in a folder: a task id or a process that could not would reach
/// out of the checkpoint root.
pub fn is_file_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= 255 && !name.starts_with('.') && !name.contains(['/', '\0'])
}
