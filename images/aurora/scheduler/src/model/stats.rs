//! Counters of what happened since the start, by the names that `/vars` shows.

use std::collections::BTreeMap;
use std::time::Duration;

/// Named counters; one that was never counted is absent.
#[derive(Debug, Default)]
pub struct Stats {
    counters: BTreeMap<String, i64>,
    timings: BTreeMap<&'static str, (u64, Duration)>,
}

/// Those that are shown from the start, with 0.
const ALWAYS: &[&str] = &[
    "assigner_launch_failures",
    "async_tasks_completed",
    "cron_job_collisions",
    "cron_job_concurrent_runs",
    "cron_job_launch_failures",
    "cron_job_misfires",
    "cron_job_parse_failures",
    "cron_job_triggers",
    "cron_jobs_loaded",
    "job_updates_pruned",
    "offer_cancel_failures",
    "offers_rescinded",
    "preemptor_missing_attributes",
    "preemptor_slot_search_attempts_for_non_prod",
    "preemptor_slot_search_attempts_for_prod",
    "preemptor_slot_search_failed_for_non_prod",
    "preemptor_slot_search_failed_for_prod",
    "preemptor_slot_search_successful_for_non_prod",
    "preemptor_slot_search_successful_for_prod",
    "preemptor_slot_validation_failed",
    "preemptor_slot_validation_successful",
    "preemptor_task_processor_runs",
    "preemptor_tasks_preempted_non_prod",
    "preemptor_tasks_preempted_prod",
    "preemptor_unmatched_tasks",
    "reconciliation_explicit_runs",
    "reconciliation_implicit_runs",
    "schedule_attempts_blocks",
    "schedule_attempts_failed",
    "scheduler_backup_failed",
    "scheduler_backup_success",
    "schedule_attempts_fired",
    "schedule_attempts_no_match",
    "scheduler_driver_kill_failures",
    "scheduler_framework_disconnects",
    "scheduler_framework_message",
    "scheduler_framework_reregisters",
    "missing_maintenance_request",
    "scheduler_illegal_task_state_transitions",
    "scheduler_inverse_offers",
    "scheduler_log_entries_written",
    "scheduler_log_snapshots",
    "scheduler_lost_executors",
    "scheduler_resource_offers",
    "scheduler_status_update",
    "scheduling_veto_constraint_mismatch",
    "scheduling_veto_dedicated_constraint_mismatch",
    "scheduling_veto_dynamic",
    "scheduling_veto_insufficient_resources",
    "scheduling_veto_limit_not_satisfied",
    "scheduling_veto_maintenance",
    "scheduling_veto_mixed",
    "scheduling_veto_static",
    "sla_coordinator_attempts",
    "sla_coordinator_errors",
    "sla_coordinator_lock_starvation",
    "sla_coordinator_success",
    "sla_coordinator_user_errors",
    "slaves_lost",
    "task_kill_retries",
    "tasks_pruned",
    "thrift_workload_addInstances",
    "thrift_workload_createJob",
    "thrift_workload_createOrUpdateCronTemplate",
    "thrift_workload_drainHosts",
    "thrift_workload_endMaintenance",
    "thrift_workload_killTasks",
    "thrift_workload_maintenanceStatus",
    "thrift_workload_pruneTasks",
    "thrift_workload_restartShards",
    "thrift_workload_slaDrainHosts",
    "thrift_workload_startJobUpdate",
    "thrift_workload_startMaintenance",
    "timed_out_tasks",
    "veto_evaluated_offers",
];

/// What takes time, and is shown from the start as well.
const TIMED: &[&str] = &[
    "log_storage_write_lock_wait",
    "mem_storage_read_operation",
    "mem_storage_write_operation",
    "scheduled_task_penalty",
    "scheduler_log_native_append",
    "scheduler_log_recover",
    "scheduler_log_snapshot",
    "scheduler_resource_offers",
    "scheduler_status_update",
    "sla_stats_computation",
    "snapshot_create",
    "storage_write_lock_wait",
    "task_schedule_attempt",
    "task_throttle",
];

impl Stats {
    /// No counts.
    pub fn new() -> Self {
        Self {
            counters: ALWAYS.iter().map(|name| (name.to_string(), 0)).collect(),
            timings: TIMED
                .iter()
                .map(|name| (*name, Default::default()))
                .collect(),
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

    /// Notes that something took this long.
    pub fn time(&mut self, name: &'static str, took: Duration) {
        let (events, total) = self.timings.entry(name).or_default();
        *events = events.saturating_add(1);
        *total = total.saturating_add(took);
    }

    /// How often something that takes time happened, and how long it took in all, by name.
    pub fn timings(&self) -> impl Iterator<Item = (&'static str, u64, Duration)> {
        self.timings
            .iter()
            .map(|(name, (events, total))| (*name, *events, *total))
    }

    /// The counters by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, i64)> {
        self.counters
            .iter()
            .map(|(name, count)| (name.as_str(), *count))
    }
}
