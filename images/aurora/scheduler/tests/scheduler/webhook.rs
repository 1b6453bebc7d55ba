//! The webhook is told of tasks, and holds nothing up.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aurora_api::Protocol;
use axum::http::HeaderMap;
use serde_json::Value as Json;

use crate::http::{create, run_all};
use crate::support::server::Server;

async fn server(config: &str) -> (Server, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("webhook.json");
    std::fs::write(&path, config).unwrap();
    let flag = format!("-webhook_config={}", path.display());
    (Server::with(&[flag]).await, folder)
}

async fn var(server: &Server, name: &str) -> u64 {
    let (_, vars) = server.get("/vars").await;
    let line = vars
        .lines()
        .find_map(|line| line.strip_prefix(&format!("{name} ")));
    line.unwrap_or_else(|| panic!("no {name}")).parse().unwrap()
}

async fn until_var(server: &Server, name: &str, want: u64) {
    let began = Instant::now();
    loop {
        let found = var(server, name).await;
        if found == want {
            return;
        }
        assert!(
            began.elapsed() < Duration::from_secs(20),
            "{name}: {found}, not {want}"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn each_change_of_a_wanted_state_is_posted() {
    let seen: Arc<Mutex<Vec<(HeaderMap, Json)>>> = Arc::default();
    let noted = Arc::clone(&seen);
    let note = move |headers: HeaderMap, body: String| {
        let body = serde_json::from_str(&body).unwrap();
        noted.lock().unwrap().push((headers, body));
        async {}
    };
    let hook = axum::Router::new().route("/hook", axum::routing::post(note));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, hook).await });
    let config = format!(
        r#"{{"targetURL": "http://{address}/hook", "timeoutMsec": 5000,
             "headers": {{"Producer-Type": "reliable"}}, "statuses": ["PENDING", "RUNNING"]}}"#
    );
    let (mut server, _folder) = server(&config).await;
    let response = server.call(Protocol::Binary, &create(1)).await;
    assert_eq!(response.message(), "");
    let ids = run_all(&mut server, "O1").await;
    until_var(&server, "webhooks_success", 2).await;
    let seen = seen.lock().unwrap().clone();
    let (headers, pending) = &seen[0];
    assert_eq!(headers["Producer-Type"], "reliable");
    assert!(
        headers["Timestamp"]
            .to_str()
            .unwrap()
            .parse::<i64>()
            .unwrap()
            > 1_600_000_000_000
    );
    assert_eq!(pending["task"]["status"], "PENDING");
    assert_eq!(pending["oldState"]["value"], "INIT");
    let (_, running) = &seen[1];
    assert_eq!(running["task"]["status"], "RUNNING");
    assert_eq!(running["oldState"]["value"], "ASSIGNED");
    assert_eq!(running["task"]["cachedHashCode"], 0);
    assert_eq!(running["task"]["assignedTask"]["taskId"], ids[0]);
    assert_eq!(running["task"]["taskEvents"][0]["status"], "PENDING");
    assert_eq!(var(&server, "webhooks_attempts").await, 2);
}

#[tokio::test]
async fn a_webhook_that_is_gone_counts_as_errors_and_nothing_waits() {
    let config = r#"{"targetURL": "http://127.0.0.1:1/", "timeoutMsec": 50}"#;
    let (mut server, _folder) = server(config).await;
    let response = server.call(Protocol::Binary, &create(2)).await;
    assert_eq!(response.message(), "");
    run_all(&mut server, "O1").await;
    // PENDING, ASSIGNED and RUNNING, of both.
    until_var(&server, "webhooks_errors", 6).await;
    assert_eq!(var(&server, "webhooks_success").await, 0);
}
