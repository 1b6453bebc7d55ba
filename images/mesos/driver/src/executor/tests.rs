//! The driver against an agent that the test plays, over a socket.

use std::time::Duration;

use mesos_proto::executor::{self as api, Call, call};
use mesos_proto::mesos::{TaskID, TaskInfo, TaskState, TaskStatus};
use mesos_wire::recordio;
use protobuf::Message as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::*;

/// Longer than anything takes that works.
const PATIENCE: Duration = Duration::from_secs(20);

fn environment(listener: &TcpListener, checkpoint: bool) -> Environment {
    let address = listener.local_addr().expect("bound").to_string();
    Environment::from_lookup(|name| match name {
        "MESOS_AGENT_ENDPOINT" => Some(address.clone()),
        "MESOS_FRAMEWORK_ID" => Some("F".to_string()),
        "MESOS_EXECUTOR_ID" => Some("E".to_string()),
        "MESOS_CHECKPOINT" if checkpoint => Some("1".to_string()),
        "MESOS_RECOVERY_TIMEOUT" => Some("10secs".to_string()),
        _ => None,
    })
    .expect("complete")
}

/// Takes one request from a new connection.
async fn request(listener: &TcpListener) -> (TcpStream, String, Call) {
    let (mut stream, _) = timeout(PATIENCE, listener.accept())
        .await
        .expect("in time")
        .expect("one");
    let (head, call) = read(&mut stream).await;
    (stream, head, call)
}

async fn read(stream: &mut TcpStream) -> (String, Call) {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some(end) = text.find("\r\n\r\n") {
            let length = text
                .to_ascii_lowercase()
                .lines()
                .find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok())
                .expect("a length");
            if bytes.len() >= end + 4 + length {
                let call = Call::parse_from_bytes(&bytes[end + 4..]).expect("a call");
                return (text[..end].to_string(), call);
            }
        }
        let mut piece = [0; 4096];
        let count = timeout(PATIENCE, stream.read(&mut piece))
            .await
            .expect("in time")
            .expect("bytes");
        assert!(count > 0, "the request is cut off");
        bytes.extend_from_slice(&piece[..count]);
    }
}

async fn open_stream(stream: &mut TcpStream, events: &[api::Event]) {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nTransfer-Encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).await.expect("sent");
    for event in events {
        send(stream, event).await;
    }
}

async fn send(stream: &mut TcpStream, event: &api::Event) {
    let record = recordio::encode(&event.write_to_bytes().expect("whole"));
    let mut chunk = format!("{:x}\r\n", record.len()).into_bytes();
    chunk.extend_from_slice(&record);
    chunk.extend_from_slice(b"\r\n");
    stream.write_all(&chunk).await.expect("sent");
}

fn launch(task: &str) -> api::Event {
    let mut id = TaskID::new();
    id.set_value(task.to_string());
    let mut info = TaskInfo::new();
    info.set_name(task.to_string());
    info.task_id = Some(id).into();
    info.slave_id
        .mut_or_insert_default()
        .set_value("S".to_string());
    let mut event = api::Event::new();
    event.set_type(api::event::Type::LAUNCH);
    event.launch.mut_or_insert_default().task = Some(info).into();
    event
}

fn acknowledged(status: &TaskStatus) -> api::Event {
    let mut event = api::Event::new();
    event.set_type(api::event::Type::ACKNOWLEDGED);
    let body = event.acknowledged.mut_or_insert_default();
    body.task_id = status.task_id.clone();
    body.set_uuid(status.uuid().to_vec());
    event
}

async fn next(events: &mut Events) -> Option<Event> {
    timeout(PATIENCE, events.next()).await.expect("in time")
}

#[tokio::test]
async fn what_is_not_acknowledged_is_told_to_the_agent_that_comes_back() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let (driver, mut events) = start(environment(&listener, true));
    let (mut stream, head, call) = request(&listener).await;
    assert!(
        head.starts_with("POST /slave(1)/api/v1/executor HTTP/1.1"),
        "{head}"
    );
    assert!(
        head.to_ascii_lowercase()
            .contains("content-type: application/x-protobuf")
    );
    assert_eq!(call.type_(), call::Type::SUBSCRIBE);
    assert_eq!(
        (call.framework_id.value(), call.executor_id.value()),
        ("F", "E")
    );
    open_stream(&mut stream, &[launch("t")]).await;
    let Some(Event::Launch(task)) = next(&mut events).await else {
        panic!("no task")
    };
    let mut status = TaskStatus::new();
    status.task_id = task.task_id.clone();
    status.set_state(TaskState::TASK_RUNNING);
    driver.update(status);
    let (mut second, _, call) = request(&listener).await;
    let sent = call.update.status.clone().into_option().expect("a status");
    assert_eq!(sent.uuid().len(), 16);
    assert_eq!(sent.executor_id.value(), "E");
    second
        .write_all(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
        .await
        .expect("sent");
    // The agent goes before it acknowledges, and comes back.
    drop((stream, second));
    let (mut stream, _, call) = request(&listener).await;
    assert_eq!(call.type_(), call::Type::SUBSCRIBE);
    assert_eq!(call.subscribe.unacknowledged_tasks.len(), 1);
    assert_eq!(
        call.subscribe.unacknowledged_updates[0].status.uuid(),
        sent.uuid()
    );
    open_stream(&mut stream, &[acknowledged(&sent)]).await;
    assert!(timeout(PATIENCE, driver.settled()).await.expect("in time"));
    let mut shutdown = api::Event::new();
    shutdown.set_type(api::event::Type::SHUTDOWN);
    send(&mut stream, &shutdown).await;
    assert_eq!(next(&mut events).await, Some(Event::Shutdown));
    assert_eq!(next(&mut events).await, None);
}

#[tokio::test]
async fn without_checkpoints_an_agent_that_goes_is_the_end() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let (_driver, mut events) = start(environment(&listener, false));
    let (mut stream, ..) = request(&listener).await;
    open_stream(&mut stream, &[]).await;
    drop(stream);
    assert_eq!(next(&mut events).await, Some(Event::Shutdown));
}

#[tokio::test]
async fn an_agent_that_knows_no_such_executor_is_believed() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let (_driver, mut events) = start(environment(&listener, true));
    // One that recovers is asked again.
    let busy = "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    let (mut stream, ..) = request(&listener).await;
    stream.write_all(busy.as_bytes()).await.expect("sent");
    drop(stream);
    let (mut stream, ..) = request(&listener).await;
    let text = "Executor cannot be found";
    let answer = format!(
        "HTTP/1.1 400 Bad Request\r\nContent-Length: {}\r\n\r\n{text}",
        text.len()
    );
    stream.write_all(answer.as_bytes()).await.expect("sent");
    let Some(Event::Error(said)) = next(&mut events).await else {
        panic!("no error")
    };
    assert!(said.contains(text), "{said}");
    assert_eq!(next(&mut events).await, Some(Event::Shutdown));
}

#[tokio::test]
async fn how_tasks_end_is_told_even_after_the_order_to_shut_down() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let (driver, mut events) = start(environment(&listener, false));
    let (mut stream, ..) = request(&listener).await;
    let mut shutdown = api::Event::new();
    shutdown.set_type(api::event::Type::SHUTDOWN);
    open_stream(&mut stream, &[launch("t"), shutdown]).await;
    let Some(Event::Launch(task)) = next(&mut events).await else {
        panic!("no task")
    };
    assert_eq!(next(&mut events).await, Some(Event::Shutdown));
    let mut status = TaskStatus::new();
    status.task_id = task.task_id.clone();
    status.set_state(TaskState::TASK_KILLED);
    driver.update(status);
    let (_second, _, call) = request(&listener).await;
    let sent = call.update.status.clone().into_option().expect("a status");
    assert_eq!(sent.state(), TaskState::TASK_KILLED);
    send(&mut stream, &acknowledged(&sent)).await;
    assert!(timeout(PATIENCE, driver.settled()).await.expect("in time"));
}
