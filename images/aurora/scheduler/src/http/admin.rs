//! Health, shutdown, the index, and the way to a task's own pages.

use axum::extract::{OriginalUri, Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use serde_json::json;

use super::thrift::axum_json;
use super::{Shared, not_found, not_ready};
use crate::engine::Lifecycle;
use aurora_api::{JobKey, ScheduleStatus};

/// The paths the index lists, in groups. Those with braces take arguments, and are no links.
const INDEX: &[&[&str]] = &[
    &[
        "/mname/{role}/{env}/{job}/{instance}",
        "/scheduler",
        "/updates",
    ],
    &[
        "/agents",
        "/cron",
        "/maintenance",
        "/offers",
        "/pendingtasks",
        "/quotas",
        "/state",
        "/tiers",
        "/utilization",
    ],
    &["/apiclient/api.html"],
    &[
        "/contention",
        "/leaderhealth",
        "/logconfig",
        "/services",
        "/structdump/task/{task_id}",
        "/threads",
    ],
    &["/graphview", "/vars"],
];

/// `/`
pub(super) async fn index(State(app): State<Shared>) -> Response {
    app.templates
        .page("index.html", "Scheduler", json!({ "groups": INDEX }))
}

/// `/health`
pub(super) async fn health(State(app): State<Shared>) -> Response {
    match app.engine.lifecycle() {
        Lifecycle::Dead => (StatusCode::SERVICE_UNAVAILABLE, "SICK\n").into_response(),
        _ => "OK\n".into_response(),
    }
}

/// `/leaderhealth`
pub(super) async fn leader_health(State(app): State<Shared>) -> Response {
    const STATES: [(StatusCode, &str); 3] = [
        (StatusCode::OK, "This is the leading scheduler."),
        (
            StatusCode::SERVICE_UNAVAILABLE,
            "Another instance is the leading scheduler.",
        ),
        (
            StatusCode::BAD_GATEWAY,
            "There is no leading scheduler or the leader is unknown.",
        ),
    ];
    let group = app.group.borrow().clone();
    let (status, text) = match group.as_slice() {
        [leader] if *leader == app.endpoint => STATES[0],
        [_] => STATES[1],
        _ => STATES[2],
    };
    let codes: Vec<String> = STATES
        .iter()
        .map(|(code, text)| format!("{}: {text}", code.as_u16()))
        .collect();
    let body = format!(
        "Current status: {text}\n\nThis endpoint is meant for load balancers, which should send \
         requests to the leading scheduler alone.\n\nThe response codes are:\n{}\n",
        codes.join("\n")
    );
    (status, body).into_response()
}

/// `/quitquitquit`
pub(super) async fn quit(State(app): State<Shared>) -> &'static str {
    app.quit.notify_one();
    "Notifying quit listener."
}

/// `/abortabortabort`
pub(super) async fn abort(State(app): State<Shared>) -> StatusCode {
    app.engine.fail("aborted through /abortabortabort");
    StatusCode::OK
}

/// `/services`
pub(super) async fn services(State(app): State<Shared>) -> Response {
    let state = |running: bool| if running { "RUNNING" } else { "NEW" };
    let lifecycle = app.engine.lifecycle();
    let leads = matches!(
        lifecycle,
        Lifecycle::LeaderAwaitingRegistration | Lifecycle::Active
    );
    axum_json(&json!([
        { "name": "HttpServer", "state": state(true) },
        { "name": "Storage", "state": state(leads) },
        { "name": "SchedulerDriver", "state": state(lifecycle == Lifecycle::Active) },
    ]))
}

/// `/mname` without a task.
pub(super) async fn mname_usage() -> Response {
    let usage = "<html><body><p>Usage: <code>/mname/{role}/{env}/{job}/{instance}[/{path}]</code>\
                 </p></body></html>";
    (StatusCode::BAD_REQUEST, Html(usage)).into_response()
}

type Instance = (String, String, String, i32);

/// `/mname/ROLE/ENV/JOB/INSTANCE`
pub(super) async fn mname(
    State(app): State<Shared>,
    OriginalUri(uri): OriginalUri,
    Path((role, environment, job, instance)): Path<Instance>,
) -> Response {
    to_task(
        &app,
        &JobKey::new(role, environment, job),
        instance,
        "",
        uri.query(),
    )
}

/// `/mname/ROLE/ENV/JOB/INSTANCE/PATH`
pub(super) async fn mname_path(
    State(app): State<Shared>,
    OriginalUri(uri): OriginalUri,
    Path((role, environment, job, instance, path)): Path<(String, String, String, i32, String)>,
) -> Response {
    to_task(
        &app,
        &JobKey::new(role, environment, job),
        instance,
        &path,
        uri.query(),
    )
}

/// The ports that are taken for a task's web port, the first of these that it has.
const WEB_PORTS: &[&str] = &["health", "http", "HTTP", "web", "admin"];

fn to_task(app: &Shared, job: &JobKey, instance: i32, path: &str, query: Option<&str>) -> Response {
    let found = app
        .engine
        .read(|model| model.tasks().active_instance(job, instance).cloned());
    let task = match found {
        Ok(Some(task)) => task,
        Ok(None) => return not_found("No such live instance found."),
        Err(error) => return not_ready(error),
    };
    if task.status != ScheduleStatus::Running {
        let text = format!(
            "The selected instance is currently in state {}",
            task.status
        );
        return not_found(text);
    }
    let port = WEB_PORTS.iter().find_map(|name| task.ports.get(*name));
    let (Some(port), Some(host)) = (port, &task.host) else {
        return not_found("The task does not have a registered http port.");
    };
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    match HeaderValue::from_str(&format!("http://{host}:{port}/{path}{query}")) {
        Ok(location) => (
            StatusCode::TEMPORARY_REDIRECT,
            [(header::LOCATION, location)],
        )
            .into_response(),
        Err(_) => not_found("The task's address cannot be written as a URL."),
    }
}
