//! `task …`: commands on the agents where a job's tasks run, through the user's own `ssh` and `scp`
//! (`apache/aurora/client/cli/task.py`, `apache/aurora/client/api/command_runner.py`).

mod run;
mod sandbox;
mod scp;
mod ssh;

use std::collections::BTreeSet;
use std::process::ExitStatus;

use aurora_api::calls::GetTasksStatusArgs;
use aurora_api::{Call, ResponseCode, ScheduleStatus, ScheduledTask, TaskQuery};
use tokio::process::Command;

use crate::context::{Context, combined, query_for, tasks_of};
use crate::exit::{self, Failure, Result};
use crate::keys::AuroraKey;

pub(super) use run::run;
pub(super) use scp::scp;
pub(super) use ssh::ssh;

/// A job's tasks that are on an agent.
async fn live_tasks(
    context: &Context,
    key: &AuroraKey,
    instances: Option<&BTreeSet<i32>>,
) -> Result<Vec<ScheduledTask>> {
    let query = TaskQuery {
        statuses: Some(ScheduleStatus::LIVE.iter().copied().collect()),
        instance_ids: instances.cloned(),
        ..query_for(&key.job)
    };
    let args = GetTasksStatusArgs { query: Some(query) };
    let response = context
        .scheduler(&key.cluster)?
        .call(Call::GetTasksStatus(args))
        .await?;
    if response.response_code != ResponseCode::Ok {
        let complaint = format!(
            "Unable to get information about instance: {}",
            combined(&response)
        );
        context.check(&response, exit::API_ERROR, &complaint)?;
    }
    Ok(tasks_of(response))
}

/// The first of the tasks that the command is about.
async fn first_task(
    context: &Context,
    key: &AuroraKey,
    instances: Option<&BTreeSet<i32>>,
    none: String,
) -> Result<ScheduledTask> {
    let tasks = live_tasks(context, key, instances).await?;
    let first = tasks.into_iter().next();
    first.ok_or_else(|| Failure::new(exit::INVALID_PARAMETER, none))
}

/// An option's words, as a shell without quotes splits them.
fn words(context: &Context, option: &crate::argparse::Opt) -> Vec<String> {
    let text = context.text(option).unwrap_or_default();
    text.split_whitespace().map(str::to_owned).collect()
}

fn role_of(task: &ScheduledTask) -> String {
    let job = task.assigned_task.task.job.as_ref();
    job.map(|job| job.role.clone()).unwrap_or_default()
}

fn host_of(task: &ScheduledTask) -> &str {
    task.assigned_task.slave_host.as_deref().unwrap_or_default()
}

/// Runs a program with the terminal as its own, and gives back what it exits with.
async fn call(program: &str, args: &[String]) -> Result {
    let status = Command::new(program).args(args).status().await;
    status
        .map(code)
        .map_err(|error| cannot_run(program, &error))
}

fn cannot_run(program: &str, error: &std::io::Error) -> Failure {
    Failure::new(
        exit::COMMAND_FAILURE,
        format!("cannot run `{program}`: {error}"),
    )
}

/// A status as a shell tells it: 128 and the signal's number for a program that was killed.
fn code(status: ExitStatus) -> u8 {
    use std::os::unix::process::ExitStatusExt as _;
    let number = status
        .code()
        .or_else(|| status.signal().map(|signal| 128 + signal));
    number
        .and_then(|number| u8::try_from(number).ok())
        .unwrap_or(exit::UNKNOWN_ERROR)
}
