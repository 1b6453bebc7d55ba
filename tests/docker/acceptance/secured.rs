//! A scheduler that asks who calls: without credentials a change is refused, with them it is made.

use super::Site;

const KEY: &str = "devcluster/www-data/test/partition_default";

/// One who may do all, and one who may do nothing that needs to be allowed.
pub(super) const USERS: &str =
    "[users]\naurora = secret, admin\nreader = secret\n[roles]\nadmin = *\n";

#[tokio::test(flavor = "multi_thread")]
async fn changes_need_credentials_and_reading_needs_none() {
    let site = Site::start(
        "[aurora-scheduler.flags]\nhttp_authentication_mechanism = \"BASIC\"\nshiro_ini_path = \"/vagrant/shiro.ini\"\n",
    )
    .await;
    let create = format!("aurora job create {KEY} /vagrant/partition.aurora");
    let refused = site.try_run(&format!("{create} 2>&1")).await;
    assert_eq!(refused.code, 30, "{}", refused.stdout);

    let host = site
        .cluster
        .inner_address("aurora-scheduler")
        .expect("an address");
    for (user, password) in [("aurora", "wrong"), ("reader", "secret")] {
        site.run(&format!(
            "echo 'machine {host} login {user} password {password}' > ~/.netrc"
        ))
        .await;
        let refused = site.try_run(&format!("{create} 2>&1")).await;
        assert_ne!(refused.code, 0, "{user}: {}", refused.stdout);
    }
    site.run(&format!(
        "echo 'machine {host} login aurora password secret' > ~/.netrc"
    ))
    .await;
    site.run(&create).await;
    site.until_states(KEY, &["RUNNING"]).await;
    site.run("rm ~/.netrc; aurora job list devcluster/www-data")
        .await;
    site.end().await;
}
