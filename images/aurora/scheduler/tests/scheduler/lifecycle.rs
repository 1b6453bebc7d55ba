//! Every change of a task's state, carried out by the whole model: what is stored, what Mesos is told,
//! and what takes the task's place.

use aurora_api::{
    AssignedTask, JobKey, PartitionPolicy, ScheduleStatus, ScheduledTask, TaskConfig, TaskEvent,
};
use aurora_scheduler::model::Stored;
use aurora_scheduler::model::settings::Settings;
use mesos_proto::mesos::TaskState;

use ScheduleStatus as S;

use crate::support::desk::{Desk, START};
use crate::support::jobs;

const ID: &str = "www-data-devel-job-0-x";

fn config(change: impl FnOnce(&mut TaskConfig)) -> TaskConfig {
    let mut config = jobs::config(&JobKey::new("www-data", "devel", "job"), 0);
    change(&mut config);
    config
}

/// A scheduler that finds one task in this state, whose history is `before` and that.
fn with_task(config: TaskConfig, before: &[S], status: S) -> Desk {
    let event = |status: &S| TaskEvent {
        timestamp: START - 1000,
        status: *status,
        ..TaskEvent::default()
    };
    let has_agent = !matches!(status, S::Init | S::Pending | S::Throttled);
    let task = ScheduledTask {
        assigned_task: AssignedTask {
            task_id: ID.to_string(),
            slave_id: has_agent.then(|| "Sa".to_string()),
            slave_host: has_agent.then(|| "a".to_string()),
            task: config,
            ..AssignedTask::default()
        },
        status,
        task_events: before.iter().chain([&status]).map(event).collect(),
        ..ScheduledTask::default()
    };
    // What is throttled is so for its ancestors: they failed as soon as they ran.
    let ancestor = |id: &str, ancestor: &str| ScheduledTask {
        assigned_task: AssignedTask {
            task_id: id.to_string(),
            ..task.assigned_task.clone()
        },
        status: S::Failed,
        task_events: [S::Running, S::Failed].iter().map(event).collect(),
        ancestor_id: Some(ancestor.to_string()),
        ..ScheduledTask::default()
    };
    let mut tasks = Vec::new();
    if status == S::Throttled {
        tasks = vec![
            ancestor("parent", "grandparent"),
            ancestor("grandparent", ""),
        ];
    }
    tasks.push(ScheduledTask {
        ancestor_id: tasks.first().map(|_| "parent".to_string()),
        ..task
    });
    let stored = Stored {
        tasks,
        framework_id: Some("F".to_string()),
        ..Stored::default()
    };
    let mut desk = Desk::with(Settings::default(), stored);
    // That a new connection has the ends of tasks repeated is not what is looked at here.
    desk.requests.clear();
    desk.records.clear();
    desk
}

/// What a change led to: F the failure counted, S stored, R replaced, K killed, L lost at once,
/// D its record removed, `-` nothing.
fn effects(desk: &mut Desk, to: S) -> String {
    let failures = |desk: &Desk| {
        desk.model
            .tasks()
            .get(ID)
            .map_or(0, |task| task.failure_count)
    };
    let before = failures(desk);
    let from = desk.status(ID);
    desk.run(|model| model.force(ID, to, "me"));
    let mut shown = String::new();
    if failures(desk) > before {
        shown.push('F');
    }
    let now = desk.status(ID);
    if now == Some(to) && from != Some(to) {
        shown.push('S');
    }
    let replaced = desk.model.tasks().iter().any(|task| {
        task.ancestor.as_deref() == Some(ID) && task.status == S::Pending && task.instance == 0
    });
    if now == Some(S::Lost) && to != S::Lost && from != now {
        shown.push('L');
    }
    if replaced {
        shown.push('R');
    }
    if desk.killed().iter().any(|id| id == ID) {
        shown.push('K');
    }
    if now.is_none() {
        shown.push('D');
    }
    if shown.is_empty() {
        shown.push('-');
    }
    shown
}

/// `from > to: effects` for a service, in the order of the documentation's table. A change to LOST on
/// the way shows with what LOST brings. Pairs that are not listed change nothing.
const SERVICE: &str = "
    THROTTLED > PENDING: S
    THROTTLED > KILLING: D
    PENDING > KILLING: D
    PENDING > ASSIGNED: S
    ASSIGNED > STARTING: S
    ASSIGNED > RUNNING: S
    ASSIGNED > FINISHED: SR
    ASSIGNED > FAILED: FSR
    ASSIGNED > KILLED: SR
    ASSIGNED > LOST: SRK
    ASSIGNED > KILLING: SK
    ASSIGNED > RESTARTING: SK
    ASSIGNED > DRAINING: SK
    ASSIGNED > PREEMPTING: SK
    STARTING > RUNNING: S
    STARTING > FINISHED: SR
    STARTING > FAILED: FSR
    STARTING > KILLED: SR
    STARTING > LOST: SR
    STARTING > KILLING: SK
    STARTING > RESTARTING: SK
    STARTING > DRAINING: SK
    STARTING > PREEMPTING: SK
    STARTING > PARTITIONED: S
    RUNNING > FINISHED: SR
    RUNNING > FAILED: FSR
    RUNNING > KILLED: SR
    RUNNING > LOST: SR
    RUNNING > KILLING: SK
    RUNNING > RESTARTING: SK
    RUNNING > DRAINING: SK
    RUNNING > PREEMPTING: SK
    RUNNING > PARTITIONED: S
    RESTARTING > FINISHED: SR
    RESTARTING > FAILED: SR
    RESTARTING > KILLED: SR
    RESTARTING > LOST: SRK
    RESTARTING > KILLING: S
    RESTARTING > PARTITIONED: LRK
    DRAINING > FINISHED: SR
    DRAINING > FAILED: SR
    DRAINING > KILLED: SR
    DRAINING > LOST: SRK
    DRAINING > KILLING: S
    DRAINING > PARTITIONED: LRK
    PREEMPTING > FINISHED: SR
    PREEMPTING > FAILED: SR
    PREEMPTING > KILLED: SR
    PREEMPTING > LOST: SRK
    PREEMPTING > KILLING: S
    PREEMPTING > PARTITIONED: LRK
    KILLING > FINISHED: S
    KILLING > FAILED: S
    KILLING > KILLED: S
    KILLING > LOST: S
    KILLING > PARTITIONED: LK
    PARTITIONED > RUNNING: S
    PARTITIONED > STARTING: S
    PARTITIONED > ASSIGNED: S
    PARTITIONED > FINISHED: S
    PARTITIONED > FAILED: FSR
    PARTITIONED > LOST: SRK
    PARTITIONED > KILLING: LK
    PARTITIONED > RESTARTING: LRK
    PARTITIONED > DRAINING: LRK
    PARTITIONED > PREEMPTING: LRK
";

/// Where a report that a task is alive is refused because it should not be: it is killed.
const UNWANTED: &[S] = &[
    S::Finished,
    S::Failed,
    S::Killed,
    S::Lost,
    S::Killing,
    S::Restarting,
    S::Draining,
    S::Preempting,
];

fn staying_partitioned(config: &mut TaskConfig) {
    // Otherwise it is lost at the start already.
    config.partition_policy = Some(PartitionPolicy {
        reschedule: false,
        delay_secs: None,
    });
}

#[test]
fn every_transition_of_a_service_has_the_documented_effects() {
    let from_all = S::ALL.iter().filter(|from| **from != S::Init);
    for from in from_all {
        for to in S::ALL {
            let row = format!("{from} > {to}: ");
            let mut rows = SERVICE.lines();
            let listed = rows.find_map(|line| line.trim().strip_prefix(&row));
            let alive = matches!(to, S::Assigned | S::Starting | S::Running);
            let want = match listed {
                Some(effects) => effects,
                None if alive && UNWANTED.contains(from) => "K",
                None => "-",
            };
            let mut desk = with_task(config(staying_partitioned), &[], *from);
            assert_eq!(effects(&mut desk, *to), want, "{from} > {to}");
        }
    }
}

#[test]
fn the_ends_of_a_batch_task_depend_on_its_failure_limit() {
    let limited = |max: i32| {
        move |config: &mut TaskConfig| {
            staying_partitioned(config);
            config.is_service = false;
            config.max_task_failures = max;
        }
    };
    for from in [S::Assigned, S::Starting, S::Running] {
        for (max, to, want) in [
            (1, S::Finished, "S"),
            (1, S::Failed, "FS"),
            (2, S::Failed, "FSR"),
            (-1, S::Failed, "FSR"),
            (1, S::Killed, "SR"),
        ] {
            let mut desk = with_task(config(limited(max)), &[], from);
            assert_eq!(effects(&mut desk, to), want, "{from} > {to}, at most {max}");
        }
    }
    for (max, want) in [(1, "FS"), (2, "FSR")] {
        let mut desk = with_task(config(limited(max)), &[S::Running], S::Partitioned);
        assert_eq!(
            effects(&mut desk, S::Failed),
            want,
            "partitioned, at most {max}"
        );
    }
}

#[test]
fn a_partitioned_task_that_was_being_killed_is_lost_without_a_successor() {
    let before = [S::Running, S::Killing];
    let mut desk = with_task(config(staying_partitioned), &before, S::Partitioned);
    assert_eq!(effects(&mut desk, S::Lost), "SK");
}

#[test]
fn what_is_asked_of_a_partitioned_task_says_why_it_is_lost() {
    let mut desk = with_task(config(staying_partitioned), &[S::Running], S::Partitioned);
    desk.run(|model| model.force(ID, S::Restarting, "me"));
    let task = desk.model.tasks().get(ID).unwrap();
    let events: Vec<_> = task
        .events
        .iter()
        .map(|e| (e.status, e.message.as_deref()))
        .collect();
    let message = "Action performed on partitioned task, marking as LOST.";
    assert_eq!(events.last(), Some(&(S::Lost, Some(message))));
}

#[test]
fn a_partition_is_borne_as_the_policy_says() {
    let cases = [
        ("no policy", None, Some(0)),
        ("at once", Some((true, None)), Some(0)),
        ("after a while", Some((true, Some(30))), Some(30_000)),
        ("for ever", Some((false, Some(30))), None),
    ];
    for (name, policy, lost_after) in cases {
        let policy = policy.map(|(reschedule, delay_secs)| PartitionPolicy {
            reschedule,
            delay_secs,
        });
        let mut desk = with_task(config(|c| c.partition_policy = policy), &[], S::Running);
        desk.report(ID, TaskState::TASK_UNREACHABLE);
        assert_eq!(
            desk.model.tasks().get(ID).unwrap().times_partitioned,
            1,
            "case `{name}`"
        );
        if let Some(after) = lost_after {
            desk.pass((after - 1).max(0));
            desk.pass(1);
            let task = desk.model.tasks().get(ID).unwrap();
            assert_eq!(task.status, S::Lost, "case `{name}`");
            let message = task.events.last().unwrap().message.as_deref();
            assert_eq!(
                message,
                Some("Task partitioned for too long."),
                "case `{name}`"
            );
        } else {
            desk.pass(24 * 3_600_000);
            assert_eq!(desk.status(ID), Some(S::Partitioned), "case `{name}`");
            desk.report(ID, TaskState::TASK_RUNNING);
            assert_eq!(desk.status(ID), Some(S::Running), "case `{name}`");
        }
    }
}

#[test]
fn a_partition_that_heals_in_time_costs_nothing() {
    let policy = PartitionPolicy {
        reschedule: true,
        delay_secs: Some(30),
    };
    let mut desk = with_task(
        config(|c| c.partition_policy = Some(policy)),
        &[],
        S::Running,
    );
    for _ in 0..3 {
        desk.report(ID, TaskState::TASK_UNREACHABLE);
        desk.pass(20_000);
        desk.report(ID, TaskState::TASK_RUNNING);
        desk.pass(20_000);
    }
    let task = desk.model.tasks().get(ID).unwrap();
    assert_eq!((task.status, task.times_partitioned), (S::Running, 3));
    // Repeated partitions are told once.
    let events: Vec<S> = task.events.iter().map(|event| event.status).collect();
    assert_eq!(events, [S::Running, S::Partitioned, S::Running]);
}

#[test]
fn only_transient_states_time_out() {
    for status in S::ALL.iter().filter(|s| s.is_active() && **s != S::Init) {
        let mut desk = with_task(config(staying_partitioned), &[], *status);
        desk.pass(5 * 60_000);
        let transient = [
            S::Assigned,
            S::Preempting,
            S::Restarting,
            S::Killing,
            S::Draining,
        ];
        let lost = desk.status(ID) == Some(S::Lost);
        assert_eq!(lost, transient.contains(status), "{status}");
        assert_eq!(desk.stat("timed_out_tasks"), i64::from(lost), "{status}");
        if lost {
            let task = desk.model.tasks().get(ID).unwrap();
            let message = task.events.last().unwrap().message.as_deref();
            assert_eq!(message, Some("Task timed out"), "{status}");
        }
    }
}

#[test]
fn a_kill_is_repeated_less_and_less_often() {
    let settings = Settings {
        transient_timeout: 20 * 60_000,
        ..Settings::default()
    };
    let mut desk = Desk::new(settings);
    desk.offer("a", 4.0);
    let job = JobKey::new("www-data", "devel", "job");
    desk.create(&jobs::config(&job, 0), 1);
    desk.pass(1);
    assert_eq!(desk.launched().len(), 1);
    let began = desk.now;
    desk.run(|model| model.kill_tasks(&job, None, "me", None))
        .unwrap();
    let mut times = Vec::new();
    for _ in 0..1199 {
        times.extend(desk.killed().iter().map(|_| (desk.now - began) / 1000));
        desk.pass(1000);
    }
    assert_eq!(times, [0, 15, 45, 105, 225, 465, 945]);
    assert_eq!(desk.stat("task_kill_retries"), 6);
}

#[test]
fn a_task_that_keeps_failing_is_throttled() {
    let mut desk = Desk::new(Settings::default());
    let job = JobKey::new("www-data", "devel", "job");
    desk.create(&jobs::config(&job, 0), 1);
    let mut waits = Vec::new();
    for _ in 0..8 {
        desk.offer("a", 4.0);
        let began = desk.now;
        let mut launched = desk.launched();
        while launched.is_empty() {
            desk.pass(10);
            launched = desk.launched();
        }
        waits.push((desk.now - began) / 1000);
        desk.report(&launched[0].0, TaskState::TASK_FAILED);
    }
    // The first failure costs nothing. From then on all that failed count, the one that has just done so included.
    assert_eq!(waits, [0, 0, 60, 120, 240, 300, 300, 300]);
    let penalties: Vec<u128> = desk
        .model
        .stats()
        .timings()
        .filter(|(name, ..)| *name == "task_throttle")
        .flat_map(|(_, events, total)| [u128::from(events), total.as_millis()])
        .collect();
    assert_eq!(penalties, [7, 1_620_000]);
}
