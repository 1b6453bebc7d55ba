//! Operators who have to prove who they are reserve, and make volumes, in their own name only.

use serde_json::{Value, json};

use crate::agent::Agent;
use crate::site::Site;

/// `p:s` in an `Authorization` header.
const BASIC: &str = "Basic cDpz";

fn cpus(principal: Option<&str>) -> Value {
    let mut reservation = json!({"type": "DYNAMIC", "role": "prod"});
    if let Some(principal) = principal {
        reservation["principal"] = principal.into();
    }
    json!({"name": "cpus", "type": "SCALAR", "scalar": {"value": 0.5}, "reservations": [reservation]})
}

#[tokio::test]
async fn operators_reserve_in_their_own_name() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let known = r#"{"credentials":[{"principal":"p","secret":"s"}]}"#;
    std::fs::write(file.path(), known).expect("written");
    let credentials = format!("--credentials={}", file.path().display());
    let site = Site::start(&["--authenticate_http_readwrite", credentials.as_str()]).await;
    let client = site.client();
    let agent = Agent::register(&site.pid).await;
    let cases = [
        (
            None,
            400,
            "A reserve operation was attempted by principal 'p', but there is a reserved resource in the request with no principal set",
        ),
        (
            Some("x"),
            400,
            "A reserve operation was attempted by authenticated principal 'p', which does not match a reserved resource in the request with principal 'x'",
        ),
        (Some("p"), 202, ""),
    ];
    for (principal, status, text) in cases {
        let resources = json!([cpus(principal)]);
        let call = json!({"type": "RESERVE_RESOURCES",
            "reserve_resources": {"agent_id": {"value": agent.id}, "resources": resources}});
        let form = format!("slaveId={}&resources={resources}", agent.id);
        for (path, body) in [("/api/v1", call.to_string()), ("/reserve", form)] {
            let headers = [
                ("Authorization", BASIC),
                ("Content-Type", "application/json"),
            ];
            let answer = client
                .request("POST", path, &headers, body.as_bytes())
                .await;
            assert_eq!(answer.status, status, "case {principal:?} at {path}");
            assert!(answer.text().ends_with(text), "{}", answer.text());
        }
    }
}
