//! The flat commands of 2014, and what needs no scheduler at all.

use aurora_api::{Call, CallResult, GetTierConfigResult, ResponseCode};

use crate::support::{Client, converse, done, ok, response, text};

const KEY: &str = "direct/www-data/devel/hello_world";

fn no_tiers() -> (&'static str, aurora_api::Response) {
    (
        "getTierConfigs",
        ok(CallResult::GetTierConfig(GetTierConfigResult::default())),
    )
}

#[test]
fn create_tells_in_log_lines_what_the_scheduler_answered() {
    let created = response(
        ResponseCode::Ok,
        None,
        Some("1 new tasks pending for job x"),
    );
    let told = converse(
        &["create", KEY, "hello_world.aurora"],
        vec![no_tiers(), ("createJob", created)],
    );
    assert_eq!(told.stdout, "");
    assert_eq!(
        told.stderr,
        format!(
            " INFO] Creating job hello_world\n \
             INFO] Response from scheduler: OK (message: 1 new tasks pending for job x)\n \
             INFO] Job url: {}/scheduler/www-data/devel/hello_world\n",
            told.url
        )
    );
    assert_eq!(told.code, 0);
}

#[test]
fn a_refusal_exits_with_one() {
    let refused = response(
        ResponseCode::InvalidRequest,
        None,
        Some("Job x already exists"),
    );
    let told = converse(
        &["create", KEY, "hello_world.aurora"],
        vec![no_tiers(), ("createJob", refused)],
    );
    assert!(
        told.stderr.ends_with(
            "Response from scheduler: INVALID_REQUEST (message: Job x already exists)\n"
        )
    );
    assert_eq!(told.code, 1);
    let told = converse(&["create", KEY, "nofile.aurora"], vec![]);
    assert_eq!(told.code, 1);
}

#[test]
fn kill_ends_the_whole_job_or_the_shards_it_is_given() {
    let told = converse(&["kill", KEY], vec![("killTasks", done())]);
    assert_eq!(told.code, 0, "{}", told.stderr);
    assert!(matches!(&told.calls[0], Call::KillTasks(args) if args.instances.is_none()));
    assert!(
        told.stderr
            .starts_with(&format!(" INFO] Killing tasks for job: {KEY}\n"))
    );
    let told = converse(&["kill", "--shards=0-1", KEY], vec![("killTasks", done())]);
    assert!(matches!(
        &told.calls[0],
        Call::KillTasks(args) if args.instances.as_ref().is_some_and(|shards| shards.len() == 2)
    ));
}

#[test]
fn version_and_help_ask_nobody() {
    let client = Client::new("this is no JSON");
    let run = |args: &[&str]| {
        let output = client.run(args);
        (text(&output.stdout), output.status.code())
    };
    assert_eq!(
        run(&["--version"]),
        ("0.23.0-SNAPSHOT\n".to_owned(), Some(0))
    );
    let (version, code) = run(&["version"]);
    assert!(
        version.starts_with("Aurora client build info:\n"),
        "{version}"
    );
    assert_eq!(code, Some(0));
    let (nothing, code) = run(&[]);
    assert!(
        nothing.starts_with("usage: aurora [-h] [--version] {cron,job,"),
        "{nothing}"
    );
    assert_eq!(code, Some(0));
    assert_eq!(run(&["help"]).0, nothing);
    assert_eq!(
        run(&["help", "job", "kill"]).0,
        run(&["job", "kill", "-h"]).0
    );
    assert_eq!(run(&["help", "nonsense"]).1, Some(1));
}

#[test]
fn help_is_laid_out_as_argparse_does() {
    let output = Client::new("[]").run(&["update", "info", "--help"]);
    assert_eq!(
        text(&output.stdout),
        "usage: aurora update info [-h] [--write-json] [--verbose]
                          [--skip-hooks hook,hook,...]
                          CLUSTER/ROLE/ENV/NAME [ID]

positional arguments:
  CLUSTER/ROLE/ENV/NAME
                        Fully specified job key, in CLUSTER/ROLE/ENV/NAME
                        format
  ID                    Update identifier provided by the scheduler when an
                        update was started.

options:
  -h, --help            show this help message and exit
  --write-json          Generate command output in JSON format
  --verbose, -v         Show verbose output
  --skip-hooks hook,hook,...
                        A comma-separated list of command hook names that
                        should be skipped. If the hooks cannot be skipped,
                        then the command will be aborted
"
    );
}

#[test]
fn bad_usage_exits_with_two_and_says_what_is_wrong() {
    let client = Client::new("[]");
    for (args, expected) in [
        (
            &["job", "kill"][..],
            "aurora job kill: error: the following arguments are required: CLUSTER/ROLE/ENV/NAME[/INSTANCES]",
        ),
        (
            &["job", "create", "a/b/c/d"],
            "aurora job create: error: the following arguments are required: pathname",
        ),
        (
            &["job", "kill", "a/b/c"],
            "aurora job kill: error: argument CLUSTER/ROLE/ENV/NAME[/INSTANCES]: Instance specifier must be a CLUSTER/ROLE/ENV/JOB/INSTANCES tuple",
        ),
        (
            &["job", "kill", "a/b/c/d/x"],
            "aurora job kill: error: argument CLUSTER/ROLE/ENV/NAME[/INSTANCES]: invalid instance_specifier value: 'a/b/c/d/x'",
        ),
        (
            &["job", "kill", "--batch-size", "x"],
            "aurora job kill: error: argument --batch-size: invalid int value: 'x'",
        ),
        (
            &["job", "kill", "--message"],
            "aurora job kill: error: argument --message/-m: expected one argument",
        ),
        (
            &["job", "kill", "--ma=1", "--m"],
            "aurora job kill: error: ambiguous option: --m could match --max-total-failures, --message",
        ),
        (
            &["job", "create", "--bind", "x", "a/b/c/d", "f"],
            "aurora job create: error: argument --bind: Binding parameter must be formatted name=value",
        ),
        (
            &["job", "create", "--wait-until=X", "a/b/c/d", "f"],
            "aurora job create: error: argument --wait-until: invalid choice: 'X' (choose from 'PENDING', 'RUNNING', 'FINISHED')",
        ),
        (
            &["job", "list", "a", "b", "--nonsense"],
            "aurora: error: unrecognized arguments: b --nonsense",
        ),
        (
            &["quota", "get", "a"],
            "aurora quota get: error: argument CLUSTER/NAME: Role argument must be a CLUSTER/NAME pair",
        ),
        (
            &["task", "run", "a/b/c/d"],
            "aurora task run: error: the following arguments are required: unix_command_line",
        ),
        (
            &["kill"],
            "aurora kill: error: the following arguments are required: CLUSTER/ROLE/ENV/NAME",
        ),
    ] {
        let output = client.run(args);
        let stderr = text(&output.stderr);
        assert_eq!(stderr.lines().last(), Some(expected), "{args:?}");
        assert!(stderr.starts_with("usage: aurora"), "{args:?}");
        assert_eq!(output.status.code(), Some(2), "{args:?}");
    }
}

#[test]
fn verbs_of_today_are_reached_by_their_names_of_2014() {
    let quota = ok(CallResult::GetQuota(aurora_api::GetQuotaResult::default()));
    let told = converse(
        &["get_quota", "--cluster=direct", "www-data"],
        vec![("getQuota", quota)],
    );
    assert_eq!((told.stdout.as_str(), told.code), ("Allocated:\n", 0));
    let refused = response(ResponseCode::Error, None, Some("no"));
    let told = converse(&["start_cron", KEY], vec![("startCronJob", refused)]);
    assert_eq!(
        (told.stderr.as_str(), told.code),
        (
            format!(" INFO] Starting cron job: {KEY}\nError starting cron job {KEY}:\n\tno\n")
                .as_str(),
            1
        )
    );
}

#[test]
fn a_shell_is_told_what_a_word_may_become() {
    let mut client = Client::direct("http://127.0.0.1:1");
    client.env.push(("AURORA_COMPLETE", "1".to_owned()));
    for (program, args, expected) in [
        (
            env!("CARGO_BIN_EXE_aurora"),
            &["job", "kill"][..],
            "kill\nkillall\n",
        ),
        (
            env!("CARGO_BIN_EXE_aurora"),
            &["job", "list", "di"],
            "direct/\n",
        ),
        (
            env!("CARGO_BIN_EXE_aurora_admin"),
            &["host_d"],
            "host_deactivate\nhost_drain\n",
        ),
        (
            env!("CARGO_BIN_EXE_aurora_admin"),
            &["get_scheduler", ""],
            "direct\n",
        ),
        (
            env!("CARGO_BIN_EXE_aurora_admin"),
            &["reconcile_tasks", "--type", "i"],
            "implicit\n",
        ),
        (
            env!("CARGO_BIN_EXE_aurora_admin"),
            &["sla_host_drain", "--fo"],
            "--force_drain_timeout\n",
        ),
    ] {
        client.program = program;
        let output = client.run(args);
        assert_eq!(text(&output.stdout), expected, "{args:?}");
        assert_eq!(output.status.code(), Some(0));
    }
}
