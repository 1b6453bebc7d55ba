//! A task's runner, seen from the executor.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use mesos_proto::mesos::TaskState;
use nix::sys::signal::Signal;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};

use crate::checkpoint::{self, TaskHistory, TaskPaths};
use crate::model::Request;
use crate::runner;
use crate::task::{Logger, to_python_json};
use crate::users::User;

use super::assigned::Assigned;
use super::config::Config;
use super::sandbox::Place;
use super::status::{self, Report};

/// How long the runner may take to show its task.
const START_LIMIT: Duration = Duration::from_secs(60);
/// How often that is looked for.
const START_POLL: Duration = Duration::from_millis(2);
/// How long a runner that was asked to end is waited for: its own limit, and a little more.
const KILL_LIMIT: Duration = Duration::from_secs(65);

/// How a runner's start went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shown {
    /// Its task is there.
    Task,
    /// It ended without.
    Nothing(ExitStatus),
    /// It does nothing.
    TooLate,
}

/// A runner at work.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    exit: Option<ExitStatus>,
    paths: TaskPaths,
    assigned: Assigned,
}

impl Running {
    /// Starts the runner in the run's folder, as the original does: the task in `task.json`, the
    /// checkpoints in `checkpoints`.
    pub(crate) fn start(
        assigned: &Assigned,
        config: &Config,
        place: &Place,
        user: &str,
    ) -> io::Result<Self> {
        let task_json = place.run.join("task.json");
        fs::write(&task_json, to_python_json(&assigned.job.task.to_value()))?;
        let root = place.run.join("checkpoints");
        let mut command = runner::this_program(runner::RUNNER);
        command
            .arg(flag("thermos_json", &task_json))
            .arg(flag("sandbox", &place.sandbox))
            .arg(flag("container_sandbox", &place.seen_at))
            .arg(flag("checkpoint_root", &root))
            .arg(format!("--task_id={}", assigned.task_id))
            .arg(format!("--hostname={}", assigned.hostname))
            .arg("--end_with_parent")
            .args(
                assigned
                    .job
                    .ports
                    .iter()
                    .map(|(name, port)| format!("--port={name}:{port}")),
            )
            .args(logger_flags(&config.logger))
            .stdin(Stdio::null());
        if !assigned.in_docker && User::current().name != user {
            command.arg(format!("--setuid={user}"));
        }
        if let Some(root) = &place.root {
            command.arg(flag("root", root));
        }
        if config.preserve_env {
            command.arg("--preserve_env");
        }
        let child = Command::from(command).spawn()?;
        Ok(Self {
            child,
            exit: None,
            paths: TaskPaths::new(root, &assigned.task_id),
            assigned: assigned.clone(),
        })
    }

    /// Waits until the runner shows its task.
    pub(crate) async fn shown(&mut self) -> Shown {
        let deadline = Instant::now() + START_LIMIT;
        let mut exit = None;
        while Instant::now() < deadline {
            if self.paths.active().exists() || self.paths.finished().exists() {
                return Shown::Task;
            }
            // Looked at once more after the end: it may have come in between.
            if let Some(exit) = exit {
                return Shown::Nothing(exit);
            }
            tokio::select! {
                ended = self.ended() => exit = Some(ended),
                () = sleep(START_POLL) => {}
            }
        }
        Shown::TooLate
    }

    /// Waits for the runner's end.
    pub(crate) async fn ended(&mut self) -> ExitStatus {
        if let Some(exit) = self.exit {
            return exit;
        }
        match self.child.wait().await {
            Ok(exit) => {
                self.exit = Some(exit);
                exit
            }
            Err(error) => {
                // Only a bug could have taken the child away; nobody could say any more then.
                tracing::error!("cannot wait for the runner: {error}");
                ExitStatus::default()
            }
        }
    }

    /// Waits for the runner's end for so long.
    pub(crate) async fn ended_within(&mut self, limit: Duration) -> bool {
        timeout(limit, self.ended()).await.is_ok()
    }

    /// Whether the runner has ended already.
    pub(crate) fn has_ended(&mut self) -> bool {
        if self.exit.is_none() {
            self.exit = self.child.try_wait().ok().flatten();
        }
        self.exit.is_some()
    }

    /// What the runner's end says of the task. A runner that left processes behind is cleaned up
    /// after.
    pub(crate) fn report(&self, exit: ExitStatus) -> Report {
        let state = checkpoint::read_all(&self.paths.runner())
            .map(|records| TaskHistory::replay(&records).state())
            .map_err(|error| tracing::error!("{error}"));
        let report = status::of_runner(exit, state);
        let ended = matches!(state, Ok(Some(state)) if state.is_terminal());
        if !ended {
            let request = match report.state {
                TaskState::TASK_KILLED => Request::Kill,
                _ => Request::Lose,
            };
            self.seize(request);
        }
        report
    }

    /// Ends the task: the runner is asked, and given the time that it has to clean up; then
    /// everything is killed.
    pub(crate) async fn stop(&mut self, limit: Duration) {
        self.signal(Signal::SIGUSR1);
        if self.ended_within(limit.min(KILL_LIMIT)).await {
            return;
        }
        tracing::warn!("the runner did not end; killing it and what it runs");
        self.signal(Signal::SIGKILL);
        self.ended().await;
        self.seize(Request::Kill);
    }

    fn signal(&mut self, signal: Signal) {
        // A child that was not waited for keeps its number, even after its end.
        if !self.has_ended()
            && let Some(pid) = self.child.id().and_then(|pid| i32::try_from(pid).ok())
        {
            let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), signal);
        }
    }

    fn seize(&self, request: Request) {
        if let Err(error) = runner::seize(&self.paths, &self.assigned.job.task, request) {
            tracing::error!("cannot take over task `{}`: {error}", self.assigned.task_id);
        }
    }
}

fn flag(name: &str, path: &Path) -> std::ffi::OsString {
    let mut flag = std::ffi::OsString::from(format!("--{name}="));
    flag.push(PathBuf::from(path));
    flag
}

fn logger_flags(logger: &Logger) -> Vec<String> {
    let mut flags = Vec::new();
    if let Some(destination) = logger.destination {
        flags.push(format!(
            "--process_logger_destination={}",
            destination.name()
        ));
    }
    if let Some(mode) = logger.mode {
        flags.push(format!("--process_logger_mode={}", mode.name()));
    }
    if let Some(rotate) = logger.rotate {
        flags.push(format!(
            "--rotate_log_size_mb={}",
            rotate.log_size / (1024 * 1024)
        ));
        flags.push(format!("--rotate_log_backups={}", rotate.backups));
    }
    flags
}
