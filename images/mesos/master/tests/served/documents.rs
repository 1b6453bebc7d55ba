//! Every recorded document: ours for the same situation has its keys, types, status and headers.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use mesos_proto::mesos::TaskState;
use mesos_proto::messages::{RunTaskMessage, StatusUpdateAcknowledgementMessage};
use serde_json::{Value, json};

use crate::agent::Agent;
use crate::client::{Answer, Events};
use crate::differences::{self, Place, surplus};
use crate::shape::lacks;
use crate::site::Site;

/// The id of the master in the recordings of each situation.
const RECORDED_IDS: [&str; 2] = [
    "17e7496f-7160-4843-b6f7-094801e7ae13",
    "17c7b5e1-d141-4f07-a2a5-905b89276f4e",
];

fn folder(situation: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data")
        .join(situation)
}

/// Asks for what a recording's name says: `master_state-summary`, `v1master_GET_STATE`.
async fn ask(site: &Site, name: &str) -> Answer {
    if let Some(kind) = name.strip_prefix("v1master_") {
        let mut call = json!({ "type": kind });
        if kind == "GET_METRICS" {
            call["get_metrics"] = json!({});
        }
        return site.client().call("/api/v1", None, &call).await;
    }
    let path = match name.strip_prefix("master_").unwrap_or(name) {
        "metrics_snapshot" => "/metrics/snapshot".to_string(),
        "system_stats.json" => "/system/stats.json".to_string(),
        "files_debug" => "/files/debug".to_string(),
        "maintenance_schedule" => "/maintenance/schedule".to_string(),
        "maintenance_status" => "/maintenance/status".to_string(),
        other => format!("/master/{other}"),
    };
    let path = match path.as_str() {
        "/master/version" => "/version",
        path => path,
    };
    site.client().get(path).await
}

/// The recordings of a situation by their names, as if this master had been recorded.
fn recordings(site: &Site, situation: &str) -> Vec<(String, Value)> {
    let entries = std::fs::read_dir(folder(situation)).expect("recordings");
    let recordings: Vec<(String, Value)> = entries
        .map(|entry| {
            let path = entry.expect("a recording").path();
            let name = path.file_stem().and_then(|n| n.to_str());
            let mut text = std::fs::read_to_string(&path).expect("a recording");
            for id in RECORDED_IDS {
                text = text.replace(id, &site.master_id);
            }
            let recorded = serde_json::from_str(&text).expect("JSON");
            (name.expect("a name").to_string(), recorded)
        })
        .collect();
    assert!(recordings.len() > 20, "recordings of {situation}");
    recordings
}

/// Waits until allocations have run twice, as they had at all times of the recordings: the spread of what one takes
/// is shown from then on.
async fn until_allocated(site: &Site) {
    let runs = "allocator/mesos/allocation_runs";
    while site.client().get("/metrics/snapshot").await.json()[runs].as_f64() < Some(2.0) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn check(site: &Site, situation: &str) {
    until_allocated(site).await;
    let mut flaws = Vec::new();
    for (name, recorded) in recordings(site, situation) {
        let answer = ask(site, &name).await;
        let mut flaw = |text: String| flaws.push(format!("{situation}/{name}: {text}"));
        if recorded["status"] != answer.status {
            flaw(format!("status {}: {}", answer.status, answer.text()));
            continue;
        }
        for (header, value) in recorded["headers"].as_object().into_iter().flatten() {
            match answer.header(header) {
                None => flaw(format!("no header {header}")),
                Some(own) if header == "Content-Type" && *value != own => {
                    flaw(format!("{header} is {own}"));
                }
                Some(_) => {}
            }
        }
        if let Some(document) = recorded.get("json") {
            for lack in lacks(document, &answer.json()) {
                flaw(lack);
            }
        } else if recorded["text"] != answer.text() {
            flaw(format!("text {}", answer.text()));
        }
    }
    assert!(flaws.is_empty(), "{}", flaws.join("\n"));
}

async fn subscribed(site: &Site) -> (Events, String) {
    let info = json!({
        "user": "root",
        "name": "mesos-execute instance",
        "role": "*",
        "capabilities": [
            {"type": "RESERVATION_REFINEMENT"},
            {"type": "TASK_KILLING_STATE"},
            {"type": "REVOCABLE_RESOURCES"},
            {"type": "PARTITION_AWARE"},
        ],
    });
    let call = json!({"type": "SUBSCRIBE", "subscribe": {"framework_info": info}});
    let mut events = site.client().subscribe(&call).await;
    let first = events.next().await.expect("the first event");
    let id = first["subscribed"]["framework_id"]["value"]
        .as_str()
        .expect("an id")
        .to_string();
    (events, id)
}

#[tokio::test]
async fn a_master_alone_shows_what_the_original_shows() {
    let site = Site::start(&[]).await;
    check(&site, "master-alone").await;
}

#[tokio::test]
async fn a_master_with_an_idle_agent_shows_what_the_original_shows() {
    let site = Site::start(&[]).await;
    let _agent = Agent::register(&site.pid).await;
    check(&site, "one-agent-idle").await;
}

/// An agent with a running task, and its framework.
async fn running(site: &Site) -> (Agent, Events) {
    let mut agent = Agent::register(&site.pid).await;
    let (mut events, id) = subscribed(site).await;
    let offer = events.next_of("OFFERS").await["offers"]["offers"][0].clone();
    let resources = json!([
        {"name": "cpus", "type": "SCALAR", "scalar": {"value": 0.5}},
        {"name": "mem", "type": "SCALAR", "scalar": {"value": 64}},
    ]);
    let task = json!({
        "name": "longtask",
        "task_id": {"value": "longtask"},
        "agent_id": offer["agent_id"],
        "resources": resources,
        "command": {"value": "sleep 1000"},
    });
    let stream = events.id.clone();
    let call = async |mut call: Value| {
        call["framework_id"] = json!({ "value": id });
        let answer = site
            .client()
            .call("/api/v1/scheduler", Some(&stream), &call)
            .await;
        assert_eq!(answer.status, 202, "{}", answer.text());
    };
    call(json!({"type": "ACCEPT", "accept": {
        "offer_ids": [offer["id"]],
        "operations": [{"type": "LAUNCH", "launch": {"task_infos": [task]}}],
    }}))
    .await;
    call(json!({"type": "SUPPRESS"})).await;
    let run: RunTaskMessage = agent.next().await;
    assert_eq!(run.task.task_id.value(), "longtask");
    for state in [TaskState::TASK_STARTING, TaskState::TASK_RUNNING] {
        agent.update(&id, "longtask", state);
        let update = events.next_of("UPDATE").await["update"]["status"].clone();
        call(json!({"type": "ACKNOWLEDGE", "acknowledge": {
            "agent_id": update["agent_id"],
            "task_id": update["task_id"],
            "uuid": update["uuid"],
        }}))
        .await;
        let _: StatusUpdateAcknowledgementMessage = agent.next().await;
    }
    (agent, events)
}

#[tokio::test]
async fn a_master_with_a_running_task_shows_what_the_original_shows() {
    let site = Site::start(&[]).await;
    let (agent, _events) = running(&site).await;
    check(&site, "one-task-running").await;
    let page = site.client().get("/").await;
    assert_eq!(
        page.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    for word in [
        "devcluster",
        "mesos-execute instance",
        "longtask",
        &agent.id,
    ] {
        assert!(page.text().contains(word), "no `{word}` on the page");
    }
    let stats = site.client().get("/master/stats.json").await.text();
    assert!(stats.contains(r#""activated_slaves": 1,"#), "{stats}");
    let tasks = site.client().get("/tasks?limit=-1&order=asc").await.json();
    assert_eq!(tasks["tasks"][0]["id"], "longtask");
}

/// Adds what our documents have and those of a situation lack.
async fn look(site: &Site, situation: &str, found: &mut BTreeSet<Place>) {
    until_allocated(site).await;
    for (name, recorded) in recordings(site, situation) {
        if let Some(document) = recorded.get("json") {
            let places = surplus(document, &ask(site, &name).await.json());
            found.extend(places.into_iter().map(|place| (name.clone(), place)));
        }
    }
}

#[tokio::test]
async fn what_the_original_does_not_show_is_listed_with_a_reason() {
    let mut found = BTreeSet::new();
    let site = Site::start(&[]).await;
    look(&site, "master-alone", &mut found).await;
    let _agent = Agent::register(&site.pid).await;
    look(&site, "one-agent-idle", &mut found).await;
    let site = Site::start(&[]).await;
    let _running = running(&site).await;
    look(&site, "one-task-running", &mut found).await;
    differences::check(include_str!("../data/differences.txt"), "", &found);
}
