//! What Aurora's own end-to-end suite checks, a test an item, as a user of the client would do it.

mod admin;
mod announce;
mod daemons;
mod full_cycle;
mod images;
mod maintenance;
mod partition;
mod sandboxes;
mod secured;
mod updates;

use std::path::Path;

use devcluster::fixture::{Cluster, ExecOutput};
use serde_json::Value;
use tempfile::TempDir;

use crate::support::{document, page, shell, succeed, until};

/// A cluster with one agent and the jobs of this folder in `/vagrant`.
pub(super) struct Site {
    pub(super) cluster: Cluster,
    _folder: TempDir,
}

impl Site {
    /// The `tiny` cluster with `more` in its profile: tables in TOML, each with its own header.
    pub(super) async fn start(more: &str) -> Self {
        Self::of(&format!("{PROFILE}\n{more}")).await
    }

    /// A cluster of this profile, which mounts `.` at `/vagrant`.
    pub(super) async fn of(profile: &str) -> Self {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().expect("a temporary folder");
        let shared = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(folder.path(), shared).expect("permissions");
        let jobs = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/docker/acceptance");
        for entry in std::fs::read_dir(jobs).expect("the jobs") {
            let path = entry.expect("a job").path();
            if path
                .extension()
                .is_some_and(|e| e == "aurora" || e == "py" || e == "json")
            {
                let name = path.file_name().expect("a name");
                std::fs::copy(&path, folder.path().join(name)).expect("a copy");
            }
        }
        std::fs::write(folder.path().join("shiro.ini"), secured::USERS).expect("the users");
        for (name, text) in secured::CREDENTIALS {
            std::fs::write(folder.path().join(name), text).expect("the credentials");
        }
        let cluster = Cluster::builder()
            .profile_text(profile)
            .folder(folder.path())
            .product(env!("CARGO_BIN_EXE_devcluster"))
            .start()
            .await
            .expect("the cluster comes up");
        Self {
            cluster,
            _folder: folder,
        }
    }

    /// Runs a command of a client's that must succeed; what it prints to both streams.
    pub(super) async fn run(&self, command: &str) -> String {
        succeed(&self.cluster, "devtools", &format!("{command} 2>&1")).await
    }

    /// Runs a command of a client's that may fail.
    pub(super) async fn try_run(&self, command: &str) -> ExecOutput {
        shell(&self.cluster, "devtools", command).await
    }

    /// The states of a job's active instances, in the order of the instances.
    pub(super) async fn states(&self, job: &str) -> Vec<String> {
        let printed = self
            .try_run(&format!("aurora job status {job} --write-json"))
            .await;
        let jobs: Value = serde_json::from_str(&printed.stdout).unwrap_or_default();
        let active = jobs.pointer("/0/active").and_then(Value::as_array);
        let mut states: Vec<(u64, String)> = active
            .into_iter()
            .flatten()
            .map(|task| {
                let instance = task
                    .pointer("/assignedTask/instanceId")
                    .and_then(Value::as_u64);
                (
                    instance.unwrap_or_default(),
                    task["status"].as_str().unwrap_or_default().to_owned(),
                )
            })
            .collect();
        states.sort();
        states.into_iter().map(|(_, state)| state).collect()
    }

    /// Waits until a job's active instances are in these states, in any order.
    pub(super) async fn until_states(&self, job: &str, wanted: &[&str]) {
        let mut wanted = wanted.to_vec();
        wanted.sort_unstable();
        until(&format!("{job} is {wanted:?}"), || async {
            let mut states = self.states(job).await;
            states.sort();
            if states == wanted {
                Ok(())
            } else {
                Err(format!("{states:?}"))
            }
        })
        .await;
    }

    /// Waits until what a command prints contains a text.
    pub(super) async fn until_prints(&self, command: &str, wanted: &str) {
        until(&format!("`{command}` prints `{wanted}`"), || async {
            let output = self.try_run(&format!("{command} 2>&1")).await;
            if output.stdout.contains(wanted) {
                Ok(())
            } else {
                Err(output.stdout)
            }
        })
        .await;
    }

    /// The id of a running instance, as an operator finds it.
    pub(super) async fn task_id(&self, role: &str, job: &str, instance: u32) -> String {
        let name = self.cluster.name();
        let query = format!(
            "aurora_admin query -l '%taskId%' --shards={instance} --states=RUNNING {name} {role} {job}"
        );
        let id = succeed(&self.cluster, "devtools", &query).await;
        assert!(!id.trim().is_empty(), "no task of {job} is found");
        id.trim().to_owned()
    }

    /// Restarts the scheduler's program in its node, and waits until it leads.
    pub(super) async fn restart_scheduler(&self) {
        succeed(
            &self.cluster,
            "aurora-scheduler",
            "pkill -KILL -x aurora-schedule",
        )
        .await;
        until("the scheduler leads again", || async {
            page(&self.cluster, "aurora-scheduler", 8081, "/leaderhealth").await
        })
        .await;
    }

    /// A document of the master's.
    pub(super) async fn master(&self, path: &str) -> Value {
        document(&self.cluster, "mesos-master", 5050, path)
            .await
            .expect("the master answers")
    }

    /// The name by which the scheduler knows the only agent's host.
    pub(super) async fn host(&self) -> String {
        let agents = self.master("/slaves").await;
        agents["slaves"][0]["hostname"]
            .as_str()
            .expect("a host name")
            .to_owned()
    }

    pub(super) async fn end(self) {
        self.cluster.stop().await.expect("removed");
    }
}

/// An agent that is out of sight for 15 s is lost, as the launcher has it: one that stands still on a busy machine for less
/// than that keeps its tasks.
const PROFILE: &str = r#"
[mesos-agent]
count = 1
resources = "cpus:4;mem:2048;disk:8192;ports:[31000-31500]"
attributes = "rack:{index}"
[mesos-agent.flags]
registration_backoff_factor = "10ms"
[[mount]]
source = "."
target = "/vagrant"
"#;
