//! What a restart finds: what Mesos is waited for is given its whole time again, what is old is not gone at once, and
//! what went wrong before still counts.

use aurora_api::{
    AssignedTask, Attribute, HostAttributes, JobKey, ScheduleStatus as S, ScheduledTask, TaskEvent,
};
use aurora_scheduler::model::Stored;
use aurora_scheduler::model::settings::Settings;

use crate::support::desk::{Desk, START};
use crate::support::jobs;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// A task that came into its state so long before the restart.
fn task(id: &str, status: S, age: i64) -> ScheduledTask {
    let event = |status| TaskEvent {
        timestamp: START - age,
        status,
        ..TaskEvent::default()
    };
    ScheduledTask {
        assigned_task: AssignedTask {
            task_id: id.to_string(),
            slave_id: Some("Sa".to_string()),
            slave_host: Some("a".to_string()),
            task: jobs::config(&JobKey::new("www-data", "devel", "job"), 0),
            ..AssignedTask::default()
        },
        status,
        task_events: vec![event(S::Running), event(status)],
        ..ScheduledTask::default()
    }
}

fn restarted(settings: Settings, tasks: Vec<ScheduledTask>) -> Desk {
    let attribute = |name: &str, value: &str| Attribute {
        name: name.to_string(),
        values: [value.to_string()].into(),
    };
    let host = HostAttributes {
        host: "a".to_string(),
        attributes: [attribute("rack", "r1"), attribute("dedicated", "*/db")].into(),
        ..HostAttributes::default()
    };
    let stored = Stored {
        tasks,
        hosts: vec![host],
        framework_id: Some("F".to_string()),
        ..Stored::default()
    };
    Desk::with(settings, stored)
}

#[test]
fn what_mesos_owes_an_answer_about_is_waited_for_anew() {
    for status in [
        S::Assigned,
        S::Preempting,
        S::Restarting,
        S::Killing,
        S::Draining,
    ] {
        let mut desk = restarted(Settings::default(), vec![task("t", status, DAY)]);
        desk.pass(5 * MINUTE - 1);
        assert_eq!(desk.status("t"), Some(status));
        desk.pass(1);
        assert_eq!(desk.status("t"), Some(S::Lost), "{status}");
    }
}

#[test]
fn a_kill_that_nobody_answered_is_repeated() {
    let mut desk = restarted(Settings::default(), vec![task("t", S::Killing, HOUR)]);
    let mut times = Vec::new();
    for _ in 0..120 {
        times.extend(desk.killed().iter().map(|_| (desk.now - START) / 1000));
        desk.pass(1000);
    }
    assert_eq!(times, [0, 15, 45, 105]);
    assert_eq!(desk.stat("task_kill_retries"), 3);
}

#[test]
fn old_tasks_are_kept_for_as_long_as_any() {
    let settings = |prune, least| Settings {
        history_prune_threshold: prune,
        history_min_retention: least,
        ..Settings::default()
    };
    // (threshold, least retention, age at the restart, how long after it the task goes)
    for (prune, least, age, want) in [
        (2 * DAY, HOUR, 3 * DAY, HOUR),
        (2 * DAY, HOUR, 2 * DAY - 5 * MINUTE, HOUR),
        (2 * DAY, HOUR, DAY, DAY),
        (HOUR, DAY, 0, DAY),
    ] {
        let mut desk = restarted(settings(prune, least), vec![task("t", S::Finished, age)]);
        desk.pass(want - 1);
        assert_eq!(desk.status("t"), Some(S::Finished), "{prune} {least} {age}");
        desk.pass(1);
        assert_eq!(desk.status("t"), None, "{prune} {least} {age}");
        assert_eq!(desk.stat("tasks_pruned"), 1);
    }
}

#[test]
fn a_job_keeps_no_more_than_it_may_now() {
    let settings = Settings {
        history_max_per_job: 1,
        ..Settings::default()
    };
    let tasks = vec![
        task("young", S::Failed, MINUTE),
        task("old", S::Failed, 3 * HOUR),
        task("older", S::Failed, 4 * HOUR),
    ];
    let mut desk = restarted(settings, tasks);
    let kept: Vec<bool> = ["young", "old", "older"]
        .iter()
        .map(|id| desk.status(id).is_some())
        .collect();
    assert_eq!(kept, [true, false, false]);
    desk.pass(DAY);
    assert!(desk.status("young").is_some());
}

#[test]
fn what_failed_before_still_counts() {
    let tasks = vec![
        task("f", S::Failed, HOUR),
        task("l", S::Lost, HOUR),
        task("r", S::Running, HOUR),
    ];
    let desk = restarted(Settings::default(), tasks);
    let stats: Vec<(&str, i64)> = desk
        .model
        .stats()
        .iter()
        .filter(|(name, _)| {
            ["tasks_FAILED_", "tasks_LOST_", "tasks_lost_"]
                .iter()
                .any(|prefix| name.starts_with(prefix))
        })
        .collect();
    assert_eq!(
        stats,
        [
            ("tasks_FAILED_www-data/devel/job", 1),
            ("tasks_LOST_www-data/devel/job", 1),
            ("tasks_lost_dedicated__/db", 1),
            ("tasks_lost_rack_r1", 1),
        ]
    );
    let quiet = restarted(Settings::default(), vec![task("r", S::Running, HOUR)]);
    assert!(
        quiet
            .model
            .stats()
            .iter()
            .any(|(name, count)| { name == "tasks_lost_rack_r1" && count == 0 })
    );
}
