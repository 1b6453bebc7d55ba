//! An agent and a real master that ask each other, and their clients, who they are.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use mesos_master::flags::{FLAGS, Settings};
use mesos_master::server::Server;
use mesos_wire::authentication::{Credential, header};
use mesos_wire::flags::{Flags, Request};
use mesos_wire::pid::Upid;
use tokio::process::Command;
use tokio::time::timeout;

use crate::client::Client;
use crate::support::{self, PATIENCE};

const KNOWN: &str = r#"{"credentials":[{"principal":"agent","secret":"s"}]}"#;

/// A master that takes agents that prove themselves alone.
async fn master(folder: &Path) -> Upid {
    let file = folder.join("credentials");
    std::fs::write(&file, KNOWN).expect("a file");
    let args = [
        "--ip=127.0.0.1".to_string(),
        "--port=0".to_string(),
        "--registry=in_memory".to_string(),
        "--authenticate_agents".to_string(),
        format!("--credentials={}", file.display()),
    ];
    let Ok(Request::Run(flags)) = Flags::parse(FLAGS, args.map(Into::into), []) else {
        panic!("the flags are wrong");
    };
    let server = Server::bind(Settings::new(flags).expect("settings")).await;
    let server = server.expect("a port");
    let pid = Upid::new("master", server.address());
    tokio::spawn(server.serve(std::future::pending()));
    pid
}

/// The agent with this secret in its credential.
fn agent(master: &Upid, folder: &Path, secret: &str) -> Command {
    let own = folder.join("credential");
    std::fs::write(
        &own,
        format!(r#"{{"principal":"agent","secret":"{secret}"}}"#),
    )
    .expect("a file");
    let mut command =
        support::command(&master.address.to_string(), folder, "cpus:1;mem:64;disk:10");
    command
        .arg(format!("--credential={}", own.display()))
        .arg(format!(
            "--http_credentials={}",
            folder.join("credentials").display()
        ))
        .args([
            "--authenticate_http_readonly",
            "--authenticate_http_readwrite",
        ])
        .stderr(Stdio::null());
    command
}

#[tokio::test]
async fn an_agent_with_the_right_secret_registers_and_asks_its_clients_in_turn() {
    let folder = tempfile::tempdir().expect("a folder");
    let master = master(folder.path()).await;
    let _agent = agent(&master, folder.path(), "s")
        .spawn()
        .expect("it starts");
    let registered = async {
        loop {
            let shown = Client::new(master.address).get("/slaves").await.json();
            if let Some(pid) = shown["slaves"][0]["pid"].as_str() {
                return pid.parse::<Upid>().expect("a pid");
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let pid = timeout(PATIENCE, registered).await.expect("it registers");
    let client = Client::new(pid.address);
    let credential = Credential {
        principal: "agent".to_string(),
        secret: "s".to_string(),
    };
    let claim = header(&credential);
    for (path, realm) in [
        ("/state", Some("mesos-agent-readonly")),
        ("/flags", Some("mesos-agent-readonly")),
        ("/containers", Some("mesos-agent-readonly")),
        ("/files/debug", Some("mesos-agent-readonly")),
        ("/metrics/snapshot", Some("mesos-agent-readonly")),
        ("/api/v1", Some("mesos-agent-readwrite")),
        ("/logging/toggle", Some("mesos-agent-readwrite")),
        ("/health", None),
        ("/version", None),
    ] {
        let plain = client.get(path).await;
        let challenge = realm.map(|realm| format!("Basic realm=\"{realm}\""));
        assert_eq!(
            plain.header("www-authenticate"),
            challenge.as_deref(),
            "`{path}`"
        );
        assert_eq!(plain.status == 401, realm.is_some(), "`{path}`");
        let headers = [("Authorization", claim.as_str())];
        let proved = client.request("GET", path, &headers, b"").await;
        assert_ne!(proved.status, 401, "`{path}`");
    }
}

#[tokio::test]
async fn an_agent_with_a_wrong_secret_ends() {
    let folder = tempfile::tempdir().expect("a folder");
    let master = master(folder.path()).await;
    let mut agent = agent(&master, folder.path(), "t")
        .spawn()
        .expect("it starts");
    let ended = timeout(PATIENCE, agent.wait()).await.expect("in time");
    assert_eq!(ended.expect("a status").code(), Some(1));
}
