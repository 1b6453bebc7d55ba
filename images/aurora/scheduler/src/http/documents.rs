//! Documents for operators and tools (scheduler-http.md, section 3).

use std::collections::BTreeMap;

use aurora_api::simple::{Style, to_dump, to_simple};
use aurora_api::{JobKey, MaintenanceMode, TaskConfig};
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use mesos_wire::json::{Dialect, to_value};
use serde_json::{Map, Value as Json, json};

use super::thrift::axum_json;
use super::{Shared, not_found, not_ready};
use crate::model::constraints::DEDICATED;
use crate::model::summary::Consumption;
use crate::model::task::Task;

/// `/agents`
pub(super) async fn agents(State(app): State<Shared>) -> Response {
    let rows = app.engine.read(|model| {
        let hosts = model.hosts().values().map(|host| {
            let attributes = host.attributes.iter().map(|attribute| {
                let values: Vec<&str> = attribute.values.iter().map(String::as_str).collect();
                format!("{}=[{}]", attribute.name, values.join(", "))
            });
            json!({
                "host": host.host,
                "id": host.slave_id,
                "mode": host.mode.unwrap_or(MaintenanceMode::None).name(),
                "attributes": attributes.collect::<Vec<String>>().join(", "),
            })
        });
        hosts.collect::<Vec<Json>>()
    });
    match rows {
        Ok(agents) => app
            .templates
            .page("agents.html", "Agents", json!({ "agents": agents })),
        Err(error) => not_ready(error),
    }
}

/// `/cron`
pub(super) async fn cron(State(app): State<Shared>) -> Response {
    let document = app.engine.read(|model| {
        let crons = model.crons().iter();
        let shown = crons.map(|(job, cron)| (job.to_string(), cron.shown_schedule().into()));
        json!({ "scheduled": shown.collect::<Map<String, Json>>() })
    });
    document.map_or_else(not_ready, |document| axum_json(&document))
}

/// `/maintenance`
pub(super) async fn maintenance(State(app): State<Shared>) -> Response {
    let document = app.engine.read(|model| {
        let in_mode = |mode| {
            let hosts = model
                .hosts()
                .values()
                .filter(move |host| host.mode == Some(mode));
            hosts.map(|host| host.host.clone()).collect::<Vec<String>>()
        };
        let draining: Map<String, Json> = in_mode(MaintenanceMode::Draining)
            .into_iter()
            .map(|host| {
                let active = model
                    .tasks()
                    .on_host(&host)
                    .filter(|t| t.status.is_active());
                let ids: Vec<String> = active.map(|task| task.id.clone()).collect();
                (host, ids.into())
            })
            .collect();
        json!({
            "DRAINED": in_mode(MaintenanceMode::Drained),
            "SCHEDULED": in_mode(MaintenanceMode::Scheduled),
            "DRAINING": draining,
        })
    });
    document.map_or_else(not_ready, |document| axum_json(&document))
}

/// `/offers`
pub(super) async fn offers(State(app): State<Shared>) -> Response {
    let document = app.engine.read(|model| {
        let all = model.offers().iter().flat_map(|held| &held.offers);
        all.map(|offer| to_value(offer, Dialect::V1))
            .collect::<Vec<Json>>()
    });
    document.map_or_else(not_ready, |document| axum_json(&Json::Array(document)))
}

/// `/pendingtasks`
pub(super) async fn pending_tasks(State(app): State<Shared>) -> Response {
    let document = app.engine.read(|model| {
        let groups = model.groups().iter().map(|group| {
            let ids: Vec<&String> = group.tasks.iter().map(|(_, id)| id).collect();
            let reasons = group
                .nearest(model.now())
                .map(|nearest| nearest.reasons.join(", "));
            json!({
                "name": group.config.job.as_ref().map(ToString::to_string),
                "taskIds": ids,
                "penaltyMs": group.penalty,
                "reason": format!("[{}]", reasons.unwrap_or_default()),
            })
        });
        groups.collect::<Vec<Json>>()
    });
    document.map_or_else(not_ready, |document| axum_json(&Json::Array(document)))
}

/// `/quotas`
pub(super) async fn quotas(State(app): State<Shared>, RawQuery(query): RawQuery) -> Response {
    let query = query.unwrap_or_default();
    let role = query.split('&').find_map(|part| part.strip_prefix("role="));
    let document = app.engine.read(|model| {
        let quotas = model
            .quotas()
            .iter()
            .filter(|(name, _)| role.is_none_or(|r| r == *name));
        let shown = quotas.map(|(name, quota)| {
            let sum = Consumption::of_aggregate(quota);
            let amounts =
                json!({ "cpu_cores": sum.cpus, "ram_mb": sum.ram_mb, "disk_mb": sum.disk_mb });
            (name.clone(), amounts)
        });
        Json::Object(shown.collect())
    });
    document.map_or_else(not_ready, |document| axum_json(&document))
}

/// A short number that tells configurations of a job apart.
fn config_hash(config: &TaskConfig) -> String {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    config.hash(&mut hasher);
    format!("{:08x}", hasher.finish() & 0xffff_ffff)
}

/// `/state`
pub(super) async fn state(State(app): State<Shared>) -> Response {
    let document = app.engine.read(|model| {
        let mut configs: BTreeMap<String, Json> = BTreeMap::new();
        let mut agents: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for task in model
            .tasks()
            .iter()
            .filter(|task| task.status.is_agent_assigned())
        {
            let name = format!("{}-{}", task.job, config_hash(&task.config));
            let config = configs.entry(name.clone());
            config.or_insert_with(|| to_simple(task.config.as_ref(), Style::Names));
            let agent = task.agent_id.clone().unwrap_or_default();
            agents.entry(agent).or_default().push(name);
        }
        json!({ "taskConfigs": configs, "agents": agents })
    });
    document.map_or_else(not_ready, |document| axum_json(&document))
}

/// `/tiers`
pub(super) async fn tiers(State(app): State<Shared>) -> Response {
    let document = app.engine.read(|model| {
        let settings = model.settings();
        let tiers = settings.tiers.iter().map(|(name, tier)| {
            let tier = json!({ "preemptible": tier.preemptible, "revocable": tier.revocable });
            (name.clone(), tier)
        });
        json!({ "default": settings.default_tier, "tiers": Json::Object(tiers.collect()) })
    });
    document.map_or_else(not_ready, |document| axum_json(&document))
}

fn is_dedicated(task: &Task) -> bool {
    task.config
        .constraints
        .iter()
        .any(|constraint| constraint.name == DEDICATED)
}

fn is_production(task: &Task) -> bool {
    task.config.production == Some(true)
}

/// What a metric of `/utilization` counts.
fn metric(name: &str) -> Option<fn(&Task) -> bool> {
    match name {
        "total_consumed" => Some(|_| true),
        "dedicated_consumed" => Some(is_dedicated),
        "quota_consumed" => Some(|task| is_production(task) && !is_dedicated(task)),
        "free_pool_consumed" => Some(|task| !is_production(task) && !is_dedicated(task)),
        _ => None,
    }
}

const METRICS: &[&str] = &[
    "total_consumed",
    "dedicated_consumed",
    "quota_consumed",
    "free_pool_consumed",
];

fn row(name: &str, link: Option<String>, sum: Consumption) -> Json {
    json!({
        "name": name,
        "link": link,
        "cpu": sum.cpus as i64,
        "ram": format!("{} MB", sum.ram_mb),
        "disk": format!("{} MB", sum.disk_mb),
    })
}

fn utilization_page(app: &Shared, title: &str, rows: Vec<Json>) -> Response {
    app.templates
        .page("utilization.html", title, json!({ "rows": rows }))
}

/// `/utilization`
pub(super) async fn utilization(State(app): State<Shared>) -> Response {
    let rows = app.engine.read(|model| {
        let rows = METRICS.iter().filter_map(|name| {
            let sum = model.consumption(metric(name)?);
            Some(row(
                &name.replace('_', " "),
                Some(format!("/utilization/{name}")),
                sum,
            ))
        });
        rows.collect::<Vec<Json>>()
    });
    rows.map_or_else(not_ready, |rows| {
        utilization_page(&app, "Utilization", rows)
    })
}

/// `/utilization/METRIC`
pub(super) async fn utilization_of_metric(
    State(app): State<Shared>,
    Path(name): Path<String>,
) -> Response {
    let Some(counts) = metric(&name) else {
        return (StatusCode::BAD_REQUEST, "Invalid metric type.").into_response();
    };
    let rows = app.engine.read(|model| {
        let roles = model.role_summaries();
        let rows = roles.iter().map(|role| {
            let sum = model.consumption(|task| task.job.role == role.role && counts(task));
            row(
                &role.role,
                Some(format!("/utilization/{name}/{}", role.role)),
                sum,
            )
        });
        rows.collect::<Vec<Json>>()
    });
    rows.map_or_else(not_ready, |rows| {
        utilization_page(&app, &name.replace('_', " "), rows)
    })
}

/// `/utilization/METRIC/ROLE`
pub(super) async fn utilization_of_role(
    State(app): State<Shared>,
    Path((name, role)): Path<(String, String)>,
) -> Response {
    let Some(counts) = metric(&name) else {
        return (StatusCode::BAD_REQUEST, "Invalid metric type.").into_response();
    };
    let rows = app.engine.read(|model| {
        let jobs = model.job_keys(Some(&role)).into_iter();
        let rows = jobs.map(|job| {
            let sum = model.consumption(|task| task.job == *job && counts(task));
            row(&job.to_string(), None, sum)
        });
        rows.collect::<Vec<Json>>()
    });
    rows.map_or_else(not_ready, |rows| {
        utilization_page(&app, &name.replace('_', " "), rows)
    })
}

/// `/structdump` without a name.
pub(super) async fn struct_dump_usage() -> Response {
    let usage = "<html><body><p>Usage: <code>/structdump/task/{task_id}</code> or \
                 <code>/structdump/cron/{role}/{env}/{job}</code></p></body></html>";
    (StatusCode::BAD_REQUEST, Html(usage)).into_response()
}

/// `/structdump/cron/ROLE/ENV/JOB`
pub(super) async fn struct_dump_cron(
    State(app): State<Shared>,
    Path((role, environment, name)): Path<(String, String, String)>,
) -> Response {
    let key = JobKey::new(role, environment, name);
    let dump = app.engine.read(|model| {
        let cron = model.crons().get(&key)?;
        Some(to_dump(&cron.config))
    });
    match dump {
        Ok(Some(dump)) => {
            let dump = format!("{dump:#}");
            let title = format!("Cron job {key}");
            app.templates
                .page("dump.html", &title, json!({ "dump": dump }))
        }
        Ok(None) => not_found("Entity not found"),
        Err(error) => not_ready(error),
    }
}

/// `/structdump/task/ID`
pub(super) async fn struct_dump_task(
    State(app): State<Shared>,
    Path(id): Path<String>,
) -> Response {
    let dump = app.engine.read(|model| {
        model
            .tasks()
            .get(&id)
            .map(|task| to_dump(&task.to_scheduled()))
    });
    match dump {
        Ok(Some(dump)) => {
            let dump = format!("{dump:#}");
            app.templates
                .page("dump.html", &format!("Task {id}"), json!({ "dump": dump }))
        }
        Ok(None) => not_found("Entity not found"),
        Err(error) => not_ready(error),
    }
}
