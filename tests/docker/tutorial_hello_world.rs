//! docs/tutorials/hello_world.md, as it is printed: a job with a bug, found on the pages and mended by an update.

use crate::support::{cluster_with_examples, document, page, succeed, until};
use devcluster::fixture::Cluster;

const JOB: &str = "devcluster/www-data/devel/hello_world";

/// What a run of the process `hello_world` printed to `stream`, over all attempts that the observers know.
async fn printed(cluster: &Cluster, stream: &str, wanted: &str) -> Result<(), String> {
    let tasks = document(cluster, "mesos-agent", 1338, "/j/task_ids/all").await?;
    for task in tasks["tasks"].as_array().into_iter().flatten() {
        let id = task["task_id"].as_str().unwrap_or_default();
        let log = page(
            cluster,
            "mesos-agent",
            1338,
            &format!("/logdata/{id}/hello_world/0/{stream}?offset=0&length=10000"),
        )
        .await?;
        if log.contains(wanted) {
            page(cluster, "mesos-agent", 1338, &format!("/task/{id}")).await?;
            page(
                cluster,
                "mesos-agent",
                1338,
                &format!("/logs/{id}/hello_world/0/{stream}"),
            )
            .await?;
            return Ok(());
        }
    }
    Err(format!("no {stream} has `{wanted}`: {tasks}"))
}

async fn status_has(cluster: &Cluster, wanted: &str) -> Result<(), String> {
    let status = succeed(
        cluster,
        "aurora-scheduler",
        &format!("aurora job status {JOB}"),
    )
    .await;
    if status.contains(wanted) {
        Ok(())
    } else {
        Err(status)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_with_a_bug_is_found_mended_and_ended() {
    let (cluster, folder) = cluster_with_examples(1).await;

    let created = cluster
        .exec(
            "aurora-scheduler",
            [
                "aurora",
                "job",
                "create",
                JOB,
                "/vagrant/hello_world.aurora",
            ],
        )
        .await
        .expect("the client runs");
    assert_eq!(created.code, 0, "{}{}", created.stdout, created.stderr);
    assert!(
        created.stderr.contains(" INFO] Creating job hello_world\n"),
        "{}",
        created.stderr
    );
    let url = format!(
        "http://{}:8081/scheduler/www-data/devel/hello_world",
        cluster
            .inner_address("aurora-scheduler")
            .expect("an address")
    );
    assert_eq!(
        created.stdout,
        format!("Job create succeeded: job url={url}\n")
    );
    page(
        &cluster,
        "aurora-scheduler",
        8081,
        "/scheduler/www-data/devel/hello_world",
    )
    .await
    .expect("the job's page");

    until("the task fails", || status_has(&cluster, "FAILED")).await;
    until("the observer shows why", || {
        printed(&cluster, "stderr", "name 'xrang' is not defined")
    })
    .await;

    let script = folder.path().join("hello_world.py");
    let mended = std::fs::read_to_string(&script)
        .expect("the script")
        .replace("xrang(", "range(");
    std::fs::write(&script, mended).expect("mended");
    let started = succeed(
        &cluster,
        "aurora-scheduler",
        &format!("aurora update start {JOB} /vagrant/hello_world.aurora"),
    )
    .await;
    assert!(
        started.contains("Job update has started. View your update progress at http://"),
        "{started}"
    );
    until("the script runs", || {
        printed(&cluster, "stdout", "Hello world! The time is now: ")
    })
    .await;
    until("the task is running", || {
        status_has(&cluster, "status: RUNNING")
    })
    .await;
    until("the update is done", || async {
        let updates = succeed(
            &cluster,
            "aurora-scheduler",
            &format!("aurora update list {JOB} --status all"),
        )
        .await;
        if updates.contains("ROLLED_FORWARD") {
            Ok(())
        } else {
            Err(updates)
        }
    })
    .await;

    let killed = succeed(
        &cluster,
        "aurora-scheduler",
        &format!("aurora job killall {JOB}"),
    )
    .await;
    assert!(killed.contains("Job killall succeeded"), "{killed}");
    until("the page shows it completed", || async {
        let shown = page(
            &cluster,
            "aurora-scheduler",
            8081,
            "/scheduler/www-data/devel/hello_world",
        )
        .await?;
        if shown.contains("KILLED") {
            Ok(())
        } else {
            Err(shown)
        }
    })
    .await;

    cluster.stop().await.expect("removed");
}
