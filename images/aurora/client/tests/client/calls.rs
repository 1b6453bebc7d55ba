//! `job …` and `quota …`: what is asked, what is said, what the program exits with.

use std::collections::BTreeSet;

use aurora_api::envelope::{decode_call, encode_reply};
use aurora_api::{
    Call, CallResult, GetJobsResult, GetQuotaResult, JobConfiguration, JobKey, Protocol, Resource,
    ResourceAggregate, Response, ResponseCode, ScheduleStatus,
};

use crate::support::{Canned, CannedScheduler, Client, converse, done, ok, response, tasks, text};

const KEY: &str = "direct/www-data/prod/hello";
const TASKS: &str = "getTasksWithoutConfigs";

fn refused(code: ResponseCode, message: &str) -> Response {
    response(code, None, Some(message))
}

#[test]
fn kill_goes_batch_by_batch_through_the_instances_that_are_there() {
    use ScheduleStatus::{Killed, Running};
    let told = converse(
        &[
            "job",
            "kill",
            &format!("{KEY}/0-2,9"),
            "--batch-size=2",
            "-m",
            "why",
        ],
        vec![
            (
                TASKS,
                tasks(&[(0, Running), (1, Running), (2, Running), (3, Running)]),
            ),
            ("killTasks", done()),
            (TASKS, tasks(&[(0, Killed), (1, Killed)])),
            ("killTasks", done()),
            (TASKS, tasks(&[(2, Killed)])),
        ],
    );
    assert_eq!(
        told.stdout,
        "Successfully killed instances [0, 1]\nSuccessfully killed instances [2]\nJob kill succeeded\n"
    );
    assert_eq!(
        told.stderr,
        format!(
            " INFO] Killing tasks for job: {KEY}\n INFO] Instances to be killed: [0, 1]\n \
             INFO] Killing tasks for job: {KEY}\n INFO] Instances to be killed: [2]\n"
        )
    );
    let kills: Vec<_> = told
        .calls
        .iter()
        .filter_map(|call| match call {
            Call::KillTasks(args) => Some((args.instances.clone(), args.message.clone())),
            _ => None,
        })
        .collect();
    let why = Some("why".to_owned());
    assert_eq!(
        kills,
        [
            (Some(BTreeSet::from([0, 1])), why.clone()),
            (Some(BTreeSet::from([2])), why)
        ]
    );
}

#[test]
fn killall_at_once_names_no_instances() {
    let told = converse(
        &["job", "killall", "--no-batching", KEY],
        vec![
            ("killTasks", done()),
            (TASKS, tasks(&[(0, ScheduleStatus::Killed)])),
        ],
    );
    assert_eq!(told.stdout, "Job killall succeeded\n");
    assert_eq!(
        told.stderr,
        format!(" INFO] Killing tasks for job: {KEY}\n")
    );
    assert!(matches!(&told.calls[0], Call::KillTasks(args) if args.instances.is_none()));
}

#[test]
fn killing_what_is_not_there_is_a_success() {
    let told = converse(&["job", "killall", KEY], vec![(TASKS, tasks(&[]))]);
    assert_eq!(told.stdout, "Job killall succeeded\n");
    assert_eq!(
        told.stderr,
        format!("No tasks to kill found for job {KEY}\n")
    );
    assert_eq!(told.code, 0);
}

#[test]
fn kill_wants_instances_and_strict_wants_them_active() {
    let told = converse(&["job", "kill", KEY], vec![]);
    assert_eq!(
        told.stderr,
        "The instances list cannot be omitted in a kill command!; use killall to kill all instances\n"
    );
    assert_eq!(told.code, 6);
    let told = converse(
        &["job", "kill", "--strict", &format!("{KEY}/0,5")],
        vec![(TASKS, tasks(&[(0, ScheduleStatus::Running)]))],
    );
    assert_eq!(
        (told.stderr.as_str(), told.code),
        ("Invalid instance parameter: [5]\n", 6)
    );
}

#[test]
fn a_locked_job_says_what_to_do() {
    let told = converse(
        &["job", "killall", KEY],
        vec![
            (TASKS, tasks(&[(0, ScheduleStatus::Running)])),
            (
                "killTasks",
                refused(ResponseCode::JobUpdatingError, "Job is currently updating"),
            ),
        ],
    );
    assert!(
        told.stderr.ends_with(
            "Kill of instances [0] failed with error:\n\tJob is currently updating\n\tError: job is \
             locked by an active update.\n      Run 'aurora update abort' or wait for the active \
             update to finish.\n"
        ),
        "{}",
        told.stderr
    );
    assert_eq!(told.code, 10);
}

#[test]
fn restart_watches_each_batch_until_it_has_been_up() {
    use ScheduleStatus::Running;
    let running = || (TASKS, tasks(&[(0, Running)]));
    let told = converse(
        &[
            "job",
            "restart",
            KEY,
            "--watch-secs=0",
            "--healthcheck-interval-seconds=0",
        ],
        vec![running(), ("restartShards", done()), running(), running()],
    );
    assert_eq!(told.stdout, format!("Job {KEY} restarted successfully\n"));
    assert_eq!(
        told.stderr,
        format!(
            " INFO] Performing rolling restart of job {KEY} (instances: [0])\n \
             INFO] Restarting instances: [0]\n INFO] Watching instances: [0]\n \
             INFO] Instance 0 has been up and healthy for at least 0 seconds\n \
             INFO] All instances were restarted successfully\n"
        )
    );
}

#[test]
fn restarting_nothing_is_a_success() {
    let told = converse(&["job", "restart", KEY], vec![(TASKS, tasks(&[]))]);
    assert_eq!(
        told.stderr,
        format!(
            " INFO] No instances specified, and no active instances found in job {KEY}\n INFO] Nothing to do.\n"
        )
    );
    assert_eq!(told.code, 0);
    let told = converse(
        &["job", "restart", KEY, "--max-total-failures", "-1"],
        vec![],
    );
    assert_eq!(
        told.stderr,
        "max_total_failures option must be >0, but you specified -1\n INFO] Command terminated with error code 6\n"
    );
}

#[test]
fn status_of_nothing_is_an_error_for_people_and_a_document_for_programs() {
    let told = converse(&["job", "status", KEY], vec![(TASKS, tasks(&[]))]);
    assert_eq!(told.code, 6);
    assert!(
        told.stderr
            .contains(&format!("Found no jobs matching {KEY}\n")),
        "{}",
        told.stderr
    );
    let told = converse(
        &["job", "status", KEY, "--write-json"],
        vec![(TASKS, tasks(&[]))],
    );
    assert_eq!(told.code, 0);
    assert_eq!(
        told.stdout,
        format!("{{\"jobspec\":\"{KEY}\",\"error\":\"No matching jobs found\"}}\n")
    );
}

#[test]
fn patterns_pick_among_the_roles_jobs() {
    let job = |name: &str| JobConfiguration {
        key: Some(JobKey::new("www-data", "prod", name)),
        ..JobConfiguration::default()
    };
    let jobs = || {
        let configs = BTreeSet::from([job("web"), job("api"), job("worker")]);
        vec![(
            "getJobs",
            ok(CallResult::GetJobs(GetJobsResult { configs })),
        )]
    };
    let told = converse(&["job", "list", "direct/www-data/prod/w*"], jobs());
    assert_eq!(
        told.stdout,
        "direct/www-data/prod/web\ndirect/www-data/prod/worker\n"
    );
    let told = converse(&["job", "list", "direct/*/prod/api"], jobs());
    assert_eq!(told.stdout, "direct/www-data/prod/api\n");
    assert!(matches!(&told.calls[0], Call::GetJobs(args) if args.owner_role.is_none()));
    let told = converse(&["job", "list", KEY], vec![]);
    assert_eq!(told.stdout, format!("{KEY}\n"));
}

#[test]
fn an_unknown_cluster_and_a_cluster_without_an_address_are_configuration_errors() {
    let told = converse(&["job", "list", "nosuch/role"], vec![]);
    assert_eq!(
        (told.stderr.as_str(), told.code),
        ("Unknown cluster: nosuch\n", 3)
    );
    let output = Client::new(r#"[{"name": "direct"}]"#).run(&["job", "status", KEY]);
    assert!(
        text(&output.stderr).ends_with("\"cluster\" does not specify zk or scheduler_uri\n"),
        "{}",
        text(&output.stderr)
    );
    assert_eq!(output.status.code(), Some(3));
}

#[test]
fn a_follower_sends_the_call_on_to_the_leader() {
    let body = encode_reply(
        Protocol::Binary,
        TASKS,
        0,
        &tasks(&[(0, ScheduleStatus::Running)]),
    );
    let leader = CannedScheduler::start(vec![Canned::ok(body.unwrap())]);
    let follower = CannedScheduler::start(vec![Canned {
        status: "307 Temporary Redirect",
        headers: format!("Location: {}/api\r\n", leader.url),
        body: Vec::new(),
    }]);
    let output = Client::direct(&follower.url).run(&["job", "status", KEY]);
    assert!(
        text(&output.stdout).contains("status: RUNNING"),
        "{}",
        text(&output.stderr)
    );
    let request = leader.requests().remove(0);
    assert_eq!(
        request.header("Content-Type"),
        Some("application/vnd.apache.thrift.binary")
    );
    assert!(decode_call(Protocol::Binary, &request.body).is_ok());
}

#[test]
fn wanted_credentials_come_from_netrc_and_their_lack_has_its_own_code() {
    let denied = || {
        CannedScheduler::start(vec![Canned {
            status: "401 Unauthorized",
            headers: "WWW-Authenticate: BASIC realm=\"Apache Aurora Scheduler\"\r\n".to_owned(),
            body: Vec::new(),
        }])
    };
    let scheduler = denied();
    let output = Client::direct(&scheduler.url).run(&["job", "status", KEY]);
    assert_eq!(output.status.code(), Some(30));
    assert_eq!(scheduler.requests()[0].header("Authorization"), None);

    let scheduler = denied();
    let client = Client::direct(&scheduler.url);
    std::fs::write(
        client.home().join(".netrc"),
        "machine 127.0.0.1 login aurora password secret\n",
    )
    .unwrap();
    client.run(&["job", "status", KEY]);
    assert_eq!(
        scheduler.requests()[0].header("Authorization"),
        Some("Basic YXVyb3JhOnNlY3JldA==")
    );
}

#[test]
fn a_call_that_may_have_been_served_is_not_made_twice() {
    let scheduler = CannedScheduler::start(vec![Canned {
        status: "500 Internal Server Error",
        headers: String::new(),
        body: Vec::new(),
    }]);
    let output = Client::direct(&scheduler.url).run(&["job", "killall", "--no-batching", KEY]);
    assert_eq!(output.status.code(), Some(7));
    let stderr = text(&output.stderr);
    assert!(
        stderr.contains("Transport error communicating with scheduler during non-idempotent operation: 500 Server Error")
            && stderr.ends_with(", not retrying\n"),
        "{stderr}"
    );
    assert_eq!(scheduler.requests().len(), 1);
}

#[test]
fn thrifts_own_exception_is_shown() {
    let exception = thrift_exception("killTasks", "Invalid method name: 'killTasks'");
    let scheduler = CannedScheduler::start(vec![Canned::ok(exception)]);
    let output = Client::direct(&scheduler.url).run(&["job", "killall", "--no-batching", KEY]);
    assert!(text(&output.stderr).ends_with(
        "Error during thrift call killTasks to direct: Invalid method name: 'killTasks'\n"
    ));
    assert_eq!(output.status.code(), Some(20));
}

fn thrift_exception(method: &str, message: &str) -> Vec<u8> {
    let mut bytes = vec![0x80, 1, 0, 3];
    bytes.extend(u32::try_from(method.len()).unwrap().to_be_bytes());
    bytes.extend(method.as_bytes());
    // The sequence number.
    bytes.extend([0, 0, 0, 0]);
    bytes.extend([11, 0, 1]);
    bytes.extend(u32::try_from(message.len()).unwrap().to_be_bytes());
    bytes.extend(message.as_bytes());
    bytes.extend([8, 0, 2, 0, 0, 0, 1, 0]);
    bytes
}

#[test]
fn quota_shows_what_is_given() {
    let sum = |cpus: f64, ram, disk| ResourceAggregate {
        resources: BTreeSet::from([
            Resource::NumCpus(cpus.into()),
            Resource::RamMb(ram),
            Resource::DiskMb(disk),
        ]),
    };
    let quota = GetQuotaResult {
        quota: sum(1.0, 1024, 2048),
        prod_shared_consumption: Some(sum(0.5, 1, 2)),
        ..GetQuotaResult::default()
    };
    let told = converse(
        &["quota", "get", "direct/www-data"],
        vec![("getQuota", ok(CallResult::GetQuota(quota)))],
    );
    assert_eq!(
        told.stdout,
        "Allocated:\n  CPU: 1.0 core(s)\n  RAM: 1024 MB\n  Disk: 2048 MB\n\
         Production shared pool resources consumed:\n  CPU: 0.5 core(s)\n  RAM: 1 MB\n  Disk: 2 MB\n"
    );
}
