//! Which path is what (http-endpoints.md, section 1).

use std::sync::Arc;

use hyper::{Method, StatusCode};
use mesos_wire::authentication::Realm;
use mesos_wire::authorization::Action;
use mesos_wire::http::{Request, Response};
use mesos_wire::libprocess::{BoxFuture, Handler, Message};
use mesos_wire::pid::Upid;
use serde_json::{Value, json};

use super::agent::{Agent, PROCESS_ID};
use super::{
    documents, executor_api, files, help, messages, metrics, operator, page, statistics, stats,
};
use crate::model::State;

/// The agent's actors: itself, and the endpoints that every Mesos program has.
const PROCESSES: [&str; 9] = [
    PROCESS_ID,
    "files",
    "metrics",
    "system",
    "version",
    "logging",
    "help",
    "profiler",
    "__processes__",
];

/// What reaches the agent's port.
pub(crate) struct Routes(pub(crate) Arc<Agent>);

impl Handler for Routes {
    fn delegate(&self) -> &str {
        PROCESS_ID
    }

    fn has(&self, id: &str) -> bool {
        PROCESSES.contains(&id) || self.0.look(|model| model.is_authenticatee(id))
    }

    fn message(&self, message: Message) {
        if message.to == PROCESS_ID {
            messages::take(&self.0, message);
        } else {
            messages::take_authenticatee(&self.0, &message);
        }
    }

    fn exited(&self, pid: Upid) {
        // A master that is gone shows by its pings and by detection; an executor by its process.
        tracing::info!("the connection to {pid} broke");
    }

    fn http(self: Arc<Self>, request: Request) -> BoxFuture<Response> {
        let agent = self.0.clone();
        Box::pin(async move { route(agent, request).await })
    }
}

/// Who is asked for credentials.
fn realm(request: &Request) -> Realm {
    let path = request.path.as_str();
    let under = |route: &str| path.starts_with(route);
    match request.process.as_str() {
        "files" | "metrics" => Realm::ReadOnly,
        "logging" => Realm::ReadWrite,
        PROCESS_ID if path.is_empty() || under("health") => Realm::Open,
        // Executors have a realm of their own.
        PROCESS_ID if under("api/v1/executor") => Realm::Open,
        PROCESS_ID if under("api/v1") => Realm::ReadWrite,
        PROCESS_ID => Realm::ReadOnly,
        _ => Realm::Open,
    }
}

/// The place that `get_endpoints` has lists for, if this is one.
fn endpoint(request: &Request) -> Option<&'static str> {
    let path = request.path.as_str();
    let under = |route: &str| {
        path.strip_prefix(route)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    match (request.process.as_str(), path) {
        ("metrics", "snapshot") => Some("/metrics/snapshot"),
        ("logging", "toggle") => Some("/logging/toggle"),
        ("files", "debug" | "debug.json") => Some("/files/debug"),
        (PROCESS_ID, "monitor/statistics.json" | "monitor/usage.json") => {
            Some("/monitor/statistics")
        }
        (PROCESS_ID, _) if under("monitor/statistics") => Some("/monitor/statistics"),
        (PROCESS_ID, _) if under("containers") => Some("/containers"),
        _ => None,
    }
}

async fn route(agent: Arc<Agent>, mut request: Request) -> Response {
    let realm = realm(&request);
    if let Err(refusal) = agent.gate.admit(&mut request, realm) {
        return refusal;
    }
    if !endpoint(&request)
        .is_none_or(|path| agent.rights(&request).allow(Action::GetEndpoint, path))
    {
        return Response::status(StatusCode::FORBIDDEN);
    }
    let query = &request.query;
    match (request.process.as_str(), request.path.as_str()) {
        (PROCESS_ID, _) => own(agent, request).await,
        ("files", _) => files::answer(&agent, &request).await,
        ("metrics", "snapshot") => match query.get("timeout").map(mesos_wire::duration::parse) {
            Some(Err(error)) => Response::text(StatusCode::BAD_REQUEST, error.to_string()),
            _ => Response::json(query, &metrics::document(&agent)),
        },
        ("system", "stats.json") => Response::json(query, &stats::system()),
        ("version", "") => Response::json(query, &documents::version()),
        ("help", _) => help::answer(&request),
        ("__processes__", "") => Response::json(query, &processes()),
        ("profiler", "start" | "stop") => Response::text(
            StatusCode::BAD_REQUEST,
            "Perftools is disabled. To enable perftools, configure libprocess with --enable-perftools.\n",
        ),
        ("logging", "toggle") => mesos_wire::toggle::answer(&request),
        _ => Response::status(StatusCode::NOT_FOUND),
    }
}

/// The agent's actors. None of them has messages waiting: each is handled as it comes.
fn processes() -> Value {
    let all = PROCESSES.iter().filter(|id| !id.starts_with("__"));
    all.map(|id| json!({"events": [], "id": id})).collect()
}

/// Requests for the agent itself. A route also answers every longer path below it.
async fn own(agent: Arc<Agent>, request: Request) -> Response {
    let query = &request.query;
    let path = request.path.as_str();
    let rights = agent.rights(&request);
    let under = |route: &str| {
        path.strip_prefix(route)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    if path.is_empty() {
        return page::answer(&agent, &rights);
    }
    if under("api/v1/executor") {
        return executor_api::answer(agent, request).await;
    }
    if under("api/v1/resource_provider") {
        return match request.method {
            Method::POST => Response::status(StatusCode::NOT_IMPLEMENTED),
            other => Response::method_not_allowed(&["POST"], &other),
        };
    }
    if under("api/v1") {
        return operator::answer(agent, request).await;
    }
    if under("health") {
        return Response::text(StatusCode::OK, "");
    }
    if under("flags") {
        // The original looks at the method only where it has to look at who asks.
        if rights.are_limited() && request.method != Method::GET {
            return Response::method_not_allowed(&["GET"], &request.method);
        }
        if !rights.allow_any(Action::ViewFlags) {
            return Response::status(StatusCode::FORBIDDEN);
        }
        return Response::json(query, &json!({"flags": documents::flags(&agent.flags)}));
    }
    if path == "stats.json" {
        return Response::json_lines(query, &stats::document(&agent));
    }
    if under("state") || path == "state.json" {
        if agent.look(|model| model.state() == State::Recovering) {
            let text = "Agent has not finished recovery";
            return Response::text(StatusCode::SERVICE_UNAVAILABLE, text);
        }
        let state = documents::state(&agent, &rights);
        let old = path == "state.json";
        let state = if old {
            stats::old_state(&agent, state)
        } else {
            state
        };
        return Response::json(query, &state);
    }
    if under("monitor/statistics")
        || matches!(path, "monitor/statistics.json" | "monitor/usage.json")
    {
        return Response::json(query, &statistics::statistics(&agent).await);
    }
    if under("containers") {
        return match statistics::containers(&agent, query, &rights).await {
            Ok(containers) => Response::json(query, &containers),
            Err(text) => Response::text(StatusCode::BAD_REQUEST, text),
        };
    }
    Response::status(StatusCode::NOT_FOUND)
}
