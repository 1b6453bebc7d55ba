//! What the master counts since it started. Gauges are not here: they are read off the state.

use std::collections::BTreeMap;

use mesos_proto::mesos::task_status::{Reason, Source};
use mesos_proto::mesos::{OperationState, TaskState, offer};
use mesos_proto::scheduler::{call, event};
use protobuf::Enum;

/// The master's counters, every one of which is shown from the start (http-endpoints, "Metrics").
const NAMES: &[&str] = &[
    "dropped_messages",
    "http_cache_hits",
    "invalid_executor_to_framework_messages",
    "invalid_framework_to_executor_messages",
    "invalid_operation_status_update_acknowledgements",
    "invalid_operation_status_updates",
    "invalid_status_update_acknowledgements",
    "invalid_status_updates",
    "messages_authenticate",
    "messages_deactivate_framework",
    "messages_decline_offers",
    "messages_executor_to_framework",
    "messages_exited_executor",
    "messages_framework_to_executor",
    "messages_kill_task",
    "messages_launch_tasks",
    "messages_operation_status_update",
    "messages_operation_status_update_acknowledgement",
    "messages_reconcile_operations",
    "messages_reconcile_tasks",
    "messages_register_framework",
    "messages_register_slave",
    "messages_reregister_framework",
    "messages_reregister_slave",
    "messages_resource_request",
    "messages_revive_offers",
    "messages_status_update",
    "messages_status_update_acknowledgement",
    "messages_suppress_offers",
    "messages_unregister_framework",
    "messages_unregister_slave",
    "messages_update_slave",
    "recovery_slave_removals",
    "slave_registrations",
    "slave_removals",
    "slave_removals/reason_registered",
    "slave_removals/reason_unhealthy",
    "slave_removals/reason_unregistered",
    "slave_reregistrations",
    "slave_shutdowns_canceled",
    "slave_shutdowns_completed",
    "slave_shutdowns_scheduled",
    "slave_unreachable_canceled",
    "slave_unreachable_completed",
    "slave_unreachable_scheduled",
    "tasks_dropped",
    "tasks_error",
    "tasks_failed",
    "tasks_finished",
    "tasks_gone",
    "tasks_gone_by_operator",
    "tasks_killed",
    "tasks_lost",
    "valid_executor_to_framework_messages",
    "valid_framework_to_executor_messages",
    "valid_operation_status_update_acknowledgements",
    "valid_operation_status_updates",
    "valid_status_update_acknowledgements",
    "valid_status_updates",
];

/// Counters of the whole master, by the part of their name after `master/`.
#[derive(Debug)]
pub struct Counters {
    counts: BTreeMap<String, u64>,
    /// Tasks that were accepted, and tasks that said they started: the documents of 2014 show them.
    pub staged: u64,
    /// See `staged`.
    pub started: u64,
}

impl Default for Counters {
    fn default() -> Self {
        Self {
            counts: NAMES.iter().map(|name| (name.to_string(), 0)).collect(),
            staged: 0,
            started: 0,
        }
    }
}

impl Counters {
    /// Counts one.
    pub fn bump(&mut self, name: &str) {
        match self.counts.get_mut(name) {
            Some(count) => *count += 1,
            None => {
                self.counts.insert(name.to_string(), 1);
            }
        }
    }

    /// Counts one, as valid or not.
    pub fn bump_valid(&mut self, valid: bool, what: &str) {
        self.bump(&format!(
            "{}_{what}",
            if valid { "valid" } else { "invalid" }
        ));
    }

    /// Counts a task's end by state, and with a reason by who said it, too.
    pub fn task_ended(&mut self, state: TaskState, source: Source, reason: Option<Reason>) {
        let state = label(&state);
        self.bump(&state.replacen("task_", "tasks_", 1));
        if let Some(reason) = reason {
            self.bump(&format!("{state}/{}/{}", label(&source), label(&reason)));
        }
    }

    /// Counts an operation's end, by kind and by how it ended.
    pub fn operation_ended(&mut self, kind: offer::operation::Type, state: OperationState) {
        let state = label(&state);
        let state = state.trim_start_matches("operation_");
        self.bump(&format!("operations/{state}"));
        self.bump(&format!("operations/{}/{state}", label(&kind)));
    }

    /// A count; what was never counted is 0.
    pub fn get(&self, name: &str) -> u64 {
        self.counts.get(name).copied().unwrap_or_default()
    }

    /// All counts by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.counts
            .iter()
            .map(|(name, count)| (name.as_str(), *count))
    }
}

/// Counters of one framework.
#[derive(Debug, Clone, Default)]
pub struct FrameworkCounters {
    calls: BTreeMap<i32, u64>,
    events: BTreeMap<i32, u64>,
    operations: BTreeMap<i32, u64>,
    ended: BTreeMap<i32, u64>,
    /// Offers made.
    pub offers_sent: u64,
    /// Offers that were used.
    pub offers_accepted: u64,
    /// Offers that were refused.
    pub offers_declined: u64,
    /// Offers that were taken back.
    pub offers_rescinded: u64,
}

impl FrameworkCounters {
    /// Counts a call.
    pub fn call(&mut self, kind: call::Type) {
        *self.calls.entry(kind.value()).or_default() += 1;
    }

    /// Counts an event.
    pub fn event(&mut self, kind: event::Type) {
        *self.events.entry(kind.value()).or_default() += 1;
    }

    /// Counts an operation on an offer.
    pub fn operation(&mut self, kind: offer::operation::Type) {
        *self.operations.entry(kind.value()).or_default() += 1;
    }

    /// Counts a task's end.
    pub fn task_ended(&mut self, state: TaskState) {
        *self.ended.entry(state.value()).or_default() += 1;
    }

    /// All counts, by the part of their name after the framework's.
    pub fn all(&self) -> Vec<(String, u64)> {
        let mut all = vec![
            ("offers/sent".to_string(), self.offers_sent),
            ("offers/accepted".to_string(), self.offers_accepted),
            ("offers/declined".to_string(), self.offers_declined),
            ("offers/rescinded".to_string(), self.offers_rescinded),
        ];
        family::<call::Type>(&mut all, "calls", &self.calls);
        family::<event::Type>(&mut all, "events", &self.events);
        family::<offer::operation::Type>(&mut all, "operations", &self.operations);
        let ended = TaskState::VALUES
            .iter()
            .filter(|state| is_terminal(**state));
        all.extend(ended.map(|state| {
            let count = self.ended.get(&state.value()).copied().unwrap_or_default();
            (format!("tasks/terminal/{}", label(state)), count)
        }));
        all
    }
}

/// The sum of a family of counts, and each of them but that of the unknown kind.
fn family<E: Enum>(all: &mut Vec<(String, u64)>, name: &str, counts: &BTreeMap<i32, u64>) {
    all.push((name.to_string(), counts.values().sum()));
    all.extend(
        E::VALUES
            .iter()
            .filter(|kind| label(*kind) != "unknown")
            .map(|kind| {
                let count = counts.get(&kind.value()).copied().unwrap_or_default();
                (format!("{name}/{}", label(kind)), count)
            }),
    );
}

/// An enum's value as metrics spell it.
pub fn label(value: &impl std::fmt::Debug) -> String {
    format!("{value:?}").to_ascii_lowercase()
}

/// Whether a task in this state is at its end.
pub fn is_terminal(state: TaskState) -> bool {
    use TaskState::*;
    matches!(
        state,
        TASK_FINISHED
            | TASK_FAILED
            | TASK_KILLED
            | TASK_ERROR
            | TASK_LOST
            | TASK_DROPPED
            | TASK_GONE
            | TASK_GONE_BY_OPERATOR
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ended_task_is_counted_by_state_source_and_reason() {
        let mut counters = Counters::default();
        counters.task_ended(
            TaskState::TASK_FAILED,
            Source::SOURCE_SLAVE,
            Some(Reason::REASON_EXECUTOR_TERMINATED),
        );
        assert_eq!(counters.get("tasks_failed"), 1);
        assert_eq!(
            counters.get("task_failed/source_slave/reason_executor_terminated"),
            1
        );
        assert_eq!(counters.get("tasks_lost"), 0);
    }

    #[test]
    fn a_frameworks_counts_have_every_kind_from_the_start() {
        let mut counters = FrameworkCounters::default();
        counters.call(call::Type::KILL);
        let all = counters.all();
        let get = |name: &str| all.iter().find(|(n, _)| n == name).map(|(_, count)| *count);
        assert_eq!(get("calls"), Some(1));
        assert_eq!(get("calls/kill"), Some(1));
        assert_eq!(get("events/heartbeat"), Some(0));
        assert_eq!(get("operations/launch_group"), Some(0));
        assert_eq!(get("tasks/terminal/task_lost"), Some(0));
        assert_eq!(get("calls/unknown"), None);
    }
}
