//! `sla_list_safe_domain` and `sla_probe_hosts`: which hosts may go down without harm to a job.

use std::collections::{BTreeMap, BTreeSet};

use aurora_api::calls::GetTasksWithoutConfigsArgs;
use aurora_api::{Call, JobKey, ScheduledTask, TaskQuery};

use super::maintenance::hosts;
use super::session::{Session, die};
use crate::api::Scheduler;
use crate::context::tasks_of;
use crate::exit::Result;
use crate::keys::AuroraKey;
use crate::quantity::Span;
use crate::times;
use crate::uptime::{self, Domain, Grouping, Limit, Prediction, Predictions};

/// Jobs with fewer instances do not count, unless `--min_job_instance_count` says otherwise.
const LEAST_INSTANCES: i64 = 10;

pub(super) async fn list_safe_domain(session: &Session) -> Result<()> {
    let args = &session.args;
    let limit = limit(session.word(1), session.word(2))?;
    let excluded = hosts::optional(args.text("-x"), args.text("-X"))?.unwrap_or_default();
    let included = hosts::optional(args.text("-i"), args.text("-I"))?;
    let overrides = args
        .text("-o")
        .map_or_else(|| Ok(BTreeMap::new()), overrides)?;
    let grouping = grouping(session)?;
    let domain = domain(session, &*session.scheduler()?, least(session), included).await?;
    for (host, predictions) in domain
        .safe_hosts(limit, &overrides, grouping)
        .into_iter()
        .flatten()
        .filter(|(host, _)| !excluded.contains(host))
    {
        if !args.flag("-l") {
            session.console.out(&host);
            continue;
        }
        for Prediction {
            job,
            percentage,
            seconds,
            ..
        } in predictions
        {
            let cluster = session.word(0);
            session.console.out(&format!(
                "{host}\t{cluster}/{job}\t{percentage:.2}\t{seconds}"
            ));
        }
    }
    Ok(())
}

pub(super) async fn probe_hosts(session: &Session) -> Result<()> {
    let limit = limit(session.word(1), session.word(2))?;
    let wanted = hosts::needed(session)?;
    let grouping = grouping(session)?;
    let scheduler = session.scheduler()?;
    let domain = domain(session, &scheduler, least(session), Some(wanted)).await?;
    let groups = domain.probe(limit, grouping);
    for line in lines(scheduler.cluster_name(), &groups, false).1 {
        session.console.out(&line);
    }
    Ok(())
}

/// The hosts that lines are about, and the lines: host, job, prediction, whether that is safe, and when
/// it will be.
pub(super) fn lines(
    cluster: &str,
    groups: &[Predictions],
    only_unsafe: bool,
) -> (BTreeSet<String>, Vec<String>) {
    let mut found = (BTreeSet::new(), Vec::new());
    for (host, predictions) in groups.iter().flatten() {
        for prediction in predictions.iter().filter(|p| !only_unsafe || !p.safe) {
            let safe = if prediction.safe { "True" } else { "False" };
            let safe_in = prediction
                .safe_in
                .map_or_else(|| "n/a".to_owned(), |seconds| seconds.to_string());
            found.0.insert(host.clone());
            found.1.push(format!(
                "{host}\t{cluster}/{}\t{:.2}\t{safe}\t{safe_in}",
                prediction.job, prediction.percentage
            ));
        }
    }
    found
}

/// The production jobs that have tasks on the hosts, or all production jobs.
pub(super) async fn domain(
    session: &Session,
    scheduler: &Scheduler,
    least_instances: usize,
    only: Option<BTreeSet<String>>,
) -> Result<Domain> {
    let mut query = uptime::query();
    if let Some(hosts) = &only {
        let on_hosts = TaskQuery {
            slave_hosts: Some(hosts.clone()),
            ..uptime::query()
        };
        let jobs: BTreeSet<JobKey> = tasks(session, scheduler, on_hosts)
            .await?
            .into_iter()
            .filter_map(|task| task.assigned_task.task.job)
            .collect();
        if jobs.is_empty() {
            return Ok(Domain::new(Vec::new(), 0, None, 0));
        }
        query.job_keys = Some(jobs);
    }
    let tasks = tasks(session, scheduler, query).await?;
    Ok(Domain::new(
        tasks,
        least_instances,
        only.as_ref(),
        times::now(),
    ))
}

async fn tasks(
    session: &Session,
    scheduler: &Scheduler,
    query: TaskQuery,
) -> Result<Vec<ScheduledTask>> {
    let args = GetTasksWithoutConfigsArgs { query: Some(query) };
    let response = scheduler.call(Call::GetTasksWithoutConfigs(args)).await?;
    session.check(&response)?;
    Ok(tasks_of(response))
}

fn least(session: &Session) -> usize {
    let least = session.args.number("--min_job_instance_count");
    usize::try_from(least.unwrap_or(LEAST_INSTANCES)).unwrap_or_default()
}

/// How hosts are put together, as `--grouping` says.
pub(super) fn grouping(session: &Session) -> Result<Grouping> {
    let name = session.args.value("--grouping").unwrap_or("by_host");
    Grouping::parse(name).ok_or_else(|| {
        let names: Vec<String> = Grouping::NAMES
            .iter()
            .map(|(name, _)| format!("'{name}'"))
            .collect();
        die(format!(
            "Unknown grouping function {name}. Must be one of: [{}]",
            names.join(", ")
        ))
    })
}

/// A percentage and how long it must hold.
pub(super) fn limit(percentage: &str, duration: &str) -> Result<Limit> {
    Ok(Limit {
        percentage: self::percentage(percentage)?,
        seconds: seconds(duration)?,
    })
}

pub(super) fn percentage(text: &str) -> Result<f64> {
    let value: f64 = text
        .trim()
        .parse()
        .map_err(|_| die(format!("could not convert string to float: '{text}'")))?;
    if value > 0.0 && value <= 100.0 {
        Ok(value)
    } else {
        Err(die(format!(
            "Invalid percentage {text}. Must be within (0, 100]."
        )))
    }
}

pub(super) fn seconds(text: &str) -> Result<i64> {
    let span = Span::parse(text).map_err(die)?;
    i64::try_from(span.seconds).map_err(|error| die(error.to_string()))
}

/// A file of lines `cluster/role/env/job percentage duration`.
fn overrides(file: &str) -> Result<BTreeMap<JobKey, Limit>> {
    let text = std::fs::read_to_string(file).map_err(|error| die(format!("{file}: {error}")))?;
    let mut limits = BTreeMap::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let invalid = || die(format!("Invalid line in {file}:{line}"));
        let words: Vec<&str> = line.split_whitespace().collect();
        let [job, percentage, duration] = words.as_slice() else {
            return Err(invalid());
        };
        let key = AuroraKey::parse(job).ok_or_else(invalid)?;
        limits.insert(key.job, limit(percentage, duration)?);
    }
    Ok(limits)
}
