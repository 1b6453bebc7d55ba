//! The one agent of a program: its model behind a lock, and what surrounds it.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use mesos_proto::mesos::TaskState;
use mesos_proto::messages::StatusUpdate;
use mesos_wire::authentication::Gate;
use mesos_wire::authorization::Acls;
use mesos_wire::flags::Flags;
use mesos_wire::http::{Feed, Media};
use mesos_wire::libprocess::Process;
use tokio::sync::{Notify, mpsc};

use super::disk::Disks;
use crate::containerizer::{Containers, Watcher};
use crate::gc::Collector;
use crate::model::{Effect, Limitation, Model, Now};
use crate::nested::Nested;

/// The agent's actor.
pub(crate) const PROCESS_ID: &str = "slave(1)";

/// An executor's event stream.
pub(crate) struct Subscriber {
    pub(crate) sender: Feed,
    pub(crate) media: Media,
    /// Rings when the stream is to end although its reader is there.
    pub(crate) end: Arc<Notify>,
}

/// Everything that handlers share.
pub(crate) struct Agent {
    model: Mutex<Model>,
    effects: mpsc::UnboundedSender<Effect>,
    started: Instant,
    pub(crate) start_time: f64,
    pub(crate) flags: Flags,
    pub(crate) gate: Gate,
    pub(crate) acls: Option<Arc<Acls>>,
    pub(crate) process: Process,
    pub(crate) nested: Arc<Nested>,
    /// Rings when the model may have another deadline.
    pub(crate) wake: Notify,
    subscribers: Mutex<HashMap<u64, Subscriber>>,
    next_link: AtomicU64,
    containers: OnceLock<Arc<Containers>>,
    gc: Mutex<Collector>,
    /// What sandboxes take of the disk.
    pub(crate) disks: Disks,
    /// Rings when a framework has nothing more here.
    pub(crate) idle: Notify,
    /// Rings when a folder has begun to wait for its removal.
    pub(crate) retired: Notify,
}

impl Agent {
    pub(crate) fn new(
        model: Model,
        (flags, gate, acls): (Flags, Gate, Option<Arc<Acls>>),
        process: Process,
        nested: Arc<Nested>,
        effects: mpsc::UnboundedSender<Effect>,
    ) -> Arc<Self> {
        let delay = flags.duration("gc_delay").unwrap_or_default();
        let gc = Collector::new(delay, flags.number("gc_disk_headroom").unwrap_or_default());
        Arc::new(Self {
            model: Mutex::new(model),
            effects,
            started: Instant::now(),
            start_time: wall(),
            flags,
            gate,
            acls,
            process,
            nested,
            wake: Notify::new(),
            subscribers: Mutex::default(),
            next_link: AtomicU64::new(1),
            containers: OnceLock::new(),
            gc: Mutex::new(gc),
            disks: Disks::default(),
            idle: Notify::new(),
            retired: Notify::new(),
        })
    }

    /// Tells the agent of its containers, once.
    pub(crate) fn set_containers(&self, containers: Arc<Containers>) {
        // A second one would be a mistake of this program's; the first stays.
        let _ = self.containers.set(containers);
    }

    /// Does something with the folders that wait for their removal.
    pub(crate) fn gc<R>(&self, act: impl FnOnce(&mut Collector) -> R) -> R {
        act(&mut self.gc.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Folders are not used any more, and have not been for so long.
    pub(crate) fn retire(&self, folders: impl IntoIterator<Item = (PathBuf, Duration)>) {
        let now = self.now().at;
        self.gc(|gc| {
            let all = folders.into_iter();
            all.for_each(|(folder, age)| gc.retire(now, folder, age));
        });
        self.retired.notify_one();
    }

    /// An executor reports. One whose task has failed for want of memory is ended for that reason instead.
    pub(crate) fn executor_update(&self, update: StatusUpdate) {
        if update.status.state() == TaskState::TASK_FAILED
            && let Some(containers) = self.containers()
        {
            let (framework, executor) = (update.framework_id.value(), update.executor_id.value());
            let container: Option<String> = self.look(|model| {
                let executor = model
                    .frameworks()
                    .find(|one| one.id() == framework)?
                    .executors
                    .get(executor)?;
                Some(executor.container_id.clone())
            });
            let limited = container.and_then(|id| Some((containers.memory_limitation(&id)?, id)));
            if let Some((limitation, container)) = limited {
                self.act(|model, _| model.container_limited(&container, limitation));
            }
        }
        self.act(|model, now| model.executor_update(now, update));
    }

    /// What runs here.
    pub(crate) fn containers(&self) -> Option<&Arc<Containers>> {
        self.containers.get()
    }

    pub(crate) fn now(&self) -> Now {
        Now {
            at: self.started.elapsed(),
            wall: wall(),
        }
    }

    /// How long the agent has run, in seconds.
    pub(crate) fn uptime(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }

    /// Looks at the model.
    pub(crate) fn look<R>(&self, look: impl FnOnce(&Model) -> R) -> R {
        look(&self.lock())
    }

    /// Lets something happen to the model, and what follows from it be carried out.
    pub(crate) fn act<R>(&self, act: impl FnOnce(&mut Model, Now) -> R) -> R {
        let now = self.now();
        let mut model = self.lock();
        let result = act(&mut model, now);
        // Sent under the lock, so that effects keep the order of their causes.
        for effect in model.take_effects() {
            // Nobody receives any more when the program ends.
            let _ = self.effects.send(effect);
        }
        drop(model);
        self.wake.notify_one();
        result
    }

    fn lock(&self) -> MutexGuard<'_, Model> {
        self.model.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn subscribers(&self) -> MutexGuard<'_, HashMap<u64, Subscriber>> {
        self.subscribers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers an event stream, under a number that no other has had.
    pub(crate) fn add_subscriber(&self, subscriber: Subscriber) -> u64 {
        let link = self.next_link.fetch_add(1, Ordering::Relaxed);
        self.subscribers().insert(link, subscriber);
        link
    }

    /// Forgets an event stream that has ended.
    pub(crate) fn drop_subscriber(&self, link: u64) {
        self.subscribers().remove(&link);
    }

    /// Forgets an event stream, and ends it.
    pub(crate) fn end_subscriber(&self, link: u64) {
        if let Some(subscriber) = self.subscribers().remove(&link) {
            subscriber.end.notify_one();
        }
    }

    /// Queues an event for a stream; one whose reader does not keep up is ended.
    pub(crate) fn tell(&self, link: u64, event: &dyn protobuf::MessageDyn) {
        let mut subscribers = self.subscribers();
        let Some(subscriber) = subscribers.get(&link) else {
            return;
        };
        let record = mesos_wire::recordio::encode(&subscriber.media.encode(event));
        if subscriber.sender.try_send(record).is_err() {
            tracing::warn!("event stream {link} is ended: its executor does not read");
            subscriber.end.notify_one();
            subscribers.remove(&link);
        }
    }
}

fn wall() -> f64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs_f64()
}

/// Tells the model what becomes of containers.
pub(crate) struct ContainerEvents(pub(crate) Arc<Agent>);

impl Watcher for ContainerEvents {
    fn started(&self, container: &str, process: u32, _start: Option<u64>) {
        tracing::info!("container {container} runs as process {process}");
        self.0
            .act(|model, _| model.container_started(container, process));
    }

    fn failed(&self, container: &str, text: &str) {
        tracing::warn!("container {container}: {text}");
        self.0
            .act(|model, now| model.container_failed(now, container, text));
    }

    fn exited(&self, container: &str, status: Option<i32>) {
        tracing::info!("container {container} has ended");
        let (nested, id) = (self.0.nested.clone(), container.to_string());
        tokio::spawn(async move { nested.executor_ended(&id, status).await });
        self.0
            .act(|model, now| model.container_exited(now, container, status));
    }

    fn fetched(&self, all: bool) {
        self.0.act(|model, _| {
            let counters = model.counters_mut();
            if all {
                counters.fetches_succeeded += 1;
            } else {
                counters.fetches_failed += 1;
            }
        });
    }

    fn limited(&self, container: &str, limitation: Limitation) {
        self.0
            .act(|model, _| model.container_limited(container, limitation));
    }

    fn stuck(&self, container: &str) {
        tracing::error!("processes of container {container} cannot be killed");
        self.0
            .act(|model, _| model.counters_mut().container_destroy_errors += 1);
    }
}
