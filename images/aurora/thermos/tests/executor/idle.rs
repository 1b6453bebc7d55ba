//! A task that does nothing costs nothing: there may be hundreds on one machine.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use mesos_proto::mesos::TaskState;
use serde_json::json;

use crate::agent::Agent;
use crate::task::{TASK, exit, job, run_folder, task_info};

/// How long is looked.
const LOOK: Duration = Duration::from_secs(2);

/// The folders of a process's threads. What ends while it is looked at has none.
fn threads(pid: u32) -> impl Iterator<Item = PathBuf> {
    let found = std::fs::read_dir(format!("/proc/{pid}/task"));
    found.into_iter().flatten().flatten().map(|it| it.path())
}

/// A process and its children, their children, and so on.
fn family(pid: u32) -> Vec<u32> {
    let mut all = vec![pid];
    let mut next = 0;
    while let Some(pid) = all.get(next).copied() {
        next += 1;
        for thread in threads(pid) {
            let children = std::fs::read_to_string(thread.join("children")).unwrap_or_default();
            all.extend(
                children
                    .split_whitespace()
                    .map(|pid| pid.parse::<u32>().unwrap()),
            );
        }
    }
    all
}

/// How often each thread of these processes has been put to sleep.
fn switches(pids: &[u32]) -> BTreeMap<PathBuf, u64> {
    let threads = pids.iter().flat_map(|pid| threads(*pid));
    threads
        .filter_map(|thread| {
            let status = std::fs::read_to_string(thread.join("status")).ok()?;
            let counts = status.lines().filter(|line| line.contains("ctxt_switches"));
            let counts =
                counts.filter_map(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
            Some((thread, counts.sum()))
        })
        .collect()
}

/// How often threads have been woken up since; one that has come or gone was, too.
fn woken(before: &BTreeMap<PathBuf, u64>, after: &BTreeMap<PathBuf, u64>) -> u64 {
    let gone = before.keys().filter(|thread| !after.contains_key(*thread));
    let woken = after
        .iter()
        .map(|(thread, count)| match before.get(thread) {
            Some(earlier) => count - earlier,
            None => *count,
        });
    woken.sum::<u64>() + gone.count() as u64
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
    let mut times = u64::MAX;
    for _ in 0..20 {
        tokio::time::sleep(LOOK).await;
        // What was looked at while it was being started may be another process by now.
        let after = switches(&family(executor.id()));
        times = woken(&before, &after);
        before = after;
        if times <= 2 {
            break;
        }
    }
    assert!(times <= 2, "{times} times in {LOOK:?}, again and again");
    agent.kill(TASK);
    assert!(exit(executor).await.success());
}
