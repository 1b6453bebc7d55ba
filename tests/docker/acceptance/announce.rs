//! Tasks announce themselves in ZooKeeper, and again when somebody takes the announcement away.

use super::Site;
use crate::support::until;

const KEY: &str = "devcluster/www-data/test/http_example";
const PATH: &str = "/aurora/www-data/test/http_example";

async fn members(site: &Site) -> Vec<String> {
    let listed = site
        .cluster
        .exec(
            "zookeeper",
            [
                "sh",
                "-c",
                &format!("zkCli.sh -server zookeeper:2181 ls {PATH} 2>/dev/null | tail -1"),
            ],
        )
        .await
        .expect("zkCli runs");
    listed
        .stdout
        .trim()
        .trim_matches(['[', ']'])
        .split(", ")
        .filter(|name| name.starts_with("member_"))
        .map(str::to_owned)
        .collect()
}

async fn three(site: &Site) -> Vec<String> {
    until("three announcements", || async {
        let members = members(site).await;
        if members.len() == 3 {
            Ok(members)
        } else {
            Err(format!("{members:?}"))
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_announcement_is_made_again() {
    let site = Site::start(ANNOUNCER).await;
    site.run(&format!(
        "aurora job create {KEY} /vagrant/http_example.aurora --bind profile.instances=3 --wait-until RUNNING"
    ))
    .await;
    let before = three(&site).await;
    let lost = before.first().expect("one");
    let delete = format!("zkCli.sh -server zookeeper:2181 delete {PATH}/{lost}");
    crate::support::succeed(&site.cluster, "zookeeper", &delete).await;
    until("another in its place", || async {
        let now = three(&site).await;
        if now.contains(lost) {
            Err(format!("{now:?}"))
        } else {
            Ok(())
        }
    })
    .await;
    site.end().await;
}

const ANNOUNCER: &str =
    "[aurora-scheduler.flags]\nthermos_executor_flags = \"--announcer-ensemble zookeeper:2181\"\n";
