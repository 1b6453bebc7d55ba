//! SLA statistics: how long tasks take to come up, and how much of the time they are up.
//!
//! Computed once an interval over the tasks of services, for the interval that has just passed
//! (scheduler-http.md, "SLA").

use std::collections::BTreeMap;
use std::time::Instant;

use aurora_api::{JobKey, ScheduleStatus, TaskEvent};

use super::Model;
use super::resources::Demand;
use super::settings::sla_stats::Category;
use super::task::Task;
use super::timers::Timer;

/// A time that statistics are about, in milliseconds since the epoch; the end is not in it.
#[derive(Debug, Clone, Copy)]
struct Frame {
    from: i64,
    to: i64,
}

/// What an instance counts as between two events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Platform {
    Up,
    Down,
    /// Neither: nobody expects it to be up.
    Removed,
}

/// The state after an event.
fn after(before: Platform, status: ScheduleStatus) -> Platform {
    use ScheduleStatus as S;
    match status {
        S::Init => before,
        S::Lost | S::Draining | S::Preempting => Platform::Down,
        S::Running | S::Partitioned => Platform::Up,
        S::Throttled | S::Finished | S::Restarting | S::Failed | S::Killing => Platform::Removed,
        S::Pending | S::Assigned | S::Starting => match before {
            Platform::Down => Platform::Down,
            Platform::Up | Platform::Removed => Platform::Removed,
        },
        S::Killed => match before {
            Platform::Up => Platform::Down,
            Platform::Down | Platform::Removed => before,
        },
    }
}

/// How long an instance was up and removed within a frame. `events` are in order of time.
fn uptime<'a>(events: impl IntoIterator<Item = &'a TaskEvent>, frame: Frame) -> (i64, i64) {
    let (mut up, mut removed) = (0, 0);
    let (mut state, mut since) = (Platform::Removed, i64::MIN);
    let mut pass = |state, from: i64, to: i64| {
        let length = to.min(frame.to).saturating_sub(from.max(frame.from)).max(0);
        match state {
            Platform::Up => up += length,
            Platform::Removed => removed += length,
            Platform::Down => {}
        }
    };
    for event in events {
        pass(state, since, event.timestamp);
        (state, since) = (after(state, event.status), event.timestamp);
    }
    pass(state, since, i64::MAX);
    (up, removed)
}

/// The value that `percent` of all values pass: of 30, 60, 70 and 90, 75 % pass 30. 0 if there is no such value.
fn percentile(mut values: Vec<i64>, percent: f64) -> i64 {
    values.sort_unstable();
    let above = (percent / 100.0 * values.len() as f64).floor() as usize;
    let nth = values.len().checked_sub(above.saturating_add(1));
    nth.and_then(|nth| values.get(nth)).copied().unwrap_or(0)
}

/// How long active tasks took from PENDING to a status that they reached within the frame.
fn median(tasks: &[&Task], status: ScheduleStatus, frame: Frame) -> i64 {
    let mut waits = Vec::new();
    for task in tasks.iter().filter(|task| task.status.is_active()) {
        let mut pending = None;
        for event in &task.events {
            if event.status == ScheduleStatus::Pending {
                pending = Some(event.timestamp);
            } else if event.status == status
                && (frame.from..frame.to).contains(&event.timestamp)
                && let Some(pending) = pending
            {
                // Once a task: what a partition interrupts is no second start.
                waits.push(event.timestamp - pending);
                break;
            }
        }
    }
    percentile(waits, 50.0)
}

/// The share of the time that instances were up of that in which they should have been, in percent.
fn platform_uptime(tasks: &[&Task], frame: Frame) -> f64 {
    let mut instances: BTreeMap<(&JobKey, i32), Vec<&TaskEvent>> = BTreeMap::new();
    for task in tasks {
        let events = instances.entry((&task.job, task.instance)).or_default();
        events.extend(&task.events);
    }
    let (mut up, mut expected) = (0, 0);
    for events in instances.values_mut() {
        events.sort_by_key(|event| event.timestamp);
        let (instance_up, removed) = uptime(events.iter().copied(), frame);
        up += instance_up;
        expected += frame.to - frame.from - removed;
    }
    match expected {
        0 => 100.0,
        expected => up as f64 / expected as f64 * 100.0,
    }
}

/// How long p % of the RUNNING instances have been so at least, in seconds.
fn job_uptime(tasks: &[&Task], percent: f64, now: i64) -> i64 {
    let running = tasks
        .iter()
        .filter(|task| task.status == ScheduleStatus::Running);
    let uptimes = running.map(|task| now - task.since()).collect();
    percentile(uptimes, percent) / 1000
}

const UPTIMES: &[f64] = &[50.0, 75.0, 90.0, 95.0, 99.0];

/// Names of sizes with the most that each may have: cores, MB of RAM, MB of disk.
pub const SIZES: &[(&str, f64, i64, i64)] = &[
    ("small", 1.0, 1 << 10, 4 << 10),
    ("medium", 4.0, 8 << 10, 16 << 10),
    ("large", 8.0, 16 << 10, 32 << 10),
    ("xlarge", 16.0, 32 << 10, 64 << 10),
];

/// What is above all sizes.
const LARGEST: &str = "xxlarge";

fn size(fits: impl Fn(&(&str, f64, i64, i64)) -> bool) -> &'static str {
    let found = SIZES.iter().find(|size| fits(size));
    found.map_or(LARGEST, |(name, ..)| *name)
}

/// The groups that a task is in besides its job.
fn groups(task: &Task) -> [String; 4] {
    let demand = Demand::of(&task.config);
    [
        "cluster".to_string(),
        format!("cpu_{}", size(|(_, cpus, ..)| demand.cpus <= *cpus)),
        format!("ram_{}", size(|(_, _, ram, _)| demand.ram_mb <= *ram)),
        format!("disk_{}", size(|(.., disk)| demand.disk_mb <= *disk)),
    ]
}

/// Statistics by name.
pub type SlaValues = BTreeMap<String, serde_json::Number>;

fn compute(tasks: &[&Task], categories: &[Category], suffix: &str, frame: Frame) -> SlaValues {
    let mut jobs: BTreeMap<String, Vec<&Task>> = BTreeMap::new();
    let mut others: BTreeMap<String, Vec<&Task>> = BTreeMap::new();
    others.entry("cluster".to_string()).or_default();
    for task in tasks {
        jobs.entry(task.job.to_string()).or_default().push(task);
        for group in groups(task) {
            others.entry(group).or_default().push(task);
        }
    }
    let mut values = SlaValues::new();
    let mut set = |group: &str, what: &str, value: serde_json::Number| {
        values.insert(format!("sla_{group}_{what}{suffix}"), value);
    };
    let all = || jobs.iter().chain(&others);
    for category in categories {
        match category {
            Category::JobUptimes => {
                for (job, tasks) in &jobs {
                    for percent in UPTIMES {
                        let value = job_uptime(tasks, *percent, frame.to);
                        set(job, &format!("job_uptime_{percent:.2}_sec"), value.into());
                    }
                }
            }
            Category::PlatformUptime => {
                let cluster = others.iter().filter(|(group, _)| *group == "cluster");
                for (group, tasks) in jobs.iter().chain(cluster) {
                    let value = platform_uptime(tasks, frame);
                    if let Some(value) = serde_json::Number::from_f64(value) {
                        set(group, "platform_uptime_percent", value);
                    }
                }
            }
            Category::Medians => {
                use ScheduleStatus as S;
                for (group, tasks) in all() {
                    for (name, status) in [
                        ("mtta_ms", S::Assigned),
                        ("mtts_ms", S::Starting),
                        ("mttr_ms", S::Running),
                    ] {
                        set(group, name, median(tasks, status, frame).into());
                    }
                }
            }
        }
    }
    values
}

impl Model {
    /// The SLA statistics as they were last computed.
    pub fn sla_values(&self) -> &SlaValues {
        &self.sla_values
    }

    /// Computes the statistics of the time since the last look, and sets the time of the next.
    pub(super) fn refresh_sla(&mut self) {
        let began = Instant::now();
        let settings = &self.settings.sla_stats;
        let frame = Frame {
            from: self.now - settings.interval,
            to: self.now,
        };
        let of_kind = |production: bool| -> Vec<&Task> {
            let services = self.tasks.iter().filter(|task| task.config.is_service);
            services
                .filter(|task| self.settings.tier_of(&task.config).is_production() == production)
                .collect()
        };
        let mut values = compute(&of_kind(true), &settings.prod, "", frame);
        values.extend(compute(
            &of_kind(false),
            &settings.non_prod,
            "_nonprod",
            frame,
        ));
        let next = self.now + settings.interval;
        self.stats.time("sla_stats_computation", began.elapsed());
        self.sla_values = values;
        self.timers.set(next, Timer::SlaStats);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use ScheduleStatus as S;
    use aurora_api::{Resource, ScheduledTask, TaskConfig};

    use super::*;

    fn event(timestamp: i64, status: ScheduleStatus) -> TaskEvent {
        TaskEvent {
            timestamp,
            status,
            ..TaskEvent::default()
        }
    }

    fn task(instance: i32, cpus: f64, events: &[(i64, ScheduleStatus)]) -> Task {
        let config = TaskConfig {
            job: Some(JobKey::new("r", "e", "n")),
            is_service: true,
            resources: [Resource::NumCpus(cpus.into())].into(),
            ..TaskConfig::default()
        };
        let mut task = Task::from_scheduled(ScheduledTask::default(), Arc::new(config)).unwrap();
        task.instance = instance;
        task.events = events
            .iter()
            .map(|(at, status)| event(*at, *status))
            .collect();
        task.status = events.last().unwrap().1;
        task
    }

    #[test]
    fn an_instance_is_up_down_or_not_expected() {
        let frame = Frame { from: 100, to: 200 };
        type Case<'a> = (&'a str, &'a [(i64, S)], (i64, i64));
        let cases: &[Case<'_>] = &[
            ("nothing happened yet", &[], (0, 100)),
            (
                "up all the time",
                &[(0, S::Pending), (10, S::Running)],
                (100, 0),
            ),
            ("came up", &[(110, S::Pending), (130, S::Running)], (70, 30)),
            (
                "lost and back",
                &[
                    (0, S::Running),
                    (120, S::Lost),
                    (121, S::Pending),
                    (150, S::Running),
                ],
                (70, 0),
            ),
            (
                "restarted",
                &[
                    (0, S::Running),
                    (120, S::Restarting),
                    (130, S::Killed),
                    (131, S::Pending),
                    (150, S::Running),
                ],
                (70, 30),
            ),
            (
                "drained",
                &[
                    (0, S::Running),
                    (120, S::Draining),
                    (130, S::Killed),
                    (131, S::Pending),
                    (150, S::Running),
                ],
                (70, 0),
            ),
            (
                "killed by nobody",
                &[(0, S::Running), (150, S::Killed)],
                (50, 0),
            ),
            (
                "stopped by its owner",
                &[(0, S::Running), (150, S::Killing), (160, S::Killed)],
                (50, 50),
            ),
            (
                "partitioned",
                &[(0, S::Running), (150, S::Partitioned)],
                (100, 0),
            ),
            (
                "finished before",
                &[(0, S::Running), (50, S::Finished)],
                (0, 100),
            ),
            (
                "comes up later",
                &[(0, S::Running), (300, S::Failed)],
                (100, 0),
            ),
        ];
        for (name, events, want) in cases {
            let events: Vec<TaskEvent> = events.iter().map(|(at, s)| event(*at, *s)).collect();
            assert_eq!(uptime(&events, frame), *want, "case `{name}`");
        }
    }

    #[test]
    fn percentiles_are_values_that_occurred() {
        assert_eq!(percentile(Vec::new(), 50.0), 0);
        assert_eq!(percentile(vec![30, 10, 20], 50.0), 20);
        assert_eq!(percentile(vec![4, 3, 2, 1], 50.0), 2);
        assert_eq!(percentile(vec![30, 60, 70, 90], 75.0), 30);
        assert_eq!(percentile(vec![1, 2, 3, 4], 1.0), 4);
        // Nothing is passed by all.
        assert_eq!(percentile(vec![1, 2, 3, 4], 100.0), 0);
        // However many there are: 1 % of them are those that rounding would lose or gain.
        for count in 1..=1000 {
            let all: Vec<i64> = (1..=count).collect();
            let passed = (99 * count) / 100;
            assert_eq!(percentile(all, 99.0), count - passed, "of {count}");
        }
    }

    #[test]
    fn statistics_have_the_names_that_users_watch() {
        let tasks = [
            task(
                0,
                0.5,
                &[
                    (100_000, S::Pending),
                    (101_000, S::Assigned),
                    (103_000, S::Starting),
                    (110_000, S::Running),
                ],
            ),
            task(
                1,
                6.0,
                &[(0, S::Pending), (1_000, S::Assigned), (20_000, S::Running)],
            ),
            // Came up after 110 s, and came back from a partition 30 s later: that was no start.
            task(
                2,
                2.0,
                &[
                    (0, S::Pending),
                    (110_000, S::Running),
                    (120_000, S::Partitioned),
                    (140_000, S::Running),
                ],
            ),
        ];
        let tasks: Vec<&Task> = tasks.iter().collect();
        let frame = Frame {
            from: 100_000,
            to: 160_000,
        };
        let all: Vec<Category> = Category::ALL
            .iter()
            .map(|(_, category)| *category)
            .collect();
        let values = compute(&tasks, &all, "", frame);
        let shown = |name: &str| values.get(name).and_then(serde_json::Number::as_f64);
        assert_eq!(shown("sla_r/e/n_mtta_ms"), Some(1000.0));
        assert_eq!(shown("sla_cluster_mtts_ms"), Some(3000.0));
        assert_eq!(shown("sla_cpu_small_mttr_ms"), Some(10_000.0));
        assert_eq!(shown("sla_cpu_large_mttr_ms"), Some(0.0));
        assert_eq!(shown("sla_cpu_medium_mttr_ms"), Some(110_000.0));
        // One was up for all of the minute, the other was expected for 50 s of it and up for as long.
        assert_eq!(shown("sla_r/e/n_platform_uptime_percent"), Some(100.0));
        assert_eq!(shown("sla_r/e/n_job_uptime_50.00_sec"), Some(50.0));
        assert_eq!(shown("sla_r/e/n_job_uptime_99.00_sec"), Some(20.0));
        assert_eq!(shown("sla_cpu_xlarge_mttr_ms"), None);
        let quiet = compute(&[], &all, "_nonprod", frame);
        let of_nothing = quiet.get("sla_cluster_platform_uptime_percent_nonprod");
        assert_eq!(of_nothing.and_then(serde_json::Number::as_f64), Some(100.0));
    }
}
