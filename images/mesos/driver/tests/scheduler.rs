//! The scheduler driver against a canned master that speaks raw HTTP on a port of its own.

#![expect(
    clippy::unwrap_used,
    reason = "a test may fail anywhere, its helpers too"
)]

use std::time::Duration;

use mesos_driver::scheduler::{Config, Driver, DriverEvent, MasterAddress, start};
use mesos_proto::mesos::FrameworkInfo;
use mesos_proto::scheduler::{Event, call, event};
use mesos_proto::v1_scheduler::Call;
use mesos_wire::authentication::Credential;
use mesos_wire::recordio::encode;
use protobuf::Message;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

const PATIENCE: Duration = Duration::from_secs(20);

struct Master {
    listener: TcpListener,
    address: MasterAddress,
}

/// A request as the master sees it.
struct Request {
    head: String,
    call: Call,
    stream: TcpStream,
}

impl Master {
    async fn bind() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = MasterAddress::new(listener.local_addr().unwrap().to_string());
        Self { listener, address }
    }

    /// The next request; each comes on a connection of its own, since answers close theirs.
    async fn request(&self) -> Request {
        let (mut stream, _) = tokio::time::timeout(PATIENCE, self.listener.accept())
            .await
            .unwrap()
            .unwrap();
        let mut bytes = Vec::new();
        let end = loop {
            let mut chunk = [0; 4096];
            let count = stream.read(&mut chunk).await.unwrap();
            assert!(count > 0, "the request ended early");
            bytes.extend_from_slice(&chunk[..count]);
            if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
        };
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let length: usize = head
            .lines()
            .find_map(|line| {
                line.to_ascii_lowercase()
                    .strip_prefix("content-length: ")?
                    .parse()
                    .ok()
            })
            .unwrap();
        while bytes.len() < end + length {
            let mut chunk = [0; 4096];
            let count = stream.read(&mut chunk).await.unwrap();
            assert!(count > 0, "the body ended early");
            bytes.extend_from_slice(&chunk[..count]);
        }
        let call = Call::parse_from_bytes(&bytes[end..end + length]).unwrap();
        Request { head, call, stream }
    }
}

impl Request {
    async fn answer(mut self, status: &str, headers: &str, body: &str) {
        let length = body.len();
        let text = format!(
            "HTTP/1.1 {status}\r\n{headers}Connection: close\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        self.stream.write_all(text.as_bytes()).await.unwrap();
    }

    /// Accepts a subscription, and gives the stream to send events on.
    async fn subscribe(mut self, framework: &str, heartbeat_secs: f64) -> Events {
        assert_eq!(self.call.type_(), call::Type::SUBSCRIBE);
        assert!(
            !self.head.to_ascii_lowercase().contains("mesos-stream-id"),
            "{}",
            self.head
        );
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\n\
                    Mesos-Stream-Id: stream-1\r\nTransfer-Encoding: chunked\r\n\r\n";
        self.stream.write_all(head.as_bytes()).await.unwrap();
        let mut events = Events(self.stream);
        let mut event = Event::new();
        event.set_type(event::Type::SUBSCRIBED);
        let subscribed = event.subscribed.mut_or_insert_default();
        subscribed
            .framework_id
            .mut_or_insert_default()
            .set_value(framework.to_string());
        subscribed.set_heartbeat_interval_seconds(heartbeat_secs);
        events.send(&event).await;
        events
    }
}

struct Events(TcpStream);

impl Events {
    /// Sends an event in two chunks: a reader must not rely on one record a chunk.
    async fn send(&mut self, event: &Event) {
        let record = encode(&event.write_to_bytes().unwrap());
        let (first, second) = record.split_at(1);
        for part in [first, second] {
            self.0
                .write_all(format!("{:x}\r\n", part.len()).as_bytes())
                .await
                .unwrap();
            self.0.write_all(part).await.unwrap();
            self.0.write_all(b"\r\n").await.unwrap();
        }
    }
}

fn framework() -> FrameworkInfo {
    let mut info = FrameworkInfo::new();
    info.set_user("root".to_string());
    info.set_name("test".to_string());
    info
}

fn follow(master: &Master) -> (Driver, watch::Sender<Option<MasterAddress>>) {
    let (sender, receiver) = watch::channel(Some(master.address.clone()));
    (start(Config::new(framework()), receiver).unwrap(), sender)
}

async fn next(driver: &mut Driver) -> DriverEvent {
    tokio::time::timeout(PATIENCE, driver.events.recv())
        .await
        .unwrap()
        .expect("an event")
}

async fn next_api(driver: &mut Driver) -> Event {
    match next(driver).await {
        DriverEvent::Api(event) => *event,
        other => panic!("not an event of the API: {other:?}"),
    }
}

fn call_of(kind: call::Type) -> Call {
    let mut call = Call::new();
    call.set_type(kind);
    call
}

#[tokio::test]
async fn a_subscription_carries_events_down_and_calls_up() {
    let master = Master::bind().await;
    let (mut driver, _leader) = follow(&master);
    let request = master.request().await;
    assert!(
        request.head.starts_with("POST /api/v1/scheduler HTTP/1.1"),
        "{}",
        request.head
    );
    assert!(
        request
            .head
            .to_ascii_lowercase()
            .contains("content-type: application/x-protobuf")
    );
    let mut events = request.subscribe("F-1", 15.0).await;
    assert_eq!(
        next_api(&mut driver).await.subscribed.framework_id.value(),
        "F-1"
    );
    let mut offers = Event::new();
    offers.set_type(event::Type::OFFERS);
    events.send(&offers).await;
    assert_eq!(next_api(&mut driver).await.type_(), event::Type::OFFERS);
    driver.calls.send(call_of(call::Type::REVIVE));
    let revive = master.request().await;
    assert_eq!(revive.call.type_(), call::Type::REVIVE);
    assert_eq!(revive.call.framework_id.value(), "F-1");
    assert!(
        revive
            .head
            .to_ascii_lowercase()
            .contains("mesos-stream-id: stream-1"),
        "{}",
        revive.head
    );
    revive.answer("202 Accepted", "", "").await;
    driver.calls.send(call_of(call::Type::SUPPRESS));
    master
        .request()
        .await
        .answer("403 Forbidden", "", "Framework is not subscribed")
        .await;
    match next(&mut driver).await {
        DriverEvent::CallFailed { call, reason } => {
            assert_eq!(call.type_(), call::Type::SUPPRESS);
            assert!(
                reason.contains("403: Framework is not subscribed"),
                "{reason}"
            );
        }
        other => panic!("the refused call did not come back: {other:?}"),
    }
}

#[tokio::test]
async fn every_request_carries_the_credential() {
    let master = Master::bind().await;
    let mut config = Config::new(framework());
    config.credential = Some(Credential {
        principal: "p".to_string(),
        secret: "s:t".to_string(),
    });
    let (_leader, receiver) = watch::channel(Some(master.address.clone()));
    let mut driver = start(config, receiver).unwrap();
    // Base64 of "p:s:t".
    let proof = "authorization: Basic cDpzOnQ=";
    let proves = |head: &str| head.lines().any(|line| line.eq_ignore_ascii_case(proof));
    let request = master.request().await;
    assert!(proves(&request.head), "{}", request.head);
    let _events = request.subscribe("F", 15.0).await;
    assert_eq!(next_api(&mut driver).await.type_(), event::Type::SUBSCRIBED);
    driver.calls.send(call_of(call::Type::REVIVE));
    let revive = master.request().await;
    assert!(proves(&revive.head), "{}", revive.head);
    revive.answer("202 Accepted", "", "").await;
}

#[tokio::test]
async fn a_redirect_is_followed_and_calls_go_where_it_led() {
    let (first, leader) = (Master::bind().await, Master::bind().await);
    let (mut driver, _leader) = follow(&first);
    let location = format!("Location: //{}/master/api/v1/scheduler\r\n", leader.address);
    first
        .request()
        .await
        .answer("307 Temporary Redirect", &location, "")
        .await;
    let request = leader.request().await;
    assert!(
        request.head.starts_with("POST /master/api/v1/scheduler "),
        "{}",
        request.head
    );
    let _events = request.subscribe("F", 15.0).await;
    assert_eq!(next_api(&mut driver).await.type_(), event::Type::SUBSCRIBED);
    driver.calls.send(call_of(call::Type::REVIVE));
    leader.request().await.answer("202 Accepted", "", "").await;
}

#[tokio::test]
async fn a_lost_connection_is_made_again_under_the_same_name() {
    let master = Master::bind().await;
    let (mut driver, _leader) = follow(&master);
    let request = master.request().await;
    assert!(request.call.framework_id.is_none());
    drop(request.subscribe("F-7", 15.0).await);
    assert_eq!(next_api(&mut driver).await.type_(), event::Type::SUBSCRIBED);
    assert!(matches!(
        next(&mut driver).await,
        DriverEvent::Disconnected { .. }
    ));
    master
        .request()
        .await
        .answer("503 Service Unavailable", "", "No leader elected")
        .await;
    let again = master.request().await;
    assert_eq!(again.call.framework_id.value(), "F-7");
    assert_eq!(again.call.subscribe.framework_info.id.value(), "F-7");
    let _events = again.subscribe("F-7", 15.0).await;
    assert_eq!(next_api(&mut driver).await.type_(), event::Type::SUBSCRIBED);
}

#[tokio::test]
async fn silence_for_several_heartbeats_ends_a_connection() {
    let master = Master::bind().await;
    let (mut driver, _leader) = follow(&master);
    let _events = master.request().await.subscribe("F", 0.02).await;
    assert_eq!(next_api(&mut driver).await.type_(), event::Type::SUBSCRIBED);
    match next(&mut driver).await {
        DriverEvent::Disconnected { reason } => {
            assert!(reason.contains("no heartbeat"), "{reason}")
        }
        other => panic!("the silence was not noticed: {other:?}"),
    }
    let _again = master.request().await.subscribe("F", 15.0).await;
}

#[tokio::test]
async fn a_new_leader_is_followed_at_once() {
    let (old, new) = (Master::bind().await, Master::bind().await);
    let (mut driver, leader) = follow(&old);
    let _events = old.request().await.subscribe("F", 15.0).await;
    assert_eq!(next_api(&mut driver).await.type_(), event::Type::SUBSCRIBED);
    // No leader in sight is no reason to leave one that still answers.
    leader.send_replace(None);
    leader.send_replace(Some(new.address.clone()));
    assert!(matches!(
        next(&mut driver).await,
        DriverEvent::Disconnected { .. }
    ));
    let _events = new.request().await.subscribe("F", 15.0).await;
    assert_eq!(next_api(&mut driver).await.type_(), event::Type::SUBSCRIBED);
}

#[tokio::test]
async fn a_call_without_a_master_comes_back() {
    let (_leader, nobody) = watch::channel(None);
    let mut driver = start(Config::new(framework()), nobody).unwrap();
    driver.calls.send(call_of(call::Type::REVIVE));
    match next(&mut driver).await {
        DriverEvent::CallFailed { reason, .. } => assert_eq!(reason, "no master leads"),
        other => panic!("the call went somewhere: {other:?}"),
    }
}
