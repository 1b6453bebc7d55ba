//! `task run`, `task ssh` and `task scp`, with programs in the place of `ssh` and `scp` that tell what
//! they are asked for.

use std::collections::BTreeSet;

use aurora_api::{
    AssignedTask, Call, CallResult, JobKey, Response, ResponseCode, ScheduleStatus,
    ScheduleStatusResult, ScheduledTask, TaskConfig,
};

use crate::support::{Client, Told, converse_as, ok, response};

const KEY: &str = "local/vagrant/test/hello";
const TASKS: &str = "getTasksStatus";
const SANDBOX: &str = "/work/slaves/*/frameworks/*/executors/thermos-task-1/runs/latest/sandbox";
const TELL: &str = "for arg in \"$@\"; do echo \"<$arg>\"; done";

fn running(instances: &[i32]) -> Response {
    let tasks = instances
        .iter()
        .map(|instance| ScheduledTask {
            assigned_task: AssignedTask {
                task_id: format!("task-{instance}"),
                instance_id: *instance,
                slave_host: Some(format!("host-{instance}")),
                assigned_ports: [("http".to_owned(), 31000 + instance)].into(),
                task: TaskConfig {
                    job: Some(JobKey::new("vagrant", "test", "hello")),
                    ..TaskConfig::default()
                },
                ..AssignedTask::default()
            },
            status: ScheduleStatus::Running,
            ..ScheduledTask::default()
        })
        .collect();
    ok(CallResult::ScheduleStatus(ScheduleStatusResult { tasks }))
}

fn told_by(script: &str, args: &[&str], answers: Vec<Response>) -> Told {
    let answers = answers.into_iter().map(|answer| (TASKS, answer)).collect();
    converse_as(args, answers, |url| {
        Client::new(&format!(
            r#"[{{"name": "local", "scheduler_uri": "{url}", "slave_root": "/work", "slave_run_directory": "latest"}},
                {{"name": "bare", "scheduler_uri": "{url}"}}]"#
        ))
        .with_programs(&[("ssh", script), ("scp", script)])
    })
}

fn told(args: &[&str], answers: Vec<Response>) -> Told {
    told_by(TELL, args, answers)
}

fn arguments(told: &Told) -> Vec<&str> {
    told.stdout
        .lines()
        .map(|line| line.trim_start_matches('<').trim_end_matches('>'))
        .collect()
}

#[test]
fn a_shell_is_opened_in_the_sandbox_as_the_role() {
    let told = told(&["task", "ssh", &format!("{KEY}/1")], vec![running(&[1])]);
    let command = format!("cd {SANDBOX};bash");
    assert_eq!(arguments(&told), ["-t", "vagrant@host-1", &command]);
    assert_eq!(told.code, 0, "{}", told.stderr);
    let Call::GetTasksStatus(args) = &told.calls[0] else {
        panic!("{:?}", told.calls)
    };
    let query = args.query.as_ref().unwrap();
    assert_eq!(query.instance_ids, Some(BTreeSet::from([1])));
    assert!(
        query
            .statuses
            .as_ref()
            .unwrap()
            .contains(&ScheduleStatus::Running)
    );
}

#[test]
fn a_command_user_tunnels_and_options_are_handed_to_ssh() {
    let told = told(
        &[
            "task",
            "ssh",
            &format!("{KEY}/1"),
            "-l",
            "root",
            "--ssh-options=-v -o X=y",
            "--executor-sandbox",
            "-L",
            "8080:http",
            "--tunnels=8081:http",
            "--command=tail {{thermos.task_id}} {{thermos.ports[http]}}",
        ],
        vec![running(&[1])],
    );
    let command = format!(
        "cd {};tail task-1 31001",
        SANDBOX.strip_suffix("/sandbox").unwrap()
    );
    assert_eq!(
        arguments(&told),
        [
            "-t",
            "-v",
            "-o",
            "X=y",
            "-L",
            "8080:host-1:31001",
            "-L",
            "8081:host-1:31001",
            "root@host-1",
            &command
        ]
    );
}

#[test]
fn the_exit_code_is_that_of_ssh_and_scp() {
    let key = format!("{KEY}/1");
    let told = told_by(
        "exit 42",
        &["task", "ssh", &key, "-c", "false"],
        vec![running(&[1])],
    );
    assert_eq!(
        (told.stderr.as_str(), told.code),
        (" INFO] Command terminated with error code 42\n", 42)
    );
    let told = told_by("exit 1", &["task", "scp", "a", "b"], vec![]);
    assert_eq!(told.code, 1);
    let told = told_by("kill -9 $$", &["task", "scp", "a", "b"], vec![]);
    assert_eq!(told.code, 137);
}

#[test]
fn the_process_id_of_ssh_is_kept_in_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pid");
    let told = told_by(
        "echo $$",
        &[
            "task",
            "ssh",
            &format!("{KEY}/1"),
            "-p",
            file.to_str().unwrap(),
        ],
        vec![running(&[1])],
    );
    assert_eq!(std::fs::read_to_string(file).unwrap(), told.stdout.trim());
}

#[test]
fn what_cannot_be_reached_is_told() {
    let instance = format!("{KEY}/1");
    let scp_home = format!("{instance}:~/x");
    let scp_there = format!("{instance}:x");
    let none = || vec![running(&[])];
    let one = || vec![running(&[1])];
    let cases: Vec<(Vec<&str>, Vec<Response>, i32, String)> = vec![
        (
            vec!["task", "ssh", KEY, "--command=ls"],
            vec![],
            6,
            "INSTANCE must be specified when --command option is given".to_owned(),
        ),
        (
            vec!["task", "ssh", &instance],
            none(),
            6,
            format!("Job {KEY} not found"),
        ),
        (
            vec!["task", "ssh", &instance, "-L", "x:http"],
            one(),
            6,
            "Could not parse tunnel: x:http.  Must be of form PORT:NAME".to_owned(),
        ),
        (
            vec!["task", "ssh", &instance, "-L", "1:admin"],
            one(),
            6,
            "Task task-1 has no port named admin".to_owned(),
        ),
        (
            vec!["task", "scp", "f", &scp_there],
            none(),
            6,
            format!("Job or instance {KEY}/1 not found"),
        ),
        (
            vec!["task", "scp", "f", &scp_home],
            one(),
            6,
            "Command does not support tilde expansion for path: ~/x".to_owned(),
        ),
        (
            vec!["task", "scp", "f", "a/b:x"],
            vec![],
            6,
            "Task instance specifier a/b is not in the form CLUSTER/ROLE/ENV/NAME/INSTANCE"
                .to_owned(),
        ),
        (
            vec!["task", "ssh", "bare/vagrant/test/hello/1"],
            one(),
            3,
            "cluster `bare` has no `slave_root` in clusters.json, which the sandbox is found by"
                .to_owned(),
        ),
        (
            vec!["task", "ssh", &instance],
            vec![response(ResponseCode::Error, None, Some("no"))],
            10,
            "Unable to get information about instance: no\n\tno".to_owned(),
        ),
    ];
    for (args, answers, code, expected) in cases {
        let told = told(&args, answers);
        assert_eq!(
            (told.stderr.trim_end(), told.code),
            (expected.as_str(), code),
            "{args:?}"
        );
    }
}

#[test]
fn files_go_to_from_and_between_sandboxes() {
    let told = told(
        &[
            "task",
            "scp",
            "--scp-options=-r -C",
            "local",
            &format!("{KEY}/1:logs/./a"),
            &format!("{KEY}/1:/etc/hosts"),
            &format!("{KEY}/1:../../"),
        ],
        vec![running(&[1]), running(&[1]), running(&[1])],
    );
    assert_eq!(
        arguments(&told),
        [
            "-r",
            "-C",
            "local",
            &format!("vagrant@host-1:{SANDBOX}/logs/a"),
            "vagrant@host-1:/etc/hosts",
            &format!("vagrant@host-1:{SANDBOX}/../.."),
        ]
    );
}

#[test]
fn a_command_runs_on_all_agents_and_every_line_names_its_host() {
    let script = "[ \"$1 $2\" = '-n -q' ] || exit 9; for last; do :; done; echo \"$3 $last\"; echo err >&2; exit 3";
    let told = told_by(
        script,
        &["task", "run", "-t", "2", KEY, "ls -a"],
        vec![running(&[0, 1, 2])],
    );
    let mut lines: Vec<&str> = told.stdout.lines().collect();
    lines.sort_unstable();
    let expected: Vec<String> = (0..3)
        .flat_map(|n| {
            let path = SANDBOX.replace("task-1", &format!("task-{n}"));
            [
                format!("host-{n}:  err"),
                format!("host-{n}:  vagrant@host-{n} cd {path};ls -a"),
            ]
        })
        .collect();
    assert_eq!(lines, expected);
    assert_eq!((told.stderr.as_str(), told.code), ("", 0));
}

#[test]
fn scp_wants_a_source_and_a_destination() {
    for (args, missing) in [
        (
            vec!["task", "scp"],
            "[CLUSTER/ROLE/ENV/NAME/INSTANCE:]source, [CLUSTER/ROLE/ENV/NAME/INSTANCE:]dest",
        ),
        (
            vec!["task", "scp", "a"],
            "[CLUSTER/ROLE/ENV/NAME/INSTANCE:]dest",
        ),
    ] {
        let told = told(&args, vec![]);
        assert!(
            told.stderr.ends_with(&format!(
                "error: the following arguments are required: {missing}\n"
            )),
            "{}",
            told.stderr
        );
        assert_eq!(told.code, 2);
    }
}
