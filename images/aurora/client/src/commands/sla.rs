//! `sla …`: how long a job's instances have been up.

use aurora_api::calls::GetTasksWithoutConfigsArgs;
use aurora_api::{Call, ResponseCode, TaskQuery};

use crate::context::{Context, combined, tasks_of};
use crate::exit::{self, Failure, Result};
use crate::grammar;
use crate::keys::AuroraKey;
use crate::pretty;
use crate::quantity::{Span, parse_percentiles};
use crate::times;
use crate::uptime::{self, JobUptime};

const DURATIONS: &str = "1m,10m,1h,12h,7d";
const PERCENTILES: &str = "99,95,90,85,75,60,50,30,10";

pub(super) async fn task_up_count(context: &Context) -> Result {
    let uptime = uptime_of(context, &context.job()?).await?;
    let text = context.text(&grammar::DURATIONS);
    let spans = Span::parse_list(text.as_deref().unwrap_or(DURATIONS))
        .map_err(|why| Failure::new(exit::INVALID_PARAMETER, why))?;
    for span in spans {
        let seconds = i64::try_from(span.seconds).unwrap_or(i64::MAX);
        let percentage = uptime.up_percentage(seconds, None);
        context.console.out(&format!("{span}\t- {percentage:.2} %"));
    }
    Ok(exit::OK)
}

pub(super) async fn job_uptime(context: &Context) -> Result {
    let uptime = uptime_of(context, &context.job()?).await?;
    let text = context.text(&grammar::PERCENTILES);
    let mut percentiles = parse_percentiles(text.as_deref().unwrap_or(PERCENTILES))
        .map_err(|why| Failure::new(exit::INVALID_PARAMETER, why))?;
    percentiles.sort_by(|left, right| right.total_cmp(left));
    for percentile in percentiles {
        let seconds = uptime
            .at_percentile(percentile)
            .map_or_else(|| "0".to_owned(), |seconds| format!("{seconds}.0"));
        context.console.out(&format!(
            "{} percentile\t- {seconds} seconds",
            pretty::float_text(percentile)
        ));
    }
    Ok(exit::OK)
}

async fn uptime_of(context: &Context, key: &AuroraKey) -> Result<JobUptime> {
    let query = TaskQuery {
        role: Some(key.job.role.clone()),
        environment: Some(key.job.environment.clone()),
        job_name: Some(key.job.name.clone()),
        ..uptime::query()
    };
    let args = GetTasksWithoutConfigsArgs { query: Some(query) };
    let response = context
        .scheduler(&key.cluster)?
        .call(Call::GetTasksWithoutConfigs(args))
        .await?;
    context.console.info(&format!(
        "Response from scheduler: {} (message: {})",
        response.response_code,
        combined(&response)
    ));
    if response.response_code != ResponseCode::Ok {
        return Err(Failure::logged(exit::DIED));
    }
    Ok(JobUptime::new(&tasks_of(response), times::now()))
}
