//! `thermos kill`.

use std::fs::File;
use std::io::{BufReader, Read, Write};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::checkpoint::{self, TaskHistory, TaskPaths};
use crate::model::Request;
use crate::proc::Stat;
use crate::runner;
use crate::task::TaskSpec;

use super::Failure;
use super::options::Given;
use super::roots::Roots;

/// The longest task file that is read, in bytes.
const MAX_TASK: u64 = 64 * 1024 * 1024;
/// How long a killed runner may keep its checkpoint.
const RELEASE: Duration = Duration::from_secs(10);
/// How much later than its first record a runner may have started, in seconds.
const TOLERANCE: f64 = 10.0;

/// Ends active tasks at once: nothing of theirs is asked, or runs any more.
pub(super) fn kill(roots: &Roots, given: &Given) -> Result<(), Failure> {
    if given.args.is_empty() {
        eprintln!("Must specify tasks!");
        return Ok(());
    }
    let mut tasks = roots.matching(&given.args)?;
    tasks.retain(|found| found.pending);
    if tasks.is_empty() {
        sayln!("No active tasks matched.");
        return Ok(());
    }
    for found in tasks {
        say!("Killing {}...", found.paths.task_id());
        std::io::stdout().flush()?;
        end(&found.paths)?;
        sayln!("done.");
    }
    Ok(())
}

/// Kills a task's runner and everything that it runs, and writes that down.
fn end(paths: &TaskPaths) -> Result<(), Failure> {
    let failed = |text: String| Failure::Other(format!("failed: {text}"));
    let records = checkpoint::read_all(&paths.runner()).unwrap_or_default();
    let history = TaskHistory::replay(&records);
    let task = read_task(paths);
    let (Some(_), Ok(task)) = (&history.header, task) else {
        // Nothing says what runs; it is put away, so that nobody takes it for running.
        return std::fs::rename(paths.active(), paths.finished())
            .map_err(|error| failed(error.to_string()));
    };
    let deadline = Instant::now() + RELEASE;
    while checkpoint::is_held(&paths.runner()) {
        if let Some(pid) = runner_of(&history) {
            runner::signal(pid, Signal::SIGKILL);
        }
        if Instant::now() > deadline {
            return Err(failed("its runner cannot be killed from here".into()));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    runner::seize(paths, &task, Request::Kill)
        .map(|_| ())
        .map_err(|error| failed(error.to_string()))
}

/// The pid of the runner that wrote last, if that is who has it now.
fn runner_of(history: &TaskHistory) -> Option<i32> {
    let last = history.statuses.last()?;
    #[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 fit")]
    let wrote = last.timestamp_ms as f64 / 1000.0;
    let started = Stat::of(last.runner_pid)?.started_at()?;
    (started <= wrote + TOLERANCE).then_some(last.runner_pid)
}

fn read_task(paths: &TaskPaths) -> Result<TaskSpec, String> {
    let file: File =
        checkpoint::open_regular(&paths.active()).map_err(|error| error.to_string())?;
    let value: Value = serde_json::from_reader(BufReader::new(file.take(MAX_TASK)))
        .map_err(|error| error.to_string())?;
    TaskSpec::from_value(&value).map_err(|error| error.to_string())
}
