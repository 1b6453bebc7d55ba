//! What the profile `ha` outlives: the leading master and the leading scheduler, one after the other.

use std::collections::BTreeSet;

use devcluster::fixture::Cluster;
use devcluster::profile::builtin;

use crate::support::{cluster_of, document, shell, succeed, until};

const JOB: &str = "example/www-data/prod/hello";

/// The nodes of a tier that live, where `key` of the document at `path` is 1.
async fn leading(
    cluster: &Cluster,
    nodes: &[&str],
    port: u16,
    path: &str,
    key: &str,
) -> Result<Vec<String>, String> {
    let mut found = Vec::new();
    for node in nodes {
        let document = document(cluster, node, port, path).await?;
        if document[key].as_f64() == Some(1.0) {
            found.push((*node).to_owned());
        }
    }
    Ok(found)
}

/// The one that leads; an error while there is none, or more than one.
async fn leader(
    cluster: &Cluster,
    nodes: &[&str],
    port: u16,
    path: &str,
    key: &str,
) -> Result<String, String> {
    let found = leading(cluster, nodes, port, path, key).await?;
    match found.as_slice() {
        [one] => Ok(one.clone()),
        others => Err(format!("{others:?} lead")),
    }
}

async fn leading_master(cluster: &Cluster, nodes: &[&str]) -> Result<String, String> {
    leader(cluster, nodes, 5050, "/metrics/snapshot", "master/elected").await
}

async fn leading_scheduler(cluster: &Cluster, nodes: &[&str]) -> Result<String, String> {
    leader(cluster, nodes, 8081, "/vars.json", "framework_registered").await
}

/// The tasks that run, by id, as this master sees them.
async fn running(cluster: &Cluster, master: &str) -> Result<BTreeSet<String>, String> {
    let tasks = document(cluster, master, 5050, "/master/tasks").await?;
    let tasks = tasks["tasks"].as_array().cloned().unwrap_or_default();
    let running = tasks
        .iter()
        .filter(|task| task["state"] == "TASK_RUNNING")
        .filter_map(|task| Some(task["id"].as_str()?.to_owned()));
    Ok(running.collect())
}

/// The tasks that run, when there are so many and the agent is registered.
async fn settled(
    cluster: &Cluster,
    master: &str,
    count: usize,
) -> Result<BTreeSet<String>, String> {
    let slaves = document(cluster, master, 5050, "/master/slaves").await?;
    let (known, awaited) = (&slaves["slaves"], &slaves["recovered_slaves"]);
    if known.as_array().map(Vec::len) != Some(1) || awaited.as_array().map(Vec::len) != Some(0) {
        return Err(format!("agents: {slaves}"));
    }
    let running = running(cluster, master).await?;
    if running.len() == count {
        Ok(running)
    } else {
        Err(format!("{running:?} run"))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_runs_on_while_the_leaders_are_killed() {
    let ha = builtin("ha").expect("it is built in");
    let (cluster, _folder) = cluster_of(ha, 1).await;
    let mut masters = vec!["mesos-master-1", "mesos-master-2", "mesos-master-3"];
    let mut schedulers = vec!["aurora-scheduler-1", "aurora-scheduler-2"];
    succeed(
        &cluster,
        "devtools",
        &format!("aurora job create {JOB} /vagrant/hello.aurora"),
    )
    .await;
    let master = until("one master leads", || leading_master(&cluster, &masters)).await;
    let tasks = until("it runs", || settled(&cluster, &master, 1)).await;

    cluster.kill(&master).await.expect("killed");
    masters.retain(|node| *node != master);
    let master = until("another master leads", || {
        leading_master(&cluster, &masters)
    })
    .await;
    let now = until("the agent is back", || settled(&cluster, &master, 1)).await;
    assert_eq!(now, tasks, "the task of before runs on");

    let scheduler = until("one scheduler leads", || {
        leading_scheduler(&cluster, &schedulers)
    })
    .await;
    cluster.kill(&scheduler).await.expect("killed");
    schedulers.retain(|node| *node != scheduler);
    until("the other scheduler leads", || {
        leading_scheduler(&cluster, &schedulers)
    })
    .await;
    let status = until("the job is known", || async {
        let output = shell(&cluster, "devtools", &format!("aurora job status {JOB}")).await;
        match output.code {
            0 => Ok(output.stdout),
            _ => Err(output.stderr),
        }
    })
    .await;
    assert!(status.contains("status: RUNNING"), "{status}");
    let now = running(&cluster, &master).await.expect("the tasks");
    assert_eq!(now, tasks, "the task of before runs on");

    // The new leaders do all that the former ones did.
    succeed(&cluster, "devtools", &format!("aurora job killall {JOB}")).await;
    until("nothing runs", || settled(&cluster, &master, 0)).await;
    succeed(
        &cluster,
        "devtools",
        &format!("aurora job create {JOB} /vagrant/hello.aurora"),
    )
    .await;
    until("it runs again", || settled(&cluster, &master, 1)).await;

    cluster.stop().await.expect("removed");
}
