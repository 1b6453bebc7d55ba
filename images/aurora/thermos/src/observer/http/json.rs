//! JSON documents.

use axum::extract::{Path, Query, State};
use axum::response::Response;
use serde::Deserialize;
use serde_json::Value;

use crate::observer::documents;
use crate::observer::view::PAGE;

use super::answer::{Answer, Shared, blocking};
use super::tasks::part;

pub(super) async fn ids_all(site: Shared) -> Response {
    ids(site, "all", "0", &PAGE.to_string()).await
}

pub(super) async fn ids_which(site: Shared, Path(which): Path<String>) -> Response {
    ids(site, &which, "0", &PAGE.to_string()).await
}

pub(super) async fn ids_offset(
    site: Shared,
    Path((which, offset)): Path<(String, String)>,
) -> Response {
    ids(site, &which, &offset, &PAGE.to_string()).await
}

pub(super) async fn ids_num(
    site: Shared,
    Path((which, offset, num)): Path<(String, String, String)>,
) -> Response {
    ids(site, &which, &offset, &num).await
}

pub(super) async fn ids(State(site): Shared, which: &str, offset: &str, num: &str) -> Response {
    match part(which, offset, num) {
        Ok((which, offset, num)) => {
            blocking(site, move |site| {
                Answer::Json(documents::task_ids(&site.observer, which, offset, num))
            })
            .await
        }
        Err(answer) => site.answer(answer),
    }
}

pub(super) async fn id_count(State(site): Shared) -> Response {
    blocking(site, |site| {
        Answer::Json(documents::task_id_count(&site.observer))
    })
    .await
}

#[derive(Deserialize)]
pub(super) struct Ids {
    #[serde(default)]
    task_id: String,
}

impl Ids {
    pub(super) fn each(&self) -> impl Iterator<Item = &str> {
        self.task_id.split(',').filter(|id| !id.is_empty())
    }
}

pub(super) async fn tasks(State(site): Shared, Query(ids): Query<Ids>) -> Response {
    blocking(site, move |site| {
        match documents::tasks(&site.observer, ids.each()) {
            Some(value) => Answer::Json(value),
            None => Answer::Failed(format!("unknown task in `{}`", ids.task_id)),
        }
    })
    .await
}

pub(super) async fn task(State(site): Shared, Path(id): Path<String>) -> Response {
    tasks(State(site), Query(Ids { task_id: id })).await
}

pub(super) async fn process_none(State(site): Shared, Path(_): Path<String>) -> Response {
    // Without a process there is nothing to describe, and the original says so.
    site.answer(Answer::Json(Value::Object(serde_json::Map::new())))
}

pub(super) async fn process(
    State(site): Shared,
    Path((id, process)): Path<(String, String)>,
) -> Response {
    blocking(site, move |site| {
        Answer::Json(documents::process(&site.observer, &id, &process, None))
    })
    .await
}

pub(super) async fn process_run(
    State(site): Shared,
    Path((id, process, run)): Path<(String, String, usize)>,
) -> Response {
    blocking(site, move |site| {
        Answer::Json(documents::process(&site.observer, &id, &process, Some(run)))
    })
    .await
}

pub(super) async fn processes(State(site): Shared, Query(ids): Query<Ids>) -> Response {
    blocking(site, move |site| {
        Answer::Json(documents::processes(&site.observer, ids.each()))
    })
    .await
}
