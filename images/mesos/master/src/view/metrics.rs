//! `/metrics/snapshot`: every name that the original has, with what it stands for here
//! (http-endpoints §6).

use std::collections::{BTreeMap, BTreeSet};

use mesos_proto::mesos::TaskState;
use mesos_wire::resources::{Resources, reservation_role};
use protobuf::Message as _;

use super::registry::registry;
use super::shared::sum;
use super::{Site, System, Timings};
use crate::model::{Framework, Master, Moment, consumed, dominant_share, label};

/// Metrics by name.
pub type Metrics = BTreeMap<String, f64>;

/// States of tasks that have not ended.
const ACTIVE: [TaskState; 6] = [
    TaskState::TASK_KILLING,
    TaskState::TASK_RUNNING,
    TaskState::TASK_STAGING,
    TaskState::TASK_STARTING,
    TaskState::TASK_UNKNOWN,
    TaskState::TASK_UNREACHABLE,
];

/// All metrics now.
pub fn metrics(master: &Master, site: &Site, timings: &Timings, now: Moment) -> Metrics {
    let mut metrics = Metrics::new();
    metrics.extend(system(&site.system));
    metrics.extend(timings.run.metrics("allocator/mesos/allocation_run_ms"));
    metrics.extend(
        timings
            .latency
            .metrics("allocator/mesos/allocation_run_latency_ms"),
    );
    metrics.extend(timings.store.metrics("registrar/state_store_ms"));
    metrics.extend(
        master
            .counters
            .iter()
            .map(|(name, count)| (format!("master/{name}"), count as f64)),
    );
    gauges(master, site, now, &mut metrics);
    operations(master, &mut metrics);
    resources(master, &mut metrics);
    roles(master, &mut metrics);
    let is_wanted = site.flags.is_on("publish_per_framework_metrics");
    // Those that are over are shown as long as they are remembered.
    for framework in master.completed_frameworks.iter().filter(|_| is_wanted) {
        of_framework(framework, &mut metrics);
    }
    for framework in master.frameworks.values() {
        if is_wanted {
            of_framework(framework, &mut metrics);
        }
    }
    for (principal, traffic) in &master.traffic {
        for (what, count) in [
            ("received", traffic.received),
            ("processed", traffic.processed),
        ] {
            let name = format!("frameworks/{principal}/messages_{what}");
            metrics.insert(name, count as f64);
        }
    }
    metrics.insert("registrar/state_fetch_ms".into(), timings.fetch);
    metrics.insert("registrar/queued_operations".into(), 0.0);
    metrics.insert(
        "registrar/registry_size_bytes".into(),
        registry(master).compute_size() as f64,
    );
    if site.flags.text("registry") == Some("replicated_log") {
        let quorum = site.flags.integer("quorum").unwrap_or(1);
        metrics.insert("registrar/log/recovered".into(), 1.0);
        metrics.insert(
            "registrar/log/ensemble_size".into(),
            quorum.saturating_mul(2).saturating_sub(1) as f64,
        );
    }
    metrics
}

fn system(system: &System) -> [(String, f64); 6] {
    let [one, five, fifteen] = system.load;
    [
        ("system/load_1min", one),
        ("system/load_5min", five),
        ("system/load_15min", fifteen),
        ("system/cpus_total", system.cpus as f64),
        ("system/mem_total_bytes", system.mem_total as f64),
        ("system/mem_free_bytes", system.mem_free as f64),
    ]
    .map(|(name, value)| (name.to_string(), value))
}

fn gauges(master: &Master, site: &Site, now: Moment, metrics: &mut Metrics) {
    let agents = || master.agents.values();
    let frameworks = || master.frameworks.values();
    let connected = agents().filter(|a| a.connected).count();
    let active = agents().filter(|a| a.is_active()).count();
    let subscribed = frameworks().filter(|f| f.is_connected()).count();
    let offered = frameworks().filter(|f| f.active).count();
    let mut set = |name: &str, value: f64| {
        metrics.insert(name.to_string(), value);
    };
    set(
        "master/uptime_secs",
        now.saturating_sub(master.started).as_secs_f64(),
    );
    set(
        "master/elected",
        if master.elected.is_some() { 1.0 } else { 0.0 },
    );
    set("master/slaves_connected", connected as f64);
    set(
        "master/slaves_disconnected",
        (master.agents.len() - connected) as f64,
    );
    set("master/slaves_active", active as f64);
    set(
        "master/slaves_inactive",
        (master.agents.len() - active) as f64,
    );
    set(
        "master/slaves_unreachable",
        master.unreachable_agents.len() as f64,
    );
    set("master/frameworks_connected", subscribed as f64);
    set(
        "master/frameworks_disconnected",
        (master.frameworks.len() - subscribed) as f64,
    );
    set("master/frameworks_active", offered as f64);
    set(
        "master/frameworks_inactive",
        (master.frameworks.len() - offered) as f64,
    );
    set("master/outstanding_offers", master.offers.len() as f64);
    set(
        "master/operator_event_stream_subscribers",
        site.subscribers as f64,
    );
    // Everything is done in the order it comes, as it comes: nothing queues.
    for queue in ["dispatches", "http_requests", "messages"] {
        set(&format!("master/event_queue_{queue}"), 0.0);
    }
    set("allocator/event_queue_dispatches", 0.0);
    set("allocator/mesos/event_queue_dispatches", 0.0);
    set(
        "allocator/mesos/allocation_runs",
        master.allocator.runs as f64,
    );
    for state in ACTIVE {
        let count = match state {
            TaskState::TASK_UNKNOWN => continue,
            TaskState::TASK_UNREACHABLE => frameworks().map(unreachable).sum(),
            _ => frameworks().map(|f| in_state(f, state)).sum::<usize>(),
        };
        set(
            &format!("master/{}", label(&state).replacen("task_", "tasks_", 1)),
            count as f64,
        );
    }
}

fn in_state(framework: &Framework, state: TaskState) -> usize {
    framework
        .tasks
        .values()
        .filter(|task| task.state() == state)
        .count()
}

fn unreachable(framework: &Framework) -> usize {
    let tasks = framework.unreachable.values();
    tasks
        .filter(|task| task.state() == TaskState::TASK_UNREACHABLE)
        .count()
}

/// Operations under way, and how the others ended.
fn operations(master: &Master, metrics: &mut Metrics) {
    const STATES: [&str; 9] = [
        "dropped",
        "error",
        "failed",
        "finished",
        "gone_by_operator",
        "pending",
        "recovering",
        "total",
        "unreachable",
    ];
    const KINDS: [&str; 8] = [
        "create",
        "create_disk",
        "destroy",
        "destroy_disk",
        "grow_volume",
        "reserve",
        "shrink_volume",
        "unreserve",
    ];
    let count = |name: String| master.counters.get(&name) as f64;
    for state in STATES {
        metrics.insert(
            format!("master/operations/{state}"),
            count(format!("operations/{state}")),
        );
        for kind in KINDS {
            metrics.insert(
                format!("master/operations/{kind}/{state}"),
                count(format!("operations/{kind}/{state}")),
            );
        }
    }
    // All that were ever begun: those that ended, and those that go on.
    for of_kind in KINDS
        .map(|kind| format!("{kind}/"))
        .iter()
        .map(String::as_str)
        .chain([""])
    {
        let ended = ["dropped", "error", "failed", "finished", "gone_by_operator"];
        let ended = ended.map(|state| count(format!("operations/{of_kind}{state}")));
        metrics.insert(
            format!("master/operations/{of_kind}total"),
            ended.into_iter().sum(),
        );
    }
    let mut add = |name: String| *metrics.entry(name).or_default() += 1.0;
    for operation in master.agents.values().flat_map(|a| a.operations.values()) {
        let kind = label(&operation.info.type_());
        let state = label(&operation.latest_status.state());
        let state = state.trim_start_matches("operation_");
        // Ended ones are counted as they end.
        if ["pending", "recovering", "unreachable"].contains(&state) {
            for state in ["total", state] {
                add(format!("master/operations/{state}"));
                add(format!("master/operations/{kind}/{state}"));
            }
        }
    }
}

fn resources(master: &Master, metrics: &mut Metrics) {
    for name in ["cpus", "gpus", "mem", "disk"] {
        let amount = |bag: &Resources, revocable: bool| {
            bag.filter(|r| r.revocable.is_some() == revocable)
                .scalar(name)
        };
        for (infix, revocable) in [("", false), ("revocable_", true)] {
            let (mut total, mut used) = (0.0, 0.0);
            // Those that get no offers count as well.
            for agent in master.agents.values() {
                total += amount(&agent.total, revocable);
                used += amount(&agent.used_total(), revocable);
            }
            let prefix = format!("master/{name}_{infix}");
            metrics.insert(format!("{prefix}total"), total);
            metrics.insert(format!("{prefix}used"), used);
            metrics.insert(
                format!("{prefix}percent"),
                if total > 0.0 { used / total } else { 0.0 },
            );
        }
    }
    for name in ["cpus", "mem", "disk"] {
        let total = sum(master.agents.values().map(|a| a.total.scalar(name)));
        let taken = sum(master
            .agents
            .values()
            .map(|a| a.used_total().scalar(name) + a.offered.scalar(name)));
        metrics.insert(format!("allocator/mesos/resources/{name}/total"), total);
        metrics.insert(
            format!("allocator/mesos/resources/{name}/offered_or_allocated"),
            taken,
        );
    }
}

fn roles(master: &Master, metrics: &mut Metrics) {
    let mut names: BTreeSet<&str> = master.allocator.filtered_roles();
    names.extend(
        master
            .frameworks
            .values()
            .flat_map(|f| f.roles.iter().map(String::as_str)),
    );
    let quotas = master.policy.quotas.iter();
    names.extend(
        quotas
            .filter(|(_, quota)| !quota.is_default())
            .map(|(role, _)| role.as_str()),
    );
    let weights = master.policy.weights.iter();
    names.extend(
        weights
            .filter(|(_, weight)| **weight != 1.0)
            .map(|(role, _)| role.as_str()),
    );
    for (role, quota) in &master.policy.quotas {
        let kinds = [
            ("guarantee", quota.guarantees.iter().collect::<Vec<_>>()),
            ("limit", quota.limits().collect()),
        ];
        for (kind, amounts) in kinds {
            for (name, amount) in amounts {
                let key = format!("allocator/mesos/quota/roles/{role}/resources/{name}/{kind}");
                metrics.insert(key, amount);
            }
        }
    }
    let consumed = consumed(&master.frameworks, &master.agents, true);
    for (role, quota) in &master.policy.quotas {
        let named = quota.guarantees.iter().chain(quota.limits());
        for name in named.map(|(name, _)| name).collect::<BTreeSet<&str>>() {
            let amount = consumed.get(role).map_or(0, |own| own.thousandths(name));
            let key =
                format!("allocator/mesos/quota/roles/{role}/resources/{name}/offered_or_allocated");
            metrics.insert(key, amount as f64 / 1000.0);
        }
    }
    let reserved = master.agents.values().flat_map(|agent| agent.total.iter());
    names.extend(reserved.filter_map(reservation_role));
    for role in names {
        // Only who could be given something has a share.
        let mut frameworks = master.frameworks.values();
        if frameworks.any(|framework| framework.roles.contains(role)) {
            metrics.insert(
                format!("allocator/mesos/roles/{role}/shares/dominant"),
                dominant_share(
                    role,
                    &master.config.unshared_names,
                    &master.frameworks,
                    &master.agents,
                ),
            );
        }
        metrics.insert(
            format!("allocator/mesos/offer_filters/roles/{role}/active"),
            master.allocator.active_filters(role) as f64,
        );
        for framework in master.frameworks.values() {
            let used = framework
                .used_total()
                .filter(|r| r.allocation_info.role() == role);
            for name in used.scalar_names() {
                // The role without a name is the root of all roles.
                for of in [role, ""] {
                    let key = format!("allocator/mesos/quota/roles/{of}/resources/{name}/consumed");
                    *metrics.entry(key).or_default() += used.scalar(name);
                }
            }
        }
    }
}

fn of_framework(framework: &Framework, metrics: &mut Metrics) {
    let prefix = format!(
        "master/frameworks/{}/{}",
        percent_encoded(framework.info.name()),
        framework.id
    );
    let mut set = |name: String, value: f64| {
        metrics.insert(format!("{prefix}/{name}"), value);
    };
    for (name, count) in framework.counters.all() {
        set(name, count as f64);
    }
    set(
        "subscribed".into(),
        if framework.is_connected() { 1.0 } else { 0.0 },
    );
    for role in &framework.roles {
        let is_suppressed = framework.suppressed.contains(role);
        set(
            format!("roles/{role}/suppressed"),
            if is_suppressed { 1.0 } else { 0.0 },
        );
    }
    for state in ACTIVE {
        let count = match state {
            TaskState::TASK_UNREACHABLE => unreachable(framework),
            _ => in_state(framework, state),
        };
        set(format!("tasks/active/{}", label(&state)), count as f64);
    }
}

/// A name as it stands in a metric's path.
fn percent_encoded(name: &str) -> String {
    name.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_encoded_for_paths() {
        assert_eq!(
            percent_encoded("mesos-execute instance"),
            "mesos-execute%20instance"
        );
        assert_eq!(percent_encoded("a/b"), "a%2Fb");
    }
}
