//! `/tasks`: tasks of all kinds, in pages (http-endpoints §3.5).

use mesos_proto::mesos::Task;
use mesos_wire::authorization::Rights;
use mesos_wire::http::Query;
use serde_json::{Value, json};

use super::shared::task;
use super::sight;
use crate::model::{Framework, Master};

/// Which tasks are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskQuery {
    limit: usize,
    offset: usize,
    ascending: bool,
    framework: Option<String>,
    task: Option<String>,
}

impl TaskQuery {
    /// Reads a query. As with the original, a negative number stands for a very large one.
    pub fn new(query: &Query) -> Self {
        let number = |key: &str, default: usize| match query.get(key).map(str::parse::<i64>) {
            Some(Ok(n)) => usize::try_from(n).unwrap_or(usize::MAX),
            Some(Err(_)) | None => default,
        };
        Self {
            limit: number("limit", 100),
            offset: number("offset", 0),
            ascending: query.get("order") == Some("asc"),
            framework: query.get("framework_id").map(str::to_string),
            task: query.get("task_id").map(str::to_string),
        }
    }
}

/// `/tasks`.
pub fn tasks(master: &Master, query: &TaskQuery, rights: &Rights) -> Value {
    let mut found: Vec<&Task> = sight::all_frameworks(master, rights)
        .filter(|f| {
            query
                .framework
                .as_deref()
                .is_none_or(|id| f.id.as_str() == id)
        })
        .flat_map(|f| all_tasks(f).filter(|t| sight::task(rights, t, &f.info)))
        .filter(|t| {
            query
                .task
                .as_deref()
                .is_none_or(|id| t.task_id.value() == id)
        })
        .collect();
    found.sort_by(|a, b| {
        let order = begun(a).total_cmp(&begun(b));
        if query.ascending {
            order
        } else {
            order.reverse()
        }
    });
    let page: Vec<Value> = found
        .into_iter()
        .skip(query.offset)
        .take(query.limit)
        .map(task)
        .collect();
    json!({ "tasks": page })
}

/// A framework's tasks: those that run, that cannot be reached, and that have ended.
fn all_tasks(framework: &Framework) -> impl Iterator<Item = &Task> {
    let reached = framework
        .tasks
        .values()
        .chain(framework.unreachable.values());
    reached.chain(&framework.completed)
}

/// The time of a task's first status; one that has none yet comes first.
fn begun(task: &Task) -> f64 {
    task.statuses
        .first()
        .map_or(0.0, |status| status.timestamp())
}
