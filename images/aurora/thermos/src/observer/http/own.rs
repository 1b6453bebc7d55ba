//! What the observer says of itself.

use axum::extract::{Path, State};
use axum::response::Response;
use serde_json::Value;

use crate::observer::documents;

use super::answer::{Answer, Shared, blocking};

pub(super) fn plain(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_string)
}

pub(super) async fn vars(State(site): Shared) -> Response {
    let vars = documents::vars(&site.observer);
    let lines: Vec<String> = vars
        .iter()
        .map(|(name, value)| format!("{name} {}", plain(value)))
        .collect();
    site.answer(Answer::Text(lines.join("\n")))
}

pub(super) async fn var(State(site): Shared, Path(name): Path<String>) -> Response {
    match documents::vars(&site.observer).get(&name) {
        Some(value) => site.answer(Answer::Text(plain(value))),
        None => site.answer(Answer::NotFound(format!("Unknown variable: {name}"))),
    }
}

pub(super) async fn vars_json(State(site): Shared) -> Response {
    let vars = documents::vars(&site.observer);
    site.answer(Answer::Json(Value::Object(vars)))
}

pub(super) async fn threads(State(site): Shared) -> Response {
    blocking(site, |_| {
        let names = std::fs::read_dir("/proc/self/task")
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| {
                let name = std::fs::read_to_string(entry.path().join("comm")).ok()?;
                Some(format!(
                    "{} {}",
                    entry.file_name().to_string_lossy(),
                    name.trim()
                ))
            });
        Answer::Text(names.collect::<Vec<_>>().join("\n"))
    })
    .await
}

pub(super) async fn profile(State(site): Shared) -> Response {
    site.answer(Answer::Text("Profiling is disabled".to_string()))
}
