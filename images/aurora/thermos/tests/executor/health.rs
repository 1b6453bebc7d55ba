//! Health checks, and asking a task over HTTP to end.

use aurora_thermos::checkpoint::TaskState as Ended;
use mesos_proto::mesos::TaskState;
use serde_json::json;

use crate::agent::Agent;
use crate::task::{TASK, assert_said, exit, history, job, log, run_folder, task_info};

#[tokio::test]
async fn health_decides_when_a_task_runs_and_whether_it_may() {
    let (agent, run) = (Agent::start().await, run_folder());
    let check = json!({"health_check_config": {
        "health_checker": {"shell": {"shell_command": "test -e healthy"}},
        "initial_interval_secs": 600, "interval_secs": 0.05, "timeout_secs": 30,
    }});
    agent.launch(task_info(&job(&[("p", "sleep 0.2; touch healthy; until [ -e stop ]; do sleep 0.02; done; rm healthy; sleep 1000")], check), &[]));
    let executor = agent.executor(run.path(), &[]);
    agent.wait_for(TaskState::TASK_RUNNING).await;
    assert!(run.path().join("sandbox/healthy").exists());
    std::fs::write(run.path().join("sandbox/stop"), "").unwrap();
    assert!(exit(executor).await.success());
    assert_said(
        &agent,
        &[
            (TaskState::TASK_STARTING, ""),
            (TaskState::TASK_RUNNING, "Task is healthy."),
            (
                TaskState::TASK_FAILED,
                "Failed health check! Command 'test -e healthy' returned non-zero exit status 1 with output ''",
            ),
        ],
    );
    assert_eq!(history(run.path()).state(), Some(Ended::Killed));
}

#[tokio::test]
async fn a_task_is_asked_over_http_to_end() {
    let (agent, run) = (Agent::start().await, run_folder());
    // Stands for the task's own server: it takes note, and the process ends then.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let quit = run.path().join("sandbox/quit");
    let router = axum::Router::new()
        .route("/health", axum::routing::get(async || "OK"))
        .route(
            "/quitquitquit",
            axum::routing::post(async move || std::fs::write(quit, "").unwrap()),
        );
    let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    let data = job(
        &[("p", "until [ -e quit ]; do sleep 0.02; done; echo asked")],
        json!({"health_check_config": {"interval_secs": 0.1}}),
    );
    agent.launch(task_info(&data, &[("health", port)]));
    let executor = agent.executor(run.path(), &[]);
    agent.wait_for(TaskState::TASK_RUNNING).await;
    agent.kill(TASK);
    assert!(exit(executor).await.success());
    server.abort();
    assert_eq!(log(run.path(), "p/0/stdout"), "asked\n");
    assert_eq!(
        agent.said().last().unwrap(),
        &(
            TaskState::TASK_KILLED,
            "Instructed to kill task.".to_string()
        )
    );
    assert_eq!(history(run.path()).state(), Some(Ended::Success));
}
