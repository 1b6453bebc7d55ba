//! Tasks change state: the table of [`super::state`] carried out, and the timers that go with it.

use std::collections::BTreeMap;
use std::sync::Arc;

use aurora_api::{JobKey, ScheduleStatus, TaskConfig, TaskEvent};

use super::effect::{Record, Request, StateChange};
use super::settings::MAX_KILL_RETRY_MS;
use super::state::{Action, Target, Verdict, judge};
use super::task::{Task, flapped};
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
                let delay = self.settings.kill_retry_interval;
                self.timers.set(
                    self.now + delay,
                    Timer::KillAgain {
                        task: id.to_string(),
                        delay,
                    },
                );
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
        if matches!(status, ScheduleStatus::Lost | ScheduleStatus::Failed) {
            self.stats.count(&format!("tasks_{status}_{job}"));
        }
        if status == ScheduleStatus::Lost
            && let Some(host) = &host
        {
            self.count_lost(host);
        }
        if status.is_terminal() {
            if let Some(host) = host {
                self.check_drained(&host);
            }
            self.prune_job(&job);
        }
        self.news.push_back((job, instance, Some(seen)));
    }

    /// Counts a lost task by what its host is known for.
    fn count_lost(&mut self, host: &str) {
        let Some(host) = self.hosts.get(host) else {
            return;
        };
        for attribute in &host.attributes {
            if ["rack", super::constraints::DEDICATED].contains(&attribute.name.as_str()) {
                for value in &attribute.values {
                    let value = value.replace('*', "_");
                    self.stats
                        .count(&format!("tasks_lost_{}_{value}", attribute.name));
                }
            }
        }
    }

    /// Sets the timers that belong to a task's state, measured from when it entered it.
    pub(super) fn arm(&mut self, id: &str) {
        use ScheduleStatus as S;
        let Some(task) = self.tasks.get(id) else {
            return;
        };
        let (since, status, task_id) = (task.since(), task.status, id.to_string());
        match status {
            S::Throttled => {
                let at = since + self.penalty(task);
                self.timers.set(at, Timer::Unthrottle { task: task_id });
            }
            S::Assigned | S::Preempting | S::Restarting | S::Killing | S::Draining => {
                let at = since + self.settings.transient_timeout;
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
                let at = since + self.settings.history_prune_threshold;
                self.timers.set(at, Timer::PruneTask { task: task_id });
            }
            _ => {}
        }
    }

    /// How long a task must wait for its flapping ancestors: its own terminated predecessor is not
    /// counted, so that a first failure costs nothing.
    fn penalty(&self, task: &Task) -> i64 {
        let ended = task.ancestor.as_ref().and_then(|id| self.tasks.get(id));
        ended.map_or(0, |ended| self.flapping_penalty(ended))
    }

    fn flapping_penalty(&self, ended: &Task) -> i64 {
        let mut penalty = 0;
        let mut next = ended.ancestor.as_deref();
        while let Some(task) = next.and_then(|id| self.tasks.get(id)) {
            if !flapped(task, self.settings.flapping_threshold) {
                break;
            }
            let longer = match penalty {
                0 => self.settings.initial_flapping_delay,
                penalty => penalty * 2,
            };
            let longer = longer.min(self.settings.max_flapping_delay);
            if longer == penalty {
                break;
            }
            penalty = longer;
            next = task.ancestor.as_deref();
        }
        penalty
    }

    /// After a start, pending tasks are looked at in some random order over some time, those that flap
    /// later still.
    pub(super) fn wait_after_start(&mut self) {
        let pending = self
            .tasks
            .iter()
            .filter(|task| task.status == ScheduleStatus::Pending);
        let mut pending: Vec<(String, i64)> = pending
            .map(|task| (task.id.clone(), self.flapping_penalty(task)))
            .collect();
        // The table has no order, and chance must give the same to the same.
        pending.sort();
        let spread = u64::try_from(self.settings.scheduling.startup_delay).unwrap_or(0);
        for (id, penalty) in pending {
            let random = i64::try_from(self.chance.below(spread)).unwrap_or(0);
            self.wait_for_agent(&id, random.saturating_add(penalty));
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
        use ScheduleStatus as S;
        let waiting = [S::Killing, S::Restarting, S::Draining, S::Preempting];
        if self
            .tasks
            .get(id)
            .is_some_and(|task| waiting.contains(&task.status))
        {
            self.stats.count("task_kill_retries");
            self.kill(id);
            let delay = (delay * 2).min(MAX_KILL_RETRY_MS);
            self.timers.set(
                self.now + delay,
                Timer::KillAgain {
                    task: id.to_string(),
                    delay,
                },
            );
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
