//! `job restart`: batch by batch, each watched until it has been up for a while
//! (`apache/aurora/client/api/{restarter,instance_watcher}.py`).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aurora_api::calls::RestartShardsArgs;
use aurora_api::{Call, Response, ResponseCode, ScheduleStatus, TaskQuery};
use tokio::time::Instant;

use crate::context::{Context, combined, instances_of, query_for};
use crate::exit::{self, Result};
use crate::grammar;
use crate::hooks::Method;
use crate::keys::{self, AuroraKey};

struct Settings {
    batch_size: usize,
    watch: Duration,
    interval: Duration,
    max_per_instance_failures: i64,
    max_total_failures: i64,
}

pub(crate) async fn restart(context: &Context) -> Result {
    let max_total_failures = context.number(&grammar::MAX_TOTAL_FAILURES, 0);
    if max_total_failures < 0 {
        context.console.err(&format!(
            "max_total_failures option must be >0, but you specified {max_total_failures}"
        ));
        return Ok(exit::INVALID_PARAMETER);
    }
    let seconds = |option, default| {
        Duration::from_secs(u64::try_from(context.number(option, default)).unwrap_or_default())
    };
    let settings = Settings {
        batch_size: usize::try_from(context.number(&grammar::BATCH_SIZE, 1))
            .unwrap_or(1)
            .max(1),
        watch: seconds(&grammar::WATCH_SECS, 30),
        interval: seconds(&grammar::HEALTHCHECK_INTERVAL, 3),
        max_per_instance_failures: context.number(&grammar::MAX_PER_INSTANCE_FAILURES, 0),
        max_total_failures,
    };
    let spec = context.instances()?;
    if let Some(instances) = &spec.instances
        && context.flag(&grammar::STRICT)
    {
        context.active_instances(&spec.key, instances).await?;
    }
    context.scheduler(&spec.key.cluster)?;
    context.optional_config(&spec.key).await?;
    let wanted = spec.instances.clone();
    let method = Method::Restart {
        key: &spec.key,
        instances: wanted.as_ref(),
    };
    context.before(&method).await?;
    let response = roll(context, &spec.key, spec.instances, &settings).await?;
    context.after(&method, &response).await?;
    let complaint = format!("Error restarting job {}:", spec.key);
    context.check(&response, exit::API_ERROR, &complaint)?;
    context
        .console
        .out(&format!("Job {} restarted successfully", spec.key));
    context.maybe_open_browser(&spec.key).await?;
    Ok(exit::OK)
}

async fn roll(
    context: &Context,
    key: &AuroraKey,
    wanted: Option<BTreeSet<i32>>,
    settings: &Settings,
) -> Result<Response> {
    let active = instances_of(&context.active_tasks(key).await?);
    let wanted = wanted.filter(|wanted| !wanted.is_empty()).unwrap_or(active);
    let console = context.console;
    if wanted.is_empty() {
        console.info(&format!(
            "No instances specified, and no active instances found in job {key}"
        ));
        console.info("Nothing to do.");
        return Ok(Response {
            response_code: ResponseCode::Ok,
            ..Response::default()
        });
    }
    let mut left: Vec<i32> = wanted.into_iter().collect();
    console.info(&format!(
        "Performing rolling restart of job {key} (instances: {})",
        keys::list(left.iter().copied())
    ));
    let mut failures: BTreeMap<i32, i64> = BTreeMap::new();
    while !left.is_empty() && !too_many(context, &failures, settings, false) {
        let rest = left.split_off(settings.batch_size.min(left.len()));
        let batch: BTreeSet<i32> = std::mem::replace(&mut left, rest).into_iter().collect();
        let shown = keys::list(batch.iter().copied());
        console.info(&format!("Restarting instances: {shown}"));
        let args = RestartShardsArgs {
            job: Some(key.job.clone()),
            shard_ids: Some(batch.clone()),
        };
        let response = context
            .scheduler(&key.cluster)?
            .call(Call::RestartShards(args))
            .await?;
        if response.response_code != ResponseCode::Ok {
            return Ok(response);
        }
        let said = combined(&response);
        if !said.is_empty() {
            console.info(&said);
        }
        console.info(&format!("Watching instances: {shown}"));
        for instance in watch(context, key, &batch, settings).await? {
            *failures.entry(instance).or_default() += 1;
            left.push(instance);
        }
    }
    console.info(if too_many(context, &failures, settings, true) {
        "Restart failures threshold reached. Aborting"
    } else {
        "All instances were restarted successfully"
    });
    Ok(Response {
        response_code: ResponseCode::Ok,
        ..Response::default()
    })
}

/// Whether more instances have failed more often than is tolerated.
fn too_many(
    context: &Context,
    failures: &BTreeMap<i32, i64>,
    settings: &Settings,
    log: bool,
) -> bool {
    let limit = settings.max_per_instance_failures;
    let exceeding: Vec<(&i32, &i64)> = failures
        .iter()
        .filter(|(_, count)| **count > limit)
        .collect();
    let total = i64::try_from(exceeding.len()).unwrap_or(i64::MAX);
    let failed = total > settings.max_total_failures;
    if failed && log {
        context.console.error(&format!(
            "{total} failed instances observed, maximum allowed is {}",
            settings.max_total_failures
        ));
        for (instance, count) in exceeding {
            context.console.error(&format!(
                "{count} instance failures for instance {instance}, maximum allowed is {limit}"
            ));
        }
    }
    failed
}

/// What is known of an instance that has been seen running.
struct Seen {
    task: String,
    since: Instant,
}

/// Looks at instances until each has run long enough or has stopped running. Returns the latter.
async fn watch(
    context: &Context,
    key: &AuroraKey,
    batch: &BTreeSet<i32>,
    settings: &Settings,
) -> Result<BTreeSet<i32>> {
    let scheduler = context.scheduler(&key.cluster)?;
    let mut watched = batch.clone();
    let mut failed = BTreeSet::new();
    let mut seen: BTreeMap<i32, Seen> = BTreeMap::new();
    loop {
        let query = TaskQuery {
            statuses: Some(BTreeSet::from([ScheduleStatus::Running])),
            instance_ids: Some(batch.clone()),
            ..query_for(&key.job)
        };
        let running: BTreeMap<i32, String> = context
            .tasks(&scheduler, query, exit::API_ERROR)
            .await?
            .into_iter()
            .map(|task| (task.assigned_task.instance_id, task.assigned_task.task_id))
            .collect();
        let now = Instant::now();
        watched.retain(
            |instance| match (running.get(instance), seen.get(instance)) {
                (Some(task), None) => {
                    seen.insert(
                        *instance,
                        Seen {
                            task: task.clone(),
                            since: now,
                        },
                    );
                    true
                }
                (Some(task), Some(known)) if *task == known.task => {
                    let up = now.duration_since(known.since) > settings.watch;
                    if up {
                        context.console.info(&format!(
                            "Instance {instance} has been up and healthy for at least {} seconds",
                            settings.watch.as_secs()
                        ));
                    }
                    !up
                }
                (_, Some(_)) => {
                    context
                        .console
                        .info(&format!("Instance {instance} is unhealthy"));
                    failed.insert(*instance);
                    false
                }
                (None, None) => true,
            },
        );
        if watched.is_empty() {
            return Ok(failed);
        }
        tokio::time::sleep(settings.interval).await;
    }
}
