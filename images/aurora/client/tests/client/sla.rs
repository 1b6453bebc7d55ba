//! `sla …`.

use std::time::{SystemTime, UNIX_EPOCH};

use aurora_api::{
    AssignedTask, Call, CallResult, JobKey, Response, ResponseCode, ScheduleStatus,
    ScheduleStatusResult, ScheduledTask, TaskConfig, TaskEvent,
};

use crate::support::{converse, ok, response};

const KEY: &str = "direct/www-data/prod/hello";
const TASKS: &str = "getTasksWithoutConfigs";

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_millis()).unwrap()
}

/// Tasks that have been up for so many seconds.
pub(crate) fn up_for(seconds: &[i64]) -> Response {
    let tasks = (0..)
        .zip(seconds)
        .map(|(instance, seconds)| ScheduledTask {
            assigned_task: AssignedTask {
                instance_id: instance,
                slave_host: Some(format!("host-{instance}")),
                task: TaskConfig {
                    job: Some(JobKey::new("www-data", "prod", "hello")),
                    production: Some(true),
                    ..TaskConfig::default()
                },
                ..AssignedTask::default()
            },
            status: ScheduleStatus::Running,
            task_events: vec![TaskEvent {
                timestamp: now() - seconds * 1000,
                status: ScheduleStatus::Running,
                ..TaskEvent::default()
            }],
            ..ScheduledTask::default()
        })
        .collect();
    ok(CallResult::ScheduleStatus(ScheduleStatusResult { tasks }))
}

#[test]
fn up_counts_are_shown_per_duration_shortest_first() {
    let tasks = || vec![(TASKS, up_for(&[30, 90, 4000, 100_000]))];
    let told = converse(&["sla", "get-task-up-count", KEY], tasks());
    assert_eq!(
        told.stdout,
        "1 mins\t- 75.00 %\n10 mins\t- 50.00 %\n1 hrs\t- 50.00 %\n12 hrs\t- 25.00 %\n7 days\t- 0.00 %\n"
    );
    assert_eq!(
        told.stderr,
        " INFO] Response from scheduler: OK (message: )\n"
    );
    let Call::GetTasksWithoutConfigs(args) = &told.calls[0] else {
        panic!("{:?}", told.calls)
    };
    let query = args.query.as_ref().unwrap();
    assert_eq!(query.role.as_deref(), Some("www-data"));
    assert!(
        query
            .statuses
            .as_ref()
            .unwrap()
            .contains(&ScheduleStatus::Starting)
    );

    let told = converse(
        &["sla", "get-task-up-count", KEY, "--durations=1h,10s"],
        tasks(),
    );
    assert_eq!(told.stdout, "10 secs\t- 100.00 %\n1 hrs\t- 50.00 %\n");
}

#[test]
fn uptimes_are_shown_per_percentile_highest_first() {
    let told = converse(
        &["sla", "get-job-uptime", KEY, "--percentiles=50,95.5"],
        vec![(TASKS, up_for(&[1000, 3000]))],
    );
    let lines: Vec<(&str, f64)> = told
        .stdout
        .lines()
        .map(|line| {
            let (percentile, uptime) = line.split_once("\t- ").unwrap();
            let seconds = uptime.strip_suffix(" seconds").unwrap();
            (percentile, seconds.parse().unwrap())
        })
        .collect();
    let [("95.5 percentile", high), ("50.0 percentile", low)] = lines[..] else {
        panic!("{}", told.stdout)
    };
    assert!((1000.0..1100.0).contains(&high), "{high}");
    assert!((1000.0..1100.0).contains(&low), "{low}");
    assert!(told.stdout.contains(".0 seconds"), "{}", told.stdout);
    let told = converse(
        &["sla", "get-job-uptime", KEY, "--percentiles=10"],
        vec![(TASKS, up_for(&[]))],
    );
    assert_eq!(told.stdout, "10.0 percentile\t- 0 seconds\n");
}

#[test]
fn bad_durations_and_percentiles_are_a_usage_error() {
    for (args, complaint) in [
        (
            ["sla", "get-task-up-count", KEY, "--durations=1x"],
            "aurora sla get-task-up-count: error: argument --durations: Invalid time span: 1x\n",
        ),
        (
            ["sla", "get-job-uptime", KEY, "--percentiles=0"],
            "aurora sla get-job-uptime: error: argument --percentiles: Invalid percentile value:0. Must be between 0.0 and 100.0 exclusive.\n",
        ),
    ] {
        let told = converse(&args, vec![]);
        assert!(told.stderr.ends_with(complaint), "{}", told.stderr);
        assert_eq!(told.code, 2);
    }
}

#[test]
fn a_scheduler_that_refuses_ends_the_command_with_one() {
    let refusal = response(ResponseCode::Error, None, Some("no"));
    let told = converse(&["sla", "get-job-uptime", KEY], vec![(TASKS, refusal)]);
    assert_eq!(
        (told.stderr.as_str(), told.code),
        (" INFO] Response from scheduler: ERROR (message: no)\n", 1)
    );
}
