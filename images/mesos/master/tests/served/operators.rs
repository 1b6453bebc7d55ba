//! What operators decide, over the v1 API.

use mesos_proto::messages::ShutdownMessage;
use serde_json::{Value, json};

use crate::agent::Agent;
use crate::site::Site;

const API: &str = "/api/v1";

/// A call about an agent.
fn about(kind: &str, agent: &str) -> Value {
    let field = kind.to_ascii_lowercase();
    json!({"type": kind, field: {"agent_id": {"value": agent}}})
}

#[tokio::test]
async fn agents_are_set_aside_and_given_up() {
    let site = Site::start(&[]).await;
    let client = site.client();
    let mut agent = Agent::register(&site.pid).await;
    for (kind, id, status, text) in [
        ("DEACTIVATE_AGENT", "x", 400, "Unknown agent"),
        (
            "REACTIVATE_AGENT",
            agent.id.as_str(),
            400,
            "Agent is not deactivated",
        ),
        ("DEACTIVATE_AGENT", &agent.id, 200, ""),
        ("MARK_AGENT_GONE", "x", 404, "Agent 'x' not found"),
    ] {
        let answer = client.call(API, None, &about(kind, id)).await;
        assert_eq!((answer.status, answer.text().as_str()), (status, text));
    }
    let lacking = client
        .call(API, None, &json!({"type": "MARK_AGENT_GONE"}))
        .await;
    assert_eq!(
        (lacking.status, lacking.text().as_str()),
        (
            400,
            "Failed to validate master::Call: Expecting 'mark_agent_gone' to be present"
        )
    );
    let slave = client.get("/slaves").await.json()["slaves"][0].clone();
    assert_eq!(
        (&slave["active"], &slave["deactivated"]),
        (&json!(false), &json!(true))
    );
    let state = client.get("/state").await.json();
    assert_eq!(state["deactivated_slaves"], 1.0);
    let agents = client
        .call(API, None, &json!({"type": "GET_AGENTS"}))
        .await
        .json();
    assert_eq!(agents["get_agents"]["agents"][0]["deactivated"], true);
    let answer = client
        .call(API, None, &about("REACTIVATE_AGENT", &agent.id))
        .await;
    assert_eq!(answer.status, 200);
    for _ in 0..2 {
        let answer = client
            .call(API, None, &about("MARK_AGENT_GONE", &agent.id))
            .await;
        assert_eq!((answer.status, answer.text().as_str()), (200, ""));
    }
    let told: ShutdownMessage = agent.next().await;
    assert_eq!(told.message(), "Agent has been marked gone");
    assert_eq!(client.get("/slaves").await.json()["slaves"], json!([]));
    let registry = client.get("/registrar(1)/registry").await.json();
    assert_eq!(registry["gone"]["slaves"][0]["id"]["value"], agent.id);
}

#[tokio::test]
async fn operators_who_watch_are_told_what_happens() {
    let site = Site::start(&[]).await;
    let client = site.client();
    let mut events = client
        .subscribe_with(
            API,
            &[("Content-Type", "application/json")],
            br#"{"type":"SUBSCRIBE"}"#,
        )
        .await;
    let first = events.next().await.expect("an event");
    assert_eq!(first["type"], "SUBSCRIBED");
    assert_eq!(first["subscribed"]["heartbeat_interval_seconds"], 15.0);
    assert_eq!(
        first["subscribed"]["get_state"]["get_agents"]["agents"],
        json!([])
    );
    assert_eq!(events.next().await.expect("an event")["type"], "HEARTBEAT");
    let agent = Agent::register(&site.pid).await;
    let added = events.next().await.expect("an event");
    assert_eq!(added["type"], "AGENT_ADDED");
    let info = &added["agent_added"]["agent"]["agent_info"];
    assert_eq!(info["id"]["value"], agent.id);
    let info = json!({"user": "root", "name": "watched"});
    let call = json!({"type": "SUBSCRIBE", "subscribe": {"framework_info": info}});
    let _framework = client.subscribe(&call).await;
    let added = events.next().await.expect("an event");
    let framework = &added["framework_added"]["framework"];
    assert_eq!(framework["framework_info"]["name"], "watched");
    // As the original says it: not ended, and not yet offered anything.
    assert_eq!(framework["unregistered_time"], json!({"nanoseconds": 0}));
    assert_eq!(framework.get("offer_constraints"), None);
    assert_eq!(framework.get("offers"), None);
    let metrics = client.get("/metrics/snapshot").await.json();
    assert_eq!(metrics["master/operator_event_stream_subscribers"], 1.0);
}
