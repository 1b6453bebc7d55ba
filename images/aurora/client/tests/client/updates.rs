//! `update …` and `job diff`.

use std::collections::BTreeSet;

use aurora_api::{
    CallResult, ConfigGroup, ExecutorConfig, GetJobUpdateDetailsResult, GetJobUpdateDiffResult,
    GetJobUpdateSummariesResult, GetTierConfigResult, JobKey, JobUpdateKey, JobUpdateState,
    JobUpdateStatus, JobUpdateSummary, PopulateJobResult, Range, Response, ResponseCode,
    TaskConfig,
};

use crate::support::{converse, done, ok, response};

const KEY: &str = "direct/www-data/devel/hello_world";
const SUMMARIES: &str = "getJobUpdateSummaries";

fn updates(statuses: &[JobUpdateStatus]) -> Response {
    let job = JobKey::new("www-data", "devel", "hello_world");
    let update_summaries = statuses
        .iter()
        .map(|status| JobUpdateSummary {
            key: JobUpdateKey {
                job: job.clone(),
                id: "u-1".to_owned(),
            },
            user: "me".to_owned(),
            state: Some(JobUpdateState {
                status: *status,
                ..JobUpdateState::default()
            }),
            metadata: None,
        })
        .collect();
    ok(CallResult::GetJobUpdateSummaries(
        GetJobUpdateSummariesResult { update_summaries },
    ))
}

fn no_tiers() -> Response {
    ok(CallResult::GetTierConfig(GetTierConfigResult::default()))
}

#[test]
fn an_update_is_paused_resumed_aborted_and_rolled_back_by_its_jobs_key() {
    for (verb, method, said) in [
        ("pause", "pauseJobUpdate", "Update has been paused."),
        ("resume", "resumeJobUpdate", "Update has been resumed."),
        ("abort", "abortJobUpdate", "Update has been aborted."),
        (
            "rollback",
            "rollbackJobUpdate",
            "Update rollback has started.",
        ),
    ] {
        let active = || (SUMMARIES, updates(&[JobUpdateStatus::RollingForward]));
        let told = converse(&["update", verb, KEY], vec![active(), (method, done())]);
        assert_eq!(
            (told.stdout.as_str(), told.code),
            (format!("{said}\n").as_str(), 0)
        );
        assert_eq!(told.calls[1].name(), method);

        let refusal = response(ResponseCode::InvalidRequest, None, Some("no"));
        let told = converse(&["update", verb, KEY], vec![active(), (method, refusal)]);
        assert_eq!(
            (told.stderr.as_str(), told.code),
            (
                format!("Failed to {verb} update due to error:\n\tno\n").as_str(),
                10
            )
        );

        let told = converse(&["update", verb, KEY], vec![(SUMMARIES, updates(&[]))]);
        assert!(
            told.stderr
                .starts_with("No active update found for this job.\n")
        );
        assert_eq!(told.code, 6);
    }
}

#[test]
fn waiting_ends_as_the_update_does() {
    for (status, code) in [
        (JobUpdateStatus::RolledForward, 0),
        (JobUpdateStatus::RolledBack, 4),
        (JobUpdateStatus::Aborted, 20),
    ] {
        let told = converse(
            &["update", "wait", KEY, "u-1"],
            vec![(SUMMARIES, updates(&[status]))],
        );
        assert_eq!(
            (told.stdout, told.code),
            (format!("Current state {status}\n"), code)
        );
    }
    let told = converse(
        &["update", "wait", KEY, "u-2"],
        vec![(SUMMARIES, updates(&[]))],
    );
    assert!(
        told.stderr.starts_with("Job update not found.\n"),
        "{}",
        told.stderr
    );
    assert_eq!(told.code, 6);
}

#[test]
fn info_without_an_active_update_or_with_an_unknown_one_is_an_error() {
    let told = converse(&["update", "info", KEY], vec![(SUMMARIES, updates(&[]))]);
    assert!(
        told.stderr
            .starts_with("There is no active update for this job.\n")
    );
    assert_eq!(told.code, 6);
    let nothing = ok(CallResult::GetJobUpdateDetails(GetJobUpdateDetailsResult {
        details: None,
        details_list: Some(Vec::new()),
    }));
    let told = converse(
        &["update", "info", KEY, "u-2"],
        vec![("getJobUpdateDetails", nothing)],
    );
    assert!(
        told.stderr.starts_with(
            "There is no update for key: JobUpdateKey(job=JobKey(role='www-data', \
             environment='devel', name='hello_world'), id='u-2')\n"
        ),
        "{}",
        told.stderr
    );
}

#[test]
fn list_filters_by_environment_itself() {
    let two = || vec![(SUMMARIES, updates(&[JobUpdateStatus::RolledForward]))];
    let told = converse(&["update", "list", "direct/www-data/prod"], two());
    assert_eq!((told.stdout.as_str(), told.code), ("", 0));
    let told = converse(
        &[
            "update",
            "list",
            "direct/www-data/devel",
            "--status=active",
            "--write-json",
        ],
        two(),
    );
    let found: serde_json::Value = serde_json::from_str(&told.stdout).unwrap();
    assert_eq!(found[0]["job"], KEY);
    assert_eq!(found[0]["status"], "ROLLED_FORWARD");
    assert_eq!(found[0]["started"], "1970-01-01T00:00:00");
}

#[test]
fn an_update_that_changes_nothing_repeats_what_the_scheduler_says() {
    let unchanged = || {
        response(
            ResponseCode::Ok,
            None,
            Some("Job is unchanged by proposed update."),
        )
    };
    let diff = ok(CallResult::GetJobUpdateDiff(GetJobUpdateDiffResult {
        unchanged: BTreeSet::from([group(0, 1)]),
        ..GetJobUpdateDiffResult::default()
    }));
    let told = converse(
        &["update", "start", KEY, "hello_world.aurora"],
        vec![
            ("getTierConfigs", no_tiers()),
            ("getJobUpdateDiff", diff),
            ("startJobUpdate", unchanged()),
        ],
    );
    assert_eq!(
        told.stdout,
        "This job update will:\nnot change instances: [0-1]\nJob is unchanged by proposed update.\n"
    );
    assert_eq!(
        told.stderr,
        " INFO] Starting update for: hello_world\n INFO] Job is unchanged by proposed update.\n"
    );
    assert_eq!(told.code, 0);
}

fn group(first: i32, last: i32) -> ConfigGroup {
    ConfigGroup {
        config: task("old"),
        instances: BTreeSet::from([Range { first, last }]),
    }
}

fn task(command: &str) -> TaskConfig {
    let data = format!("{{\"task\": {{\"cmdline\": \"{command}\\necho 2\"}}}}");
    TaskConfig {
        executor_config: Some(ExecutorConfig {
            name: Some("AuroraExecutor".to_owned()),
            data: Some(data),
        }),
        ..TaskConfig::default()
    }
}

#[test]
fn diff_shows_which_instances_change_and_how() {
    let populated = ok(CallResult::PopulateJob(PopulateJobResult {
        task_config: Some(task("new")),
    }));
    let diff = ok(CallResult::GetJobUpdateDiff(GetJobUpdateDiffResult {
        add: BTreeSet::from([group(3, 3)]),
        update: BTreeSet::from([group(0, 1)]),
        ..GetJobUpdateDiffResult::default()
    }));
    let told = converse(
        &["job", "diff", KEY, "hello_world.aurora"],
        vec![
            ("getTierConfigs", no_tiers()),
            ("populateJobConfig", populated),
            ("getJobUpdateDiff", diff),
        ],
    );
    assert_eq!(told.code, 0, "{}", told.stderr);
    assert!(
        told.stdout.starts_with(
            "This job update will:\nadd instances: [3]\nupdate instances: [0-1]\nwith diff:\n\n"
        ),
        "{}",
        told.stdout
    );
    let changed: Vec<&str> = told
        .stdout
        .lines()
        .filter(|line| line.starts_with(['<', '>']))
        .collect();
    let expected = [
        "<         \"cmdline\": \"old",
        ">         \"cmdline\": \"new",
    ];
    assert_eq!(changed, expected, "{}", told.stdout);
}
