//! How long tasks have been up, and what that means for their jobs' SLA when hosts go down
//! (`apache/aurora/client/api/sla.py`). Pure: it is fed tasks and the time.

use std::collections::{BTreeMap, BTreeSet};

use aurora_api::{JobKey, ScheduleStatus, ScheduledTask, TaskQuery};

/// States that count for the SLA.
pub fn live_states() -> BTreeSet<ScheduleStatus> {
    let mut states: BTreeSet<_> = ScheduleStatus::LIVE.iter().copied().collect();
    states.insert(ScheduleStatus::Starting);
    states
}

/// All tasks that count for the SLA, to be narrowed down.
pub fn query() -> TaskQuery {
    TaskQuery {
        statuses: Some(live_states()),
        ..TaskQuery::default()
    }
}

/// How long each instance of a job has been running, in seconds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobUptime(BTreeMap<i32, i64>);

impl JobUptime {
    /// Of tasks, at a moment in milliseconds since the epoch. Those that never ran do not count.
    pub fn new<'t>(tasks: impl IntoIterator<Item = &'t ScheduledTask>, now: i64) -> Self {
        let up = tasks.into_iter().filter_map(|task| {
            let event = task
                .task_events
                .iter()
                .find(|event| event.status == ScheduleStatus::Running)?;
            let seconds = now.div_euclid(1000) - event.timestamp.div_euclid(1000);
            Some((task.assigned_task.instance_id, seconds))
        });
        Self(up.collect())
    }

    /// The percentage of instances that have been up for so many seconds: of `total` instances, or of
    /// those that are up at all.
    pub fn up_percentage(&self, seconds: i64, total: Option<usize>) -> f64 {
        let total = total.filter(|total| *total > 0).unwrap_or(self.0.len());
        let up = self.0.values().filter(|uptime| **uptime >= seconds).count();
        if total == 0 {
            return 0.0;
        }
        100.0 * as_float(up) / as_float(total)
    }

    /// The uptime that a percentage of the instances has reached; `None` when none is up.
    pub fn at_percentile(&self, percentile: f64) -> Option<i64> {
        let sorted = self.sorted();
        let value = as_index((percentile / 100.0 * as_float(sorted.len())).floor());
        let index = sorted.len().checked_sub(value)?.checked_sub(1)?;
        sorted.get(index).copied()
    }

    /// How many seconds it takes until the percentage is reached; `None` if waiting does not help.
    pub fn wait_for(&self, percentage: f64, seconds: i64, total: usize) -> Option<i64> {
        if self.up_percentage(seconds, Some(total)) >= percentage {
            return Some(0);
        }
        let sorted = self.sorted();
        let total = if total > 0 { total } else { sorted.len() };
        let target = as_index((as_float(total) * percentage / 100.0).ceil());
        let index = sorted.len().checked_sub(target)?;
        Some(seconds - sorted.get(index)?)
    }

    fn sorted(&self) -> Vec<i64> {
        let mut uptimes: Vec<i64> = self.0.values().copied().collect();
        uptimes.sort_unstable();
        uptimes
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of tasks are small")]
fn as_float(count: usize) -> f64 {
    count as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a count of tasks scaled by a percentage"
)]
fn as_index(count: f64) -> usize {
    count.max(0.0) as usize
}

/// What a job is asked to keep up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limit {
    pub percentage: f64,
    pub seconds: i64,
}

/// What becomes of a job when hosts go down.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    pub job: JobKey,
    /// Of instances still up.
    pub percentage: f64,
    pub seconds: i64,
    pub safe: bool,
    /// Seconds until it would be safe; `None` if waiting does not help.
    pub safe_in: Option<i64>,
}

/// How hosts are taken down: one by one, or all at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grouping {
    ByHost,
    None,
}

impl Grouping {
    /// All of them by name.
    pub const NAMES: [(&'static str, Self); 2] = [("by_host", Self::ByHost), ("none", Self::None)];

    /// The grouping of that name.
    pub fn parse(name: &str) -> Option<Self> {
        let (_, found) = Self::NAMES.iter().find(|(known, _)| *known == name)?;
        Some(*found)
    }

    /// Hosts put together, in their order.
    pub fn groups(self, hosts: &BTreeSet<String>) -> Vec<BTreeSet<String>> {
        match self {
            Self::ByHost => hosts
                .iter()
                .map(|host| BTreeSet::from([host.clone()]))
                .collect(),
            Self::None if hosts.is_empty() => Vec::new(),
            Self::None => vec![hosts.clone()],
        }
    }
}

/// Per host of a group, what becomes of the jobs on it.
pub type Predictions = BTreeMap<String, Vec<Prediction>>;

/// All production jobs that are big enough, and where their tasks are.
#[derive(Debug)]
pub struct Domain {
    jobs: BTreeMap<JobKey, Vec<ScheduledTask>>,
    hosts: BTreeSet<String>,
    now: i64,
}

impl Domain {
    /// Of the tasks of production jobs with at least so many instances. Only these hosts count, if any
    /// are given.
    pub fn new(
        tasks: Vec<ScheduledTask>,
        least_instances: usize,
        only: Option<&BTreeSet<String>>,
        now: i64,
    ) -> Self {
        let mut jobs: BTreeMap<JobKey, Vec<ScheduledTask>> = BTreeMap::new();
        for task in tasks {
            let config = &task.assigned_task.task;
            if let (Some(true), Some(job)) = (config.production, config.job.clone()) {
                jobs.entry(job).or_default().push(task);
            }
        }
        jobs.retain(|_, tasks| tasks.len() >= least_instances);
        let hosts = jobs
            .values()
            .flatten()
            .filter_map(|task| task.assigned_task.slave_host.clone())
            .filter(|host| only.is_none_or(|only| only.contains(host)))
            .collect();
        Self { jobs, hosts, now }
    }

    /// The groups of hosts that may all go down at once, with what that does to their jobs.
    pub fn safe_hosts(
        &self,
        limit: Limit,
        overrides: &BTreeMap<JobKey, Limit>,
        grouping: Grouping,
    ) -> Vec<Predictions> {
        let limit_of = |job: &JobKey| overrides.get(job).copied().unwrap_or(limit);
        let groups = self.predict(limit_of, grouping);
        groups
            .into_iter()
            .filter(|group| group.values().flatten().all(|prediction| prediction.safe))
            .collect()
    }

    /// What becomes of the jobs on each group of hosts.
    pub fn probe(&self, limit: Limit, grouping: Grouping) -> Vec<Predictions> {
        self.predict(|_| limit, grouping)
    }

    fn predict(&self, limit_of: impl Fn(&JobKey) -> Limit, grouping: Grouping) -> Vec<Predictions> {
        let mut groups = Vec::new();
        for hosts in grouping.groups(&self.hosts) {
            let mut group = Predictions::new();
            for (job, tasks) in &self.jobs {
                let (down, left): (Vec<&ScheduledTask>, Vec<_>) = tasks.iter().partition(|task| {
                    let host = task.assigned_task.slave_host.as_ref();
                    host.is_some_and(|host| hosts.contains(host))
                });
                let limit = limit_of(job);
                let uptime = JobUptime::new(left, self.now);
                let percentage = uptime.up_percentage(limit.seconds, Some(tasks.len()));
                let safe = percentage >= limit.percentage;
                let prediction = Prediction {
                    job: job.clone(),
                    percentage,
                    seconds: limit.seconds,
                    safe,
                    safe_in: if safe {
                        Some(0)
                    } else {
                        uptime.wait_for(limit.percentage, limit.seconds, tasks.len())
                    },
                };
                let touched: BTreeSet<&String> = down
                    .iter()
                    .filter_map(|task| task.assigned_task.slave_host.as_ref())
                    .collect();
                for host in touched {
                    group
                        .entry(host.clone())
                        .or_default()
                        .push(prediction.clone());
                }
            }
            if !group.is_empty() {
                groups.push(group);
            }
        }
        groups
    }
}

#[cfg(test)]
mod tests {
    use aurora_api::{AssignedTask, TaskConfig, TaskEvent};

    use super::*;

    const NOW: i64 = 1_000_000_000;

    fn job(name: &str) -> JobKey {
        JobKey::new("r", "prod", name)
    }

    /// A task of job `name` that has been up for some seconds; never, if negative.
    fn task(name: &str, instance: i32, host: &str, seconds: i64) -> ScheduledTask {
        let task_events = if seconds < 0 {
            Vec::new()
        } else {
            vec![TaskEvent {
                timestamp: NOW - seconds * 1000,
                status: ScheduleStatus::Running,
                ..TaskEvent::default()
            }]
        };
        ScheduledTask {
            assigned_task: AssignedTask {
                instance_id: instance,
                slave_host: Some(host.to_owned()),
                task: TaskConfig {
                    job: Some(job(name)),
                    production: Some(name != "dev"),
                    ..TaskConfig::default()
                },
                ..AssignedTask::default()
            },
            task_events,
            ..ScheduledTask::default()
        }
    }

    fn uptimes(seconds: &[i64]) -> JobUptime {
        let tasks: Vec<ScheduledTask> = (0..)
            .zip(seconds)
            .map(|(instance, seconds)| task("a", instance, "h", *seconds))
            .collect();
        JobUptime::new(&tasks, NOW)
    }

    #[test]
    fn a_percentage_of_instances_has_been_up_for_a_while() {
        for (seconds, least, total, expected) in [
            (&[10, 20, 30, 40][..], 20, None, 75.0),
            (&[10, 20, 30, 40], 20, Some(8), 37.5),
            (&[10, -1], 10, None, 100.0),
            (&[], 10, None, 0.0),
            (&[], 10, Some(4), 0.0),
        ] {
            assert_eq!(uptimes(seconds).up_percentage(least, total), expected);
        }
    }

    #[test]
    fn percentiles_count_from_the_instance_that_is_up_longest() {
        let ten: Vec<i64> = (1..=10).map(|n| n * 100).collect();
        for (percentile, expected) in [(99.0, 100), (95.0, 100), (50.0, 500), (10.0, 900)] {
            assert_eq!(uptimes(&ten).at_percentile(percentile), Some(expected));
        }
        assert_eq!(uptimes(&[]).at_percentile(50.0), None);
    }

    #[test]
    fn waiting_ends_when_enough_instances_are_old_enough() {
        let uptime = uptimes(&[10, 20, 30]);
        for (percentage, seconds, total, expected) in [
            (50.0, 20, 3, Some(0)),
            (100.0, 60, 3, Some(50)),
            (50.0, 60, 3, Some(40)),
            (100.0, 60, 4, None),
        ] {
            assert_eq!(uptime.wait_for(percentage, seconds, total), expected);
        }
    }

    fn domain(tasks: Vec<ScheduledTask>) -> Domain {
        Domain::new(tasks, 2, None, NOW)
    }

    fn names(groups: &[Predictions]) -> Vec<Vec<&str>> {
        groups
            .iter()
            .map(|group| group.keys().map(String::as_str).collect())
            .collect()
    }

    #[test]
    fn a_host_is_safe_when_every_job_on_it_keeps_its_percentage() {
        let domain = domain(vec![
            task("a", 0, "h1", 600),
            task("a", 1, "h2", 600),
            task("b", 0, "h2", 600),
            task("b", 1, "h2", 600),
            task("dev", 0, "h3", 600),
            task("dev", 1, "h3", 600),
            task("small", 0, "h4", 600),
        ]);
        let limit = Limit {
            percentage: 50.0,
            seconds: 300,
        };
        let safe = domain.safe_hosts(limit, &BTreeMap::new(), Grouping::ByHost);
        assert_eq!(names(&safe), [["h1"]]);
        let modest = Limit {
            percentage: 0.0,
            ..limit
        };
        let overrides = BTreeMap::from([(job("b"), modest)]);
        let safe = domain.safe_hosts(limit, &overrides, Grouping::ByHost);
        assert_eq!(names(&safe), [["h1"], ["h2"]]);
        assert!(
            domain
                .safe_hosts(limit, &overrides, Grouping::None)
                .is_empty()
        );
    }

    #[test]
    fn a_probe_tells_when_a_host_will_be_safe() {
        let domain = domain(vec![task("a", 0, "h1", 600), task("a", 1, "h2", 100)]);
        let limit = Limit {
            percentage: 50.0,
            seconds: 300,
        };
        let found: Vec<(String, f64, bool, Option<i64>)> = domain
            .probe(limit, Grouping::ByHost)
            .into_iter()
            .flatten()
            .flat_map(|(host, predictions)| {
                predictions.into_iter().map(move |prediction| {
                    let Prediction {
                        percentage,
                        safe,
                        safe_in,
                        ..
                    } = prediction;
                    (host.clone(), percentage, safe, safe_in)
                })
            })
            .collect();
        assert_eq!(
            found,
            [
                ("h1".to_owned(), 0.0, false, Some(200)),
                ("h2".to_owned(), 50.0, true, Some(0)),
            ]
        );
    }
}
