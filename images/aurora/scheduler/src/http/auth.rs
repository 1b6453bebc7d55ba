//! Callers prove who they are, if the scheduler is told to ask. Nobody has to, until they change
//! something; but whoever claims to be somebody must be.

use aurora_api::{Call, Response as Answer, ResponseCode, ResponseDetail};
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::{App, Shared};
use crate::api::UNSECURE;
use crate::security::{CHALLENGE, Denial};

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
    let claim = request.headers().get(header::AUTHORIZATION);
    let is_basic = |text: &str| text.trim().to_ascii_lowercase().starts_with("basic");
    if let Some(claim) = claim.map(|claim| claim.to_str().unwrap_or("basic"))
        && is_basic(claim)
    {
        match security.authenticate(claim) {
            Some(name) => {
                request.extensions_mut().insert(Caller(name));
            }
            None => return challenge(),
        }
    }
    next.run(request).await
}

/// 401, and how to do better.
fn challenge() -> Response {
    (
        StatusCode::UNAUTHORIZED,
        [(header::WWW_AUTHENTICATE, CHALLENGE)],
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
        let denial = match &self.security {
            None => return Ok(UNSECURE),
            Some(security) => match security.authorize(name, call) {
                Ok(()) => return Ok(name.unwrap_or(UNSECURE)),
                Err(denial) => denial,
            },
        };
        let (code, statistic, message) = match denial {
            Denial::Unknown => return Err(Refused::Http(challenge())),
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
