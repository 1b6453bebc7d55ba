//! `thermos_runner`: from its command line to its exit status.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use nix::sys::signal::Signal;
use nix::unistd::Uid;
use serde_json::Value;

use crate::checkpoint::{RunnerHeader, StreamError, TaskPaths, Writer, is_file_name, read_all};
use crate::clock;
use crate::model::{AURORA_RUN_LIMIT, Action, Machine};
use crate::task::{Fragment, TaskSpec, fragments, to_python_json};

use super::kill;
use super::options::Options;
use super::supervise::{RunError, Signals, Supervisor};
use crate::users::User;

/// How a runner ends (`apache/thermos/common/statuses.py`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum ExitStatus {
    /// The task has come to an end, good or bad.
    Done = 0,
    /// The runner cannot go on.
    InternalError = 101,
    /// The task cannot be run.
    InvalidTask = 102,
    /// Something else.
    UnknownError = 103,
    /// There is no such user.
    UnknownUser = 104,
    /// The task had ended before.
    TerminalTask = 105,
}

/// Runs a task. `args` are the flags alone.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    ExitCode::from(run(args) as u8)
}

/// Runs a task in this process. `args` are the flags alone.
pub(crate) fn run(args: impl IntoIterator<Item = OsString>) -> ExitStatus {
    match Options::parse(args) {
        Ok(options) => perform(options),
        Err(error) => {
            tracing::error!("{error}");
            ExitStatus::InternalError
        }
    }
}

fn perform(options: Options) -> ExitStatus {
    if options.daemon
        && let Err(errno) = nix::unistd::setsid()
    {
        tracing::warn!("cannot become a session: {errno}");
    }
    // A runner whose executor was killed must not leave its processes behind, ...
    if options.end_with_parent
        && let Err(errno) = nix::sys::prctl::set_pdeathsig(Signal::SIGUSR2)
    {
        tracing::warn!("cannot follow the executor's end: {errno}");
    }
    // ... and what processes leave behind becomes the runner's.
    if let Err(errno) = nix::sys::prctl::set_child_subreaper(true) {
        tracing::warn!("cannot adopt orphans: {errno}");
    }
    let task = match read_task(&options.thermos_json) {
        Ok(task) => task,
        Err(error) => {
            tracing::error!("{error}");
            return ExitStatus::InvalidTask;
        }
    };
    if let Some(port) = unbound_port(&task) {
        tracing::error!("port `{port}` is not bound: give `--port={port}:NUMBER`");
        return ExitStatus::InternalError;
    }
    let user = match &options.setuid {
        Some(name) => User::named(name),
        None => Some(User::current()),
    };
    let Some(user) = user else {
        tracing::error!(
            "unknown user `{}`",
            options.setuid.as_deref().unwrap_or_default()
        );
        return ExitStatus::UnknownUser;
    };
    if !is_file_name(&options.task_id) {
        tracing::error!("`{}` cannot be a task's id", options.task_id);
        return ExitStatus::InvalidTask;
    }
    let run_limit = (!options.standalone).then_some(AURORA_RUN_LIMIT);
    let machine = match Machine::new(task, kill::owner(), run_limit) {
        Ok(machine) => machine,
        Err(error) => {
            tracing::error!("Task has invalid plan: {error}");
            return ExitStatus::InvalidTask;
        }
    };
    let paths = TaskPaths::new(&options.checkpoint_root, &options.task_id);
    if paths.finished().exists() {
        return ExitStatus::TerminalTask;
    }
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!("cannot start: {error}");
            return ExitStatus::InternalError;
        }
    };
    let ended = runtime.block_on(async {
        // Before the task can be seen to run: whoever sees it may signal this runner.
        let signals = Signals::listen()?;
        match open(&options, &paths, machine, user)? {
            Some((mut supervisor, actions)) => {
                supervisor.run(actions, signals).await?;
                Ok(ExitStatus::Done)
            }
            None => Ok(ExitStatus::TerminalTask),
        }
    });
    match ended {
        Ok(status) => status,
        Err(error) => {
            let mut cause: Option<&dyn std::error::Error> = Some(&error);
            while let Some(error) = cause {
                tracing::error!("{error}");
                cause = error.source();
            }
            match error {
                RunError::Checkpoint(StreamError::Corrupt(_)) => ExitStatus::UnknownError,
                _ => ExitStatus::InternalError,
            }
        }
    }
}

/// Opens the task's stream, and begins the task or takes it over. `None`: it had ended.
fn open(
    options: &Options,
    paths: &TaskPaths,
    mut machine: Machine,
    user: User,
) -> Result<Option<(Supervisor, Vec<Action>)>, RunError> {
    let files = |error| RunError::Files(options.task_id.clone(), error);
    fs::create_dir_all(paths.streams()).map_err(files)?;
    for folder in [paths.active(), paths.finished()]
        .iter()
        .filter_map(|file| file.parent())
    {
        fs::create_dir_all(folder).map_err(files)?;
    }
    let writer = Writer::open(&paths.runner())?;
    let records = read_all(&paths.runner())?;
    let now = clock::now();
    #[expect(
        clippy::cast_possible_truncation,
        reason = "milliseconds since 1970 fit"
    )]
    let header = RunnerHeader {
        task_id: options.task_id.clone(),
        launch_time_ms: (now * 1000.0) as i64,
        sandbox: options.sandbox.to_string_lossy().into_owned(),
        log_dir: Some(options.sandbox.join(".logs").to_string_lossy().into_owned()),
        hostname: options.hostname.clone(),
        user: user.name.clone(),
        uid: i32::try_from(user.uid).ok(),
        ports: options
            .ports
            .iter()
            .map(|(name, port)| (name.clone(), *port))
            .collect(),
    };
    let actions = match records.is_empty() {
        true => machine.begin(header, now),
        false => machine.recover(&records, Some(header), now),
    };
    if machine.is_finished() {
        return Ok(None);
    }
    // Moved into place, so that nobody reads half of it.
    let text = to_python_json(&machine.task().to_value());
    let draft = paths.streams().join("task.json");
    fs::write(&draft, text).map_err(files)?;
    fs::rename(&draft, paths.active()).map_err(files)?;
    if options.daemon {
        // Who started this waits for it.
        fs::remove_file(&options.thermos_json).map_err(files)?;
    }
    let switch_user = user.uid != Uid::effective().as_raw();
    let supervisor = Supervisor::new(
        options.clone(),
        paths.clone(),
        machine,
        writer,
        user,
        switch_user,
    );
    Ok(Some((supervisor, actions)))
}

fn read_task(path: &Path) -> Result<TaskSpec, String> {
    let text = fs::read_to_string(path)
        .map_err(|e| format!("cannot read the task `{}`: {e}", path.display()))?;
    let value: Value =
        serde_json::from_str(&text).map_err(|e| format!("the task is not JSON: {e}"))?;
    TaskSpec::from_value(&value).map_err(|e| e.to_string())
}

/// The first port that a command line names and nobody gave a number.
fn unbound_port(task: &TaskSpec) -> Option<String> {
    task.processes
        .iter()
        .flat_map(|process| fragments(&process.cmdline))
        .find_map(|fragment| match fragment {
            Fragment::Reference(steps) => match steps.as_slice() {
                [thermos, ports, name] if thermos == "thermos" && ports == "ports" => {
                    Some(name.clone())
                }
                _ => None,
            },
            Fragment::Text(_) => None,
        })
}
