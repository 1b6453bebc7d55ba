//! The history of a task, rebuilt from its records.

use thiserror::Error;

use super::record::{ProcessState, ProcessStatus, Record, RunnerHeader, TaskState, TaskStatus};

/// Why a record does not continue the history.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum Rejected {
    /// The process's next record has another number.
    #[error("record {got} of process `{process}` is out of order: {want} is next")]
    OutOfOrder {
        /// The process.
        process: String,
        /// The record's number.
        got: i64,
        /// The number that would continue the history.
        want: i64,
    },
    /// The process cannot come to this state from where it is.
    #[error("process `{process}` cannot become {to} from {from}")]
    Transition {
        /// The process.
        process: String,
        /// Where it is, `-` before its first run.
        from: String,
        /// Where the record wants it.
        to: ProcessState,
    },
    /// A second header.
    #[error("a second header")]
    SecondHeader,
}

/// All runs of one process, oldest first; each with what all of its records said.
#[derive(Debug, Clone, PartialEq)]
pub struct Runs {
    /// The process's name.
    pub process: String,
    /// Its runs; the number of a run is its place here.
    pub runs: Vec<ProcessStatus>,
}

/// What a task's records say, as far as they have been applied.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TaskHistory {
    /// The header, once it was read.
    pub header: Option<RunnerHeader>,
    /// The task's states, oldest first.
    pub statuses: Vec<TaskStatus>,
    /// Its processes, in the order in which they first ran.
    pub processes: Vec<Runs>,
}

impl TaskHistory {
    /// Rebuilds a history, ignoring records that do not continue it, as the original does.
    pub fn replay<'a>(records: impl IntoIterator<Item = &'a Record>) -> Self {
        let mut history = Self::default();
        for record in records {
            let _ = history.apply(record);
        }
        history
    }

    /// Takes one more record in.
    pub fn apply(&mut self, record: &Record) -> Result<(), Rejected> {
        match record {
            Record::Header(header) => {
                if self.header.is_some() {
                    return Err(Rejected::SecondHeader);
                }
                self.header = Some(header.clone());
            }
            Record::Task(status) => self.statuses.push(status.clone()),
            Record::Process(status) => self.apply_process(status)?,
        }
        Ok(())
    }

    /// Says what is left to say of a task whose runner is gone without having ended it: it is lost,
    /// and so is everything that it ran.
    pub fn abandon(&mut self) {
        let alive: Vec<(String, i64)> = self
            .alive()
            .map(|run| (run.process.clone(), run.seq + 1))
            .collect();
        for (process, seq) in alive {
            let lost = ProcessStatus::new(process, seq, ProcessState::Lost);
            let _ = self.apply(&Record::Process(lost));
        }
        if let Some(last) = self.statuses.last().cloned()
            && !last.state.is_terminal()
        {
            self.statuses.push(TaskStatus {
                state: TaskState::Lost,
                ..last
            });
        }
    }

    /// The task's state now.
    pub fn state(&self) -> Option<TaskState> {
        self.statuses.last().map(|status| status.state)
    }

    /// The runs of one process.
    pub fn runs(&self, process: &str) -> &[ProcessStatus] {
        self.processes
            .iter()
            .find(|runs| runs.process == process)
            .map_or(&[], |runs| &runs.runs)
    }

    /// The run of a process that is on now or was the last, with its number.
    pub fn current(&self, process: &str) -> Option<(usize, &ProcessStatus)> {
        let runs = self.runs(process);
        runs.last().map(|run| (runs.len() - 1, run))
    }

    /// The number that the process's next record must have.
    pub fn next_seq(&self, process: &str) -> i64 {
        self.current(process).map_or(0, |(_, run)| run.seq + 1)
    }

    /// The current run of every process that has a coordinator or a command line running.
    pub fn alive(&self) -> impl Iterator<Item = &ProcessStatus> {
        self.processes
            .iter()
            .filter_map(|runs| runs.runs.last())
            .filter(|run| matches!(run.state, ProcessState::Forked | ProcessState::Running))
    }

    fn apply_process(&mut self, status: &ProcessStatus) -> Result<(), Rejected> {
        let want = self.next_seq(&status.process);
        if status.seq != want {
            return Err(Rejected::OutOfOrder {
                process: status.process.clone(),
                got: status.seq,
                want,
            });
        }
        let place = self
            .processes
            .iter()
            .position(|runs| runs.process == status.process);
        let from = place
            .and_then(|place| self.processes.get(place))
            .and_then(|runs| runs.runs.last())
            .map(|run| run.state);
        if !follows(from, status.state) {
            return Err(Rejected::Transition {
                process: status.process.clone(),
                from: from.map_or_else(|| "-".to_string(), |state| state.to_string()),
                to: status.state,
            });
        }
        let runs = match place.and_then(|place| self.processes.get_mut(place)) {
            Some(runs) => runs,
            None => {
                self.processes.push(Runs {
                    process: status.process.clone(),
                    runs: Vec::new(),
                });
                match self.processes.last_mut() {
                    Some(runs) => runs,
                    None => return Ok(()),
                }
            }
        };
        match runs.runs.last_mut() {
            Some(run) if status.state != ProcessState::Waiting => {
                run.seq = status.seq;
                run.state = status.state;
                run.coordinator_pid = status.coordinator_pid.or(run.coordinator_pid);
                run.fork_time = status.fork_time.or(run.fork_time);
                run.start_time = status.start_time.or(run.start_time);
                run.pid = status.pid.or(run.pid);
                run.stop_time = status.stop_time.or(run.stop_time);
                run.return_code = status.return_code.or(run.return_code);
            }
            _ => runs.runs.push(status.clone()),
        }
        Ok(())
    }
}

/// Whether a process in `from` may come to `to`.
fn follows(from: Option<ProcessState>, to: ProcessState) -> bool {
    use ProcessState::{Failed, Forked, Killed, Lost, Running, Success, Waiting};
    match (from, to) {
        (None, Waiting) => true,
        (None, _) => false,
        (Some(from), Waiting) => from.is_over(),
        (Some(from), Forked) => from == Waiting,
        (Some(from), Running) => from == Forked,
        (Some(from), Success) => from == Running,
        (Some(from), Failed) => matches!(from, Waiting | Running),
        (Some(from), Killed | Lost) => matches!(from, Forked | Running),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ProcessState::{Failed, Forked, Killed, Lost, Running, Success, Waiting};

    fn replay(states: &[(i64, ProcessState)]) -> (TaskHistory, Vec<bool>) {
        let mut history = TaskHistory::default();
        let taken = states
            .iter()
            .map(|(seq, state)| {
                history
                    .apply(&Record::Process(ProcessStatus::new("p", *seq, *state)))
                    .is_ok()
            })
            .collect();
        (history, taken)
    }

    #[test]
    fn records_out_of_order_are_ignored() {
        let (history, taken) = replay(&[
            (0, Waiting),
            (1, Forked),
            (1, Forked),
            (3, Success),
            (2, Running),
            (3, Success),
        ]);
        assert_eq!(taken, [true, true, false, false, true, true]);
        assert_eq!(history.runs("p").len(), 1);
        assert_eq!(history.next_seq("p"), 4);
    }

    #[test]
    fn every_waiting_record_opens_a_run() {
        let (history, taken) = replay(&[
            (0, Waiting),
            (1, Failed),
            (2, Waiting),
            (3, Forked),
            (4, Lost),
            (5, Waiting),
        ]);
        assert!(taken.iter().all(|t| *t));
        assert_eq!(
            history
                .runs("p")
                .iter()
                .map(|r| r.state)
                .collect::<Vec<_>>(),
            [Failed, Lost, Waiting]
        );
    }

    #[test]
    fn only_the_originals_transitions_are_taken() {
        let all = [Waiting, Forked, Running, Success, Killed, Failed, Lost];
        let allowed = [
            (Waiting, vec![Forked, Failed]),
            (Forked, vec![Running, Killed, Lost]),
            (Running, vec![Success, Killed, Failed, Lost]),
            (Success, vec![Waiting]),
            (Killed, vec![Waiting]),
            (Failed, vec![Waiting]),
            (Lost, vec![Waiting]),
        ];
        for (from, to) in allowed {
            for state in all {
                assert_eq!(
                    follows(Some(from), state),
                    to.contains(&state),
                    "{from} -> {state}"
                );
            }
        }
        for state in all {
            assert_eq!(follows(None, state), state == Waiting, "- -> {state}");
        }
    }
}
