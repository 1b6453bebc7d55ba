//! What callers do to jobs: create, kill, restart, add.

use std::collections::BTreeSet;
use std::sync::Arc;

use aurora_api::{JobKey, ScheduleStatus, TaskQuery};

use super::lifecycle::Outcome;
use super::state::Target;
use super::validate::Sanitized;
use super::{Model, Refusal, query};

/// The message of an event that a caller caused.
pub fn audit(what: &str, user: &str, message: Option<&str>) -> String {
    match message.filter(|message| !message.is_empty()) {
        Some(message) => format!("{what} by {user}.\n{message}"),
        None => format!("{what} by {user}"),
    }
}

impl Model {
    /// `createJob`, for a job that passed validation.
    pub fn create_job(&mut self, job: Sanitized) -> Result<(), Refusal> {
        if job.cron_schedule.is_some() {
            return Err(Refusal::invalid(super::validate::NOT_FOR_CRON));
        }
        self.check_not_updating(&job.key)?;
        self.check_is_new(&job.key)?;
        self.check_instance_count(job.instance_count)?;
        self.check_quota(&job.config, job.instance_count)?;
        let config = self.intern(job.config);
        self.add_instances_of(&job.key, &config, 0..job.instance_count);
        Ok(())
    }

    /// `killTasks`: of these instances, or of all. Gives the number of tasks affected.
    pub fn kill_tasks(
        &mut self,
        job: &JobKey,
        instances: Option<&BTreeSet<i32>>,
        user: &str,
        message: Option<&str>,
    ) -> Result<usize, Refusal> {
        self.check_not_updating(job)?;
        let all = instances.is_none_or(BTreeSet::is_empty);
        let wanted = |instance: i32| all || instances.is_some_and(|set| set.contains(&instance));
        let ids: Vec<String> = self
            .tasks
            .active(job)
            .filter(|task| wanted(task.instance))
            .map(|task| task.id.clone())
            .collect();
        let text = audit("Killed", user, message);
        let mut killed = 0;
        for id in ids {
            let killing = Target::Status(ScheduleStatus::Killing);
            if self.change(&id, None, killing, Some(text.clone())) == Outcome::Changed {
                killed += 1;
            }
        }
        Ok(killed)
    }

    /// `restartShards`
    pub fn restart(
        &mut self,
        job: &JobKey,
        instances: &BTreeSet<i32>,
        user: &str,
    ) -> Result<(), Refusal> {
        if instances.is_empty() {
            return Err(Refusal::blank());
        }
        self.check_not_updating(job)?;
        let ids: Vec<String> = instances
            .iter()
            .filter_map(|instance| self.tasks.active_instance(job, *instance))
            .map(|task| task.id.clone())
            .collect();
        if ids.len() != instances.len() {
            return Err(Refusal::invalid("Not all requested shards are active."));
        }
        for id in ids {
            let restarting = Target::Status(ScheduleStatus::Restarting);
            self.change(&id, None, restarting, Some(audit("Restarted", user, None)));
        }
        Ok(())
    }

    /// `addInstances`: `count` more like `instance`.
    pub fn add_instances(
        &mut self,
        job: &JobKey,
        instance: i32,
        count: i32,
    ) -> Result<(), Refusal> {
        if count <= 0 {
            return Err(Refusal::invalid("Instance count must be positive."));
        }
        if self.crons.contains_key(job) {
            let message = "Instances may not be added to cron jobs.";
            return Err(Refusal::invalid(message));
        }
        self.check_not_updating(job)?;
        let Some(model) = self.tasks.active_instance(job, instance) else {
            return Err(Refusal::invalid(
                "No active task found for a given instance ID.",
            ));
        };
        let config = Arc::clone(&model.config);
        let active = self.tasks.active(job);
        let (have, last) = active.fold((0, -1), |(n, last), task| (n + 1, task.instance.max(last)));
        let total = count.checked_add(have).unwrap_or(i32::MAX);
        self.check_instance_count(total)?;
        self.check_quota(&config, count)?;
        let first = last.saturating_add(1);
        self.add_instances_of(job, &config, first..first.saturating_add(count));
        Ok(())
    }

    /// `forceTaskState`: the state machine may still refuse, which the caller is not told.
    pub fn force(&mut self, task: &str, status: ScheduleStatus, user: &str) {
        let message = audit("Transition forced", user, None);
        let to = Target::Status(status);
        if self.change(task, None, to, Some(message)) != Outcome::Changed {
            tracing::info!("the forced change of task {task} to {status} was not possible");
        }
    }

    /// `pruneTasks`: removes terminated tasks, at most as many as the query says. Gives their number.
    pub fn prune_tasks(&mut self, asked: &TaskQuery) -> Result<usize, Refusal> {
        let mut asked = asked.clone();
        let statuses = asked.statuses.get_or_insert_default();
        if statuses.iter().any(|status| !status.is_terminal()) {
            let message = "Tasks in non-terminal state cannot be pruned.";
            return Err(Refusal::error(message));
        }
        if statuses.is_empty() {
            let all = ScheduleStatus::ALL.iter().copied();
            statuses.extend(all.filter(|status| status.is_terminal()));
        }
        let found = query::select(&self.tasks, &asked);
        let ids: Vec<String> = found.into_iter().map(|task| task.id.clone()).collect();
        for id in &ids {
            self.remove_old(id);
        }
        Ok(ids.len())
    }

    /// Refuses a job that has active tasks or a cron schedule.
    pub(super) fn check_is_new(&self, job: &JobKey) -> Result<(), Refusal> {
        if self.crons.contains_key(job) || self.tasks.active(job).next().is_some() {
            return Err(Refusal::invalid(format!("Job {job} already exists")));
        }
        Ok(())
    }

    /// Refuses if the job has an update in progress.
    pub(super) fn check_not_updating(&self, job: &JobKey) -> Result<(), Refusal> {
        match self.updating.contains_key(job) {
            true => Err(Refusal::updating()),
            false => Ok(()),
        }
    }

    /// Refuses more instances than a job may have.
    pub(super) fn check_instance_count(&self, count: i32) -> Result<(), Refusal> {
        let max = self.settings.max_tasks_per_job;
        if (1..=max).contains(&count) {
            return Ok(());
        }
        let message = format!("Instance count must be between 1 and {max} inclusive.");
        Err(Refusal::invalid(message))
    }
}
