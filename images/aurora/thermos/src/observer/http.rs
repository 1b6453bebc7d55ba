//! The observer's URLs.

use std::io::{self, Read};
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, Query, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Deserialize;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::catalog::{Task, Which};
use super::documents;
use super::files::{Sandbox, chunk, log_path};
use super::pages::Pages;
use super::text::link;
use super::view::{Observer, PAGE};

/// How much of a download is in memory at once, in bytes.
const DOWNLOAD_PIECE: usize = 64 * 1024;

struct Site {
    observer: Arc<Observer>,
    pages: Pages,
}

type Shared = State<Arc<Site>>;

/// What a request is answered with, before it is put into HTTP.
enum Answer {
    Html(String),
    Fragment(String),
    Json(Value),
    Text(String),
    NotFound(String),
    /// The original's own failure, with the status that its clients know.
    Failed(String),
}

/// Serves until the listener fails.
pub(crate) async fn serve(listener: TcpListener, observer: Arc<Observer>) -> io::Result<()> {
    let pages = Pages::new().map_err(io::Error::other)?;
    let site = Arc::new(Site { observer, pages });
    axum::serve(listener, routes(site)).await
}

fn routes(site: Arc<Site>) -> Router {
    Router::new()
        .route("/", get(home))
        .route("/main", get(main_all))
        .route("/main/{which}", get(main_which))
        .route("/main/{which}/{offset}", get(main_offset))
        .route("/main/{which}/{offset}/{num}", get(main_num))
        .route("/task/{task}", get(task))
        .route("/rawtask/{task}", get(raw_task))
        .route("/process/{task}/{process}", get(process))
        .route("/logs/{task}/{process}/{run}/{output}", get(logs))
        .route("/logdata/{task}/{process}/{run}/{output}", get(log_data))
        .route("/file/{task}/{*path}", get(file))
        .route("/filedata/{task}/{*path}", get(file_data))
        .route("/browse/{task}", get(browse_root))
        .route("/browse/{task}/", get(browse_root))
        .route("/browse/{task}/{*path}", get(browse))
        .route("/download/{task}/{*path}", get(download))
        .route("/j/task_ids", get(ids_all))
        .route("/j/task_ids/{which}", get(ids_which))
        .route("/j/task_ids/{which}/{offset}", get(ids_offset))
        .route("/j/task_ids/{which}/{offset}/{num}", get(ids_num))
        .route("/j/task_id_count", get(id_count))
        .route("/j/task", get(json_tasks))
        .route("/j/task/{task}", get(json_task))
        .route("/j/process/{task}", get(json_process_none))
        .route("/j/process/{task}/{process}", get(json_process))
        .route("/j/process/{task}/{process}/{run}", get(json_process_run))
        .route("/j/processes", get(json_processes))
        .route("/health", get(async || "OK".into_response().html()))
        .route("/vars", get(vars))
        .route("/vars/{name}", get(var))
        .route("/vars.json", get(vars_json))
        .route("/threads", get(threads))
        .route("/profile", get(profile))
        .route("/favicon.ico", get(async || StatusCode::NO_CONTENT))
        .fallback(async |State(site): Shared, uri: axum::http::Uri| {
            site.answer(Answer::NotFound(format!("Not found: '{}'", uri.path())))
        })
        .with_state(site)
}

trait AsHtml {
    fn html(self) -> Response;
}

impl AsHtml for Response {
    fn html(mut self) -> Response {
        let value = HeaderValue::from_static("text/html; charset=UTF-8");
        self.headers_mut().insert(CONTENT_TYPE, value);
        self
    }
}

impl Site {
    fn answer(&self, answer: Answer) -> Response {
        let error = |status: StatusCode, text: &str| {
            let page = self.pages.error(&status.to_string(), text).unwrap_or_else(|e| e.to_string());
            (status, page).into_response().html()
        };
        let mut response = match answer {
            Answer::Html(text) | Answer::Fragment(text) => text.into_response().html(),
            Answer::Json(value) => ([(CONTENT_TYPE, "application/json")], value.to_string()).into_response(),
            Answer::Text(text) => ([(CONTENT_TYPE, "text/plain; charset=iso-8859-1")], text).into_response(),
            Answer::NotFound(text) => error(StatusCode::NOT_FOUND, &text),
            Answer::Failed(text) => error(StatusCode::INTERNAL_SERVER_ERROR, &text),
        };
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        response
    }

    fn page(page: Result<String, minijinja::Error>) -> Answer {
        match page {
            Ok(text) => Answer::Html(text),
            Err(error) => Answer::Failed(error.to_string()),
        }
    }

    fn task(&self, task_id: &str) -> Result<Task, Answer> {
        self.observer
            .catalog
            .task(task_id)
            .ok_or_else(|| Answer::NotFound(format!("Failed to find task {task_id}.  Try again shortly.")))
    }
}

/// Answers in a thread that may wait for the disk.
async fn blocking(site: Arc<Site>, make: impl FnOnce(&Site) -> Answer + Send + 'static) -> Response {
    let inner = Arc::clone(&site);
    let answer = tokio::task::spawn_blocking(move || make(&inner)).await;
    site.answer(answer.unwrap_or_else(|error| Answer::Failed(error.to_string())))
}

async fn home(State(site): Shared) -> Response {
    blocking(site, |site| Site::page(site.pages.home(&site.observer))).await
}

async fn main_all(site: Shared) -> Response {
    main_part(site, "all", "0", &PAGE.to_string()).await
}

async fn main_which(site: Shared, Path(which): Path<String>) -> Response {
    main_part(site, &which, "0", &PAGE.to_string()).await
}

async fn main_offset(site: Shared, Path((which, offset)): Path<(String, String)>) -> Response {
    main_part(site, &which, &offset, &PAGE.to_string()).await
}

async fn main_num(site: Shared, Path((which, offset, num)): Path<(String, String, String)>) -> Response {
    main_part(site, &which, &offset, &num).await
}

async fn main_part(State(site): Shared, which: &str, offset: &str, num: &str) -> Response {
    match part(which, offset, num) {
        Ok((which, offset, num)) => {
            blocking(site, move |site| match site.pages.main(&site.observer, which, offset, num) {
                Ok(text) => Answer::Fragment(text),
                Err(error) => Answer::Failed(error.to_string()),
            })
            .await
        }
        Err(answer) => site.answer(answer),
    }
}

/// Which part of which list.
fn part(which: &str, offset: &str, num: &str) -> Result<(Which, usize, usize), Answer> {
    let kind = Which::from_name(which).ok_or_else(|| Answer::NotFound(format!("Invalid task type: {which}")))?;
    let offset = offset.parse().map_err(|_| Answer::NotFound(format!("Invalid offset: {offset}")))?;
    let num = num.parse().map_err(|_| Answer::NotFound(format!("Invalid number of tasks: {num}")))?;
    Ok((kind, offset, num))
}

async fn task(State(site): Shared, Path(id): Path<String>) -> Response {
    blocking(site, move |site| match site.task(&id) {
        Ok(task) if task.history.processes.is_empty() => Answer::NotFound(format!("Unknown task_id: {id}")),
        Ok(task) => Site::page(site.pages.task(&site.observer, &task)),
        Err(answer) => answer,
    })
    .await
}

async fn raw_task(State(site): Shared, Path(id): Path<String>) -> Response {
    blocking(site, move |site| match site.task(&id) {
        Ok(task) => Site::page(site.pages.raw_task(&task)),
        Err(answer) => answer,
    })
    .await
}

async fn process(State(site): Shared, Path((id, name)): Path<(String, String)>) -> Response {
    blocking(site, move |site| match site.task(&id) {
        Ok(task) => match site.pages.process(&site.observer, &task, &name) {
            Some(page) => Site::page(page),
            None => Answer::NotFound(format!("Unknown process: {name}")),
        },
        Err(answer) => answer,
    })
    .await
}

type LogPath = Path<(String, String, usize, String)>;

fn is_output(output: &str) -> bool {
    matches!(output, "stdout" | "stderr")
}

async fn logs(State(site): Shared, Path((id, process, run, output)): LogPath) -> Response {
    if !is_output(&output) {
        return site.answer(Answer::NotFound(format!("No such log type: {output}")));
    }
    let source = format!("/logdata/{}/{}/{run}/{output}", link(&id), link(&process));
    let page = site.pages.viewer(&id, &log_path(&process, run, &output), &source);
    site.answer(Site::page(page))
}

#[derive(Deserialize)]
struct Range {
    offset: Option<i64>,
    length: Option<i64>,
    bytes: Option<i64>,
}

impl Range {
    fn offset(&self) -> i64 {
        self.offset.unwrap_or(-1)
    }

    /// Asked for under either name.
    fn length(&self) -> i64 {
        self.length.or(self.bytes).unwrap_or(-1)
    }
}

async fn log_data(
    State(site): Shared,
    Path((id, process, run, output)): LogPath,
    Query(range): Query<Range>,
) -> Response {
    if !is_output(&output) {
        return site.answer(Answer::NotFound(format!("No such log type: {output}")));
    }
    data(site, id, log_path(&process, run, &output), range).await
}

async fn file(State(site): Shared, Path((id, path)): Path<(String, String)>) -> Response {
    let source = format!("/filedata/{}/{}", link(&id), link(&path));
    let page = site.pages.viewer(&id, &path, &source);
    site.answer(Site::page(page))
}

async fn file_data(
    State(site): Shared,
    Path((id, path)): Path<(String, String)>,
    Query(range): Query<Range>,
) -> Response {
    data(site, id, path, range).await
}

async fn data(site: Arc<Site>, id: String, path: String, range: Range) -> Response {
    blocking(site, move |site| {
        let task = site.observer.catalog.task(&id);
        let file = task.as_ref().and_then(Sandbox::of).and_then(|sandbox| sandbox.open(&path));
        Answer::Json(chunk(file, range.offset(), range.length()))
    })
    .await
}

async fn browse_root(State(site): Shared, Path(id): Path<String>) -> Response {
    folder(site, id, String::new()).await
}

async fn browse(State(site): Shared, Path((id, path)): Path<(String, String)>) -> Response {
    folder(site, id, path).await
}

async fn folder(site: Arc<Site>, id: String, path: String) -> Response {
    blocking(site, move |site| {
        let page = site.observer.catalog.task(&id).and_then(|task| site.pages.browse(&task, &path));
        page.map_or_else(|| Answer::NotFound("Sandbox does not exist.".to_string()), Site::page)
    })
    .await
}

async fn download(State(site): Shared, Path((id, path)): Path<(String, String)>) -> Response {
    let (pieces, received) = mpsc::channel::<io::Result<Bytes>>(2);
    let (size_known, size) = tokio::sync::oneshot::channel();
    let inner = Arc::clone(&site);
    let wanted = path.clone();
    tokio::task::spawn_blocking(move || {
        let task = inner.observer.catalog.task(&id);
        let file = task.as_ref().and_then(Sandbox::of).and_then(|sandbox| sandbox.open(&wanted));
        let size = file.as_ref().and_then(|file| file.metadata().ok()).map(|meta| meta.len());
        // Whoever asked is gone where nobody takes the answer.
        if size_known.send(size).is_err() {
            return;
        }
        let (Some(file), Some(size)) = (file, size) else { return };
        // No more than was promised: a log grows.
        let mut file = file.take(size);
        loop {
            let mut piece = Vec::with_capacity(DOWNLOAD_PIECE);
            let limit = u64::try_from(DOWNLOAD_PIECE).unwrap_or_default();
            let got = (&mut file).take(limit).read_to_end(&mut piece);
            let part = match got {
                Ok(0) => return,
                Ok(_) => Ok(Bytes::from(piece)),
                Err(error) => Err(error),
            };
            if pieces.blocking_send(part).is_err() {
                return;
            }
        }
    });
    let Ok(Some(size)) = size.await else {
        return site.answer(Answer::NotFound(format!("File does not exist: {path}")));
    };
    let name: String = path
        .rsplit('/')
        .next()
        .unwrap_or_default()
        .chars()
        .map(|c| if c.is_ascii_graphic() && !matches!(c, '"' | '\\') { c } else { '_' })
        .collect();
    let headers = [
        (CONTENT_TYPE, "application/octet-stream".to_string()),
        (CONTENT_LENGTH, size.to_string()),
        (CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
        (X_CONTENT_TYPE_OPTIONS, "nosniff".to_string()),
    ];
    let stream = futures_util::stream::unfold(received, async |mut received| Some((received.recv().await?, received)));
    (headers, Body::from_stream(stream)).into_response()
}

async fn ids_all(site: Shared) -> Response {
    ids(site, "all", "0", &PAGE.to_string()).await
}

async fn ids_which(site: Shared, Path(which): Path<String>) -> Response {
    ids(site, &which, "0", &PAGE.to_string()).await
}

async fn ids_offset(site: Shared, Path((which, offset)): Path<(String, String)>) -> Response {
    ids(site, &which, &offset, &PAGE.to_string()).await
}

async fn ids_num(site: Shared, Path((which, offset, num)): Path<(String, String, String)>) -> Response {
    ids(site, &which, &offset, &num).await
}

async fn ids(State(site): Shared, which: &str, offset: &str, num: &str) -> Response {
    match part(which, offset, num) {
        Ok((which, offset, num)) => {
            blocking(site, move |site| Answer::Json(documents::task_ids(&site.observer, which, offset, num))).await
        }
        Err(answer) => site.answer(answer),
    }
}

async fn id_count(State(site): Shared) -> Response {
    blocking(site, |site| Answer::Json(documents::task_id_count(&site.observer))).await
}

#[derive(Deserialize)]
struct Ids {
    #[serde(default)]
    task_id: String,
}

impl Ids {
    fn each(&self) -> impl Iterator<Item = &str> {
        self.task_id.split(',').filter(|id| !id.is_empty())
    }
}

async fn json_tasks(State(site): Shared, Query(ids): Query<Ids>) -> Response {
    blocking(site, move |site| match documents::tasks(&site.observer, ids.each()) {
        Some(value) => Answer::Json(value),
        None => Answer::Failed(format!("unknown task in `{}`", ids.task_id)),
    })
    .await
}

async fn json_task(State(site): Shared, Path(id): Path<String>) -> Response {
    json_tasks(State(site), Query(Ids { task_id: id })).await
}

async fn json_process_none(State(site): Shared, Path(_): Path<String>) -> Response {
    // Without a process there is nothing to describe, and the original says so.
    site.answer(Answer::Json(Value::Object(serde_json::Map::new())))
}

async fn json_process(State(site): Shared, Path((id, process)): Path<(String, String)>) -> Response {
    blocking(site, move |site| Answer::Json(documents::process(&site.observer, &id, &process, None))).await
}

async fn json_process_run(State(site): Shared, Path((id, process, run)): Path<(String, String, usize)>) -> Response {
    blocking(site, move |site| Answer::Json(documents::process(&site.observer, &id, &process, Some(run)))).await
}

async fn json_processes(State(site): Shared, Query(ids): Query<Ids>) -> Response {
    blocking(site, move |site| Answer::Json(documents::processes(&site.observer, ids.each()))).await
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_string)
}

async fn vars(State(site): Shared) -> Response {
    let vars = documents::vars(&site.observer);
    let lines: Vec<String> = vars.iter().map(|(name, value)| format!("{name} {}", plain(value))).collect();
    site.answer(Answer::Text(lines.join("\n")))
}

async fn var(State(site): Shared, Path(name): Path<String>) -> Response {
    match documents::vars(&site.observer).get(&name) {
        Some(value) => site.answer(Answer::Text(plain(value))),
        None => site.answer(Answer::NotFound(format!("Unknown variable: {name}"))),
    }
}

async fn vars_json(State(site): Shared) -> Response {
    let vars = documents::vars(&site.observer);
    site.answer(Answer::Json(Value::Object(vars)))
}

async fn threads(State(site): Shared) -> Response {
    blocking(site, |_| {
        let names = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten().filter_map(|entry| {
            let name = std::fs::read_to_string(entry.path().join("comm")).ok()?;
            Some(format!("{} {}", entry.file_name().to_string_lossy(), name.trim()))
        });
        Answer::Text(names.collect::<Vec<_>>().join("\n"))
    })
    .await
}

async fn profile(State(site): Shared) -> Response {
    site.answer(Answer::Text("Profiling is disabled".to_string()))
}
