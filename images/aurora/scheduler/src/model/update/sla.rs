//! Updates that replace a task only as its job's policy permits (task-lifecycle.md, "SLA-aware
//! updates").

use std::collections::BTreeMap;

use aurora_api::{
    JobInstanceUpdateEvent, JobUpdateAction, JobUpdateKey, JobUpdateStatus, ScheduleStatus,
    SlaPolicy,
};

use super::{Update, contains};
use crate::model::Model;
use crate::model::effect::Record;
use crate::model::sla::Purpose;
use crate::model::state::Target;
use crate::model::timers::Timer;

const CHECKING: &str = "Checking SLA before continuing.";
const PASSED: &str = "SLA check passed, continuing.";

impl Update {
    /// What protects an instance that is to be killed: in the direction forward the new
    /// configuration's policy, back the old one's.
    pub(super) fn sla_policy(&self, instance: i32) -> Option<SlaPolicy> {
        if self.settings().sla_aware != Some(true) {
            return None;
        }
        let config = match self.is_back() {
            false => self.desired.as_ref(),
            true => self
                .initial
                .iter()
                .find(|(ranges, _)| contains(ranges, instance)),
        };
        config.and_then(|(_, config)| config.sla_policy.clone())
    }

    fn action(&self) -> JobUpdateAction {
        match self.is_back() {
            true => JobUpdateAction::InstanceRollingBack,
            false => JobUpdateAction::InstanceUpdating,
        }
    }
}

impl Model {
    /// Begins to try to kill a task, unless that has begun in this pass.
    pub(super) fn kill_when_permitted(&mut self, key: &JobUpdateKey, instance: i32, task: &str) {
        let now = self.now;
        let Some(update) = self.updates.get_mut(key) else {
            return;
        };
        let (status, action) = (update.status(), update.action());
        let Some(rollout) = update.rollout.as_mut() else {
            return;
        };
        if rollout.sla_kills.contains_key(task) {
            return;
        }
        rollout.sla_kills.insert(task.to_string(), now);
        let is_noted = update.instance_events.iter().any(|event| {
            event.instance_id == instance
                && event.action == action
                && event.message.as_deref() == Some(CHECKING)
        });
        if !is_noted {
            self.note_sla(key, instance, CHECKING);
        }
        self.try_to_replace(key, instance, status, task, now, 0);
    }

    /// Tries to kill a task now, and again later if that is not permitted. `delay` was the last wait.
    pub(in crate::model) fn try_to_replace(
        &mut self,
        key: &JobUpdateKey,
        instance: i32,
        status: JobUpdateStatus,
        task: &str,
        since: i64,
        delay: i64,
    ) {
        let Some(update) = self.updates.get(key) else {
            return;
        };
        let is_current = update.status() == status
            && update
                .rollout
                .as_ref()
                .is_some_and(|rollout| rollout.sla_kills.get(task) == Some(&since));
        let Some(found) = self.tasks.get(task).filter(|_| is_current) else {
            return;
        };
        if !found.status.is_active() || found.status == ScheduleStatus::Killing {
            return;
        }
        let policy = update.sla_policy(instance);
        // One that is on no agent serves nobody yet.
        let is_forced = !found.status.is_agent_assigned();
        let allowed = match &policy {
            Some(SlaPolicy::Coordinator(_)) => is_forced,
            Some(policy) => is_forced || self.sla_allows(found, policy),
            None => true,
        };
        self.stats
            .count(&format!("updates_sla_kill_attempt_{}", key.job));
        let delay = match delay {
            0 => self.settings.sla_kill_min_delay,
            delay => (delay * 2).min(self.settings.sla_kill_max_delay),
        };
        self.timers.set(
            self.now + delay.max(1),
            Timer::ReplaceAgain {
                update: key.clone(),
                instance,
                status,
                task: task.to_string(),
                since,
                delay,
            },
        );
        match policy {
            _ if allowed => self.replace_now(key, instance, status, task),
            Some(SlaPolicy::Coordinator(coordinator)) => {
                let purpose = Purpose::Replace {
                    update: key.clone(),
                    instance,
                    status,
                };
                self.ask_coordinator(task, &coordinator, purpose, &BTreeMap::new());
            }
            _ => {}
        }
    }

    /// A task may be replaced. Meanwhile the update may have been paused.
    pub(in crate::model) fn replace_now(
        &mut self,
        key: &JobUpdateKey,
        instance: i32,
        status: JobUpdateStatus,
        task: &str,
    ) {
        let is_current = |update: &Update| update.status() == status;
        if !self.updates.get(key).is_some_and(is_current) {
            return;
        }
        self.note_sla(key, instance, PASSED);
        self.stats
            .count(&format!("updates_sla_kill_success_{}", key.job));
        let message = format!("Killed for job update {}", key.id);
        let wanted = self.updates.get(key).and_then(|u| u.wanted(instance));
        self.reserve_for_update(task, wanted.as_ref());
        let killing = Target::Status(ScheduleStatus::Killing);
        self.change(task, None, killing, Some(message));
    }

    fn note_sla(&mut self, key: &JobUpdateKey, instance: i32, message: &str) {
        let now = self.now;
        let Some(update) = self.updates.get_mut(key) else {
            return;
        };
        let event = JobInstanceUpdateEvent {
            instance_id: instance,
            timestamp_ms: now,
            action: update.action(),
            message: Some(message.to_string()),
        };
        update.instance_events.push(event.clone());
        self.record(Record::AddInstanceEvent(key.clone(), event));
    }
}
