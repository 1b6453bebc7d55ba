//! `update list`.

use std::collections::BTreeSet;

use aurora_api::{JobKey, JobUpdateQuery, JobUpdateState, JobUpdateStatus};
use serde_json::{Value as Json, json};

use super::control::summaries;
use crate::context::Context;
use crate::exit::{self, Result};
use crate::grammar;
use crate::keys::AuroraKey;
use crate::pretty;
use crate::times;

pub(crate) async fn list(context: &Context) -> Result {
    let filter: Vec<&str> = context
        .args
        .word(grammar::FILTER.metavar)
        .split('/')
        .collect();
    let part = |index: usize| filter.get(index).map(|part| (*part).to_owned());
    let cluster = part(0).unwrap_or_default();
    let job_key = match (part(1), part(2), part(3)) {
        (Some(role), Some(environment), Some(name)) => Some(JobKey::new(role, environment, name)),
        _ => None,
    };
    let statuses: BTreeSet<JobUpdateStatus> = context
        .args
        .values(grammar::name(&grammar::STATUS))
        .iter()
        .flat_map(|name| group(name))
        .collect();
    let query = JobUpdateQuery {
        role: if job_key.is_none() { part(1) } else { None },
        job_key: job_key.clone(),
        user: context.text(&grammar::USER),
        update_statuses: (!statuses.is_empty()).then_some(statuses),
        ..JobUpdateQuery::default()
    };
    let mut found = summaries(context, &cluster, query).await?;
    // The scheduler has no filter by environment.
    if let (None, Some(environment)) = (&job_key, part(2)) {
        found.retain(|summary| summary.key.job.environment == environment);
    }
    let rows = found.into_iter().map(|summary| {
        let JobUpdateState {
            status,
            created_timestamp_ms,
            last_modified_timestamp_ms,
        } = summary.state.unwrap_or_default();
        [
            AuroraKey::new(&cluster, summary.key.job).to_string(),
            summary.key.id,
            status.name().to_owned(),
            summary.user,
            times::utc(created_timestamp_ms),
            times::utc(last_modified_timestamp_ms),
        ]
    });
    if context.flag(&grammar::WRITE_JSON) {
        let documents: Vec<Json> = rows
            .map(|[job, id, status, user, started, last_modified]| {
                json!({
                    "job": job,
                    "id": id,
                    "user": user,
                    "started": started,
                    "last_modified": last_modified,
                    "status": status,
                })
            })
            .collect();
        context
            .console
            .out(&pretty::dumps_indented(&Json::Array(documents)));
        return Ok(exit::OK);
    }
    let header = [
        "JOB",
        "UPDATE ID",
        "STATUS",
        "CREATED BY",
        "STARTED",
        "LAST MODIFIED",
    ]
    .map(str::to_owned);
    let mut rows = rows.peekable();
    if rows.peek().is_some() {
        context.console.out(&columns(&header));
    }
    for row in rows {
        context.console.out(&columns(&row));
    }
    Ok(exit::OK)
}

fn columns([job, id, status, user, started, last_modified]: &[String; 6]) -> String {
    format!("{job:47} {id:36} {status:15} {user:11} {started:19} {last_modified:19}")
}

/// The states that a name of `--status` means.
fn group(name: &str) -> Vec<JobUpdateStatus> {
    use JobUpdateStatus as Status;
    match name {
        "all" => Status::ALL.to_vec(),
        "active" => Status::ACTIVE.to_vec(),
        "inactive" => Status::TERMINAL.to_vec(),
        "blocked" => Status::AWAITING_PULSE.to_vec(),
        "failed" => vec![Status::Error, Status::Failed, Status::RolledBack],
        "paused" => vec![Status::RollForwardPaused, Status::RollBackPaused],
        "succeeded" => vec![Status::RolledForward],
        other => Status::from_name(other).into_iter().collect(),
    }
}
