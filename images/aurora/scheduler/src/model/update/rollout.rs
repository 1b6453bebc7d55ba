//! One pass over a job's instances, forward or back: which are next, and what each needs.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use aurora_api::{JobUpdateStrategy, ScheduleStatus, TaskConfig};

use crate::model::task::Task;

/// What an update sees of an instance's task.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The task.
    pub id: String,
    /// Its state then.
    pub status: ScheduleStatus,
    /// What it runs.
    pub config: Arc<TaskConfig>,
    /// When it came into that state.
    pub since: i64,
    /// Whether it was ever told to go.
    pub was_killing: bool,
}

impl Seen {
    /// The task as it is now.
    pub fn of(task: &Task) -> Self {
        Self {
            id: task.id.clone(),
            status: task.status,
            config: Arc::clone(&task.config),
            since: task.since(),
            was_killing: task.was(ScheduleStatus::Killing),
        }
    }
}

/// What an instance needs next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// A change of its task.
    Wait,
    /// To be looked at again at this time.
    WaitUntil(i64),
    /// Its task must go.
    Kill(String),
    /// A new task.
    Add,
    /// Nothing: it is as it should be.
    Succeeded,
    /// Nothing: it failed too often.
    Failed,
}

/// The limits on an instance.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// How long it must run, in milliseconds.
    pub min_wait: i64,
    /// How often it may fail.
    pub max_failures: i32,
}

/// Judges an instance (task-lifecycle.md, "Per-instance evaluation"). `failures` counts its failures.
pub(super) fn judge(
    desired: Option<&Arc<TaskConfig>>,
    seen: Option<&Seen>,
    limits: Limits,
    failures: &mut i32,
    now: i64,
) -> Step {
    // A task that was killed and is gone leaves its instance empty.
    let seen = seen.filter(|seen| !(seen.was_killing && seen.status != ScheduleStatus::Killing));
    match (desired, seen) {
        (None, None) => Step::Succeeded,
        (Some(_), None) => Step::Add,
        (None, Some(seen)) => kill_or_wait(seen),
        (Some(config), Some(seen))
            if Arc::ptr_eq(config, &seen.config) || **config == *seen.config =>
        {
            if seen.status == ScheduleStatus::Running {
                let stable = seen.since.saturating_add(limits.min_wait);
                if stable <= now {
                    Step::Succeeded
                } else {
                    Step::WaitUntil(stable)
                }
            } else if seen.status.is_terminal() {
                *failures = failures.saturating_add(1);
                if *failures > limits.max_failures {
                    Step::Failed
                } else {
                    Step::Wait
                }
            } else {
                Step::Wait
            }
        }
        (Some(_), Some(seen)) => kill_or_wait(seen),
    }
}

fn kill_or_wait(seen: &Seen) -> Step {
    if seen.status.is_active() && seen.status != ScheduleStatus::Killing {
        Step::Kill(seen.id.clone())
    } else {
        Step::Wait
    }
}

/// Where one pass stands.
#[derive(Debug)]
pub(super) struct Rollout {
    groups: Groups,
    idle: VecDeque<i32>,
    /// Instances at work, with their failures.
    pub working: BTreeMap<i32, i32>,
    /// Instances whose work became visible in this pass.
    pub touched: BTreeSet<i32>,
    /// Instances that failed for good.
    pub failed: BTreeSet<i32>,
    /// Tasks whose killing waits for permission, with the time since when.
    pub sla_kills: BTreeMap<String, i64>,
    /// Whether the present batch changed anything: one that finds all done is no batch to pause after.
    pub batch_worked: bool,
}

/// How many instances start together.
#[derive(Debug)]
enum Groups {
    Queue(usize),
    Batches(VecDeque<usize>),
}

impl Rollout {
    /// A pass over these instances in this order; backwards if `back`.
    pub(super) fn new(strategy: &JobUpdateStrategy, order: &[i32], back: bool) -> Self {
        let size = |n: i32| usize::try_from(n).unwrap_or(0).max(1);
        let mut groups = match strategy {
            JobUpdateStrategy::Queue(queue) => Groups::Queue(size(queue.group_size)),
            JobUpdateStrategy::Batch(batch) => {
                Groups::Batches(cut(order.len(), &[size(batch.group_size)]))
            }
            JobUpdateStrategy::VariableBatch(batch) => {
                let sizes: Vec<usize> = batch.group_sizes.iter().map(|n| size(*n)).collect();
                Groups::Batches(cut(order.len(), &sizes))
            }
            JobUpdateStrategy::Unset => Groups::Queue(1),
        };
        let mut idle: VecDeque<i32> = order.iter().copied().collect();
        if back {
            idle.make_contiguous().reverse();
            if let Groups::Batches(sizes) = &mut groups {
                sizes.make_contiguous().reverse();
            }
        }
        Self {
            groups,
            idle,
            working: BTreeMap::new(),
            touched: BTreeSet::new(),
            failed: BTreeSet::new(),
            sla_kills: BTreeMap::new(),
            batch_worked: false,
        }
    }

    /// Whether every instance has had its turn and is through.
    pub(super) fn is_over(&self) -> bool {
        self.idle.is_empty() && self.working.is_empty()
    }

    /// Whether a batch that changed something is through, with more to come.
    pub(super) fn is_between_batches(&self) -> bool {
        self.batch_worked
            && self.working.is_empty()
            && !self.idle.is_empty()
            && matches!(self.groups, Groups::Batches(_))
    }

    /// The instances that start now; they count as working from here on.
    pub(super) fn start_next(&mut self) -> Vec<i32> {
        let count = match &mut self.groups {
            Groups::Queue(size) => size.saturating_sub(self.working.len()),
            Groups::Batches(_) if !self.working.is_empty() => 0,
            Groups::Batches(sizes) => {
                self.batch_worked = false;
                sizes.pop_front().unwrap_or(self.idle.len())
            }
        };
        let next: Vec<i32> = self.idle.drain(..count.min(self.idle.len())).collect();
        self.working
            .extend(next.iter().map(|instance| (*instance, 0)));
        next
    }
}

/// Cuts `total` into batches of these sizes, the last repeating.
fn cut(total: usize, sizes: &[usize]) -> VecDeque<usize> {
    let mut batches = VecDeque::new();
    let mut rest = total;
    let mut index = 0;
    while rest > 0 {
        let size = sizes
            .get(index)
            .or(sizes.last())
            .copied()
            .unwrap_or(rest)
            .clamp(1, rest);
        batches.push_back(size);
        rest -= size;
        index += 1;
    }
    batches
}

#[cfg(test)]
mod tests {
    use ScheduleStatus as S;
    use aurora_api::{
        BatchJobUpdateStrategy, QueueJobUpdateStrategy, VariableBatchJobUpdateStrategy,
    };

    use super::*;

    #[test]
    fn instances_are_judged_as_documented() {
        let want = Arc::new(TaskConfig {
            priority: 1,
            ..TaskConfig::default()
        });
        let other = Arc::new(TaskConfig::default());
        let seen = |config: &Arc<TaskConfig>, status, since, was_killing| {
            Some(Seen {
                id: "t".into(),
                status,
                config: Arc::clone(config),
                since,
                was_killing,
            })
        };
        let kill = || Step::Kill("t".to_string());
        let cases = [
            ("absent, wanted", Some(&want), None, Step::Add),
            ("absent, not wanted", None, None, Step::Succeeded),
            (
                "there, not wanted",
                None,
                seen(&other, S::Running, 0, false),
                kill(),
            ),
            (
                "pending, not wanted",
                None,
                seen(&other, S::Pending, 0, false),
                kill(),
            ),
            (
                "going, not wanted",
                None,
                seen(&other, S::Killing, 0, true),
                Step::Wait,
            ),
            (
                "gone, not wanted",
                None,
                seen(&other, S::Killed, 0, true),
                Step::Succeeded,
            ),
            (
                "long running",
                Some(&want),
                seen(&want, S::Running, 0, false),
                Step::Succeeded,
            ),
            (
                "just running",
                Some(&want),
                seen(&want, S::Running, 95, false),
                Step::WaitUntil(105),
            ),
            (
                "failed once",
                Some(&want),
                seen(&want, S::Failed, 95, false),
                Step::Wait,
            ),
            (
                "starting",
                Some(&want),
                seen(&want, S::Starting, 95, false),
                Step::Wait,
            ),
            (
                "other, running",
                Some(&want),
                seen(&other, S::Running, 0, false),
                kill(),
            ),
            (
                "other, going",
                Some(&want),
                seen(&other, S::Killing, 0, true),
                Step::Wait,
            ),
            (
                "other, gone",
                Some(&want),
                seen(&other, S::Killed, 0, true),
                Step::Add,
            ),
            (
                "other, failed by itself",
                Some(&want),
                seen(&other, S::Failed, 0, false),
                Step::Wait,
            ),
        ];
        let limits = Limits {
            min_wait: 10,
            max_failures: 1,
        };
        for (name, desired, seen, want) in cases {
            let got = judge(desired, seen.as_ref(), limits, &mut 0, 100);
            assert_eq!(got, want, "case `{name}`");
        }
        let failed = seen(&want, S::Failed, 95, false);
        assert_eq!(
            judge(Some(&want), failed.as_ref(), limits, &mut 1, 100),
            Step::Failed
        );
    }

    /// Runs a pass in which every instance succeeds at once, and shows what started together.
    fn groups(strategy: JobUpdateStrategy, back: bool) -> Vec<Vec<i32>> {
        let mut rollout = Rollout::new(&strategy, &[0, 1, 2, 3, 4, 5, 6], back);
        let mut started = Vec::new();
        while !rollout.is_over() {
            started.push(rollout.start_next());
            rollout.working.clear();
        }
        started
    }

    #[test]
    fn batches_come_in_their_sizes_and_unwind_in_reverse() {
        let batch = || {
            JobUpdateStrategy::Batch(BatchJobUpdateStrategy {
                group_size: 3,
                ..Default::default()
            })
        };
        assert_eq!(
            groups(batch(), false),
            [vec![0, 1, 2], vec![3, 4, 5], vec![6]]
        );
        assert_eq!(
            groups(batch(), true),
            [vec![6], vec![5, 4, 3], vec![2, 1, 0]]
        );
        let variable = || {
            let group_sizes = vec![1, 2];
            JobUpdateStrategy::VariableBatch(VariableBatchJobUpdateStrategy {
                group_sizes,
                ..Default::default()
            })
        };
        assert_eq!(
            groups(variable(), false),
            [vec![0], vec![1, 2], vec![3, 4], vec![5, 6]]
        );
        assert_eq!(
            groups(variable(), true),
            [vec![6, 5], vec![4, 3], vec![2, 1], vec![0]]
        );
    }

    #[test]
    fn a_queue_is_refilled_as_instances_get_through() {
        let strategy = JobUpdateStrategy::Queue(QueueJobUpdateStrategy { group_size: 2 });
        let mut rollout = Rollout::new(&strategy, &[0, 1, 2], false);
        assert_eq!(rollout.start_next(), [0, 1]);
        assert_eq!(rollout.start_next(), [0; 0]);
        rollout.working.remove(&0);
        assert_eq!(rollout.start_next(), [2]);
    }
}
