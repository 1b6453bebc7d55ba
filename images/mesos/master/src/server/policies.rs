//! The older endpoints of what operators decide: weights, quotas and maintenance (http-endpoints
//! §3.7). What the v1 API's calls say is said here in a path and a body.

use hyper::Method;
use mesos_proto::maintenance::Schedule;
use mesos_proto::mesos::{MachineID, WeightInfo};
use mesos_proto::quota::QuotaRequest;
use mesos_wire::http::{Request, Response};
use mesos_wire::json::{Dialect, from_value, to_value};
use protobuf::{MessageDyn, MessageFull};
use serde_json::Value;

use super::node::Node;
use super::operator::done;
use super::scheduler::bad;
use crate::model::{CallError, Master};
use crate::view;

/// The start of what JSON stands for here.
type Parsed<T> = Result<T, String>;

fn parse(body: &[u8]) -> Parsed<Value> {
    serde_json::from_slice(body).map_err(|error| error.to_string())
}

/// A list of messages.
fn list<M: MessageFull>(value: &Value) -> Parsed<Vec<M>> {
    let Value::Array(items) = value else {
        return Err("Expecting a JSON array".to_string());
    };
    items
        .iter()
        .map(|item| from_value(item, Dialect::V0).map_err(|error| error.to_string()))
        .collect()
}

fn shown(node: &Node, request: &Request, show: impl FnOnce(&Master) -> Value) -> Response {
    let value = node.read_master(show);
    Response::json(&request.query, &value)
}

fn proto(message: &dyn MessageDyn) -> Value {
    to_value(message, Dialect::V0)
}

/// `/weights`.
pub(super) async fn weights(node: &Node, mut request: Request) -> Response {
    match request.method {
        Method::GET => shown(node, &request, |master| {
            view::weights(master).iter().map(|w| proto(w)).collect()
        }),
        Method::PUT => {
            let body = match request.bytes().await {
                Ok(body) => body,
                Err(response) => return response,
            };
            let text = String::from_utf8_lossy(&body);
            let value = match parse(&body) {
                Ok(value) => value,
                Err(error) => {
                    return bad(format!(
                        "Failed to parse update weights request JSON ('{text}'): {error}"
                    ));
                }
            };
            match list::<WeightInfo>(&value) {
                Ok(weights) => done(node.step(|master| master.update_weights(&weights))),
                Err(error) => bad(format!(
                    "Failed to convert weights JSON array to protobuf ('{text}'): {error}"
                )),
            }
        }
        _ => Response::method_not_allowed(&["GET", "PUT"], &request.method),
    }
}

/// `/quota`, and `/quota/ROLE` to remove one.
pub(super) async fn quota(node: &Node, mut request: Request) -> Response {
    match request.method {
        Method::GET => shown(node, &request, |master| proto(&view::quotas(master))),
        Method::POST => {
            let body = match request.bytes().await {
                Ok(body) => body,
                Err(response) => return response,
            };
            let text = String::from_utf8_lossy(&body);
            let value = match parse(&body) {
                Ok(value) => value,
                Err(error) => {
                    return bad(format!(
                        "Failed to parse set quota request JSON '{text}': {error}"
                    ));
                }
            };
            match from_value::<QuotaRequest>(&value, Dialect::V0) {
                Ok(quota) => done(node.step(|master| master.set_quota(&quota))),
                Err(error) => bad(format!(
                    "Failed to validate set quota request JSON '{text}': {error}"
                )),
            }
        }
        Method::DELETE => remove_quota(node, &request),
        _ => Response::method_not_allowed(&["GET", "POST", "DELETE"], &request.method),
    }
}

fn remove_quota(node: &Node, request: &Request) -> Response {
    // The original looks at the path as it has it, with the process's name.
    let path = format!("/master/{}", request.path);
    let role = request.path.strip_prefix("quota/").unwrap_or_default();
    let role = role.trim_matches('/');
    if role.is_empty() {
        return bad(format!(
            "Failed to parse remove quota request for path '{path}': expected 3 tokens, found 2 tokens"
        ));
    }
    let place = format!(" for path '{path}'");
    done(node.step(|master| master.remove_quota(role, &place)))
}

/// `/maintenance/schedule`.
pub(super) async fn schedule(node: &Node, mut request: Request) -> Response {
    match request.method {
        Method::GET => shown(node, &request, |master| proto(&view::schedule(master))),
        Method::POST => {
            let body = match request.bytes().await {
                Ok(body) => body,
                Err(response) => return response,
            };
            let schedule = parse(&body).and_then(|value| {
                from_value::<Schedule>(&value, Dialect::V0).map_err(|error| error.to_string())
            });
            match schedule {
                Ok(schedule) => {
                    done(node.step(|master| master.update_maintenance_schedule(schedule)))
                }
                Err(error) => bad(error),
            }
        }
        _ => Response::method_not_allowed(&["GET", "POST"], &request.method),
    }
}

/// `/maintenance/status`.
pub(super) fn status(node: &Node, request: &Request) -> Response {
    if request.method != Method::GET {
        return Response::method_not_allowed(&["GET"], &request.method);
    }
    shown(node, request, |master| proto(&master.maintenance_status()))
}

/// `/machine/up` and `/machine/down`.
pub(super) async fn machines(
    node: &Node,
    mut request: Request,
    decision: fn(&mut Master, &[MachineID]) -> Result<(), CallError>,
) -> Response {
    if request.method != Method::POST {
        return Response::method_not_allowed(&["POST"], &request.method);
    }
    let body = match request.bytes().await {
        Ok(body) => body,
        Err(response) => return response,
    };
    match parse(&body).and_then(|value| list::<MachineID>(&value)) {
        Ok(machines) => done(node.step(|master| decision(master, &machines))),
        Err(error) => bad(error),
    }
}
