//! Counters of what happened since the start, by the names that `/vars` shows.

use std::collections::BTreeMap;

/// Named counters; one that was never counted is absent.
#[derive(Debug, Default)]
pub struct Stats {
    counters: BTreeMap<String, i64>,
}

/// Those that are shown from the start, with 0.
const ALWAYS: &[&str] = &[
    "assigner_launch_failures",
    "cron_job_collisions",
    "cron_job_concurrent_runs",
    "cron_job_launch_failures",
    "cron_job_misfires",
    "cron_job_parse_failures",
    "cron_job_triggers",
    "cron_jobs_loaded",
    "job_updates_pruned",
    "offers_rescinded",
    "reconciliation_explicit_runs",
    "reconciliation_implicit_runs",
    "schedule_attempts_failed",
    "scheduler_backup_failed",
    "scheduler_backup_success",
    "schedule_attempts_fired",
    "schedule_attempts_no_match",
    "scheduler_framework_disconnects",
    "scheduler_framework_message",
    "scheduler_framework_reregisters",
    "missing_maintenance_request",
    "scheduler_illegal_task_state_transitions",
    "scheduler_inverse_offers",
    "scheduler_lost_executors",
    "scheduler_resource_offers",
    "scheduler_status_update",
    "sla_coordinator_attempts",
    "sla_coordinator_errors",
    "sla_coordinator_lock_starvation",
    "sla_coordinator_success",
    "sla_coordinator_user_errors",
    "slaves_lost",
    "task_kill_retries",
    "tasks_pruned",
    "timed_out_tasks",
];

impl Stats {
    /// No counts.
    pub fn new() -> Self {
        Self {
            counters: ALWAYS.iter().map(|name| (name.to_string(), 0)).collect(),
        }
    }

    /// Counts one.
    pub fn count(&mut self, name: &str) {
        self.add(name, 1);
    }

    /// Counts several.
    pub fn add(&mut self, name: &str, amount: usize) {
        let amount = i64::try_from(amount).unwrap_or(i64::MAX);
        match self.counters.get_mut(name) {
            Some(counter) => *counter = counter.saturating_add(amount),
            None => {
                self.counters.insert(name.to_string(), amount);
            }
        }
    }

    /// Sets a value that can fall.
    pub fn set(&mut self, name: &str, value: i64) {
        self.counters.insert(name.to_string(), value);
    }

    /// The counters by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, i64)> {
        self.counters
            .iter()
            .map(|(name, count)| (name.as_str(), *count))
    }
}
