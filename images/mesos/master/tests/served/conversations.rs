//! The recorded conversations of a v1 scheduler, held again with this master.

use mesos_proto::mesos::TaskState;
use mesos_proto::messages::{
    KillTaskMessage, RunTaskMessage, ShutdownFrameworkMessage, StatusUpdateAcknowledgementMessage,
};
use serde_json::{Value, json};

use crate::agent::Agent;
use crate::client::{Answer, Events, header};
use crate::shape::lacks;
use crate::site::Site;

/// A scheduler in conversation.
struct Scheduler {
    site: Site,
    agent: Agent,
    events: Events,
    id: String,
    offer: Value,
    status: Value,
}

impl Scheduler {
    async fn subscribe() -> Self {
        let site = Site::start(&[]).await;
        let agent = Agent::register(&site.pid).await;
        let info = json!({
            "user": "root",
            "name": "recorder",
            "roles": ["*"],
            "capabilities": [{"type": "MULTI_ROLE"}, {"type": "RESERVATION_REFINEMENT"}],
        });
        let call = json!({"type": "SUBSCRIBE", "subscribe": {"framework_info": info}});
        let events = site.client().subscribe(&call).await;
        Self {
            site,
            agent,
            events,
            id: String::new(),
            offer: Value::Null,
            status: Value::Null,
        }
    }

    /// The next event, remembering what later calls need of it.
    async fn event(&mut self) -> Value {
        let event = self.events.next().await.expect("an event");
        if let Some(id) = event["subscribed"]["framework_id"]["value"].as_str() {
            self.id = id.to_string();
        }
        if let Some(offer) = event["offers"]["offers"].get(0) {
            self.offer = offer.clone();
        }
        if let Some(status) = event["update"].get("status") {
            self.status = status.clone();
        }
        event
    }

    /// Makes a call as the recorded scheduler did.
    async fn call(&mut self, kind: &str) -> Answer {
        let mut call = json!({"type": kind, "framework_id": {"value": self.id}});
        match kind {
            "ACCEPT" => {
                let task = json!({
                    "name": "t",
                    "task_id": {"value": "t"},
                    "agent_id": self.offer["agent_id"],
                    "resources": [{"name": "cpus", "type": "SCALAR", "scalar": {"value": 0.1}, "allocation_info": {"role": "*"}}],
                    "command": {"value": "true"},
                });
                call["accept"] = json!({
                    "offer_ids": [self.offer["id"]],
                    "operations": [{"type": "LAUNCH", "launch": {"task_infos": [task]}}],
                    // The recorded scheduler had heard everything within the usual 5 s.
                    "filters": {"refuse_seconds": 1000},
                });
            }
            "DECLINE" => {
                call["decline"] =
                    json!({"offer_ids": [self.offer["id"]], "filters": {"refuse_seconds": 0.05}});
            }
            "ACKNOWLEDGE" => {
                call["acknowledge"] = json!({
                    "agent_id": self.status["agent_id"],
                    "task_id": self.status["task_id"],
                    "uuid": self.status["uuid"],
                });
            }
            "KILL" => call["kill"] = json!({"task_id": {"value": "t"}}),
            "RECONCILE" => call["reconcile"] = json!({}),
            _ => {}
        }
        self.site
            .client()
            .call("/api/v1/scheduler", Some(&self.events.id), &call)
            .await
    }
}

/// Holds one conversation: `states` is what becomes of the task.
async fn hold(recording: &str, states: &[TaskState]) {
    let mut scheduler = Scheduler::subscribe().await;
    let mut states = states.iter();
    for line in recording.lines().filter(|line| !line.trim().is_empty()) {
        let line: Value = serde_json::from_str(line).expect("a recorded line");
        if let Some(recorded) = line["subscribe_answer"].as_array() {
            for recorded in recorded.iter().filter_map(Value::as_str).skip(1) {
                let (name, value) = recorded.split_once(": ").expect("a header");
                let own = header(&scheduler.events.headers, name);
                let own = own.unwrap_or_else(|| panic!("no header {name}"));
                if matches!(name, "Transfer-Encoding" | "Content-Type") {
                    assert_eq!(own, value);
                }
            }
        } else if let Some(recorded) = line.get("event") {
            let own = scheduler.event().await;
            assert_eq!(own["type"], recorded["type"], "{own}");
            let lacks = lacks(&without_timing(recorded), &own);
            assert!(lacks.is_empty(), "{lacks:?} in {own}");
        } else {
            let kind = line["call"].as_str().expect("a call");
            let answer = scheduler.call(kind).await;
            let recorded = line["answer"][0].as_str().expect("a status line");
            assert!(
                recorded.contains(&format!(" {} ", answer.status)),
                "{kind}: {recorded}"
            );
            assert_eq!(line["body"], answer.text(), "{kind}");
            for recorded in line["answer"].as_array().into_iter().flatten().skip(1) {
                let name = recorded
                    .as_str()
                    .and_then(|h| h.split_once(": "))
                    .expect("a header")
                    .0;
                assert!(answer.header(name).is_some(), "{kind}: no header {name}");
            }
            let status = answer.status;
            let id = scheduler.id.clone();
            match (kind, status) {
                ("ACCEPT", 202) => {
                    let _: RunTaskMessage = scheduler.agent.next().await;
                    let state = states.next().expect("a first state");
                    scheduler.agent.update(&id, "t", *state);
                }
                ("ACKNOWLEDGE", 202) => {
                    let _: StatusUpdateAcknowledgementMessage = scheduler.agent.next().await;
                    if let Some(state) = states
                        .as_slice()
                        .first()
                        .filter(|s| **s != TaskState::TASK_KILLED)
                    {
                        states.next();
                        scheduler.agent.update(&id, "t", *state);
                    }
                }
                ("KILL", 202) => {
                    let _: KillTaskMessage = scheduler.agent.next().await;
                    let state = states.next().expect("a last state");
                    scheduler.agent.update(&id, "t", *state);
                }
                ("TEARDOWN", 202) => {
                    let _: ShutdownFrameworkMessage = scheduler.agent.next().await;
                    while let Some(event) = scheduler.events.next().await {
                        assert_eq!(event["type"], "OFFERS", "nothing else is on its way");
                    }
                }
                _ => {}
            }
        }
    }
    assert_eq!(states.count(), 0);
}

/// A recorded message of the command that ran is its own: `Command exited …`.
fn without_timing(event: &Value) -> Value {
    let mut event = event.clone();
    if let Some(status) = event
        .pointer_mut("/update/status")
        .and_then(Value::as_object_mut)
    {
        status.remove("message");
    }
    event
}

#[tokio::test]
async fn a_task_that_ends_by_itself() {
    use TaskState::*;
    let recording = include_str!("../data/scheduler-echo.jsonl");
    hold(recording, &[TASK_STARTING, TASK_RUNNING, TASK_FINISHED]).await;
}

#[tokio::test]
async fn a_task_that_is_killed() {
    use TaskState::*;
    let recording = include_str!("../data/scheduler-sleepkill.jsonl");
    hold(recording, &[TASK_STARTING, TASK_RUNNING, TASK_KILLED]).await;
}

#[tokio::test]
async fn an_offer_that_is_declined() {
    hold(include_str!("../data/scheduler-decline.jsonl"), &[]).await;
}
