//! All tasks in memory, found by id, job and host.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use aurora_api::{JobKey, ScheduleStatus, TaskConfig};

use super::query::Queries;
use super::task::Task;

/// The tasks, with their indexes. Changes go through [`Table::insert`], [`Table::update`] and
/// [`Table::remove`], which keep the indexes right.
#[derive(Debug, Default)]
pub struct Table {
    tasks: HashMap<String, Task>,
    jobs: BTreeMap<JobKey, Job>,
    hosts: HashMap<String, BTreeSet<String>>,
    counts: BTreeMap<ScheduleStatus, usize>,
    configs: HashSet<Arc<TaskConfig>>,
    queries: Queries,
}

/// The ids of one job's tasks.
#[derive(Debug, Default)]
struct Job {
    active: BTreeMap<i32, String>,
    over: BTreeSet<String>,
}

impl Table {
    /// How often tasks were asked for.
    pub fn queries(&self) -> &Queries {
        &self.queries
    }

    /// The one shared copy of a configuration.
    pub fn intern(&mut self, config: TaskConfig) -> Arc<TaskConfig> {
        if let Some(known) = self.configs.get(&config) {
            return Arc::clone(known);
        }
        // Those that nobody else holds are forgotten from time to time, at no fixed cost.
        if self.configs.len() >= 64 && self.configs.len().is_power_of_two() {
            self.configs.retain(|config| Arc::strong_count(config) > 1);
        }
        let shared = Arc::new(config);
        self.configs.insert(Arc::clone(&shared));
        shared
    }

    /// The task of this id.
    pub fn get(&self, id: &str) -> Option<&Task> {
        self.tasks.get(id)
    }

    /// All tasks, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Task> {
        self.tasks.values()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.tasks.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }

    /// How many tasks have this status.
    pub fn count(&self, status: ScheduleStatus) -> usize {
        self.counts.get(&status).copied().unwrap_or(0)
    }

    /// The jobs that have any task.
    pub fn jobs(&self) -> impl Iterator<Item = &JobKey> {
        self.jobs.keys()
    }

    /// The active tasks of a job, by instance.
    pub fn active(&self, job: &JobKey) -> impl Iterator<Item = &Task> {
        self.jobs
            .get(job)
            .into_iter()
            .flat_map(|job| job.active.values())
            .filter_map(|id| self.tasks.get(id))
    }

    /// The active task of an instance.
    pub fn active_instance(&self, job: &JobKey, instance: i32) -> Option<&Task> {
        self.tasks.get(self.jobs.get(job)?.active.get(&instance)?)
    }

    /// The terminated tasks of a job.
    pub fn over(&self, job: &JobKey) -> impl Iterator<Item = &Task> {
        self.jobs
            .get(job)
            .into_iter()
            .flat_map(|job| job.over.iter())
            .filter_map(|id| self.tasks.get(id))
    }

    /// All tasks of a job.
    pub fn of_job(&self, job: &JobKey) -> impl Iterator<Item = &Task> {
        self.active(job).chain(self.over(job))
    }

    /// All tasks that are or were on a host.
    pub fn on_host(&self, host: &str) -> impl Iterator<Item = &Task> {
        self.hosts
            .get(host)
            .into_iter()
            .flatten()
            .filter_map(|id| self.tasks.get(id))
    }

    /// Adds a task.
    pub fn insert(&mut self, task: Task) {
        self.remove(&task.id);
        self.index(&task);
        self.tasks.insert(task.id.clone(), task);
    }

    /// Changes a task; `None` if there is none of this id.
    pub fn update<R>(&mut self, id: &str, change: impl FnOnce(&mut Task) -> R) -> Option<R> {
        let mut task = self.remove(id)?;
        let result = change(&mut task);
        self.insert(task);
        Some(result)
    }

    /// Removes a task.
    pub fn remove(&mut self, id: &str) -> Option<Task> {
        let task = self.tasks.remove(id)?;
        if let Some(count) = self.counts.get_mut(&task.status) {
            *count = count.saturating_sub(1);
        }
        if let Some(job) = self.jobs.get_mut(&task.job) {
            job.over.remove(id);
            if job
                .active
                .get(&task.instance)
                .is_some_and(|active| active == id)
            {
                job.active.remove(&task.instance);
            }
            if job.active.is_empty() && job.over.is_empty() {
                self.jobs.remove(&task.job);
            }
        }
        if let Some(host) = &task.host
            && let Some(ids) = self.hosts.get_mut(host)
        {
            ids.remove(id);
            if ids.is_empty() {
                self.hosts.remove(host);
            }
        }
        Some(task)
    }

    fn index(&mut self, task: &Task) {
        *self.counts.entry(task.status).or_default() += 1;
        let job = self.jobs.entry(task.job.clone()).or_default();
        if task.status.is_terminal() {
            job.over.insert(task.id.clone());
        } else {
            job.active.insert(task.instance, task.id.clone());
        }
        if let Some(host) = &task.host {
            self.hosts
                .entry(host.clone())
                .or_default()
                .insert(task.id.clone());
        }
    }
}
