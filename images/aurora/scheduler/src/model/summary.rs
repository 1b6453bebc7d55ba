//! What callers read: jobs and roles summed up, pending reasons, consumption.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use aurora_api::{
    ConfigGroup, ConfigSummary, JobConfiguration, JobKey, JobStats, JobSummary, PendingReason,
    Resource, ResourceAggregate, RoleSummary, ScheduleStatus, TaskConfig, TaskQuery,
};

use super::Model;
use super::cron::CronJob;
use super::query;
use super::resources::Demand;
use super::task::Task;
use super::update::diff::config_groups;

/// Amounts of the three resources that quotas are about.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Consumption {
    /// Cores.
    pub cpus: f64,
    /// RAM in MB.
    pub ram_mb: i64,
    /// Disk in MB.
    pub disk_mb: i64,
}

impl Consumption {
    fn add(&mut self, demand: &Demand) {
        self.cpus += demand.cpus;
        self.ram_mb = self.ram_mb.saturating_add(demand.ram_mb);
        self.disk_mb = self.disk_mb.saturating_add(demand.disk_mb);
    }

    /// Of one instance.
    pub fn of_demand(demand: &Demand) -> Self {
        let mut sum = Self::default();
        sum.add(demand);
        sum
    }

    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            cpus: self.cpus + other.cpus,
            ram_mb: self.ram_mb.saturating_add(other.ram_mb),
            disk_mb: self.disk_mb.saturating_add(other.disk_mb),
        }
    }

    /// So many of it.
    #[must_use]
    pub fn times(self, count: i64) -> Self {
        Self {
            cpus: self.cpus * count as f64,
            ram_mb: self.ram_mb.saturating_mul(count),
            disk_mb: self.disk_mb.saturating_mul(count),
        }
    }

    /// The larger of both, resource by resource.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        Self {
            cpus: self.cpus.max(other.cpus),
            ram_mb: self.ram_mb.max(other.ram_mb),
            disk_mb: self.disk_mb.max(other.disk_mb),
        }
    }

    /// As the API shows it: all three, zeros too.
    pub fn to_aggregate(self) -> ResourceAggregate {
        ResourceAggregate {
            resources: BTreeSet::from([
                Resource::NumCpus(self.cpus.into()),
                Resource::RamMb(self.ram_mb),
                Resource::DiskMb(self.disk_mb),
            ]),
        }
    }

    /// From the API.
    pub fn of_aggregate(aggregate: &ResourceAggregate) -> Self {
        let mut sum = Self::default();
        for resource in &aggregate.resources {
            match resource {
                Resource::NumCpus(cpus) => sum.cpus += cpus.0,
                Resource::RamMb(mb) => sum.ram_mb = sum.ram_mb.saturating_add(*mb),
                Resource::DiskMb(mb) => sum.disk_mb = sum.disk_mb.saturating_add(*mb),
                Resource::NamedPort(_) | Resource::NumGpus(_) | Resource::Unset => {}
            }
        }
        sum
    }
}

/// As the original prints amounts inside messages.
impl fmt::Display for Consumption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            cpus,
            ram_mb,
            disk_mb,
        } = self;
        write!(
            f,
            "{{CPUS={cpus:?}, RAM_MB={ram_mb}.0, DISK_MB={disk_mb}.0}}"
        )
    }
}

/// Counts tasks by kind of state.
pub fn job_stats<'a>(tasks: impl IntoIterator<Item = &'a Task>) -> JobStats {
    use ScheduleStatus as S;
    let mut stats = JobStats::default();
    for task in tasks {
        match task.status {
            S::Init | S::Pending | S::Throttled => stats.pending_task_count += 1,
            S::Killed | S::Finished => stats.finished_task_count += 1,
            S::Lost | S::Failed => stats.failed_task_count += 1,
            S::Assigned
            | S::Starting
            | S::Restarting
            | S::Running
            | S::Killing
            | S::Draining
            | S::Partitioned
            | S::Preempting => stats.active_task_count += 1,
        }
    }
    stats
}

/// A job as its tasks tell of it: the configuration is that of the latest.
fn synthesize<'a>(tasks: impl IntoIterator<Item = &'a Task>) -> Option<JobConfiguration> {
    let tasks: Vec<&Task> = tasks.into_iter().collect();
    let latest = tasks
        .iter()
        .max_by_key(|task| (!task.status.is_terminal(), task.since(), task.instance))?;
    Some(JobConfiguration {
        key: Some(latest.job.clone()),
        owner: latest.config.owner.clone(),
        task_config: Some(TaskConfig::clone(&latest.config)),
        instance_count: i32::try_from(tasks.len()).unwrap_or(i32::MAX),
        ..JobConfiguration::default()
    })
}

impl Model {
    /// The jobs of a role, or all, that have any task.
    pub fn job_keys(&self, role: Option<&str>) -> Vec<&JobKey> {
        let of_role = |key: &&JobKey| role.is_none_or(|role| key.role == role);
        self.tasks.jobs().filter(of_role).collect()
    }

    /// The cron jobs of a role, or all.
    fn crons_of(&self, role: Option<&str>) -> impl Iterator<Item = (&JobKey, &CronJob)> {
        let of_role = move |key: &JobKey| role.is_none_or(|role| key.role == role);
        self.crons.iter().filter(move |(key, _)| of_role(key))
    }

    /// `getJobs`: jobs with active tasks, and cron jobs.
    pub fn jobs(&self, role: Option<&str>) -> BTreeSet<JobConfiguration> {
        let keys = self.job_keys(role).into_iter();
        keys.filter(|key| !self.crons.contains_key(*key))
            .filter_map(|key| synthesize(self.tasks.active(key)))
            .chain(self.crons_of(role).map(|(_, cron)| cron.config.clone()))
            .collect()
    }

    /// `getJobSummary`
    pub fn job_summaries(&self, role: Option<&str>) -> BTreeSet<JobSummary> {
        let keys = self.job_keys(role).into_iter();
        let plain = keys
            .filter(|key| !self.crons.contains_key(*key))
            .filter_map(|key| {
                Some(JobSummary {
                    job: synthesize(self.tasks.of_job(key))?,
                    stats: job_stats(self.tasks.of_job(key)),
                    next_cron_run_ms: None,
                })
            });
        let crons = self.crons_of(role).map(|(key, cron)| JobSummary {
            job: cron.config.clone(),
            stats: job_stats(self.tasks.of_job(key)),
            next_cron_run_ms: cron.next,
        });
        plain.chain(crons).collect()
    }

    /// `getRoleSummary`
    pub fn role_summaries(&self) -> BTreeSet<RoleSummary> {
        let mut roles: BTreeMap<&str, (i32, i32)> = BTreeMap::new();
        for key in self.tasks.jobs() {
            roles.entry(&key.role).or_default().0 += 1;
        }
        for key in self.crons.keys() {
            roles.entry(&key.role).or_default().1 += 1;
        }
        roles
            .into_iter()
            .map(|(role, (job_count, cron_job_count))| RoleSummary {
                role: role.to_string(),
                job_count,
                cron_job_count,
            })
            .collect()
    }

    /// `getConfigSummary`
    pub fn config_summary(&self, job: &JobKey) -> ConfigSummary {
        let groups: BTreeSet<ConfigGroup> = config_groups(
            self.tasks
                .active(job)
                .map(|task| (task.instance, &task.config)),
        );
        ConfigSummary {
            key: job.clone(),
            groups,
        }
    }

    /// Why a pending task is not placed; empty if nothing is known.
    pub fn pending_reason(&self, task: &Task) -> String {
        self.groups
            .get(&task.config)
            .and_then(|group| group.nearest(self.now))
            .map(|nearest| nearest.reasons.join(","))
            .unwrap_or_default()
    }

    /// `getPendingReason`
    pub fn pending_reasons(&self, asked: &TaskQuery) -> BTreeSet<PendingReason> {
        query::select(&self.tasks, asked)
            .into_iter()
            .filter(|task| task.status == ScheduleStatus::Pending)
            .map(|task| PendingReason {
                task_id: task.id.clone(),
                reason: self.pending_reason(task),
            })
            .collect()
    }

    /// The sum over active tasks for which `counts` holds.
    pub fn consumption(&self, counts: impl Fn(&Task) -> bool) -> Consumption {
        let mut sum = Consumption::default();
        for task in self
            .tasks
            .iter()
            .filter(|task| task.status.is_active() && counts(task))
        {
            sum.add(&Demand::of(&task.config));
        }
        sum
    }
}
