//! `/help`: what is answered where (http-endpoints.md, section 5).

use hyper::StatusCode;
use mesos_wire::http::{Request, Response};
use serde_json::{Value, json};

use super::agent::PROCESS_ID;

/// Each process with its endpoints, and what each is for.
const PROCESSES: [(&str, &[(&str, &str)]); 7] = [
    (
        "files",
        &[
            ("/browse", "Lists what is in a folder of a sandbox."),
            (
                "/debug",
                "Shows which files can be seen, and under which names.",
            ),
            ("/download", "Sends a whole file of a sandbox."),
            ("/read", "Sends a part of a file of a sandbox."),
        ],
    ),
    (
        "logging",
        &[(
            "/toggle",
            "Shows how much is logged, or changes it for a time.",
        )],
    ),
    (
        "metrics",
        &[("/snapshot", "Shows all metrics as they are now.")],
    ),
    (
        "profiler",
        &[
            ("/start", "Starts profiling, where that is built in."),
            ("/stop", "Stops profiling."),
        ],
    ),
    (
        PROCESS_ID,
        &[
            ("/api/v1", "Takes the calls of operators."),
            ("/api/v1/executor", "Takes the calls of executors."),
            (
                "/containers",
                "Shows the containers that run, and what they use.",
            ),
            ("/flags", "Shows the agent's flags."),
            ("/health", "Answers 200 while the agent runs."),
            ("/monitor/statistics", "Shows what executors use."),
            (
                "/state",
                "Shows the agent with its frameworks, executors and tasks.",
            ),
            ("/stats.json", "Shows counters as older versions did."),
        ],
    ),
    (
        "system",
        &[("/stats.json", "Shows the machine's load and memory.")],
    ),
    ("version", &[("/", "Shows the agent's version.")]),
];

/// Answers for all processes, for one, or for one endpoint.
pub(super) fn answer(request: &Request) -> Response {
    let (id, endpoint) = match request.path.split_once('/') {
        Some((id, rest)) => (id, format!("/{rest}")),
        None => (request.path.as_str(), String::new()),
    };
    if id.is_empty() {
        return match request.query.get("format") {
            Some("json") => Response::json(&request.query, &document()),
            _ => page(&PROCESSES.map(|(id, _)| format!("/help/{id}")).join("\n")),
        };
    }
    let Some((_, endpoints)) = PROCESSES.iter().find(|(known, _)| *known == id) else {
        return Response::status(StatusCode::NOT_FOUND);
    };
    if endpoint.is_empty() {
        let names = endpoints
            .iter()
            .map(|(name, _)| format!("/help/{id}{name}"));
        return page(&names.collect::<Vec<_>>().join("\n"));
    }
    match endpoints.iter().find(|(name, _)| *name == endpoint) {
        Some((name, what)) => page(&text(id, name, what)),
        None => {
            let text = format!("No help available for '/{id}{endpoint}'.\n");
            Response::text(StatusCode::BAD_REQUEST, text)
        }
    }
}

fn document() -> Value {
    let processes = PROCESSES.iter().map(|(id, endpoints)| {
        let endpoints = endpoints
            .iter()
            .map(|(name, what)| json!({"name": name, "text": text(id, name, what)}));
        json!({"id": id, "endpoints": endpoints.collect::<Value>()})
    });
    json!({"processes": processes.collect::<Value>()})
}

/// Markdown, as the original's help is.
fn text(id: &str, name: &str, what: &str) -> String {
    let name = name.trim_end_matches('/');
    format!("### USAGE ###\n>        /{id}{name}\n\n### TL;DR; ###\n{what}\n")
}

/// None of the texts has a character that HTML takes for its own, but `>`, which it forgives.
fn page(text: &str) -> Response {
    let page =
        format!("<html><head><title>Help</title></head><body><pre>{text}</pre></body></html>");
    Response::bytes(StatusCode::OK, "text/html", page)
}
