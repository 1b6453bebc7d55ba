//! A runner takes over from one that died.

use crate::checkpoint::{ProcessState, Record, RunnerHeader, TaskState};

use super::{Action, Machine};

impl Machine {
    /// Takes over a task with this history. `header`: what to write if the dead runner did not come to write one.
    pub fn recover(
        &mut self,
        records: &[Record],
        header: Option<RunnerHeader>,
        now: f64,
    ) -> Vec<Action> {
        for record in records {
            let _ = self.apply(record, now);
        }
        let mut actions = Vec::new();
        let state = self.state();
        if state.is_terminal() {
            self.finished = true;
            return actions;
        }
        self.set_state(state, now, &mut actions);
        if let Some(header) = header {
            self.append(Record::Header(header), now, &mut actions);
        }
        if state == TaskState::Cleaning {
            // The dead runner may not have come to ask.
            let alive = self.history.alive().cloned().collect();
            actions.push(Action::Terminate(alive));
        }
        let processes = self.history.processes.iter();
        let waiting = processes.filter(|runs| {
            let last = runs.runs.last();
            last.is_some_and(|run| run.state == ProcessState::Waiting)
        });
        self.unstarted = waiting.map(|runs| runs.process.clone()).collect();
        actions
    }

    /// Starts the runs that a dead runner wrote down and did not start. Their coordinators have been listened to since,
    /// so one that was started after all is known by now.
    pub(super) fn start_unstarted(&mut self) -> Vec<Action> {
        let unstarted = std::mem::take(&mut self.unstarted);
        let start = |process: String| {
            let (run, status) = self.history.current(&process)?;
            let stage = match self.finalizing.has(&process) {
                true => TaskState::Finalizing,
                false => TaskState::Active,
            };
            let may_start = self.state() == stage && self.ending.is_none();
            let seq = status.seq + 1;
            let is_waiting = status.state == ProcessState::Waiting;
            (may_start && is_waiting).then_some(Action::Launch { process, run, seq })
        };
        unstarted.into_iter().filter_map(start).collect()
    }
}
