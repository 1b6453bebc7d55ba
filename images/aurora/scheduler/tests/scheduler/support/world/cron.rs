//! The simulated cluster's cron jobs: runs begin by the clock and by hand, and end by themselves.

use aurora_api::{CronCollisionPolicy, JobKey};
use aurora_scheduler::model::chance::Chance;
use mesos_proto::mesos::TaskState;

use super::World;
use super::shape::shape;
use crate::support::jobs;

const CRONS: u64 = 2;

pub(crate) fn cron_key(n: u64) -> JobKey {
    JobKey::new("www-data", "devel", format!("cron{}", n % CRONS))
}

impl World {
    /// Schedules a cron job or gives it another template, starts a run of it, or takes it off the schedule.
    pub(crate) fn cron(&mut self, dice: &mut Chance) -> String {
        let key = cron_key(dice.below(CRONS));
        let version = i32::try_from(dice.below(3)).unwrap();
        let count = 1 + i32::try_from(dice.below(3)).unwrap();
        let policy = match dice.below(2) {
            0 => CronCollisionPolicy::KillExisting,
            _ => CronCollisionPolicy::CancelNew,
        };
        let done = match dice.below(6) {
            0 => self.command(|model| model.deschedule_cron(&key).map(|_| ())),
            1 | 2 => self.command(|model| model.start_cron(&key)),
            _ => {
                let mut job = jobs::job(&key, version, count);
                let mut config = shape(&key, version, 0);
                config.is_service = false;
                config.max_task_failures = 2;
                job.task_config = Some(config);
                job.cron_schedule = Some("* * * * *".to_string());
                job.cron_collision_policy = Some(policy);
                self.command(|model| {
                    let job = model.sanitize(&job)?;
                    model.schedule_cron(job, false)
                })
            }
        };
        format!("{key}: {done:?}")
    }

    /// No cron job runs any more.
    pub(super) fn end_crons(&mut self) {
        let keys: Vec<JobKey> = self.model.crons().keys().cloned().collect();
        for key in keys {
            let known = self.command(|model| model.deschedule_cron(&key));
            assert_eq!(known, Ok(true));
        }
    }

    /// Some runs get to their end.
    pub(super) fn finish_runs(&mut self) {
        let tasks = self.model.tasks();
        let is_run = |id: &String| tasks.get(id).is_some_and(|task| !task.config.is_service);
        let mut runs: Vec<String> = self.running().into_iter().filter(is_run).collect();
        runs.retain(|id| self.runs(id));
        for id in runs {
            if !self.failing || self.dice.below(4) == 0 {
                self.set(&id, TaskState::TASK_FINISHED);
            }
        }
    }

    /// A cron job's tasks are of one run, the next run is ahead, and the store knows the template.
    pub(crate) fn check_crons(&self, context: &str) {
        for (key, cron) in self.model.crons() {
            let active: Vec<_> = self.model.tasks().active(key).collect();
            let one_run = active.windows(2).all(|two| two[0].config == two[1].config);
            assert!(one_run, "{context}: {key} has tasks of several runs");
            assert!(
                cron.next.is_some_and(|next| next > self.now),
                "{context}: the next run of {key} is at {:?}, and now it is {}",
                cron.next,
                self.now
            );
            assert_eq!(self.store.crons.get(key), Some(&cron.config), "{context}");
        }
        assert_eq!(
            self.store.crons.len(),
            self.model.crons().len(),
            "{context}"
        );
    }
}
