//! The state machine with what its effects act on. One step at a time: what comes in over the wire
//! goes into the machine, and what it asks for is done before the next step.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use mesos_proto::mesos::MasterInfo;
use mesos_proto::v1_master::response::GetState;
use mesos_wire::authentication::Gate;
use mesos_wire::authorization::Rights;
use mesos_wire::flags::Flags;
use mesos_wire::http::{Feed, Media, Request, Response};
use mesos_wire::libprocess::{Outgoing, Process};
use mesos_wire::pid::Upid;
use mesos_wire::recordio;
use tokio::sync::{Notify, oneshot};

use super::authentication::Sessions;
use super::registry::{Change, Epoch, Registry, RegistryError};
use super::system;
use super::throttle::Waiting;
use super::watchers::Watchers;
use crate::flags::Settings;
use crate::model::{Effect, Master, Moment, Sender, StreamId};
use crate::view::{self, Site, Timings};

/// How many events may wait for a framework that does not read. Beyond that it counts as gone.
const STREAM_CAPACITY: usize = 16 * 1024;

/// A master at work.
pub struct Node {
    process: Process,
    state: Mutex<State>,
    leader: Mutex<Option<MasterInfo>>,
    wake: Notify,
    registry_failed: Notify,
    max_watchers: usize,
    flags: Flags,
    cluster: Option<String>,
    built: Moment,
    pub(super) sessions: Sessions,
    pub(super) gate: Gate,
    pub(super) waiting: Waiting,
    own: Weak<Self>,
}

struct State {
    master: Master,
    timings: Timings,
    streams: HashMap<StreamId, Stream>,
    watchers: Watchers,
    armed: Option<Moment>,
    registry: Option<Registry>,
    failure: Option<RegistryError>,
    /// Something could not be kept: what this master knows may be wrong, and nothing of it may be heard.
    is_silent: bool,
}

/// One framework's events on their way.
struct Stream {
    sender: Feed,
    media: Media,
    /// Ends the task that waits for the client to go, when this is dropped.
    _watched: oneshot::Sender<()>,
}

impl State {
    /// Tells the operators who watch what these effects are to tell them.
    fn tell(&mut self, effects: &[Effect]) {
        for effect in effects {
            if let Effect::Tell(happening) = effect
                && let Some(event) = view::event(&self.master, happening)
            {
                let master = &self.master;
                self.watchers
                    .tell(|rights| view::visible(master, happening, event.clone(), rights));
            }
        }
    }

    /// Keeps what these effects ask to be kept.
    fn keep(&mut self, effects: &[Effect]) -> Result<(), RegistryError> {
        let changes: Vec<Change> = effects
            .iter()
            .filter_map(|effect| match effect {
                Effect::Keep { agent, standing } => Some(match standing {
                    Some(standing) => Change::Stand(agent.clone(), standing.clone()),
                    None => Change::Forget(agent.clone()),
                }),
                Effect::KeepDeactivated { agent, deactivated } => {
                    Some(Change::Deactivate(agent.clone(), *deactivated))
                }
                Effect::Record(record) => Some(Change::Record(record.clone())),
                _ => None,
            })
            .collect();
        if changes.is_empty() {
            return Ok(());
        }
        let begun = Instant::now();
        if let Some(registry) = &mut self.registry {
            registry.write(&changes)?;
        }
        self.timings.store.add(begun.elapsed());
        Ok(())
    }
}

impl Node {
    pub(super) fn new(
        process: Process,
        settings: &Settings,
        info: MasterInfo,
        registry: Option<Registry>,
    ) -> Arc<Self> {
        let now = clock();
        let mut flags = settings.flags.clone();
        if settings.hostname.is_none() {
            flags.set("hostname", info.hostname());
        }
        Arc::new_cyclic(|own| Self {
            own: own.clone(),
            process,
            state: Mutex::new(State {
                master: Master::new(settings.config.clone(), info, now),
                timings: Timings::default(),
                streams: HashMap::new(),
                watchers: Watchers::default(),
                armed: None,
                registry,
                failure: None,
                is_silent: false,
            }),
            leader: Mutex::new(None),
            wake: Notify::new(),
            registry_failed: Notify::new(),
            max_watchers: settings.max_subscribers,
            flags,
            cluster: settings.cluster.clone(),
            built: built().unwrap_or(now),
            sessions: Sessions::new(
                settings.security.credentials.clone(),
                settings.security.timeout,
            ),
            gate: settings.security.gate.clone(),
            waiting: Waiting::new(settings.limits.clone()),
        })
    }

    /// Where it listens, as others see it.
    pub fn address(&self) -> std::net::SocketAddrV4 {
        self.process.address()
    }

    /// Itself, for what outlives a call.
    pub(super) fn weak(&self) -> Weak<Self> {
        self.own.clone()
    }

    /// All flags with their values.
    pub(super) fn flags(&self) -> &Flags {
        &self.flags
    }

    /// What it says of itself.
    pub fn info(&self) -> MasterInfo {
        self.state().master.info.clone()
    }

    /// The master that leads now, if any.
    pub fn leader(&self) -> Option<MasterInfo> {
        self.leader
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(super) fn set_leader(&self, leader: Option<MasterInfo>) {
        *self.leader.lock().unwrap_or_else(PoisonError::into_inner) = leader;
    }

    /// Whether this master leads.
    pub fn is_leading(&self) -> bool {
        self.state().master.elected.is_some()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What whoever sent a request may do.
    pub(super) fn rights(&self, request: &Request) -> Rights {
        self.read_master(|master| master.rights(request.principal.as_deref()))
    }

    /// Reads the state machine alone.
    pub(super) fn read_master<R>(&self, read: impl FnOnce(&Master) -> R) -> R {
        read(&self.state().master)
    }

    /// Counts something, from which nothing follows.
    pub(super) fn count(&self, count: impl FnOnce(&mut Master)) {
        count(&mut self.state().master);
    }

    /// Reads the state with what documents need besides.
    pub(super) fn read<R>(&self, show: impl FnOnce(&Master, &Site, &Timings, Moment) -> R) -> R {
        let site = Site {
            flags: self.flags.clone(),
            cluster: self.cluster.clone(),
            built: self.built,
            leader: self.leader(),
            subscribers: 0,
            system: system::read(),
        };
        let state = self.state();
        let site = Site {
            subscribers: state.watchers.len(),
            ..site
        };
        show(&state.master, &site, &state.timings, clock())
    }

    /// Takes a step, and does what it asks for.
    pub(super) fn step<R>(&self, step: impl FnOnce(&mut Master) -> R) -> R {
        let mut guard = self.state();
        let state = &mut *guard;
        let begun = Instant::now();
        let result = step(state.master.at(clock()));
        loop {
            let runs = state.master.allocator.runs;
            let waited = begun.elapsed();
            let running = Instant::now();
            let effects = state.master.take_effects();
            if state.master.allocator.runs != runs {
                state.timings.run.add(running.elapsed());
                state.timings.latency.add(waited);
            }
            if effects.is_empty() || state.is_silent {
                break;
            }
            // Nobody may hear of what the next leader would not know.
            let aborted = effects.iter().find_map(|effect| match effect {
                Effect::Abort(why) => Some(RegistryError::Abandoned(why.clone())),
                _ => None,
            });
            let kept = match aborted {
                Some(why) => Err(why),
                None => state.keep(&effects),
            };
            if let Err(error) = kept {
                state.failure = Some(error);
                state.is_silent = true;
                self.registry_failed.notify_one();
                break;
            }
            state.tell(&effects);
            for stream in self.apply(&mut state.streams, effects) {
                state.master.stream_closed(stream);
            }
        }
        let due = state.master.next_due();
        if due != state.armed {
            state.armed = due;
            self.wake.notify_one();
        }
        result
    }

    /// Acts on the operators who watch, given how many there may be and all that there is.
    pub(super) fn watched<R>(
        &self,
        act: impl FnOnce(&mut Watchers, usize, &dyn Fn(&Rights) -> GetState) -> R,
    ) -> R {
        let mut guard = self.state();
        let state = &mut *guard;
        let master = &state.master;
        let result = act(&mut state.watchers, self.max_watchers, &|rights| {
            view::snapshot(master, rights)
        });
        let is_watched = state.watchers.len() > 0;
        state.master.set_watched(is_watched);
        result
    }

    /// Lets this master lead, beginning with what the one before has kept.
    pub(super) fn lead(&self, epoch: Option<Epoch>) -> Result<(), RegistryError> {
        let mut guard = self.state();
        let state = &mut *guard;
        let begun = Instant::now();
        if let Some(registry) = &mut state.registry {
            let kept = registry.take_over(epoch)?;
            state.timings.fetch = begun.elapsed().as_secs_f64() * 1e3;
            let master = state.master.at(clock());
            master.recall(kept.records);
            master.recover(kept.standings, kept.deactivated);
        }
        // That it leads is the first thing that it writes.
        state.timings.store.add(begun.elapsed());
        drop(guard);
        self.step(Master::elect);
        Ok(())
    }

    /// Resolves when what is to outlive this master could not be kept.
    pub(super) async fn registry_failed(&self) -> RegistryError {
        loop {
            self.registry_failed.notified().await;
            if let Some(error) = self.state().failure.take() {
                return error;
            }
        }
    }

    /// Whether something could not be kept: whoever waits for an answer must not get one then, because the
    /// next leader does not know what was asked for.
    pub(super) fn is_silent(&self) -> bool {
        self.state().is_silent
    }

    /// Does what is asked for; names the streams that turned out to be broken.
    fn apply(
        &self,
        streams: &mut HashMap<StreamId, Stream>,
        effects: Vec<Effect>,
    ) -> Vec<StreamId> {
        let mut broken = Vec::new();
        for effect in effects {
            match effect {
                Effect::Send { from, to, message } => {
                    let from = match from {
                        Sender::Master => self.process.pid("master"),
                        Sender::Observer(number) => {
                            self.process.pid(&format!("slave-observer({number})"))
                        }
                    };
                    self.send(&from, &to, &*message);
                }
                Effect::Link(pid) => self.process.link(&pid),
                Effect::Event { stream, event } => {
                    let Some(open) = streams.get(&stream) else {
                        continue;
                    };
                    let record = recordio::encode(&open.media.encode(&*event));
                    if open.sender.try_send(record).is_err() {
                        tracing::warn!("event stream {} is broken or not read", stream.0);
                        streams.remove(&stream);
                        broken.push(stream);
                    }
                }
                Effect::Close(stream) => {
                    streams.remove(&stream);
                }
                // Done before all others.
                Effect::Keep { .. }
                | Effect::KeepDeactivated { .. }
                | Effect::Record(_)
                | Effect::Abort(_)
                | Effect::Tell(_) => {}
            }
        }
        broken
    }

    pub(super) fn send(&self, from: &Upid, to: &Upid, message: &dyn Outgoing) {
        self.process.send(from, to, message);
    }

    pub(super) fn pid(&self, id: &str) -> Upid {
        self.process.pid(id)
    }

    pub(super) fn link(&self, pid: &Upid) {
        self.process.link(pid);
    }

    /// Opens an event stream: its id, and the answer that carries it.
    pub(super) fn open_stream(self: &Arc<Self>, media: Media) -> (StreamId, Response) {
        let id = StreamId(uuid::Uuid::new_v4());
        let (sender, response) = Response::stream(media.name(), STREAM_CAPACITY);
        let (watched, unwatched) = oneshot::channel();
        let (node, watching) = (self.clone(), sender.clone());
        tokio::spawn(async move {
            tokio::select! {
                () = watching.closed() => {
                    drop(watching);
                    node.state().streams.remove(&id);
                    node.step(|master| master.stream_closed(id));
                }
                _ = unwatched => {}
            }
        });
        let stream = Stream {
            sender,
            media,
            _watched: watched,
        };
        self.state().streams.insert(id, stream);
        (id, response)
    }

    /// Wakes the state machine whenever something is due.
    pub(super) async fn keep_time(self: Arc<Self>) {
        loop {
            let due = self.state().master.next_due();
            let wait = match due {
                Some(due) => due.saturating_sub(clock()),
                None => Duration::from_secs(3600),
            };
            tokio::select! {
                () = tokio::time::sleep(wait) => self.step(Master::tick),
                () = self.wake.notified() => {}
            }
        }
    }
}

/// What time it is.
pub(super) fn clock() -> Moment {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}

/// When this program was built: its file was written then.
fn built() -> Option<Moment> {
    let file = std::fs::metadata(std::env::current_exe().ok()?).ok()?;
    file.modified().ok()?.duration_since(UNIX_EPOCH).ok()
}
