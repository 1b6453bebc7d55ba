//! What an operator does with `aurora_admin`: quotas, hosts, snapshots, backups and what comes back from them.

use super::Site;

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_asks_sets_quotas_and_finds_the_scheduler() {
    let site = Site::start("").await;
    let name = site.cluster.name();
    let found = site
        .run(&format!("aurora_admin get_scheduler {name}"))
        .await;
    assert!(found.contains(":8081"), "{found}");
    site.run(&format!("aurora_admin set_quota {name} www-data 2.0 1g 2g"))
        .await;
    site.run(&format!(
        "aurora_admin increase_quota {name} www-data 1.0 1g 1g"
    ))
    .await;
    let quota = site.run(&format!("aurora quota get {name}/www-data")).await;
    assert!(quota.contains("CPU: 3"), "{quota}");
    let host = site.host().await;
    let state = site
        .run(&format!("aurora_admin host_status --hosts={host} {name}"))
        .await;
    assert!(
        state.contains(&format!("{host} is in state: NONE")),
        "{state}"
    );
    site.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_brings_back_what_was_lost() {
    let site = Site::start("").await;
    let name = site.cluster.name();
    site.run(&format!("aurora_admin set_quota {name} kept 2.0 1g 2g"))
        .await;
    site.run(&format!("aurora_admin scheduler_backup_now {name}"))
        .await;
    let backups = site
        .run(&format!("aurora_admin scheduler_list_backups {name}"))
        .await;
    let backup = backups
        .split_whitespace()
        .find(|word| word.starts_with("scheduler-backup-"))
        .expect("a backup")
        .to_owned();
    site.run(&format!("aurora_admin set_quota {name} kept 9.0 9g 9g"))
        .await;
    for command in ["scheduler_stage_recovery", "scheduler_commit_recovery"] {
        let argument = if command.contains("stage") {
            backup.as_str()
        } else {
            ""
        };
        site.run(&format!("aurora_admin {command} {name} {argument}"))
            .await;
    }
    site.until_prints(&format!("aurora quota get {name}/kept"), "CPU: 2")
        .await;
    site.end().await;
}
