//! Tasks change state: the table of [`super::state`] carried out, and the timers that go with it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aurora_api::{JobKey, ScheduleStatus, TaskConfig, TaskEvent};

use super::effect::{Record, Request, StateChange};
use super::state::{Action, Target, Verdict, judge};
use super::task::Task;
use super::timers::Timer;
use super::update::Seen;
use super::{Model, key};

/// What became of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Done.
    Changed,
    /// It was so already.
    Same,
    /// The state machine forbids it.
    Refused,
    /// The task is not in the state that was expected.
    Unexpected,
}

/// Whether Mesos was told to kill a task in this state, and has yet to answer.
pub(super) fn is_ending(status: ScheduleStatus) -> bool {
    use ScheduleStatus as S;
    matches!(
        status,
        S::Killing | S::Restarting | S::Draining | S::Preempting
    )
}

impl Model {
    /// Moves a task on, if it is in `expected` (when given) and the state machine allows it.
    pub(super) fn change(
        &mut self,
        id: &str,
        expected: Option<ScheduleStatus>,
        to: Target,
        message: Option<String>,
    ) -> Outcome {
        let task = self.tasks.get(id);
        let from = task.map(|task| task.status);
        if expected.is_some() && expected != from {
            return Outcome::Unexpected;
        }
        let traits = task.map(Task::traits).unwrap_or_default();
        match judge(from, to, traits) {
            Verdict::Same => Outcome::Same,
            Verdict::Refused { kill } => {
                if from.is_some() {
                    tracing::info!("refused the change of task {id} from {from:?} to {to:?}");
                    self.stats.count("scheduler_illegal_task_state_transitions");
                }
                if kill {
                    let agent_id = self.tasks.get(id).and_then(|task| task.agent_id.clone());
                    self.request(Request::Kill {
                        task: id.to_string(),
                        agent_id,
                    });
                }
                Outcome::Refused
            }
            Verdict::Change(actions) => {
                for action in actions {
                    self.act(id, action, to, message.as_deref());
                }
                Outcome::Changed
            }
        }
    }

    fn act(&mut self, id: &str, action: Action, to: Target, message: Option<&str>) {
        match action {
            Action::CountFailure => {
                self.tasks.update(id, |task| {
                    task.failure_count = task.failure_count.saturating_add(1);
                });
            }
            Action::Save => {
                if let Target::Status(status) = to {
                    self.enter(id, status, message.map(str::to_string));
                }
            }
            Action::Reschedule => self.reschedule(id),
            Action::MarkLost => {
                let message = "Action performed on partitioned task, marking as LOST.";
                let lost = Target::Status(ScheduleStatus::Lost);
                self.change(id, None, lost, Some(message.to_string()));
            }
            Action::Kill => {
                self.kill(id);
                self.repeat_kill(id, self.settings.kill_retry_interval);
            }
            Action::Delete => self.delete(id),
        }
    }

    /// The task is in a new state: event, record, indexes, timers, and news for an update.
    fn enter(&mut self, id: &str, status: ScheduleStatus, message: Option<String>) {
        let event = TaskEvent {
            timestamp: self.now,
            status,
            message,
            scheduler: Some(self.settings.scheduler_host.clone()),
        };
        let Some(task) = self.tasks.get(id) else {
            return;
        };
        let (from, since) = (task.status, task.since());
        let config = Arc::clone(&task.config);
        if from == ScheduleStatus::Pending {
            self.groups.remove(&config, since, id);
        }
        self.tasks.update(id, |task| {
            task.note(event);
            task.status = status;
        });
        self.save(id);
        self.arm(id);
        if status == ScheduleStatus::Pending {
            self.wait_for_agent(id, self.settings.scheduling.first_delay);
        }
        let Some(task) = self.tasks.get(id) else {
            return;
        };
        tracing::debug!("task {id}: {from} -> {status}");
        if self.settings.tells_of(status) {
            let task = Box::new(task.clone());
            self.effects.changes.push(StateChange { task, from });
        }
        let (job, instance, seen) = (task.job.clone(), task.instance, Seen::of(task));
        let host = task.host.clone();
        if from.is_agent_assigned() && !status.is_agent_assigned() {
            // A limit constraint may be met again.
            self.limit_freed(&job);
        }
        self.count_end(id);
        if status.is_terminal() {
            if let Some(host) = host {
                self.check_drained(&host);
            }
            self.prune_job(&job);
        }
        self.news.push_back((job, instance, Some(seen)));
    }

    /// Sets the timers that belong to a task's state. What Mesos is waited for, and what is kept for its readers, is
    /// given its whole time again after a restart: nobody could answer or read while there was no scheduler.
    pub(super) fn arm(&mut self, id: &str) {
        use ScheduleStatus as S;
        let Some(task) = self.tasks.get(id) else {
            return;
        };
        let (since, status, task_id) = (task.since(), task.status, id.to_string());
        match status {
            S::Throttled => {
                let at = since + self.flapping_penalty(task);
                let wait = at.saturating_sub(self.now).max(0);
                self.timers.set(at, Timer::Unthrottle { task: task_id });
                let wait = Duration::from_millis(u64::try_from(wait).unwrap_or(0));
                self.stats.time("task_throttle", wait);
            }
            S::Assigned | S::Preempting | S::Restarting | S::Killing | S::Draining => {
                let at = self.now + self.settings.transient_timeout;
                self.timers.set(
                    at,
                    Timer::Transient {
                        task: task_id,
                        status,
                        since,
                    },
                );
            }
            S::Partitioned => {
                let policy = task.config.partition_policy.as_ref();
                if policy.is_none_or(|policy| policy.reschedule) {
                    let delay = policy.and_then(|policy| policy.delay_secs).unwrap_or(0);
                    let at = since.saturating_add(delay.max(0).saturating_mul(1000));
                    self.timers.set(
                        at,
                        Timer::PartitionOver {
                            task: task_id,
                            since,
                        },
                    );
                }
            }
            status if status.is_terminal() => {
                let age = self.now.saturating_sub(since).max(0);
                let left = self.settings.history_prune_threshold.saturating_sub(age);
                let at = self.now + left.max(self.settings.history_min_retention);
                self.timers.set(at, Timer::PruneTask { task: task_id });
            }
            _ => {}
        }
    }

    fn reschedule(&mut self, id: &str) {
        let Some(ended) = self.tasks.get(id) else {
            return;
        };
        let penalty = self.flapping_penalty(ended);
        let (status, message) = if penalty > 0 {
            let message = format!("Rescheduled, penalized for {penalty} ms for flapping");
            (ScheduleStatus::Throttled, message)
        } else {
            (ScheduleStatus::Pending, "Rescheduled".to_string())
        };
        let (job, instance) = (ended.job.clone(), ended.instance);
        let (config, failures) = (Arc::clone(&ended.config), ended.failure_count);
        let new = self.add_task(job, instance, config, failures, Some(id.to_string()));
        self.change(&new, None, Target::Status(status), Some(message));
    }

    /// Makes new tasks for instances of a job, PENDING. The instances must have no active task.
    pub(super) fn add_instances_of(
        &mut self,
        job: &JobKey,
        config: &Arc<TaskConfig>,
        instances: impl IntoIterator<Item = i32>,
    ) {
        for instance in instances {
            let id = self.add_task(job.clone(), instance, Arc::clone(config), 0, None);
            self.change(&id, None, Target::Status(ScheduleStatus::Pending), None);
        }
    }

    fn add_task(
        &mut self,
        job: JobKey,
        instance: i32,
        config: Arc<TaskConfig>,
        failure_count: i32,
        ancestor: Option<String>,
    ) -> String {
        let id = key::task_id(&job, instance, self.chance.uuid());
        self.tasks.insert(Task {
            id: id.clone(),
            job,
            instance,
            config,
            status: ScheduleStatus::Init,
            failure_count,
            times_partitioned: 0,
            events: Vec::new(),
            ancestor,
            agent_id: None,
            host: None,
            ports: BTreeMap::new(),
        });
        id
    }

    fn kill(&mut self, id: &str) {
        let agent_id = self.tasks.get(id).and_then(|task| task.agent_id.clone());
        self.request(Request::Kill {
            task: id.to_string(),
            agent_id,
        });
    }

    pub(super) fn delete(&mut self, id: &str) {
        let Some(task) = self.tasks.get(id) else {
            return;
        };
        let (config, since) = (Arc::clone(&task.config), task.since());
        if task.status == ScheduleStatus::Pending {
            self.groups.remove(&config, since, id);
        }
        let was_active = !task.status.is_terminal();
        let (job, instance) = (task.job.clone(), task.instance);
        let host = task.host.clone();
        self.tasks.remove(id);
        self.record(Record::RemoveTask(id.to_string()));
        if let (Some(host), true) = (host, was_active) {
            self.check_drained(&host);
        }
        if was_active {
            self.news.push_back((job, instance, None));
        }
    }

    pub(super) fn unthrottle(&mut self, id: &str) {
        let throttled = Some(ScheduleStatus::Throttled);
        self.change(id, throttled, Target::Status(ScheduleStatus::Pending), None);
    }

    pub(super) fn time_out(&mut self, id: &str, status: ScheduleStatus, since: i64) {
        let still = self
            .tasks
            .get(id)
            .is_some_and(|t| t.status == status && t.since() == since);
        if still {
            self.stats.count("timed_out_tasks");
            let lost = Target::Status(ScheduleStatus::Lost);
            self.change(id, Some(status), lost, Some("Task timed out".to_string()));
        }
    }

    pub(super) fn kill_again(&mut self, id: &str, delay: i64) {
        if self.tasks.get(id).is_some_and(|t| is_ending(t.status)) {
            self.stats.count("task_kill_retries");
            self.kill(id);
            let longest = self.settings.transient_timeout;
            self.repeat_kill(id, delay.saturating_mul(2).min(longest));
        }
    }

    /// Has a kill repeated after `delay`, unless it is answered until then.
    fn repeat_kill(&mut self, id: &str, delay: i64) {
        let task = id.to_string();
        self.timers
            .set(self.now + delay, Timer::KillAgain { task, delay });
    }

    /// What a restart found to be ending is asked to end again, as it would have been without the restart.
    pub(super) fn resume_kill(&mut self, id: &str) {
        if self.tasks.get(id).is_some_and(|t| is_ending(t.status)) {
            self.repeat_kill(id, self.settings.kill_retry_interval);
        }
    }

    pub(super) fn partition_over(&mut self, id: &str, since: i64) {
        if self.tasks.get(id).is_some_and(|task| task.since() == since) {
            let partitioned = Some(ScheduleStatus::Partitioned);
            let message = "Task partitioned for too long.".to_string();
            self.change(
                id,
                partitioned,
                Target::Status(ScheduleStatus::Lost),
                Some(message),
            );
        }
    }
}
