//! The model at work: one command at a time is carried out, stored, and only then acted upon.

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use aurora_api::storage::Snapshot;
use mesos_driver::scheduler::CallSender;
use thiserror::Error;
use tokio::sync::{Notify, mpsc, watch};

use crate::backup::{BackupError, Backups};
use crate::framework::Launcher;
use crate::model::Model;
use crate::model::effect::Request;
use crate::model::sla::Ask;
use crate::outside::webhook::Teller;
use crate::store::{Lasting, Store, StoreError};

/// Where the process is in its life (task-lifecycle.md, section 15).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lifecycle {
    /// Constructed.
    Idle,
    /// Opening the store.
    PreparingStorage,
    /// Waiting for the election.
    StoragePrepared,
    /// Elected; registering with Mesos.
    LeaderAwaitingRegistration,
    /// Registered and announced.
    Active,
    /// Shutting down.
    Dead,
}

impl Lifecycle {
    /// All, with the names that `/vars` shows.
    pub const ALL: &'static [(Self, &'static str)] = &[
        (Self::Idle, "IDLE"),
        (Self::PreparingStorage, "PREPARING_STORAGE"),
        (Self::StoragePrepared, "STORAGE_PREPARED"),
        (
            Self::LeaderAwaitingRegistration,
            "LEADER_AWAITING_REGISTRATION",
        ),
        (Self::Active, "ACTIVE"),
        (Self::Dead, "DEAD"),
    ];
}

/// The scheduler does not lead, or no longer can.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("Storage is not READY")]
pub struct NotReady;

/// A leader's parts.
struct Leading {
    model: Model,
    store: Store,
    launcher: Launcher,
    calls: Option<CallSender>,
}

/// Carries out commands. Everything in it happens under one lock, so that records are stored and
/// calls are sent in the order of the commands.
pub struct Engine {
    leading: Mutex<Option<Leading>>,
    lifecycle: watch::Sender<Lifecycle>,
    timers: Notify,
    recovery: Recovery,
    asks: mpsc::UnboundedSender<Ask>,
    unanswered: Mutex<Option<mpsc::UnboundedReceiver<Ask>>>,
    teller: OnceLock<Teller>,
    fatal: watch::Sender<Option<String>>,
}

/// Backups, and the one that is looked at.
#[derive(Default)]
pub struct Recovery {
    /// The folder.
    pub backups: Backups,
    staged: Mutex<Option<Snapshot>>,
}

impl Recovery {
    /// The backup that was loaded to be looked at, changed and brought back.
    pub fn staged(&self) -> MutexGuard<'_, Option<Snapshot>> {
        self.staged.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Engine {
    fn default() -> Self {
        Self::new(Backups::default())
    }
}

impl Engine {
    /// An engine that does not lead yet.
    pub fn new(backups: Backups) -> Self {
        let (asks, unanswered) = mpsc::unbounded_channel();
        Self {
            leading: Mutex::new(None),
            asks,
            unanswered: Mutex::new(Some(unanswered)),
            teller: OnceLock::new(),
            lifecycle: watch::Sender::new(Lifecycle::Idle),
            timers: Notify::new(),
            recovery: Recovery {
                backups,
                staged: Mutex::default(),
            },
            fatal: watch::Sender::new(None),
        }
    }
}

/// Milliseconds since the epoch by the host's clock.
pub fn now_ms() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

impl Engine {
    fn lock(&self) -> MutexGuard<'_, Option<Leading>> {
        // A command that panicked may have left the model half changed: it is not used again.
        self.leading
            .lock()
            .unwrap_or_else(|poisoned: PoisonError<_>| {
                let mut guard = poisoned.into_inner();
                *guard = None;
                self.fail("a command failed unexpectedly");
                guard
            })
    }

    /// Begins to lead.
    pub fn lead(&self, model: Model, store: Store, launcher: Launcher) {
        *self.lock() = Some(Leading {
            model,
            store,
            launcher,
            calls: None,
        });
        self.enter(Lifecycle::LeaderAwaitingRegistration);
        // What the restart found due is done and stored before anything else.
        if self.command(|_| ()).is_err() {
            tracing::debug!("lost the lead at once");
        }
    }

    /// From now on, requests to Mesos go here.
    pub fn connect(&self, calls: CallSender) {
        if let Some(leading) = self.lock().as_mut() {
            leading.calls = Some(calls);
        }
    }

    /// Carries out a command whose result a caller may rely on, whatever happens to the machine then.
    pub fn promise<R>(&self, run: impl FnOnce(&mut Model) -> R) -> Result<R, NotReady> {
        self.carry_out(run, Lasting::Machine)
    }

    /// Carries out a command about something that Mesos would tell us of again.
    pub fn command<R>(&self, run: impl FnOnce(&mut Model) -> R) -> Result<R, NotReady> {
        self.carry_out(run, Lasting::Process)
    }

    /// Carries out a command: time passes, the model changes, the records are stored, and then the
    /// requests are sent. If they cannot be stored the scheduler ends: its memory is ahead of what it
    /// would find after a restart.
    fn carry_out<R>(
        &self,
        run: impl FnOnce(&mut Model) -> R,
        lasting: Lasting,
    ) -> Result<R, NotReady> {
        let asked = Instant::now();
        let mut guard = self.lock();
        let leading = guard.as_mut().ok_or(NotReady)?;
        let waited = asked.elapsed();
        leading.model.at(now_ms());
        let result = run(&mut leading.model);
        let effects = leading.model.finish();
        let began = Instant::now();
        if let Err(error) = leading.store.commit(&effects.records, lasting) {
            *guard = None;
            drop(guard);
            self.fail(&describe(&error));
            return Err(NotReady);
        }
        let stats = leading.model.stats_mut();
        if !effects.records.is_empty() {
            // The original appended them to its replicated log, as one entry.
            stats.time("scheduler_log_native_append", began.elapsed());
            stats.count("scheduler_log_entries_written");
        }
        // Older and newer releases of the original have these two names for the wait for the one that writes.
        stats.time("log_storage_write_lock_wait", waited);
        stats.time("storage_write_lock_wait", waited);
        let took = asked.elapsed().saturating_sub(waited);
        stats.time("mem_storage_write_operation", took);
        if leading.calls.is_none() {
            let is_kill = |request: &&Request| matches!(request, Request::Kill { .. });
            let kills = effects.requests.iter().filter(is_kill).count();
            stats.add("scheduler_driver_kill_failures", kills);
        }
        if let Some(calls) = &leading.calls {
            for request in effects.requests {
                for call in leading.launcher.calls(request) {
                    calls.send(call);
                }
            }
        }
        // Nobody listens only in a process that is about to end.
        for ask in effects.asks {
            let _ = self.asks.send(ask);
        }
        if let Some(teller) = self.teller.get() {
            effects
                .changes
                .into_iter()
                .for_each(|change| teller.tell(change));
        }
        drop(guard);
        self.timers.notify_one();
        Ok(result)
    }

    /// Backups.
    pub fn recovery(&self) -> &Recovery {
        &self.recovery
    }

    /// Questions to coordinators, to be answered by [`Model::coordinator_said`]. Given once.
    pub fn asks(&self) -> Option<mpsc::UnboundedReceiver<Ask>> {
        let unanswered = self.unanswered.lock();
        unanswered.unwrap_or_else(PoisonError::into_inner).take()
    }

    /// From now on, the webhook is told of changes.
    pub fn tell(&self, teller: Teller) {
        let _ = self.teller.set(teller);
    }

    /// Who tells the webhook.
    pub fn teller(&self) -> Option<&Teller> {
        self.teller.get()
    }

    /// Brings the store into its shortest form, on the disk.
    pub fn compact(&self) -> Result<Result<(), StoreError>, NotReady> {
        let mut guard = self.lock();
        let leading = guard.as_mut().ok_or(NotReady)?;
        let began = Instant::now();
        let outcome = leading.store.compact();
        if outcome.is_ok() {
            let stats = leading.model.stats_mut();
            stats.count("scheduler_log_snapshots");
            stats.time("scheduler_log_snapshot", began.elapsed());
        }
        Ok(outcome)
    }

    /// Writes a backup.
    pub fn back_up(&self) -> Result<Result<(), BackupError>, NotReady> {
        let began = Instant::now();
        let snapshot = self.read(Model::snapshot)?;
        let took = began.elapsed();
        let written = self.recovery.backups.write(&snapshot);
        self.command(|model| {
            model.stats_mut().time("snapshot_create", took);
            model.note_backup(written.is_ok());
        })?;
        Ok(written.map(|name| tracing::info!("backup `{name}` written")))
    }

    /// Replaces everything with a backup's content, and ends the process: it starts from that.
    pub fn start_over(&self, snapshot: Snapshot) -> Result<Result<(), StoreError>, NotReady> {
        let mut guard = self.lock();
        let leading = guard.as_mut().ok_or(NotReady)?;
        if let Err(error) = leading.store.replace(snapshot.into()) {
            return Ok(Err(error));
        }
        *guard = None;
        drop(guard);
        self.fail("ending, to start again from the recovered backup");
        Ok(Ok(()))
    }

    /// Looks at the model.
    pub fn read<R>(&self, look: impl FnOnce(&Model) -> R) -> Result<R, NotReady> {
        let mut guard = self.lock();
        let leading = guard.as_mut().ok_or(NotReady)?;
        let began = Instant::now();
        let result = look(&leading.model);
        let stats = leading.model.stats_mut();
        stats.time("mem_storage_read_operation", began.elapsed());
        Ok(result)
    }

    /// Fires the model's timers as they fall due, for ever.
    pub async fn run_timers(&self) {
        loop {
            let next = self.read(Model::next_timer).ok().flatten();
            let wait =
                next.map(|at| Duration::from_millis(u64::try_from(at - now_ms()).unwrap_or(0)));
            let sleep = async {
                match wait {
                    Some(wait) => tokio::time::sleep(wait).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = sleep => {
                    if self.command(|_| ()).is_err() {
                        tracing::debug!("a timer fired without a leader");
                    }
                }
                () = self.timers.notified() => {}
            }
        }
    }

    /// Notes where the process is in its life.
    pub fn enter(&self, lifecycle: Lifecycle) {
        self.lifecycle.send_replace(lifecycle);
    }

    /// Where the process is in its life.
    pub fn lifecycle(&self) -> Lifecycle {
        *self.lifecycle.borrow()
    }

    /// Notes that the process must end.
    pub fn fail(&self, reason: &str) {
        tracing::error!("{reason}");
        self.enter(Lifecycle::Dead);
        self.fatal.send_if_modified(|fatal| {
            let first = fatal.is_none();
            if first {
                *fatal = Some(reason.to_string());
            }
            first
        });
    }

    /// Waits until the process must end, and says why.
    pub async fn failure(&self) -> String {
        let mut fatal = self.fatal.subscribe();
        match fatal.wait_for(Option::is_some).await {
            Ok(reason) => reason.clone().unwrap_or_default(),
            Err(_) => std::future::pending().await,
        }
    }
}

/// An error with its causes in one line.
pub fn describe(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
