//! What the flat commands of 2014 do and print: log lines with the scheduler's answer in words, and
//! exit code 1 for any failure.

use std::collections::BTreeSet;

use aurora_api::calls::CreateJobArgs;
use aurora_api::{Call, Response, ResponseCode};

use super::job::kill::kill_tasks;
use super::job::wait_as_asked;
use crate::context::{Context, combined};
use crate::exit::{self, Failure, Result};
use crate::grammar::{self, PATHNAME};
use crate::hooks::Method;
use crate::keys::{AuroraKey, parse_instances};
use crate::v1::SHARDS;

/// `aurora create KEY FILE`.
pub(super) async fn create(context: &Context) -> Result {
    let key = context.job()?;
    for (option, part) in [("--cluster", &key.cluster), ("--env", &key.job.environment)] {
        if context
            .args
            .value(option)
            .is_some_and(|value| value != part)
        {
            return Err(Failure::new(
                exit::DIED,
                format!("{option} is not what the job key {key} says"),
            ));
        }
    }
    let config = context
        .job_config(&key, context.args.word(PATHNAME.metavar))
        .await?;
    context
        .console
        .info(&format!("Creating job {}", config.name()));
    let args = CreateJobArgs {
        description: Some(config.job_configuration()),
    };
    let response = context
        .hooked(&key.cluster, &Method::CreateJob, Call::CreateJob(args))
        .await?;
    conclude(context, &key, &response).await?;
    wait_as_asked(context, &key, None).await?;
    Ok(exit::OK)
}

/// `aurora kill KEY` ends the whole job, unless `--shards` picks some of it.
pub(super) async fn kill(context: &Context) -> Result {
    let key = context.job()?;
    let shards: Option<BTreeSet<i32>> = context
        .text(&SHARDS)
        .and_then(|shards| parse_instances(&shards));
    let response = kill_tasks(context, &key, shards.as_ref(), None).await?;
    conclude(context, &key, &response).await?;
    Ok(exit::OK)
}

async fn conclude(context: &Context, key: &AuroraKey, response: &Response) -> Result<()> {
    context.console.info(&format!(
        "Response from scheduler: {} (message: {})",
        response.response_code,
        combined(response)
    ));
    if response.response_code != ResponseCode::Ok {
        return Err(Failure::logged(exit::DIED));
    }
    let page = context.job_page(key).await?;
    context.console.info(&format!("Job url: {page}"));
    context.maybe_open_browser(key).await
}

/// `aurora list_jobs CLUSTER/ROLE`.
pub(super) async fn list_jobs(context: &Context) -> Result {
    let pattern = crate::keys::Pattern::parse(context.args.word(grammar::ROLE.metavar));
    if let Some(pattern) = pattern {
        for key in super::job::matching(context, &pattern).await? {
            context.console.out(&key.to_string());
        }
    }
    Ok(exit::OK)
}
