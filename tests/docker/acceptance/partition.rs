//! Partition awareness: what a task's policy says is done when its agent is out of sight.

use super::Site;

#[tokio::test(flavor = "multi_thread")]
async fn tasks_out_of_sight_are_rescheduled_or_waited_for_as_their_policy_says() {
    let mut site = Site::start("[aurora-scheduler.flags]\npartition_aware = true\n").await;
    let jobs = ["default", "stays", "delayed"]
        .map(|name| format!("devcluster/www-data/test/partition_{name}"));
    for job in &jobs {
        site.run(&format!(
            "aurora update start --wait {job} /vagrant/partition.aurora"
        ))
        .await;
    }
    let [default, stays, delayed] = &jobs;

    site.cluster.kill("mesos-agent").await.expect("killed");
    site.until_states(default, &["PENDING"]).await;
    site.until_states(stays, &["PARTITIONED"]).await;
    site.until_states(delayed, &["PARTITIONED"]).await;

    site.cluster.restart("mesos-agent").await.expect("started");
    site.run(&format!(
        "aurora_admin reconcile_tasks {}",
        site.cluster.name()
    ))
    .await;
    site.until_states(default, &["RUNNING"]).await;
    for job in &jobs {
        site.run(&format!("aurora job killall {job}")).await;
    }
    site.end().await;
}
