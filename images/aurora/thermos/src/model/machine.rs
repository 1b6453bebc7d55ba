//! The task's own state machine (`apache/thermos/core/runner.py`): ACTIVE, CLEANING, FINALIZING
//! and the four ends.

use crate::checkpoint::{
    ProcessState, ProcessStatus, Record, RunnerHeader, TaskHistory, TaskState, TaskStatus,
};
use crate::task::{PlanError, Plans, TaskSpec};

use super::planner::{End, Planner};

mod recover;
mod report;

/// How long a killed task may take to end, in seconds.
const PREEMPTION_WAIT: f64 = 60.0;
/// After how long a coordinator that never started its process is given up, in seconds.
const FORK_LIMIT: f64 = 60.0;

/// Who writes the records: the runner's process and user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner {
    /// Its pid.
    pub pid: i32,
    /// Its user.
    pub uid: i32,
}

/// What others may ask of a running task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// To end, with time to clean up: KILLED.
    Kill,
    /// To end at once: LOST.
    Lose,
}

/// What the runner has to do, in this order.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Append to the task's stream.
    Append(Record),
    /// Start a run; its next record is `seq`.
    Launch {
        /// The process.
        process: String,
        /// The run's number.
        run: usize,
        /// The number of its next record, FORKED.
        seq: i64,
    },
    /// Ask these processes, and orphans of the runner, to end (SIGTERM).
    Terminate(Vec<ProcessStatus>),
    /// Kill this run's processes (SIGKILL), then report with [`Machine::destroyed`].
    Destroy(ProcessStatus),
    /// Kill the runner's orphans.
    DestroyOrphans,
    /// The task has ended: put its file away.
    Finish(TaskState),
}

/// A task at work. Times are seconds since 1970.
#[derive(Debug)]
pub struct Machine {
    task: TaskSpec,
    owner: Owner,
    regular: Planner,
    finalizing: Planner,
    history: TaskHistory,
    /// When CLEANING began, or a new runner took over in it.
    cleaning_since: Option<f64>,
    /// Until when a requested end may take.
    deadline: Option<f64>,
    /// The end that was requested.
    requested: Option<TaskState>,
    /// The end that was decided, while what still runs is killed.
    ending: Option<TaskState>,
    finished: bool,
    /// Processes that a dead runner was about to start.
    unstarted: Vec<String>,
}

impl Machine {
    /// A task of which nothing has run. `run_limit` is how many runs a process may have.
    pub fn new(task: TaskSpec, owner: Owner, run_limit: Option<u32>) -> Result<Self, PlanError> {
        let plans = Plans::new(&task)?;
        Ok(Self {
            regular: Planner::new(&task, &plans.regular, run_limit),
            finalizing: Planner::new(&task, &plans.finalizing, run_limit),
            task,
            owner,
            history: TaskHistory::default(),
            cleaning_since: None,
            deadline: None,
            requested: None,
            ending: None,
            finished: false,
            unstarted: Vec::new(),
        })
    }

    /// Begins a task that has no history.
    pub fn begin(&mut self, header: RunnerHeader, now: f64) -> Vec<Action> {
        let mut actions = Vec::new();
        self.set_state(TaskState::Active, now, &mut actions);
        self.append(Record::Header(header), now, &mut actions);
        actions
    }

    /// What has happened so far.
    pub fn history(&self) -> &TaskHistory {
        &self.history
    }

    /// The task.
    pub fn task(&self) -> &TaskSpec {
        &self.task
    }

    /// The task's state.
    pub fn state(&self) -> TaskState {
        self.history.state().unwrap_or(TaskState::Active)
    }

    /// Whether the task has ended and been put away.
    pub fn is_finished(&self) -> bool {
        self.finished
    }

    /// A record that a coordinator wrote. One that does not continue the history changes nothing.
    pub fn observe(&mut self, status: &ProcessStatus, now: f64) -> Vec<Action> {
        let mut actions = Vec::new();
        self.append(Record::Process(status.clone()), now, &mut actions);
        // It was being started while all others were asked to end.
        if status.state == ProcessState::Running
            && self.state() == TaskState::Cleaning
            && let Some((_, run)) = self.history.current(&status.process)
            && run.seq == status.seq
        {
            actions.push(Action::Terminate(vec![run.clone()]));
        }
        actions
    }

    /// Someone wants the task to end.
    pub fn request(&mut self, request: Request, now: f64) -> Vec<Action> {
        let mut actions = Vec::new();
        if self.finished || self.ending.is_some() || self.state().is_terminal() {
            return actions;
        }
        (self.deadline, self.requested) = match request {
            Request::Kill => (Some(now + PREEMPTION_WAIT), Some(TaskState::Killed)),
            Request::Lose => (Some(now), Some(TaskState::Lost)),
        };
        if self.state() == TaskState::Active {
            self.clean(now, &mut actions);
        }
        actions
    }

    /// Decides what is next; called until it decides nothing more. `orphans`: processes that the
    /// runner adopted still live.
    pub fn step(&mut self, now: f64, orphans: bool) -> Vec<Action> {
        let mut actions = self.start_unstarted();
        if !actions.is_empty() {
            return actions;
        }
        for run in self.overdue(now) {
            actions.push(Action::Destroy(run));
        }
        // Every round changes the state, and no state comes back.
        while !self.finished {
            if let Some(end) = self.ending {
                let alive: Vec<_> = self.history.alive().cloned().collect();
                if !alive.is_empty() {
                    actions.extend(alive.into_iter().map(Action::Destroy));
                    break;
                }
                actions.push(Action::DestroyOrphans);
                self.set_state(end, now, &mut actions);
                actions.push(Action::Finish(end));
                self.finished = true;
                break;
            }
            let before = self.state();
            match before {
                TaskState::Active => {
                    // What is started has to run before anything can be said about the plan.
                    if self.run_plan(false, now, &mut actions) {
                        break;
                    }
                    if self.regular.is_complete() || !self.is_healthy() {
                        self.clean(now, &mut actions);
                    }
                }
                TaskState::Cleaning => {
                    let quiet = !orphans && self.history.alive().next().is_none();
                    if self.remaining(now) <= 0.0 {
                        self.end();
                    } else if quiet {
                        self.set_state(TaskState::Finalizing, now, &mut actions);
                        actions.push(Action::DestroyOrphans);
                    }
                }
                TaskState::Finalizing => {
                    if self.run_plan(true, now, &mut actions) {
                        break;
                    }
                    if self.finalizing.is_complete()
                        || self.finalizing.is_deadlocked()
                        || self.remaining(now) <= 0.0
                    {
                        self.end();
                    }
                }
                _ => self.finished = true,
            }
            if self.state() == before && self.ending.is_none() {
                break;
            }
        }
        actions
    }

    /// When [`Machine::step`] has to be called at the latest, if nothing happens before.
    pub fn wake_at(&self, now: f64) -> Option<f64> {
        let start = |planner: &Planner| {
            (self.slots(planner) > 0)
                .then(|| planner.min_wait(now))
                .flatten()
                .map(|wait| now + wait)
        };
        let stage = match self.state() {
            _ if self.finished => None,
            _ if self.ending.is_some() => Some(now),
            TaskState::Active => start(&self.regular),
            TaskState::Cleaning => Some(now + self.remaining(now)),
            TaskState::Finalizing => {
                let end = now + self.remaining(now);
                Some(start(&self.finalizing).map_or(end, |at| at.min(end)))
            }
            _ => None,
        };
        let forked = self
            .history
            .alive()
            .filter(|run| run.state == ProcessState::Forked)
            .filter_map(|run| run.fork_time)
            .map(|at| at + FORK_LIMIT);
        stage.into_iter().chain(forked).reduce(f64::min)
    }

    fn overdue(&self, now: f64) -> Vec<ProcessStatus> {
        self.history
            .alive()
            .filter(|run| {
                run.state == ProcessState::Forked
                    && run.fork_time.is_some_and(|at| now - at >= FORK_LIMIT)
            })
            .cloned()
            .collect()
    }

    fn is_healthy(&self) -> bool {
        let limit = usize::try_from(self.task.max_failures).unwrap_or(usize::MAX);
        (limit == 0 || self.regular.failed() < limit) && !self.regular.is_deadlocked()
    }

    fn end(&mut self) {
        let natural = if self.is_healthy() {
            TaskState::Success
        } else {
            TaskState::Failed
        };
        self.ending = Some(self.requested.unwrap_or(natural));
    }

    fn clean(&mut self, now: f64, actions: &mut Vec<Action>) {
        self.set_state(TaskState::Cleaning, now, actions);
        actions.push(Action::Terminate(self.history.alive().cloned().collect()));
    }

    fn remaining(&self, now: f64) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "no wait is that long")]
        let wait = self.task.finalization_wait as f64;
        self.deadline
            .unwrap_or_else(|| self.cleaning_since.unwrap_or(now) + wait)
            - now
    }

    fn slots(&self, planner: &Planner) -> usize {
        match usize::try_from(self.task.max_concurrency).unwrap_or(usize::MAX) {
            0 => usize::MAX,
            limit => limit.saturating_sub(planner.running()),
        }
    }

    /// Starts what may start; whether anything did.
    fn run_plan(&mut self, final_: bool, now: f64, actions: &mut Vec<Action>) -> bool {
        let planner = if final_ {
            &self.finalizing
        } else {
            &self.regular
        };
        let chosen: Vec<String> = planner
            .runnable(now)
            .into_iter()
            .take(self.slots(planner))
            .collect();
        let any = !chosen.is_empty();
        for process in chosen {
            let seq = self.history.next_seq(&process);
            let status = ProcessStatus::new(&process, seq, ProcessState::Waiting);
            self.append(Record::Process(status), now, actions);
            if let Some((run, _)) = self.history.current(&process) {
                actions.push(Action::Launch {
                    process,
                    run,
                    seq: seq + 1,
                });
            }
        }
        any
    }

    fn set_state(&mut self, state: TaskState, now: f64, actions: &mut Vec<Action>) {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "milliseconds since 1970 fit"
        )]
        let timestamp_ms = (now * 1000.0) as i64;
        let status = TaskStatus {
            state,
            timestamp_ms,
            runner_pid: self.owner.pid,
            runner_uid: self.owner.uid,
        };
        self.append(Record::Task(status), now, actions);
    }

    fn append(&mut self, record: Record, now: f64, actions: &mut Vec<Action>) {
        if self.apply(&record, now) {
            actions.push(Action::Append(record));
        }
    }

    fn apply(&mut self, record: &Record, now: f64) -> bool {
        if self.history.apply(record).is_err() {
            return false;
        }
        match record {
            Record::Process(status) => {
                let planner = if self.finalizing.has(&status.process) {
                    &mut self.finalizing
                } else {
                    &mut self.regular
                };
                let end = match status.state {
                    ProcessState::Success => Some(End::Success),
                    ProcessState::Failed => Some(End::Failure),
                    ProcessState::Killed | ProcessState::Lost => Some(End::Lost),
                    ProcessState::Waiting | ProcessState::Forked | ProcessState::Running => None,
                };
                match end {
                    Some(end) => {
                        planner.ended(&status.process, end, status.stop_time.unwrap_or(now))
                    }
                    None => planner.started(&status.process),
                }
            }
            #[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 fit")]
            Record::Task(status) if status.state == TaskState::Cleaning => {
                self.cleaning_since = Some(status.timestamp_ms as f64 / 1000.0);
            }
            Record::Task(_) | Record::Header(_) => {}
        }
        true
    }
}

#[cfg(test)]
mod tests;
