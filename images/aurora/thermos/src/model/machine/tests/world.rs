//! A simulated world for a machine: scripted ends, and a clock that jumps to the next event.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::checkpoint::{ProcessState, ProcessStatus, Record, RunnerHeader, TaskState};
use crate::model::machine::{Action, Machine, Owner};
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
}

/// Plays the runner's part for a machine.
pub(super) struct World {
    pub(super) machine: Machine,
    pub(super) fates: BTreeMap<String, Vec<Fate>>,
    pub(super) now: f64,
    /// When the current run of a process ends, and how; `None` as the end is "not by itself".
    pub(super) running: BTreeMap<String, (Option<f64>, Fate)>,
    pub(super) records: Vec<Record>,
    pub(super) started: Vec<String>,
    pub(super) most_at_once: usize,
    pub(super) end: Option<TaskState>,
}

impl World {
    pub(super) fn new(task: Value, fates: &[(&str, &[Fate])]) -> Self {
        let task = TaskSpec::from_value(&task).unwrap();
        let machine = Machine::new(task, Owner { pid: 1, uid: 0 }, Some(100)).unwrap();
        let mut world = Self {
            machine,
            fates: fates
                .iter()
                .map(|(name, fates)| (name.to_string(), fates.to_vec()))
                .collect(),
            now: 1000.0,
            running: BTreeMap::new(),
            records: Vec::new(),
            started: Vec::new(),
            most_at_once: 0,
            end: None,
        };
        let actions = world.machine.begin(
            RunnerHeader {
                task_id: "t".into(),
                ..Default::default()
            },
            1000.0,
        );
        world.act(actions);
        world
    }

    pub(super) fn act(&mut self, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Append(record) => self.records.push(record),
                Action::Launch { process, seq, run } => {
                    let fates = self.fates.get(&process).cloned().unwrap_or_default();
                    let fate = fates
                        .get(run)
                        .or(fates.last())
                        .copied()
                        .unwrap_or(Fate::Ends(1.0, 0));
                    self.started.push(format!("{process}:{run}"));
                    for (seq, state) in [
                        (seq, ProcessState::Forked),
                        (seq + 1, ProcessState::Running),
                    ] {
                        let mut status = ProcessStatus::new(&process, seq, state);
                        status.fork_time = Some(self.now);
                        let next = self.machine.observe(&status, self.now);
                        self.act(next);
                    }
                    let at = match fate {
                        Fate::Ends(after, _) | Fate::Vanishes(after) => Some(self.now + after),
                        Fate::OnTerm | Fate::Stubborn => None,
                    };
                    self.running.insert(process, (at, fate));
                    self.most_at_once = self.most_at_once.max(self.running.len());
                }
                Action::Terminate(runs) => {
                    for run in runs {
                        if let Some((at, fate)) = self.running.get_mut(&run.process)
                            && *fate != Fate::Stubborn
                        {
                            *at = Some(self.now);
                            *fate = Fate::Ends(0.0, -15);
                        }
                    }
                }
                Action::Destroy(run) => {
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

    /// Ends what is due; whether anything was.
    pub(super) fn ends(&mut self) -> bool {
        let due = self
            .running
            .iter()
            .find(|(_, (at, _))| at.is_some_and(|at| at <= self.now));
        let Some((process, fate)) = due.map(|(process, (_, fate))| (process.clone(), *fate)) else {
            return false;
        };
        self.running.remove(&process);
        let next = match fate {
            Fate::Ends(_, code) => {
                let state = match code {
                    0 => ProcessState::Success,
                    1.. => ProcessState::Failed,
                    _ => ProcessState::Killed,
                };
                let mut status =
                    ProcessStatus::new(&process, self.machine.history().next_seq(&process), state);
                status.stop_time = Some(self.now);
                status.return_code = Some(code);
                self.machine.observe(&status, self.now)
            }
            _ => self.machine.lost(&process, self.now),
        };
        self.act(next);
        true
    }

    /// Runs to the end, or until `until`.
    pub(super) fn run_until(&mut self, until: f64) {
        for _ in 0..20_000 {
            while self.ends() {}
            let actions = self.machine.step(self.now, false);
            let idle = actions.is_empty();
            self.act(actions);
            if self.machine.is_finished() {
                return;
            }
            if !idle {
                continue;
            }
            let due = self.running.values().filter_map(|(at, _)| *at);
            let next = due.chain(self.machine.wake_at(self.now)).reduce(f64::min);
            let Some(next) = next.filter(|next| *next <= until) else {
                self.now = until;
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
