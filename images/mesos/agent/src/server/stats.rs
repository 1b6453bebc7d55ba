//! `/stats.json` and `/slave(1)/stats.json` as version 0.20 printed them (http-endpoints.md, section 7).

use serde_json::{Map, Value};

use super::agent::Agent;
use super::metrics::{gauges, snapshot};
use crate::model::State;

/// The old document: its own keys, and all metrics.
pub(crate) fn document(agent: &Agent) -> Value {
    let mut all: Map<String, Value> = Map::new();
    agent.look(|model| {
        let mut set = |name: &str, value: Value| {
            all.insert(name.to_string(), value);
        };
        let counters = model.counters();
        let tasks = gauges(model);
        set("uptime", agent.uptime().into());
        set("total_frameworks", model.frameworks().count().into());
        // That version printed this one as a text.
        set(
            "registered",
            if model.state() == State::Running {
                "1"
            } else {
                "0"
            }
            .into(),
        );
        for (name, count) in [
            ("recovery_errors", counters.recovery_errors),
            ("staged_tasks", counters.tasks_staged),
            ("started_tasks", counters.tasks_started),
            ("finished_tasks", counters.tasks_finished),
            ("killed_tasks", counters.tasks_killed),
            ("failed_tasks", counters.tasks_failed),
            ("lost_tasks", counters.tasks_lost + counters.tasks_gone),
            ("valid_status_updates", counters.valid_status_updates),
            ("invalid_status_updates", counters.invalid_status_updates),
            ("queued_tasks_gauge", tasks.queued),
            ("launched_tasks_gauge", tasks.launched),
        ] {
            set(name, count.into());
        }
    });
    all.extend(
        snapshot(agent)
            .into_iter()
            .map(|(name, value)| (name, value.into())),
    );
    Value::Object(all)
}

/// `/state.json` of that time: today's, and these counters.
pub(crate) fn old_state(agent: &Agent, mut state: Value) -> Value {
    if let (Value::Object(state), Value::Object(stats)) = (&mut state, document(agent)) {
        let names = [
            "staged_tasks",
            "started_tasks",
            "finished_tasks",
            "killed_tasks",
            "failed_tasks",
            "lost_tasks",
        ];
        state.extend(
            stats
                .into_iter()
                .filter(|(name, _)| names.contains(&name.as_str())),
        );
    }
    state
}

/// `/system/stats.json`.
pub(crate) fn system() -> Value {
    let system = crate::system::System::now();
    let [one, five, fifteen] = system.load;
    serde_json::json!({
        "avg_load_1min": one,
        "avg_load_5min": five,
        "avg_load_15min": fifteen,
        "cpus_total": system.cpus,
        "mem_total_bytes": system.mem_total_bytes,
        "mem_free_bytes": system.mem_free_bytes,
    })
}
