//! Requests that are wrong, odd or old, and what a vanished agent or client leads to.

use serde_json::{Value, json};

use crate::agent::Agent;
use crate::client::Events;
use crate::site::Site;

const SCHEDULER: &str = "/api/v1/scheduler";

async fn subscribed(site: &Site, failover_timeout: f64) -> (Events, String) {
    let info = json!({"user": "root", "name": "test", "failover_timeout": failover_timeout});
    let call = json!({"type": "SUBSCRIBE", "subscribe": {"framework_info": info}});
    let mut events = site.client().subscribe(&call).await;
    let first = events.next().await.expect("an event");
    let id = first["subscribed"]["framework_id"]["value"]
        .as_str()
        .expect("an id")
        .to_string();
    (events, id)
}

#[tokio::test]
async fn wrong_calls_get_the_protocols_own_errors() {
    let site = Site::start(&[]).await;
    let (_events, id) = subscribed(&site, 0.0).await;
    let json = [("Content-Type", "application/json")];
    let framework = format!(r#""framework_id":{{"value":"{id}"}}"#);
    let teardown = format!(r#"{{"type":"TEARDOWN",{framework}}}"#);
    type Case<'a> = (
        &'a str,
        &'a str,
        &'a [(&'a str, &'a str)],
        &'a str,
        u16,
        &'a str,
    );
    let kill = format!(r#"{{"type":"KILL",{framework}}}"#);
    let unknown = format!(r#"{{"type":"UNKNOWN",{framework}}}"#);
    let cases: [Case<'_>; 15] = [
        (
            "GET",
            SCHEDULER,
            &json,
            "",
            405,
            "405 Method Not Allowed. Expecting one of { 'POST' }, but received 'GET'.",
        ),
        (
            "POST",
            SCHEDULER,
            &[],
            "{}",
            400,
            "Expecting 'Content-Type' to be present",
        ),
        (
            "POST",
            SCHEDULER,
            &[("Content-Type", "application/json; charset=utf-8")],
            "{}",
            415,
            "Expecting 'Content-Type' of application/json or application/x-protobuf",
        ),
        (
            "POST",
            SCHEDULER,
            &json,
            "{",
            400,
            "Failed to parse body into JSON: ",
        ),
        (
            "POST",
            SCHEDULER,
            &json,
            r#"{"type":"SUBSCRIBE","subscribe":{}}"#,
            400,
            "Failed to convert JSON into Call protobuf: ",
        ),
        (
            "POST",
            SCHEDULER,
            &[("Content-Type", "application/x-protobuf")],
            "{",
            400,
            "Failed to parse body into Call protobuf",
        ),
        (
            "POST",
            SCHEDULER,
            &json,
            "{}",
            400,
            "Failed to validate scheduler::Call: Expecting 'type' to be present",
        ),
        (
            "POST",
            SCHEDULER,
            &json,
            &kill,
            400,
            "Failed to validate scheduler::Call: Expecting 'kill' to be present",
        ),
        (
            "POST",
            SCHEDULER,
            &json,
            r#"{"type":"TEARDOWN","framework_id":{"value":"x"}}"#,
            400,
            "Framework cannot be found",
        ),
        (
            "POST",
            SCHEDULER,
            &json,
            &teardown,
            400,
            "All non-subscribe calls should include the 'Mesos-Stream-Id' header",
        ),
        (
            "POST",
            SCHEDULER,
            &[
                ("Content-Type", "application/json"),
                ("Mesos-Stream-Id", "x"),
            ],
            &teardown,
            400,
            "The stream ID 'x' included in this request didn't match",
        ),
        (
            "POST",
            SCHEDULER,
            &json,
            &unknown,
            400,
            "All non-subscribe calls",
        ),
        (
            "POST",
            "/api/v1",
            &json,
            r#"{"type":"GET_METRICS"}"#,
            400,
            "Failed to validate master::Call: Expecting 'get_metrics' to be present",
        ),
        (
            "POST",
            "/api/v1",
            &json,
            r#"{"type":"DRAIN_AGENT","drain_agent":{"agent_id":{"value":"x"}}}"#,
            400,
            "Unknown agent",
        ),
        (
            "POST",
            "/api/v1",
            &[
                ("Content-Type", "application/json"),
                ("Accept", "text/html"),
            ],
            r#"{"type":"GET_HEALTH"}"#,
            406,
            "Expecting 'Accept' to allow 'application/x-protobuf' or 'application/json'",
        ),
    ];
    for (method, path, headers, body, status, text) in cases {
        let answer = site
            .client()
            .request(method, path, headers, body.as_bytes())
            .await;
        assert_eq!(answer.status, status, "{body}: {}", answer.text());
        assert!(answer.text().starts_with(text), "{body}: {}", answer.text());
    }
}

#[tokio::test]
async fn old_and_odd_paths_are_known() {
    let site = Site::start(&[]).await;
    let client = site.client();
    for (path, status) in [
        ("/state.json", 200),
        ("/master/state.json", 200),
        ("/master/frameworks/", 200),
        ("/stats.json", 200),
        ("/health", 200),
        ("/master/health", 200),
        ("/help", 200),
        ("/help/master", 200),
        ("/help/master/state", 200),
        ("/help/registrar(1)", 200),
        ("/help/nosuch", 404),
        ("/help/master/nosuch", 400),
        ("/master/redirect/", 404),
        ("/version/x", 404),
        ("/profiler/start", 400),
        ("/logging/toggle", 200),
        ("/registrar(1)/registry", 200),
        ("/files/browse", 400),
        ("/files/browse?path=/etc", 404),
        ("/files/read.json?path=/etc/passwd", 404),
        ("/metrics/snapshot?timeout=soon", 400),
        ("/nosuch", 404),
        ("/redirect/x", 404),
        ("/../etc/passwd", 404),
        ("/reserve", 405),
    ] {
        assert_eq!(client.get(path).await.status, status, "case `{path}`");
    }
    let old = client.get("/state.json").await.json();
    assert_eq!(old["finished_tasks"], 0);
    let wrapped = client.get("/version?jsonp=call").await;
    assert_eq!(wrapped.header("content-type"), Some("text/javascript"));
    assert!(wrapped.text().starts_with("call({") && wrapped.text().ends_with("})"));
    let packed = client
        .request("GET", "/state", &[("Accept-Encoding", "gzip")], b"")
        .await;
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    assert_eq!(packed.body.get(..2), Some(&[0x1f, 0x8b][..]));
}

#[tokio::test]
async fn a_client_that_hangs_up_is_gone_at_once_or_after_its_timeout() {
    let site = Site::start(&[]).await;
    for (timeout, list, state) in [
        (0.0, "completed_frameworks", false),
        (60.0, "frameworks", false),
    ] {
        let (events, id) = subscribed(&site, timeout).await;
        drop(events);
        loop {
            let all = site.client().get("/frameworks").await.json();
            let found = all[list]
                .as_array()
                .into_iter()
                .flatten()
                .find(|f| f["id"] == id.as_str());
            if found.is_some_and(|f| f["connected"] == state) {
                break;
            }
        }
    }
}

#[tokio::test]
async fn an_agent_that_vanishes_is_disconnected_and_then_lost() {
    let site = Site::start(&["--max_agent_ping_timeouts=1"]).await;
    let (mut events, _id) = subscribed(&site, 0.0).await;
    let agent = Agent::register(&site.pid).await;
    let id = agent.id.clone();
    let offer = events.next_of("OFFERS").await["offers"]["offers"][0]["id"].clone();
    agent.vanish();
    let rescind = events.next_of("RESCIND").await;
    assert_eq!(rescind["rescind"]["offer_id"], offer);
    let metrics = site.client().get("/metrics/snapshot").await.json();
    assert_eq!(metrics["master/slaves_active"], 0.0);
    let failure: Value = events.next_of("FAILURE").await;
    assert_eq!(failure["failure"]["agent_id"]["value"], id);
    let metrics = site.client().get("/metrics/snapshot").await.json();
    assert_eq!(metrics["master/slaves_unreachable"], 1.0);
}

#[tokio::test]
async fn an_operator_ends_a_framework() {
    let site = Site::start(&[]).await;
    let (mut events, id) = subscribed(&site, 60.0).await;
    let client = site.client();
    let end = async |form: String| {
        client
            .request("POST", "/teardown", &[], form.as_bytes())
            .await
    };
    assert_eq!(
        end("x=y".into()).await.text(),
        "Missing 'frameworkId' query parameter in the request body"
    );
    assert_eq!(
        end("frameworkId=x".into()).await.text(),
        "No framework found with specified ID"
    );
    assert_eq!(end(format!("frameworkId={id}")).await.status, 200);
    while events.next().await.is_some() {}
    let again = json!({"type": "TEARDOWN", "teardown": {"framework_id": {"value": id}}});
    let answer = site.client().call("/api/v1", None, &again).await;
    assert_eq!(
        (answer.status, answer.text().as_str()),
        (400, "No framework found with specified ID")
    );
}

#[tokio::test]
async fn a_framework_may_speak_protobuf() {
    use mesos_proto::scheduler::{Event, call, event};
    use mesos_proto::v1_scheduler;
    use protobuf::Message as _;

    let site = Site::start(&[]).await;
    let mut call = v1_scheduler::Call::new();
    call.set_type(call::Type::SUBSCRIBE);
    let info = call
        .subscribe
        .mut_or_insert_default()
        .framework_info
        .mut_or_insert_default();
    info.set_user("root".into());
    info.set_name("binary".into());
    let body = call.write_to_bytes().expect("a call");
    let binary = "application/x-protobuf";
    let headers = [("Content-Type", binary), ("Accept", binary)];
    let mut events = site
        .client()
        .subscribe_with("/master/api/v1/scheduler", &headers, &body)
        .await;
    assert_eq!(
        crate::client::header(&events.headers, "content-type"),
        Some(binary)
    );
    let first = events.next_record().await.expect("a record");
    let first = Event::parse_from_bytes(&first).expect("an event");
    assert_eq!(first.type_(), event::Type::SUBSCRIBED);
    let id = first.subscribed.framework_id.clone();
    let mut call = v1_scheduler::Call::new();
    call.set_type(call::Type::TEARDOWN);
    call.framework_id = id;
    let body = call.write_to_bytes().expect("a call");
    let headers = [("Content-Type", binary), ("Mesos-Stream-Id", &events.id)];
    let client = site.client();
    let answer = client.request("POST", SCHEDULER, &headers, &body).await;
    assert_eq!((answer.status, answer.body.len()), (202, 0));
}

#[tokio::test]
async fn a_refused_subscription_is_told_why_and_ended() {
    let site = Site::start(&[]).await;
    let info = json!({"user": "root", "name": "test", "role": "-bad"});
    let call = json!({"type": "SUBSCRIBE", "subscribe": {"framework_info": info}});
    let mut events = site.client().subscribe(&call).await;
    let event = events.next().await.expect("an event");
    assert_eq!(event["type"], "ERROR");
    let text = event["error"]["message"].as_str().expect("a text");
    assert!(
        text.starts_with("'FrameworkInfo.role' is not a valid role"),
        "{text}"
    );
    assert!(events.next().await.is_none());
}

#[tokio::test]
async fn what_offer_constraints_leave_out_is_shown() {
    let site = Site::start(&[]).await;
    let client = site.client();
    let path = "/allocator/offer_constraints_debug";
    assert_eq!(client.get(path).await.json(), json!({"frameworks": {}}));
    let agent = Agent::register(&site.pid).await;
    let rack = |rack: &str| {
        json!({"groups": [{"attribute_constraints": [{
            "selector": {"attribute_name": "rack"},
            "predicate": {"text_equals": {"value": rack}},
        }]}]})
    };
    let call = json!({"type": "SUBSCRIBE", "subscribe": {
        "framework_info": {"user": "root", "name": "f", "roles": ["x", "y", "z"],
            "capabilities": [{"type": "MULTI_ROLE"}]},
        "offer_constraints": {"role_constraints": {"x": rack("a"), "y": rack("b")}},
        "suppressed_roles": ["z"],
    }});
    let mut events = client.subscribe(&call).await;
    let first = events.next().await.expect("the first event");
    let id = first["subscribed"]["framework_id"]["value"].as_str();
    assert_eq!(
        client.get(path).await.json()["frameworks"][id.expect("an id")],
        json!({
            "suppressed_roles": ["z"],
            "excluded_by_attribute_constraints": {"x": [], "y": [agent.id], "z": []},
        })
    );
    let processes = client.get("/__processes__").await.json();
    for id in ["master", "allocator", "slave-observer(1)"] {
        let shown = json!({"id": id, "events": []});
        let all = processes.as_array().expect("a list");
        assert!(all.contains(&shown), "{id} in {processes}");
    }
}
