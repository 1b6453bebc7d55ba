//! The page at `/`: the agent for a person's eyes.

use std::fmt::Write as _;

use hyper::StatusCode;
use mesos_proto::mesos::FrameworkInfo;
use mesos_wire::authorization::Rights;
use mesos_wire::http::Response;

use super::agent::Agent;
use super::sight;
use crate::model::{Executor, Model};

const STYLE: &str = "body{font:14px sans-serif;margin:2em;max-width:70em}table{border-collapse:collapse}\
td,th{text-align:left;padding:.2em 1em .2em 0;border-bottom:1px solid #ccc}code{font-size:90%}";

/// The page, with what may be seen.
pub(crate) fn answer(agent: &Agent, rights: &Rights) -> Response {
    let html = agent.look(|model| page(model, rights));
    Response::bytes(StatusCode::OK, "text/html; charset=utf-8", html)
}

fn page(model: &Model, rights: &Rights) -> String {
    let config = model.config();
    let mut html = format!(
        "<!DOCTYPE html><html><head><meta charset=\"utf-8\"><title>Mesos agent {host}</title>\
         <style>{STYLE}</style></head><body><h1>Mesos agent {host}</h1>\
         <p>{state:?} · id <code>{id}</code> · master <code>{master}</code></p>\
         <p><a href=\"/state\">state</a> · <a href=\"/metrics/snapshot\">metrics</a> · \
         <a href=\"/flags\">flags</a> · <a href=\"/containers\">containers</a> · \
         <a href=\"/files/debug\">files</a></p>",
        host = escape(config.info.hostname()),
        state = model.state(),
        id = escape(model.id().unwrap_or("none yet")),
        master = escape(
            &model
                .master()
                .map_or("none".to_string(), |m| m.pid.to_string())
        ),
    );
    html.push_str("<h2>Tasks</h2><table><tr><th>Task<th>Framework<th>State<th>Sandbox</tr>");
    for framework in sight::frameworks(model, rights) {
        for executor in framework.executors.values() {
            rows(&mut html, &framework.info, executor, rights);
        }
    }
    html.push_str(
        "</table><h2>Completed tasks</h2><table><tr><th>Task<th>Framework<th>State<th>Sandbox</tr>",
    );
    for framework in sight::frameworks(model, rights) {
        for executor in &framework.completed {
            rows(&mut html, &framework.info, executor, rights);
        }
    }
    html.push_str("</table></body></html>");
    html
}

fn rows(html: &mut String, framework: &FrameworkInfo, executor: &Executor, rights: &Rights) {
    let queued: Vec<_> = executor
        .queued_tasks()
        .filter(|info| sight::queued(rights, info, framework))
        .map(|info| executor.as_task(info))
        .collect();
    let known = executor.launched.values();
    let known = known
        .chain(executor.terminated.values())
        .chain(&executor.completed);
    let visible = known.filter(|task| sight::task(rights, task, framework));
    let directory = executor.directory.to_string_lossy();
    for task in queued.iter().chain(visible) {
        // Writing to a String cannot fail.
        let _ = write!(
            html,
            "<tr><td><code>{}</code><td>{}<td>{:?}<td><a href=\"/files/browse?path={}\">browse</a> \
             <a href=\"/files/download?path={}/stdout\">stdout</a> \
             <a href=\"/files/download?path={}/stderr\">stderr</a></tr>",
            escape(task.task_id.value()),
            escape(framework.name()),
            task.state(),
            encode(&directory),
            encode(&directory),
            encode(&directory),
        );
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// Encodes what has a meaning in queries.
fn encode(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' => {
                char::from(byte).to_string()
            }
            other => format!("%{other:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_cannot_break_out_of_the_page() {
        assert_eq!(escape("<a b=\"c&\">"), "&lt;a b=&quot;c&amp;&quot;&gt;");
        assert_eq!(encode("/w/a b&c=d%\"é"), "/w/a%20b%26c%3Dd%25%22%C3%A9");
    }
}
