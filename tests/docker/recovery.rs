//! What a cluster outlives: an agent that is killed, a scheduler that is restarted.

use crate::support::{cluster_with_examples, running_task, shell, succeed, until};

const JOB: &str = "example/www-data/prod/hello";

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_agents_service_comes_back_on_another() {
    let (cluster, _folder) = cluster_with_examples(2).await;
    succeed(
        &cluster,
        "devtools",
        &format!("aurora job create {JOB} /vagrant/hello.aurora"),
    )
    .await;
    let (first, node) = until("it is running", || running_task(&cluster)).await;

    cluster.kill(&node).await.expect("killed");
    let (_, other) = until("it runs elsewhere", || async {
        let (task, other) = running_task(&cluster).await?;
        if task == first {
            Err(format!("still `{task}` on `{other}`"))
        } else {
            Ok((task, other))
        }
    })
    .await;
    assert_ne!(other, node);

    cluster.stop().await.expect("removed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restarted_scheduler_forgets_no_job() {
    let (mut cluster, _folder) = cluster_with_examples(1).await;
    succeed(
        &cluster,
        "devtools",
        &format!("aurora job create {JOB} /vagrant/hello.aurora"),
    )
    .await;
    let (task, _) = until("it is running", || running_task(&cluster)).await;

    cluster.kill("aurora-scheduler").await.expect("killed");
    cluster
        .restart("aurora-scheduler")
        .await
        .expect("restarted");
    let status = until("the scheduler leads again", || async {
        let output = shell(&cluster, "devtools", &format!("aurora job status {JOB}")).await;
        if output.code == 0 {
            Ok(output.stdout)
        } else {
            Err(output.stderr)
        }
    })
    .await;
    assert!(status.contains("status: RUNNING"), "{status}");
    assert_eq!(
        running_task(&cluster).await.map(|(id, _)| id),
        Ok(task),
        "the task went on running"
    );

    // It is still the scheduler's to end.
    succeed(&cluster, "devtools", &format!("aurora job killall {JOB}")).await;
    until("nothing runs", || async {
        match running_task(&cluster).await {
            Ok((task, _)) => Err(task),
            Err(_) => Ok(()),
        }
    })
    .await;

    cluster.stop().await.expect("removed");
}
