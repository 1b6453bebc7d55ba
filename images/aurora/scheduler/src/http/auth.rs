//! Callers prove who they are, if the scheduler is told to ask. Nobody has to, until they change
//! something; but whoever claims to be somebody must be.

use std::time::SystemTime;

use aurora_api::{Call, Response as Answer, ResponseCode, ResponseDetail};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::{App, Shared};
use crate::api::UNSECURE;
use crate::security::{Claim, Denial, Security};

/// Who makes a request, proved.
#[derive(Debug, Clone)]
pub(super) struct Caller(String);

/// Turns away those who are not who they say they are.
pub(super) async fn authenticate(
    State(app): State<Shared>,
    mut request: Request,
    next: Next,
) -> Response {
    let Some(security) = &app.security else {
        return next.run(request).await;
    };
    // What is no text is judged too: it is malformed, or wrong.
    let header = request.headers().get(header::AUTHORIZATION);
    let header = header.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let claim = header.map_or(Claim::None, |header| {
        security.judge(&header, SystemTime::now())
    });
    let answer = match claim {
        Claim::None => None,
        Claim::Proved { user, answer } => {
            request.extensions_mut().insert(Caller(user));
            answer
        }
        Claim::Wrong => return challenge(security),
        Claim::Malformed => return StatusCode::BAD_REQUEST.into_response(),
    };
    let mut response = next.run(request).await;
    // The original leaves this out. Clients that want the server to prove itself wait for it, others pass it over.
    if let Some(answer) = answer.and_then(|answer| HeaderValue::try_from(answer).ok()) {
        let headers = response.headers_mut();
        headers.insert(header::WWW_AUTHENTICATE, answer);
    }
    response
}

/// 401, and how to do better.
fn challenge(security: &Security) -> Response {
    (
        StatusCode::UNAUTHORIZED,
        [(header::WWW_AUTHENTICATE, security.challenge())],
    )
        .into_response()
}

/// Why a call is answered without being carried out.
pub(super) enum Refused {
    /// With another status than 200.
    Http(Response),
    /// As the call's answer.
    Call(Box<Answer>),
}

impl App {
    /// The user on whose behalf a call is carried out, if they may make it.
    pub(super) fn permit<'a>(
        &self,
        caller: Option<&'a Caller>,
        call: &Call,
    ) -> Result<&'a str, Refused> {
        let name = caller.map(|caller| caller.0.as_str());
        let Some(security) = &self.security else {
            return Ok(UNSECURE);
        };
        let denial = match security.authorize(name, call) {
            Ok(()) => return Ok(name.unwrap_or(UNSECURE)),
            Err(denial) => denial,
        };
        let (code, statistic, message) = match denial {
            Denial::Unknown => return Err(Refused::Http(challenge(security))),
            Denial::Forbidden(message) => (
                ResponseCode::AuthFailed,
                "shiro_authorization_failures",
                message,
            ),
            Denial::NoJob => (
                ResponseCode::InvalidRequest,
                "shiro_bad_requests",
                "Missing or invalid job key from request.".to_string(),
            ),
        };
        self.stats.add(statistic, 1);
        Err(Refused::Call(Box::new(Answer {
            response_code: code,
            server_info: Some(self.server_info.clone()),
            details: vec![ResponseDetail {
                message: Some(message),
            }],
            result: None,
        })))
    }
}
