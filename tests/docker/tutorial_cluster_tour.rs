//! docs/tutorials/cluster-tour.md, as it is printed: a walk through every tier with the tools of 2014.

use crate::support::{cluster_with_examples, page, shell, succeed, until};

#[tokio::test(flavor = "multi_thread")]
async fn every_stop_of_the_tour_answers_as_printed() {
    let (cluster, _folder) = cluster_with_examples(3).await;

    let stat = succeed(&cluster, "devtools", "echo stat | nc -q 60 zookeeper 2181").await;
    assert!(
        stat.starts_with("Zookeeper version: ") && stat.contains("Mode: standalone"),
        "{stat}"
    );
    let znodes = shell(
        &cluster,
        "zookeeper",
        "zkCli.sh -server zookeeper:2181 ls /",
    )
    .await;
    for znode in ["aurora", "mesos", "zookeeper"] {
        assert!(
            znodes.stdout.contains(znode),
            "{}{}",
            znodes.stdout,
            znodes.stderr
        );
    }

    let master = succeed(
        &cluster,
        "devtools",
        "curl -s http://mesos-master:5050/master/stats.json",
    )
    .await;
    assert!(master.contains(r#""activated_slaves": 3"#), "{master}");
    let agent = succeed(
        &cluster,
        "devtools",
        "curl -s 'http://mesos-agent-1:5051/slave(1)/stats.json'",
    )
    .await;
    assert!(agent.contains(r#""registered": "1""#), "{agent}");
    let vars = succeed(
        &cluster,
        "devtools",
        "curl -s http://aurora-scheduler:8081/vars",
    )
    .await;
    assert!(
        vars.lines().any(|line| line == "framework_registered 1"),
        "{vars}"
    );

    let created = shell(
        &cluster,
        "devtools",
        "cd /vagrant && aurora create example/www-data/prod/hello hello.aurora",
    )
    .await;
    assert_eq!(created.code, 0, "{}{}", created.stdout, created.stderr);
    let status = "aurora job status example/www-data/prod/hello";
    until("it is running", || async {
        let status = succeed(&cluster, "devtools", status).await;
        if status.contains("status: RUNNING") {
            Ok(())
        } else {
            Err(status)
        }
    })
    .await;

    let killed = shell(
        &cluster,
        "devtools",
        "aurora kill example/www-data/prod/hello",
    )
    .await;
    assert_eq!(killed.code, 0, "{}{}", killed.stdout, killed.stderr);
    until("the whole job has ended", || async {
        let status = succeed(&cluster, "devtools", status).await;
        let active = status.split("Inactive tasks").next().unwrap_or_default();
        if active.contains("Active tasks (0)") && status.contains("KILLED") {
            Ok(())
        } else {
            Err(status)
        }
    })
    .await;
    page(&cluster, "aurora-scheduler", 8081, "/scheduler/www-data")
        .await
        .expect("the role's page");

    cluster.stop().await.expect("removed");
}
