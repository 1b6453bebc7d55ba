//! Two programs talk over real sockets.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::time::Duration;

use hyper::StatusCode;
use mesos_proto::messages::{PingSlaveMessage, PongSlaveMessage};
use mesos_wire::http::{Request, Response};
use mesos_wire::libprocess::{BoxFuture, Handler, Message, Process};
use mesos_wire::pid::Upid;
use protobuf::Message as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};

const LOCAL: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0);

/// Long enough for a loaded machine; nothing waits this long when all is well.
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Debug, PartialEq)]
enum Seen {
    Message(Message),
    Exited(Upid),
    /// A request with a body of this size.
    Request(usize),
}

struct Recorder {
    id: &'static str,
    seen: mpsc::UnboundedSender<Seen>,
}

impl Handler for Recorder {
    fn delegate(&self) -> &str {
        self.id
    }

    fn has(&self, id: &str) -> bool {
        id == self.id
    }

    fn message(&self, message: Message) {
        let _ = self.seen.send(Seen::Message(message));
    }

    fn exited(&self, pid: Upid) {
        let _ = self.seen.send(Seen::Exited(pid));
    }

    fn http(self: Arc<Self>, mut request: Request) -> BoxFuture<Response> {
        Box::pin(async move {
            let body = match request.bytes().await {
                Ok(body) => body,
                Err(response) => return response,
            };
            if !body.is_empty() {
                let _ = self.seen.send(Seen::Request(body.len()));
            }
            let text = format!("{} {} {}", request.process, request.path, body.len());
            Response::text(StatusCode::OK, text)
        })
    }
}

struct Program {
    process: Process,
    seen: mpsc::UnboundedReceiver<Seen>,
    stop: Option<oneshot::Sender<()>>,
}

impl Program {
    async fn start(id: &'static str) -> Self {
        let (process, listener) = Process::bind(LOCAL, None).await.expect("a free port");
        let (sender, seen) = mpsc::unbounded_channel();
        let (stop, stopped) = oneshot::channel::<()>();
        let handler = Arc::new(Recorder { id, seen: sender });
        tokio::spawn(async move {
            listener
                .serve(handler, async {
                    let _ = stopped.await;
                })
                .await;
        });
        Self {
            process,
            seen,
            stop: Some(stop),
        }
    }

    async fn next(&mut self) -> Seen {
        tokio::time::timeout(PATIENCE, self.seen.recv())
            .await
            .expect("in time")
            .expect("an event")
    }
}

async fn exchange(address: SocketAddrV4, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    stream.write_all(request.as_bytes()).await.expect("written");
    let mut answer = Vec::new();
    let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
    read.expect("in time").expect("an answer");
    String::from_utf8(answer).expect("text")
}

#[tokio::test]
async fn messages_arrive_in_order_with_their_sender() {
    let mut master = Program::start("master").await;
    let agent = Program::start("slave(1)").await;
    let (from, to) = (agent.process.pid("slave(1)"), master.process.pid("master"));
    for connected in [true, false, true] {
        let mut ping = PingSlaveMessage::new();
        ping.set_connected(connected);
        agent.process.send(&from, &to, &ping);
    }
    agent.process.send(&from, &to, &PongSlaveMessage::new());
    for connected in [true, false, true] {
        let Seen::Message(message) = master.next().await else {
            panic!("no message")
        };
        assert_eq!((&message.from, message.to.as_str()), (&from, "master"));
        assert_eq!(message.name, "mesos.internal.PingSlaveMessage");
        let ping = PingSlaveMessage::parse_from_bytes(&message.body).expect("a ping");
        assert_eq!(ping.connected(), connected);
    }
    let Seen::Message(message) = master.next().await else {
        panic!("no message")
    };
    assert_eq!(
        (message.name.as_str(), message.body.len()),
        ("mesos.internal.PongSlaveMessage", 0)
    );
}

#[tokio::test]
async fn a_link_tells_of_the_peers_end() {
    let mut master = Program::start("master").await;
    let mut agent = Program::start("slave(1)").await;
    let linked = agent.process.pid("slave(1)");
    master.process.link(&linked);
    master.process.send(
        &master.process.pid("master"),
        &linked,
        &PongSlaveMessage::new(),
    );
    assert!(matches!(agent.next().await, Seen::Message(_)));
    drop(agent.stop.take());
    assert_eq!(master.next().await, Seen::Exited(linked.clone()));
    // Nobody listens there any more: a new link ends at once.
    master.process.link(&linked);
    assert_eq!(master.next().await, Seen::Exited(linked));
}

#[tokio::test]
async fn requests_are_answered_by_status() {
    let master = Program::start("master").await;
    let address = master.process.address();
    let message = "User-Agent: libprocess/a@127.0.0.1:1\r\nConnection: close\r\nHost: x\r\n\r\n";
    let plain = "Connection: close\r\nHost: x\r\n\r\n";
    let cases = [
        (
            format!("POST /master/a.B HTTP/1.1\r\n{message}"),
            "HTTP/1.1 202 Accepted",
        ),
        (
            format!("POST /nobody/a.B HTTP/1.1\r\n{message}"),
            "HTTP/1.1 404 Not Found",
        ),
        (
            format!("POST /master HTTP/1.1\r\n{message}"),
            "HTTP/1.1 500 Internal",
        ),
        (
            format!("POST /master/a HTTP/1.1\r\nLibprocess-From: x\r\n{plain}"),
            "HTTP/1.1 500 Internal",
        ),
        (
            format!("GET /../etc/passwd HTTP/1.1\r\n{plain}"),
            "HTTP/1.1 404 Not Found",
        ),
        (
            format!("GET /a?x=%zz HTTP/1.1\r\n{plain}"),
            "HTTP/1.1 400 Bad Request",
        ),
    ];
    for (request, want) in cases {
        let answer = exchange(address, &request).await;
        assert!(answer.starts_with(want), "`{request}` got `{answer}`");
        assert!(answer.contains("Date: "), "`{request}` got no date");
    }
}

#[tokio::test]
async fn paths_that_name_no_process_are_the_delegates() {
    let master = Program::start("master").await;
    for (path, want) in [
        ("/state", "master state 0"),
        ("/master/state/", "master state 0"),
        ("/%6Daster/api/v1", "master api/v1 0"),
        ("/", "master  0"),
    ] {
        let request = format!("GET {path} HTTP/1.1\r\nConnection: close\r\nHost: x\r\n\r\n");
        let answer = exchange(master.process.address(), &request).await;
        assert!(answer.ends_with(want), "`{path}` got `{answer}`");
    }
}

/// The original opens a connection for a message to somebody whom it does not watch, and closes it
/// right after its last byte.
#[tokio::test]
async fn what_was_sent_before_the_end_arrives() {
    const MESSAGES: usize = 20;
    const SIZE: usize = 20_000;
    let mut master = Program::start("master").await;
    let address = master.process.address();
    let one = |sender: &str| {
        format!(
            "POST /master/a.B HTTP/1.1\r\n{sender}Connection: Keep-Alive\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n{SIZE:x}\r\n{}\r\n0\r\n\r\n",
            "x".repeat(SIZE)
        )
    };
    for round in 0..40 {
        let mut stream = TcpStream::connect(address).await.expect("a connection");
        let count = round % MESSAGES + 1;
        let sender = ["Libprocess-From: a@127.0.0.1:1\r\n", ""][round % 2];
        let bytes = one(sender).repeat(count);
        stream.write_all(bytes.as_bytes()).await.expect("written");
        stream.shutdown().await.expect("shut down");
        for _ in 0..count {
            match master.next().await {
                Seen::Message(message) => assert_eq!(message.body.len(), SIZE),
                Seen::Request(size) => assert_eq!(size, SIZE),
                Seen::Exited(pid) => panic!("{pid} exited"),
            }
        }
    }
}
