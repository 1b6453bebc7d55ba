//! `update pause`, `resume`, `abort`, `rollback`: on the job's one active update.

use std::time::Duration;

use aurora_api::calls::{
    AbortJobUpdateArgs, GetJobUpdateSummariesArgs, PauseJobUpdateArgs, ResumeJobUpdateArgs,
    RollbackJobUpdateArgs,
};
use aurora_api::{
    Call, CallResult, JobUpdateKey, JobUpdateQuery, JobUpdateStatus, JobUpdateSummary,
};

use crate::context::Context;
use crate::exit::{self, Failure, Result};
use crate::grammar;
use crate::keys::AuroraKey;

/// Pause between two looks at an update.
const POLL: Duration = Duration::from_secs(5);

pub(crate) async fn pause(context: &Context) -> Result {
    let call = |key, message| Call::PauseJobUpdate(PauseJobUpdateArgs { key, message });
    modify(context, call, "pause", "Update has been paused.")
        .await
        .map(|(code, _)| code)
}

pub(crate) async fn resume(context: &Context) -> Result {
    let call = |key, message| Call::ResumeJobUpdate(ResumeJobUpdateArgs { key, message });
    modify(context, call, "resume", "Update has been resumed.")
        .await
        .map(|(code, _)| code)
}

pub(crate) async fn abort(context: &Context) -> Result {
    let call = |key, message| Call::AbortJobUpdate(AbortJobUpdateArgs { key, message });
    modify(context, call, "abort", "Update has been aborted.")
        .await
        .map(|(code, _)| code)
}

pub(crate) async fn rollback(context: &Context) -> Result {
    let call = |key, message| Call::RollbackJobUpdate(RollbackJobUpdateArgs { key, message });
    match modify(context, call, "rollback", "Update rollback has started.").await? {
        (exit::OK, Some(key)) if context.flag(&grammar::WAIT) => {
            let job = context.job()?;
            wait_for(context, &job, &key, JobUpdateStatus::RolledBack).await
        }
        (code, _) => Ok(code),
    }
}

async fn modify(
    context: &Context,
    call: fn(Option<JobUpdateKey>, Option<String>) -> Call,
    verb: &str,
    success: &str,
) -> Result<(u8, Option<JobUpdateKey>)> {
    let job = context.job()?;
    let Some(key) = active_update(context, &job).await? else {
        context.console.err("No active update found for this job.");
        return Ok((exit::INVALID_PARAMETER, None));
    };
    let message = context.text(&grammar::UPDATE_MESSAGE);
    let response = context
        .scheduler(&job.cluster)?
        .call(call(Some(key.clone()), message))
        .await?;
    let complaint = format!("Failed to {verb} update due to error:");
    context.check(&response, exit::API_ERROR, &complaint)?;
    context.console.out(success);
    Ok((exit::OK, Some(key)))
}

/// The updates that match a query.
pub(super) async fn summaries(
    context: &Context,
    cluster: &str,
    query: JobUpdateQuery,
) -> Result<Vec<JobUpdateSummary>> {
    let args = GetJobUpdateSummariesArgs {
        job_update_query: Some(query),
    };
    let response = context
        .scheduler(cluster)?
        .call(Call::GetJobUpdateSummaries(args))
        .await?;
    context.check(&response, exit::API_ERROR, "Command failure:")?;
    Ok(match response.result {
        Some(CallResult::GetJobUpdateSummaries(found)) => found.update_summaries,
        _ => Vec::new(),
    })
}

/// A job's active update, if it has one.
pub(super) async fn active_update(
    context: &Context,
    job: &AuroraKey,
) -> Result<Option<JobUpdateKey>> {
    let query = JobUpdateQuery {
        job_key: Some(job.job.clone()),
        update_statuses: Some(JobUpdateStatus::ACTIVE.iter().copied().collect()),
        ..JobUpdateQuery::default()
    };
    let mut found = summaries(context, &job.cluster, query).await?;
    if found.len() > 1 {
        return Err(Failure::new(
            exit::API_ERROR,
            "scheduler returned multiple active updates for this job.",
        ));
    }
    Ok(found.pop().map(|summary| summary.key))
}

/// Follows an update to its end. `wanted` is the end that is a success; the other way of rolling is
/// a failure.
pub(super) async fn wait_for(
    context: &Context,
    job: &AuroraKey,
    key: &JobUpdateKey,
    wanted: JobUpdateStatus,
) -> Result {
    let mut shown = None;
    loop {
        let query = JobUpdateQuery {
            key: Some(key.clone()),
            ..JobUpdateQuery::default()
        };
        let found = summaries(context, &job.cluster, query).await?;
        let Some(status) = found
            .first()
            .and_then(|found| Some(found.state.as_ref()?.status))
        else {
            context.console.err("Job update not found.");
            return Ok(exit::INVALID_PARAMETER);
        };
        if shown != Some(status) {
            context.console.out(&format!("Current state {status}"));
            shown = Some(status);
        }
        if status.is_terminal() {
            return Ok(match status {
                status if status == wanted => exit::OK,
                JobUpdateStatus::RolledForward | JobUpdateStatus::RolledBack => {
                    exit::COMMAND_FAILURE
                }
                _ => exit::UNKNOWN_ERROR,
            });
        }
        tokio::time::sleep(POLL).await;
    }
}
