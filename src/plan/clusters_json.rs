//! `/etc/aurora/clusters.json`, where the Aurora client looks clusters up.

use serde_json::json;

use super::File;
use crate::profile::{FlagValue, Profile, Tier};

/// Where the client looks.
const PATH: &str = "/etc/aurora/clusters.json";

/// What the tutorials call their cluster: their job keys work here whatever this cluster's name is.
const TUTORIAL_NAMES: [&str; 2] = ["devcluster", "example"];

/// How the client proves who its user is: by what the schedulers ask for.
fn mechanism(profile: &Profile) -> &'static str {
    let schedulers = profile.tier(&Tier::AuroraScheduler);
    let flag = schedulers.and_then(|tier| tier.node.flags.get("http_authentication_mechanism"));
    match flag {
        Some(FlagValue::Text(asked)) if asked.eq_ignore_ascii_case("NEGOTIATE") => "KERBEROS",
        _ => "UNAUTHENTICATED",
    }
}

/// The file: the cluster under its own name, and under those of the tutorials.
pub(super) fn file(profile: &Profile, zookeepers: &[String]) -> File {
    let cluster = &profile.name;
    let mechanism = mechanism(profile);
    let entry = |name: &str| {
        json!({
            "name": name,
            "zk": zookeepers.join(","),
            "zk_port": 2181,
            "scheduler_zk_path": "/aurora/scheduler",
            "auth_mechanism": mechanism,
            "slave_root": "/var/lib/mesos",
            "slave_run_directory": "latest",
        })
    };
    let mut names = vec![cluster.as_str()];
    names.extend(
        TUTORIAL_NAMES
            .into_iter()
            .filter(|name| *name != cluster.as_str()),
    );
    let entries: Vec<_> = names.into_iter().map(entry).collect();
    File {
        path: PATH.to_owned(),
        content: format!("{:#}\n", serde_json::Value::Array(entries)),
    }
}
