//! What every libprocess program serves besides its own process (http-endpoints §5).

use hyper::StatusCode;
use mesos_wire::authentication::Realm;
use mesos_wire::authorization::Action;
use mesos_wire::duration;
use mesos_wire::http::{Query, Request, Response};
use mesos_wire::json::{Dialect, to_value};
use mesos_wire::toggle;
use serde_json::{Value, json};

use super::endpoints::metrics;
use super::files;
use super::help;
use super::messages::GLOBALS;
use super::node::Node;
use super::system;
use crate::model::Master;
use crate::view;

/// Who is asked for credentials at a process other than the master's own.
pub(super) fn realm(request: &Request) -> Realm {
    match request.process.as_str() {
        "files" | "metrics" | "registrar(1)" | "allocator" => Realm::ReadOnly,
        "logging" | "profiler" => Realm::ReadWrite,
        _ => Realm::Open,
    }
}

/// The place that `get_endpoints` has lists for, if this is one.
fn endpoint(request: &Request) -> Option<&'static str> {
    match (request.process.as_str(), request.path.as_str()) {
        ("metrics", "snapshot") => Some("/metrics/snapshot"),
        ("logging", "toggle") => Some("/logging/toggle"),
        ("files", "debug" | "debug.json") => Some("/files/debug"),
        _ => None,
    }
}

/// Answers a request to a process other than the master's own.
pub(super) fn answer(node: &Node, request: &Request) -> Response {
    let query = &request.query;
    let first = request.path.split('/').next().unwrap_or_default();
    let rights = node.rights(request);
    if !endpoint(request).is_none_or(|path| rights.allow(Action::GetEndpoint, path)) {
        return Response::status(StatusCode::FORBIDDEN);
    }
    match (request.process.as_str(), first) {
        ("version", "") => {
            let version = node.read(|_, site, _, _| view::version(site));
            Response::json(query, &version)
        }
        ("metrics", "snapshot") => {
            let timeout = query.get("timeout");
            if let Some((text, Err(error))) = timeout.map(|text| (text, duration::parse(text))) {
                return Response::text(
                    StatusCode::BAD_REQUEST,
                    format!("Invalid timeout '{text}': {error}.\n"),
                );
            }
            let all = metrics(node)
                .into_iter()
                .map(|(name, value)| (name, value.into()));
            Response::json(query, &Value::Object(all.collect()))
        }
        ("system", "stats.json") => Response::json(query, &view::system_stats(&system::read())),
        ("files", kind) => files::answer(
            node.flags(),
            kind.trim_end_matches(".json"),
            request,
            &rights,
        ),
        ("logging", "toggle") => toggle::answer(request),
        ("registrar(1)", "registry") => {
            let mut registry = to_value(&node.read_master(view::registry), Dialect::V0);
            registry.sort_all_objects();
            Response::json(query, &registry)
        }
        ("allocator", "offer_constraints_debug") => {
            // The original knows no `jsonp` here and below.
            Response::json(
                &Query::default(),
                &node.read_master(view::offer_constraints),
            )
        }
        ("__processes__", "") => {
            // What has come in is dealt with at once, so that no events wait anywhere.
            let observers = node.read_master(Master::observers).into_iter();
            let observers = observers.map(|number| format!("slave-observer({number})"));
            let processes = GLOBALS.map(str::to_string).into_iter();
            let processes: Value = processes
                .chain(["master".to_string()])
                .chain(observers)
                .map(|id| json!({ "events": [], "id": id }))
                .collect();
            Response::json(&Query::default(), &processes)
        }
        ("help", _) => help::answer(request),
        ("profiler", "start" | "stop") => Response::text(StatusCode::BAD_REQUEST, NO_PROFILER),
        _ => Response::status(StatusCode::NOT_FOUND),
    }
}

/// What a program built without it says of the profiler.
const NO_PROFILER: &str =
    "Perftools is disabled. To enable perftools, configure libprocess with --enable-perftools.\n";
