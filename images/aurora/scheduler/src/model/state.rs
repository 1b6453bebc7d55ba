//! The task state machine as a table: which changes are allowed, and what each brings with it.
//!
//! Source: Aurora 0.23's `TaskStateMachine` and `StateManagerImpl`. Pure: it looks at a task and says
//! what must be done; others do it.

use aurora_api::ScheduleStatus;

/// Where a task is asked to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// To this status.
    Status(ScheduleStatus),
    /// Out of the records.
    Deleted,
}

/// What a change brings with it. The order of the variants is the order in which they are done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// The failure counts against the job's limit.
    CountFailure,
    /// Status and event are stored.
    Save,
    /// A new task takes its place.
    Reschedule,
    /// The task goes on to LOST at once.
    MarkLost,
    /// Mesos is told to kill it.
    Kill,
    /// The record is removed.
    Delete,
}

/// What the table says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Allowed, with these actions in their order.
    Change(Vec<Action>),
    /// The task is there already: nothing happens.
    Same,
    /// Refused. With `kill`, what Mesos reports as alive has no right to be, and is killed.
    Refused {
        /// Whether Mesos is told to kill it.
        kill: bool,
    },
}

/// What the table has to know about a task besides its status.
#[derive(Debug, Clone, Copy, Default)]
pub struct Traits {
    /// The job is a service: it never ends by itself.
    pub is_service: bool,
    /// `maxTaskFailures`; -1 is without limit.
    pub max_failures: i32,
    /// Failures before this one.
    pub failure_count: i32,
    /// Whether the task's events contain KILLING.
    pub was_killing: bool,
}

impl Traits {
    fn may_run_again_after_failure(&self) -> bool {
        self.is_service
            || self.max_failures == -1
            || i64::from(self.failure_count) < i64::from(self.max_failures) - 1
    }
}

/// Judges a change. `from` is `None` for a task that has no record.
pub fn judge(from: Option<ScheduleStatus>, to: Target, traits: Traits) -> Verdict {
    use ScheduleStatus as S;
    let Some(from) = from else {
        return Verdict::Refused {
            kill: reports_life(to),
        };
    };
    let to = match to {
        Target::Status(to) if to == from => return Verdict::Same,
        Target::Status(to) => to,
        Target::Deleted => {
            return if from.is_terminal() || from == S::Killing {
                Verdict::Change(vec![Action::Delete])
            } else {
                Verdict::Refused { kill: false }
            };
        }
    };
    let extra = match (from, to) {
        (S::Init, S::Pending | S::Throttled) | (S::Throttled, S::Pending) => none(),
        (S::Throttled | S::Pending, S::Killing) => {
            return Verdict::Change(vec![Action::Delete]);
        }
        (S::Pending, S::Assigned) => none(),
        (S::Assigned, S::Starting | S::Running) | (S::Starting, S::Running) => none(),
        (S::Assigned | S::Starting | S::Running, S::Finished) => {
            when(traits.is_service, Action::Reschedule)
        }
        (S::Assigned | S::Starting | S::Running | S::Partitioned, S::Failed) => {
            let mut actions = vec![Action::CountFailure];
            actions.extend(when(
                traits.may_run_again_after_failure(),
                Action::Reschedule,
            ));
            actions
        }
        (S::Assigned | S::Starting | S::Running, S::Killed) => vec![Action::Reschedule],
        (S::Assigned, S::Lost) => vec![Action::Reschedule, Action::Kill],
        (S::Starting | S::Running, S::Lost) => vec![Action::Reschedule],
        (
            S::Assigned | S::Starting | S::Running,
            S::Killing | S::Restarting | S::Draining | S::Preempting,
        ) => vec![Action::Kill],
        (S::Starting | S::Running, S::Partitioned) => none(),
        (S::Restarting | S::Draining | S::Preempting, S::Finished | S::Failed | S::Killed) => {
            vec![Action::Reschedule]
        }
        (S::Restarting | S::Draining | S::Preempting, S::Lost) => {
            vec![Action::Reschedule, Action::Kill]
        }
        (S::Restarting | S::Draining | S::Preempting, S::Killing) => none(),
        (S::Restarting | S::Draining | S::Preempting | S::Killing, S::Partitioned) => {
            vec![Action::MarkLost]
        }
        (S::Killing, S::Finished | S::Failed | S::Killed | S::Lost) => none(),
        (S::Partitioned, S::Running | S::Starting | S::Assigned | S::Finished) => none(),
        (S::Partitioned, S::Lost) => {
            let mut actions = vec![Action::Kill];
            actions.extend(when(!traits.was_killing, Action::Reschedule));
            actions
        }
        (S::Partitioned, S::Killing) => vec![Action::MarkLost, Action::Kill],
        (S::Partitioned, S::Restarting | S::Draining | S::Preempting) => vec![Action::MarkLost],
        _ => {
            let unwanted = from.is_terminal()
                || matches!(
                    from,
                    S::Killing | S::Restarting | S::Draining | S::Preempting
                );
            return Verdict::Refused {
                kill: unwanted && reports_life(Target::Status(to)),
            };
        }
    };
    let mut actions = extra;
    actions.push(Action::Save);
    actions.sort();
    Verdict::Change(actions)
}

fn none() -> Vec<Action> {
    Vec::new()
}

fn when(condition: bool, action: Action) -> Vec<Action> {
    if condition { vec![action] } else { Vec::new() }
}

/// Whether this is what Mesos says of a task that is alive.
fn reports_life(to: Target) -> bool {
    use ScheduleStatus as S;
    matches!(to, Target::Status(S::Assigned | S::Starting | S::Running))
}

#[cfg(test)]
mod tests {
    use ScheduleStatus as S;

    use super::*;

    const SERVICE: Traits = Traits {
        is_service: true,
        max_failures: 1,
        failure_count: 0,
        was_killing: false,
    };
    const BATCH: Traits = Traits {
        is_service: false,
        max_failures: 2,
        failure_count: 0,
        was_killing: false,
    };

    /// `from > to: actions` for a service; every pair that is not listed is refused.
    const TABLE: &str = "
        INIT > PENDING: S
        INIT > THROTTLED: S
        THROTTLED > PENDING: S
        THROTTLED > KILLING: D
        PENDING > KILLING: D
        PENDING > ASSIGNED: S
        ASSIGNED > STARTING: S
        ASSIGNED > RUNNING: S
        ASSIGNED > FINISHED: SR
        ASSIGNED > FAILED: FSR
        ASSIGNED > KILLED: SR
        ASSIGNED > LOST: SRK
        ASSIGNED > KILLING: SK
        ASSIGNED > RESTARTING: SK
        ASSIGNED > DRAINING: SK
        ASSIGNED > PREEMPTING: SK
        STARTING > RUNNING: S
        STARTING > FINISHED: SR
        STARTING > FAILED: FSR
        STARTING > KILLED: SR
        STARTING > LOST: SR
        STARTING > KILLING: SK
        STARTING > RESTARTING: SK
        STARTING > DRAINING: SK
        STARTING > PREEMPTING: SK
        STARTING > PARTITIONED: S
        RUNNING > FINISHED: SR
        RUNNING > FAILED: FSR
        RUNNING > KILLED: SR
        RUNNING > LOST: SR
        RUNNING > KILLING: SK
        RUNNING > RESTARTING: SK
        RUNNING > DRAINING: SK
        RUNNING > PREEMPTING: SK
        RUNNING > PARTITIONED: S
        RESTARTING > FINISHED: SR
        RESTARTING > FAILED: SR
        RESTARTING > KILLED: SR
        RESTARTING > LOST: SRK
        RESTARTING > KILLING: S
        RESTARTING > PARTITIONED: SL
        DRAINING > FINISHED: SR
        DRAINING > FAILED: SR
        DRAINING > KILLED: SR
        DRAINING > LOST: SRK
        DRAINING > KILLING: S
        DRAINING > PARTITIONED: SL
        PREEMPTING > FINISHED: SR
        PREEMPTING > FAILED: SR
        PREEMPTING > KILLED: SR
        PREEMPTING > LOST: SRK
        PREEMPTING > KILLING: S
        PREEMPTING > PARTITIONED: SL
        KILLING > FINISHED: S
        KILLING > FAILED: S
        KILLING > KILLED: S
        KILLING > LOST: S
        KILLING > PARTITIONED: SL
        PARTITIONED > RUNNING: S
        PARTITIONED > STARTING: S
        PARTITIONED > ASSIGNED: S
        PARTITIONED > FINISHED: S
        PARTITIONED > FAILED: FSR
        PARTITIONED > LOST: SRK
        PARTITIONED > KILLING: SLK
        PARTITIONED > RESTARTING: SL
        PARTITIONED > DRAINING: SL
        PARTITIONED > PREEMPTING: SL
    ";

    fn letters(actions: &[Action]) -> String {
        let letter = |action: &Action| match action {
            Action::CountFailure => 'F',
            Action::Save => 'S',
            Action::Reschedule => 'R',
            Action::MarkLost => 'L',
            Action::Kill => 'K',
            Action::Delete => 'D',
        };
        actions.iter().map(letter).collect()
    }

    #[test]
    fn every_pair_of_states_is_as_the_table_says() {
        for from in S::ALL {
            for to in S::ALL {
                let row = format!("{from} > {to}: ");
                let listed = TABLE
                    .lines()
                    .find_map(|line| line.trim().strip_prefix(&row));
                let want = match listed {
                    Some(actions) => actions.to_string(),
                    None if from == to => "same".to_string(),
                    None => {
                        let alive = matches!(to, S::Assigned | S::Starting | S::Running);
                        let unwanted = matches!(
                            from,
                            S::Finished
                                | S::Failed
                                | S::Killed
                                | S::Lost
                                | S::Killing
                                | S::Restarting
                                | S::Draining
                                | S::Preempting
                        );
                        format!("refused {}", if alive && unwanted { "kill" } else { "" })
                    }
                };
                let got = match judge(Some(*from), Target::Status(*to), SERVICE) {
                    Verdict::Change(actions) => letters(&actions),
                    Verdict::Same => "same".to_string(),
                    Verdict::Refused { kill } => {
                        format!("refused {}", if kill { "kill" } else { "" })
                    }
                };
                assert_eq!(got, want, "{from} > {to}");
            }
        }
    }

    #[test]
    fn a_batch_task_runs_again_only_within_its_failure_limit() {
        let failing = |traits| judge(Some(S::Running), Target::Status(S::Failed), traits);
        let again = Verdict::Change(vec![Action::CountFailure, Action::Save, Action::Reschedule]);
        let over = Verdict::Change(vec![Action::CountFailure, Action::Save]);
        assert_eq!(failing(BATCH), again);
        assert_eq!(
            failing(Traits {
                failure_count: 1,
                ..BATCH
            }),
            over
        );
        assert_eq!(
            failing(Traits {
                max_failures: -1,
                failure_count: 99,
                ..BATCH
            }),
            again
        );
        assert_eq!(
            failing(Traits {
                failure_count: 99,
                ..SERVICE
            }),
            again
        );
    }

    #[test]
    fn a_finished_batch_task_is_done() {
        let verdict = judge(Some(S::Running), Target::Status(S::Finished), BATCH);
        assert_eq!(verdict, Verdict::Change(vec![Action::Save]));
    }

    #[test]
    fn a_partitioned_task_that_was_being_killed_is_not_replaced() {
        let traits = Traits {
            was_killing: true,
            ..SERVICE
        };
        let verdict = judge(Some(S::Partitioned), Target::Status(S::Lost), traits);
        assert_eq!(verdict, Verdict::Change(vec![Action::Save, Action::Kill]));
    }

    #[test]
    fn only_what_is_over_or_being_killed_can_be_removed() {
        for from in S::ALL {
            let removable = from.is_terminal() || *from == S::Killing;
            let verdict = judge(Some(*from), Target::Deleted, SERVICE);
            assert_eq!(
                verdict == Verdict::Change(vec![Action::Delete]),
                removable,
                "{from}"
            );
        }
    }

    #[test]
    fn a_task_without_a_record_is_killed_when_it_is_alive() {
        for (to, kill) in [(S::Running, true), (S::Starting, true), (S::Failed, false)] {
            assert_eq!(
                judge(None, Target::Status(to), SERVICE),
                Verdict::Refused { kill }
            );
        }
    }
}
