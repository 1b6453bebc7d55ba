//! What processes may do to each other and to the task: daemons, ephemeral and final ones, those that
//! leave their parents, and where their output goes.

use std::path::Path;

use aurora_thermos::checkpoint::{ProcessState, TaskState as Ended};
use mesos_proto::mesos::TaskState;
use serde_json::{Value, json};

use crate::agent::Agent;
use crate::task::{TASK, exit, history, job, log, role, run_folder, task_info};

/// A job of these processes in no order, each with more of its own.
fn unordered(processes: &[(&str, &str, Value)]) -> Value {
    let specs: Vec<Value> = processes
        .iter()
        .map(|(name, cmdline, more)| {
            let mut spec = json!({"name": name, "cmdline": cmdline, "min_duration": 1});
            spec.as_object_mut()
                .unwrap()
                .extend(more.as_object().unwrap().clone());
            spec
        })
        .collect();
    let mut job = job(&[], json!({}));
    job["task"]["processes"] = json!(specs);
    job["task"]["constraints"] = json!([]);
    job
}

fn state(run: &Path, process: &str) -> ProcessState {
    history(run).runs(process).last().unwrap().state
}

#[tokio::test]
async fn a_daemon_does_not_keep_the_task_and_the_final_process_cleans_up() {
    let (agent, run) = (Agent::start().await, run_folder());
    let data = unordered(&[
        (
            "daemon",
            "sleep 1000",
            json!({"ephemeral": true, "daemon": true}),
        ),
        ("main", "until [ -e stop ]; do sleep 0.02; done", json!({})),
        ("final", "rm stop", json!({"final": true})),
    ]);
    agent.launch(task_info(&data, &[]));
    let executor = agent.executor(run.path(), &[]);
    agent.wait_for(TaskState::TASK_RUNNING).await;
    let stop = run.path().join("sandbox/stop");
    std::fs::write(&stop, "").unwrap();
    assert!(exit(executor).await.success());
    assert!(!stop.exists());
    assert_eq!(agent.said().last().unwrap().0, TaskState::TASK_FINISHED);
    assert_eq!(state(run.path(), "daemon"), ProcessState::Killed);
    assert_eq!(state(run.path(), "final"), ProcessState::Success);
}

#[tokio::test]
async fn what_has_left_its_process_is_asked_to_end_with_the_task() {
    let (agent, run) = (Agent::start().await, run_folder());
    // A session of its own, and a parent that is gone: as daemons do.
    let daemon = "trap 'rm -f here; exit' TERM; touch here; while :; do sleep 0.02; done";
    let leave = format!(
        "(setsid bash -c \"{daemon}\" >/dev/null 2>&1 &)\nuntil [ -e here ]; do sleep 0.02; done"
    );
    agent.launch(task_info(
        &job(&[("leave", &leave), ("stay", "sleep 1000")], json!({})),
        &[],
    ));
    let executor = agent.executor(run.path(), &[]);
    agent.wait_for(TaskState::TASK_RUNNING).await;
    let here = run.path().join("sandbox/here");
    let begun = std::time::Instant::now();
    while history_if_any(run.path()) != Some(ProcessState::Running) {
        assert!(
            begun.elapsed().as_secs() < 60,
            "the second process does not run"
        );
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    assert!(here.exists(), "it outlives the process that it left");
    agent.kill(TASK);
    assert!(exit(executor).await.success());
    assert!(!here.exists(), "it was asked, and took its file away");
    assert_eq!(history(run.path()).state(), Some(Ended::Killed));
}

fn history_if_any(run: &Path) -> Option<ProcessState> {
    let records = aurora_thermos::checkpoint::read_all(&crate::task::paths(run).runner()).ok()?;
    let history = aurora_thermos::checkpoint::TaskHistory::replay(&records);
    Some(history.runs("stay").last()?.state)
}

#[tokio::test]
async fn output_goes_where_the_process_says_else_where_the_executor_says() {
    let (agent, run) = (Agent::start().await, run_folder());
    let to = |destination: &str| json!({"logger": {"destination": destination}});
    let data = unordered(&[
        ("usual", "echo usual", json!({})),
        ("file", "echo file", to("file")),
        ("both", "echo both; echo bad >&2", to("both")),
        ("none", "echo none", to("none")),
        (
            "rotated",
            // A line comes when the one before has arrived, where that can be seen.
            "for i in 1 2 3 4; do printf 'line%05d\\n' $i; [ -e to-console ] || until grep -qs $i .logs/rotated/0/stdout; do sleep 0.02; done; done",
            json!({"logger": {"mode": "rotate", "rotate": {"log_size": 10, "backups": 2}}}),
        ),
    ]);
    let mut to_console = data.clone();
    for process in to_console["task"]["processes"].as_array_mut().unwrap() {
        let command = process["cmdline"].as_str().unwrap();
        process["cmdline"] = format!("touch to-console; {command}").into();
    }
    agent.launch(task_info(&to_console, &[]));
    let executor = agent.executor(run.path(), &["--runner-logger-destination=console"]);
    assert!(exit(executor).await.success());
    let exists = |path: &str| run.path().join("sandbox/.logs").join(path).exists();
    assert!(!exists("usual/0/stdout") && !exists("none/0/stdout"));
    assert_eq!(log(run.path(), "file/0/stdout"), "file\n");
    assert_eq!(log(run.path(), "both/0/stdout"), "both\n");
    assert_eq!(log(run.path(), "both/0/stderr"), "bad\n");
    // This process says only how, so that the executor says where.
    assert!(!exists("rotated/0/stdout"));
    let console = std::fs::read_to_string(run.path().join("stderr")).unwrap();
    assert!(console.contains("bad\n"), "{console}");

    let (agent, run) = (Agent::start().await, run_folder());
    agent.launch(task_info(&data, &[]));
    assert!(exit(agent.executor(run.path(), &[])).await.success());
    assert_eq!(log(run.path(), "rotated/0/stdout"), "line00004\n");
    assert_eq!(log(run.path(), "rotated/0/stdout.1"), "line00003\n");
    assert_eq!(log(run.path(), "rotated/0/stdout.2"), "line00002\n");
    assert!(!run.path().join("sandbox/.logs/rotated/0/stdout.3").exists());
}

#[tokio::test]
async fn a_shell_check_runs_without_the_agents_rights() {
    if role() == "root" {
        eprintln!("there is nobody else to be");
        return;
    }
    let (agent, run) = (Agent::start().await, run_folder());
    let precious = run.path().join("precious");
    std::fs::create_dir(&precious).unwrap();
    std::fs::write(precious.join("file"), "").unwrap();
    let command = format!("rm -f {}", precious.join("file").display());
    let check = json!({"health_check_config": {
        "health_checker": {"shell": {"shell_command": command}},
        "initial_interval_secs": 0, "interval_secs": 0.05, "timeout_secs": 30,
    }});
    agent.launch(task_info(&job(&[("p", "sleep 1000")], check), &[]));
    let executor = agent.executor(run.path(), &[]);
    assert!(exit(executor).await.success());
    let (state, message) = agent.said().last().unwrap().clone();
    assert_eq!(state, TaskState::TASK_FAILED);
    assert!(
        message.starts_with("Failed health check! Command 'rm -f "),
        "{message}"
    );
    assert!(message.contains("Permission denied"), "{message}");
    assert!(precious.join("file").exists());
}
