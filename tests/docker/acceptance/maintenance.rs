//! Hosts taken out of service: drained task by task as the jobs' policies allow, and by Mesos' own maintenance.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::Site;
use crate::support::{page, until};
use serde_json::json;

/// A coordinator is asked for one task at each look, which one is left to chance: a look a minute may ask for the one
/// that has to stay several times in a row.
const FLAGS: &str = r#"
[aurora-scheduler.flags]
host_maintenance_polling_interval = "1secs"
min_required_instances_for_sla_check = 2
unavailability_threshold = "2secs"
"#;

async fn mode(site: &Site) -> String {
    let name = site.cluster.name();
    let host = site.host().await;
    let printed = site
        .run(&format!("aurora_admin host_status --hosts={host} {name}"))
        .await;
    let line = printed
        .lines()
        .find(|line| line.contains("is in state:"))
        .expect("a state");
    line.rsplit(' ').next().unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_is_drained_as_far_as_the_jobs_policies_allow() {
    let site = Site::start(FLAGS).await;
    let (name, host) = (site.cluster.name().to_owned(), site.host().await);
    site.run(&format!(
        "aurora_admin increase_quota {name} www-data 1.0 100m 100m"
    ))
    .await;
    for job in ["count", "percentage", "coordinator"] {
        let key = format!("devcluster/www-data/test/{job}");
        site.run(&format!(
            "aurora job create {key} /vagrant/sla.aurora --wait-until RUNNING"
        ))
        .await;
        site.until_states(&key, &["RUNNING", "RUNNING"]).await;
        assert_eq!(mode(&site).await, "NONE", "{job}");

        site.run(&format!(
            "aurora_admin sla_host_drain --hosts={host} {name}"
        ))
        .await;
        site.restart_scheduler().await;
        assert_eq!(
            mode(&site).await,
            "DRAINING",
            "{job}: a restart forgets no drain"
        );
        site.until_states(&key, &["RUNNING", "PENDING"]).await;
        if job == "coordinator" {
            assert_eq!(site.states(&key).await, ["PENDING", "RUNNING"]);
        }
        assert_eq!(mode(&site).await, "DRAINING", "{job}");

        site.run(&format!(
            "aurora_admin sla_host_drain --force_drain_timeout=0s --hosts={host} {name}"
        ))
        .await;
        site.until_states(&key, &["PENDING", "PENDING"]).await;
        site.run(&format!("aurora_admin host_activate --hosts={host} {name}"))
            .await;
        site.until_states(&key, &["RUNNING", "RUNNING"]).await;
        site.run(&format!("aurora job killall {key}")).await;
        site.until_states(&key, &[]).await;
    }
    site.end().await;
}

async fn schedule(site: &Site, windows: serde_json::Value) {
    let address = site
        .cluster
        .address("mesos-master", 5050)
        .expect("an address");
    let answer = reqwest::Client::new()
        .post(format!("http://{address}/maintenance/schedule"))
        .body(json!({"windows": windows}).to_string())
        .send()
        .await
        .expect("the master answers");
    let status = answer.status();
    assert!(
        status.is_success(),
        "{status}: {}",
        answer.text().await.unwrap_or_default()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_maintenance_window_of_the_masters_drains_its_host_in_time() {
    let site = Site::start(FLAGS).await;
    let key = "devcluster/www-data/test/partition_default";
    site.run(&format!(
        "aurora job create {key} /vagrant/partition.aurora --wait-until RUNNING"
    ))
    .await;
    let host = site.host().await;
    let ip = site
        .cluster
        .inner_address("mesos-agent")
        .expect("an address");
    let window = |from_now: u64| {
        let begins = SystemTime::now() + Duration::from_secs(from_now);
        let begins = begins.duration_since(UNIX_EPOCH).expect("after 1970");
        json!([{
            "machine_ids": [{"hostname": host, "ip": ip.to_string()}],
            "unavailability": {"start": {"nanoseconds": begins.as_nanos() as u64}},
        }])
    };
    // However long it takes to look, this one is far away.
    schedule(&site, window(36_000)).await;
    assert_eq!(site.states(key).await, ["RUNNING"], "there is time yet");
    schedule(&site, window(5)).await;
    site.until_states(key, &["PENDING"]).await;
    schedule(&site, json!([])).await;
    site.until_states(key, &["RUNNING"]).await;
    until("the page of the host", || {
        page(&site.cluster, "aurora-scheduler", 8081, "/maintenance")
    })
    .await;
    site.run(&format!("aurora job killall {key}")).await;
    site.end().await;
}
