//! What the pages show, taken from the model.

use std::collections::BTreeSet;

use aurora_api::{
    AURORA_EXECUTOR_NAME, Constraint, JobKey, JobUpdateAction, JobUpdateStatus, JobUpdateStrategy,
    Range, ScheduleStatus, TaskConfig, TaskConstraint,
};
use serde_json::{Value as Json, json};

use crate::http::time::{ago, long, span, stamp};
use crate::model::Model;
use crate::model::resources::Demand;
use crate::model::summary::Consumption;
use crate::model::task::Task;
use crate::model::update::{Update, expand, strategy};

/// The observer's port on every agent.
const OBSERVER_PORT: u16 = 1338;
/// So many instances of an update are drawn.
const INSTANCES_LIMIT: usize = 10_000;

pub(super) fn roles(model: &Model) -> Json {
    let roles = model.role_summaries();
    let roles = roles.iter().map(
        |role| json!({ "role": role.role, "jobs": role.job_count, "crons": role.cron_job_count }),
    );
    json!({ "roles": roles.collect::<Vec<Json>>() })
}

fn amounts(name: &str, sum: Consumption) -> Json {
    json!({ "name": name, "cpu": sum.cpus, "ram": sum.ram_mb, "disk": sum.disk_mb })
}

pub(super) fn jobs(model: &Model, role: &str, environment: Option<&str>) -> Json {
    let summaries = model.job_summaries(Some(role));
    let jobs = summaries.iter().filter_map(|summary| {
        let key = summary.job.key.as_ref()?;
        if environment.is_some_and(|env| key.environment != env) {
            return None;
        }
        let (stats, config) = (&summary.stats, summary.job.task_config.as_ref());
        let kind = if config.is_some_and(|c| c.is_service) {
            "service"
        } else if summary.job.cron_schedule.is_some() {
            "cron"
        } else {
            "adhoc"
        };
        Some(json!({
            "name": key.name,
            "environment": key.environment,
            "link": format!("/scheduler/{key}"),
            "kind": kind,
            "production": config.is_some_and(|c| c.production == Some(true)),
            "pending": stats.pending_task_count,
            "active": stats.active_task_count,
            "finished": stats.finished_task_count,
            "failed": stats.failed_task_count,
        }))
    });
    let jobs: Vec<Json> = jobs.collect();
    let mut resources = Vec::new();
    if let Ok(quota) = model.quota(role) {
        resources.push(amounts("Quota", Consumption::of_aggregate(&quota.quota)));
        for (name, aggregate) in [
            ("Quota Used", quota.prod_shared_consumption),
            ("Production Dedicated", quota.prod_dedicated_consumption),
            ("Non-Production", quota.non_prod_shared_consumption),
            (
                "Non-Production Dedicated",
                quota.non_prod_dedicated_consumption,
            ),
        ] {
            let sum = aggregate
                .as_ref()
                .map(Consumption::of_aggregate)
                .unwrap_or_default();
            if sum != Consumption::default() {
                resources.push(amounts(name, sum));
            }
        }
    }
    json!({ "jobs": jobs, "resources": resources, "show_environment": environment.is_none() })
}

/// The colour of a task's status.
fn task_class(status: ScheduleStatus) -> &'static str {
    use ScheduleStatus as S;
    match status {
        S::Running | S::Finished => "okay",
        S::Assigned | S::Pending | S::Lost | S::Killing | S::Draining | S::Preempting => {
            "attention"
        }
        S::Throttled | S::Failed => "error",
        S::Starting => "progress",
        S::Init | S::Killed | S::Restarting | S::Partitioned => "system",
    }
}

fn update_class(status: JobUpdateStatus) -> &'static str {
    use JobUpdateStatus as S;
    match status {
        S::RolledForward => "okay",
        S::RollForwardAwaitingPulse | S::RollForwardPaused => "attention",
        S::RollingForward => "progress",
        S::RollingBack
        | S::RolledBack
        | S::RollBackPaused
        | S::RollBackAwaitingPulse
        | S::Aborted
        | S::Error
        | S::Failed => "error",
    }
}

fn task(model: &Model, task: &Task, now: i64) -> Json {
    let history = task.events.iter().map(|event| {
        json!({
            "time": stamp(event.timestamp),
            "status": event.status.name(),
            "class": task_class(event.status),
            "message": event.message,
            "scheduler": event.scheduler,
        })
    });
    let has_observer = task
        .config
        .executor_config
        .as_ref()
        .is_some_and(|executor| executor.name.as_deref() == Some(AURORA_EXECUTOR_NAME));
    let observer = task
        .host
        .as_ref()
        .filter(|_| has_observer)
        .map(|host| format!("http://{host}:{OBSERVER_PORT}/task/{}", task.id));
    let message = match task.status {
        ScheduleStatus::Pending => Some(model.pending_reason(task)).filter(|text| !text.is_empty()),
        _ => task.events.last().and_then(|event| event.message.clone()),
    };
    let began = task
        .events
        .iter()
        .find(|event| event.status == ScheduleStatus::Running);
    let ran = began.map(|event| span(task.since() - event.timestamp));
    let ports: Vec<Json> = task
        .ports
        .iter()
        .map(|(name, port)| json!({ "name": name, "port": port }))
        .collect();
    json!({
        "id": task.id,
        "instance": task.instance,
        "instance_link": format!("/scheduler/{}/{}", task.job, task.instance),
        "raw_link": format!("/structdump/task/{}", task.id),
        "status": task.status.name(),
        "class": task_class(task.status),
        "since": ago(task.since(), now),
        "ran": ran.filter(|_| task.status.is_terminal()).filter(|ran| !ran.is_empty()),
        "message": message,
        "host": task.host,
        "observer": observer,
        "ports": ports,
        "history": history.collect::<Vec<Json>>(),
    })
}

fn newest_first<'a>(tasks: impl Iterator<Item = &'a Task>) -> Vec<&'a Task> {
    let mut tasks: Vec<&Task> = tasks.collect();
    tasks.sort_by_key(|task| std::cmp::Reverse((task.since(), task.instance)));
    tasks
}

fn ranges(ranges: &BTreeSet<Range>) -> String {
    let show = |range: &Range| match range.first == range.last {
        true => range.first.to_string(),
        false => format!("{} - {}", range.first, range.last),
    };
    ranges.iter().map(show).collect::<Vec<String>>().join(", ")
}

fn constraint(constraint: &Constraint) -> String {
    match &constraint.constraint {
        TaskConstraint::Value(value) => {
            let values: Vec<&str> = value.values.iter().map(String::as_str).collect();
            let sign = if value.negated { "!" } else { "=" };
            format!("{}: {sign}{}", constraint.name, values.join(","))
        }
        TaskConstraint::Limit(limit) => format!("{}: limit={}", constraint.name, limit.limit),
        TaskConstraint::Unset => constraint.name.clone(),
    }
}

fn config(config: &TaskConfig, instances: &BTreeSet<Range>) -> Json {
    let demand = Demand::of(config);
    let metadata = config
        .metadata
        .iter()
        .flatten()
        .map(|m| format!("{}: {}", m.key, m.value));
    json!({
        "instances": ranges(instances),
        "cpus": demand.cpus,
        "ram": demand.ram_mb,
        "disk": demand.disk_mb,
        "ports": demand.ports.join(", "),
        "constraints": config.constraints.iter().map(constraint).collect::<Vec<String>>(),
        "tier": config.tier,
        "service": config.is_service,
        "metadata": metadata.collect::<Vec<String>>(),
        "contact": config.contact_email,
    })
}

/// When a cron job runs next, as its page says it.
fn cron_line(model: &Model, key: &JobKey, now: i64) -> Option<String> {
    let at = model.crons().get(key)?.next?;
    let wait = span(at.saturating_sub(now));
    Some(format!(
        "Cron job, next run will be at {} (in {wait})",
        long(at)?
    ))
}

pub(super) fn job(model: &Model, key: &JobKey, now: i64, completed_limit: usize) -> Json {
    let mut active: Vec<&Task> = model.tasks().active(key).collect();
    active.sort_by_key(|task| task.instance);
    let over = newest_first(model.tasks().over(key));
    let over_count = over.len();
    let groups = model.config_summary(key).groups;
    let configs: Vec<Json> = groups
        .iter()
        .map(|group| config(&group.config, &group.instances))
        .collect();
    let mut updates: Vec<&Update> = model.updates().filter(|u| u.key().job == *key).collect();
    updates.sort_by_key(|update| std::cmp::Reverse(update.created()));
    json!({
        "active": active.iter().map(|t| task(model, t, now)).collect::<Vec<Json>>(),
        "over": over.iter().take(completed_limit).map(|t| task(model, t, now)).collect::<Vec<Json>>(),
        "over_count": over_count,
        "cron": cron_line(model, key, now).filter(|_| active.is_empty()),
        "configs": configs,
        "update": model.active_update(key).map(|u| update_row(u, now)),
        "updates": updates.into_iter().map(|u| update_row(u, now)).collect::<Vec<Json>>(),
    })
}

pub(super) fn instance(model: &Model, key: &JobKey, number: i32, now: i64) -> Json {
    let active = model.tasks().active_instance(key, number);
    let over = newest_first(
        model
            .tasks()
            .over(key)
            .filter(|task| task.instance == number),
    );
    let neighbours = active.and_then(|task| task.host.as_ref()).map(|host| {
        let others = model.tasks().on_host(host).filter(|other| {
            other.status == ScheduleStatus::Running && active.is_none_or(|a| a.id != other.id)
        });
        let mut others: Vec<String> = others
            .map(|other| format!("{}/{}", other.job, other.instance))
            .collect();
        others.sort();
        others
    });
    json!({
        "active": active.map(|active| task(model, active, now)),
        "over": over.into_iter().map(|t| task(model, t, now)).collect::<Vec<Json>>(),
        "neighbours": neighbours.unwrap_or_default(),
    })
}

pub(super) fn task_page(model: &Model, id: &str, now: i64) -> Option<Json> {
    let found = model.tasks().get(id)?;
    Some(json!({ "active": task(model, found, now), "over": [], "neighbours": [], "single": true }))
}

/// The instances an update is about, and how many of them are through.
fn progress(update: &Update) -> (BTreeSet<i32>, usize) {
    let instructions = &update.update.instructions;
    let states = instructions
        .initial_state
        .iter()
        .chain(&instructions.desired_state);
    let instances = expand(states.flat_map(|state| &state.instances), INSTANCES_LIMIT);
    let done: BTreeSet<i32> = update
        .instance_events
        .iter()
        .filter(|event| event.action == JobUpdateAction::InstanceUpdated)
        .map(|event| event.instance_id)
        .collect();
    (instances, done.len())
}

pub(super) fn update_row(update: &Update, now: i64) -> Json {
    let key = update.key();
    let (instances, done) = progress(update);
    let share = (done * 100).checked_div(instances.len()).unwrap_or(0);
    json!({
        "id": key.id,
        "job": key.job.to_string(),
        "link": format!("/scheduler/{}/update/{}", key.job, key.id),
        "status": update.status().name(),
        "class": update_class(update.status()),
        "user": update.update.summary.user,
        "created": ago(update.created(), now),
        "modified": ago(update.last_modified(), now),
        "progress": format!("{done} / {} ({share}%)", instances.len()),
    })
}

pub(super) fn update(update: &Update, now: i64) -> Json {
    let title = match update_class(update.status()) {
        "okay" => "Update Successful",
        "attention" => "Update Paused",
        "error" => "Update Failed",
        _ => "Update In Progress",
    };
    let events = update.events.iter().map(|event| {
        json!({
            "time": stamp(event.timestamp_ms),
            "status": event.status.name(),
            "class": update_class(event.status),
            "user": event.user,
            "message": event.message,
        })
    });
    let instance_events = update.instance_events.iter().rev().map(|event| {
        json!({
            "time": stamp(event.timestamp_ms),
            "instance": event.instance_id,
            "action": event.action.name(),
            "message": event.message,
        })
    });
    json!({
        "heading": title,
        "row": update_row(update, now),
        "events": events.collect::<Vec<Json>>(),
        "instance_events": instance_events.collect::<Vec<Json>>(),
        "settings": settings(update),
    })
}

fn settings(update: &Update) -> Json {
    let settings = update.settings();
    let yes_no = |yes: bool| if yes { "yes" } else { "no" };
    let mut rows = match strategy(settings) {
        JobUpdateStrategy::Queue(queue) => vec![
            ("Strategy", "Queue".to_string()),
            ("Max Parallel Updates", queue.group_size.to_string()),
        ],
        JobUpdateStrategy::Batch(batch) => vec![
            ("Strategy", "Batch".to_string()),
            ("Batch Size", batch.group_size.to_string()),
            (
                "Auto Pause after Batch",
                yes_no(batch.autopause_after_batch).to_string(),
            ),
        ],
        JobUpdateStrategy::VariableBatch(batch) => vec![
            ("Strategy", "Variable Batch".to_string()),
            ("Batch Sizes", format!("{:?}", batch.group_sizes)),
            (
                "Auto Pause after Batch",
                yes_no(batch.autopause_after_batch).to_string(),
            ),
        ],
        JobUpdateStrategy::Unset => Vec::new(),
    };
    let wait = f64::from(settings.min_wait_in_instance_running_ms) / 1000.0;
    rows.extend([
        (
            "Max Failures Per Instance",
            settings.max_per_instance_failures.to_string(),
        ),
        (
            "Max Failed Instances",
            settings.max_failed_instances.to_string(),
        ),
        ("Minimum Waiting Time in Running", format!("{wait} seconds")),
        (
            "Rollback On Failure?",
            yes_no(settings.rollback_on_failure).to_string(),
        ),
        (
            "SLA-Aware?",
            yes_no(settings.sla_aware == Some(true)).to_string(),
        ),
    ]);
    rows.into_iter()
        .map(|(name, value)| json!({ "name": name, "value": value }))
        .collect()
}
