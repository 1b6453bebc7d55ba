//! Containers that others than the master ask for: nested in an executor's, at any depth, or standing
//! alone (protocol-flows.md, section 12.3). Each runs under a launcher of its own, so that it and its
//! wait status outlive a restart of the agent.

mod chain;
mod late;
mod launch;
mod record;
mod recover;
mod volumes;

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use nix::sys::signal::kill;
use nix::unistd::Pid;
use tokio::process::Child;
use tokio::sync::{Notify, mpsc, watch};

use crate::containerizer::environment::Contribution;
use crate::containerizer::{fetcher, terminal};
use crate::proc;
use crate::tree::{self, Root};

pub use chain::Chain;
use late::Late;

pub use launch::{LaunchError, Order, Parent};
pub use record::{Record, Termination};

/// How often the launcher of a container that this agent did not start is looked for.
const ADOPTED_POLL: Duration = Duration::from_millis(50);
/// A launcher ends this soon after its container, or is ended itself.
const LAUNCHER_ENDS: Duration = Duration::from_secs(70);
/// What a container has left behind is killed by its launcher; this is for one that hangs.
const KILLED_WITHIN: Duration = Duration::from_secs(5);

/// How these containers are made.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `--runtime_dir`.
    pub runtime_dir: PathBuf,
    /// `--work_dir`.
    pub work_dir: PathBuf,
    /// The launcher: `mesos-containerizer` in `--launcher_dir`.
    pub launcher: PathBuf,
    /// How URIs are fetched.
    pub fetcher: fetcher::Settings,
    /// What the agent contributes to the environments of executors, which sessions in them take over.
    pub contribution: Contribution,
    /// `--switch_user`.
    pub switch_user: bool,
    /// Who is told of the sandboxes of ended containers (`--gc_non_executor_container_sandboxes`).
    pub ended: Option<mpsc::UnboundedSender<PathBuf>>,
}

#[derive(Debug, Clone, PartialEq)]
enum Phase {
    Preparing,
    Running,
    Ended(Termination),
}

#[derive(Debug, Clone)]
struct Entry {
    record: Option<Record>,
    phase: watch::Sender<Phase>,
    destroy: Arc<Notify>,
}

impl Entry {
    fn new() -> Self {
        Self {
            record: None,
            phase: watch::Sender::new(Phase::Preparing),
            destroy: Arc::default(),
        }
    }

    fn is_running(&self) -> bool {
        *self.phase.borrow() == Phase::Running
    }

    fn has_ended(&self) -> bool {
        matches!(*self.phase.borrow(), Phase::Ended(_))
    }
}

/// Why nobody can attach to a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AttachError {
    /// There is no such container.
    #[error("it cannot be found")]
    Unknown,
    /// Its streams are files, or it has ended.
    #[error("I/O switchboard server was disabled for this container")]
    Disabled,
}

/// All of them.
#[derive(Debug)]
pub struct Nested {
    settings: Settings,
    table: Mutex<BTreeMap<Chain, Entry>>,
    /// The ends of executors' containers, for those who wait for them.
    executors: Mutex<HashMap<String, watch::Sender<Option<Termination>>>>,
    late: Mutex<Late>,
}

impl Nested {
    /// None yet.
    pub fn new(settings: Settings) -> Arc<Self> {
        Arc::new(Self {
            settings,
            table: Mutex::default(),
            executors: Mutex::default(),
            late: Mutex::default(),
        })
    }

    /// How these containers are made.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    fn table(&self) -> MutexGuard<'_, BTreeMap<Chain, Entry>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn executors(&self) -> MutexGuard<'_, HashMap<String, watch::Sender<Option<Termination>>>> {
        self.executors
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn late(&self) -> MutexGuard<'_, Late> {
        self.late.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn entry(&self, id: &Chain) -> Option<Entry> {
        self.table().get(id).cloned()
    }

    fn runtime(&self, id: &Chain) -> PathBuf {
        record::runtime(&self.settings.runtime_dir, id)
    }

    /// Whether a container is here, running or ended.
    pub fn has(&self, id: &Chain) -> bool {
        self.table().contains_key(id)
    }

    /// Those that run.
    pub fn running(&self) -> Vec<Record> {
        let table = self.table();
        let running = table.values().filter(|entry| entry.is_running());
        running.filter_map(|entry| entry.record.clone()).collect()
    }

    /// The sandboxes of containers that stand alone.
    pub fn standalone_sandboxes(&self) -> Vec<PathBuf> {
        let table = self.table();
        let alone = table.iter().filter(|(id, _)| id.parent().is_none());
        alone
            .filter_map(|(_, entry)| Some(entry.record.as_ref()?.directory.clone()))
            .collect()
    }

    /// Waits for a container's end; `None` for one that is not here, and has not been a moment ago.
    pub async fn wait(&self, id: &Chain) -> Option<Termination> {
        let Some(entry) = self.entry(id) else {
            return self.late().find(Instant::now(), id);
        };
        let mut phase = entry.phase.subscribe();
        let ended = phase
            .wait_for(|phase| matches!(phase, Phase::Ended(_)))
            .await;
        match ended.as_deref() {
            Ok(Phase::Ended(termination)) => Some(termination.clone()),
            // It was removed meanwhile.
            _ => None,
        }
    }

    /// Waits for the end of an executor's container, which runs.
    pub async fn wait_executor(&self, container: &str) -> Termination {
        let mut ended = self
            .executors()
            .entry(container.to_string())
            .or_insert_with(|| watch::Sender::new(None))
            .subscribe();
        let ended = ended.wait_for(Option::is_some).await;
        ended
            .ok()
            .and_then(|ended| ended.clone())
            .unwrap_or_default()
    }

    /// Sends a signal to a container's first process; whether there is one.
    pub fn kill(&self, id: &Chain, signal: i32) -> bool {
        let Some(entry) = self.entry(id) else {
            return false;
        };
        let phase = entry.phase.borrow().clone();
        match phase {
            Phase::Ended(_) => false,
            Phase::Preparing => {
                entry.destroy.notify_one();
                true
            }
            Phase::Running => {
                self.signal(id, signal);
                true
            }
        }
    }

    fn signal(&self, id: &Chain, signal: i32) {
        let Some((pid, start)) = record::process(&self.runtime(id)) else {
            return;
        };
        let Ok(signal) = nix::sys::signal::Signal::try_from(signal) else {
            return;
        };
        if pid > 1 && proc::same_process(pid, start).is_some() {
            // One that ended meanwhile needs none.
            let _ = kill(Pid::from_raw(pid), signal);
        }
    }

    /// Ends a container and all that is nested in it, and waits for that.
    pub async fn destroy(&self, id: &Chain) {
        if let Some(entry) = self.entry(id)
            && !entry.has_ended()
        {
            tracing::info!("destroying container {id}");
            entry.destroy.notify_one();
            let mut phase = entry.phase.subscribe();
            // One that was removed meanwhile has ended.
            let _ = phase
                .wait_for(|phase| matches!(phase, Phase::Ended(_)))
                .await;
        }
    }

    async fn destroy_inside(&self, id: &Chain) {
        let inside: Vec<Chain> = {
            let table = self.table();
            let inside = table.iter().filter(|(other, _)| other.is_inside(id));
            inside.map(|(other, _)| other.clone()).collect()
        };
        for other in inside.iter().rev() {
            self.destroy(other).await;
        }
    }

    /// Forgets a container that has ended, with its folders; the error says why it cannot be.
    pub fn remove(&self, id: &Chain) -> Result<(), String> {
        let mut table = self.table();
        let Some(entry) = table.get(id) else {
            return Ok(());
        };
        let text = match id.parent() {
            Some(_) => "Nested container has not terminated yet",
            None => "Standalone container has not terminated yet",
        };
        if !entry.has_ended() {
            return Err(text.to_string());
        }
        remove(&self.runtime(id))
            .map_err(|error| format!("Failed to remove the runtime directory: {error}"))?;
        if let Some(record) = entry.record.as_ref().filter(|record| !record.is_session) {
            remove(&record.directory)
                .map_err(|error| format!("Failed to remove the sandbox directory: {error}"))?;
        }
        table.retain(|other, _| other != id && !other.is_inside(id));
        Ok(())
    }

    /// Where to attach to a container.
    pub fn socket(&self, id: &Chain) -> Result<PathBuf, AttachError> {
        let Some(entry) = self.entry(id) else {
            let socket = terminal::socket(&self.settings.runtime_dir, id.outermost());
            let socket = socket.filter(|_| id.parent().is_none());
            return socket.ok_or(AttachError::Unknown);
        };
        let record = entry.record.as_ref();
        let socket = record.and_then(|record| record.socket.clone());
        socket
            .filter(|_| entry.is_running())
            .ok_or(AttachError::Disabled)
    }

    /// An executor's container has ended: so does everything in it.
    pub async fn executor_ended(&self, container: &str, status: Option<i32>) {
        if let Some(waiting) = self.executors().remove(container) {
            waiting.send_replace(Some(Termination::of(status)));
        }
        let root = Chain::root(container);
        self.destroy_inside(&root).await;
        let now = Instant::now();
        self.table().retain(|id, entry| {
            if !id.is_inside(&root) {
                return true;
            }
            if let Phase::Ended(ended) = &*entry.phase.borrow() {
                self.late().keep(now, id.clone(), ended.clone());
            }
            false
        });
        if let Some(socket) = terminal::socket(&self.settings.runtime_dir, container) {
            // Its launcher has removed it, if it could.
            let _ = fs::remove_file(socket);
        }
        if let Err(error) = remove(&self.runtime(&root)) {
            tracing::warn!("container {container} leaves its runtime folder behind: {error}");
        }
    }

    /// Sees a running container through to its end. `child` is its launcher, if this agent started it.
    async fn attend(self: Arc<Self>, id: Chain, record: Record, child: Option<Child>) {
        let Some(entry) = self.entry(&id) else {
            return;
        };
        let root = Root {
            pid: record.launcher.map_or(0, |(pid, _)| pid),
            start: record.launcher.map(|(_, start)| start),
            mark: None,
        };
        {
            let ended = launcher_ended(child, &record);
            tokio::pin!(ended);
            tokio::select! {
                () = &mut ended => {}
                () = entry.destroy.notified() => {
                    self.destroy_inside(&id).await;
                    self.signal(&id, nix::libc::SIGKILL);
                    if tokio::time::timeout(KILLED_WITHIN, &mut ended).await.is_err() {
                        let killed = tree::destroy(&root);
                        // Both, so that the launcher is reaped while its tree is being killed.
                        let _ = tokio::time::timeout(
                            LAUNCHER_ENDS, async { tokio::join!(killed, &mut ended) }).await;
                    }
                }
            }
        }
        self.destroy_inside(&id).await;
        let status = record::status(&self.runtime(&id));
        if status.is_none() {
            // The launcher was killed before it could clear up.
            tree::destroy(&root).await;
        }
        if let Some(socket) = &record.socket {
            // The launcher has removed it, if it could.
            let _ = fs::remove_file(socket);
        }
        tracing::info!("container {id} has ended with wait status {status:?}");
        if let Some(told) = self.settings.ended.as_ref().filter(|_| !record.is_session) {
            // Nobody removes sandboxes any more when the program ends.
            let _ = told.send(record.directory);
        }
        let status = status.or(Some(nix::libc::SIGKILL));
        entry
            .phase
            .send_replace(Phase::Ended(Termination::of(status)));
    }
}

async fn launcher_ended(child: Option<Child>, record: &Record) {
    match child {
        // That it cannot be waited for means that it is gone.
        Some(mut child) => drop(child.wait().await),
        None => {
            while record.is_alive() {
                tokio::time::sleep(ADOPTED_POLL).await;
            }
        }
    }
}

fn remove(folder: &std::path::Path) -> std::io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
