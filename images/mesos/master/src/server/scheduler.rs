//! `/api/v1/scheduler`: the calls of HTTP frameworks, each check in the original's order (v1-api §1, §5).

use std::sync::Arc;

use hyper::header::HeaderName;
use hyper::{Method, StatusCode};
use mesos_proto::scheduler::{Call, call};
use mesos_proto::v1_scheduler;
use mesos_wire::http::{Media, Request, Response, not_acceptable};
use mesos_wire::json::{Dialect, from_slice};
use protobuf::{Enum as _, MessageField, MessageFull};

use super::node::Node;
use super::whole;
use crate::model::{Caller, FrameworkId};

/// The header that ties calls to their event stream.
const STREAM_ID: &str = "mesos-stream-id";

/// Answers a call.
pub(super) async fn answer(node: Arc<Node>, mut request: Request) -> Response {
    let call: v1_scheduler::Call = match read(&mut request).await {
        Ok(call) => call,
        Err(response) => return response,
    };
    if !whole::is_whole(&call) {
        return bad("Failed to parse body into Call protobuf");
    }
    let principal = request.principal.take();
    if let Some(flaw) = flaw(&call).or_else(|| impostor(&call, principal.as_deref())) {
        return bad(format!("Failed to validate scheduler::Call: {flaw}"));
    }
    let stream = request.header(STREAM_ID).map(str::to_string);
    let is_update = call.type_() == call::Type::UPDATE_FRAMEWORK;
    if call.type_() == call::Type::SUBSCRIBE {
        let Some(media) = Media::accepted(&request) else {
            return not_acceptable();
        };
        if stream.is_some() {
            return bad("Subscribe calls should not include the 'Mesos-Stream-Id' header");
        }
        return subscribe(&node, call, media, principal);
    }
    let mut call = devolve(call);
    if let (Some(update), Some(principal)) = (call.update_framework.as_mut(), &principal)
        && let Some(info) = update.framework_info.as_mut()
        && !info.has_principal()
    {
        info.set_principal(principal.clone());
    }
    match node.step(|master| {
        let id = FrameworkId::from(call.framework_id.get_or_default());
        if let Some(principal) = &principal {
            master.check_principal(&id, principal)?;
        }
        master.call(Caller::Http(stream.as_deref()), call)
    }) {
        Ok(()) if is_update => Response::status(StatusCode::OK),
        Ok(()) => Response::status(StatusCode::ACCEPTED),
        Err(error) => {
            let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::BAD_REQUEST);
            Response::text(status, error.text)
        }
    }
}

fn subscribe(
    node: &Arc<Node>,
    call: v1_scheduler::Call,
    media: Media,
    principal: Option<String>,
) -> Response {
    let wanted = call.subscribe.unwrap_or_default();
    let mut subscribe = call::Subscribe::new();
    subscribe.framework_info = wanted.framework_info;
    if let (Some(info), Some(principal)) = (subscribe.framework_info.as_mut(), principal) {
        info.set_principal(principal);
    }
    subscribe.suppressed_roles = wanted.suppressed_roles;
    subscribe.offer_constraints = wanted.offer_constraints;
    let (id, mut response) = node.open_stream(media);
    response.set(HeaderName::from_static(STREAM_ID), &id.0.to_string());
    node.step(|master| master.subscribe_http(id, subscribe));
    response
}

/// Reads a call in either form; the error is the answer to give.
pub(super) async fn read<M: MessageFull>(request: &mut Request) -> Result<M, Response> {
    if request.method != Method::POST {
        return Err(Response::method_not_allowed(&["POST"], &request.method));
    }
    let Some(content_type) = request.header("content-type") else {
        return Err(bad("Expecting 'Content-Type' to be present"));
    };
    let Some(media) = Media::from_name(content_type) else {
        return Err(Response::text(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "Expecting 'Content-Type' of application/json or application/x-protobuf",
        ));
    };
    let body = request.bytes().await?;
    match media {
        Media::Json => from_slice(&body, Dialect::V1).map_err(|error| bad(error.to_string())),
        Media::Protobuf => {
            M::parse_from_bytes(&body).map_err(|_| bad("Failed to parse body into Call protobuf"))
        }
    }
}

pub(super) fn bad(text: impl Into<String>) -> Response {
    Response::text(StatusCode::BAD_REQUEST, text)
}

/// Whether a framework subscribes under another principal than it has proved to be.
fn impostor(call: &v1_scheduler::Call, proved: Option<&str>) -> Option<String> {
    let info = &call.subscribe.framework_info;
    let proved = proved.filter(|proved| info.has_principal() && info.principal() != *proved)?;
    Some(format!(
        "Authenticated principal '{proved}' does not match principal '{}' set in `FrameworkInfo`",
        info.principal()
    ))
}

fn expecting(field: &str) -> Option<String> {
    Some(format!("Expecting '{field}' to be present"))
}

/// What a call lacks, whoever makes it.
fn flaw(call: &v1_scheduler::Call) -> Option<String> {
    let kind = call.type_.and_then(|kind| kind.enum_value().ok());
    let Some(kind) = kind else {
        return expecting("type");
    };
    if kind == call::Type::SUBSCRIBE {
        let Some(subscribe) = call.subscribe.as_ref() else {
            return expecting("subscribe");
        };
        let named = subscribe
            .framework_info
            .id
            .as_ref()
            .map_or("", |id| id.value());
        let id = call.framework_id.as_ref().map_or("", |id| id.value());
        return (named != id)
            .then(|| "'framework_id' differs from 'subscribe.framework_info.id'".to_string());
    }
    if call.framework_id.is_none() {
        return expecting("framework_id");
    }
    let is_there = match kind {
        call::Type::ACCEPT => call.accept.is_some(),
        call::Type::DECLINE => call.decline.is_some(),
        call::Type::ACCEPT_INVERSE_OFFERS => call.accept_inverse_offers.is_some(),
        call::Type::DECLINE_INVERSE_OFFERS => call.decline_inverse_offers.is_some(),
        call::Type::KILL => call.kill.is_some(),
        call::Type::SHUTDOWN => call.shutdown.is_some(),
        call::Type::ACKNOWLEDGE => call.acknowledge.is_some(),
        call::Type::ACKNOWLEDGE_OPERATION_STATUS => call.acknowledge_operation_status.is_some(),
        call::Type::RECONCILE => call.reconcile.is_some(),
        call::Type::RECONCILE_OPERATIONS => call.reconcile_operations.is_some(),
        call::Type::MESSAGE => call.message.is_some(),
        call::Type::REQUEST => call.request.is_some(),
        call::Type::UPDATE_FRAMEWORK => call.update_framework.is_some(),
        call::Type::UNKNOWN
        | call::Type::SUBSCRIBE
        | call::Type::TEARDOWN
        | call::Type::REVIVE
        | call::Type::SUPPRESS => true,
    };
    if !is_there {
        let name = format!("{kind:?}").to_ascii_lowercase();
        return expecting(&name);
    }
    let uuid = match kind {
        call::Type::ACKNOWLEDGE => Some(call.acknowledge.uuid()),
        call::Type::ACKNOWLEDGE_OPERATION_STATUS => Some(call.acknowledge_operation_status.uuid()),
        _ => None,
    };
    if uuid.is_some_and(|uuid| !is_uuid(uuid)) {
        return Some("Not a valid UUID".to_string());
    }
    if kind == call::Type::UPDATE_FRAMEWORK {
        let named = call
            .update_framework
            .framework_info
            .id
            .as_ref()
            .map_or("", |id| id.value());
        let id = call.framework_id.as_ref().map_or("", |id| id.value());
        if named != id {
            return Some(
                "'framework_id' differs from 'update_framework.framework_info.id'".to_string(),
            );
        }
    }
    None
}

/// Whether these are the bytes of a UUID whose version is one of the five known ones.
fn is_uuid(bytes: &[u8]) -> bool {
    bytes.len() == 16
        && bytes
            .get(6)
            .is_some_and(|byte| (1..=5).contains(&(byte >> 4)))
}

/// The same call under v0 names.
fn devolve(call: v1_scheduler::Call) -> Call {
    let kind = call.type_();
    let mut same = Call::new();
    if let Some(kind) = call::Type::from_i32(kind.value()) {
        same.set_type(kind);
    }
    same.subscribe = MessageField::none();
    same.framework_id = call.framework_id;
    same.accept = call.accept;
    same.decline = call.decline;
    same.accept_inverse_offers = call.accept_inverse_offers;
    same.decline_inverse_offers = call.decline_inverse_offers;
    same.revive = call.revive;
    same.kill = call.kill;
    same.shutdown = call.shutdown;
    same.acknowledge = call.acknowledge;
    same.acknowledge_operation_status = call.acknowledge_operation_status;
    same.reconcile = call.reconcile;
    same.reconcile_operations = call.reconcile_operations;
    same.message = call.message;
    same.request = call.request;
    same.suppress = call.suppress;
    same.update_framework = call.update_framework;
    same
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str) -> Option<String> {
        let call = from_slice(json.as_bytes(), Dialect::V1).expect(json);
        flaw(&call)
    }

    #[test]
    fn calls_say_what_they_lack() {
        for (json, want) in [
            (r#"{}"#, Some("Expecting 'type' to be present")),
            (
                r#"{"type":"NO_SUCH"}"#,
                Some("Expecting 'type' to be present"),
            ),
            (
                r#"{"type":"SUBSCRIBE"}"#,
                Some("Expecting 'subscribe' to be present"),
            ),
            (
                r#"{"type":"KILL"}"#,
                Some("Expecting 'framework_id' to be present"),
            ),
            (
                r#"{"type":"KILL","framework_id":{"value":"f"}}"#,
                Some("Expecting 'kill' to be present"),
            ),
            (
                r#"{"type":"SUBSCRIBE","framework_id":{"value":"f"},"subscribe":{"framework_info":{"user":"u","name":"n"}}}"#,
                Some("'framework_id' differs from 'subscribe.framework_info.id'"),
            ),
            (
                r#"{"type":"ACKNOWLEDGE","framework_id":{"value":"f"},"acknowledge":{"agent_id":{"value":"a"},"task_id":{"value":"t"},"uuid":"AAAA"}}"#,
                Some("Not a valid UUID"),
            ),
            (
                r#"{"type":"ACKNOWLEDGE","framework_id":{"value":"f"},"acknowledge":{"agent_id":{"value":"a"},"task_id":{"value":"t"},"uuid":"AAAAAAAAAAAAAAAAAAAAAA=="}}"#,
                Some("Not a valid UUID"),
            ),
            (
                r#"{"type":"ACKNOWLEDGE","framework_id":{"value":"f"},"acknowledge":{"agent_id":{"value":"a"},"task_id":{"value":"t"},"uuid":"AAAAAAAAQAAAAAAAAAAAAA=="}}"#,
                None,
            ),
            (
                r#"{"type":"ACKNOWLEDGE_OPERATION_STATUS","framework_id":{"value":"f"},"acknowledge_operation_status":{"operation_id":{"value":"o"},"uuid":"AAAA"}}"#,
                Some("Not a valid UUID"),
            ),
            (r#"{"type":"TEARDOWN","framework_id":{"value":"f"}}"#, None),
        ] {
            assert_eq!(check(json).as_deref(), want, "case `{json}`");
        }
    }
}
