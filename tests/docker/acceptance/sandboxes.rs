//! Into a task's sandbox and out of it: `task ssh`, `task run` and `task scp`.

use super::Site;

const KEY: &str = "devcluster/www-data/test/http_example";

#[tokio::test(flavor = "multi_thread")]
async fn commands_and_files_reach_a_sandbox_and_no_further() {
    let site = Site::start("").await;
    let create = format!(
        "aurora job create {KEY} /vagrant/http_example.aurora --bind profile.instances=3 --wait-until RUNNING"
    );
    site.run(&create).await;

    let listed = site.run(&format!("aurora task run {KEY} 'ls -a'")).await;
    let found = listed
        .lines()
        .filter(|line| line.split_whitespace().nth(1) == Some(".logs"));
    assert_eq!(found.count(), 3, "{listed}");

    site.run(&format!(
        "echo hello > /tmp/file; aurora task scp /tmp/file {KEY}/0:"
    ))
    .await;
    let read = site
        .run(&format!("aurora task ssh {KEY}/0 --command='cat file'"))
        .await;
    assert!(read.contains("hello"), "{read}");

    let refused = site
        .try_run(&format!("aurora task scp /tmp/file {KEY}/0:../../ 2>&1"))
        .await;
    assert_eq!(refused.code, 1, "{}", refused.stdout);
    assert!(
        refused.stdout.contains("Permission denied"),
        "{}",
        refused.stdout
    );
    site.end().await;
}
