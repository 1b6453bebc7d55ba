//! `cron …`.

use aurora_api::calls::{
    DescheduleCronJobArgs, GetJobsArgs, ScheduleCronJobArgs, StartCronJobArgs,
};
use aurora_api::{Call, CallResult};

use crate::context::Context;
use crate::exit::{self, Failure, Result};
use crate::grammar;
use crate::hooks::Method;

pub(super) async fn schedule(context: &Context) -> Result {
    let key = context.job()?;
    let config = context
        .job_config(&key, context.args.word(grammar::PATHNAME.metavar))
        .await?;
    if config.cron_schedule().is_none() {
        return Err(Failure::new(
            exit::COMMAND_FAILURE,
            "Non-cron jobs may only be created with \"aurora job create\" command",
        ));
    }
    context
        .console
        .info(&format!("Registering job {} with cron", config.name()));
    let args = ScheduleCronJobArgs {
        description: Some(config.job_configuration()),
    };
    let response = context
        .scheduler(&key.cluster)?
        .call(Call::ScheduleCronJob(args))
        .await?;
    let complaint = format!("Error scheduling cron job {key}:");
    context.check(&response, exit::API_ERROR, &complaint)?;
    let page = context.job_page(&key).await?;
    context.console.out(&format!(
        "Cron job scheduled, status can be viewed at {page}"
    ));
    Ok(exit::OK)
}

pub(super) async fn deschedule(context: &Context) -> Result {
    let key = context.job()?;
    let scheduler = context.scheduler(&key.cluster)?;
    context
        .console
        .info(&format!("Removing cron schedule for job {key}"));
    let args = DescheduleCronJobArgs {
        job: Some(key.job.clone()),
    };
    let response = scheduler.call(Call::DescheduleCronJob(args)).await?;
    let complaint = format!("Error descheduling cron job {key}:");
    context.check(&response, exit::API_ERROR, &complaint)?;
    context.console.out("Cron descheduling succeeded.");
    Ok(exit::OK)
}

pub(super) async fn start(context: &Context) -> Result {
    let key = context.job()?;
    context.scheduler(&key.cluster)?;
    context.optional_config(&key).await?;
    context.console.info(&format!("Starting cron job: {key}"));
    let args = StartCronJobArgs {
        job: Some(key.job.clone()),
    };
    let method = Method::StartCronJob { key: &key };
    let response = context
        .hooked(&key.cluster, &method, Call::StartCronJob(args))
        .await?;
    context.check(
        &response,
        exit::API_ERROR,
        &format!("Error starting cron job {key}:"),
    )?;
    context.maybe_open_browser(&key).await?;
    Ok(exit::OK)
}

pub(super) async fn show(context: &Context) -> Result {
    let key = context.job()?;
    let scheduler = context.scheduler(&key.cluster)?;
    context
        .console
        .info(&format!("Retrieving jobs for role {}", key.job.role));
    let args = GetJobsArgs {
        owner_role: Some(key.job.role.clone()),
    };
    let response = scheduler.call(Call::GetJobs(args)).await?;
    context.check(
        &response,
        exit::INVALID_PARAMETER,
        &format!("Error getting cron status for {} from server", key.job.role),
    )?;
    let schedule = match response.result {
        Some(CallResult::GetJobs(jobs)) => jobs
            .configs
            .into_iter()
            .filter(|job| job.key.as_ref() == Some(&key.job))
            .find_map(|job| job.cron_schedule.filter(|schedule| !schedule.is_empty())),
        _ => None,
    };
    match schedule {
        Some(schedule) => {
            context.console.out(&format!("{key}\t {schedule}"));
            Ok(exit::OK)
        }
        None => {
            context
                .console
                .err(&format!("No cron entry found for job {key}"));
            Ok(exit::INVALID_PARAMETER)
        }
    }
}
