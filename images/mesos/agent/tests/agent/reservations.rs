//! A real master, a real agent and a small framework of the v1 API: reservations and a volume from
//! their making to their end.

use std::ffi::OsString;
use std::path::Path;

use mesos_master::flags::{FLAGS, Settings};
use mesos_master::server::Server;
use mesos_wire::flags::{Flags, Request};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::client::{Client, Events};
use crate::folder::folder;
use crate::support::{self, PATIENCE, Port, eventually};

/// A master that leads nobody else's cluster.
async fn master() -> Client {
    let args = [
        "--ip=127.0.0.1",
        "--port=0",
        "--hostname=localhost",
        "--registry=in_memory",
        "--quorum=1",
        "--work_dir=/nowhere",
        "--allocation_interval=50ms",
    ];
    let Ok(Request::Run(flags)) = Flags::parse(FLAGS, args.map(OsString::from), []) else {
        panic!("the flags of the test are wrong");
    };
    let settings = Settings::new(flags).expect("settings");
    let server = Server::bind(settings).await.expect("a free port");
    let address = server.address();
    tokio::spawn(server.serve(std::future::pending()));
    Client::new(address)
}

struct Framework {
    client: Client,
    events: Events,
    id: String,
}

impl Framework {
    async fn subscribe(client: Client) -> Self {
        let capabilities = ["MULTI_ROLE", "RESERVATION_REFINEMENT", "PARTITION_AWARE"];
        let capabilities: Vec<Value> = capabilities.iter().map(|k| json!({"type": k})).collect();
        let call = json!({"type": "SUBSCRIBE", "subscribe": {"framework_info": {
            "user": "root", "name": "f", "roles": ["prod"], "checkpoint": true,
            "failover_timeout": 60.0, "capabilities": capabilities}}});
        let mut events = client.subscribe(&call).await;
        let subscribed = events.next_of("SUBSCRIBED").await;
        let id = &subscribed["subscribed"]["framework_id"]["value"];
        let id = id.as_str().expect("an id").to_string();
        Self { client, events, id }
    }

    async fn call(&self, mut call: Value) {
        call["framework_id"] = json!({"value": self.id});
        let stream = Some(self.events.id.as_str());
        let answer = self.client.call("/api/v1/scheduler", stream, &call).await;
        assert_eq!(answer.status, 202, "{}: {}", call["type"], answer.text());
    }

    async fn accept(&self, offer: &Value, operations: Value) {
        let accept = json!({"offer_ids": [offer["id"]], "operations": operations,
            "filters": {"refuse_seconds": 0.0}});
        self.call(json!({"type": "ACCEPT", "accept": accept})).await;
    }

    /// The next offer that has `wanted` in it; others are declined.
    async fn offer(&mut self, wanted: &str) -> Value {
        loop {
            let event = self.events.next_of("OFFERS").await;
            for offer in event["offers"]["offers"].as_array().expect("offers") {
                if offer["resources"].to_string().contains(wanted) {
                    return offer.clone();
                }
                self.decline(offer).await;
            }
        }
    }

    /// Gives an offer back; what was in it is offered again at once.
    async fn decline(&self, offer: &Value) {
        let decline = json!({"offer_ids": [offer["id"]], "filters": {"refuse_seconds": 0.0}});
        self.call(json!({"type": "DECLINE", "decline": decline}))
            .await;
    }

    /// Hears and acknowledges until all of these have come, each a task's or an operation's id and a
    /// state. Offers that come meanwhile are declined: what a task used is offered once the master knows that it has ended,
    /// and the framework may hear of its end later.
    async fn hear(&mut self, wanted: &[(&str, &str)]) {
        let mut missing = wanted.to_vec();
        while !missing.is_empty() {
            let event = self.events.next().await.expect("the stream goes on");
            let (id, status) = match event["type"].as_str() {
                Some("UPDATE") => {
                    let status = event["update"]["status"].clone();
                    if !status["uuid"].is_null() {
                        let acknowledge = json!({"agent_id": status["agent_id"],
                            "task_id": status["task_id"], "uuid": status["uuid"]});
                        self.call(json!({"type": "ACKNOWLEDGE", "acknowledge": acknowledge}))
                            .await;
                    }
                    (status["task_id"]["value"].clone(), status)
                }
                Some("UPDATE_OPERATION_STATUS") => {
                    let status = event["update_operation_status"]["status"].clone();
                    if !status["uuid"].is_null() {
                        let acknowledge = json!({"agent_id": status["agent_id"],
                            "operation_id": status["operation_id"],
                            "uuid": status["uuid"]["value"]});
                        self.call(json!({"type": "ACKNOWLEDGE_OPERATION_STATUS",
                            "acknowledge_operation_status": acknowledge}))
                            .await;
                    }
                    (status["operation_id"]["value"].clone(), status)
                }
                Some("OFFERS") => {
                    for offer in event["offers"]["offers"].as_array().expect("offers") {
                        self.decline(offer).await;
                    }
                    continue;
                }
                _ => continue,
            };
            let state = status["state"].as_str().expect("a state");
            for bad in [
                "TASK_FAILED",
                "TASK_ERROR",
                "TASK_LOST",
                "TASK_DROPPED",
                "OPERATION_ERROR",
                "OPERATION_DROPPED",
            ] {
                assert_ne!(state, bad, "{status}");
            }
            missing.retain(|(of, wanted)| !(id == *of && state == *wanted));
        }
    }
}

fn disk(volume: bool) -> Value {
    let mut disk = json!({"name": "disk", "type": "SCALAR", "scalar": {"value": 64.0},
        "allocation_info": {"role": "prod"},
        "reservations": [{"type": "DYNAMIC", "role": "prod"}]});
    if volume {
        disk["disk"] = json!({"persistence": {"id": "v"},
            "volume": {"container_path": "data", "mode": "RW"}});
    }
    disk
}

fn launch(offer: &Value, id: &str, command: &str) -> Value {
    let scalar = |name: &str, value: f64| {
        json!({"name": name, "type": "SCALAR", "scalar": {"value": value},
            "allocation_info": {"role": "prod"}})
    };
    json!({"type": "LAUNCH", "launch": {"task_infos": [{"name": id, "task_id": {"value": id},
        "agent_id": offer["agent_id"], "command": {"value": command},
        "resources": [scalar("cpus", 0.1), scalar("mem", 32.0), disk(true)]}]}})
}

async fn story(work: &Path) {
    let client = master().await;
    let address = client.address.to_string();
    let port = Port::reserve();
    let mut agent = support::agent_at(&address, work, &port);
    let mut framework = Framework::subscribe(Client::new(client.address)).await;
    let offer = framework.offer("disk").await;
    let operations = json!([
        {"type": "RESERVE", "id": {"value": "reserve"}, "reserve": {"resources": [disk(false)]}},
        {"type": "CREATE", "id": {"value": "create"}, "create": {"volumes": [disk(true)]}},
        launch(&offer, "writer", "echo hello > data/file"),
    ]);
    framework.accept(&offer, operations).await;
    framework
        .hear(&[
            ("reserve", "OPERATION_FINISHED"),
            ("create", "OPERATION_FINISHED"),
            ("writer", "TASK_FINISHED"),
        ])
        .await;
    let volume = work.join("volumes/roles/prod/v");
    let written = std::fs::read_to_string(volume.join("file")).expect("the task has written");
    assert_eq!(written, "hello\n");
    agent.kill().await.expect("it ran");
    let mut agent = support::agent_at(&address, work, &port);
    // The agent that came back is the one that was there: its volume is offered again. An offer from before it went is
    // rescinded when it comes back.
    let again = loop {
        let again = framework.offer("\"persistence\"").await;
        let slaves = client.get("/slaves").await.json();
        let frameworks = client.get("/frameworks").await.json();
        let offers = frameworks["frameworks"][0]["offers"].as_array().cloned();
        let stands =
            offers.is_some_and(|offers| offers.iter().any(|o| o["id"] == again["id"]["value"]));
        if stands && !slaves["slaves"][0]["reregistered_time"].is_null() {
            break again;
        }
        framework.decline(&again).await;
    };
    assert_eq!(again["agent_id"], offer["agent_id"]);
    let reader = launch(&again, "reader", "test \"$(cat data/file)\" = hello");
    framework.accept(&again, json!([reader])).await;
    framework.hear(&[("reader", "TASK_FINISHED")]).await;
    let offer = framework.offer("\"persistence\"").await;
    let operations = json!([
        {"type": "DESTROY", "id": {"value": "destroy"}, "destroy": {"volumes": [disk(true)]}},
        {"type": "UNRESERVE", "id": {"value": "unreserve"}, "unreserve": {"resources": [disk(false)]}},
    ]);
    framework.accept(&offer, operations).await;
    framework
        .hear(&[
            ("destroy", "OPERATION_FINISHED"),
            ("unreserve", "OPERATION_FINISHED"),
        ])
        .await;
    assert!(!volume.exists());
    let slave = client.get("/slaves").await.json()["slaves"][0].clone();
    assert_eq!(slave["reserved_resources"], json!({}));
    assert_eq!(slave["resources"]["disk"], 20480.0);
    // What was made of the agent's resources is still there, so it cannot have fewer of them.
    let reserve = json!({"type": "RESERVE_RESOURCES", "reserve_resources": {
        "agent_id": offer["agent_id"],
        "resources": [{"name": "cpus", "type": "SCALAR", "scalar": {"value": 3.0},
            "reservations": [{"type": "DYNAMIC", "role": "z"}]}]}});
    assert_eq!(client.call("/api/v1", None, &reserve).await.status, 202);
    let state = work.join("meta/resources/resources_and_operations.state");
    let is_kept =
        || std::fs::read(&state).is_ok_and(|bytes| bytes.windows(4).any(|w| w == b"cpus"));
    eventually(is_kept).await;
    agent.kill().await.expect("it ran");
    let smaller = support::agent_with(&address, work, &port, "cpus:2;mem:4096;disk:20480")
        .wait_with_output()
        .await
        .expect("it ends");
    let said = String::from_utf8_lossy(&smaller.stderr).into_owned()
        + &String::from_utf8_lossy(&smaller.stdout);
    assert!(!smaller.status.success());
    assert!(
        said.contains("Incompatible agent resources: ")
            && said.contains(" does not contain cpus:3"),
        "{said}"
    );
}

#[tokio::test]
async fn a_volume_outlives_its_tasks_and_its_agent_until_it_is_destroyed() {
    let work = folder();
    timeout(PATIENCE * 2, story(work.path()))
        .await
        .expect("it all happens in time");
}
