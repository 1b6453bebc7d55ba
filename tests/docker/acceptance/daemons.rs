//! Processes that outlast others: ephemeral daemons, final processes, programs that leave their session.

use super::Site;
use crate::support::{shell, succeed, until};

async fn gone(site: &Site, file: &str) {
    until(&format!("{file} is gone"), || async {
        let test = shell(&site.cluster, "mesos-agent", &format!("test ! -e {file}")).await;
        if test.code == 0 {
            Ok(())
        } else {
            Err("it is there".to_owned())
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ephemeral_daemon_ends_with_the_main_process_and_a_final_one_runs_last() {
    let site = Site::start("").await;
    let key = "devcluster/www-data/test/ephemeral";
    site.run(&format!(
        "aurora job create {key} /vagrant/daemons.aurora --wait-until RUNNING"
    ))
    .await;
    // The final process runs as the task's user, who must own what it takes away from the moment that it is there.
    succeed(
        &site.cluster,
        "mesos-agent",
        "touch /tmp/made && chown www-data /tmp/made && mv /tmp/made /tmp/stop",
    )
    .await;
    gone(&site, "/tmp/stop").await;
    site.until_states(key, &[]).await;
    site.until_prints(&format!("aurora job status {key}"), "FINISHED")
        .await;
    site.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_left_its_session_is_told_to_end() {
    let site = Site::start("").await;
    let key = "devcluster/www-data/test/daemonizing";
    site.run(&format!(
        "aurora job create {key} /vagrant/daemons.aurora --wait-until RUNNING"
    ))
    .await;
    until("the program runs", || async {
        let test = shell(&site.cluster, "mesos-agent", "test -e /tmp/term").await;
        if test.code == 0 {
            Ok(())
        } else {
            Err("not yet".to_owned())
        }
    })
    .await;
    site.run(&format!("aurora job killall {key}")).await;
    gone(&site, "/tmp/term").await;
    site.end().await;
}
