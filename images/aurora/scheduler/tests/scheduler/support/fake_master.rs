//! A Mesos master with one boundless agent, behind the v1 scheduler API.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use mesos_proto::mesos::{Offer, TaskState, TaskStatus};
use mesos_proto::scheduler::{Event, call, event};
use mesos_proto::v1_scheduler::Call;
use mesos_wire::recordio::encode;
use protobuf::Message;
use tokio::sync::mpsc;

use aurora_scheduler::model::resources::{ports, scalar};

#[derive(Default)]
struct Inner {
    events: Option<mpsc::UnboundedSender<Result<Bytes, std::convert::Infallible>>>,
    tasks: BTreeMap<String, (String, TaskState)>,
    /// Statuses that have yet to be acknowledged.
    pending: BTreeMap<Vec<u8>, TaskStatus>,
    count: u64,
}

#[derive(Clone, Default)]
pub(crate) struct FakeMaster {
    pub(crate) address: String,
    inner: Arc<Mutex<Inner>>,
}

fn status(task: &str, state: TaskState) -> TaskStatus {
    let mut status = TaskStatus::new();
    status
        .task_id
        .mut_or_insert_default()
        .set_value(task.to_string());
    status
        .slave_id
        .mut_or_insert_default()
        .set_value("S0".to_string());
    status.set_state(state);
    status
}

impl Inner {
    fn send(&self, event: &Event) {
        let record = encode(&event.write_to_bytes().unwrap());
        if let Some(events) = &self.events {
            let _ = events.send(Ok(record));
        }
    }

    fn offer(&mut self) {
        self.count += 1;
        let mut offer = Offer::new();
        let id = format!("O{}", self.count);
        offer.id.mut_or_insert_default().set_value(id);
        offer
            .slave_id
            .mut_or_insert_default()
            .set_value("S0".to_string());
        let framework = offer.framework_id.mut_or_insert_default();
        framework.set_value("F".to_string());
        offer.set_hostname("agent".to_string());
        let much = 1_000_000.0;
        offer.resources = vec![
            scalar("cpus", much),
            scalar("mem", much),
            scalar("disk", much),
            ports(1024, 65535),
        ];
        let mut event = Event::new();
        event.set_type(event::Type::OFFERS);
        event.offers.mut_or_insert_default().offers = vec![offer];
        self.send(&event);
    }

    fn tell(&self, status: TaskStatus) {
        let mut event = Event::new();
        event.set_type(event::Type::UPDATE);
        *event
            .update
            .mut_or_insert_default()
            .status
            .mut_or_insert_default() = status;
        self.send(&event);
    }

    /// A task is in a new state, which is told until it is acknowledged.
    fn set(&mut self, task: &str, name: String, state: TaskState) {
        self.count += 1;
        self.tasks.insert(task.to_string(), (name, state));
        let mut status = status(task, state);
        let uuid = format!("{:016}", self.count).into_bytes();
        status.set_uuid(uuid.clone());
        self.pending.insert(uuid, status.clone());
        self.tell(status);
    }

    fn serve(&mut self, call: Call) {
        match call.type_() {
            call::Type::ACCEPT => {
                let operations = call.accept.operations.iter();
                for task in operations.flat_map(|operation| &operation.launch.task_infos) {
                    let id = task.task_id.value();
                    assert!(!self.tasks.contains_key(id), "{id} is launched twice");
                    self.set(id, task.name().to_string(), TaskState::TASK_RUNNING);
                }
                self.offer();
            }
            call::Type::DECLINE => self.offer(),
            call::Type::KILL => {
                let id = call.kill.task_id.value();
                match self.tasks.get(id).cloned() {
                    Some((name, TaskState::TASK_RUNNING)) => {
                        self.set(id, name, TaskState::TASK_KILLED);
                    }
                    Some((_, state)) => self.tell(status(id, state)),
                    None => self.tell(status(id, TaskState::TASK_LOST)),
                }
            }
            call::Type::ACKNOWLEDGE => {
                self.pending.remove(call.acknowledge.uuid());
            }
            call::Type::RECONCILE if call.reconcile.tasks.is_empty() => {
                for (id, (_, state)) in &self.tasks {
                    self.tell(status(id, *state));
                }
            }
            call::Type::RECONCILE => {
                for task in &call.reconcile.tasks {
                    let id = task.task_id.value();
                    let known = self.tasks.get(id).map(|(_, state)| *state);
                    self.tell(status(id, known.unwrap_or(TaskState::TASK_LOST)));
                }
            }
            _ => {}
        }
    }
}

impl FakeMaster {
    pub(crate) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let master = Self {
            address: listener.local_addr().unwrap().to_string(),
            ..Self::default()
        };
        let router = axum::Router::new()
            .route("/api/v1/scheduler", axum::routing::post(serve))
            .with_state(master.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        master
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }

    /// Tasks run that were launched before its time: ids with their jobs' names.
    #[allow(dead_code, reason = "a benchmark uses it")]
    pub(crate) fn has(&self, tasks: impl Iterator<Item = (String, String)>) {
        let tasks = tasks.map(|(id, name)| (id, (name, TaskState::TASK_RUNNING)));
        self.lock().tasks.extend(tasks);
    }

    /// Whether a job of this name was ever given a task.
    #[allow(dead_code, reason = "a benchmark uses it")]
    pub(crate) fn runs_of(&self, job: &str) -> bool {
        self.lock().tasks.values().any(|(name, _)| name == job)
    }

    /// The running tasks: their jobs' names by their ids.
    pub(crate) fn running(&self) -> BTreeMap<String, String> {
        let inner = self.lock();
        let tasks = inner.tasks.iter();
        tasks
            .filter(|(_, (_, state))| *state == TaskState::TASK_RUNNING)
            .map(|(id, (name, _))| (id.clone(), name.clone()))
            .collect()
    }
}

async fn serve(State(master): State<FakeMaster>, body: Bytes) -> Response {
    let call = Call::parse_from_bytes(&body).unwrap();
    if call.type_() != call::Type::SUBSCRIBE {
        master.lock().serve(call);
        return StatusCode::ACCEPTED.into_response();
    }
    let (sender, mut receiver) = mpsc::unbounded_channel();
    let mut inner = master.lock();
    inner.events = Some(sender);
    let mut event = Event::new();
    event.set_type(event::Type::SUBSCRIBED);
    let subscribed = event.subscribed.mut_or_insert_default();
    let id = subscribed.framework_id.mut_or_insert_default();
    id.set_value("F".to_string());
    subscribed.set_heartbeat_interval_seconds(600.0);
    inner.send(&event);
    inner.offer();
    let pending: Vec<TaskStatus> = inner.pending.values().cloned().collect();
    pending.into_iter().for_each(|status| inner.tell(status));
    drop(inner);
    let stream = futures_util::stream::poll_fn(move |context| receiver.poll_recv(context));
    (
        [
            ("Content-Type", "application/x-protobuf"),
            ("Mesos-Stream-Id", "1"),
        ],
        Body::from_stream(stream),
    )
        .into_response()
}
