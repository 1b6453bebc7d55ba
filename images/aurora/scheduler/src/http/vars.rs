//! `/vars`: every statistic, computed when asked.

use std::collections::BTreeMap;
use std::time::Instant;

use aurora_api::ScheduleStatus;
use axum::extract::{RawQuery, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value as Json};

use super::{App, Shared, consumption, process};
use crate::engine::Lifecycle;
use crate::model::Model;

/// Names may have letters, digits and `_ / . -`; all else becomes `_`.
fn clean(name: &str) -> String {
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '/' | '.' | '-');
    name.chars()
        .map(|c| if good(c) { c } else { '_' })
        .collect()
}

/// The unit a timing is shown in, with its nanoseconds.
fn unit_of(name: &str) -> (&'static str, u128) {
    match name {
        "scheduled_task_penalty" | "task_throttle" => ("ms", 1_000_000),
        "variable_scrape" => ("micros", 1000),
        "log_storage_write_lock_wait" | "storage_write_lock_wait" => ("ns", 1),
        name if name.starts_with("task_delivery_delay_") => ("micros", 1000),
        _ => ("nanos", 1),
    }
}

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
    process::vars(&mut set);
    set("process_cpu_cores_utilized", app.stats.cores().into());
    for (name, timing) in app.stats.timings() {
        let (unit, nanos_of_unit) = unit_of(&name);
        set(&format!("{name}_events"), timing.events.into());
        let total = timing.total.as_nanos() / nanos_of_unit;
        let total = u64::try_from(total).unwrap_or(u64::MAX);
        set(&format!("{name}_{unit}_total"), total.into());
        let nanos_of_unit = nanos_of_unit as f64;
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
    let maintenance = model.maintenance_requests().len();
    set("mem_storage_maintenance_size", maintenance.into());
    set("timeout_queue_size", model.timeouts().into());
    set("schedule_queue_size", model.groups().iter().count().into());
    // Cron jobs run wherever there is a model.
    set("quartz_scheduler_running", 1.into());
    for (kind, queries) in model.tasks().queries().all() {
        set(&format!("task_queries_{kind}"), queries.into());
    }
    set("mem_storage_quota_size", model.quotas().len().into());
    set("mem_storage_update_size", model.updates().count().into());
}

/// `/vars`: a line a statistic.
pub(super) async fn text(State(app): State<Shared>) -> Response {
    let began = Instant::now();
    let mut text = String::new();
    for (name, value) in collect(&app, true) {
        let shown = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_string);
        text.push_str(&format!("{name} {shown}\n"));
    }
    app.stats.time("variable_scrape", began.elapsed());
    ([(header::CONTENT_TYPE, "text/plain")], text).into_response()
}

/// `/vars.json`: an object; indented with `?pretty`.
pub(super) async fn json(State(app): State<Shared>, RawQuery(query): RawQuery) -> Response {
    let began = Instant::now();
    let object = Json::Object(
        collect(&app, true)
            .into_iter()
            .collect::<Map<String, Json>>(),
    );
    app.stats.time("variable_scrape", began.elapsed());
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
