//! What Mesos' agent (1.11) answered when it was asked this, with one command task running: a table in
//! `tests/data/answers.jsonl`. `{sandbox}` and `{container}` are the task's.

use std::fs;

use crate::folder::folder;
use crate::support::{self, *};
use mesos_proto::mesos::TaskState;
use mesos_wire::pid::Upid;
use serde_json::Value;

/// Status, headers and body of the answer to a line of the table.
async fn ask(agent: &Upid, question: &Value) -> (u16, Vec<(String, String)>, String) {
    let request = match question["get"].as_str() {
        Some(path) => format!("GET {path} HTTP/1.0\r\nHost: a\r\n\r\n"),
        None => {
            let (path, body) = match question.get("executor") {
                Some(call) => ("api/v1/executor", call.to_string()),
                None => ("api/v1", question["call"].to_string()),
            };
            let content = question["content"].as_str().unwrap_or("application/json");
            let accept = question["accept"].as_str().unwrap_or("application/json");
            format!(
                "POST /slave(1)/{path} HTTP/1.0\r\nHost: a\r\nContent-Type: {content}\r\nAccept: {accept}\r\n\
                 Content-Length: {}\r\n\r\n{body}",
                body.len()
            )
        }
    };
    let answer = whole(agent, &request).await;
    let (head, body) = answer.split_once("\r\n\r\n").expect("a body");
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1));
    let status = status.expect("a status").parse().expect("a number");
    let headers = lines.filter_map(|line| line.split_once(": "));
    let headers = headers.map(|(name, value)| (name.to_lowercase(), value.to_string()));
    (status, headers.collect(), body.to_string())
}

#[tokio::test]
async fn questions_are_answered_as_mesos_answers_them() {
    let work = folder();
    let mut master = Master::start().await;
    let _program = support::agent(&master.address(), work.path());
    let agent = master.register("M-S0").await;
    let command = "mkdir d && echo js >a.json && echo '<b>' >p.html && touch made && sleep 300";
    master.send(&agent, &run(task("M-S0", "t1", command), false));
    let container = loop {
        let update = master.update(&agent).await;
        if update.status.state() == TaskState::TASK_RUNNING {
            let status = &update.status.container_status;
            break status.container_id.value().to_string();
        }
    };
    let runs = "slaves/M-S0/frameworks/M-0000/executors/t1/runs";
    let work = work.path().canonicalize().expect("there");
    let sandbox = work.join(runs).join(&container);
    eventually(|| sandbox.join("made").exists()).await;
    let path = format!("{}/tests/data/answers.jsonl", env!("CARGO_MANIFEST_DIR"));
    let table = fs::read_to_string(path).expect("the table");
    let table = table
        .replace("{sandbox}", &sandbox.display().to_string())
        .replace("{container}", &container);
    let mut wrong = Vec::new();
    for line in table.lines() {
        let want: Value = serde_json::from_str(line).expect("JSON");
        let (status, headers, body) = ask(&agent, &want).await;
        let header = |name: &str| {
            let found = headers.iter().find(|(known, _)| known == name);
            found.map(|(_, value)| value.as_str())
        };
        let is_right = want["status"] == status
            && want.get("body").is_none_or(|want| *want == body)
            && want
                .get("type")
                .is_none_or(|want| want.as_str() == header("content-type"))
            && want
                .get("length")
                .is_none_or(|want| want.as_str() == header("content-length"));
        if !is_right {
            wrong.push(format!("{line}\n    {status} {headers:?} {body:?}"));
        }
    }
    assert!(table.lines().count() > 30, "the table is there");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // The original counts processes and threads only where it is told to.
    let (_, body) = get(&agent, "/containers").await;
    let containers: Value = serde_json::from_str(&body).expect("JSON");
    let statistics = containers[0]["statistics"].as_object().expect("statistics");
    assert!(statistics.contains_key("mem_rss_bytes"));
    for name in ["processes", "threads"] {
        assert!(!statistics.contains_key(name), "{name} is there");
    }
}
