//! The observer's URLs.

mod answer;
mod files;
mod json;
mod own;
mod tasks;

use std::io;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::get;
use tokio::net::TcpListener;

use super::pages::Pages;
use super::view::Observer;

use answer::{Answer, Shared, Site};

/// Serves until the listener fails.
pub(crate) async fn serve(listener: TcpListener, observer: Arc<Observer>) -> io::Result<()> {
    let pages = Pages::new().map_err(io::Error::other)?;
    let site = Arc::new(Site { observer, pages });
    axum::serve(listener, routes(site)).await
}

/// Has the agent asked for sizes before anything is answered that may show them.
async fn measured(State(site): Shared, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let shows = ["/main", "/task/", "/j/task"];
    if let Some(collector) = &site.observer.collector
        && shows.iter().any(|start| path.starts_with(start))
    {
        collector.refresh().await;
    }
    next.run(request).await
}

fn routes(site: Arc<Site>) -> Router {
    Router::new()
        .route("/", get(tasks::home))
        .route("/main", get(tasks::main_all))
        .route("/main/{which}", get(tasks::main_which))
        .route("/main/{which}/{offset}", get(tasks::main_offset))
        .route("/main/{which}/{offset}/{num}", get(tasks::main_num))
        .route("/task/{task}", get(tasks::task))
        .route("/rawtask/{task}", get(tasks::raw_task))
        .route("/process/{task}/{process}", get(tasks::process))
        .route("/logs/{task}/{process}/{run}/{output}", get(files::logs))
        .route(
            "/logdata/{task}/{process}/{run}/{output}",
            get(files::log_data),
        )
        .route("/file/{task}/{*path}", get(files::file))
        .route("/filedata/{task}/{*path}", get(files::file_data))
        .route("/browse/{task}", get(files::browse_root))
        .route("/browse/{task}/", get(files::browse_root))
        .route("/browse/{task}/{*path}", get(files::browse))
        .route("/download/{task}/{*path}", get(files::download))
        .route("/j/task_ids", get(json::ids_all))
        .route("/j/task_ids/{which}", get(json::ids_which))
        .route("/j/task_ids/{which}/{offset}", get(json::ids_offset))
        .route("/j/task_ids/{which}/{offset}/{num}", get(json::ids_num))
        .route("/j/task_id_count", get(json::id_count))
        .route("/j/task", get(json::tasks))
        .route("/j/task/{task}", get(json::task))
        .route("/j/process/{task}", get(json::process_none))
        .route("/j/process/{task}/{process}", get(json::process))
        .route("/j/process/{task}/{process}/{run}", get(json::process_run))
        .route("/j/processes", get(json::processes))
        .route("/health", get(async || answer::html("OK".to_string())))
        .route("/vars", get(own::vars))
        .route("/vars/{name}", get(own::var))
        .route("/vars.json", get(own::vars_json))
        .route("/threads", get(own::threads))
        .route("/profile", get(own::profile))
        .route("/favicon.ico", get(async || StatusCode::NO_CONTENT))
        .fallback(async |State(site): Shared, uri: axum::http::Uri| {
            site.answer(Answer::NotFound(format!("Not found: '{}'", uri.path())))
        })
        .layer(from_fn_with_state(Arc::clone(&site), measured))
        .with_state(site)
}
