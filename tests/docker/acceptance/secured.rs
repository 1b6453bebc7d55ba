//! A cluster that asks who calls: without credentials a change is refused, with them it is made. The master asks the
//! scheduler and the agents as well.

use super::Site;
use crate::support::document;

const KEY: &str = "devcluster/www-data/test/partition_default";

/// One who may do all, and one who may do nothing that needs to be allowed.
pub(super) const USERS: &str =
    "[users]\naurora = secret, admin\nreader = secret\n[roles]\nadmin = *\n";

/// What the tiers of a cluster that asks prove themselves with, a file each.
pub(super) const CREDENTIALS: [(&str, &str); 3] = [
    (
        "credentials.json",
        r#"{"credentials": [{"principal": "aurora", "secret": "a"}, {"principal": "agent", "secret": "b"}]}"#,
    ),
    ("agent.json", r#"{"principal": "agent", "secret": "b"}"#),
    (
        "framework.properties",
        "aurora_authentication_principal=aurora\naurora_authentication_secret=a\n",
    ),
];

const PROFILE: &str = r#"
[mesos-master.env]
MESOS_CREDENTIALS = "/vagrant/credentials.json"
MESOS_AUTHENTICATE_AGENTS = "true"
MESOS_AUTHENTICATE_FRAMEWORKS = "true"
MESOS_AUTHENTICATE_HTTP_FRAMEWORKS = "true"
MESOS_AUTHENTICATE_HTTP_READWRITE = "true"
MESOS_HTTP_FRAMEWORK_AUTHENTICATORS = "basic"
[mesos-agent.env]
MESOS_CREDENTIAL = "/vagrant/agent.json"
[aurora-scheduler.flags]
framework_authentication_file = "/vagrant/framework.properties"
framework_announce_principal = true
http_authentication_mechanism = "BASIC"
shiro_ini_path = "/vagrant/shiro.ini"
"#;

#[tokio::test(flavor = "multi_thread")]
async fn changes_need_credentials_and_reading_needs_none() {
    let site = Site::start(PROFILE).await;
    let frameworks = document(&site.cluster, "mesos-master", 5050, "/master/frameworks").await;
    let frameworks = frameworks.expect("the master tells who is there");
    assert_eq!(frameworks["frameworks"][0]["principal"], "aurora");
    for changes in ["api/v1/scheduler", "teardown"] {
        let asked = format!(
            "curl -s -o /dev/null -w '%{{http_code}}' -X POST -H 'Content-Type: application/json' -d '{{}}' \
             http://mesos-master:5050/master/{changes}"
        );
        assert_eq!(site.run(&asked).await, "401", "{changes}");
    }
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
