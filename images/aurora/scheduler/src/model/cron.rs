//! Cron jobs: a stored job whose tasks are made at each match of its schedule.

mod schedule;

use std::collections::BTreeSet;

use aurora_api::{CronCollisionPolicy, JobConfiguration, JobKey, ScheduleStatus};

pub use schedule::Schedule;

use super::effect::Record;
use super::jobs::audit;
use super::state::Target;
use super::timers::Timer;
use super::validate::Sanitized;
use super::{Model, Refusal};

/// Who ends the tasks of an earlier run.
const SCHEDULER: &str = "cronScheduler";

/// A stored cron job.
#[derive(Debug)]
pub struct CronJob {
    /// As it was scheduled.
    pub config: JobConfiguration,
    /// When it runs; `None` if the store holds what no longer is a schedule.
    schedule: Option<Schedule>,
    /// The next run, in milliseconds since the epoch.
    pub next: Option<i64>,
    /// Tasks of an earlier run that must be gone before the run that waits for it.
    waiting: BTreeSet<String>,
}

impl CronJob {
    fn new(config: JobConfiguration) -> Self {
        let text = config.cron_schedule.as_deref().unwrap_or_default();
        let schedule = Schedule::parse(text);
        Self {
            config,
            schedule,
            next: None,
            waiting: BTreeSet::new(),
        }
    }

    /// The schedule as it is shown.
    pub fn shown_schedule(&self) -> String {
        match &self.schedule {
            Some(schedule) => schedule.to_string(),
            None => self.config.cron_schedule.clone().unwrap_or_default(),
        }
    }
}

fn not_found(job: &JobKey) -> String {
    format!("No cron job found for {job}.")
}

impl Model {
    /// Takes a cron job in as it was stored.
    pub(super) fn restore_cron(&mut self, config: JobConfiguration) {
        let Some(job) = config.key.clone() else {
            tracing::warn!("a stored cron job has no key and is left out");
            return;
        };
        let cron = CronJob::new(config);
        if cron.schedule.is_none() {
            tracing::error!("the stored cron job {job} has no valid schedule, and will not run");
            self.stats.count("cron_job_parse_failures");
        }
        self.stats.count("cron_jobs_loaded");
        self.crons.insert(job.clone(), cron);
        self.await_cron(&job);
    }

    /// `scheduleCronJob`, and with `update_only` `replaceCronTemplate`.
    pub fn schedule_cron(&mut self, job: Sanitized, update_only: bool) -> Result<(), Refusal> {
        let key = job.key.clone();
        if job.cron_schedule.is_none() {
            let text = format!("Job {key} has no cron schedule");
            return Err(Refusal::invalid(text));
        }
        self.check_not_updating(&key)?;
        self.check_instance_count(job.instance_count)?;
        self.check_cron_quota(&key, &job.config, job.instance_count)?;
        let known = self.crons.contains_key(&key);
        if !known && !update_only {
            self.check_is_new(&key)?;
        }
        if job.collision_policy == CronCollisionPolicy::RunOverlap {
            return Err(Refusal::invalid(
                "The RUN_OVERLAP collision policy has been removed (AURORA-38).",
            ));
        }
        let cron = CronJob::new(job.into_configuration());
        if cron.schedule.is_none() {
            let text = cron.config.cron_schedule.unwrap_or_default();
            return Err(Refusal::invalid(format!("Invalid cron schedule: {text}")));
        }
        if !known && update_only {
            return Err(Refusal::invalid(not_found(&key)));
        }
        self.record(Record::SaveCronJob(Box::new(cron.config.clone())));
        self.crons.insert(key.clone(), cron);
        self.await_cron(&key);
        Ok(())
    }

    /// `descheduleCronJob`. Says whether it was scheduled; its tasks go on.
    pub fn deschedule_cron(&mut self, job: &JobKey) -> Result<bool, Refusal> {
        self.check_not_updating(job)?;
        let known = self.crons.remove(job).is_some();
        if known {
            self.record(Record::RemoveCronJob(job.clone()));
        }
        Ok(known)
    }

    /// `startCronJob`: a run now.
    pub fn start_cron(&mut self, job: &JobKey) -> Result<(), Refusal> {
        if !self.crons.contains_key(job) {
            let text = format!("Failed to start cron job - {}", not_found(job));
            return Err(Refusal::invalid(text));
        }
        self.run_cron(job);
        Ok(())
    }

    /// Sets the timer of the next run.
    fn await_cron(&mut self, job: &JobKey) {
        let Some(cron) = self.crons.get_mut(job) else {
            return;
        };
        let schedule = cron.schedule.as_ref();
        cron.next = schedule.and_then(|s| s.next_after(self.now, &self.settings.cron_timezone));
        if let Some(at) = cron.next {
            let job = job.clone();
            self.timers.set(at, Timer::Cron { job, at });
        }
    }

    /// A run's time has come. Those that were missed meanwhile are not made up for.
    pub(super) fn cron_due(&mut self, job: &JobKey, at: i64) {
        if self
            .crons
            .get(job)
            .is_some_and(|cron| cron.next == Some(at))
        {
            self.run_cron(job);
            self.await_cron(job);
        }
    }

    fn run_cron(&mut self, job: &JobKey) {
        self.stats.count("cron_job_triggers");
        let Some(cron) = self.crons.get_mut(job) else {
            return;
        };
        if !cron.waiting.is_empty() {
            self.stats.count("cron_job_concurrent_runs");
            return;
        }
        let active = self.tasks.active(job).map(|task| task.id.clone());
        let active: BTreeSet<String> = active.collect();
        if active.is_empty() {
            return self.launch_cron(job);
        }
        self.stats.count("cron_job_collisions");
        let policy = cron.config.cron_collision_policy.unwrap_or_default();
        if policy != CronCollisionPolicy::KillExisting {
            tracing::info!("a run of the cron job {job} is skipped: an earlier one is active");
            return;
        }
        cron.waiting.clone_from(&active);
        for id in active {
            let killing = Target::Status(ScheduleStatus::Killing);
            self.change(&id, None, killing, Some(audit("Killed", SCHEDULER, None)));
        }
        let first = self.settings.cron_start_initial_backoff;
        self.continue_cron(job, first);
    }

    /// Starts a run that waits for an earlier one's tasks, or waits for `delay` once more.
    pub(super) fn continue_cron(&mut self, job: &JobKey, delay: i64) {
        let Some(cron) = self.crons.get_mut(job) else {
            return;
        };
        if cron.waiting.is_empty() {
            return;
        }
        let tasks = &self.tasks;
        let is_active = |id: &String| tasks.get(id).is_some_and(|task| task.status.is_active());
        if cron.waiting.iter().any(is_active) {
            let next = (delay * 2).min(self.settings.cron_start_max_backoff.max(delay));
            let timer = Timer::CronStart {
                job: job.clone(),
                delay: next,
            };
            self.timers.set(self.now + delay, timer);
            return;
        }
        cron.waiting.clear();
        self.launch_cron(job);
    }

    fn launch_cron(&mut self, job: &JobKey) {
        let Some(config) = self.crons.get(job).map(|cron| &cron.config) else {
            return;
        };
        let count = config.instance_count;
        let template = config.task_config.clone().unwrap_or_default();
        if self.tasks.active(job).next().is_some() {
            tracing::warn!("a run of the cron job {job} could not start: tasks are active");
            self.stats.count("cron_job_launch_failures");
            return;
        }
        let template = self.intern(template);
        self.add_instances_of(job, &template, 0..count);
    }

    /// Cron jobs by key.
    pub fn crons(&self) -> &std::collections::BTreeMap<JobKey, CronJob> {
        &self.crons
    }
}
