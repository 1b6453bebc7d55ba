//! High availability: three masters on one registry, and what the loss of the one that leads costs, which is time alone.

use mesos_proto::mesos::{Task, TaskState};
use mesos_proto::messages::{
    ApplyOperationMessage, RunTaskMessage, StatusUpdateAcknowledgementMessage,
};
use mesos_wire::resources::operation::upgraded;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::agent::{Agent, Belongings};
use crate::client::{Client, Events};
use crate::masters::{Leader, Masters};

const API: &str = "/api/v1";

/// A framework that finds its way to whoever leads.
struct Framework {
    id: String,
    events: Events,
    client: Client,
}

impl Framework {
    /// Subscribes; with an id, as the one that it was.
    async fn subscribe(leader: &Leader, id: Option<&str>) -> Self {
        let mut info = json!({
            "user": "root", "name": "three", "roles": ["free"], "failover_timeout": 600, "checkpoint": true,
            "capabilities": [{"type": "MULTI_ROLE"}, {"type": "RESERVATION_REFINEMENT"}, {"type": "PARTITION_AWARE"}],
        });
        let mut call = json!({"type": "SUBSCRIBE"});
        if let Some(id) = id {
            info["id"] = json!({ "value": id });
            call["framework_id"] = info["id"].clone();
        }
        call["subscribe"] = json!({"framework_info": info});
        let client = leader.client();
        let mut events = client.subscribe(&call).await;
        let first = events.next().await.expect("the first event");
        let id = first["subscribed"]["framework_id"]["value"]
            .as_str()
            .expect("an id")
            .to_string();
        Self { id, events, client }
    }

    async fn call(&self, kind: &str, body: Value) {
        let call = json!({"type": kind, "framework_id": {"value": self.id}, kind.to_ascii_lowercase(): body});
        let path = "/api/v1/scheduler";
        let answer = self.client.call(path, Some(&self.events.id), &call).await;
        assert_eq!(answer.status, 202, "{kind}: {}", answer.text());
    }

    async fn acknowledge(&self, status: &Value) {
        let body = json!({"agent_id": status["agent_id"], "task_id": status["task_id"], "uuid": status["uuid"]});
        self.call("ACKNOWLEDGE", body).await;
    }

    /// What the master says of a task when it is asked.
    async fn reconciled(&mut self, task: &str) -> Value {
        let body = json!({"tasks": [{"task_id": {"value": task}}]});
        self.call("RECONCILE", body).await;
        self.events.next_of("UPDATE").await["update"]["status"].clone()
    }
}

fn cpus(amount: f64) -> Value {
    json!({"name": "cpus", "type": "SCALAR", "scalar": {"value": amount}})
}

/// What operators decide, and what is known of it later.
async fn decide(client: &Client, agent: &str) {
    let machine = json!({"hostname": "elsewhere", "ip": "10.1.2.3"});
    let window =
        json!({"machine_ids": [machine], "unavailability": {"start": {"nanoseconds": 10}}});
    let mut reserved = cpus(1.0);
    reserved["reservations"] = json!([{"type": "DYNAMIC", "role": "kept"}]);
    for (kind, body, status) in [
        (
            "UPDATE_WEIGHTS",
            json!({"weight_infos": [{"role": "kept", "weight": 7}]}),
            200,
        ),
        (
            "UPDATE_QUOTA",
            json!({"quota_configs": [{"role": "kept", "limits": {"cpus": {"value": 3}}}]}),
            200,
        ),
        (
            "UPDATE_MAINTENANCE_SCHEDULE",
            json!({"schedule": {"windows": [window]}}),
            200,
        ),
        ("START_MAINTENANCE", json!({"machines": [machine]}), 200),
        (
            "RESERVE_RESOURCES",
            json!({"agent_id": {"value": agent}, "resources": [reserved]}),
            202,
        ),
    ] {
        let call = json!({"type": kind, kind.to_ascii_lowercase(): body});
        let answer = client.call(API, None, &call).await;
        assert_eq!(answer.status, status, "{kind}: {}", answer.text());
    }
}

async fn check_decisions(client: &Client) {
    let weights = client.get("/weights").await.json();
    assert_eq!(weights, json!([{"role": "kept", "weight": 7.0}]));
    let quota = client.get("/quota").await.json()["configs"].clone();
    assert_eq!(
        quota,
        json!([{"role": "kept", "limits": {"cpus": {"value": 3.0}}}])
    );
    let windows = client.get("/maintenance/schedule").await.json()["windows"].clone();
    assert_eq!(windows[0]["machine_ids"][0]["ip"], "10.1.2.3");
    let down = client.get("/maintenance/status").await.json()["down_machines"].clone();
    assert_eq!(down[0]["hostname"], "elsewhere");
}

/// The agent's row in the master's list: there is one, and it has what was reserved.
async fn check_agent(client: &Client, agent: &str) {
    let slaves = client.get("/slaves").await.json();
    assert_eq!(slaves["recovered_slaves"], json!([]));
    assert_eq!(slaves["slaves"].as_array().map(Vec::len), Some(1));
    let row = &slaves["slaves"][0];
    assert_eq!((&row["id"], &row["active"]), (&json!(agent), &json!(true)));
    assert_eq!(row["reserved_resources"]["kept"]["cpus"], 1.0);
    assert_eq!(row["used_resources"]["cpus"], 0.5);
}

/// An agent with a framework's task that runs, decisions of operators, and what the agent has from then on.
async fn settle(leader: &Leader) -> (Agent, Framework, Belongings) {
    let mut agent = Agent::register(&leader.pid).await;
    decide(&leader.client(), &agent.id).await;
    let applied: ApplyOperationMessage = agent.next().await;
    let reserve = &applied.operation_info.reserve;
    let checkpointed = reserve
        .resources
        .iter()
        .map(|r| upgraded(r).expect("valid"));
    let checkpointed = checkpointed.collect();
    let mut framework = Framework::subscribe(leader, None).await;
    let offer = framework.events.next_of("OFFERS").await["offers"]["offers"][0].clone();
    let launch = json!({
        "name": "long", "task_id": {"value": "long"}, "agent_id": offer["agent_id"],
        "resources": [cpus(0.5)], "command": {"value": "sleep 1000"},
    });
    let operation = json!({"type": "LAUNCH", "launch": {"task_infos": [launch]}});
    let accept = json!({"offer_ids": [offer["id"]], "operations": [operation]});
    framework.call("ACCEPT", accept).await;
    assert_eq!(offer["agent_id"]["value"], agent.id);
    let run: RunTaskMessage = agent.next().await;
    agent.update(&framework.id, "long", TaskState::TASK_RUNNING);
    let update = framework.events.next_of("UPDATE").await["update"]["status"].clone();
    assert_eq!(update["state"], "TASK_RUNNING");
    framework.acknowledge(&update).await;
    let _: StatusUpdateAcknowledgementMessage = agent.next().await;
    let task = Task {
        name: run.task.name.clone(),
        task_id: run.task.task_id.clone(),
        framework_id: run.framework.id.clone(),
        slave_id: run.task.slave_id.clone(),
        state: Some(TaskState::TASK_RUNNING.into()),
        resources: run.task.resources.clone(),
        ..Default::default()
    };
    let has = Belongings {
        checkpointed,
        frameworks: vec![run.framework.clone().unwrap_or_default()],
        tasks: vec![task],
    };
    check_decisions(&leader.client()).await;
    check_agent(&leader.client(), &agent.id).await;
    (agent, framework, has)
}

/// Agent and framework come back to a new leader, which then knows all that the former one knew.
async fn come_back(
    leader: &Leader,
    agent: &mut Agent,
    has: &Belongings,
    framework: &str,
) -> Framework {
    let client = leader.client();
    check_decisions(&client).await;
    let expected = client.get("/slaves").await.json()["recovered_slaves"].clone();
    assert_eq!(expected[0]["id"], agent.id);
    agent.reregister(&leader.pid, has).await;
    let mut framework = Framework::subscribe(leader, Some(framework)).await;
    framework.events.next_of("OFFERS").await;
    check_agent(&client, &agent.id).await;
    let status = framework.reconciled("long").await;
    assert_eq!(
        (&status["state"], &status["reason"]),
        (&json!("TASK_RUNNING"), &json!("REASON_RECONCILIATION"))
    );
    let tasks = client.get("/tasks").await.json()["tasks"].clone();
    assert_eq!(tasks.as_array().map(Vec::len), Some(1));
    assert_eq!(
        (&tasks[0]["id"], &tasks[0]["state"]),
        (&json!("long"), &json!("TASK_RUNNING"))
    );
    framework
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_the_leading_master_killed_nothing_is_lost() {
    let mut masters = Masters::start(3);
    let candidates = masters.until_candidates(3).await;
    let first = masters.until_led_by_another(&[]).await;
    for other in candidates.iter().filter(|c| c.hostname != first.hostname) {
        let metrics = other.client().get("/metrics/snapshot").await.json();
        assert_eq!(metrics["master/elected"], 0.0);
        let place = format!(
            "//{}:{}/master/state",
            first.hostname,
            first.pid.address.port()
        );
        // Until it has heard who leads it says 503.
        let mut answer = other.client().get("/state").await;
        while answer.status == 503 {
            tokio::task::yield_now().await;
            answer = other.client().get("/state").await;
        }
        assert_eq!(
            (answer.status, answer.header("location")),
            (307, Some(place.as_str()))
        );
    }
    let (mut agent, mut framework, has) = settle(&first).await;

    masters.kill(&first);
    framework.events.end().await;
    let second = masters.until_led_by_another(&[&first]).await;
    let id = framework.id.clone();
    let framework = come_back(&second, &mut agent, &has, &id).await;
    assert_eq!(framework.id, id);

    masters.kill(&second);
    let third = masters.until_led_by_another(&[&first, &second]).await;
    let mut framework = come_back(&third, &mut agent, &has, &id).await;
    assert_eq!(
        masters.until_candidates(1).await[0].hostname,
        third.hostname
    );
    agent.update(&id, "long", TaskState::TASK_FINISHED);
    let update = framework.events.next_of("UPDATE").await["update"]["status"].clone();
    assert_eq!(update["state"], "TASK_FINISHED");
}

/// Sends a request and reads until the connection ends.
async fn exchange(mut stream: TcpStream, request: String) -> String {
    // Whoever does not answer may close at any time.
    let _ = stream.write_all(request.as_bytes()).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_master_that_was_paused_while_another_was_elected_decides_nothing_more() {
    let mut masters = Masters::start(3);
    masters.until_candidates(3).await;
    let first = masters.until_led_by_another(&[]).await;
    let (mut agent, framework, has) = settle(&first).await;

    masters.signal(&first, "STOP");
    // They wait at its door, so that it meets them before anything tells it that it was deposed.
    let mut waiting = Vec::new();
    for number in 1..=5 {
        let stream = TcpStream::connect(first.pid.address)
            .await
            .expect("a connection");
        let body = format!(r#"[{{"role":"late{number}","weight":{number}}}]"#);
        let request = format!(
            "PUT /weights HTTP/1.1\r\nHost: m\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        waiting.push(tokio::spawn(exchange(stream, request)));
    }
    masters.expire(&first);
    let second = masters.until_led_by_another(&[&first]).await;
    let id = framework.id.clone();
    let framework = come_back(&second, &mut agent, &has, &id).await;

    masters.signal(&first, "CONT");
    for waiting in waiting {
        let answer = waiting.await.expect("no panic");
        assert!(!answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    let ended = masters.until_ended(&first).await;
    assert_eq!(ended.code(), Some(1), "it ends, and says that it failed");
    check_decisions(&second.client()).await;
    check_agent(&second.client(), &agent.id).await;
    drop(framework);

    // Nor does the one after find anything that the paused one has written.
    masters.kill(&second);
    let third = masters.until_led_by_another(&[&first, &second]).await;
    come_back(&third, &mut agent, &has, &id).await;
}
