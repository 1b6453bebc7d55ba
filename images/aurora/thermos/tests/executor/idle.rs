//! A task that does nothing costs nothing: there may be hundreds on one machine.

use std::time::Duration;

use mesos_proto::mesos::TaskState;
use serde_json::json;

use crate::agent::Agent;
use crate::task::{TASK, exit, job, run_folder, task_info};

/// How long is looked.
const LOOK: Duration = Duration::from_secs(2);

/// A process and its children, their children, and so on.
fn family(pid: u32) -> Vec<u32> {
    let mut all = vec![pid];
    let mut next = 0;
    while let Some(pid) = all.get(next).copied() {
        next += 1;
        for task in std::fs::read_dir(format!("/proc/{pid}/task")).unwrap() {
            let children = std::fs::read_to_string(task.unwrap().path().join("children")).unwrap();
            all.extend(
                children
                    .split_whitespace()
                    .map(|pid| pid.parse::<u32>().unwrap()),
            );
        }
    }
    all
}

/// How often the threads of these processes have been put to sleep.
fn switches(pids: &[u32]) -> u64 {
    let threads = pids
        .iter()
        .flat_map(|pid| std::fs::read_dir(format!("/proc/{pid}/task")).unwrap());
    threads
        .map(|task| {
            let status = std::fs::read_to_string(task.unwrap().path().join("status")).unwrap();
            let counts = status.lines().filter(|line| line.contains("ctxt_switches"));
            counts
                .map(|line| {
                    line.split_whitespace()
                        .nth(1)
                        .unwrap()
                        .parse::<u64>()
                        .unwrap()
                })
                .sum::<u64>()
        })
        .sum()
}

#[tokio::test]
async fn an_idle_task_wakes_nobody_up() {
    let (agent, run) = (Agent::start().await, run_folder());
    agent.launch(task_info(&job(&[("p", "sleep 1000")], json!({})), &[]));
    let executor = agent.executor(run.path(), &[]);
    agent.wait_for(TaskState::TASK_RUNNING).await;
    // Executor, runner, coordinator and command: nothing is being started any more.
    let mut all = family(executor.id());
    while all.len() < 4 {
        tokio::time::sleep(Duration::from_millis(5)).await;
        all = family(executor.id());
    }
    let mut before = switches(&all);
    let mut woken = u64::MAX;
    for _ in 0..10 {
        tokio::time::sleep(LOOK).await;
        let after = switches(&all);
        woken = after - before;
        before = after;
        if woken <= 2 {
            break;
        }
    }
    assert!(woken <= 2, "{woken} times in {LOOK:?}, again and again");
    agent.kill(TASK);
    assert!(exit(executor).await.success());
}
