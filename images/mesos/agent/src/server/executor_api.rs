//! `/api/v1/executor` (v1-api.md, sections 1 and 7).

use std::sync::Arc;

use hyper::{Method, StatusCode};
use mesos_proto::executor::{Call, call};
use mesos_proto::mesos::{TaskState, TaskStatus, task_status};
use mesos_proto::messages::StatusUpdate;
use mesos_wire::http::{Media, Request, Response, not_acceptable};
use mesos_wire::json::{self, Dialect, JsonError};
use protobuf::MessageFull;
use tokio::sync::Notify;

use super::agent::{Agent, Subscriber};
use crate::model::{Link, State, executor_id, framework_id};

/// How many events may wait for an executor. One that is that far behind is not alive.
const QUEUED_EVENTS: usize = 4096;
/// Executors are sent a HEARTBEAT this often.
const HEARTBEAT: std::time::Duration = std::time::Duration::from_secs(30 * 60);

/// Which of the agent's two APIs is called: they differ in the words of their refusals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Api {
    Executor,
    Operator,
}

/// Reads the body of a v1 call; the error is the answer to give.
pub(crate) async fn read_call<M: MessageFull>(
    request: &mut Request,
    api: Api,
) -> Result<M, Response> {
    let bad = |text: String| Response::text(StatusCode::BAD_REQUEST, text);
    if request.method != Method::POST {
        return Err(Response::method_not_allowed(&["POST"], &request.method));
    }
    let media = match request.header("content-type") {
        None => return Err(bad("Expecting 'Content-Type' to be present".to_string())),
        Some(name) => Media::from_name(name),
    };
    let Some(media) = media else {
        let more = match api {
            Api::Executor => "",
            Api::Operator => " or application/recordio",
        };
        return Err(Response::text(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            format!("Expecting 'Content-Type' of application/json or application/x-protobuf{more}"),
        ));
    };
    let body = request.bytes().await?;
    match media {
        Media::Json => json::from_slice(&body, Dialect::V1).map_err(|error| match (error, api) {
            (JsonError::Shape { reason, .. }, Api::Operator) => bad(reason),
            (error, _) => bad(error.to_string()),
        }),
        Media::Protobuf => M::parse_from_bytes(&body).map_err(|_| {
            let what = match api {
                Api::Executor => "Call protobuf",
                Api::Operator => "a protobuf object",
            };
            bad(format!("Failed to parse body into {what}"))
        }),
    }
}

/// Answers an executor.
pub(crate) async fn answer(agent: Arc<Agent>, mut request: Request) -> Response {
    let call: Call = match read_call(&mut request, Api::Executor).await {
        Ok(call) => call,
        Err(response) => return response,
    };
    if let Err(reason) = validate(&call) {
        let text = format!("Failed to validate Executor::Call: {reason}");
        return Response::text(StatusCode::BAD_REQUEST, text);
    }
    let kind = call.type_();
    if kind == call::Type::UNKNOWN {
        return Response::status(StatusCode::NOT_IMPLEMENTED);
    }
    let recovering = agent.look(|model| model.state() == State::Recovering);
    if recovering && kind != call::Type::SUBSCRIBE {
        let text = "Agent has not finished recovery";
        return Response::text(StatusCode::SERVICE_UNAVAILABLE, text);
    }
    if kind == call::Type::HEARTBEAT {
        return Response::status(StatusCode::ACCEPTED);
    }
    let ids = (call.framework_id.value(), call.executor_id.value());
    let connected = agent.look(|model| {
        model
            .check_executor(ids.0, ids.1)
            .map(|executor| executor.link.is_some())
    });
    match connected {
        Err(refusal) => return Response::text(StatusCode::BAD_REQUEST, refusal.to_string()),
        Ok(false) if kind != call::Type::SUBSCRIBE => {
            return Response::text(StatusCode::FORBIDDEN, "Executor is not subscribed");
        }
        Ok(_) => {}
    }
    match kind {
        call::Type::SUBSCRIBE => subscribe(agent, &request, call),
        call::Type::UPDATE => {
            let status = call
                .update
                .as_ref()
                .and_then(|update| update.status.as_ref());
            if let Some(status) = status {
                let update = update_of(status, ids);
                agent.executor_update(update);
            }
            Response::status(StatusCode::ACCEPTED)
        }
        _ => {
            let data = call.message.data().to_vec();
            agent.act(|model, _| model.executor_message(ids.0, ids.1, data));
            Response::status(StatusCode::ACCEPTED)
        }
    }
}

fn subscribe(agent: Arc<Agent>, request: &Request, mut call: Call) -> Response {
    let Some(media) = Media::accepted(request) else {
        return not_acceptable();
    };
    let (framework, executor) = (call.framework_id.value(), call.executor_id.value());
    let (framework, executor) = (framework.to_string(), executor.to_string());
    let subscribe = call.subscribe.take().unwrap_or_default();
    let ids = (framework.as_str(), executor.as_str());
    let updates = subscribe
        .unacknowledged_updates
        .iter()
        .filter_map(|update| update.status.as_ref())
        .map(|status| update_of(status, ids))
        .collect();
    let (sender, response) = Response::stream(media.name(), QUEUED_EVENTS);
    let end = Arc::new(Notify::new());
    let subscriber = Subscriber {
        sender: sender.clone(),
        media,
        end: end.clone(),
    };
    let number = agent.add_subscriber(subscriber);
    let link = Link::Http(number);
    let tasks = &subscribe.unacknowledged_tasks;
    let accepted = agent.act(|model, now| model.subscribe(now, ids, link.clone(), tasks, updates));
    if let Err(refusal) = accepted {
        agent.drop_subscriber(number);
        return Response::text(StatusCode::BAD_REQUEST, refusal.to_string());
    }
    tokio::spawn(async move {
        let mut heartbeat = mesos_proto::executor::Event::new();
        heartbeat.set_type(mesos_proto::executor::event::Type::HEARTBEAT);
        loop {
            tokio::select! {
                () = sender.closed() => break,
                () = end.notified() => break,
                () = tokio::time::sleep(HEARTBEAT) => agent.tell(number, &heartbeat),
            }
        }
        agent.drop_subscriber(number);
        agent.act(|model, _| model.disconnected(&framework, &executor, &link));
    });
    response
}

/// The update that a status makes. Its ids are those of the caller.
fn update_of(status: &TaskStatus, (framework, executor): (&str, &str)) -> StatusUpdate {
    let mut update = StatusUpdate::new();
    update.framework_id = framework_id(framework);
    update.executor_id = executor_id(executor);
    update.set_timestamp(status.timestamp());
    update.set_uuid(status.uuid().to_vec());
    update.status = Some(status.clone()).into();
    update
}

fn validate(call: &Call) -> Result<(), String> {
    let present = |name: &str, is: bool| match is {
        true => Ok(()),
        false => Err(format!("Expecting '{name}' to be present")),
    };
    present("type", call.has_type())?;
    match call.type_() {
        call::Type::SUBSCRIBE => present("subscribe", call.subscribe.is_some()),
        call::Type::MESSAGE => present("message", call.message.is_some()),
        call::Type::UPDATE => {
            let update = call.update.as_ref();
            present("update", update.is_some())?;
            let status = update.and_then(|update| update.status.as_ref());
            validate_status(status.ok_or("Expecting 'status' to be present")?, call)
        }
        call::Type::HEARTBEAT | call::Type::UNKNOWN => Ok(()),
    }
}

fn validate_status(status: &TaskStatus, call: &Call) -> Result<(), String> {
    if !status.has_uuid() {
        return Err("Expecting 'uuid' to be present".to_string());
    }
    // Sixteen bytes that say which version of UUIDs they are of, as a nil one does not.
    let version = status.uuid().get(6).map(|byte| byte >> 4);
    if status.uuid().len() != 16 || !version.is_some_and(|version| (1..=5).contains(&version)) {
        return Err("Not a valid UUID".to_string());
    }
    if status.executor_id.is_some() && status.executor_id != call.executor_id {
        return Err(format!(
            "ExecutorID in Call: {} does not match ExecutorID in TaskStatus: {}",
            call.executor_id.value(),
            status.executor_id.value()
        ));
    }
    if status.source() != task_status::Source::SOURCE_EXECUTOR {
        return Err(format!(
            "Received Call from executor {} of framework {} with invalid source, expecting 'SOURCE_EXECUTOR'",
            call.executor_id.value(),
            call.framework_id.value()
        ));
    }
    if status.state() == TaskState::TASK_STAGING {
        return Err(format!(
            "Received TASK_STAGING from executor {} of framework {} which is not allowed",
            call.executor_id.value(),
            call.framework_id.value()
        ));
    }
    Ok(())
}
