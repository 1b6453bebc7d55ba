//! The older endpoints of what operators decide: weights, quotas and maintenance (http-endpoints
//! §3.7). What the v1 API's calls say is said here in a path and a body.

use hyper::Method;
use mesos_proto::maintenance::Schedule;
use mesos_proto::mesos::{MachineID, WeightInfo};
use mesos_proto::quota::QuotaRequest;
use mesos_wire::authorization::Rights;
use mesos_wire::http::{Request, Response};
use mesos_wire::json::{self, Dialect, JsonError, from_value, to_value};
use protobuf::{MessageDyn, MessageFull};
use serde_json::Value;

use super::node::Node;
use super::operator::done;
use super::scheduler::bad;
use crate::model::{CallError, Master};
use crate::view;

/// A list of messages.
pub(super) fn list<M: MessageFull>(text: &[u8]) -> Result<Vec<M>, ListError> {
    let items = match json::parse(text).map_err(ListError::Text)? {
        Value::Array(items) => items,
        _ => return Err(ListError::Text(NOT_THIS_TYPE.to_string())),
    };
    items
        .iter()
        .map(|item| from_value(item, Dialect::V0))
        .collect::<Result<_, _>>()
        .map_err(ListError::Items)
}

const NOT_THIS_TYPE: &str = "Unexpected JSON type parsed";

/// Why a text is no list of messages.
pub(super) enum ListError {
    /// It is no JSON, or no list.
    Text(String),
    /// An item is not of the message's shape.
    Items(JsonError),
}

impl ListError {
    /// What is wrong.
    pub(super) fn reason(&self) -> &str {
        match self {
            Self::Text(reason) => reason,
            Self::Items(error) => error.reason(),
        }
    }
}

/// A JSON object.
fn object(text: &[u8]) -> Result<Value, String> {
    match json::parse(text)? {
        object @ Value::Object(_) => Ok(object),
        _ => Err(NOT_THIS_TYPE.to_string()),
    }
}

fn shown(node: &Node, request: &Request, show: impl FnOnce(&Master, &Rights) -> Value) -> Response {
    let rights = node.rights(request);
    let value = node.read_master(|master| show(master, &rights));
    Response::json(&request.query, &value)
}

fn proto(message: &dyn MessageDyn) -> Value {
    to_value(message, Dialect::V0)
}

/// With its keys in order, as the original writes all of these but the quotas.
fn sorted(message: &dyn MessageDyn) -> Value {
    let mut value = proto(message);
    value.sort_all_objects();
    value
}

/// `/weights`.
pub(super) async fn weights(node: &Node, mut request: Request) -> Response {
    match request.method {
        Method::GET => shown(node, &request, |master, rights| {
            view::weights(master, rights)
                .iter()
                .map(|w| sorted(w))
                .collect()
        }),
        Method::PUT => {
            let body = match request.bytes().await {
                Ok(body) => body,
                Err(response) => return response,
            };
            let text = String::from_utf8_lossy(&body);
            let rights = node.rights(&request);
            match list::<WeightInfo>(&body) {
                Ok(weights) => done(node.step(|master| master.update_weights(&weights, &rights))),
                Err(ListError::Text(error)) => bad(format!(
                    "Failed to parse update weights request JSON '{text}': {error}"
                )),
                Err(ListError::Items(error)) => bad(format!(
                    "Failed to convert weights JSON array to protobuf '{text}': {}",
                    error.reason()
                )),
            }
        }
        _ => Response::method_not_allowed(&["GET", "PUT"], &request.method),
    }
}

/// `/quota`, and `/quota/ROLE` to remove one.
pub(super) async fn quota(node: &Node, mut request: Request) -> Response {
    match request.method {
        Method::GET => shown(node, &request, |master, rights| {
            proto(&view::quotas(master, rights))
        }),
        Method::POST => {
            let body = match request.bytes().await {
                Ok(body) => body,
                Err(response) => return response,
            };
            let text = String::from_utf8_lossy(&body);
            let value = match object(&body) {
                Ok(value) => value,
                Err(error) => {
                    return bad(format!(
                        "Failed to parse set quota request JSON '{text}': {error}"
                    ));
                }
            };
            match from_value::<QuotaRequest>(&value, Dialect::V0) {
                Ok(quota) => {
                    let rights = node.rights(&request);
                    done(node.step(|master| master.set_quota(&quota, &rights)))
                }
                Err(error) => bad(format!(
                    "Failed to validate set quota request JSON '{text}': {}",
                    error.reason()
                )),
            }
        }
        Method::DELETE => remove_quota(node, &request),
        _ => Response::method_not_allowed(&["GET", "POST", "DELETE"], &request.method),
    }
}

fn remove_quota(node: &Node, request: &Request) -> Response {
    // The original looks at the path as it has it, with the process's name.
    let path = request.target.split('?').next().unwrap_or_default();
    let path = match path.starts_with("/master/") {
        true => path.to_string(),
        false => format!("/master{path}"),
    };
    let role = request.path.strip_prefix("quota/").unwrap_or_default();
    let role = role.trim_matches('/');
    if role.is_empty() {
        return bad(format!(
            "Failed to parse remove quota request for path '{path}': expected 3 tokens, found 2 tokens"
        ));
    }
    let place = format!(" for path '{path}'");
    let rights = node.rights(request);
    done(node.step(|master| master.remove_quota(role, &place, &rights)))
}

/// `/maintenance/schedule`.
pub(super) async fn schedule(node: &Node, mut request: Request) -> Response {
    match request.method {
        Method::GET => shown(node, &request, |master, rights| {
            sorted(&view::schedule(master, rights))
        }),
        Method::POST => {
            let body = match request.bytes().await {
                Ok(body) => body,
                Err(response) => return response,
            };
            let schedule = object(&body).and_then(|value| {
                from_value::<Schedule>(&value, Dialect::V0)
                    .map_err(|error| error.reason().to_string())
            });
            match schedule {
                Ok(schedule) => {
                    let rights = node.rights(&request);
                    done(node.step(|master| master.update_maintenance_schedule(schedule, &rights)))
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
    shown(node, request, |master, rights| {
        sorted(&view::maintenance_status(master, rights))
    })
}

/// `/machine/up` and `/machine/down`.
pub(super) async fn machines(
    node: &Node,
    mut request: Request,
    decision: fn(&mut Master, &[MachineID], &Rights) -> Result<(), CallError>,
) -> Response {
    if request.method != Method::POST {
        return Response::method_not_allowed(&["POST"], &request.method);
    }
    let body = match request.bytes().await {
        Ok(body) => body,
        Err(response) => return response,
    };
    match list::<MachineID>(&body) {
        Ok(machines) => {
            let rights = node.rights(&request);
            done(node.step(|master| decision(master, &machines, &rights)))
        }
        Err(error) => bad(error.reason()),
    }
}
