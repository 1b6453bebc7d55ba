//! Weights, quotas, maintenance and draining over HTTP, and what of them outlives a master.

use mesos_proto::messages::{DrainSlaveMessage, ShutdownMessage};
use serde_json::{Value, json};

use crate::agent::Agent;
use crate::client::{Answer, Client};
use crate::site::Site;

const API: &str = "/api/v1";

async fn call(client: &Client, kind: &str, body: Value) -> Answer {
    let field = kind.to_ascii_lowercase();
    client
        .call(API, None, &json!({"type": kind, field: body}))
        .await
}

async fn asked(client: &Client, kind: &str) -> Value {
    client.call(API, None, &json!({"type": kind})).await.json()
}

async fn send(client: &Client, method: &str, target: &str, body: &str) -> (u16, String) {
    let answer = client.request(method, target, &[], body.as_bytes()).await;
    (answer.status, answer.text())
}

#[tokio::test]
async fn weights_are_read_and_written() {
    let site = Site::start(&["--weights=flag=2"]).await;
    let client = site.client();
    assert_eq!(
        client.get("/weights").await.json(),
        json!([{"role": "flag", "weight": 2.0}])
    );
    let body = r#"[{"role":"a","weight":2.5},{"role":"flag","weight":1}]"#;
    assert_eq!(
        send(&client, "PUT", "/weights", body).await,
        (200, String::new())
    );
    let answer = call(
        &client,
        "UPDATE_WEIGHTS",
        json!({"weight_infos": [{"role": "b", "weight": 0.5}]}),
    )
    .await;
    assert_eq!((answer.status, answer.text().as_str()), (200, ""));
    let want = json!([{"role": "a", "weight": 2.5}, {"role": "b", "weight": 0.5}, {"role": "flag", "weight": 1.0}]);
    assert_eq!(client.get("/master/weights").await.json(), want);
    assert_eq!(
        asked(&client, "GET_WEIGHTS").await["get_weights"]["weight_infos"],
        want
    );
    for (method, body, status, start) in [
        (
            "PUT",
            "[",
            400,
            "Failed to parse update weights request JSON '[': syntax error at line 1 near: ",
        ),
        (
            "PUT",
            "{}",
            400,
            "Failed to parse update weights request JSON '{}': Unexpected JSON type parsed",
        ),
        (
            "PUT",
            r#"[{"role":"a"}]"#,
            400,
            "Failed to convert weights JSON array to protobuf '[{\"role\":\"a\"}]': Missing required fields: weight",
        ),
        (
            "PUT",
            r#"[{"role":"a","weight":0}]"#,
            400,
            "Failed to validate update weights request JSON for role 'a': Invalid weight '0'",
        ),
        (
            "POST",
            "[]",
            405,
            "405 Method Not Allowed. Expecting one of { 'GET', 'PUT' }, but received 'POST'",
        ),
    ] {
        let (got, text) = send(&client, method, "/weights", body).await;
        assert_eq!(got, status, "case `{method} {body}`: {text}");
        assert!(text.starts_with(start), "case `{method} {body}`: {text}");
    }
}

#[tokio::test]
async fn quotas_are_read_and_written() {
    let site = Site::start(&[]).await;
    let client = site.client();
    let _agent = Agent::register(&site.pid).await;
    let body = r#"{"role":"a","guarantee":[{"name":"cpus","type":"SCALAR","scalar":{"value":1}}]}"#;
    assert_eq!(
        send(&client, "POST", "/quota", body).await,
        (200, String::new())
    );
    let cpus = |amount: f64| json!({"cpus": {"value": amount}});
    let config = json!({"role": "b", "guarantees": cpus(1.0), "limits": cpus(3.0)});
    let answer = call(&client, "UPDATE_QUOTA", json!({"quota_configs": [config]})).await;
    assert_eq!((answer.status, answer.text().as_str()), (200, ""));
    let guarantee = json!([{"name": "cpus", "type": "SCALAR", "scalar": {"value": 1.0}}]);
    let want = json!({
        "infos": [{"role": "a", "guarantee": guarantee}, {"role": "b", "guarantee": guarantee}],
        "configs": [{"role": "a", "guarantees": cpus(1.0), "limits": cpus(1.0)}, config],
    });
    assert_eq!(client.get("/quota").await.json(), want);
    assert_eq!(
        asked(&client, "GET_QUOTA").await["get_quota"]["status"],
        want
    );
    let roles = client.get("/roles").await.json();
    let role = |name: &str| {
        let all = roles["roles"].as_array().expect("roles");
        all.iter().find(|r| r["name"] == name).cloned()
    };
    assert_eq!(
        role("b").expect("it has a quota")["quota"],
        json!({"role": "b", "guarantee": {"cpus": 1.0}, "limit": {"cpus": 3.0}, "consumed": {}})
    );
    let metrics = client.get("/metrics/snapshot").await.json();
    assert_eq!(
        metrics["allocator/mesos/quota/roles/b/resources/cpus/limit"],
        3.0
    );
    for (method, target, body, status, start) in [
        (
            "POST",
            "/quota",
            "[",
            400,
            "Failed to parse set quota request JSON '[': ",
        ),
        (
            "POST",
            "/quota",
            r#"{"guarantee":3}"#,
            400,
            "Failed to validate set quota request JSON '",
        ),
        (
            "POST",
            "/quota",
            body,
            400,
            "Failed to validate set quota request: Cannot set quota for role 'a' which already has quota",
        ),
        (
            "DELETE",
            "/quota",
            "",
            400,
            "Failed to parse remove quota request for path '/master/quota': expected 3 tokens, found 2 tokens",
        ),
        (
            "DELETE",
            "/master/quota/z",
            "",
            400,
            "Failed to remove quota for path '/master/quota/z': Role 'z' has no quota set",
        ),
        (
            "PUT",
            "/quota",
            "",
            405,
            "405 Method Not Allowed. Expecting one of { 'GET', 'POST', 'DELETE' }, but received 'PUT'",
        ),
        ("DELETE", "/quota/a", "", 200, ""),
    ] {
        let (got, text) = send(&client, method, target, body).await;
        assert_eq!(got, status, "case `{method} {target}`: {text}");
        assert!(text.starts_with(start), "case `{method} {target}`: {text}");
    }
    let answer = call(&client, "SET_QUOTA", json!({"quota_request": {"role": "c", "guarantee": [{"name": "cpus", "type": "SCALAR", "scalar": {"value": 1000}}]}})).await;
    assert_eq!(answer.status, 409);
    assert!(answer.text().starts_with("Quota guarantees overcommit the cluster (use 'force' to bypass this check): Total quota guarantees 'cpus:1001' exceed cluster capacity '"));
    let answer = call(&client, "REMOVE_QUOTA", json!({"role": "b"})).await;
    assert_eq!(answer.status, 200);
    assert_eq!(client.get("/quota").await.json(), json!({}));
}

#[tokio::test]
async fn machines_go_down_and_up() {
    let site = Site::start(&[]).await;
    let client = site.client();
    let mut agent = Agent::register(&site.pid).await;
    let slave = client.get("/slaves").await.json()["slaves"][0].clone();
    let machine = json!({"hostname": slave["hostname"], "ip": "127.0.0.1"});
    let window =
        json!({"machine_ids": [machine], "unavailability": {"start": {"nanoseconds": 10}}});
    let schedule = json!({"windows": [window]});
    let (status, text) = send(
        &client,
        "POST",
        "/maintenance/schedule",
        &schedule.to_string(),
    )
    .await;
    assert_eq!((status, text.as_str()), (200, ""));
    assert_eq!(client.get("/maintenance/schedule").await.json(), schedule);
    let got = asked(&client, "GET_MAINTENANCE_SCHEDULE").await;
    assert_eq!(got["get_maintenance_schedule"]["schedule"], schedule);
    assert_eq!(
        client.get("/maintenance/status").await.json(),
        json!({"draining_machines": [{"id": machine}]})
    );
    let body = json!([machine]).to_string();
    let (status, text) = send(&client, "POST", "/machine/up", &body).await;
    assert_eq!(status, 400);
    assert!(text.ends_with("is not in DOWN mode and cannot be brought up"));
    let answer = call(&client, "START_MAINTENANCE", json!({"machines": [machine]})).await;
    assert_eq!((answer.status, answer.text().as_str()), (200, ""));
    let told: ShutdownMessage = agent.next().await;
    assert_eq!(told.message(), "Operator initiated 'Machine DOWN'");
    let got = asked(&client, "GET_MAINTENANCE_STATUS").await;
    assert_eq!(
        got["get_maintenance_status"]["status"],
        json!({"down_machines": [machine]})
    );
    let registry = client.get("/registrar(1)/registry").await.json();
    assert_eq!(registry["machines"]["machines"][0]["info"]["mode"], "DOWN");
    for (method, target, body, status, start) in [
        ("POST", "/machine/down", body.as_str(), 400, "Machine '{"),
        (
            "POST",
            "/machine/down",
            "[]",
            400,
            "List of machines is empty",
        ),
        (
            "POST",
            "/machine/down",
            "{}",
            400,
            "Unexpected JSON type parsed",
        ),
        ("POST", "/maintenance/schedule", "[", 400, ""),
        (
            "POST",
            "/maintenance/schedule",
            r#"{"windows":[{}]}"#,
            400,
            "",
        ),
        (
            "POST",
            "/maintenance/schedule",
            "{}",
            400,
            "Machine '{\"hostname\":",
        ),
        (
            "GET",
            "/machine/down",
            "",
            405,
            "405 Method Not Allowed. Expecting one of { 'POST' }, but received 'GET'",
        ),
        (
            "DELETE",
            "/maintenance/schedule",
            "",
            405,
            "405 Method Not Allowed. Expecting one of { 'GET', 'POST' }, but received 'DELETE'",
        ),
        (
            "POST",
            "/maintenance/status",
            "",
            405,
            "405 Method Not Allowed. Expecting one of { 'GET' }, but received 'POST'",
        ),
        ("POST", "/machine/up", body.as_str(), 200, ""),
    ] {
        let (got, text) = send(&client, method, target, body).await;
        assert_eq!(got, status, "case `{method} {target} {body}`: {text}");
        assert!(
            text.starts_with(start),
            "case `{method} {target} {body}`: {text}"
        );
    }
    assert_eq!(client.get("/maintenance/schedule").await.json(), json!({}));
    assert_eq!(client.get("/maintenance/status").await.json(), json!({}));
}

#[tokio::test]
async fn an_agent_is_drained() {
    let site = Site::start(&[]).await;
    let client = site.client();
    let mut agent = Agent::register(&site.pid).await;
    let body =
        json!({"agent_id": {"value": agent.id}, "max_grace_period": {"seconds": 3, "nanos": 1}});
    let answer = call(&client, "DRAIN_AGENT", body).await;
    assert_eq!((answer.status, answer.text().as_str()), (200, ""));
    let told: DrainSlaveMessage = agent.next().await;
    assert_eq!(told.config.max_grace_period.nanoseconds(), 3_000_000_001);
    let slave = client.get("/slaves").await.json()["slaves"][0].clone();
    assert_eq!(
        slave["drain_info"],
        json!({"state": "DRAINED", "config": {"max_grace_period": {"nanoseconds": 3_000_000_001i64}, "mark_gone": false}})
    );
    assert!(slave["estimated_drain_start_time_seconds"].is_f64());
    assert_eq!(slave["deactivated"], true);
    let agents = asked(&client, "GET_AGENTS").await;
    let shown = &agents["get_agents"]["agents"][0];
    assert_eq!(shown["drain_info"]["state"], "DRAINED");
    assert!(shown["estimated_drain_start_time"]["nanoseconds"].is_i64());
    let body = json!({"agent_id": {"value": agent.id}});
    assert_eq!(call(&client, "REACTIVATE_AGENT", body).await.status, 200);
    let slave = client.get("/slaves").await.json()["slaves"][0].clone();
    assert_eq!(slave.get("drain_info"), None);
    assert_eq!(slave["active"], true);
    let body = json!({"agent_id": {"value": agent.id}, "max_grace_period": "10mins"});
    assert_eq!(call(&client, "DRAIN_AGENT", body).await.status, 400);
}

#[tokio::test]
async fn hosts_are_listed_in_a_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("hosts");
    std::fs::write(&file, "elsewhere\n\n").expect("written");
    let flag = format!("--whitelist=file://{}", file.display());
    let site = Site::start(&[&flag]).await;
    let client = site.client();
    let _agent = Agent::register(&site.pid).await;
    let subscribe = json!({"type": "SUBSCRIBE", "subscribe": {"framework_info": {"user": "root", "name": "f"}}});
    let mut events = client.subscribe(&subscribe).await;
    let runs = async || {
        let metrics = client.get("/metrics/snapshot").await.json();
        metrics["allocator/mesos/allocation_runs"]
            .as_f64()
            .expect("a number")
    };
    let before = runs().await;
    while runs().await < before + 3.0 {
        tokio::task::yield_now().await;
    }
    let slave = client.get("/slaves").await.json()["slaves"][0].clone();
    assert_eq!(slave["offered_resources"]["cpus"], 0.0);
    let host = slave["hostname"].as_str().expect("a name");
    std::fs::write(&file, host).expect("written");
    events.next_of("OFFERS").await;
}

#[tokio::test]
async fn the_next_master_knows_what_was_decided() {
    let folder = tempfile::tempdir().expect("a folder");
    let work_dir = format!("--work_dir={}", folder.path().display());
    let flags = ["--registry=replicated_log", work_dir.as_str()];
    let site = Site::start(&flags).await;
    let client = site.client();
    let agent = Agent::register(&site.pid).await;
    let quota = json!({"role": "a", "limits": {"cpus": {"value": 3.0}}});
    let schedule = json!({"windows": [{"machine_ids": [{"hostname": "h", "ip": "1.2.3.4"}], "unavailability": {"start": {"nanoseconds": 10}}}]});
    for (kind, body) in [
        (
            "UPDATE_WEIGHTS",
            json!({"weight_infos": [{"role": "a", "weight": 7}]}),
        ),
        (
            "UPDATE_QUOTA",
            json!({"quota_configs": [quota, {"role": "b", "limits": {"cpus": {"value": 1}}}]}),
        ),
        ("REMOVE_QUOTA", json!({"role": "b"})),
        ("UPDATE_MAINTENANCE_SCHEDULE", json!({"schedule": schedule})),
        (
            "START_MAINTENANCE",
            json!({"machines": [{"hostname": "h", "ip": "1.2.3.4"}]}),
        ),
        ("DRAIN_AGENT", json!({"agent_id": {"value": agent.id}})),
    ] {
        let answer = call(&client, kind, body).await;
        assert_eq!(answer.status, 200, "{kind}: {}", answer.text());
    }
    drop(site);
    let site = Site::start(&flags).await;
    let client = site.client();
    assert_eq!(
        client.get("/weights").await.json(),
        json!([{"role": "a", "weight": 7.0}])
    );
    assert_eq!(client.get("/quota").await.json()["configs"], json!([quota]));
    assert_eq!(client.get("/maintenance/schedule").await.json(), schedule);
    assert_eq!(
        client.get("/maintenance/status").await.json()["down_machines"][0]["hostname"],
        "h"
    );
    let registry = client.get("/registrar(1)/registry").await.json();
    let kept = &registry["slaves"]["slaves"][0];
    assert_eq!(kept["drain_info"]["state"], "DRAINED");
    assert_eq!(kept["deactivated"], true);
    assert_eq!(
        registry["minimum_capabilities"],
        json!([{"capability": "QUOTA_V2"}, {"capability": "AGENT_DRAINING"}])
    );
}
