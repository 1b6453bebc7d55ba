//! `/stats.json` of 2014 (http-endpoints §7): a flat document that tutorials of that time read.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::metrics::Metrics;
use super::shared::sum;
use crate::model::Master;

/// Tasks by what became of them since the start, under the names of then.
pub(crate) fn task_counts(master: &Master) -> [(&'static str, u64); 6] {
    let counters = &master.counters;
    [
        ("staged_tasks", counters.staged),
        ("started_tasks", counters.started),
        ("finished_tasks", counters.get("tasks_finished")),
        ("killed_tasks", counters.get("tasks_killed")),
        ("failed_tasks", counters.get("tasks_failed")),
        ("lost_tasks", counters.get("tasks_lost")),
    ]
}

/// `/stats.json`; `metrics` follow, as they did then.
pub fn stats(master: &Master, metrics: &Metrics) -> Value {
    let mut object = Map::new();
    let mut set = |name: &str, value: Value| {
        object.insert(name.to_string(), value);
    };
    let active = master.agents.values().filter(|a| a.is_active()).count();
    let connected = master.frameworks.values().filter(|f| f.active).count();
    let running: usize = master.frameworks.values().map(|f| f.tasks.len()).sum();
    let metric = |name: &str| metrics.get(name).copied().unwrap_or_default();
    set("uptime", metric("master/uptime_secs").into());
    set("elected", u64::from(master.elected.is_some()).into());
    set("total_schedulers", master.frameworks.len().into());
    set("active_schedulers", connected.into());
    set("activated_slaves", active.into());
    set("deactivated_slaves", (master.agents.len() - active).into());
    set("outstanding_offers", master.offers.len().into());
    for (name, count) in task_counts(master) {
        set(name, count.into());
    }
    set(
        "valid_status_updates",
        master.counters.get("valid_status_updates").into(),
    );
    set(
        "invalid_status_updates",
        master.counters.get("invalid_status_updates").into(),
    );
    set("active_tasks_gauge", running.into());
    let mut names = BTreeSet::from(["cpus", "mem", "disk"]);
    let agents = || master.agents.values().filter(|a| a.is_active());
    for agent in agents() {
        names.extend(agent.total.scalar_names());
    }
    for name in names {
        let total = sum(agents().map(|a| a.total.scalar(name)));
        let used = sum(agents().map(|a| a.used_total().scalar(name)));
        set(&format!("{name}_total"), total.into());
        set(&format!("{name}_used"), used.into());
        set(
            &format!("{name}_percent"),
            if total > 0.0 { used / total } else { 0.0 }.into(),
        );
    }
    object.extend(
        metrics
            .iter()
            .map(|(name, value)| (name.clone(), (*value).into())),
    );
    Value::Object(object)
}
