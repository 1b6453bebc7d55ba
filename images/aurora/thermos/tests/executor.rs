//! The executor, run by an agent that is only a port: what it reports, and what it leaves behind.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "support/agent.rs"]
mod agent;
#[path = "executor/health.rs"]
mod health;
#[path = "executor/idle.rs"]
mod idle;
#[path = "executor/images.rs"]
mod images;
#[path = "executor/processes.rs"]
mod processes;
#[path = "support/task.rs"]
mod task;

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, Instant};

use agent::Agent;
use aurora_thermos::checkpoint::{ProcessState, Record, TaskHistory, TaskState as Ended, read_all};
use mesos_proto::mesos::TaskState;
use serde_json::json;
use task::{
    STARTED, TASK, assert_said, exit, history, job, log, paths, role, run_folder, task_info,
    task_info_of,
};

#[tokio::test]
async fn a_task_of_two_processes_runs_to_its_end() {
    let (agent, run) = (Agent::start().await, run_folder());
    let processes = [
        (
            "first",
            "echo one; echo err >&2; pwd > where; id -un > who; env | sort > environment",
        ),
        (
            "second",
            "cat where; echo {{mesos.instance}} {{thermos.task_id}} {{thermos.ports[http]}}",
        ),
    ];
    agent.launch(task_info(&job(&processes, json!({})), &[("http", 31000)]));
    let executor = agent.executor(run.path(), &["--announcer-ensemble", "localhost:2181"]);
    assert!(exit(executor).await.success());
    assert_said(
        &agent,
        &[
            STARTED[0],
            STARTED[1],
            (TaskState::TASK_FINISHED, "Task finished."),
        ],
    );

    let sandbox = run.path().join("sandbox").canonicalize().unwrap();
    assert_eq!(log(run.path(), "first/0/stdout"), "one\n");
    assert_eq!(log(run.path(), "first/0/stderr"), "err\n");
    assert_eq!(
        log(run.path(), "second/0/stdout"),
        format!("{}\n0 {TASK} 31000\n", sandbox.display())
    );
    assert_eq!(
        std::fs::read_to_string(sandbox.join("who")).unwrap().trim(),
        role()
    );
    assert_eq!(std::fs::metadata(&sandbox).unwrap().mode() & 0o777, 0o700);

    let environment = std::fs::read_to_string(sandbox.join("environment")).unwrap();
    assert!(
        environment.contains(&format!("HOME={}\n", run.path().join("sandbox").display())),
        "{environment}"
    );
    assert!(
        environment.contains(&format!("USER={}\n", role())),
        "{environment}"
    );
    assert!(
        !environment.contains("MESOS") && !environment.contains("SECRET"),
        "{environment}"
    );

    let history = history(run.path());
    let header = history.header.clone().unwrap();
    assert_eq!(
        (
            header.task_id.as_str(),
            header.user,
            header.hostname.as_str()
        ),
        (TASK, role(), "192.168.33.10")
    );
    assert_eq!(header.ports, [("http".to_string(), 31000)]);
    let states: Vec<Ended> = history.statuses.iter().map(|status| status.state).collect();
    assert_eq!(
        states,
        [
            Ended::Active,
            Ended::Cleaning,
            Ended::Finalizing,
            Ended::Success
        ]
    );
    for process in ["first", "second"] {
        let states: Vec<ProcessState> = read_all(&paths(run.path()).coordinator(process))
            .unwrap()
            .into_iter()
            .map(|record| match record {
                Record::Process(status) => status.state,
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(
            states,
            [
                ProcessState::Forked,
                ProcessState::Running,
                ProcessState::Success
            ],
            "{process}"
        );
        assert_eq!(history.runs(process).len(), 1);
    }
    let first = history.runs("first")[0].stop_time.unwrap();
    assert!(
        history.runs("second")[0].fork_time.unwrap() >= first,
        "in order"
    );
    assert!(paths(run.path()).finished().exists() && !paths(run.path()).active().exists());
    assert!(run.path().join("task.json").exists());
}

#[tokio::test]
async fn a_task_that_fails_says_so() {
    let (agent, run) = (Agent::start().await, run_folder());
    agent.launch(task_info(
        &job(
            &[("bad", "echo oops >&2; exit 7"), ("never", "echo no")],
            json!({}),
        ),
        &[],
    ));
    assert!(exit(agent.executor(run.path(), &[])).await.success());
    assert_said(
        &agent,
        &[
            STARTED[0],
            STARTED[1],
            (TaskState::TASK_FAILED, "Task failed."),
        ],
    );
    let history = history(run.path());
    assert_eq!(history.state(), Some(Ended::Failed));
    assert_eq!(
        (
            history.runs("bad")[0].state,
            history.runs("bad")[0].return_code
        ),
        (ProcessState::Failed, Some(7))
    );
    assert!(history.runs("never").is_empty());
    assert_eq!(log(run.path(), "bad/0/stderr"), "oops\n");
}

#[tokio::test]
async fn a_killed_task_leaves_no_process() {
    let (agent, run) = (Agent::start().await, run_folder());
    // A child in the process's group, and one that has left it.
    let cmdline = "echo $$ > pids; sleep 1000 & echo $! >> pids; (setsid bash -c 'echo $$ >> pids; exec sleep 1000' &); echo up > up; wait";
    agent.launch(task_info(&job(&[("p", cmdline)], json!({})), &[]));
    let executor = agent.executor(run.path(), &[]);
    agent.wait_for(TaskState::TASK_RUNNING).await;
    let file = run.path().join("sandbox/pids");
    let deadline = Instant::now() + Duration::from_secs(60);
    let pids: Vec<i32> = loop {
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        if text.lines().count() == 3 && text.ends_with('\n') {
            break text.lines().map(|line| line.parse().unwrap()).collect();
        }
        assert!(Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    agent.kill("another");
    agent.kill(TASK);
    assert!(exit(executor).await.success());
    assert_said(
        &agent,
        &[
            STARTED[0],
            STARTED[1],
            (TaskState::TASK_KILLED, "Instructed to kill task."),
        ],
    );
    assert_eq!(history(run.path()).state(), Some(Ended::Killed));
    let run_state = history(run.path()).runs("p")[0].clone();
    assert_eq!(
        (run_state.state, run_state.return_code),
        (ProcessState::Killed, Some(-15))
    );
    for pid in pids {
        let alive = std::fs::read_to_string(format!("/proc/{pid}/stat"))
            .is_ok_and(|stat| !stat.contains(") Z"));
        assert!(!alive, "process {pid} still runs");
    }
}

#[tokio::test]
async fn a_shutdown_ends_the_task_and_the_executor() {
    let (agent, run) = (Agent::start().await, run_folder());
    agent.launch(task_info(&job(&[("p", "sleep 1000")], json!({})), &[]));
    let executor = agent.executor(run.path(), &[]);
    agent.wait_for(TaskState::TASK_RUNNING).await;
    agent.shutdown();
    assert!(exit(executor).await.success());
    assert_eq!(history(run.path()).state(), Some(Ended::Killed));
}

#[tokio::test]
async fn an_agents_restart_does_not_touch_the_task() {
    let (mut agent, run) = (Agent::start().await, run_folder());
    agent.launch(task_info(
        &job(&[("p", "until [ -e go ]; do sleep 0.02; done")], json!({})),
        &[],
    ));
    let executor = agent.executor(run.path(), &[]);
    agent.wait_for(TaskState::TASK_RUNNING).await;
    agent.restart().await;
    agent
        .wait("a second subscription", |agent| agent.subscriptions() >= 2)
        .await;
    std::fs::write(run.path().join("sandbox/go"), "").unwrap();
    assert!(exit(executor).await.success());
    let states: Vec<TaskState> = agent.said().into_iter().map(|(state, _)| state).collect();
    assert_eq!(states.last(), Some(&TaskState::TASK_FINISHED));
    assert_eq!(
        history(run.path()).runs("p").len(),
        1,
        "it was not started again"
    );
    assert_eq!(agent.unacknowledged().first(), Some(&0));
}

#[tokio::test]
async fn a_runner_that_dies_takes_its_processes_with_it() {
    let (agent, run) = (Agent::start().await, run_folder());
    agent.launch(task_info(
        &job(&[("p", "echo $$ > pid; exec sleep 1000")], json!({})),
        &[],
    ));
    let executor = agent.executor(run.path(), &[]);
    let deadline = Instant::now() + Duration::from_secs(60);
    while history_if_any(run.path())
        .is_none_or(|h| h.runs("p").first().is_none_or(|run| run.pid.is_none()))
    {
        assert!(Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let before = history(run.path());
    let (runner, process) = (
        before.statuses[0].runner_pid,
        before.runs("p")[0].pid.unwrap(),
    );
    nix::sys::signal::kill(
        nix::unistd::Pid::from_raw(runner),
        nix::sys::signal::Signal::SIGKILL,
    )
    .unwrap();
    assert!(exit(executor).await.success());
    assert_said(
        &agent,
        &[
            STARTED[0],
            STARTED[1],
            (TaskState::TASK_KILLED, "Task killed by signal 9."),
        ],
    );
    assert_eq!(history(run.path()).state(), Some(Ended::Killed));
    let alive = std::fs::read_to_string(format!("/proc/{process}/stat"))
        .is_ok_and(|stat| !stat.contains(") Z"));
    assert!(!alive, "process {process} still runs");
}

fn history_if_any(run: &Path) -> Option<TaskHistory> {
    read_all(&paths(run).runner())
        .ok()
        .map(|records| TaskHistory::replay(&records))
}

#[tokio::test]
async fn what_cannot_be_run_fails_in_the_originals_words() {
    let mut garbage = task_info(&json!({}), &[]);
    garbage.set_data(b"garbage".to_vec());
    let cases = [
        (
            garbage,
            vec![(TaskState::TASK_FAILED, "Could not deserialize task.")],
        ),
        (
            task_info(&job(&[("p", "{{nothing}}")], json!({})), &[]),
            vec![(
                TaskState::TASK_FAILED,
                "Task initialization failed: Unexpected unbound refs: {{nothing}}",
            )],
        ),
        (
            task_info_of(
                "no-such-user-here",
                &job(&[("p", "true")], json!({})),
                &[],
                None,
            ),
            vec![
                (TaskState::TASK_STARTING, ""),
                (
                    TaskState::TASK_FAILED,
                    "Failed to initialize sandbox: Could not create sandbox because user does not exist: no-such-user-here",
                ),
            ],
        ),
        (
            task_info(&job(&[("a/b", "true")], json!({})), &[]),
            vec![
                (TaskState::TASK_STARTING, ""),
                (TaskState::TASK_FAILED, "Thermos received an invalid task."),
            ],
        ),
    ];
    for (task, said) in cases {
        let (agent, run) = (Agent::start().await, run_folder());
        agent.launch(task);
        assert!(exit(agent.executor(run.path(), &[])).await.success());
        assert_said(&agent, &said);
    }
}

#[tokio::test]
async fn a_second_task_is_refused() {
    let (agent, run) = (Agent::start().await, run_folder());
    agent.launch(task_info(
        &job(&[("p", "until [ -e go ]; do sleep 0.02; done")], json!({})),
        &[],
    ));
    let executor = agent.executor(run.path(), &[]);
    agent.wait_for(TaskState::TASK_RUNNING).await;
    agent.launch(task_info(&job(&[("p", "true")], json!({})), &[]));
    agent.wait_for(TaskState::TASK_LOST).await;
    assert!(agent.said().contains(&(
        TaskState::TASK_LOST,
        format!("Task already running on this executor: {TASK}")
    )));
    std::fs::write(run.path().join("sandbox/go"), "").unwrap();
    assert!(exit(executor).await.success());
}

#[test]
fn wrong_command_lines_are_refused() {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_thermos_executor"))
        .arg("--nope")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("no such option: --nope"));
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_thermos_executor"))
        .env_clear()
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("MESOS_AGENT_ENDPOINT"));
}
