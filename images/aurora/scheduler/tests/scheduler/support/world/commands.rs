//! What callers do to the simulated cluster's jobs.

use std::collections::BTreeSet;

use aurora_api::JobKey;
use aurora_scheduler::model::Refusal;

use super::World;
use super::shape::shape;
use crate::support::jobs;

/// More instances of a job would not fit even then.
const MOST_INSTANCES: i32 = 6;

impl World {
    pub(crate) fn create(&mut self, key: &JobKey, version: i32, count: i32) -> Result<(), Refusal> {
        let mut description = jobs::job(key, version, count);
        description.task_config = Some(shape(key, version, count));
        let made = self.command(|model| {
            let job = model.sanitize(&description)?;
            model.create_job(job)
        });
        if made.is_ok() {
            self.wanted.created(key, version, 0..count);
        }
        made
    }

    /// Kills some instances of a job, or all when none is named.
    pub(crate) fn kill(&mut self, key: &JobKey, some: &BTreeSet<i32>) -> Result<usize, Refusal> {
        let killed = self.command(|model| model.kill_tasks(key, Some(some), "me", None));
        if killed.is_ok() {
            self.wanted.killed(key, some);
        }
        killed
    }

    /// Adds instances like some instance.
    pub(crate) fn add(&mut self, key: &JobKey, like: i32, count: i32) -> Result<(), Refusal> {
        let active = self.model.tasks().active(key);
        let last = active.map(|task| task.instance).max().unwrap_or(-1);
        if last + count >= MOST_INSTANCES {
            return Ok(());
        }
        let model = self.model.tasks().active_instance(key, like);
        let version = model.map_or(0, |task| task.config.priority);
        let added = self.command(|model| model.add_instances(key, like, count));
        if added.is_ok() {
            self.wanted.created(key, version, last + 1..=last + count);
        }
        added
    }

    pub(crate) fn restart(&mut self, key: &JobKey) -> Result<(), Refusal> {
        let all = self
            .model
            .tasks()
            .active(key)
            .map(|task| task.instance)
            .collect();
        self.command(|model| model.restart(key, &all, "me"))
    }
}
