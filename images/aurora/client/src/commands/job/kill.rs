//! `job kill` and `job killall`: in batches, each waited for, or all at once.

use std::collections::BTreeSet;

use aurora_api::calls::KillTasksArgs;
use aurora_api::{Call, Response, ScheduleStatus};

use super::add::has_counting_sla;
use super::monitor::{self, Patience};
use crate::context::{Context, instances_of};
use crate::exit::{self, Failure, Result};
use crate::grammar;
use crate::hooks::Method;
use crate::keys::{self, AuroraKey};

pub(crate) async fn kill(context: &Context) -> Result {
    let spec = context.instances()?;
    let Some(instances) = spec.instances else {
        return Err(Failure::new(
            exit::INVALID_PARAMETER,
            "The instances list cannot be omitted in a kill command!; use killall to kill all instances",
        ));
    };
    if context.flag(&grammar::STRICT) {
        context.active_instances(&spec.key, &instances).await?;
    }
    run(context, &spec.key, Some(&instances), "Job kill succeeded").await
}

pub(crate) async fn killall(context: &Context) -> Result {
    let key = context.job()?;
    run(context, &key, None, "Job killall succeeded").await
}

async fn run(
    context: &Context,
    key: &AuroraKey,
    instances: Option<&BTreeSet<i32>>,
    success: &str,
) -> Result {
    context.scheduler(&key.cluster)?;
    context.optional_config(key).await?;
    if context.flag(&grammar::NO_BATCHING) {
        let message = context.text(&grammar::KILL_MESSAGE);
        let response = kill_tasks(context, key, instances, message).await?;
        context.check(&response, exit::API_ERROR, "Command failure:")?;
        if !all_dead(context, key, instances).await? {
            return Ok(exit::TIMEOUT);
        }
    } else {
        in_batches(context, key, instances).await?;
    }
    context.maybe_open_browser(key).await?;
    context.console.out(success);
    Ok(exit::OK)
}

async fn in_batches(
    context: &Context,
    key: &AuroraKey,
    wanted: Option<&BTreeSet<i32>>,
) -> Result<()> {
    let tasks = context.active_tasks(key).await?;
    if tasks.is_empty() {
        context
            .console
            .err(&format!("No tasks to kill found for job {key}"));
        return Ok(());
    }
    if wanted.is_some() && tasks.iter().any(has_counting_sla) {
        context
            .console
            .out("WARNING: Killing instances without updating SlaPolicy.");
    }
    let mut left = instances_of(&tasks);
    if let Some(wanted) = wanted {
        left = &left & wanted;
    }
    let batch_size = usize::try_from(context.number(&grammar::BATCH_SIZE, 1))
        .unwrap_or(1)
        .max(1);
    let tolerated = context.number(&grammar::MAX_TOTAL_FAILURES, 0);
    let mut errors = 0;
    while !left.is_empty() {
        let batch: BTreeSet<i32> = left.iter().copied().take(batch_size).collect();
        left = &left - &batch;
        let shown = keys::list(batch.iter().copied());
        let message = context.text(&grammar::KILL_MESSAGE);
        let response = kill_tasks(context, key, Some(&batch), message).await?;
        let complaint = format!("Kill of instances {shown} failed with error:");
        context.check(&response, exit::API_ERROR, &complaint)?;
        if all_dead(context, key, Some(&batch)).await? {
            context
                .console
                .out(&format!("Successfully killed instances {shown}"));
            continue;
        }
        errors += 1;
        if errors > tolerated {
            return Err(Failure::new(
                exit::COMMAND_FAILURE,
                "Exceeded maximum number of errors while killing instances",
            ));
        }
    }
    if errors > 0 {
        return Err(Failure::new(
            exit::COMMAND_FAILURE,
            "Errors occurred while killing instances",
        ));
    }
    Ok(())
}

/// Asks for the end of some instances, or of all.
pub(crate) async fn kill_tasks(
    context: &Context,
    key: &AuroraKey,
    instances: Option<&BTreeSet<i32>>,
    message: Option<String>,
) -> Result<Response> {
    context
        .console
        .info(&format!("Killing tasks for job: {key}"));
    if let Some(instances) = instances {
        let shown = keys::list(instances.iter().copied());
        context
            .console
            .info(&format!("Instances to be killed: {shown}"));
    }
    let args = KillTasksArgs {
        job: Some(key.job.clone()),
        instances: instances.cloned(),
        message: message.clone(),
    };
    let method = Method::KillJob {
        key,
        instances,
        message: message.as_deref(),
    };
    context
        .hooked(&key.cluster, &method, Call::KillTasks(args))
        .await
}

async fn all_dead(
    context: &Context,
    key: &AuroraKey,
    instances: Option<&BTreeSet<i32>>,
) -> Result<bool> {
    let dead = monitor::wait_until(
        context,
        key,
        instances,
        Patience::Limited,
        ScheduleStatus::is_terminal,
    )
    .await?;
    if !dead {
        let shown = instances.map_or_else(
            || "None".to_owned(),
            |instances| keys::list(instances.iter().copied()),
        );
        context
            .console
            .err(&format!("Instances {shown} were not killed in time"));
    }
    Ok(dead)
}
