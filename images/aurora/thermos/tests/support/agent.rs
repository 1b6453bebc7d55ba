//! An agent's executor endpoint, as far as one executor sees it: it hands out events and keeps what
//! it is told.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::path::Path;
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use mesos_proto::executor::{Call, Event, call, event};
use mesos_proto::mesos::{TaskInfo, TaskState, TaskStatus};
use protobuf::Message;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

#[derive(Default)]
struct Told {
    statuses: Vec<TaskStatus>,
    events: Option<mpsc::UnboundedSender<Bytes>>,
    /// Events for the next subscription.
    queued: VecDeque<Event>,
    subscriptions: usize,
    unacknowledged: Vec<usize>,
}

#[derive(Clone)]
struct Shared {
    told: Arc<Mutex<Told>>,
    changed: Arc<watch::Sender<u64>>,
}

pub(crate) struct Agent {
    shared: Shared,
    port: u16,
    server: JoinHandle<()>,
}

impl Agent {
    pub(crate) async fn start() -> Self {
        let shared = Shared {
            told: Arc::default(),
            changed: Arc::new(watch::channel(0).0),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = serve(listener, shared.clone());
        Self {
            shared,
            port,
            server,
        }
    }

    /// The agent's process ends, and a new one takes its place.
    pub(crate) async fn restart(&mut self) {
        self.server.abort();
        let _ = (&mut self.server).await;
        self.shared.told.lock().unwrap().events = None;
        let listener = loop {
            // The old connections may keep the port for a moment.
            match TcpListener::bind(("127.0.0.1", self.port)).await {
                Ok(listener) => break listener,
                Err(_) => tokio::task::yield_now().await,
            }
        };
        self.server = serve(listener, self.shared.clone());
    }

    /// Sends an event now, or with the next subscription.
    pub(crate) fn send(&self, event: Event) {
        let mut told = self.shared.told.lock().unwrap();
        match &told.events {
            Some(events) => events.send(frame(&event)).unwrap(),
            None => told.queued.push_back(event),
        }
    }

    pub(crate) fn launch(&self, task: TaskInfo) {
        let mut launch = event::Launch::new();
        launch.task = Some(task).into();
        let mut event = Event::new();
        event.set_type(event::Type::LAUNCH);
        event.launch = Some(launch).into();
        self.send(event);
    }

    pub(crate) fn kill(&self, task_id: &str) {
        let mut kill = event::Kill::new();
        kill.task_id
            .mut_or_insert_default()
            .set_value(task_id.into());
        let mut event = Event::new();
        event.set_type(event::Type::KILL);
        event.kill = Some(kill).into();
        self.send(event);
    }

    pub(crate) fn shutdown(&self) {
        let mut event = Event::new();
        event.set_type(event::Type::SHUTDOWN);
        self.send(event);
    }

    pub(crate) fn statuses(&self) -> Vec<TaskStatus> {
        self.shared.told.lock().unwrap().statuses.clone()
    }

    pub(crate) fn subscriptions(&self) -> usize {
        self.shared.told.lock().unwrap().subscriptions
    }

    /// How many tasks each subscription said were not acknowledged.
    pub(crate) fn unacknowledged(&self) -> Vec<usize> {
        self.shared.told.lock().unwrap().unacknowledged.clone()
    }

    /// Waits until the agent was told what `enough` wants; a minute at most.
    pub(crate) async fn wait(&self, what: &str, enough: impl Fn(&Self) -> bool) {
        let mut changed = self.shared.changed.subscribe();
        let wait = async {
            while !enough(self) {
                changed.changed().await.unwrap();
            }
        };
        if tokio::time::timeout(Duration::from_secs(60), wait)
            .await
            .is_err()
        {
            panic!("never: {what}; told {:#?}", self.said());
        }
    }

    pub(crate) async fn wait_for(&self, state: TaskState) {
        self.wait(&format!("{state:?}"), |agent| {
            agent
                .statuses()
                .iter()
                .any(|status| status.state() == state)
        })
        .await;
    }

    /// State and message of every update.
    pub(crate) fn said(&self) -> Vec<(TaskState, String)> {
        self.statuses()
            .iter()
            .map(|status| (status.state(), status.message().to_string()))
            .collect()
    }

    /// Starts the executor as an agent does.
    pub(crate) fn executor(&self, run: &Path, flags: &[&str]) -> Child {
        self.executor_in(run, flags, &[])
    }

    /// Starts the executor with more in its environment.
    pub(crate) fn executor_in(
        &self,
        run: &Path,
        flags: &[&str],
        environment: &[(&str, &str)],
    ) -> Child {
        let log = std::fs::File::create(run.join("stderr")).unwrap();
        Command::new(env!("CARGO_BIN_EXE_thermos_executor"))
            .args(flags)
            .current_dir(run)
            .env_clear()
            .env("PATH", std::env::var("PATH").unwrap())
            .env("SECRET_OF_THE_AGENT", "1")
            .env(
                "MESOS_SLAVE_PID",
                format!("slave(1)@127.0.0.1:{}", self.port),
            )
            .env("MESOS_AGENT_ENDPOINT", format!("127.0.0.1:{}", self.port))
            .env("MESOS_FRAMEWORK_ID", "F")
            .env("MESOS_EXECUTOR_ID", "E")
            .env("MESOS_SLAVE_ID", "S")
            .env("MESOS_DIRECTORY", run)
            .env("MESOS_SANDBOX", run)
            .env("MESOS_CHECKPOINT", "1")
            .env("MESOS_RECOVERY_TIMEOUT", "1mins")
            .env("MESOS_SUBSCRIPTION_BACKOFF_MAX", "50ms")
            .envs(environment.iter().copied())
            .stderr(log)
            .spawn()
            .unwrap()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn serve(listener: TcpListener, shared: Shared) -> JoinHandle<()> {
    let router = Router::new().fallback(handle).with_state(shared);
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() })
}

fn frame(event: &Event) -> Bytes {
    mesos_wire::recordio::encode(&event.write_to_bytes().unwrap())
}

async fn handle(State(shared): State<Shared>, uri: Uri, body: Bytes) -> Response {
    if uri.path() != "/slave(1)/api/v1/executor" {
        return StatusCode::NOT_FOUND.into_response();
    }
    let call = Call::parse_from_bytes(&body).unwrap();
    assert_eq!(
        (call.executor_id.value(), call.framework_id.value()),
        ("E", "F")
    );
    let mut told = shared.told.lock().unwrap();
    let response = match call.type_() {
        call::Type::SUBSCRIBE => {
            let (sender, receiver) = mpsc::unbounded_channel();
            sender.send(frame(&subscribed())).unwrap();
            for event in std::mem::take(&mut told.queued) {
                sender.send(frame(&event)).unwrap();
            }
            told.events = Some(sender);
            told.subscriptions += 1;
            told.unacknowledged
                .push(call.subscribe.unacknowledged_tasks.len());
            let stream = futures_util::stream::unfold(receiver, async |mut receiver| {
                Some((Ok::<_, Infallible>(receiver.recv().await?), receiver))
            });
            Body::from_stream(stream).into_response()
        }
        call::Type::UPDATE => {
            let status = call.update.status.clone().unwrap();
            assert_eq!(status.uuid().len(), 16);
            let mut acknowledged = event::Acknowledged::new();
            acknowledged.task_id = status.task_id.clone();
            acknowledged.set_uuid(status.uuid().to_vec());
            let mut event = Event::new();
            event.set_type(event::Type::ACKNOWLEDGED);
            event.acknowledged = Some(acknowledged).into();
            told.statuses.push(status);
            if let Some(events) = &told.events {
                let _ = events.send(frame(&event));
            }
            StatusCode::ACCEPTED.into_response()
        }
        _ => StatusCode::ACCEPTED.into_response(),
    };
    drop(told);
    shared.changed.send_modify(|count| *count += 1);
    response
}

fn subscribed() -> Event {
    let mut subscribed = event::Subscribed::new();
    let executor = subscribed.executor_info.mut_or_insert_default();
    executor
        .executor_id
        .mut_or_insert_default()
        .set_value("E".into());
    let framework = subscribed.framework_info.mut_or_insert_default();
    framework.set_user("root".into());
    framework.set_name("Aurora".into());
    subscribed
        .slave_info
        .mut_or_insert_default()
        .set_hostname("192.168.33.10".into());
    let mut event = Event::new();
    event.set_type(event::Type::SUBSCRIBED);
    event.subscribed = Some(subscribed).into();
    event
}
