//! A job's whole life: listed, inspected, created, looked at everywhere, restarted, killed.

use super::Site;
use crate::support::{page, succeed, until};

/// `file` may be followed by what is bound in it.
pub(super) async fn full_cycle(site: &Site, job: &str, file: &str) {
    let key = format!("devcluster/www-data/test/{job}");
    let (cluster, run) = (&site.cluster, async |command: String| {
        site.run(&command).await
    });

    assert!(
        run(format!("aurora config list {file}"))
            .await
            .contains(&key)
    );
    run(format!("aurora job inspect {key} {file}")).await;
    run(format!("aurora job create {key} {file}")).await;
    assert!(
        run("aurora job list devcluster/www-data/test".to_owned())
            .await
            .contains(&key)
    );
    run(format!("aurora job status {key}")).await;
    site.until_states(&key, &["RUNNING"]).await;

    for path in [
        "/leaderhealth".to_owned(),
        "/scheduler".to_owned(),
        "/scheduler/www-data".to_owned(),
        format!("/scheduler/www-data/test/{job}"),
    ] {
        page(cluster, "aurora-scheduler", 8081, &path)
            .await
            .expect(&path);
    }
    page(cluster, "mesos-agent", 1338, "/")
        .await
        .expect("the observer's index");
    let id = site.task_id("www-data", job, 0).await;
    let shown = format!("/task/{id}");
    until("the observer shows the task", || {
        page(cluster, "mesos-agent", 1338, &shown)
    })
    .await;

    let state = site.master("/state").await;
    let frameworks = state["frameworks"].as_array().expect("frameworks");
    let aurora = frameworks
        .iter()
        .find(|f| f["name"] == "Aurora")
        .expect("Aurora's framework");
    let tasks = aurora["tasks"].as_array().expect("tasks");
    let task = tasks
        .iter()
        .find(|task| task["id"] == *id)
        .expect("the task");
    assert_eq!(task["discovery"]["name"], format!("{job}.test.www-data"));
    let ports = task
        .pointer("/discovery/ports/ports")
        .and_then(|p| p.as_array());
    assert!(ports.is_some_and(|ports| !ports.is_empty()), "{task}");

    let sandbox = |file: &str| format!("aurora task ssh {key}/0 --command='cat {file}'");
    assert_eq!(
        succeed(cluster, "devtools", &sandbox(".logs/read_env/0/stdout"))
            .await
            .trim(),
        "hello",
        "what a process wrote to .thermos_profile the next one reads"
    );
    assert_eq!(
        succeed(
            cluster,
            "devtools",
            &sandbox(".logs/verify_command_escaping/0/stdout")
        )
        .await
        .trim(),
        "this is quoted"
    );

    run(format!(
        "aurora job restart --batch-size=2 --watch-secs=3 {key}"
    ))
    .await;
    assert_ne!(site.task_id("www-data", job, 0).await, id);
    run(format!("aurora job kill {key}/0")).await;
    site.until_states(&key, &[]).await;
    run(format!("aurora job killall {key}")).await;
    run("aurora quota get devcluster/www-data".to_owned()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_created_looked_at_restarted_and_killed() {
    let site = Site::start(DISCOVERY).await;
    let file = "/vagrant/http_example.aurora";
    full_cycle(&site, "http_example", file).await;
    full_cycle(&site, "http_example_var_batch_update", file).await;
    site.end().await;
}

const DISCOVERY: &str = "[aurora-scheduler.flags]\npopulate_discovery_info = true\n";

#[tokio::test(flavor = "multi_thread")]
async fn every_tier_is_healthy_and_tells_its_version() {
    let site = Site::start("").await;
    for (node, port, path) in [
        ("aurora-scheduler", 8081, "/health"),
        ("mesos-agent", 1338, "/health"),
        ("mesos-master", 5050, "/master/health"),
        ("mesos-agent", 5051, "/slave(1)/health"),
    ] {
        page(&site.cluster, node, port, path).await.expect(path);
    }
    let health = page(&site.cluster, "aurora-scheduler", 8081, "/health").await;
    assert_eq!(health.as_deref().map(str::trim), Ok("OK"));
    let version = site.run("aurora --version").await;
    assert!(version.trim().starts_with("0.2"), "{version}");
    site.end().await;
}
