//! Pages of tasks and processes.

use axum::extract::{Path, State};
use axum::response::Response;

use crate::observer::catalog::Which;
use crate::observer::view::PAGE;

use super::answer::{Answer, Shared, Site, blocking};

pub(super) async fn home(State(site): Shared) -> Response {
    blocking(site, |site| Site::page(site.pages.home(&site.observer))).await
}

pub(super) async fn main_all(site: Shared) -> Response {
    main_part(site, "all", "0", &PAGE.to_string()).await
}

pub(super) async fn main_which(site: Shared, Path(which): Path<String>) -> Response {
    main_part(site, &which, "0", &PAGE.to_string()).await
}

pub(super) async fn main_offset(
    site: Shared,
    Path((which, offset)): Path<(String, String)>,
) -> Response {
    main_part(site, &which, &offset, &PAGE.to_string()).await
}

pub(super) async fn main_num(
    site: Shared,
    Path((which, offset, num)): Path<(String, String, String)>,
) -> Response {
    main_part(site, &which, &offset, &num).await
}

pub(super) async fn main_part(
    State(site): Shared,
    which: &str,
    offset: &str,
    num: &str,
) -> Response {
    match part(which, offset, num) {
        Ok((which, offset, num)) => {
            blocking(site, move |site| {
                match site.pages.main(&site.observer, which, offset, num) {
                    Ok(text) => Answer::Html(text),
                    Err(error) => Answer::Failed(error.to_string()),
                }
            })
            .await
        }
        Err(answer) => site.answer(answer),
    }
}

/// Which part of which list.
pub(super) fn part(which: &str, offset: &str, num: &str) -> Result<(Which, usize, usize), Answer> {
    let kind = Which::from_name(which)
        .ok_or_else(|| Answer::NotFound(format!("Invalid task type: {which}")))?;
    let offset = offset
        .parse()
        .map_err(|_| Answer::NotFound(format!("Invalid offset: {offset}")))?;
    let num = num
        .parse()
        .map_err(|_| Answer::NotFound(format!("Invalid number of tasks: {num}")))?;
    Ok((kind, offset, num))
}

pub(super) async fn task(State(site): Shared, Path(id): Path<String>) -> Response {
    blocking(site, move |site| match site.task(&id) {
        Ok(task) if task.history.processes.is_empty() => {
            Answer::NotFound(format!("Unknown task_id: {id}"))
        }
        Ok(task) => Site::page(site.pages.task(&site.observer, &task)),
        Err(answer) => answer,
    })
    .await
}

pub(super) async fn raw_task(State(site): Shared, Path(id): Path<String>) -> Response {
    blocking(site, move |site| match site.task(&id) {
        Ok(task) => Site::page(site.pages.raw_task(&task)),
        Err(answer) => answer,
    })
    .await
}

pub(super) async fn process(
    State(site): Shared,
    Path((id, name)): Path<(String, String)>,
) -> Response {
    blocking(site, move |site| match site.task(&id) {
        Ok(task) => match site.pages.process(&site.observer, &task, &name) {
            Some(page) => Site::page(page),
            None => Answer::NotFound(format!("Unknown process: {name}")),
        },
        Err(answer) => answer,
    })
    .await
}
