//! Updates: instances added and removed, resources changed, paused and resumed over a restart, rolled back.

use super::Site;

const KEY: &str = "devcluster/www-data/test/http_example";
const FILE: &str = "/vagrant/http_example.aurora";

/// The id of a job's latest update, from the list's second column.
async fn latest_update(site: &Site, key: &str) -> String {
    let listed = site.run(&format!("aurora update list {key}")).await;
    let row = listed
        .lines()
        .find(|line| line.starts_with(key))
        .unwrap_or_else(|| panic!("no update of {key} in {listed}"));
    row.split_whitespace().nth(1).expect("an id").to_owned()
}

async fn status(site: &Site, key: &str, id: &str) -> String {
    let info = site.run(&format!("aurora update info {key} {id}")).await;
    let line = info
        .lines()
        .find(|line| line.contains("Current status"))
        .expect("a status");
    line.rsplit(' ').next().unwrap_or_default().to_owned()
}

async fn rolls_forward(site: &Site, key: &str, options: &str) {
    site.run(&format!("aurora update start {key} {FILE} {options}"))
        .await;
    let id = latest_update(site, key).await;
    site.run(&format!("aurora update wait {key} {id}")).await;
    assert_eq!(status(site, key, &id).await, "ROLLED_FORWARD");
}

#[tokio::test(flavor = "multi_thread")]
async fn instances_are_added_and_removed() {
    let site = Site::start("").await;
    for (count, states) in [(1, 1), (3, 3), (1, 1)] {
        rolls_forward(&site, KEY, &format!("--bind profile.instances={count}")).await;
        site.until_states(KEY, &["RUNNING"].repeat(states)).await;
    }
    site.run(&format!("aurora job killall {KEY}")).await;
    site.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_outlives_its_scheduler_and_is_paused_and_resumed() {
    let site = Site::start("").await;
    let key = "devcluster/www-data/test/http_example_shell";
    rolls_forward(&site, key, "--bind profile.instances=3").await;
    // Nothing comes to run before this test lets it, so that the update is under way for as long as all of this takes.
    let change = "--bind profile.instances=3 --bind profile.check='test -e /tmp/go' --bind profile.initial=1000";
    site.run(&format!("aurora update start {key} {FILE} {change}"))
        .await;
    let active = site
        .run(&format!("aurora update list {key} --status active"))
        .await;
    assert!(active.contains("ROLLING_FORWARD"), "{active}");
    let id = latest_update(&site, key).await;
    site.run(&format!(
        "aurora_admin scheduler_snapshot {}",
        site.cluster.name()
    ))
    .await;
    site.restart_scheduler().await;
    assert_eq!(status(&site, key, &id).await, "ROLLING_FORWARD");
    site.run(&format!("aurora update pause {key} --message='hello'"))
        .await;
    assert_eq!(status(&site, key, &id).await, "ROLL_FORWARD_PAUSED");
    site.run(&format!("aurora update resume {key}")).await;
    assert_eq!(status(&site, key, &id).await, "ROLLING_FORWARD");
    crate::support::succeed(&site.cluster, "mesos-agent", "touch /tmp/go").await;
    site.run(&format!("aurora update wait {key} {id}")).await;
    assert_eq!(status(&site, key, &id).await, "ROLLED_FORWARD");
    site.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_whose_health_check_fails_is_rolled_back() {
    let site = Site::start("").await;
    let key = "devcluster/www-data/test/http_example_shell";
    rolls_forward(&site, key, "").await;
    let before = site.task_id("www-data", "http_example_shell", 0).await;
    // A task's user may not: the check runs as that user, or the agent's own file would be gone.
    let change = "--bind profile.check='rm -f /etc/passwd'";
    site.run(&format!("aurora update start {key} {FILE} {change}"))
        .await;
    let id = latest_update(&site, key).await;
    let waited = site
        .try_run(&format!("aurora update wait {key} {id}"))
        .await;
    assert_ne!(waited.code, 0, "{}", waited.stdout);
    assert_eq!(status(&site, key, &id).await, "ROLLED_BACK");
    site.until_states(key, &["RUNNING"]).await;
    assert_ne!(
        site.task_id("www-data", "http_example_shell", 0).await,
        before
    );
    crate::support::succeed(&site.cluster, "mesos-agent", "test -s /etc/passwd").await;
    site.end().await;
}
