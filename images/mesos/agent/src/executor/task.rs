//! The one task, as a state machine: when it is told to end, and how its end is reported.

use std::time::Duration;

use mesos_proto::mesos::{
    DurationInfo, FrameworkInfo, KillPolicy, TaskID, TaskInfo, TaskState, framework_info,
    task_status,
};
use tokio::time::Instant;

/// The time between SIGTERM and SIGKILL where nobody says otherwise.
const DEFAULT_GRACE: Duration = Duration::from_secs(3);

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// Nothing.
    Nothing,
    /// Ask every process of the task to end; the framework wants to hear of it if `report`.
    Terminate {
        /// Whether TASK_KILLING is to be sent.
        report: bool,
    },
    /// Kill every process of the task; `report` as above.
    Kill {
        /// Whether TASK_KILLING is to be sent.
        report: bool,
    },
}

/// How a task's end is reported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct End {
    pub(crate) state: TaskState,
    pub(crate) reason: Option<task_status::Reason>,
}

/// The task.
#[derive(Debug)]
pub(crate) struct Task {
    id: TaskID,
    policy: Option<Duration>,
    default_grace: Duration,
    hears_killing: bool,
    must_end_by: Option<Instant>,
    kill_at: Option<Instant>,
    killing: bool,
    overdue: bool,
}

impl Task {
    /// The task, as it starts.
    pub(crate) fn new(now: Instant, info: &TaskInfo, framework: Option<&FrameworkInfo>) -> Self {
        let mut task = Self {
            id: info.task_id.clone().unwrap_or_default(),
            policy: info.kill_policy.as_ref().and_then(grace),
            default_grace: DEFAULT_GRACE,
            hears_killing: false,
            must_end_by: info
                .max_completion_time
                .as_ref()
                .and_then(duration)
                .map(|most| now + most),
            kill_at: None,
            killing: false,
            overdue: false,
        };
        if let Some(framework) = framework {
            task.set_framework(framework);
        }
        task
    }

    /// The time that it has to end where no policy says so.
    pub(crate) fn set_default_grace(&mut self, grace: Duration) {
        self.default_grace = grace;
    }

    pub(crate) fn id(&self) -> &TaskID {
        &self.id
    }

    /// Notes what the framework understands.
    pub(crate) fn set_framework(&mut self, framework: &FrameworkInfo) {
        let killing = framework_info::capability::Type::TASK_KILLING_STATE;
        self.hears_killing = framework.capabilities.iter().any(|c| c.type_() == killing);
    }

    /// When [`Task::tick`] has something to do.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.kill_at.into_iter().chain(self.must_end_by).min()
    }

    /// The task is to be killed. A second kill may shorten the time that it has left.
    pub(crate) fn kill(&mut self, now: Instant, policy: Option<&KillPolicy>) -> Order {
        let grace = policy
            .and_then(grace)
            .or(self.policy)
            .unwrap_or(self.default_grace);
        self.kill_within(now, grace)
    }

    /// As [`Task::kill`], with this much time.
    pub(crate) fn kill_within(&mut self, now: Instant, grace: Duration) -> Order {
        let first = !std::mem::replace(&mut self.killing, true);
        let report = first && self.hears_killing;
        if grace.is_zero() {
            self.kill_at = None;
            return Order::Kill { report };
        }
        let at = now + grace;
        if first {
            self.kill_at = Some(at);
            Order::Terminate { report }
        } else {
            self.kill_at = self.kill_at.map(|before| before.min(at));
            Order::Nothing
        }
    }

    /// Does what is due.
    pub(crate) fn tick(&mut self, now: Instant) -> Order {
        if self.must_end_by.is_some_and(|at| at <= now) {
            self.must_end_by = None;
            self.overdue = !self.killing;
            return self.kill_within(now, Duration::ZERO);
        }
        if self.kill_at.is_some_and(|at| at <= now) {
            self.kill_at = None;
            return Order::Kill { report: false };
        }
        Order::Nothing
    }

    /// How the end of the task's process is reported.
    pub(crate) fn end(&self, succeeded: bool) -> End {
        let (state, reason) = match (self.overdue, self.killing, succeeded) {
            (true, _, _) => (
                TaskState::TASK_FAILED,
                Some(task_status::Reason::REASON_MAX_COMPLETION_TIME_REACHED),
            ),
            (false, true, _) => (TaskState::TASK_KILLED, None),
            (false, false, true) => (TaskState::TASK_FINISHED, None),
            (false, false, false) => (TaskState::TASK_FAILED, None),
        };
        End { state, reason }
    }
}

fn grace(policy: &KillPolicy) -> Option<Duration> {
    policy.grace_period.as_ref().and_then(duration)
}

fn duration(info: &DurationInfo) -> Option<Duration> {
    u64::try_from(info.nanoseconds())
        .ok()
        .map(Duration::from_nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(seconds: i64) -> KillPolicy {
        let mut policy = KillPolicy::new();
        policy
            .grace_period
            .mut_or_insert_default()
            .set_nanoseconds(seconds * 1_000_000_000);
        policy
    }

    fn task(now: Instant, change: impl FnOnce(&mut TaskInfo)) -> Task {
        let mut info = TaskInfo::new();
        change(&mut info);
        let mut framework = FrameworkInfo::new();
        let mut capability = framework_info::Capability::new();
        capability.set_type(framework_info::capability::Type::TASK_KILLING_STATE);
        framework.capabilities.push(capability);
        Task::new(now, &info, Some(&framework))
    }

    #[test]
    fn a_kill_is_gentle_first_for_as_long_as_the_nearest_policy_says() {
        let now = Instant::now();
        let secs = Duration::from_secs;
        for (own, given, want) in [(None, None, 3), (Some(7), None, 7), (Some(7), Some(5), 5)] {
            let mut task = task(now, |info| info.kill_policy = own.map(policy).into());
            let given = given.map(policy);
            assert_eq!(
                task.kill(now, given.as_ref()),
                Order::Terminate { report: true }
            );
            assert_eq!(task.deadline(), Some(now + secs(want)));
            assert_eq!(task.tick(now), Order::Nothing);
            assert_eq!(task.tick(now + secs(want)), Order::Kill { report: false });
            assert_eq!(task.end(true).state, TaskState::TASK_KILLED);
        }
    }

    #[test]
    fn a_second_kill_shortens_and_never_lengthens() {
        let now = Instant::now();
        let mut task = task(now, |_| {});
        task.kill(now, Some(&policy(30)));
        assert_eq!(task.kill(now, Some(&policy(60))), Order::Nothing);
        assert_eq!(task.deadline(), Some(now + Duration::from_secs(30)));
        assert_eq!(task.kill(now, Some(&policy(2))), Order::Nothing);
        assert_eq!(task.deadline(), Some(now + Duration::from_secs(2)));
        assert_eq!(
            task.kill(now, Some(&policy(0))),
            Order::Kill { report: false }
        );
    }

    #[test]
    fn a_task_that_takes_too_long_fails_at_once() {
        let now = Instant::now();
        let most = |info: &mut TaskInfo| {
            info.max_completion_time
                .mut_or_insert_default()
                .set_nanoseconds(1_000_000_000);
        };
        let mut task = task(now, most);
        assert_eq!(
            task.tick(now + Duration::from_secs(1)),
            Order::Kill { report: true }
        );
        let reason = Some(task_status::Reason::REASON_MAX_COMPLETION_TIME_REACHED);
        assert_eq!(
            task.end(false),
            End {
                state: TaskState::TASK_FAILED,
                reason
            }
        );
    }

    #[test]
    fn an_end_of_its_own_is_judged_by_its_status() {
        let task = task(Instant::now(), |_| {});
        assert_eq!(task.end(true).state, TaskState::TASK_FINISHED);
        assert_eq!(task.end(false).state, TaskState::TASK_FAILED);
    }
}
