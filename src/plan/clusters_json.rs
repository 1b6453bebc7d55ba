//! `/etc/aurora/clusters.json`, where the Aurora client looks clusters up.

use serde_json::json;

use super::File;
use crate::profile::ClusterName;

/// Where the client looks.
const PATH: &str = "/etc/aurora/clusters.json";

/// The file: the cluster under its own name, and under `example`, as the older tutorial calls it.
pub(super) fn file(cluster: &ClusterName, zookeepers: &[String]) -> File {
    let entry = |name: &str| {
        json!({
            "name": name,
            "zk": zookeepers.join(","),
            "zk_port": 2181,
            "scheduler_zk_path": "/aurora/scheduler",
            "auth_mechanism": "UNAUTHENTICATED",
            "slave_root": "/var/lib/mesos",
            "slave_run_directory": "latest",
        })
    };
    let mut names = vec![cluster.as_str()];
    if cluster.as_str() != "example" {
        names.push("example");
    }
    let entries: Vec<_> = names.into_iter().map(entry).collect();
    File { path: PATH.to_owned(), content: format!("{:#}\n", serde_json::Value::Array(entries)) }
}
