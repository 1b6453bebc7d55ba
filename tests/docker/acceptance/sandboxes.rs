//! Into a task's sandbox and out of it: `task ssh`, `task run` and `task scp`.

use super::Site;
use crate::support::until;

const KEY: &str = "devcluster/www-data/test/http_example";

#[tokio::test(flavor = "multi_thread")]
async fn commands_and_files_reach_a_sandbox_and_no_further() {
    let site = Site::start("").await;
    let create = format!(
        "aurora job create {KEY} /vagrant/http_example.aurora --bind profile.instances=3 --wait-until RUNNING"
    );
    site.run(&create).await;

    // The way in is made beside the agent: it may open later than that.
    until("each sandbox is listed", || async {
        let list = format!("aurora task run {KEY} 'ls -a' 2>&1");
        let listed = site.try_run(&list).await.stdout;
        let found = listed
            .lines()
            .filter(|line| line.split_whitespace().nth(1) == Some(".logs"));
        if found.count() == 3 {
            Ok(())
        } else {
            Err(listed)
        }
    })
    .await;

    site.run(&format!(
        "echo hello > /tmp/file; aurora task scp /tmp/file {KEY}/0:"
    ))
    .await;
    let read = site
        .run(&format!("aurora task ssh {KEY}/0 --command='cat file'"))
        .await;
    assert!(read.contains("hello"), "{read}");

    // Who is not root goes as who it is, and becomes nobody else.
    let own = format!("runuser -u www-data -- aurora task ssh {KEY}/0 --command='cat file'");
    assert_eq!(site.run(&own).await.trim(), "hello");
    let others = "runuser -u www-data -- ssh root@mesos-agent true 2>&1";
    let refused = site.try_run(others).await;
    assert_ne!(refused.code, 0, "{}", refused.stdout);

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
