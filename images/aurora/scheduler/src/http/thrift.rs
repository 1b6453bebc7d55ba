//! Thrift over HTTP: `/api` in TJSON and TBINARY, and `/apibeta` in JSON by name.

use std::time::Instant;

use aurora_api::envelope::{self, BadCall};
use aurora_api::protocol::unsupported_content_type;
use aurora_api::simple::{Style, to_simple};
use aurora_api::{Call, CallResult, Protocol, Response as Answer, ResponseCode, ResponseDetail};
use axum::body::{Body, to_bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use serde_json::Value as Json;

use super::Shared;
use super::auth::{Caller, Refused};
use crate::api::Api;

/// The largest request taken. A job's configuration is a few kilobytes.
const BODY_LIMIT_BYTES: usize = 32 << 20;

fn header_text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

/// `/api`
pub(super) async fn api(State(app): State<Shared>, request: Request<Body>) -> Response {
    let mut response = if request.method() == Method::OPTIONS {
        StatusCode::OK.into_response()
    } else {
        thrift(&app, request).await
    };
    if let Some(origin) = &app.cors
        && let Ok(origin) = HeaderValue::from_str(origin)
    {
        let headers = response.headers_mut();
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        let methods = HeaderValue::from_static("DELETE,GET,HEAD,OPTIONS,POST,PUT");
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods);
        let allowed = HeaderValue::from_static("Accept,Content-Type,Origin,X-Requested-With");
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, allowed);
    }
    response
}

async fn thrift(app: &Shared, request: Request<Body>) -> Response {
    let content_type = header_text(request.headers(), header::CONTENT_TYPE).map(str::to_string);
    let Some(protocol) = Protocol::of_request(content_type.as_deref()) else {
        let text = unsupported_content_type(&content_type.unwrap_or_default());
        return (StatusCode::UNSUPPORTED_MEDIA_TYPE, text).into_response();
    };
    // Several `Accept` headers count as an unparsable one.
    let mut accepts = request.headers().get_all(header::ACCEPT).iter();
    let accept = accepts.next().filter(|_| accepts.next().is_none());
    let answer_protocol = Protocol::of_answer(accept.and_then(|value| value.to_str().ok()));
    let caller = request.extensions().get::<Caller>().cloned();
    let Ok(body) = to_bytes(request.into_body(), BODY_LIMIT_BYTES).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let encoded = match envelope::decode_call(protocol, &body) {
        Ok(request) => {
            let name = request.call.name();
            let answer = match carry_out(app, caller.as_ref(), request.call) {
                Ok(answer) => answer,
                Err(response) => return *response,
            };
            envelope::encode_reply(answer_protocol, name, request.sequence, &answer)
        }
        Err(BadCall::Refused {
            method,
            sequence,
            exception,
        }) => envelope::encode_exception(answer_protocol, &method, sequence, &exception),
        Err(error @ BadCall::Malformed(_)) => {
            let text = crate::engine::describe(&error);
            return (StatusCode::INTERNAL_SERVER_ERROR, text).into_response();
        }
    };
    match encoded {
        Ok(bytes) => {
            let content_type = match answer_protocol {
                Protocol::Binary => "application/vnd.apache.thrift.binary",
                Protocol::Json => "application/vnd.apache.thrift.json",
            };
            ([(header::CONTENT_TYPE, content_type)], bytes).into_response()
        }
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

/// The answer to a call; or, to a caller who must first say who they are, the response.
fn carry_out(app: &Shared, caller: Option<&Caller>, call: Call) -> Result<Answer, Box<Response>> {
    let began = Instant::now();
    let name = call.name();
    let answer = match app.permit(caller, &call) {
        Ok(user) => {
            let api = Api {
                engine: &app.engine,
                server_info: &app.server_info,
                user,
            };
            api.answer(call)
        }
        Err(Refused::Call(answer)) => *answer,
        Err(Refused::Http(response)) => return Err(Box::new(response)),
    };
    app.stats
        .time(&format!("scheduler_thrift_{name}"), began.elapsed());
    app.stats.add(
        &format!("scheduler_thrift_response_{}", answer.response_code),
        1,
    );
    if let Some(items) = answer.result.as_ref().and_then(workload) {
        app.stats
            .add(&format!("scheduler_thrift_workload_{name}"), items);
    }
    Ok(answer)
}

/// How many items a read returned.
fn workload(result: &CallResult) -> Option<u64> {
    let items = match result {
        CallResult::ScheduleStatus(result) => result.tasks.len(),
        CallResult::GetJobs(result) => result.configs.len(),
        CallResult::RoleSummary(result) => result.summaries.len(),
        CallResult::JobSummary(result) => result.summaries.len(),
        CallResult::ConfigSummary(result) => result.summary.groups.len(),
        CallResult::GetPendingReason(result) => result.reasons.len(),
        CallResult::GetJobUpdateSummaries(result) => result.update_summaries.len(),
        CallResult::GetJobUpdateDetails(result) => result.details_list.as_ref().map_or(1, Vec::len),
        _ => return None,
    };
    u64::try_from(items).ok()
}

/// `GET /apibeta`
pub(super) async fn beta_index() -> Redirect {
    Redirect::to("/apihelp/index.html")
}

/// `POST /apibeta`, which names no method.
pub(super) async fn beta_unnamed() -> StatusCode {
    StatusCode::METHOD_NOT_ALLOWED
}

/// `POST /apibeta/METHOD`
pub(super) async fn beta(
    State(app): State<Shared>,
    Path(method): Path<String>,
    request: Request<Body>,
) -> Response {
    let caller = request.extensions().get::<Caller>().cloned();
    let body = request.into_body();
    let bad = |text: String| (StatusCode::BAD_REQUEST, text).into_response();
    let Ok(body) = to_bytes(body, BODY_LIMIT_BYTES).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let arguments = if body.is_empty() {
        Json::Object(serde_json::Map::new())
    } else {
        match serde_json::from_slice(&body) {
            Ok(arguments @ Json::Object(_)) => arguments,
            Ok(_) => return bad("Request data must be a JSON object of method parameters.".into()),
            Err(_) => return bad("Request must be valid JSON".into()),
        }
    };
    match Call::from_simple(&method, &arguments) {
        Some(Ok(call)) => match carry_out(&app, caller.as_ref(), call) {
            Ok(answer) => json(StatusCode::OK, &answer),
            Err(response) => *response,
        },
        Some(Err(error)) => bad(format!("Failed to parse parameter {error}")),
        None => {
            let message = Some(format!("Method {method} does not exist."));
            let answer = Answer {
                response_code: ResponseCode::Error,
                details: vec![ResponseDetail { message }],
                server_info: Some(app.server_info.clone()),
                result: None,
            };
            json(StatusCode::NOT_FOUND, &answer)
        }
    }
}

fn json(status: StatusCode, answer: &Answer) -> Response {
    (status, axum_json(&to_simple(answer, Style::Names))).into_response()
}

/// A JSON document.
pub(super) fn axum_json(value: &Json) -> Response {
    (
        [(header::CONTENT_TYPE, "application/json")],
        value.to_string(),
    )
        .into_response()
}
