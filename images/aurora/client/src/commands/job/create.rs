//! `job create`.

use aurora_api::Call;
use aurora_api::calls::CreateJobArgs;

use super::monitor;
use crate::context::{Context, query_for};
use crate::exit::{self, Failure, Result};
use crate::grammar;
use crate::hooks::Method;

pub(crate) async fn create(context: &Context) -> Result {
    let key = context.job()?;
    let config = context
        .job_config(&key, context.args.word(grammar::PATHNAME.metavar))
        .await?;
    if config.cron_schedule().is_some() {
        return Err(Failure::new(
            exit::COMMAND_FAILURE,
            "Cron jobs may only be scheduled with \"aurora cron schedule\" command",
        ));
    }
    let scheduler = context.scheduler(&key.cluster)?;
    context
        .console
        .info(&format!("Creating job {}", config.name()));
    let args = CreateJobArgs {
        description: Some(config.job_configuration()),
    };
    let response = context
        .hooked(&key.cluster, &Method::CreateJob, Call::CreateJob(args))
        .await?;
    context.check(
        &response,
        exit::COMMAND_FAILURE,
        "Job creation failed due to error:",
    )?;
    context.maybe_open_browser(&key).await?;
    monitor::wait_as_asked(context, &key, None).await?;
    context.console.info(&format!("Checking status of {key}"));
    let tasks = context
        .tasks(&scheduler, query_for(&key.job), exit::COMMAND_FAILURE)
        .await?;
    if tasks.is_empty() {
        context
            .console
            .err(&format!("Error occurred while creating job {key}"));
        return Ok(exit::COMMAND_FAILURE);
    }
    let page = context.job_page(&key).await?;
    context
        .console
        .out(&format!("Job create succeeded: job url={page}"));
    Ok(exit::OK)
}
