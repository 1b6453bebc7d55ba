//! From what a request is answered with to HTTP.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use crate::observer::catalog::Task;
use crate::observer::pages::Pages;
use crate::observer::view::Observer;

pub(super) struct Site {
    pub(super) observer: Arc<Observer>,
    pub(super) pages: Pages,
}

pub(super) type Shared = State<Arc<Site>>;

/// What a request is answered with, before it is put into HTTP.
pub(super) enum Answer {
    Html(String),
    Json(Value),
    Text(String),
    NotFound(String),
    /// The original's own failure, with the status that its clients know.
    Failed(String),
}

/// Text as a page or a part of one.
pub(super) fn html(text: String) -> Response {
    let value = HeaderValue::from_static("text/html; charset=UTF-8");
    let mut response = text.into_response();
    response.headers_mut().insert(CONTENT_TYPE, value);
    response
}

impl Site {
    pub(super) fn answer(&self, answer: Answer) -> Response {
        let error = |status: StatusCode, text: &str| {
            let page = self
                .pages
                .error(&status.to_string(), text)
                .unwrap_or_else(|e| e.to_string());
            {
                let mut response = html(page);
                *response.status_mut() = status;
                response
            }
        };
        let mut response = match answer {
            Answer::Html(text) => html(text),
            Answer::Json(value) => {
                ([(CONTENT_TYPE, "application/json")], value.to_string()).into_response()
            }
            Answer::Text(text) => {
                ([(CONTENT_TYPE, "text/plain; charset=iso-8859-1")], text).into_response()
            }
            Answer::NotFound(text) => error(StatusCode::NOT_FOUND, &text),
            Answer::Failed(text) => error(StatusCode::INTERNAL_SERVER_ERROR, &text),
        };
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        response
    }

    pub(super) fn page(page: Result<String, minijinja::Error>) -> Answer {
        match page {
            Ok(text) => Answer::Html(text),
            Err(error) => Answer::Failed(error.to_string()),
        }
    }

    pub(super) fn task(&self, task_id: &str) -> Result<Task, Answer> {
        self.observer.catalog.task(task_id).ok_or_else(|| {
            Answer::NotFound(format!(
                "Failed to find task {task_id}.  Try again shortly."
            ))
        })
    }
}

/// Answers in a thread that may wait for the disk.
pub(super) async fn blocking(
    site: Arc<Site>,
    make: impl FnOnce(&Site) -> Answer + Send + 'static,
) -> Response {
    let inner = Arc::clone(&site);
    let answer = tokio::task::spawn_blocking(move || make(&inner)).await;
    site.answer(answer.unwrap_or_else(|error| Answer::Failed(error.to_string())))
}
