//! Updates in motion: they begin, look at changed instances, act, pause, turn round and end.

use std::sync::Arc;

use aurora_api::{
    JobInstanceUpdateEvent, JobKey, JobUpdate, JobUpdateAction, JobUpdateEvent, JobUpdateKey,
    JobUpdatePulseStatus, JobUpdateStatus, ScheduleStatus,
};

use super::rollout::{Limits, Rollout, Seen, Step, judge};
use super::state::{awaiting_pulse, may_change, paused, resumed, rolling};
use crate::model::effect::Record;
use crate::model::key::VerboseUpdate;
use crate::model::state::Target;
use crate::model::timers::Timer;
use crate::model::{Model, Refusal};

/// What a caller does to an update.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    Pause,
    Resume,
    Abort,
    RollBack,
}

impl Model {
    /// Stores a new update and sets it going.
    pub(super) fn begin_update(&mut self, update: JobUpdate, user: &str, message: Option<String>) {
        self.record(Record::SaveUpdate(Box::new(update.clone())));
        let update = self.make_update(update);
        let key = update.key().clone();
        let first = match update.pulse_limit() {
            Some(_) => JobUpdateStatus::RollForwardAwaitingPulse,
            None => JobUpdateStatus::RollingForward,
        };
        self.updating.insert(key.job.clone(), key.clone());
        self.updates.insert(key.clone(), update);
        self.note_update(&key, first, Some(user.to_string()), message);
        self.roll(&key);
    }

    /// `pauseJobUpdate`
    pub fn pause_update(
        &mut self,
        key: &JobUpdateKey,
        user: &str,
        message: Option<String>,
    ) -> Result<(), Refusal> {
        self.obey(key, Wish::Pause, user, message)
    }

    /// `resumeJobUpdate`
    pub fn resume_update(
        &mut self,
        key: &JobUpdateKey,
        user: &str,
        message: Option<String>,
    ) -> Result<(), Refusal> {
        self.obey(key, Wish::Resume, user, message)
    }

    /// `abortJobUpdate`
    pub fn abort_update(
        &mut self,
        key: &JobUpdateKey,
        user: &str,
        message: Option<String>,
    ) -> Result<(), Refusal> {
        self.obey(key, Wish::Abort, user, message)
    }

    /// `rollbackJobUpdate`
    pub fn roll_back_update(
        &mut self,
        key: &JobUpdateKey,
        user: &str,
        message: Option<String>,
    ) -> Result<(), Refusal> {
        self.obey(key, Wish::RollBack, user, message)
    }

    fn obey(
        &mut self,
        key: &JobUpdateKey,
        wish: Wish,
        user: &str,
        message: Option<String>,
    ) -> Result<(), Refusal> {
        let Some(update) = self.updates.get(key) else {
            let colon = if wish == Wish::Resume { ":" } else { "" };
            let text = format!("Update does not exist{colon} {}", VerboseUpdate(key));
            return Err(Refusal::invalid(text));
        };
        let from = update.status();
        // None is what an update in this state cannot be told at all.
        let to = match wish {
            Wish::Pause => paused(from),
            Wish::Resume => resumed(from, self.pulse_is_stale(key)),
            Wish::Abort => Some(JobUpdateStatus::Aborted),
            Wish::RollBack => Some(JobUpdateStatus::RollingBack),
        };
        if to == Some(from) {
            return Ok(());
        }
        let Some(to) = to.filter(|to| may_change(from, *to)) else {
            let to = to.map_or("null", |to| to.name());
            let text = format!("Cannot transition update from {from} to {to}");
            return Err(Refusal::invalid(text));
        };
        self.set_update_status(key, to, Some(user.to_string()), message);
        Ok(())
    }

    /// `pulseJobUpdate`
    pub fn pulse_update(&mut self, key: &JobUpdateKey) -> JobUpdatePulseStatus {
        let now = self.now;
        let Some(update) = self.updates.get_mut(key) else {
            return JobUpdatePulseStatus::Finished;
        };
        let status = update.status();
        if !status.is_active() || update.pulse_limit().is_none() {
            return JobUpdatePulseStatus::Finished;
        }
        update.last_pulse = Some(now);
        if JobUpdateStatus::AWAITING_PULSE.contains(&status)
            && let Some(rolling) = rolling(status)
        {
            self.set_update_status(key, rolling, None, None);
        }
        JobUpdatePulseStatus::Ok
    }

    fn pulse_is_stale(&self, key: &JobUpdateKey) -> bool {
        let Some(update) = self.updates.get(key) else {
            return false;
        };
        let Some(limit) = update.pulse_limit() else {
            return false;
        };
        update
            .last_pulse
            .is_none_or(|last| last.saturating_add(limit) <= self.now)
    }

    /// The time for a pulse is over: a rolling update stops if none came.
    pub(in crate::model) fn check_pulse(&mut self, key: &JobUpdateKey) {
        let Some(update) = self.updates.get(key) else {
            return;
        };
        let status = update.status();
        let is_rolling = matches!(
            status,
            JobUpdateStatus::RollingForward | JobUpdateStatus::RollingBack
        );
        if is_rolling && self.pulse_is_stale(key) {
            let message = "Pulses from external service have timed out.".to_string();
            self.set_update_status(key, awaiting_pulse(status), None, Some(message));
        } else if is_rolling {
            self.await_pulse(key);
        }
    }

    fn await_pulse(&mut self, key: &JobUpdateKey) {
        let due = self
            .updates
            .get(key)
            .and_then(|update| update.last_pulse?.checked_add(update.pulse_limit()?));
        if let Some(due) = due {
            self.timers.set(
                due.max(self.now + 1),
                Timer::PulseDue {
                    update: key.clone(),
                },
            );
        }
    }

    fn note_update(
        &mut self,
        key: &JobUpdateKey,
        status: JobUpdateStatus,
        user: Option<String>,
        message: Option<String>,
    ) {
        let event = JobUpdateEvent {
            status,
            timestamp_ms: self.now,
            user,
            message,
        };
        self.record(Record::AddUpdateEvent(key.clone(), event.clone()));
        self.stats.count(&format!("update_transition_{status}"));
        if let Some(update) = self.updates.get_mut(key) {
            update.events.push(event);
        }
    }

    fn set_update_status(
        &mut self,
        key: &JobUpdateKey,
        to: JobUpdateStatus,
        user: Option<String>,
        message: Option<String>,
    ) {
        tracing::info!("update {} of {}: {to}", key.id, key.job);
        self.note_update(key, to, user, message);
        if let Some(update) = self.updates.get_mut(key) {
            update.rollout = None;
        }
        if to.is_terminal() {
            self.updating.remove(&key.job);
        } else {
            self.roll(key);
        }
    }

    /// Starts a pass, if the update is in a state to roll.
    pub(super) fn roll(&mut self, key: &JobUpdateKey) {
        // Twice what a job may have: instances of the old and of the new configuration.
        let limit = usize::try_from(self.settings.max_tasks_per_job).unwrap_or(0) * 2;
        let Some(update) = self.updates.get_mut(key) else {
            return;
        };
        let back = match update.status() {
            JobUpdateStatus::RollingForward => false,
            JobUpdateStatus::RollingBack => true,
            _ => return,
        };
        update.rollout = Some(Rollout::new(&update.strategy(), &update.order(limit), back));
        self.await_pulse(key);
        self.advance(key);
    }

    /// A task of an instance changed, or it is time to look at it again.
    pub(in crate::model) fn update_saw(&mut self, job: &JobKey, instance: i32, seen: Option<Seen>) {
        let Some(key) = self.updating.get(job).cloned() else {
            return;
        };
        // Only the latest state counts: a task that has moved on since brings its own news.
        if let Some(seen) = &seen
            && self
                .tasks
                .get(&seen.id)
                .is_none_or(|task| task.status != seen.status)
        {
            return;
        }
        let working = self
            .updates
            .get(&key)
            .and_then(|update| update.rollout.as_ref())
            .is_some_and(|rollout| rollout.working.contains_key(&instance));
        if working {
            self.step(&key, instance, seen);
            self.advance(&key);
        }
    }

    /// The task that stands for an instance now.
    pub(in crate::model) fn seen_now(&self, job: &JobKey, instance: i32) -> Option<Seen> {
        self.tasks.active_instance(job, instance).map(Seen::of)
    }

    /// Starts what may start, and ends the pass when it is through.
    fn advance(&mut self, key: &JobUpdateKey) {
        loop {
            let Some(update) = self.updates.get_mut(key) else {
                return;
            };
            let status = update.status();
            let pauses = update.pauses_after_batch() && status == JobUpdateStatus::RollingForward;
            let (max_failed, rolls_back) = (
                update.settings().max_failed_instances,
                update.settings().rollback_on_failure,
            );
            let Some(rollout) = update.rollout.as_mut() else {
                return;
            };
            let failed = i32::try_from(rollout.failed.len()).unwrap_or(i32::MAX);
            if failed > max_failed {
                let last = rollout.failed.last().copied().unwrap_or(0);
                let message = format!("Latest failure: instance {last} exited.");
                let to = match (status, rolls_back) {
                    (JobUpdateStatus::RollingForward, true) => JobUpdateStatus::RollingBack,
                    _ => JobUpdateStatus::Failed,
                };
                return self.set_update_status(key, to, None, Some(message));
            }
            if rollout.is_over() {
                let to = match status {
                    JobUpdateStatus::RollingBack => JobUpdateStatus::RolledBack,
                    _ => JobUpdateStatus::RolledForward,
                };
                return self.set_update_status(key, to, None, None);
            }
            if pauses && rollout.is_between_batches() {
                let message = Some("Update auto paused".to_string());
                let to = JobUpdateStatus::RollForwardPaused;
                return self.set_update_status(key, to, None, message);
            }
            let next = rollout.start_next();
            if next.is_empty() {
                return;
            }
            for instance in next {
                let seen = self.seen_now(&key.job, instance);
                self.step(key, instance, seen);
            }
        }
    }

    /// Looks at one working instance and does what it needs.
    fn step(&mut self, key: &JobUpdateKey, instance: i32, seen: Option<Seen>) {
        let now = self.now;
        let is_empty = self.tasks.active_instance(&key.job, instance).is_none();
        let Some(update) = self.updates.get_mut(key) else {
            return;
        };
        let wanted = update.wanted(instance);
        let limits = Limits {
            min_wait: update.settings().min_wait_in_instance_running_ms.into(),
            max_failures: update.settings().max_per_instance_failures,
        };
        let back = update.is_back();
        let protected = update.sla_policy(instance).is_some();
        let Some(rollout) = update.rollout.as_mut() else {
            return;
        };
        let Some(failures) = rollout.working.get_mut(&instance) else {
            return;
        };
        let ended = seen.as_ref().is_some_and(|seen| seen.status.is_terminal());
        let mut step = judge(wanted.as_ref(), seen.as_ref(), limits, failures, now);
        if step == Step::Wait && ended && is_empty {
            // Nothing took its place, so nothing would ever come to wait for.
            step = if wanted.is_some() {
                Step::Add
            } else {
                Step::Succeeded
            };
        }
        match &step {
            Step::Succeeded => {
                rollout.working.remove(&instance);
            }
            Step::Failed => {
                rollout.working.remove(&instance);
                rollout.failed.insert(instance);
            }
            Step::Wait | Step::WaitUntil(_) | Step::Kill(_) | Step::Add => {}
        }
        if step != Step::Succeeded {
            rollout.batch_worked = true;
            rollout.touched.insert(instance);
        }
        // An instance that was always as it should be leaves no trace.
        let visible = rollout.touched.contains(&instance)
            || update
                .instance_events
                .iter()
                .any(|event| event.instance_id == instance);
        use JobUpdateAction as A;
        if visible {
            let begun = if back {
                A::InstanceRollingBack
            } else {
                A::InstanceUpdating
            };
            self.note_instance(key, instance, begun);
        }
        match step {
            Step::Wait => {}
            Step::WaitUntil(at) => {
                self.timers.set(
                    at,
                    Timer::InstanceStable {
                        update: key.clone(),
                        instance,
                    },
                );
            }
            Step::Kill(id) if protected => self.kill_when_permitted(key, instance, &id),
            Step::Kill(id) => {
                let message = format!("Killed for job update {}", key.id);
                self.reserve_for_update(&id, wanted.as_ref());
                self.change(
                    &id,
                    None,
                    Target::Status(ScheduleStatus::Killing),
                    Some(message),
                );
            }
            Step::Add => {
                if let (Some(config), true) = (wanted, is_empty) {
                    self.add_instances_of(&key.job, &Arc::clone(&config), [instance]);
                }
            }
            Step::Succeeded if visible => {
                self.note_instance(
                    key,
                    instance,
                    if back {
                        A::InstanceRolledBack
                    } else {
                        A::InstanceUpdated
                    },
                );
            }
            Step::Succeeded => {}
            Step::Failed => {
                self.note_instance(
                    key,
                    instance,
                    if back {
                        A::InstanceRollbackFailed
                    } else {
                        A::InstanceUpdateFailed
                    },
                );
            }
        }
    }

    fn note_instance(&mut self, key: &JobUpdateKey, instance: i32, action: JobUpdateAction) {
        let now = self.now;
        let Some(update) = self.updates.get_mut(key) else {
            return;
        };
        if update.has_noted(instance, action) {
            return;
        }
        let event = JobInstanceUpdateEvent {
            instance_id: instance,
            timestamp_ms: now,
            action,
            message: None,
        };
        update.instance_events.push(event.clone());
        self.record(Record::AddInstanceEvent(key.clone(), event));
        self.stats
            .count(&format!("update_instance_transition_{action}"));
    }
}
