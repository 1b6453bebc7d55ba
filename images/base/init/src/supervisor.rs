//! The life of a node: the loop over signals and deadlines in which programs are started, reaped, started again and
//! stopped. One thread does it all; another only passes signals on.

use std::io;
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use nix::unistd::Pid;
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};
use signal_hook::iterator::Signals;

use crate::children::{self, Ended, Left};
use crate::command_line::Program;
use crate::restart::{Next, Restarts};

/// What the thread that waits for signals needs of a stack.
const SIGNAL_THREAD_STACK_BYTES: usize = 64 * 1024;

/// Children are listed again so often while the last of them are told to end: they may start new ones.
const STRAGGLERS_AGAIN: Duration = Duration::from_millis(200);

/// After SIGKILL the kernel needs a moment, and no process can refuse.
const AFTER_KILL: Duration = Duration::from_secs(1);

enum State {
    Up { pid: Pid, since: Instant },
    Pausing { until: Instant },
    Ended,
}

struct Node {
    program: Program,
    state: State,
    restarts: Restarts,
    /// How it ended last.
    status: u8,
}

/// Why the node stops.
enum Stop {
    Asked(Signal),
    CannotStayUp { status: u8 },
}

struct Supervisor {
    nodes: Vec<Node>,
    signals: Receiver<i32>,
    left: Left,
    /// A second request to stop came: no more waiting.
    hurry: bool,
}

/// Runs `programs` until they are stopped by a signal, or one of them cannot stay up. Answers the status to exit with.
///
/// # Errors
/// When signals cannot be listened for.
pub(crate) fn run(programs: Vec<Program>, grace: Duration) -> io::Result<u8> {
    let mut supervisor = Supervisor {
        signals: listen()?,
        nodes: programs.into_iter().map(Node::new).collect(),
        left: Left::None,
        hurry: false,
    };
    children::adopt_orphans();
    let stop = supervisor.keep_up();
    let signal = match stop {
        Stop::Asked(signal) => signal,
        Stop::CannotStayUp { .. } => Signal::SIGTERM,
    };
    supervisor.stop_all(signal, Instant::now() + grace);
    Ok(match stop {
        Stop::CannotStayUp { status } => status,
        Stop::Asked(_) => supervisor.nodes.first().map_or(0, |node| node.status),
    })
}

fn listen() -> io::Result<Receiver<i32>> {
    let mut signals = Signals::new([SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2])?;
    let (sender, receiver) = channel();
    std::thread::Builder::new()
        .name("signals".to_owned())
        .stack_size(SIGNAL_THREAD_STACK_BYTES)
        .spawn(move || {
            for signal in &mut signals {
                if sender.send(signal).is_err() {
                    return;
                }
            }
        })?;
    Ok(receiver)
}

impl Node {
    fn new(program: Program) -> Self {
        Self {
            program,
            state: State::Pausing {
                until: Instant::now(),
            },
            restarts: Restarts::default(),
            status: 0,
        }
    }

    fn pid(&self) -> Option<Pid> {
        match self.state {
            State::Up { pid, .. } => Some(pid),
            State::Pausing { .. } | State::Ended => None,
        }
    }

    /// Starts the program if its time has come; `Some` when it cannot stay up.
    fn start_if_due(&mut self, now: Instant) -> Option<Stop> {
        match self.state {
            State::Pausing { until } if until <= now => {}
            State::Pausing { .. } | State::Up { .. } | State::Ended => return None,
        }
        let started = Command::new(&self.program.name)
            .args(&self.program.args)
            .spawn();
        match started.and_then(|child| i32::try_from(child.id()).map_err(io::Error::other)) {
            Ok(pid) => {
                self.state = State::Up {
                    pid: Pid::from_raw(pid),
                    since: now,
                };
                None
            }
            Err(error) => {
                crate::say(format_args!(
                    "cannot start {}: {error}",
                    self.program.name.display()
                ));
                let status = if error.kind() == io::ErrorKind::NotFound {
                    127
                } else {
                    126
                };
                self.ended(status, Duration::ZERO, now)
            }
        }
    }

    /// Notes that the program ended; `Some` when it cannot stay up.
    fn ended(&mut self, status: u8, lived: Duration, now: Instant) -> Option<Stop> {
        self.status = status;
        match self.restarts.ended_after(lived) {
            Next::StartAfter(pause) => {
                let name = self.program.name.display();
                crate::say(format_args!(
                    "{name} ended with status {status}; starting it again"
                ));
                self.state = State::Pausing { until: now + pause };
                None
            }
            Next::GiveUp => {
                let name = self.program.name.display();
                crate::say(format_args!(
                    "{name} ended with status {status} and does not stay up; stopping"
                ));
                self.state = State::Ended;
                Some(Stop::CannotStayUp { status })
            }
        }
    }
}

impl Supervisor {
    fn keep_up(&mut self) -> Stop {
        loop {
            let now = Instant::now();
            for node in &mut self.nodes {
                if let Some(stop) = node.start_if_due(now) {
                    return stop;
                }
            }
            let due = self.nodes.iter().filter_map(|node| match node.state {
                State::Pausing { until } => Some(until),
                State::Up { .. } | State::Ended => None,
            });
            match self.next_signal(due.min()).map(Signal::try_from) {
                Some(Ok(signal @ (Signal::SIGTERM | Signal::SIGINT))) => {
                    return Stop::Asked(signal);
                }
                Some(Ok(Signal::SIGCHLD) | Err(_)) | None => {}
                Some(Ok(signal)) => {
                    let pids = self.nodes.iter().filter_map(Node::pid);
                    pids.for_each(|pid| children::signal(pid, signal));
                }
            }
            if let Some(stop) = self.note_and_plan_restarts() {
                return stop;
            }
        }
    }

    /// Reaps, and notes every program that ended: those beside one that cannot stay up as well, so that nothing is sent
    /// to their numbers later.
    fn note_and_plan_restarts(&mut self) -> Option<Stop> {
        let now = Instant::now();
        let mut stop = None;
        for ended in self.reap() {
            for node in &mut self.nodes {
                if let State::Up { pid, since } = node.state
                    && pid == ended.pid
                {
                    let verdict = node.ended(ended.status, now.duration_since(since), now);
                    stop = stop.or(verdict);
                }
            }
        }
        stop
    }

    /// Stops the programs, the last one first, then whatever else they left behind, all by `deadline`.
    fn stop_all(&mut self, signal: Signal, deadline: Instant) {
        for index in (0..self.nodes.len()).rev() {
            let Some(pid) = self.nodes.get(index).and_then(Node::pid) else {
                continue;
            };
            children::signal(pid, signal);
            // Whoever does not listen takes only its own share of the time; one share is for what the programs leave.
            let now = Instant::now();
            let shares = u32::try_from(index + 2).unwrap_or(u32::MAX);
            let until = now + deadline.saturating_duration_since(now) / shares;
            if !self.wait(until, |supervisor| !supervisor.is_up(index)) {
                children::signal(pid, Signal::SIGKILL);
                self.wait(Instant::now() + AFTER_KILL, |supervisor| {
                    !supervisor.is_up(index)
                });
            }
        }
        while self.left == Left::Some && !self.hurry && Instant::now() < deadline {
            children::signal_all(Signal::SIGTERM);
            let again = deadline.min(Instant::now() + STRAGGLERS_AGAIN);
            self.wait(again, |supervisor| supervisor.left == Left::None);
        }
        let deadline = Instant::now() + AFTER_KILL;
        while self.left == Left::Some && Instant::now() < deadline {
            children::signal_all(Signal::SIGKILL);
            self.hurry = false;
            self.wait(Instant::now() + STRAGGLERS_AGAIN, |supervisor| {
                supervisor.left == Left::None
            });
        }
    }

    fn is_up(&self, index: usize) -> bool {
        self.nodes
            .get(index)
            .is_some_and(|node| node.pid().is_some())
    }

    /// Waits until `done` holds, and answers whether it does; a further request to stop ends the wait.
    fn wait(&mut self, until: Instant, done: impl Fn(&Self) -> bool) -> bool {
        loop {
            self.note_ends();
            if done(self) {
                return true;
            }
            if self.hurry || Instant::now() >= until {
                return false;
            }
            if matches!(self.next_signal(Some(until)), Some(SIGTERM | SIGINT)) {
                self.hurry = true;
            }
        }
    }

    fn note_ends(&mut self) {
        for ended in self.reap() {
            for node in &mut self.nodes {
                if node.pid() == Some(ended.pid) {
                    node.status = ended.status;
                    node.state = State::Ended;
                }
            }
        }
    }

    fn reap(&mut self) -> Vec<Ended> {
        let (ended, left) = children::reap();
        self.left = left;
        ended
    }

    /// The next signal, or none by `until`.
    fn next_signal(&self, until: Option<Instant>) -> Option<i32> {
        let Some(until) = until else {
            return self.signals.recv().ok();
        };
        let wait = until.saturating_duration_since(Instant::now());
        self.signals.recv_timeout(wait).ok()
    }
}
