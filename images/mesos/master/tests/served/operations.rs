//! Reservations and volumes of operators, over the v1 API and the older forms.

use mesos_proto::messages::ApplyOperationMessage;
use serde_json::{Value, json};

use crate::agent::Agent;
use crate::site::Site;

const API: &str = "/api/v1";

fn cpus(amount: f64, role: &str) -> Value {
    json!({"name": "cpus", "type": "SCALAR", "scalar": {"value": amount},
        "reservations": [{"type": "DYNAMIC", "role": role}]})
}

fn form(agent: &str, field: &str, resources: &Value) -> String {
    let escaped: String = resources
        .to_string()
        .bytes()
        .map(|byte| format!("%{byte:02X}"))
        .collect();
    format!("slaveId={agent}&{field}={escaped}")
}

#[tokio::test]
async fn operators_reserve_and_unreserve_in_both_ways() {
    let site = Site::start(&[]).await;
    let client = site.client();
    let mut agent = Agent::register(&site.pid).await;
    let id = agent.id.clone();
    let post = async |path: &str, body: &str| {
        let answer = client.request("POST", path, &[], body.as_bytes()).await;
        (answer.status, answer.text())
    };
    let resources = json!([cpus(1.0, "prod")]);
    for (path, body, status, text) in [
        (
            "/master/reserve",
            form("x", "resources", &resources),
            400,
            "No agent found with specified ID",
        ),
        (
            "/reserve",
            "slaveId=x".to_string(),
            400,
            "Missing 'resources' query parameter in the request body",
        ),
        (
            "/create-volumes",
            "slaveId=x".to_string(),
            400,
            "Missing 'volumes' query parameter in the request body",
        ),
        (
            "/destroy-volumes",
            "volumes=[]".to_string(),
            400,
            "Missing 'slaveId' query parameter in the request body",
        ),
        ("/reserve", form(&id, "resources", &resources), 202, ""),
    ] {
        assert_eq!(
            post(path, &body).await,
            (status, text.to_string()),
            "case `{path}`"
        );
    }
    let applied: ApplyOperationMessage = agent.next().await;
    assert!(applied.framework_id.is_none());
    let slave = client.get("/slaves").await.json()["slaves"][0].clone();
    assert_eq!(slave["reserved_resources"]["prod"]["cpus"], 1.0);
    let full = slave["reserved_resources_full"]["prod"].clone();
    assert_eq!(
        (&full[0]["role"], &full[0]["reservations"][0]["role"]),
        (&json!("prod"), &json!("prod"))
    );
    let operations = client
        .call(API, None, &json!({"type": "GET_OPERATIONS"}))
        .await
        .json();
    let shown = &operations["get_operations"]["operations"][0];
    assert_eq!(shown["latest_status"]["state"], "OPERATION_PENDING");
    assert_eq!(shown["agent_id"]["value"], id);
    let (status, text) = post(
        "/reserve",
        &form(&id, "resources", &json!([cpus(99.0, "prod")])),
    )
    .await;
    assert_eq!(status, 409);
    assert!(text.ends_with("does not contain cpus:99"), "{text}");
    // What a document shows can be given back as it is.
    assert_eq!(
        post("/unreserve", &form(&id, "resources", &full)).await.0,
        202
    );
    let call = json!({"type": "RESERVE_RESOURCES", "reserve_resources":
        {"agent_id": {"value": id}, "resources": [cpus(1.0, "*")]}});
    let refused = client.call(API, None, &call).await;
    assert_eq!(refused.status, 400);
    let call = json!({"type": "RESERVE_RESOURCES", "reserve_resources":
        {"agent_id": {"value": id}, "resources": [cpus(0.5, "prod")]}});
    assert_eq!(client.call(API, None, &call).await.status, 202);
    let metrics = client.get("/metrics/snapshot").await.json();
    assert_eq!(metrics["master/operations/reserve/pending"], 2.0);
}
