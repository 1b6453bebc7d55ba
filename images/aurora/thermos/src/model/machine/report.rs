//! What a runner itself has to say of runs: their coordinators cannot.

use crate::checkpoint::{ProcessState, ProcessStatus, Record};

use super::{Action, Machine};

impl Machine {
    /// A run could not be started at all.
    pub fn not_started(&mut self, process: &str, now: f64) -> Vec<Action> {
        self.report(process, now, |run| {
            (run.state == ProcessState::Waiting).then_some(ProcessState::Failed)
        })
    }

    /// A coordinator is gone without having said how its process ended.
    pub fn lost(&mut self, process: &str, now: f64) -> Vec<Action> {
        self.report(process, now, |run| {
            is_alive(run).then_some(ProcessState::Lost)
        })
    }

    /// A run's processes have been killed; `found`: there were any.
    pub fn destroyed(&mut self, process: &str, found: bool, now: f64) -> Vec<Action> {
        self.report(process, now, |run| match run.state {
            ProcessState::Running if found => Some(ProcessState::Killed),
            ProcessState::Running | ProcessState::Forked => Some(ProcessState::Lost),
            _ => None,
        })
    }

    /// Records that the runner itself makes an end of a run.
    fn report(
        &mut self,
        process: &str,
        now: f64,
        become_: impl Fn(&ProcessStatus) -> Option<ProcessState>,
    ) -> Vec<Action> {
        let mut actions = Vec::new();
        let state = self
            .history
            .current(process)
            .and_then(|(_, run)| become_(run));
        if let Some(state) = state {
            let mut status = ProcessStatus::new(process, self.history.next_seq(process), state);
            if state == ProcessState::Killed {
                status.stop_time = Some(now);
                status.return_code = Some(-1);
            }
            self.append(Record::Process(status), now, &mut actions);
        }
        actions
    }
}

fn is_alive(run: &ProcessStatus) -> bool {
    matches!(run.state, ProcessState::Forked | ProcessState::Running)
}
