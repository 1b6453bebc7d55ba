//! What the tests on real Docker share: clusters with the examples in `/vagrant`, and waiting for conditions.

use std::future::Future;
use std::path::Path;
use std::time::{Duration, Instant};

use devcluster::fixture::{Cluster, ExecOutput};
use devcluster::profile::builtin;
use serde_json::Value;
use tempfile::TempDir;

/// How long a condition may take on a loaded machine; a healthy one takes a small part of it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// How often a condition is looked at.
const INTERVAL: Duration = Duration::from_millis(100);

/// A cluster of `agents` agents with the examples in `/vagrant`, which is the folder that is returned.
pub(crate) async fn cluster_with_examples(agents: u16) -> (Cluster, TempDir) {
    let tiny = builtin("tiny").expect("it is built in");
    // There an agent that stands still for 2 s is lost, and its tasks with it: a busy machine's may.
    let (from, to) = (
        r#"agent_ping_timeout = "1secs""#,
        r#"agent_ping_timeout = "8secs""#,
    );
    assert!(tiny.contains(from), "{tiny}");
    cluster_of(&tiny.replace(from, to), agents).await
}

/// The same of a profile's text.
pub(crate) async fn cluster_of(profile: &str, agents: u16) -> (Cluster, TempDir) {
    let folder = folder_with_examples();
    let cluster = Cluster::builder()
        .profile_text(profile)
        .agents(agents)
        .folder(folder.path())
        .product(env!("CARGO_BIN_EXE_devcluster"))
        .start()
        .await
        .expect("the cluster comes up");
    (cluster, folder)
}

fn folder_with_examples() -> TempDir {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().expect("a temporary folder");
    // Tasks read it as another user than the one that runs the tests.
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755))
        .expect("permissions");
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    for entry in std::fs::read_dir(examples).expect("the examples") {
        let path = entry.expect("an example").path();
        if path.is_file() {
            let name = path.file_name().expect("a name");
            std::fs::copy(&path, folder.path().join(name)).expect("a copy");
        }
    }
    folder
}

/// Waits until `look` finds something; fails with its last reason when [`PATIENCE`] is over.
pub(crate) async fn until<T, F>(what: &str, mut look: impl FnMut() -> F) -> T
where
    F: Future<Output = Result<T, String>>,
{
    let started = Instant::now();
    loop {
        match look().await {
            Ok(found) => return found,
            Err(reason) if started.elapsed() > PATIENCE => {
                panic!("{what}: not within {PATIENCE:?}; last: {reason}")
            }
            Err(_) => tokio::time::sleep(INTERVAL).await,
        }
    }
}

/// Runs a shell command in a node.
pub(crate) async fn shell(cluster: &Cluster, node: &str, command: &str) -> ExecOutput {
    cluster
        .exec(node, ["sh", "-c", command])
        .await
        .unwrap_or_else(|e| panic!("`{command}` in `{node}`: {e}"))
}

/// Runs a shell command in a node that must succeed; returns what it prints to stdout.
pub(crate) async fn succeed(cluster: &Cluster, node: &str, command: &str) -> String {
    let output = shell(cluster, node, command).await;
    assert_eq!(
        output.code, 0,
        "`{command}` in `{node}` ended with {}:\n{}{}",
        output.code, output.stdout, output.stderr
    );
    output.stdout
}

/// Gets a page of a node through its published port.
pub(crate) async fn page(
    cluster: &Cluster,
    node: &str,
    port: u16,
    path: &str,
) -> Result<String, String> {
    let address = cluster.address(node, port).map_err(|e| e.to_string())?;
    let url = format!("http://{address}{path}");
    let answer = reqwest::get(&url)
        .await
        .map_err(|e| format!("{url}: {e}"))?;
    let status = answer.status();
    let text = answer.text().await.map_err(|e| format!("{url}: {e}"))?;
    if status.is_success() {
        Ok(text)
    } else {
        Err(format!("{url}: {status}: {text}"))
    }
}

/// Gets a JSON document of a node through its published port.
pub(crate) async fn document(
    cluster: &Cluster,
    node: &str,
    port: u16,
    path: &str,
) -> Result<Value, String> {
    let text = page(cluster, node, port, path).await?;
    serde_json::from_str(&text).map_err(|e| format!("{path}: {e} in {text}"))
}

/// A task that the master knows in state RUNNING: its id, and the node of the agent that runs it.
pub(crate) async fn running_task(cluster: &Cluster) -> Result<(String, String), String> {
    let tasks = document(cluster, "mesos-master", 5050, "/master/tasks").await?;
    let agents = document(cluster, "mesos-master", 5050, "/master/slaves").await?;
    let running = list(&tasks, "tasks")
        .iter()
        .find(|task| task["state"] == "TASK_RUNNING");
    let task = running.ok_or_else(|| format!("nothing is running: {tasks}"))?;
    let agent = list(&agents, "slaves")
        .iter()
        .find(|agent| agent["id"] == task["slave_id"]);
    let agent = agent.ok_or_else(|| format!("its agent is unknown: {agents}"))?;
    let address = agent["pid"]
        .as_str()
        .and_then(|pid| pid.split(['@', ':']).nth(1))
        .unwrap_or_default();
    let node = cluster
        .nodes()
        .iter()
        .find(|node| node.address.as_deref() == Some(address));
    let node = node.ok_or_else(|| format!("no node has the address `{address}`"))?;
    Ok((
        task["id"].as_str().unwrap_or_default().to_owned(),
        node.name.to_string(),
    ))
}

fn list<'a>(document: &'a Value, key: &str) -> &'a [Value] {
    document[key]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default()
}

/// The id of the image that [`store_appc_image`] makes.
pub(crate) const APPC_IMAGE: &str = "sha512-c0ffee";

/// Puts an image into the agent's store: what the node itself has, but for what is Mesos' and Aurora's there.
const STORE: &str = r#"set -e
image=/var/lib/mesos/appc/images/$0
mkdir -p $image/rootfs
cd /
tar -c --one-file-system --exclude=./usr/bin/devcluster --exclude=./usr/libexec/mesos --exclude=./usr/share/doc \
  '--exclude=./tmp/*' '--exclude=./var/*' ./bin ./etc ./lib* ./tmp ./usr ./var | tar -x -C $image/rootfs
echo of the image > $image/rootfs/etc/of_the_image
cat > $image/manifest <<'END'
{"acKind": "ImageManifest", "acVersion": "0.8.9", "name": "example.com/http_example",
 "labels": [{"name": "os", "value": "linux"}],
 "app": {"exec": ["/bin/sh", "-c", "exit 9"], "user": "0", "group": "0",
         "environment": [{"name": "GREETING", "value": "hello"}], "workingDirectory": "/etc"}}
END
"#;

/// Puts the image `example.com/http_example` into the store of the only agent, `/var/lib/mesos/appc`: a root file system
/// with a shell and Python.
pub(crate) async fn store_appc_image(cluster: &Cluster) {
    let made = cluster
        .exec("mesos-agent", ["sh", "-c", STORE, APPC_IMAGE])
        .await;
    let made = made.expect("it runs");
    assert_eq!(made.code, 0, "{}{}", made.stdout, made.stderr);
}
