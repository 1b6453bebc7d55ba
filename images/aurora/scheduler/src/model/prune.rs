//! Forgets what is long over.

use std::collections::{BTreeMap, BTreeSet};

use aurora_api::JobKey;

use super::Model;
use super::effect::Record;
use super::state::Target;
use super::timers::Timer;

impl Model {
    /// A terminated task's time is over.
    pub(super) fn prune_task(&mut self, id: &str) {
        let task = self.tasks.get(id);
        if task.is_some_and(|task| task.status.is_terminal()) {
            self.remove_old(id);
        }
    }

    /// The same for all jobs, after a restart: jobs may keep less than they did before.
    pub(super) fn prune_jobs(&mut self) {
        let over = self.tasks.iter().filter(|task| task.status.is_terminal());
        let jobs: BTreeSet<JobKey> = over.map(|task| task.job.clone()).collect();
        for job in jobs {
            self.prune_job(&job);
        }
    }

    /// A job keeps only so many terminated tasks, but each for some time.
    pub(super) fn prune_job(&mut self, job: &JobKey) {
        let mut over: Vec<(i64, String)> = self
            .tasks
            .over(job)
            .map(|task| (task.since(), task.id.clone()))
            .collect();
        let Some(excess) = over.len().checked_sub(self.settings.history_max_per_job) else {
            return;
        };
        over.sort();
        for (since, id) in over.into_iter().take(excess) {
            let may_go = since + self.settings.history_min_retention;
            if may_go <= self.now {
                self.remove_old(&id);
            } else {
                let job = job.clone();
                self.timers.set(may_go, Timer::PruneJob { job });
                // Those after it are younger still.
                return;
            }
        }
    }

    pub(super) fn remove_old(&mut self, id: &str) {
        self.change(id, None, Target::Deleted, None);
        self.stats.count("tasks_pruned");
    }

    /// Of each job only the newest terminated updates are kept, and none that is too old or whose job
    /// has no task any more.
    pub(super) fn prune_updates(&mut self) {
        self.timers.set(
            self.now + self.settings.update_history_interval,
            Timer::PruneUpdates,
        );
        let mut over: Vec<_> = self
            .updates
            .values()
            .filter(|update| update.status().is_terminal())
            .map(|update| (update.created(), update.key().clone()))
            .collect();
        over.sort_by(|a, b| b.cmp(a));
        let mut kept: BTreeMap<JobKey, usize> = BTreeMap::new();
        for (created, key) in over {
            let of_job = kept.entry(key.job.clone()).or_default();
            *of_job += 1;
            let gone = *of_job > self.settings.update_history_per_job
                || created + self.settings.update_history_threshold < self.now
                || self.tasks.of_job(&key.job).next().is_none();
            if gone {
                self.updates.remove(&key);
                self.record(Record::RemoveUpdate(key));
                self.stats.count("job_updates_pruned");
            }
        }
    }
}
