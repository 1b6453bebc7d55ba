//! Reservations and volumes that operators make: calls of the v1 API, and the older forms
//! (http-endpoints §3, v1-api §9).

use hyper::{Method, StatusCode};
use mesos_proto::mesos::offer::Operation;
use mesos_proto::mesos::offer::operation::Type;
use mesos_proto::mesos::{Resource, SlaveID};
use mesos_proto::v1_master::{Call, call};
use mesos_wire::http::{Query, Request, Response};
use mesos_wire::resources::check;

use super::node::Node;
use super::policies::list;
use super::scheduler::bad;
use crate::model::AgentId;

/// What is wrong with the resources of a v1 call that reserves or unreserves: those are looked at with the call.
pub(super) fn flaw(call: &Call) -> Option<String> {
    let reserved = call.reserve_resources.resources.iter();
    let unreserved = call.unreserve_resources.resources.iter();
    let mut all = match call.type_() {
        call::Type::RESERVE_RESOURCES => reserved.chain([].iter()),
        call::Type::UNRESERVE_RESOURCES => unreserved.chain([].iter()),
        _ => return None,
    };
    all.find_map(|resource| check(resource).err().map(|error| error.to_string()))
}

/// Answers one of the v1 calls that operate on resources.
pub(super) fn call(node: &Node, call: Call, principal: Option<&str>) -> Response {
    let mut operation = Operation::new();
    let agent = match call.type_() {
        call::Type::RESERVE_RESOURCES => {
            let call = call.reserve_resources.unwrap_or_default();
            operation.set_type(Type::RESERVE);
            let reserve = operation.reserve.mut_or_insert_default();
            reserve.source = call.source;
            reserve.resources = call.resources;
            call.agent_id
        }
        call::Type::UNRESERVE_RESOURCES => {
            let call = call.unreserve_resources.unwrap_or_default();
            set(&mut operation, Type::UNRESERVE, call.resources);
            call.agent_id
        }
        call::Type::CREATE_VOLUMES => {
            let call = call.create_volumes.unwrap_or_default();
            set(&mut operation, Type::CREATE, call.volumes);
            call.agent_id
        }
        call::Type::DESTROY_VOLUMES => {
            let call = call.destroy_volumes.unwrap_or_default();
            set(&mut operation, Type::DESTROY, call.volumes);
            call.agent_id
        }
        call::Type::GROW_VOLUME => {
            let call = call.grow_volume.unwrap_or_default();
            operation.set_type(Type::GROW_VOLUME);
            let grow = operation.grow_volume.mut_or_insert_default();
            grow.volume = call.volume;
            grow.addition = call.addition;
            call.agent_id
        }
        _ => {
            let call = call.shrink_volume.unwrap_or_default();
            operation.set_type(Type::SHRINK_VOLUME);
            let shrink = operation.shrink_volume.mut_or_insert_default();
            shrink.volume = call.volume;
            shrink.subtract = call.subtract;
            call.agent_id
        }
    };
    match agent.into_option() {
        Some(agent) => operate(node, &agent, operation, principal),
        // Only a resource provider's disks would need no agent.
        None => bad(
            "Failed to validate master::Call: Expecting 'agent_id' to be present; only agent default resources are supported right now",
        ),
    }
}

/// Answers one of the older forms: `slaveId=…&resources=[…]`, or `&volumes=[…]`.
pub(super) async fn form(node: &Node, kind: Type, mut request: Request) -> Response {
    if request.method != Method::POST {
        return Response::method_not_allowed(&["POST"], &request.method);
    }
    let body = match request.bytes().await {
        Ok(body) => body,
        Err(response) => return response,
    };
    let form = match Query::parse_form(&body) {
        Ok(form) => form,
        Err(response) => return response,
    };
    match read(kind, &form) {
        Ok((agent, operation)) => operate(node, &agent, operation, request.principal.as_deref()),
        Err(text) => bad(text),
    }
}

fn read(kind: Type, form: &Query) -> Result<(SlaveID, Operation), String> {
    let field = match kind {
        Type::CREATE | Type::DESTROY => "volumes",
        _ => "resources",
    };
    let get = |name: &str| {
        form.get(name)
            .ok_or_else(|| format!("Missing '{name}' query parameter in the request body"))
    };
    let mut agent = SlaveID::new();
    agent.set_value(get("slaveId")?.to_string());
    let parsing = match kind {
        Type::RESERVE => "Error parsing",
        _ => "Error in parsing",
    };
    let text = get(field)?;
    let resources = list(text.as_bytes()).map_err(|error| {
        let reason = error.reason();
        format!("{parsing} '{field}' query parameter in the request body: {reason}")
    })?;
    let mut operation = Operation::new();
    set(&mut operation, kind, resources);
    Ok((agent, operation))
}

fn set(operation: &mut Operation, kind: Type, resources: Vec<Resource>) {
    operation.set_type(kind);
    match kind {
        Type::RESERVE => operation.reserve.mut_or_insert_default().resources = resources,
        Type::UNRESERVE => operation.unreserve.mut_or_insert_default().resources = resources,
        Type::CREATE => operation.create.mut_or_insert_default().volumes = resources,
        _ => operation.destroy.mut_or_insert_default().volumes = resources,
    }
}

fn operate(
    node: &Node,
    agent: &SlaveID,
    operation: Operation,
    principal: Option<&str>,
) -> Response {
    let agent = AgentId::from(agent);
    match node.step(|master| master.operate(&agent, operation, principal)) {
        Ok(()) => Response::status(StatusCode::ACCEPTED),
        Err(error) => Response::text(
            StatusCode::from_u16(error.status).unwrap_or(StatusCode::BAD_REQUEST),
            error.text,
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_read_and_what_is_wrong_is_named() {
        let cpu = "%5B%7B%22name%22%3A%22cpus%22%2C%22type%22%3A%22SCALAR%22%2C%22scalar%22%3A%7B%22value%22%3A1%7D%2C%22role%22%3A%22a%22%2C%22reservation%22%3A%7B%7D%7D%5D";
        let cases = [
            (Type::RESERVE, format!("slaveId=S&resources={cpu}"), ""),
            (
                Type::RESERVE,
                format!("resources={cpu}"),
                "Missing 'slaveId' query parameter in the request body",
            ),
            (
                Type::UNRESERVE,
                "slaveId=S".to_string(),
                "Missing 'resources' query parameter in the request body",
            ),
            (
                Type::CREATE,
                format!("slaveId=S&resources={cpu}"),
                "Missing 'volumes' query parameter in the request body",
            ),
            (
                Type::DESTROY,
                "slaveId=S&volumes=x".to_string(),
                "Error in parsing 'volumes' query parameter in the request body: syntax error at line 1 near: x",
            ),
            (
                Type::RESERVE,
                "slaveId=S&resources=%5B%7B%7D%5D".to_string(),
                "Error parsing 'resources' query parameter in the request body: Missing required fields: name, type",
            ),
            (
                Type::UNRESERVE,
                "slaveId=S&resources=5".to_string(),
                "Error in parsing 'resources' query parameter in the request body: Unexpected JSON type parsed",
            ),
        ];
        for (kind, text, want) in cases {
            let form = Query::parse(&text).expect("a form");
            match read(kind, &form) {
                Ok((agent, operation)) => {
                    assert_eq!((want, agent.value()), ("", "S"), "case `{text}`");
                    assert_eq!(operation.reserve.resources[0].role(), "a");
                }
                Err(error) => assert!(
                    !want.is_empty() && error.starts_with(want),
                    "case `{text}`: {error}"
                ),
            }
        }
    }
}
