//! `/metrics/snapshot` (http-endpoints.md, section 6), and the documents of 2014 that grew from it.

use std::collections::BTreeMap;

use mesos_proto::mesos::TaskState;
use serde_json::Value;

use super::agent::Agent;
use super::documents::allocated;
use crate::model::{ExecutorState, Model, State};
use crate::system::System;

/// Scalars that every agent has metrics of.
const RESOURCES: [&str; 4] = ["cpus", "disk", "gpus", "mem"];

/// All metrics by name, in order.
pub(crate) fn snapshot(agent: &Agent) -> BTreeMap<String, f64> {
    let uptime = agent.uptime();
    let mut all = agent.look(|model| of_model(model, uptime));
    let (age, removals) = agent.gc(|gc| (gc.allowed(), gc.removals()));
    let (total, used) = agent.containers().map_or((0, 0), |all| all.cache_sizes());
    for (name, value) in [
        (
            "slave/executor_directory_max_allowed_age_secs",
            age.as_secs_f64(),
        ),
        ("gc/path_removals_pending", removals.pending as f64),
        ("gc/path_removals_succeeded", removals.succeeded as f64),
        ("gc/path_removals_failed", removals.failed as f64),
        ("containerizer/fetcher/cache_size_total_bytes", total as f64),
        ("containerizer/fetcher/cache_size_used_bytes", used as f64),
    ] {
        all.insert(name.to_string(), value);
    }
    let system = System::now();
    let [one, five, fifteen] = system.load;
    for (name, value) in [
        ("system/cpus_total", system.cpus as f64),
        ("system/load_1min", one),
        ("system/load_5min", five),
        ("system/load_15min", fifteen),
        ("system/mem_free_bytes", system.mem_free_bytes as f64),
        ("system/mem_total_bytes", system.mem_total_bytes as f64),
    ] {
        all.insert(name.to_string(), value);
    }
    all
}

/// Counts of tasks that are here, by state.
#[derive(Default)]
pub(crate) struct Gauges {
    pub(crate) staging: u64,
    pub(crate) starting: u64,
    pub(crate) running: u64,
    pub(crate) killing: u64,
    /// Tasks that wait for their executor.
    pub(crate) queued: u64,
    /// Tasks that their executor has.
    pub(crate) launched: u64,
}

pub(crate) fn gauges(model: &Model) -> Gauges {
    let mut gauges = Gauges::default();
    for (_, executor) in model.executors() {
        let queued = executor.queued_tasks().count() as u64;
        gauges.queued += queued;
        gauges.staging += queued;
        for task in executor.launched.values() {
            gauges.launched += 1;
            match task.state() {
                TaskState::TASK_STAGING => gauges.staging += 1,
                TaskState::TASK_STARTING => gauges.starting += 1,
                TaskState::TASK_RUNNING => gauges.running += 1,
                TaskState::TASK_KILLING => gauges.killing += 1,
                _ => {}
            }
        }
    }
    gauges
}

fn of_model(model: &Model, uptime: f64) -> BTreeMap<String, f64> {
    let counters = model.counters();
    let tasks = gauges(model);
    let executors = |state| model.executors().filter(|(_, e)| e.state == state).count() as f64;
    let registered = if model.state() == State::Running {
        1.0
    } else {
        0.0
    };
    let mut all: BTreeMap<String, f64> = [
        ("slave/uptime_secs", uptime),
        ("slave/registered", registered),
        ("slave/recovery_errors", counters.recovery_errors as f64),
        (
            "slave/recovery_time_secs",
            counters.recovery_micros as f64 / 1e6,
        ),
        ("slave/frameworks_active", model.frameworks().count() as f64),
        ("slave/tasks_staging", tasks.staging as f64),
        ("slave/tasks_starting", tasks.starting as f64),
        ("slave/tasks_running", tasks.running as f64),
        ("slave/tasks_killing", tasks.killing as f64),
        ("slave/tasks_finished", counters.tasks_finished as f64),
        ("slave/tasks_failed", counters.tasks_failed as f64),
        ("slave/tasks_killed", counters.tasks_killed as f64),
        ("slave/tasks_lost", counters.tasks_lost as f64),
        ("slave/tasks_gone", counters.tasks_gone as f64),
        (
            "slave/executors_registering",
            executors(ExecutorState::Registering),
        ),
        ("slave/executors_running", executors(ExecutorState::Running)),
        (
            "slave/executors_terminating",
            executors(ExecutorState::Terminating),
        ),
        (
            "slave/executors_terminated",
            counters.executors_terminated as f64,
        ),
        ("slave/executors_preempted", 0.0),
        (
            "slave/valid_status_updates",
            counters.valid_status_updates as f64,
        ),
        (
            "slave/invalid_status_updates",
            counters.invalid_status_updates as f64,
        ),
        (
            "slave/valid_framework_messages",
            counters.valid_framework_messages as f64,
        ),
        (
            "slave/invalid_framework_messages",
            counters.invalid_framework_messages as f64,
        ),
        (
            "slave/container_launch_errors",
            counters.container_launch_errors as f64,
        ),
        ("resource_provider_manager/subscribed", 0.0),
        ("resource_provider_manager/events/subscribe", 0.0),
        ("resource_provider_manager/events/disconnect", 0.0),
        (
            "containerizer/fetcher/task_fetches_succeeded",
            counters.fetches_succeeded as f64,
        ),
        (
            "containerizer/fetcher/task_fetches_failed",
            counters.fetches_failed as f64,
        ),
        (
            "containerizer/mesos/container_destroy_errors",
            counters.container_destroy_errors as f64,
        ),
        (
            "containerizer/mesos/provisioner/remove_container_errors",
            0.0,
        ),
        (
            "containerizer/mesos/provisioner/bind/remove_rootfs_errors",
            0.0,
        ),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_string(), value))
    .collect();
    let (mut total, used) = (model.total(), allocated(model));
    total.add(&model.oversubscribed());
    for name in RESOURCES {
        let revocable = |r: &mesos_proto::mesos::Resource| r.revocable.is_some();
        for (suffix, of_total, of_used) in [
            (
                "",
                total.filter(|r| !revocable(r)),
                used.filter(|r| !revocable(r)),
            ),
            (
                "revocable_",
                total.filter(revocable),
                used.filter(revocable),
            ),
        ] {
            let (total, used) = (of_total.scalar(name), of_used.scalar(name));
            let percent = if total > 0.0 { used / total } else { 0.0 };
            for (what, value) in [("total", total), ("used", used), ("percent", percent)] {
                all.insert(format!("slave/{name}_{suffix}{what}"), value);
            }
        }
    }
    all
}

/// `/metrics/snapshot`.
pub(crate) fn document(agent: &Agent) -> Value {
    Value::Object(
        snapshot(agent)
            .into_iter()
            .map(|(name, value)| (name, value.into()))
            .collect(),
    )
}
