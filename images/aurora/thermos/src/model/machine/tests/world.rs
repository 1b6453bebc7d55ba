//! A simulated world for a machine: scripted ends, a clock that jumps to the next event, and a runner that may die.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::checkpoint::{ProcessState, ProcessStatus, Record, RunnerHeader, TaskState};
use crate::model::machine::{Action, Machine, Owner, Request};
use crate::task::TaskSpec;

/// How one run of a process goes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Fate {
    /// Ends by itself after so many seconds with this status.
    Ends(f64, i32),
    /// Ends only when asked to.
    OnTerm,
    /// Ends only when killed.
    Stubborn,
    /// Its coordinator vanishes after so many seconds.
    Vanishes(f64),
    /// Cannot be started.
    Refused,
    /// Its coordinator starts nothing, and does not end.
    Mute,
}

/// What a coordinator has written, and how much of it this runner has read.
#[derive(Debug, Default)]
struct Stream {
    written: Vec<ProcessStatus>,
    read: usize,
}

/// Plays the runner's part for a machine.
pub(super) struct World {
    task: TaskSpec,
    pub(super) machine: Machine,
    fates: BTreeMap<String, Vec<Fate>>,
    pub(super) now: f64,
    /// When the current run of a process ends, and how; `None` as the end is "not by itself".
    pub(super) running: BTreeMap<String, (Option<f64>, Fate)>,
    streams: BTreeMap<String, Stream>,
    pub(super) records: Vec<Record>,
    /// When each record was written.
    pub(super) times: Vec<f64>,
    /// How many records there were whenever nothing was left to do, and the time.
    pub(super) quiet: Vec<(usize, f64)>,
    /// How many records there were when something was asked for, the time, and what.
    pub(super) requests: Vec<(usize, f64, Request)>,
    /// With so many records the runner dies, for so many seconds; the next death last.
    pub(super) deaths: Vec<(usize, f64)>,
    /// How many records there were when a dead runner's successor came, and the time.
    pub(super) rebirths: Vec<(usize, f64)>,
    is_dead: bool,
    pub(super) started: Vec<String>,
    pub(super) end: Option<TaskState>,
}

fn owner() -> Owner {
    Owner { pid: 1, uid: 0 }
}

fn header() -> RunnerHeader {
    RunnerHeader {
        task_id: "t".into(),
        ..RunnerHeader::default()
    }
}

impl World {
    pub(super) fn new(task: Value, fates: &[(&str, &[Fate])]) -> Self {
        Self::with_deaths(task, fates, Vec::new())
    }

    /// A world in which the runner dies as [`World::deaths`] says.
    pub(super) fn with_deaths(
        task: Value,
        fates: &[(&str, &[Fate])],
        deaths: Vec<(usize, f64)>,
    ) -> Self {
        let task = TaskSpec::from_value(&task).unwrap();
        let machine = Machine::new(task.clone(), owner(), Some(100)).unwrap();
        let fates = fates.iter();
        let mut world = Self {
            task,
            machine,
            fates: fates
                .map(|(name, fates)| (name.to_string(), fates.to_vec()))
                .collect(),
            now: 1000.0,
            running: BTreeMap::new(),
            streams: BTreeMap::new(),
            records: Vec::new(),
            times: Vec::new(),
            quiet: Vec::new(),
            requests: Vec::new(),
            deaths,
            rebirths: Vec::new(),
            is_dead: false,
            started: Vec::new(),
            end: None,
        };
        let actions = world.machine.begin(header(), 1000.0);
        world.act(actions);
        world
    }

    /// Someone wants the task to end.
    pub(super) fn request(&mut self, request: Request) {
        if !self.machine.is_finished() && !self.is_dead {
            self.requests.push((self.records.len(), self.now, request));
            let actions = self.machine.request(request, self.now);
            self.act(actions);
        }
    }

    fn act(&mut self, actions: Vec<Action>) {
        for action in actions {
            if self.is_dead {
                return;
            }
            match action {
                Action::Append(record) => {
                    self.records.push(record);
                    self.times.push(self.now);
                    let next = self.deaths.last().map(|(records, _)| *records);
                    self.is_dead = next.is_some_and(|at| at <= self.records.len());
                }
                Action::Launch { process, seq, run } => self.launch(process, seq, run),
                Action::Terminate(runs) => {
                    for run in runs {
                        if let Some((at, fate)) = self.running.get_mut(&run.process)
                            && !matches!(fate, Fate::Stubborn | Fate::Mute)
                        {
                            *at = Some(self.now);
                            *fate = Fate::Ends(0.0, -15);
                        }
                    }
                }
                Action::Destroy(run) => {
                    self.read();
                    let found = self.running.remove(&run.process).is_some();
                    let next = self.machine.destroyed(&run.process, found, self.now);
                    self.act(next);
                }
                Action::DestroyOrphans => {}
                Action::Finish(state) => {
                    assert_eq!(self.end, None, "ended twice");
                    self.end = Some(state);
                }
            }
        }
    }

    fn launch(&mut self, process: String, seq: i64, run: usize) {
        let fates = self.fates.get(&process).cloned().unwrap_or_default();
        let fate = fates.get(run).or(fates.last()).copied();
        let fate = fate.unwrap_or(Fate::Ends(1.0, 0));
        self.started.push(format!("{process}:{run}"));
        if fate == Fate::Refused {
            let next = self.machine.not_started(&process, self.now);
            return self.act(next);
        }
        let twice = self.running.contains_key(&process);
        assert!(!twice, "`{process}` runs already");
        let stream = self.streams.entry(process.clone()).or_default();
        let mut forked = ProcessStatus::new(&process, seq, ProcessState::Forked);
        forked.fork_time = Some(self.now);
        stream.written.push(forked);
        if fate != Fate::Mute {
            let running = ProcessStatus::new(&process, seq + 1, ProcessState::Running);
            stream.written.push(running);
        }
        let at = match fate {
            Fate::Ends(after, _) | Fate::Vanishes(after) => Some(self.now + after),
            Fate::OnTerm | Fate::Stubborn | Fate::Refused | Fate::Mute => None,
        };
        self.running.insert(process, (at, fate));
        self.read();
    }

    /// Reads what coordinators have written.
    fn read(&mut self) {
        while !self.is_dead {
            let unread = self.streams.values_mut().find_map(|stream| {
                let status = stream.written.get(stream.read).cloned();
                stream.read += usize::from(status.is_some());
                status
            });
            let Some(status) = unread else {
                return;
            };
            let next = self.machine.observe(&status, self.now);
            self.act(next);
        }
    }

    /// Takes note of coordinators that are gone without a word.
    fn reap(&mut self) {
        let alive = self.machine.history().alive();
        let gone: Vec<String> = alive
            .filter(|run| !self.running.contains_key(&run.process))
            .map(|run| run.process.clone())
            .collect();
        for process in gone {
            let next = self.machine.lost(&process, self.now);
            self.act(next);
        }
    }

    /// Ends what is due; whether anything was.
    fn ends(&mut self) -> bool {
        let due = self.running.iter().find_map(|(process, (at, fate))| {
            let at = at.filter(|at| *at <= self.now)?;
            Some((process.clone(), at, *fate))
        });
        let Some((process, at, fate)) = due else {
            return false;
        };
        self.running.remove(&process);
        if let Fate::Ends(_, code) = fate
            && let Some(stream) = self.streams.get_mut(&process)
        {
            let state = match code {
                0 => ProcessState::Success,
                1.. => ProcessState::Failed,
                _ => ProcessState::Killed,
            };
            let seq = stream.written.last().map_or(0, |last| last.seq + 1);
            let mut status = ProcessStatus::new(&process, seq, state);
            status.stop_time = Some(at);
            status.return_code = Some(code);
            stream.written.push(status);
        }
        true
    }

    /// Another runner takes over what the dead one has left.
    fn revive(&mut self) {
        let (_, down) = self.deaths.pop().unwrap();
        self.now += down;
        self.is_dead = false;
        self.rebirths.push((self.records.len(), self.now));
        self.machine = Machine::new(self.task.clone(), owner(), Some(100)).unwrap();
        for stream in self.streams.values_mut() {
            stream.read = 0;
        }
        let actions = self
            .machine
            .recover(&self.records, Some(header()), self.now);
        self.act(actions);
    }

    /// Runs to the end, or until `until`.
    pub(super) fn run_until(&mut self, until: f64) {
        for _ in 0..50_000 {
            if self.is_dead {
                self.revive();
            }
            while self.ends() {}
            self.read();
            self.reap();
            if self.is_dead {
                continue;
            }
            let actions = self.machine.step(self.now, false);
            let idle = actions.is_empty();
            self.act(actions);
            if self.machine.is_finished() && !self.is_dead {
                return;
            }
            if !idle || self.is_dead {
                continue;
            }
            self.quiet.push((self.records.len(), self.now));
            let heeds = |fate: &Fate| !matches!(fate, Fate::Stubborn | Fate::Mute);
            let any_heeds = self.running.values().any(|(_, fate)| heeds(fate));
            let is_cleaning = self.machine.state() == TaskState::Cleaning;
            assert!(!is_cleaning || !any_heeds, "something was not asked to end");
            let due = self.running.values().filter_map(|(at, _)| *at);
            let next = due.chain(self.machine.wake_at(self.now)).reduce(f64::min);
            let Some(next) = next.filter(|next| *next <= until) else {
                self.now = self.now.max(until);
                return;
            };
            self.now = next.max(self.now + 1e-6);
        }
        panic!("no end in sight: {:?}", self.records);
    }

    pub(super) fn run(mut self) -> Self {
        self.run_until(1e9);
        self
    }

    /// What happened, a line a record.
    pub(super) fn told(&self) -> String {
        let lines = self.records.iter().zip(&self.times).enumerate();
        let lines = lines.map(|(place, (record, at))| match record {
            Record::Header(_) => format!("{place} {at}: header"),
            Record::Task(status) => format!("{place} {at}: {}", status.state),
            Record::Process(status) => {
                let (name, state) = (&status.process, status.state);
                format!("{place} {at}: {name} {} {state}", status.seq)
            }
        });
        let mut lines: Vec<String> = lines.collect();
        lines.push(format!("asked: {:?}", self.requests));
        lines.push(format!("reborn: {:?}", self.rebirths));
        lines.join("\n")
    }

    pub(super) fn states(&self) -> String {
        let states: Vec<String> = self
            .machine
            .history()
            .statuses
            .iter()
            .map(|s| s.state.to_string())
            .collect();
        states.join(" ")
    }
}
