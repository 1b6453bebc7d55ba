//! The runner's loop: what the model decides is done, what coordinators write is told to the model.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::Signal;
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use nix::unistd::Pid;
use tokio::signal::unix::{Signal as SignalStream, SignalKind, signal};

use crate::checkpoint::{
    ProcessState, ProcessStatus, Record, StreamError, Tail, TaskPaths, TaskState, Writer,
};
use crate::clock;
use crate::model::{Action, Machine, Request};
use crate::proc;
use crate::task::{Destination, Logger, Mode, ProcessSpec};

use super::kill;
use super::launch::{self, LogPlan, Order};
use super::options::Options;
use crate::users::User;

/// How often a coordinator's stream is looked at until its process runs.
const STARTING: Duration = Duration::from_millis(10);
/// How often coordinators that are not this runner's children are looked for.
const ADOPTED: Duration = Duration::from_millis(250);
/// The `PATH` of processes whose runner has none.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What processes read before they begin, where it is in the sandbox.
const PROFILE: &str = ".thermos_profile";

/// Why a task cannot be run on.
#[derive(Debug, thiserror::Error)]
pub(super) enum RunError {
    #[error(transparent)]
    Checkpoint(#[from] StreamError),
    #[error("cannot use the files of task `{0}`")]
    Files(String, #[source] std::io::Error),
    #[error("cannot listen for signals")]
    Signals(#[source] std::io::Error),
}

/// What may be signalled to a runner.
pub(super) struct Signals {
    child: SignalStream,
    kill: SignalStream,
    lose: SignalStream,
    terminate: SignalStream,
    interrupt: SignalStream,
}

impl Signals {
    pub(super) fn listen() -> Result<Self, RunError> {
        let listen = |kind| signal(kind).map_err(RunError::Signals);
        Ok(Self {
            child: listen(SignalKind::child())?,
            kill: listen(SignalKind::user_defined1())?,
            lose: listen(SignalKind::user_defined2())?,
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
        })
    }

    /// The next signal, and what it asks for.
    async fn next(&mut self) -> Option<Request> {
        tokio::select! {
            _ = self.child.recv() => None,
            _ = self.kill.recv() => Some(Request::Kill),
            _ = self.terminate.recv() => Some(Request::Kill),
            _ = self.interrupt.recv() => Some(Request::Kill),
            _ = self.lose.recv() => Some(Request::Lose),
        }
    }
}

/// One task at work.
pub(super) struct Supervisor {
    options: Options,
    paths: TaskPaths,
    machine: Machine,
    writer: Writer,
    /// Whom processes run as, and whether that is somebody else than this runner.
    user: User,
    switch_user: bool,
    tails: BTreeMap<String, Tail>,
    /// Coordinators that are children of this process: pid to process name.
    children: BTreeMap<i32, String>,
    asked: BTreeSet<i32>,
}

impl Supervisor {
    pub(super) fn new(
        options: Options,
        paths: TaskPaths,
        machine: Machine,
        writer: Writer,
        user: User,
        switch_user: bool,
    ) -> Self {
        Self {
            options,
            paths,
            machine,
            writer,
            user,
            switch_user,
            tails: BTreeMap::new(),
            children: BTreeMap::new(),
            asked: BTreeSet::new(),
        }
    }

    /// Runs the task to its end.
    pub(super) async fn run(
        &mut self,
        first: Vec<Action>,
        mut signals: Signals,
    ) -> Result<(), RunError> {
        self.act(first)?;
        loop {
            self.read_coordinators()?;
            self.reap()?;
            loop {
                let orphans = self.orphans();
                let actions = self.machine.step(clock::now(), !orphans.is_empty());
                if actions.is_empty() {
                    break;
                }
                self.act(actions)?;
            }
            if self.machine.is_finished() {
                return Ok(());
            }
            let request = tokio::select! {
                request = signals.next() => request,
                () = tokio::time::sleep(self.pause()) => None,
            };
            if let Some(request) = request {
                // What has happened before the request comes before it in the history, too.
                self.read_coordinators()?;
                let actions = self.machine.request(request, clock::now());
                self.act(actions)?;
            }
        }
    }

    /// How long nothing has to be done, unless a signal comes.
    fn pause(&self) -> Duration {
        let now = clock::now();
        let alive: Vec<&ProcessStatus> = self.machine.history().alive().collect();
        let starting = alive
            .iter()
            .any(|run| run.state == ProcessState::Forked)
            .then_some(STARTING);
        let adopted = alive
            .iter()
            .any(|run| {
                run.coordinator_pid
                    .is_none_or(|pid| !self.children.contains_key(&pid))
            })
            .then_some(ADOPTED);
        let planned = self
            .machine
            .wake_at(now)
            .map(|at| Duration::from_secs_f64((at - now).clamp(0.001, 3600.0)));
        starting
            .into_iter()
            .chain(adopted)
            .chain(planned)
            .min()
            .unwrap_or(Duration::from_secs(3600))
    }

    fn act(&mut self, actions: Vec<Action>) -> Result<(), RunError> {
        let uid = self
            .machine
            .history()
            .header
            .as_ref()
            .and_then(|header| header.uid);
        for action in actions {
            match action {
                Action::Append(record) => {
                    if let Record::Task(status) = &record {
                        tracing::info!("task `{}` is {}", self.paths.task_id(), status.state);
                    }
                    self.writer.append(&record)?;
                }
                Action::Launch { process, run, seq } => self.launch(&process, run, seq)?,
                Action::Terminate(runs) => runs.iter().for_each(|run| kill::terminate(run, uid)),
                Action::Destroy(run) => {
                    // It may have ended by itself meanwhile.
                    self.read_coordinators()?;
                    let found = kill::destroy(&run, uid);
                    let next = self.machine.destroyed(&run.process, found, clock::now());
                    self.act(next)?;
                }
                Action::DestroyOrphans => self.destroy_orphans(),
                Action::Finish(state) => self.finish(state)?,
            }
        }
        Ok(())
    }

    fn launch(&mut self, process: &str, run: usize, seq: i64) -> Result<(), RunError> {
        let Some(spec) = self.machine.task().process(process).cloned() else {
            return Ok(());
        };
        let mut order = self.order(&spec, run, seq);
        match launch::launch(&mut order) {
            Ok(child) => {
                let pid = i32::try_from(child.id()).unwrap_or_default();
                self.children.insert(pid, process.to_string());
                self.read_coordinators()
            }
            Err(error) => {
                tracing::error!("process `{process}` cannot be started: {error}");
                let next = self.machine.not_started(process, clock::now());
                self.act(next)
            }
        }
    }

    fn order(&self, spec: &ProcessSpec, run: usize, seq: i64) -> Order {
        let logger = spec.logger.unwrap_or_default();
        let flags = &self.options.logger;
        let destination = logger.destination.or(flags.destination).unwrap_or_default();
        let log_dir = self.options.sandbox.join(".logs");
        Order {
            process: spec.name.clone(),
            seq,
            checkpoint: self.paths.coordinator(&spec.name),
            home: self.options.home.clone(),
            root: self.options.root.clone(),
            cmdline: spec.cmdline.clone(),
            user: self.switch_user.then(|| self.user.clone()),
            environment: self.environment(),
            logs: LogPlan {
                folder: TaskPaths::run_logs(&log_dir, &spec.name, run),
                to_file: matches!(destination, Destination::File | Destination::Both),
                to_console: matches!(destination, Destination::Console | Destination::Both),
                rotate: rotation(&logger, flags),
            },
        }
    }

    /// A process sees its home and its user, and nothing of the runner but `PATH`.
    fn environment(&self) -> Vec<(String, String)> {
        let mut environment: BTreeMap<String, String> = BTreeMap::new();
        if self.options.preserve_env {
            environment.extend(std::env::vars_os().filter_map(|(name, value)| {
                Some((name.into_string().ok()?, value.into_string().ok()?))
            }));
        }
        let home = &self.options.home;
        let path = std::env::var("PATH").ok().filter(|path| !path.is_empty());
        environment.insert("HOME".into(), home.to_string_lossy().into_owned());
        environment.insert("LOGNAME".into(), self.user.name.clone());
        environment.insert("USER".into(), self.user.name.clone());
        environment.insert("PATH".into(), path.unwrap_or_else(|| DEFAULT_PATH.into()));
        if self.options.sandbox.join(PROFILE).exists() {
            let profile = home.join(PROFILE);
            environment.insert("BASH_ENV".into(), profile.to_string_lossy().into_owned());
        }
        environment.into_iter().collect()
    }

    /// Tells the model what coordinators have written since.
    fn read_coordinators(&mut self) -> Result<(), RunError> {
        let started: Vec<String> = self
            .machine
            .history()
            .processes
            .iter()
            .map(|runs| runs.process.clone())
            .collect();
        for process in started {
            let path = self.paths.coordinator(&process);
            let records = self
                .tails
                .entry(process)
                .or_insert_with(|| Tail::new(path))
                .read()?;
            for record in records {
                if let Record::Process(status) = record {
                    let next = self.machine.observe(&status, clock::now());
                    self.act(next)?;
                }
            }
        }
        Ok(())
    }

    /// Takes note of ended children, and of adopted coordinators that are gone.
    fn reap(&mut self) -> Result<(), RunError> {
        loop {
            let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
            let pid = match waitid(Id::All, flags) {
                Ok(WaitStatus::StillAlive) | Err(Errno::ECHILD) => break,
                Ok(status) => status.pid(),
                Err(Errno::EINTR) => continue,
                Err(errno) => return Err(RunError::Signals(errno.into())),
            };
            let Some(pid) = pid else { break };
            if let Some(process) = self.children.remove(&pid.as_raw()) {
                self.ended(pid.as_raw(), &process)?;
            }
            let _ = waitpid(pid, Some(WaitPidFlag::WNOHANG));
        }
        let uid = self
            .machine
            .history()
            .header
            .as_ref()
            .and_then(|header| header.uid);
        let gone: Vec<String> = self
            .machine
            .history()
            .alive()
            .filter(|run| {
                run.coordinator_pid.is_none_or(|pid| {
                    !self.children.contains_key(&pid) && !kill::is_ours(pid, run.fork_time, uid)
                })
            })
            .map(|run| run.process.clone())
            .collect();
        for process in gone {
            self.read_coordinators()?;
            let next = self.machine.lost(&process, clock::now());
            self.act(next)?;
        }
        Ok(())
    }

    fn ended(&mut self, coordinator: i32, process: &str) -> Result<(), RunError> {
        self.read_coordinators()?;
        // Children do not survive their process.
        kill::destroy_group(coordinator);
        let current = self.machine.history().current(process);
        let unsaid = current.is_some_and(|(_, run)| {
            run.coordinator_pid == Some(coordinator) && !run.state.is_over()
        });
        if unsaid {
            tracing::warn!("the coordinator of process `{process}` is gone");
            let next = self.machine.lost(process, clock::now());
            self.act(next)?;
        }
        Ok(())
    }

    /// Processes that this runner adopted, once it matters; each is asked to end once.
    fn orphans(&mut self) -> Vec<i32> {
        if self.machine.state() != TaskState::Cleaning {
            return Vec::new();
        }
        let orphans = self.adopted();
        for pid in &orphans {
            if self.asked.insert(*pid) {
                kill::send(*pid, Signal::SIGTERM);
            }
        }
        orphans
    }

    fn adopted(&self) -> Vec<i32> {
        let own = kill::owner().pid;
        proc::all()
            .into_iter()
            .filter(|stat| {
                stat.parent == own && !stat.is_zombie() && !self.children.contains_key(&stat.pid)
            })
            .map(|stat| stat.pid)
            .collect()
    }

    fn destroy_orphans(&self) {
        for root in self.adopted() {
            for pid in proc::descendants(&proc::all(), root) {
                kill::send(pid, Signal::SIGKILL);
            }
            kill::send(root, Signal::SIGKILL);
        }
    }

    fn finish(&mut self, state: TaskState) -> Result<(), RunError> {
        for coordinator in std::mem::take(&mut self.children).into_keys() {
            // It has said all that it had to say; its number is its own until it is reaped.
            kill::destroy_group(coordinator);
            let _ = waitpid(Pid::from_raw(coordinator), None);
        }
        self.destroy_orphans();
        let files = |error| RunError::Files(self.paths.task_id().to_string(), error);
        fs::rename(self.paths.active(), self.paths.finished()).map_err(files)?;
        tracing::info!("task `{}` has ended: {state}", self.paths.task_id());
        Ok(())
    }
}

fn rotation(logger: &Logger, flags: &Logger) -> Option<(u64, u32)> {
    let mode = logger.mode.or(flags.mode).unwrap_or_default();
    let rotate = logger.rotate.or(flags.rotate).unwrap_or_default();
    (mode == Mode::Rotate).then_some((rotate.log_size, rotate.backups))
}
