//! Which tasks a `TaskQuery` means.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};

use aurora_api::TaskQuery;

use super::table::Table;
use super::task::Task;

/// How often tasks were asked for, by what they were to be found by.
#[derive(Debug, Default)]
pub struct Queries {
    by_id: AtomicU64,
    by_job: AtomicU64,
    by_host: AtomicU64,
    all: AtomicU64,
}

impl Queries {
    /// Counts a query. What narrows it most counts: ids, then jobs, then hosts.
    fn note(&self, query: &TaskQuery) {
        fn is_given<T>(set: Option<&BTreeSet<T>>) -> bool {
            set.is_some_and(|set| !set.is_empty())
        }
        let names_job =
            query.role.is_some() && query.environment.is_some() && query.job_name.is_some();
        let counter = if is_given(query.task_ids.as_ref()) {
            &self.by_id
        } else if is_given(query.job_keys.as_ref()) || names_job {
            &self.by_job
        } else if is_given(query.slave_hosts.as_ref()) {
            &self.by_host
        } else {
            &self.all
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// The counts, by the ends of their names in `/vars`.
    pub fn all(&self) -> [(&'static str, u64); 4] {
        [
            ("by_id", &self.by_id),
            ("by_job", &self.by_job),
            ("by_host", &self.by_host),
            ("all", &self.all),
        ]
        .map(|(name, counter)| (name, counter.load(Ordering::Relaxed)))
    }
}

/// An empty set in a query is no restriction, like a missing one.
fn allows<T: Ord>(set: Option<&BTreeSet<T>>, holds: impl Fn(&BTreeSet<T>) -> bool) -> bool {
    set.is_none_or(|set| set.is_empty() || holds(set))
}

/// Whether a task meets every condition, `offset` and `limit` aside.
pub fn matches(query: &TaskQuery, task: &Task) -> bool {
    query
        .role
        .as_ref()
        .is_none_or(|role| *role == task.job.role)
        && query
            .environment
            .as_ref()
            .is_none_or(|env| *env == task.job.environment)
        && query
            .job_name
            .as_ref()
            .is_none_or(|name| *name == task.job.name)
        && allows(query.task_ids.as_ref(), |ids| ids.contains(&task.id))
        && allows(query.statuses.as_ref(), |statuses| {
            statuses.contains(&task.status)
        })
        && allows(query.instance_ids.as_ref(), |ids| {
            ids.contains(&task.instance)
        })
        && allows(query.slave_hosts.as_ref(), |hosts| {
            task.host.as_ref().is_some_and(|host| hosts.contains(host))
        })
        && allows(query.job_keys.as_ref(), |keys| keys.contains(&task.job))
}

/// The tasks a query means, oldest first, `offset` and `limit` applied.
pub fn select<'a>(table: &'a Table, query: &TaskQuery) -> Vec<&'a Task> {
    table.queries().note(query);
    let mut found: Vec<&Task> = match (&query.task_ids, &query.job_keys) {
        (Some(ids), _) if !ids.is_empty() => ids.iter().filter_map(|id| table.get(id)).collect(),
        (_, Some(keys)) if !keys.is_empty() => {
            keys.iter().flat_map(|key| table.of_job(key)).collect()
        }
        _ => table.iter().collect(),
    };
    found.retain(|task| matches(query, task));
    found.sort_by(|a, b| {
        let first = |task: &Task| task.events.first().map_or(0, |event| event.timestamp);
        (first(a), &a.id).cmp(&(first(b), &b.id))
    });
    page(found, query.offset, query.limit)
}

/// Skips `offset` and takes `limit`, each if it is positive.
pub fn page<T>(mut items: Vec<T>, offset: Option<i32>, limit: Option<i32>) -> Vec<T> {
    let positive = |n: Option<i32>| n.and_then(|n| usize::try_from(n).ok()).filter(|n| *n > 0);
    if let Some(offset) = positive(offset) {
        items.drain(..offset.min(items.len()));
    }
    if let Some(limit) = positive(limit) {
        items.truncate(limit);
    }
    items
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_cut_only_by_positive_bounds() {
        let items = || vec![1, 2, 3, 4];
        assert_eq!(page(items(), None, None), [1, 2, 3, 4]);
        assert_eq!(page(items(), Some(1), Some(2)), [2, 3]);
        assert_eq!(page(items(), Some(9), Some(2)), [0; 0]);
        assert_eq!(page(items(), Some(-1), Some(0)), [1, 2, 3, 4]);
    }
}
