//! `clusters.json`: what the clusters are called and where their schedulers are
//! (`apache/aurora/common/clusters.py`).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Map, Value as Json};
use thiserror::Error;

/// One cluster. Fields that this client has no use for are ignored.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
pub struct Cluster {
    pub name: String,
    /// ZooKeeper's hosts, separated by commas.
    #[serde(default)]
    pub zk: Option<String>,
    #[serde(default)]
    pub zk_port: Option<u16>,
    /// Where in ZooKeeper the schedulers announce themselves.
    #[serde(default)]
    pub scheduler_zk_path: Option<String>,
    /// The scheduler's URL, where ZooKeeper is not asked.
    #[serde(default)]
    pub scheduler_uri: Option<String>,
    /// The URL that users are shown instead of the scheduler's.
    #[serde(default)]
    pub proxy_url: Option<String>,
    #[serde(default)]
    pub auth_mechanism: Option<String>,
    /// The agents' work directory, which sandboxes are found by.
    #[serde(default)]
    pub slave_root: Option<String>,
    /// Which of an executor's runs a sandbox is of, normally `latest`.
    #[serde(default)]
    pub slave_run_directory: Option<String>,
    /// The registry that `{{docker.image[name][tag]}}` is looked up in.
    #[serde(default)]
    pub docker_registry: Option<String>,
    /// Everything the file says of it.
    #[serde(skip)]
    pub fields: Map<String, Json>,
}

/// Why clusters are not known.
#[derive(Debug, Error)]
pub enum ClustersError {
    #[error("Unable to parse {path}: {source}")]
    Parse {
        path: PathBuf,
        source: serde_json::Error,
    },
}

/// All known clusters by name.
pub type Clusters = BTreeMap<String, Cluster>;

/// The files that name clusters, those read later overriding: `$AURORA_CONFIG_ROOT` (or
/// `/etc/aurora`) and `~/.aurora`.
pub fn search_path() -> Vec<PathBuf> {
    let root = std::env::var_os("AURORA_CONFIG_ROOT")
        .filter(|root| !root.is_empty())
        .map_or_else(|| PathBuf::from("/etc/aurora"), PathBuf::from);
    let home = std::env::var_os("HOME").map(PathBuf::from);
    std::iter::once(root)
        .chain(home.map(|home| home.join(".aurora")))
        .map(|folder| folder.join("clusters.json"))
        .collect()
}

/// Reads the files there are. One that is not readable is as good as none.
pub fn load(paths: &[PathBuf]) -> Result<Clusters, ClustersError> {
    let mut clusters = Clusters::new();
    for path in paths {
        if let Ok(text) = std::fs::read_to_string(path) {
            for cluster in parse(path, &text)? {
                clusters.insert(cluster.name.clone(), cluster);
            }
        }
    }
    Ok(clusters)
}

/// A list of clusters, or an object of them. Those without a name do not count.
fn parse(path: &Path, text: &str) -> Result<Vec<Cluster>, ClustersError> {
    let error = |source| ClustersError::Parse {
        path: path.to_owned(),
        source,
    };
    let found: Vec<Json> = match serde_json::from_str(text).map_err(error)? {
        Json::Array(found) => found,
        Json::Object(found) => found.into_iter().map(|(_, cluster)| cluster).collect(),
        other => {
            let source = serde_json::from_value::<Vec<Json>>(other);
            return source.map(|_| Vec::new()).map_err(error);
        }
    };
    found
        .into_iter()
        .filter(|cluster| cluster.get("name").is_some())
        .map(|document| {
            let fields = document.as_object().cloned().unwrap_or_default();
            let cluster: Cluster = serde_json::from_value(document).map_err(error)?;
            Ok(Cluster { fields, ..cluster })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    #[test]
    fn later_files_override_and_both_shapes_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let list = write(
            folder.path(),
            "a",
            r#"[{"name":"x","zk":"one","unknown":1},{"zk":"nameless"},{"name":"y","zk_port":2182}]"#,
        );
        let object = write(
            folder.path(),
            "b",
            r#"{"k":{"name":"x","scheduler_uri":"http://h"}}"#,
        );
        let clusters = load(&[list, folder.path().join("missing"), object]).unwrap();
        assert_eq!(clusters.keys().collect::<Vec<_>>(), ["x", "y"]);
        assert_eq!(clusters["x"].scheduler_uri.as_deref(), Some("http://h"));
        assert_eq!(clusters["x"].zk, None);
    }

    #[test]
    fn a_file_that_is_no_json_is_an_error_that_names_it() {
        let folder = tempfile::tempdir().unwrap();
        let bad = write(folder.path(), "bad.json", "[");
        let error = load(std::slice::from_ref(&bad)).unwrap_err().to_string();
        assert!(
            error.starts_with(&format!("Unable to parse {}: ", bad.display())),
            "{error}"
        );
    }
}
