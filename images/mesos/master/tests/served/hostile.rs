//! A master among clients that mean harm: its memory is bounded, and others are served.

use std::process::Stdio;
use std::time::Duration;

use mesos_proto::mesos::TaskState;
use mesos_proto::messages::RunTaskMessage;
use mesos_wire::pid::Upid;
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::agent::Agent;
use crate::client::Client;
use crate::foe::{MB, Target};

/// A master as a program. It ends with this.
struct Program {
    target: Target,
    _child: Child,
    _folder: tempfile::TempDir,
}

async fn program() -> Program {
    let folder = tempfile::tempdir().expect("a folder");
    let work_dir = format!("--work_dir={}", folder.path().display());
    let mut child = Command::new(env!("CARGO_BIN_EXE_mesos-master"))
        .args([
            "--ip=127.0.0.1",
            "--port=0",
            "--registry=in_memory",
            "--allocation_interval=50ms",
            &work_dir,
        ])
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("the master starts");
    let process = child.id().expect("it runs");
    let mut lines = BufReader::new(child.stderr.take().expect("piped")).lines();
    let address = loop {
        let line = lines
            .next_line()
            .await
            .expect("text")
            .expect("it says where it is");
        let mut words = line.split_whitespace();
        let own = words.find_map(|word| word.strip_prefix("master@")?.parse().ok());
        if let Some(address) = own {
            break address;
        }
    };
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    let target = Target {
        address,
        process,
        actor: "master",
        path: "/master/api/v1",
    };
    let client = Client::new(address);
    while client.get("/state").await.status != 200 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Program {
        target,
        _child: child,
        _folder: folder,
    }
}

#[tokio::test]
async fn large_bodies_are_refused_and_little_of_them_is_kept() {
    let program = program().await;
    program.target.bears_large_bodies().await;
    program.target.bears_unfinished_bodies().await;
}

#[tokio::test]
async fn a_thousand_idle_connections_disturb_nobody() {
    program().await.target.bears_idle_connections().await;
}

#[tokio::test]
async fn nonsense_is_answered_and_no_file_is_shown() {
    let program = program().await;
    program.target.bears_nonsense().await;
    let paths = [
        "/etc/passwd",
        "../../etc/passwd",
        "/master/log/../../../etc/passwd",
        "%2e%2e/%2e%2e/etc/passwd",
        "%2fetc%2fpasswd",
        "/master/log%00",
    ];
    program.target.shows_no_file(&paths.map(String::from)).await;
}

/// Whether they are frameworks or operators, little is kept for them.
#[tokio::test]
async fn those_who_subscribe_and_never_read_are_given_up() {
    let program = program().await;
    let client = Client::new(program.target.address);
    let info = json!({"user": "root", "name": "deaf", "failover_timeout": 1000, "roles": ["*"], "capabilities": [{"type": "MULTI_ROLE"}]});
    let subscribe = json!({"type": "SUBSCRIBE", "subscribe": {"framework_info": info}});
    let mut agent = Agent::register(&Upid::new("master", program.target.address)).await;
    let mut deaf = client.subscribe(&subscribe).await;
    let json = "application/json";
    let headers = [("Content-Type", json), ("Accept", json)];
    let operator = client
        .subscribe_with("/api/v1", &headers, br#"{"type":"SUBSCRIBE"}"#)
        .await;
    let subscribed = deaf.next_of("SUBSCRIBED").await;
    let framework = subscribed["subscribed"]["framework_id"].clone();
    let offers = deaf.next_of("OFFERS").await;
    let offer = &offers["offers"]["offers"][0];
    let task = json!({
        "name": "t", "task_id": {"value": "t"}, "agent_id": offer["agent_id"], "command": {"value": "true"},
        "resources": [{"name": "cpus", "type": "SCALAR", "scalar": {"value": 0.1}, "allocation_info": {"role": "*"}}],
    });
    let accept = json!({
        "type": "ACCEPT", "framework_id": framework,
        "accept": {"offer_ids": [offer["id"]], "operations": [{"type": "LAUNCH", "launch": {"task_infos": [task]}}]},
    });
    let id = deaf.id.clone();
    assert_eq!(
        client
            .call("/api/v1/scheduler", Some(&id), &accept)
            .await
            .status,
        202
    );
    let _: RunTaskMessage = agent.next().await;
    let before = program.target.memory();
    let framework = framework["value"].as_str().expect("an id");
    for number in 0..300 {
        // Operators are told of changes alone.
        let state = match number % 2 {
            0 => TaskState::TASK_STARTING,
            _ => TaskState::TASK_RUNNING,
        };
        agent.update_with(framework, "t", state, vec![b'x'; MB / 2]);
        // In step, so that nothing waits on this side.
        if number % 10 == 9 {
            program.target.serves().await;
        }
    }
    let grown = program.target.memory().saturating_sub(before);
    assert!(
        grown < 128 * MB,
        "{} MB for two who do not read",
        grown / MB
    );
    // The framework's stream is over, behind what it still holds.
    let rest = async { while deaf.next_record().await.is_some() {} };
    timeout(Duration::from_secs(30), rest).await.expect("ended");
    drop(operator);
    program.target.serves().await;
}
