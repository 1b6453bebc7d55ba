//! `/vars`: every statistic, computed when asked.

use std::collections::BTreeMap;

use aurora_api::ScheduleStatus;
use axum::extract::{RawQuery, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value as Json};

use super::{App, Shared, consumption};
use crate::engine::Lifecycle;
use crate::model::Model;

/// Names may have letters, digits and `_ / . -`; all else becomes `_`.
fn clean(name: &str) -> String {
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '/' | '.' | '-');
    name.chars()
        .map(|c| if good(c) { c } else { '_' })
        .collect()
}

/// Timings that are shown in milliseconds; all others are in nanoseconds.
const IN_MS: &[&str] = &["scheduled_task_penalty"];

/// All variables; without `all` only those that need no look at every task.
pub(super) fn collect(app: &App, all: bool) -> BTreeMap<String, Json> {
    let mut vars: BTreeMap<String, Json> = BTreeMap::new();
    let mut set = |name: &str, value: Json| {
        vars.insert(clean(name), value);
    };
    let lifecycle = app.engine.lifecycle();
    for (state, name) in Lifecycle::ALL {
        set(
            &format!("scheduler_lifecycle_{name}"),
            i32::from(*state == lifecycle).into(),
        );
    }
    let registered = app.engine.read(Model::is_connected).unwrap_or(false);
    let leads = lifecycle == Lifecycle::Active;
    set(
        "framework_registered",
        i32::from(registered && leads).into(),
    );
    let uptime = app.started.elapsed();
    set("jvm_uptime_secs", uptime.as_secs().into());
    set("build.version", env!("CARGO_PKG_VERSION").into());
    process(&mut set);
    for (name, timing) in app.stats.timings() {
        let in_ms = IN_MS.contains(&name.as_str());
        let (unit, nanos_of_unit) = if in_ms { ("ms", 1e6) } else { ("nanos", 1.0) };
        let total = match in_ms {
            true => timing.total.as_millis(),
            false => timing.total.as_nanos(),
        };
        set(&format!("{name}_events"), timing.events.into());
        let total = u64::try_from(total).unwrap_or(u64::MAX);
        set(&format!("{name}_{unit}_total"), total.into());
        let rate = app.stats.rate(&name);
        set(
            &format!("{name}_events_per_sec"),
            rate.events_per_sec.into(),
        );
        set(
            &format!("{name}_{unit}_total_per_sec"),
            (rate.nanos_per_sec / nanos_of_unit).into(),
        );
        set(
            &format!("{name}_{unit}_per_event"),
            (rate.nanos_per_event / nanos_of_unit).into(),
        );
    }
    for (name, count) in app.teller.iter().flat_map(|teller| teller.counts().all()) {
        set(name, count.into());
    }
    for (name, count) in app.stats.counters() {
        set(&name, count.into());
    }
    // A scheduler that does not lead has no model to tell of.
    let _ = app.engine.read(|model| {
        model_vars(model, &mut set);
        if all {
            consumption::task_vars(model, &mut set);
        }
    });
    vars
}

fn model_vars(model: &Model, set: &mut impl FnMut(&str, Json)) {
    for (name, count) in model.stats().iter() {
        set(name, count.into());
    }
    for status in ScheduleStatus::ALL {
        set(
            &format!("task_store_{status}"),
            model.tasks().count(*status).into(),
        );
    }
    set("outstanding_offers", model.offers().len().into());
    let reservations = model.reservations();
    let caches = [
        (
            "reservation_cache",
            reservations.groups.len(),
            reservations.groups.removals(),
        ),
        (
            "update_affinity_cache",
            reservations.instances.len(),
            reservations.instances.removals(),
        ),
        (
            "preemption_slot_cache",
            model.slots().len(),
            model.slots().removals(),
        ),
    ];
    for (name, size, removals) in caches {
        set(&format!("{name}_size"), size.into());
        let all = removals.expired + removals.explicit;
        set(&format!("{name}_removals"), all.into());
        set(
            &format!("{name}_expiration_removals"),
            removals.expired.into(),
        );
        set(
            &format!("{name}_explicit_removals"),
            removals.explicit.into(),
        );
    }
    for (name, value) in model.sla_values() {
        set(name, Json::Number(value.clone()));
    }
    set("mem_storage_attribute_size", model.hosts().len().into());
    set("mem_storage_cron_size", model.crons().len().into());
    set("mem_storage_quota_size", model.quotas().len().into());
    set("mem_storage_update_size", model.updates().count().into());
}

/// What the kernel says of this process and the machine.
fn process(set: &mut impl FnMut(&str, Json)) {
    let field = |path: &str, name: &str| -> Option<u64> {
        let text = std::fs::read_to_string(path).ok()?;
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        line.split_whitespace().next()?.parse().ok()
    };
    if let Ok(files) = std::fs::read_dir("/proc/self/fd") {
        set("process_open_fd_count", files.count().into());
    }
    if let Some(kb) = field("/proc/self/status", "VmRSS") {
        set("jvm_memory_mb_total", (kb / 1024).into());
    }
    if let Some(threads) = field("/proc/self/status", "Threads") {
        set("jvm_threads_active", threads.into());
    }
    if let Some(kb) = field("/proc/meminfo", "MemFree") {
        set("system_free_physical_memory_mb", (kb / 1024).into());
    }
    if let Ok(count) = std::thread::available_parallelism() {
        set("jvm_available_processors", count.get().into());
    }
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    if let Some(load) = load
        .split_whitespace()
        .next()
        .and_then(|text| text.parse::<f64>().ok())
    {
        set("system_load_avg", load.into());
    }
}

/// `/vars`: a line a statistic.
pub(super) async fn text(State(app): State<Shared>) -> Response {
    let mut text = String::new();
    for (name, value) in collect(&app, true) {
        let shown = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_string);
        text.push_str(&format!("{name} {shown}\n"));
    }
    ([(header::CONTENT_TYPE, "text/plain")], text).into_response()
}

/// `/vars.json`: an object; indented with `?pretty`.
pub(super) async fn json(State(app): State<Shared>, RawQuery(query): RawQuery) -> Response {
    let object = Json::Object(
        collect(&app, true)
            .into_iter()
            .collect::<Map<String, Json>>(),
    );
    let pretty = query
        .unwrap_or_default()
        .split('&')
        .any(|part| part.starts_with("pretty"));
    let text = if pretty {
        format!("{object:#}")
    } else {
        object.to_string()
    };
    ([(header::CONTENT_TYPE, "application/json")], text).into_response()
}
