//! `/help`: which processes there are, which endpoints each has, and what each of these is for
//! (http-endpoints §5). Programs get JSON or Markdown, browsers a page.

use hyper::StatusCode;
use mesos_wire::http::{Query, Request, Response};
use serde_json::{Value, json};

/// An endpoint's name, and what it is for.
type Endpoint = (&'static str, &'static str);

/// Every process with its endpoints, both in the order of their names.
const PROCESSES: &[(&str, &[Endpoint])] = &[
    (
        "allocator",
        &[(
            "/offer_constraints_debug",
            "The agents that each framework's offer constraints leave out.",
        )],
    ),
    (
        "files",
        &[
            ("/browse", "The files in a directory, given by `path`."),
            (
                "/debug",
                "Every path that is shown, and what it stands for.",
            ),
            ("/download", "A whole file, given by `path`."),
            ("/read", "A part of a file: `path`, `offset` and `length`."),
        ],
    ),
    (
        "logging",
        &[(
            "/toggle",
            "The verbosity of the log; with `level` and `duration`, another one for a time.",
        )],
    ),
    (
        "master",
        &[
            ("/api/v1", "The calls of operators, in JSON or protobuf."),
            (
                "/api/v1/scheduler",
                "The calls of frameworks, in JSON or protobuf.",
            ),
            (
                "/create-volumes",
                "Makes persistent volumes: `slaveId` and `volumes` in a form.",
            ),
            (
                "/destroy-volumes",
                "Unmakes persistent volumes: `slaveId` and `volumes` in a form.",
            ),
            ("/flags", "All flags with their values."),
            (
                "/frameworks",
                "The frameworks, or the one of `framework_id`.",
            ),
            ("/health", "200 while this master serves."),
            (
                "/machine/down",
                "Maintenance of machines begins: a JSON list of them.",
            ),
            (
                "/machine/up",
                "Maintenance of machines is over: a JSON list of them.",
            ),
            (
                "/maintenance/schedule",
                "When machines are to be worked on; POST replaces it.",
            ),
            (
                "/maintenance/status",
                "Which machines drain, and which are down.",
            ),
            (
                "/quota",
                "The quotas of roles; POST sets one, DELETE of a role's path removes it.",
            ),
            ("/redirect", "The place of the master that leads."),
            (
                "/reserve",
                "Reserves resources: `slaveId` and `resources` in a form.",
            ),
            (
                "/roles",
                "The roles with their weights, quotas and resources.",
            ),
            ("/slaves", "The agents, or the one of `slave_id`."),
            (
                "/state",
                "All that this master knows of agents, frameworks and tasks.",
            ),
            (
                "/state-summary",
                "Agents and frameworks with their tasks counted.",
            ),
            (
                "/tasks",
                "The tasks: `limit`, `offset`, `order`, `framework_id` and `task_id`.",
            ),
            (
                "/teardown",
                "Ends a framework and its tasks: `frameworkId` in a form.",
            ),
            (
                "/unreserve",
                "Gives reserved resources back: `slaveId` and `resources` in a form.",
            ),
            ("/weights", "The weights of roles; PUT changes them."),
        ],
    ),
    (
        "metrics",
        &[(
            "/snapshot",
            "All metrics now; `timeout` bounds how long that may take.",
        )],
    ),
    (
        "profiler",
        &[
            (
                "/start",
                "Begins a profile, in programs that are built with a profiler.",
            ),
            (
                "/stop",
                "Ends a profile, in programs that are built with a profiler.",
            ),
        ],
    ),
    (
        "registrar(1)",
        &[("/registry", "What outlives this master.")],
    ),
    (
        "system",
        &[("/stats.json", "The host's load, processors and memory.")],
    ),
    ("version", &[("/", "The version, and when it was built.")]),
];

/// Answers `/help`, `/help/PROCESS` and `/help/PROCESS/ENDPOINT`.
pub(super) fn answer(request: &Request) -> Response {
    let path = request.target.split('?').next().unwrap_or_default();
    let rest = path.trim_start_matches('/').strip_prefix("help");
    let rest = rest.unwrap_or_default().trim_start_matches('/');
    let (id, name) = rest.split_once('/').unwrap_or((rest, ""));
    if id.is_empty() {
        return match request.query.get("format") {
            Some("json") => Response::json(&Query::default(), &document()),
            _ => page(request, &index()),
        };
    }
    let Some((_, endpoints)) = PROCESSES.iter().find(|(known, _)| *known == id) else {
        return Response::status(StatusCode::NOT_FOUND);
    };
    if name.is_empty() {
        return page(request, &listing(id, endpoints));
    }
    let known = endpoints.iter();
    match known.into_iter().find(|(known, _)| known[1..] == *name) {
        Some(endpoint) => page(request, &usage(id, endpoint)),
        None => Response::text(
            StatusCode::BAD_REQUEST,
            format!("No help available for '/{id}/{name}'.\n"),
        ),
    }
}

fn document() -> Value {
    let processes = PROCESSES.iter().map(|(id, endpoints)| {
        let endpoints = endpoints
            .iter()
            .map(|endpoint| json!({"name": endpoint.0, "text": usage(id, endpoint)}));
        json!({"id": id, "endpoints": endpoints.collect::<Value>()})
    });
    json!({"processes": processes.collect::<Value>()})
}

fn index() -> String {
    let ids = || PROCESSES.iter().map(|(id, _)| id);
    let shown: String = ids().map(|id| format!("> [/{id}][{id}]\n")).collect();
    let links: String = ids().map(|id| format!("[{id}]: help/{id}\n")).collect();
    format!("## HELP\n{shown}\n{links}")
}

fn listing(id: &str, endpoints: &[Endpoint]) -> String {
    let names = || endpoints.iter().map(|(name, _)| place(id, name));
    let shown: String = names()
        .map(|name| format!("> [/{name}][{name}]\n"))
        .collect();
    let links: String = names().map(|name| format!("[{name}]: {name}\n")).collect();
    format!("## `/{id}` ##\n{shown}\n{links}")
}

/// Where an endpoint is, without the first slash.
fn place(id: &str, name: &str) -> String {
    format!("{id}{name}").trim_end_matches('/').to_string()
}

fn usage(id: &str, (name, summary): &Endpoint) -> String {
    // The master's endpoints are also there without its name.
    let short = match id {
        "master" => format!(">        {name}\n"),
        _ => String::new(),
    };
    let place = place(id, name);
    format!("### USAGE ###\n{short}>        /{place}\n\n### TL;DR; ###\n{summary}\n")
}

/// Markdown for the terminal, and the same on a page for browsers.
fn page(request: &Request, text: &str) -> Response {
    let agent = request.header("user-agent").unwrap_or_default();
    if ["curl", "HTTPie"]
        .iter()
        .any(|name| agent.starts_with(name))
    {
        return Response::bytes(StatusCode::OK, "text/x-markdown", text.to_string());
    }
    let escaped = text
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    let page = format!(
        "<!doctype html><html lang=\"en\"><head><title>Help</title></head><body><pre>{escaped}</pre></body></html>\n"
    );
    Response::bytes(StatusCode::OK, "text/html", page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_there_is_has_a_name_and_a_use() {
        let mut last = "";
        for (id, endpoints) in PROCESSES {
            assert!(last < *id && !endpoints.is_empty(), "case `{id}`");
            assert!(endpoints.is_sorted_by(|a, b| a.0 < b.0), "case `{id}`");
            for (name, summary) in *endpoints {
                assert!(
                    name.starts_with('/') && summary.ends_with('.'),
                    "case `{name}`"
                );
            }
            last = id;
        }
        assert_eq!(
            listing("version", &[("/", "The version.")]),
            "## `/version` ##\n> [/version][version]\n\n[version]: version\n"
        );
    }
}
