//! Requests that only the leader can answer are sent to it (api.md, section 2).

use axum::extract::{OriginalUri, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Response};

use super::Shared;

/// Paths that begin so are the leader's.
const LEADERS: &[&str] = &[
    "/agents",
    "/api",
    "/cron",
    "/maintenance",
    "/mname",
    "/offers",
    "/pendingtasks",
    "/quotas",
    "/slaves",
    "/state",
    "/tiers",
    "/utilization",
    "/scheduler",
    "/updates",
];

/// A path that begins like the API's, but is answered by every scheduler.
const NOT_LEADERS: &[&str] = &["/apiclient"];

const NO_LEADER: &str = "<!doctype html><html><head><title>No Leader Found</title></head><body>\
<h1>No Leader Found</h1><p>There is no leading scheduler, or it is not known. \
Reload this page in a moment.</p></body></html>";

/// Passes a request on, or answers with where the leader is.
pub(super) async fn to_leader(
    State(app): State<Shared>,
    OriginalUri(uri): OriginalUri,
    request: Request,
    next: Next,
) -> Response {
    let path = uri.path();
    let is_leaders = LEADERS.iter().any(|prefix| path.starts_with(prefix))
        && !NOT_LEADERS.iter().any(|prefix| path.starts_with(prefix));
    let bypass = request
        .headers()
        .contains_key(aurora_api::BYPASS_LEADER_REDIRECT_HEADER);
    if !is_leaders || bypass {
        return next.run(request).await;
    }
    let group = app.group.borrow().clone();
    match group.as_slice() {
        [leader] if *leader == app.endpoint => next.run(request).await,
        [leader] => {
            let place = uri.path_and_query().map_or(path, |place| place.as_str());
            match HeaderValue::from_str(&format!("http://{leader}{place}")) {
                Ok(location) => (
                    StatusCode::TEMPORARY_REDIRECT,
                    [(header::LOCATION, location)],
                )
                    .into_response(),
                Err(_) => no_leader(),
            }
        }
        _ => no_leader(),
    }
}

fn no_leader() -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, Html(NO_LEADER)).into_response()
}
