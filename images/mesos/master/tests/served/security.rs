//! A master that asks who comes: over HTTP, and over libprocess.

use std::sync::Arc;

use base64::Engine as _;
use mesos_proto::messages::{
    AuthenticateMessage, AuthenticationMechanismsMessage, AuthenticationStartMessage,
    AuthenticationStepMessage, FrameworkErrorMessage, FrameworkRegisteredMessage,
    RegisterSlaveMessage, SlaveRegisteredMessage,
};
use mesos_proto::scheduler::{Call, call};
use mesos_wire::authentication::{Credential, cram_md5};
use mesos_wire::http::{Request, Response};
use mesos_wire::libprocess::{BoxFuture, Handler, Message, Process};
use mesos_wire::pid::Upid;
use protobuf::{Message as _, MessageFull};
use serde_json::json;
use tokio::sync::mpsc;

use crate::site::Site;

const KNOWN: &str =
    r#"{"credentials":[{"principal":"p","secret":"s"},{"principal":"q","secret":"t"}]}"#;

/// A master that knows two principals, with these flags besides.
async fn site(more: &[&str]) -> (Site, tempfile::NamedTempFile) {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), KNOWN).expect("a file");
    let credentials = format!("--credentials=file://{}", file.path().display());
    let flags: Vec<&str> = more.iter().copied().chain([credentials.as_str()]).collect();
    (Site::start(&flags).await, file)
}

fn basic(principal: &str, secret: &str) -> String {
    let pair = format!("{principal}:{secret}");
    let encoded = base64::engine::general_purpose::STANDARD.encode(pair);
    format!("Basic {encoded}")
}

#[tokio::test]
async fn each_realm_asks_for_itself() {
    let every = [
        ("/state", "readonly"),
        ("/master/state.json", "readonly"),
        ("/flags", "readonly"),
        ("/slaves/x", "readonly"),
        ("/metrics/snapshot", "readonly"),
        ("/files/debug", "readonly"),
        ("/registrar(1)/registry", "readonly"),
        ("/maintenance/status", "readonly"),
        ("/maintenance/schedule", "readwrite"),
        ("/weights", "readwrite"),
        ("/quota", "readwrite"),
        ("/teardown", "readwrite"),
        ("/reserve", "readwrite"),
        ("/machine/up", "readwrite"),
        ("/logging/toggle", "readwrite"),
        ("/api/v1", "readwrite"),
        ("/api/v1/scheduler", "scheduler"),
        ("/health", "-"),
        ("/version", "-"),
        ("/", "-"),
        ("/nosuch", "-"),
    ];
    for (flags, realm) in [
        (&["--authenticate_http_readonly"][..], "readonly"),
        (&["--authenticate_http_readwrite"], "readwrite"),
        (
            &[
                "--authenticate_http_frameworks",
                "--http_framework_authenticators=basic",
            ],
            "scheduler",
        ),
    ] {
        let (site, _file) = site_that_asks(flags, realm).await;
        let good = basic("p", "s");
        for (path, of) in every {
            let plain = site.client().get(path).await;
            let asks = of == realm;
            assert_eq!(plain.status == 401, asks, "{realm}: `{path}`");
            if !asks {
                continue;
            }
            assert_eq!(plain.text(), "401 Unauthorized.");
            let challenge = format!("Basic realm=\"mesos-master-{realm}\"");
            assert_eq!(plain.header("www-authenticate"), Some(challenge.as_str()));
            for (claim, want) in [
                (good.clone(), false),
                (basic("p", "t"), true),
                (basic("r", "s"), true),
                ("Basic".to_string(), true),
                ("Bearer x".to_string(), true),
            ] {
                let headers = [("Authorization", claim.as_str())];
                let answer = site.client().request("GET", path, &headers, b"").await;
                assert_eq!(
                    answer.status == 401,
                    want,
                    "{realm}: `{path}` with `{claim}`"
                );
            }
        }
    }
}

async fn site_that_asks(flags: &[&str], realm: &str) -> (Site, tempfile::NamedTempFile) {
    // A site waits for `/state`, which a read-only realm keeps back.
    match realm {
        "readonly" => {
            let file = tempfile::NamedTempFile::new().expect("a file");
            std::fs::write(file.path(), KNOWN).expect("a file");
            let credentials = format!("--credentials={}", file.path().display());
            let flags: Vec<&str> = flags
                .iter()
                .copied()
                .chain([credentials.as_str()])
                .collect();
            (Site::start_with(&flags, 401).await, file)
        }
        _ => site(flags).await,
    }
}

#[tokio::test]
async fn a_frameworks_principal_is_the_one_it_proves() {
    let (site, _file) = site(&[
        "--authenticate_http_frameworks",
        "--http_framework_authenticators=basic",
    ])
    .await;
    let claim = basic("p", "s");
    let json = "application/json";
    let headers = [
        ("Content-Type", json),
        ("Accept", json),
        ("Authorization", claim.as_str()),
    ];
    let path = "/api/v1/scheduler";
    let wrong = json!({"type": "SUBSCRIBE", "subscribe": {"framework_info":
        {"user": "root", "name": "n", "principal": "q"}}});
    let body = wrong.to_string();
    let answer = site
        .client()
        .request("POST", path, &headers, body.as_bytes())
        .await;
    assert_eq!(
        (answer.status, answer.text().as_str()),
        (
            400,
            "Failed to validate scheduler::Call: Authenticated principal 'p' does not match principal 'q' set in `FrameworkInfo`"
        )
    );
    let right = json!({"type": "SUBSCRIBE", "subscribe": {"framework_info":
        {"user": "root", "name": "n"}}});
    let body = right.to_string();
    let mut events = site
        .client()
        .subscribe_with(path, &headers, body.as_bytes())
        .await;
    let id = events.next_of("SUBSCRIBED").await["subscribed"]["framework_id"].clone();
    let shown = site.client().get("/frameworks").await.json();
    assert_eq!(shown["frameworks"][0]["principal"], "p");
    let call = json!({"type": "REVIVE", "framework_id": id}).to_string();
    for (principal, secret, want) in [("p", "s", 202), ("q", "t", 400), ("p", "x", 401)] {
        let claim = basic(principal, secret);
        let headers = [
            ("Content-Type", json),
            ("Mesos-Stream-Id", events.id.as_str()),
            ("Authorization", claim.as_str()),
        ];
        let answer = site
            .client()
            .request("POST", path, &headers, call.as_bytes())
            .await;
        assert_eq!(answer.status, want, "case `{principal}:{secret}`");
    }
}

#[tokio::test]
async fn closed_endpoints_answer_to_nobody() {
    let rules = r#"--firewall_rules={"disabled_endpoints":{"paths":["/flags","/api/v1"]}}"#;
    let (site, _file) = site(&[rules]).await;
    let answer = site.client().get("/flags?x=y").await;
    assert_eq!(
        (answer.status, answer.text().as_str()),
        (403, "Endpoint '/flags' is disabled")
    );
    assert_eq!(site.client().get("/master/flags").await.status, 200);
}

/// A peer that says what a test wants, and hears what the master says.
struct Peer {
    process: Process,
    own: Upid,
    master: Upid,
    inbox: mpsc::UnboundedReceiver<Message>,
    serving: tokio::task::JoinHandle<()>,
}

struct Inbox(mpsc::UnboundedSender<Message>);

impl Handler for Inbox {
    fn delegate(&self) -> &str {
        "peer"
    }

    fn has(&self, _: &str) -> bool {
        true
    }

    fn message(&self, message: Message) {
        // The test may be over.
        let _ = self.0.send(message);
    }

    fn exited(&self, _: Upid) {}

    fn http(self: Arc<Self>, _: Request) -> BoxFuture<Response> {
        Box::pin(async { Response::status(hyper::StatusCode::NOT_FOUND) })
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Peer {
    async fn new(site: &Site) -> Self {
        let any = "127.0.0.1:0".parse().expect("an address");
        let (process, listener) = Process::bind(any, None).await.expect("a free port");
        let (sender, inbox) = mpsc::unbounded_channel();
        let serving = tokio::spawn(listener.serve(Arc::new(Inbox(sender)), std::future::pending()));
        Self {
            own: process.pid("peer"),
            process,
            master: site.pid.clone(),
            inbox,
            serving,
        }
    }

    fn say(&self, message: &impl MessageFull) {
        self.process.send(&self.own, &self.master, message);
    }

    async fn hear(&mut self) -> Message {
        self.inbox.recv().await.expect("a message")
    }

    async fn next<M: MessageFull>(&mut self) -> M {
        let message = self.hear().await;
        assert_eq!(message.name, M::descriptor().full_name());
        M::parse_from_bytes(&message.body).expect("a whole message")
    }

    /// Goes through the exchange; the name of the message that ends it.
    async fn authenticate(&mut self, principal: &str, secret: &str) -> String {
        self.begin().await;
        self.finish(principal, secret).await
    }

    async fn begin(&self) {
        let authenticatee = self.process.pid("crammd5-authenticatee(1)");
        let mut begin = AuthenticateMessage::new();
        begin.set_pid(self.own.to_string());
        self.process.send(&authenticatee, &self.master, &begin);
    }

    async fn finish(&mut self, principal: &str, secret: &str) -> String {
        let authenticatee = self.process.pid("crammd5-authenticatee(1)");
        let named = self.hear().await;
        let mechanisms = AuthenticationMechanismsMessage::parse_from_bytes(&named.body);
        assert_eq!(mechanisms.expect("mechanisms").mechanisms, ["CRAM-MD5"]);
        let session = named.from;
        let mut start = AuthenticationStartMessage::new();
        start.set_mechanism("CRAM-MD5".into());
        self.process.send(&authenticatee, &session, &start);
        let challenge: AuthenticationStepMessage = self.next().await;
        let credential = Credential {
            principal: principal.to_string(),
            secret: secret.to_string(),
        };
        let mut step = AuthenticationStepMessage::new();
        step.set_data(cram_md5::response(&credential, challenge.data()));
        self.process.send(&authenticatee, &session, &step);
        self.hear().await.name
    }
}

fn subscribe(principal: Option<&str>) -> Call {
    let mut call = Call::new();
    call.set_type(call::Type::SUBSCRIBE);
    let info = call
        .subscribe
        .mut_or_insert_default()
        .framework_info
        .mut_or_insert_default();
    info.set_user("root".into());
    info.set_name("driver".into());
    info.principal = principal.map(str::to_string);
    call
}

const COMPLETED: &str = "mesos.internal.AuthenticationCompletedMessage";
const FAILED: &str = "mesos.internal.AuthenticationFailedMessage";

#[tokio::test]
async fn a_driver_subscribes_once_it_has_proved_who_it_is() {
    let (site, _file) = site(&["--authenticate_frameworks"]).await;
    let mut peer = Peer::new(&site).await;
    peer.say(&subscribe(None));
    let error: FrameworkErrorMessage = peer.next().await;
    let own = peer.own.to_string();
    assert_eq!(
        error.message(),
        format!("Framework at {own} is not authenticated")
    );
    assert_eq!(peer.authenticate("p", "wrong").await, FAILED);
    peer.say(&subscribe(None));
    let _: FrameworkErrorMessage = peer.next().await;
    assert_eq!(peer.authenticate("p", "s").await, COMPLETED);
    peer.say(&subscribe(Some("q")));
    let error: FrameworkErrorMessage = peer.next().await;
    assert_eq!(
        error.message(),
        "Framework principal 'q' does not match authenticated principal 'p'"
    );
    peer.say(&subscribe(None));
    let _: FrameworkRegisteredMessage = peer.next().await;
    let shown = site.client().get("/frameworks").await.json();
    assert_eq!(shown["frameworks"][0]["principal"], "p");
}

#[tokio::test]
async fn an_agent_registers_once_it_has_proved_who_it_is() {
    let (site, _file) = site(&["--authenticate_agents"]).await;
    let mut peer = Peer::new(&site).await;
    let mut register = RegisterSlaveMessage::new();
    register
        .slave
        .mut_or_insert_default()
        .set_hostname("h".into());
    register.set_version("1.12.0".into());
    // Not answered at all; and what is said during the exchange waits for its end.
    peer.say(&register);
    peer.begin().await;
    peer.say(&register);
    assert_eq!(peer.finish("q", "t").await, COMPLETED);
    let _: SlaveRegisteredMessage = peer.next().await;
    let shown = site.client().get("/slaves").await.json();
    assert_eq!(shown["slaves"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn who_speaks_out_of_turn_is_told() {
    let (site, _file) = site(&[]).await;
    let mut peer = Peer::new(&site).await;
    peer.begin().await;
    let session = peer.hear().await.from;
    let mut step = AuthenticationStepMessage::new();
    step.set_data(b"p x".to_vec());
    peer.process.send(&peer.own, &session, &step);
    let error: mesos_proto::messages::AuthenticationErrorMessage = peer.next().await;
    assert_eq!(error.error(), "Unexpected authentication 'step' received");
}
