//! What every libprocess program serves besides its own process (http-endpoints §5).

use hyper::StatusCode;
use mesos_wire::authentication::Realm;
use mesos_wire::duration;
use mesos_wire::http::{Request, Response};
use mesos_wire::json::{Dialect, to_value};
use mesos_wire::toggle;
use serde_json::{Value, json};

use super::endpoints::metrics;
use super::files;
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

/// Answers a request to a process other than the master's own.
pub(super) fn answer(node: &Node, request: &Request) -> Response {
    let query = &request.query;
    let first = request.path.split('/').next().unwrap_or_default();
    match (request.process.as_str(), first) {
        ("version", _) => {
            let version = node.read(|_, site, _, _| view::version(site));
            Response::json(query, &version)
        }
        ("metrics", "snapshot") => {
            if let Some(Err(error)) = query.get("timeout").map(duration::parse) {
                return Response::text(
                    StatusCode::BAD_REQUEST,
                    format!("Invalid timeout: {error}"),
                );
            }
            let all = metrics(node)
                .into_iter()
                .map(|(name, value)| (name, value.into()));
            Response::json(query, &Value::Object(all.collect()))
        }
        ("system", "stats.json") => Response::json(query, &view::system_stats(&system::read())),
        ("files", kind) => files::answer(node.flags(), kind.trim_end_matches(".json"), request),
        ("logging", "toggle") => toggle::answer(request),
        ("registrar(1)", "registry") => {
            let registry = node.read_master(view::registry);
            Response::json(query, &to_value(&registry, Dialect::V0))
        }
        ("allocator", "offer_constraints_debug") => {
            Response::json(query, &node.read_master(view::offer_constraints))
        }
        ("__processes__", _) => {
            // What has come in is dealt with at once, so that no events wait anywhere.
            let observers = node.read_master(Master::observers).into_iter();
            let observers = observers.map(|number| format!("slave-observer({number})"));
            let processes = GLOBALS.map(str::to_string).into_iter();
            let processes: Value = processes
                .chain(["master".to_string()])
                .chain(observers)
                .map(|id| json!({ "id": id, "events": [] }))
                .collect();
            Response::json(query, &processes)
        }
        ("help", _) => Response::text(StatusCode::OK, HELP),
        ("profiler", "start" | "stop") => Response::status(StatusCode::NOT_IMPLEMENTED),
        _ => Response::status(StatusCode::NOT_FOUND),
    }
}

const HELP: &str = "\
/health /version /flags /metrics/snapshot /system/stats.json /logging/toggle /files/*
/master/state /master/state-summary /master/slaves /master/frameworks /master/tasks /master/roles
/master/redirect /master/teardown /master/weights /master/quota /master/maintenance/* /master/machine/*
/master/api/v1 /master/api/v1/scheduler
";
