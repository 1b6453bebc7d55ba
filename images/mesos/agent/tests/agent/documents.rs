//! What the agent answers has every key that the original's recorded answers have, with the same JSON
//! types; one test for an idle agent, one with a task.

use std::fs;
use std::path::Path;

use crate::folder::folder;
use crate::support::{self, *};
use mesos_proto::mesos::TaskState;
use serde_json::Value;

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(n) if n.is_f64() => "double",
        Value::Number(_) => "integer",
        Value::String(_) => "text",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// Every key of `recorded` that `ours` lacks, or has with another type.
fn compare(path: &str, recorded: &Value, ours: &Value, wrong: &mut Vec<String>) {
    if kind(recorded) != kind(ours) {
        wrong.push(format!("{path}: {} became {}", kind(recorded), kind(ours)));
        return;
    }
    match (recorded, ours) {
        (Value::Object(recorded), Value::Object(ours)) => {
            for (key, value) in recorded {
                let path = format!("{path}.{key}");
                match ours.get(key) {
                    Some(ours) => compare(&path, value, ours, wrong),
                    None => wrong.push(format!("{path} is missing")),
                }
            }
        }
        // Lists of named values are compared by their names.
        (Value::Array(recorded), Value::Array(ours)) if named(recorded).is_some() => {
            let (recorded, ours) = (
                named(recorded).expect("named"),
                named(ours).unwrap_or_default(),
            );
            for name in recorded {
                if !ours.contains(&name) {
                    wrong.push(format!("{path}[{name}] is missing"));
                }
            }
        }
        (Value::Array(recorded), Value::Array(ours)) => {
            for (index, value) in recorded.iter().enumerate() {
                // An element stands for all of its kind.
                match ours.get(index).or(ours.first()) {
                    Some(ours) => compare(&format!("{path}[]"), value, ours, wrong),
                    None => wrong.push(format!("{path} is empty")),
                }
            }
        }
        _ => {}
    }
}

fn named(list: &[Value]) -> Option<Vec<String>> {
    let is_metric = |v: &Value| v.get("name").is_some() && v.get("value").is_some();
    (!list.is_empty() && list.iter().all(is_metric))
        .then(|| list.iter().map(|v| v["name"].to_string()).collect())
}

async fn check(agent: &mesos_wire::pid::Upid, situation: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(situation);
    let mut wrong = Vec::new();
    let mut count = 0;
    for entry in fs::read_dir(folder).expect("recordings") {
        let path = entry.expect("a file").path();
        let name = path
            .file_stem()
            .expect("a name")
            .to_str()
            .expect("UTF-8")
            .to_string();
        let text = fs::read_to_string(&path).expect("readable");
        let recorded: Value = serde_json::from_str(&text).expect("JSON");
        let (status, body) = match name.split_once('_').expect("who and what") {
            ("v1agent", call) => {
                let body = format!(r#"{{"type":"{call}","get_metrics":{{}}}}"#);
                post(agent, "/api/v1", &body).await
            }
            (_, "slave1_state") => get(agent, "/slave(1)/state").await,
            (_, "slave1_health") => get(agent, "/slave(1)/health").await,
            (_, "system_stats.json") => get(agent, "/system/stats.json").await,
            (_, what) => get(agent, &format!("/{}", what.replace('_', "/"))).await,
        };
        assert_eq!(
            u64::from(status),
            recorded["status"].as_u64().expect("a status"),
            "{name}"
        );
        match recorded.get("json") {
            Some(json) => {
                let ours =
                    serde_json::from_str(&body).unwrap_or_else(|e| panic!("{name}: {e}: {body}"));
                compare(&name, json, &ours, &mut wrong);
            }
            None => assert_eq!(Value::from(body), recorded["text"], "{name}"),
        }
        count += 1;
    }
    assert!(count > 15, "the recordings of `{situation}` are there");
    // The virtual paths of sandboxes have other ids, and are other keys therefore.
    wrong.retain(|text| !text.starts_with("agent_files_debug."));
    assert_eq!(wrong, Vec::<String>::new());
}

#[tokio::test]
async fn an_idle_agent_shows_every_recorded_key() {
    let work = folder();
    let mut master = Master::start().await;
    let _agent = support::agent(&master.address(), work.path());
    let agent = master.register("M-S0").await;
    master
        .hear::<mesos_proto::messages::PongSlaveMessage>()
        .await;
    check(&agent, "idle").await;
}

#[tokio::test]
async fn an_agent_with_a_task_shows_every_recorded_key() {
    let work = folder();
    let mut master = Master::start().await;
    let _agent = support::agent(&master.address(), work.path());
    let agent = master.register("M-S0").await;
    master.send(
        &agent,
        &run(task("M-S0", "longtask", "echo started; sleep 250"), false),
    );
    assert_eq!(master.state(&agent).await.0, TaskState::TASK_STARTING);
    assert_eq!(master.state(&agent).await.0, TaskState::TASK_RUNNING);
    check(&agent, "running").await;
    let (_, body) = get(&agent, "/files/debug").await;
    let paths: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(paths.as_object().expect("an object").len(), 3);
    master.kill(&agent, "longtask");
    while master.state(&agent).await.0 != TaskState::TASK_KILLED {}
}
