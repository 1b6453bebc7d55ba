//! Messages that the original master and its v0 executor driver sent, played to the agent as they were.

use mesos_proto::mesos::TaskState;
use mesos_proto::messages::{
    RegisterExecutorMessage, RegisterSlaveMessage, RunTaskMessage, StatusUpdateMessage,
};
use mesos_wire::libprocess::{Handler, Message, Process};
use mesos_wire::pid::Upid;
use protobuf::{Message as _, MessageFull};
use serde_json::Value;

use crate::folder::folder;
use crate::support::{self, *};

/// The id that the recorded messages give to the agent.
const AGENT: &str = "17e7496f-7160-4843-b6f7-094801e7ae13-S0";

/// The first recorded message of a type.
fn recorded<M: MessageFull>() -> M {
    let wanted = M::descriptor().full_name().to_string();
    let text = include_str!("../data/messages.jsonl");
    let line = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON"))
        .find(|line| line["name"] == wanted.as_str())
        .expect("recorded");
    let hex = line["body_hex"].as_str().expect("a text");
    let bytes: Vec<u8> = (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex"))
        .collect();
    M::parse_from_bytes(&bytes).expect("it parses")
}

#[tokio::test]
async fn an_agent_registers_with_what_the_original_registers_with() {
    let work = folder();
    let mut master = Master::start().await;
    let _agent = support::agent(&master.address(), work.path());
    let (agent, mut ours): (_, RegisterSlaveMessage) = master.hear().await;
    let mut theirs: RegisterSlaveMessage = recorded();
    assert_eq!(ours.resource_version_uuid.value().len(), 16);
    assert_eq!(ours.slave.port(), i32::from(agent.address.port()));
    // Ports and versions of resources are each agent's own; capabilities are what each can do.
    for message in [&mut ours, &mut theirs] {
        message.resource_version_uuid = None.into();
        message.agent_capabilities.clear();
        message.slave.mut_or_insert_default().clear_port();
    }
    assert_eq!(ours, theirs);
}

struct Ears(tokio::sync::mpsc::UnboundedSender<Message>);

impl Handler for Ears {
    fn delegate(&self) -> &str {
        "executor(1)"
    }
    fn has(&self, id: &str) -> bool {
        id == "executor(1)"
    }
    fn message(&self, message: Message) {
        let _ = self.0.send(message);
    }
    fn exited(&self, _pid: Upid) {}
    fn http(
        self: std::sync::Arc<Self>,
        _request: mesos_wire::http::Request,
    ) -> mesos_wire::libprocess::BoxFuture<mesos_wire::http::Response> {
        Box::pin(async { mesos_wire::http::Response::text(404.try_into().expect("a status"), "") })
    }
}

/// A driver of the v0 API: what it hears, by name, and how it speaks.
async fn driver() -> (Process, tokio::sync::mpsc::UnboundedReceiver<Message>) {
    let any = "127.0.0.1:0".parse().expect("an address");
    let (process, listener) = Process::bind(any, None).await.expect("a port");
    let (sender, heard) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(listener.serve(std::sync::Arc::new(Ears(sender)), std::future::pending()));
    (process, heard)
}

#[tokio::test]
async fn a_v0_executor_is_served_in_its_own_messages() {
    let work = folder();
    let mut master = Master::start().await;
    let _agent = support::agent(&master.address(), work.path());
    let agent = master.register(AGENT).await;
    let mut task: RunTaskMessage = recorded();
    // The recorded version of the agent's resources is not this agent's.
    task.resource_version_uuids.clear();
    // The executor is the test itself; what is started in its place only waits.
    let info = task.task.mut_or_insert_default();
    info.command = None.into();
    let executor = info.executor.mut_or_insert_default();
    executor
        .executor_id
        .mut_or_insert_default()
        .set_value("longtask".to_string());
    executor
        .command
        .mut_or_insert_default()
        .set_value("exec sleep 300".to_string());
    master.send(&agent, &task);

    let (process, mut heard) = driver().await;
    let own = process.pid("executor(1)");
    let register: RegisterExecutorMessage = recorded();
    let mut next = async |wanted: &str| loop {
        let waiting = tokio::time::timeout(std::time::Duration::from_secs(20), heard.recv());
        let message = waiting.await.expect("in time").expect("the agent speaks");
        if message.name == format!("mesos.internal.{wanted}") {
            return message;
        }
        // An executor that comes before its task is told to end: it comes again.
        if message.name.ends_with("ShutdownExecutorMessage") {
            process.send(&own, &agent, &register);
        }
    };
    process.send(&own, &agent, &register);
    next("ExecutorRegisteredMessage").await;
    let run = next("RunTaskMessage").await;
    let run = RunTaskMessage::parse_from_bytes(&run.body).expect("it parses");
    assert_eq!(run.task.task_id.value(), "longtask");

    let report: StatusUpdateMessage = recorded();
    process.send(&own, &agent, &report);
    let ack = next("StatusUpdateAcknowledgementMessage").await;
    let ack =
        mesos_proto::messages::StatusUpdateAcknowledgementMessage::parse_from_bytes(&ack.body);
    assert_eq!(ack.expect("it parses").uuid(), report.update.uuid());
    let told = master.update(&agent).await;
    assert_eq!(told.status.state(), TaskState::TASK_STARTING);
    assert_eq!(told.uuid(), report.update.uuid());

    let mut kill = mesos_proto::messages::KillTaskMessage::new();
    kill.framework_id = register.framework_id.clone();
    kill.task_id = task_id("longtask");
    master.send(&agent, &kill);
    next("KillTaskMessage").await;
    let mut shutdown = mesos_proto::messages::ShutdownFrameworkMessage::new();
    shutdown.framework_id = register.framework_id.clone();
    master.send(&agent, &shutdown);
    next("ShutdownExecutorMessage").await;
}

#[tokio::test]
async fn calls_that_are_wrong_are_answered_in_the_protocols_words() {
    let work = folder();
    let mut master = Master::start().await;
    let _agent = support::agent(&master.address(), work.path());
    let agent = master.register("M-S0").await;
    master
        .hear::<mesos_proto::messages::PongSlaveMessage>()
        .await;
    master.send(&agent, &run(task("M-S0", "t1", "sleep 300"), false));
    assert_eq!(master.state(&agent).await.0, TaskState::TASK_STARTING);
    let call = |framework: &str, kind: &str, rest: &str| {
        format!(
            r#"{{"framework_id":{{"value":"{framework}"}},"executor_id":{{"value":"t1"}},"type":"{kind}"{rest}}}"#
        )
    };
    let update = |uuid: &str, state: &str, source: &str| {
        format!(
            r#","update":{{"status":{{"task_id":{{"value":"t1"}},"state":"{state}","source":"{source}","uuid":"{uuid}"}}}}"#
        )
    };
    let uuid = "DEMyZUxVRGaPjYdm0vQdkg==";
    let prefix = "Failed to validate Executor::Call: ";
    let cases = [
        (
            "/api/v1/executor",
            "{}".to_string(),
            400,
            "Failed to convert JSON into Call protobuf: ",
        ),
        (
            "/api/v1/executor",
            "{".to_string(),
            400,
            "Failed to parse body into JSON: ",
        ),
        (
            "/api/v1/executor",
            call("M-0000", "UPDATE", ""),
            400,
            "Expecting 'update' to be present",
        ),
        (
            "/api/v1/executor",
            call("M-9", "SUBSCRIBE", r#","subscribe":{}"#),
            400,
            "Framework cannot be found",
        ),
        (
            "/api/v1/executor",
            call(
                "M-0000",
                "UPDATE",
                &update("", "TASK_RUNNING", "SOURCE_EXECUTOR"),
            ),
            400,
            "Not a valid UUID",
        ),
        (
            "/api/v1/executor",
            call(
                "M-0000",
                "UPDATE",
                &update(uuid, "TASK_STAGING", "SOURCE_EXECUTOR"),
            ),
            400,
            "Received TASK_STAGING",
        ),
        (
            "/api/v1/executor",
            call(
                "M-0000",
                "UPDATE",
                &update(uuid, "TASK_RUNNING", "SOURCE_AGENT"),
            ),
            400,
            "with invalid source",
        ),
        (
            "/api/v1/executor",
            call("M-0000", "UNKNOWN", ""),
            501,
            "501 Not Implemented.",
        ),
        ("/api/v1/executor", call("M-0000", "HEARTBEAT", ""), 202, ""),
        (
            "/api/v1",
            r#"{"type":"PRUNE_IMAGES"}"#.to_string(),
            501,
            "501 Not Implemented.",
        ),
        (
            "/api/v1",
            r#"{"type":"NO_SUCH"}"#.to_string(),
            400,
            "Failed to validate agent::Call: Expecting 'type' to be present",
        ),
        (
            "/api/v1",
            r#"{"type":"READ_FILE"}"#.to_string(),
            400,
            "Failed to validate agent::Call: Expecting 'read_file' to be present",
        ),
        (
            "/slave(1)/api/v1/operator",
            r#"{"type":"GET_HEALTH"}"#.to_string(),
            200,
            "GET_HEALTH",
        ),
    ];
    for (path, body, status, text) in cases {
        let (got, answer) = post(&agent, path, &body).await;
        assert_eq!(got, status, "case `{body}`: {answer}");
        assert!(answer.contains(text), "case `{body}`: {answer}");
        let validates = text.starts_with("Expecting") || text.starts_with("Received");
        assert!(
            !validates || answer.starts_with(prefix),
            "case `{body}`: {answer}"
        );
    }
    let (status, text) = get(&agent, "/api/v1").await;
    let want = "405 Method Not Allowed. Expecting one of { 'POST' }, but received 'GET'.";
    assert_eq!((status, text.as_str()), (405, want));
    let plain =
        "POST /api/v1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    let (status, text) = http(&agent, plain).await;
    assert_eq!(
        (status, text.as_str()),
        (400, "Expecting 'Content-Type' to be present")
    );
}
