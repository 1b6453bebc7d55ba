//! Starting a coordinator: this executable again, told over its standard input what to run.

use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use serde::{Deserialize, Serialize};

use crate::checkpoint::{ProcessState, ProcessStatus, Record, StreamError, Writer};
use crate::clock;

use crate::users::User;

/// The first argument that makes this executable a coordinator.
pub const COORDINATOR: &str = "__coordinator";
/// The first argument that makes this executable a runner.
pub const RUNNER: &str = "__runner";
/// The name under which this executable finds its way here.
pub const PROGRAM: &str = "thermos_executor";

/// How a process's logs are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LogPlan {
    /// The folder for `stdout` and `stderr`.
    pub(crate) folder: PathBuf,
    pub(crate) to_file: bool,
    pub(crate) to_console: bool,
    /// Size in bytes and number of backups, where files are rotated.
    pub(crate) rotate: Option<(u64, u32)>,
}

/// What a coordinator is to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Order {
    pub(crate) process: String,
    /// The number of the coordinator's first record.
    pub(crate) seq: i64,
    /// The coordinator's stream.
    pub(crate) checkpoint: PathBuf,
    /// The working directory, as the process finds it.
    pub(crate) home: PathBuf,
    /// What the process has as its root, if that is not the coordinator's.
    pub(crate) root: Option<PathBuf>,
    pub(crate) cmdline: String,
    /// Whom to become; `None`: nobody else.
    pub(crate) user: Option<User>,
    /// The whole environment.
    pub(crate) environment: Vec<(String, String)>,
    pub(crate) logs: LogPlan,
}

/// A command that runs this executable in another part. Through `/proc/self/exe`, which leads to
/// this very file even after a newer one was put in its place.
pub(crate) fn this_program(part: &str) -> Command {
    let mut command = Command::new("/proc/self/exe");
    command.arg0(PROGRAM).arg(part);
    command
}

/// Starts a coordinator, writes its FORKED record, and only then tells it what to do: a runner that
/// dies in between leaves a coordinator that is told nothing and ends.
pub(crate) fn launch(order: &mut Order) -> Result<Child, LaunchError> {
    let mut child = this_program(COORDINATOR).stdin(Stdio::piped()).spawn()?;
    let mut status = ProcessStatus::new(&order.process, order.seq, ProcessState::Forked);
    status.coordinator_pid = i32::try_from(child.id()).ok();
    status.fork_time = Some(clock::now());
    order.seq += 1;
    let told = Writer::open(&order.checkpoint)
        .and_then(|mut writer| writer.append(&Record::Process(status)))
        .map_err(LaunchError::from)
        .and_then(|()| {
            let text = serde_json::to_vec(order).map_err(io::Error::other)?;
            match child.stdin.take() {
                Some(mut stdin) => Ok(stdin.write_all(&text)?),
                None => Ok(()),
            }
        });
    if let Err(error) = told {
        drop(child.stdin.take());
        let _ = child.kill();
        let _ = child.wait();
        return Err(error);
    }
    Ok(child)
}

/// Why a coordinator could not be started.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LaunchError {
    #[error("cannot start a coordinator")]
    Spawn(#[from] io::Error),
    #[error(transparent)]
    Checkpoint(#[from] StreamError),
}
