//! Logs and sandboxes: viewers, data, lists, downloads.

use std::io::{self, Read};
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Path, Query, State};
use axum::http::header::{
    CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS,
};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use tokio::sync::mpsc;

use crate::observer::files::{Sandbox, chunk, log_path};
use crate::observer::text::link;

use super::answer::{Answer, Shared, Site, blocking};

/// How much of a download is in memory at once, in bytes.
const DOWNLOAD_PIECE: usize = 64 * 1024;

pub(super) type LogPath = Path<(String, String, usize, String)>;

pub(super) fn is_output(output: &str) -> bool {
    matches!(output, "stdout" | "stderr")
}

pub(super) async fn logs(
    State(site): Shared,
    Path((id, process, run, output)): LogPath,
) -> Response {
    if !is_output(&output) {
        return site.answer(Answer::NotFound(format!("No such log type: {output}")));
    }
    let source = format!("/logdata/{}/{}/{run}/{output}", link(&id), link(&process));
    let page = site
        .pages
        .viewer(&id, &log_path(&process, run, &output), &source);
    site.answer(Site::page(page))
}

#[derive(Deserialize)]
pub(super) struct Range {
    offset: Option<i64>,
    length: Option<i64>,
    bytes: Option<i64>,
}

impl Range {
    pub(super) fn offset(&self) -> i64 {
        self.offset.unwrap_or(-1)
    }

    /// Asked for under either name.
    pub(super) fn length(&self) -> i64 {
        self.length.or(self.bytes).unwrap_or(-1)
    }
}

pub(super) async fn log_data(
    State(site): Shared,
    Path((id, process, run, output)): LogPath,
    Query(range): Query<Range>,
) -> Response {
    if !is_output(&output) {
        return site.answer(Answer::NotFound(format!("No such log type: {output}")));
    }
    data(site, id, log_path(&process, run, &output), range).await
}

pub(super) async fn file(
    State(site): Shared,
    Path((id, path)): Path<(String, String)>,
) -> Response {
    let source = format!("/filedata/{}/{}", link(&id), link(&path));
    let page = site.pages.viewer(&id, &path, &source);
    site.answer(Site::page(page))
}

pub(super) async fn file_data(
    State(site): Shared,
    Path((id, path)): Path<(String, String)>,
    Query(range): Query<Range>,
) -> Response {
    data(site, id, path, range).await
}

pub(super) async fn data(site: Arc<Site>, id: String, path: String, range: Range) -> Response {
    blocking(site, move |site| {
        let task = site.observer.catalog.task(&id);
        let file = task
            .as_ref()
            .and_then(Sandbox::of)
            .and_then(|sandbox| sandbox.open(&path));
        Answer::Json(chunk(file, range.offset(), range.length()))
    })
    .await
}

pub(super) async fn browse_root(State(site): Shared, Path(id): Path<String>) -> Response {
    folder(site, id, String::new()).await
}

pub(super) async fn browse(
    State(site): Shared,
    Path((id, path)): Path<(String, String)>,
) -> Response {
    folder(site, id, path).await
}

pub(super) async fn folder(site: Arc<Site>, id: String, path: String) -> Response {
    blocking(site, move |site| {
        let page = site
            .observer
            .catalog
            .task(&id)
            .and_then(|task| site.pages.browse(&task, &path));
        page.map_or_else(
            || Answer::NotFound("Sandbox does not exist.".to_string()),
            Site::page,
        )
    })
    .await
}

pub(super) async fn download(
    State(site): Shared,
    Path((id, path)): Path<(String, String)>,
) -> Response {
    let (pieces, received) = mpsc::channel::<io::Result<Bytes>>(2);
    let (size_known, size) = tokio::sync::oneshot::channel();
    let inner = Arc::clone(&site);
    let wanted = path.clone();
    tokio::task::spawn_blocking(move || {
        let task = inner.observer.catalog.task(&id);
        let file = task
            .as_ref()
            .and_then(Sandbox::of)
            .and_then(|sandbox| sandbox.open(&wanted));
        let size = file
            .as_ref()
            .and_then(|file| file.metadata().ok())
            .map(|meta| meta.len());
        // Whoever asked is gone where nobody takes the answer.
        if size_known.send(size).is_err() {
            return;
        }
        let (Some(file), Some(size)) = (file, size) else {
            return;
        };
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
        .map(|c| {
            if c.is_ascii_graphic() && !matches!(c, '"' | '\\') {
                c
            } else {
                '_'
            }
        })
        .collect();
    let headers = [
        (CONTENT_TYPE, "application/octet-stream".to_string()),
        (CONTENT_LENGTH, size.to_string()),
        (
            CONTENT_DISPOSITION,
            format!("attachment; filename=\"{name}\""),
        ),
        (X_CONTENT_TYPE_OPTIONS, "nosniff".to_string()),
    ];
    let stream = futures_util::stream::unfold(received, async |mut received| {
        Some((received.recv().await?, received))
    });
    (headers, Body::from_stream(stream)).into_response()
}
