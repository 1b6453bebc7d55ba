//! What outlives a master, through its work directory.

use mesos_master::server::{RegistryError, ServeError, Server};
use serde_json::json;

use crate::agent::Agent;
use crate::site::{Site, settings};

fn kept_in(folder: &tempfile::TempDir) -> [String; 2] {
    [
        "--registry=replicated_log".to_string(),
        format!("--work_dir={}", folder.path().display()),
    ]
}

#[tokio::test]
async fn a_master_started_again_expects_its_agents() {
    let folder = tempfile::tempdir().expect("a folder");
    let flags = kept_in(&folder);
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let site = Site::start(&flags).await;
    let agent = Agent::register(&site.pid).await;
    drop(site);
    let site = Site::start(&flags).await;
    let client = site.client();
    for document in ["/slaves", "/state"] {
        let document = client.get(document).await.json();
        assert_eq!(document["slaves"], json!([]));
        let expected = &document["recovered_slaves"];
        assert_eq!(expected.as_array().map(Vec::len), Some(1));
        assert_eq!(expected[0]["id"], agent.id);
        assert_eq!(expected[0]["attributes"]["rack"], "a");
    }
    let call = json!({"type": "GET_AGENTS"});
    let answer = client.call("/api/v1", None, &call).await.json();
    let expected = &answer["get_agents"]["recovered_agents"][0];
    assert_eq!(expected["id"]["value"], agent.id);
    assert_eq!(expected["checkpoint"], true);
    let registry = client.get("/registrar(1)/registry").await.json();
    assert_eq!(
        registry["slaves"]["slaves"][0]["info"]["id"]["value"],
        agent.id
    );
}

/// Two masters without an election: whoever leads last is the one that keeps.
#[tokio::test]
async fn a_master_that_cannot_keep_what_it_does_ends_without_a_word() {
    let folder = tempfile::tempdir().expect("a folder");
    let flags = kept_in(&folder);
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let old = Server::bind(settings(&flags)).await.expect("a free port");
    let pid = mesos_wire::pid::Upid::new("master", old.address());
    let serving = tokio::spawn(old.serve(std::future::pending()));
    let client = crate::client::Client::new(pid.address);
    while client.get("/state").await.status != 200 {
        tokio::task::yield_now().await;
    }
    let _new = Site::start(&flags).await;
    // It is not told that it is registered, so this never ends by itself.
    let registering = tokio::spawn(async move { Agent::register(&pid).await });
    let ended = serving.await.expect("no panic");
    assert!(matches!(
        ended,
        Err(ServeError::Registry(RegistryError::Deposed))
    ));
    assert!(!registering.is_finished());
    registering.abort();
}
