//! Waiting for a job's tasks to get somewhere (`apache/aurora/client/api/job_monitor.py`).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aurora_api::{ScheduleStatus, TaskQuery};

use crate::context::{Context, query_for};
use crate::exit::{self, Result};
use crate::grammar;
use crate::keys::AuroraKey;

const FIRST_POLL: Duration = Duration::from_secs(2);
const LAST_POLL: Duration = Duration::from_secs(150);

/// How long waiting may go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Patience {
    Endless,
    /// Until the pause between two looks would be the longest one.
    Limited,
}

/// Waits until each instance's latest task satisfies `done`. `false` if patience ran out.
pub(crate) async fn wait_until(
    context: &Context,
    key: &AuroraKey,
    instances: Option<&BTreeSet<i32>>,
    patience: Patience,
    done: fn(ScheduleStatus) -> bool,
) -> Result<bool> {
    let mut pause = FIRST_POLL;
    loop {
        let states = states(context, key, instances).await?;
        if states.into_iter().all(done) {
            return Ok(true);
        }
        if patience == Patience::Limited && pause >= LAST_POLL {
            return Ok(false);
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LAST_POLL);
    }
}

async fn states(
    context: &Context,
    key: &AuroraKey,
    instances: Option<&BTreeSet<i32>>,
) -> Result<Vec<ScheduleStatus>> {
    let scheduler = context.scheduler(&key.cluster)?;
    let query = TaskQuery {
        instance_ids: instances.filter(|instances| !instances.is_empty()).cloned(),
        ..query_for(&key.job)
    };
    let mut latest: BTreeMap<i32, (i64, ScheduleStatus)> = BTreeMap::new();
    for task in context.tasks(&scheduler, query, exit::API_ERROR).await? {
        let born = task.task_events.first().map_or(0, |event| event.timestamp);
        let known = latest
            .entry(task.assigned_task.instance_id)
            .or_insert((born, task.status));
        if born > known.0 {
            *known = (born, task.status);
        }
    }
    Ok(latest.into_values().map(|(_, status)| status).collect())
}

/// What `--wait-until` asks for.
pub(crate) async fn wait_as_asked(
    context: &Context,
    key: &AuroraKey,
    instances: Option<&BTreeSet<i32>>,
) -> Result<()> {
    let done: fn(ScheduleStatus) -> bool = match context.text(&grammar::WAIT_UNTIL).as_deref() {
        Some("RUNNING") => |status| status.is_live() || status.is_terminal(),
        Some("FINISHED") => ScheduleStatus::is_terminal,
        _ => return Ok(()),
    };
    wait_until(context, key, instances, Patience::Endless, done)
        .await
        .map(|_| ())
}
