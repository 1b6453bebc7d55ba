//! Tasks in containers of the engine that the cluster itself runs in.

use std::process::Command;

use devcluster::cluster::labels;
use devcluster::engine::{DockerEngine, Engine};
use devcluster::fixture::Cluster;

use serde_json::Value;

use crate::support::{APPC_IMAGE, PATIENCE, page, shell, store_appc_image, succeed, until};

const PROFILE: &str = r#"
[zookeeper]
count = 1
[mesos-master]
count = 1
[mesos-agent]
count = 1
docker_tasks = true
[mesos-agent.flags]
appc_store_dir = "/var/lib/mesos/appc"
[aurora-scheduler]
count = 0
[devtools]
count = 0
"#;

/// A framework in a few lines: it runs one task, which serves pages at a port of its agent.
const FRAMEWORK: &str = include_str!("framework.py");

#[tokio::test]
async fn tasks_in_images_serve_at_their_agents_port_and_go_with_the_cluster() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("framework.py"), FRAMEWORK).expect("a program");
    let cluster = Cluster::builder()
        .profile_text(PROFILE)
        .folder(folder.path())
        .product(env!("CARGO_BIN_EXE_devcluster"))
        .start()
        .await
        .expect("the cluster comes up");
    let engine = DockerEngine::connect().await.expect("an engine");
    let name = cluster.name().to_string();
    let own = [(labels::CLUSTER, name.as_str())];
    let containers = engine.containers(&own).await.expect("a list");
    let agent = containers
        .iter()
        .find(|found| found.name.ends_with("mesos-agent-1"))
        .expect("an agent");
    let address = agent.address.expect("an address").to_string();
    let image = agent.image.clone();
    // Tasks' images are the engine's: the agent's own has a shell and an interpreter.
    let docker = serde_json::json!({"type": "DOCKER", "docker": {"image": image, "network": "BRIDGE",
        "port_mappings": [{"host_port": 31005, "container_port": 8000, "protocol": "tcp"}]}});
    serves(&cluster, &docker, &address, "31005", "8000").await;
    // The engine gets an image of the agent's store once, and the task has its agent's network.
    store_appc_image(&cluster).await;
    let appc = serde_json::json!({"type": "MESOS", "mesos": {"image": {"type": "APPC",
        "appc": {"name": "example.com/http_example", "id": APPC_IMAGE}}}});
    serves(&cluster, &appc, &address, "31006", "31006").await;
    let images = async || {
        let found = engine.images(labels::CLUSTER).await.expect("a list");
        let own = found
            .iter()
            .filter(|image| image.labels[labels::CLUSTER] == name);
        own.count()
    };
    assert_eq!(images().await, 1);
    // The tasks run on, and their agent is killed: their containers go with the cluster all the same.
    let tasks = async || {
        let found = engine
            .containers(&own)
            .await
            .map_err(|error| error.to_string())?;
        Ok::<_, String>(
            found
                .iter()
                .filter(|found| found.name.starts_with("mesos-"))
                .count(),
        )
    };
    assert_eq!(tasks().await, Ok(2));
    cluster.kill("mesos-agent-1").await.expect("killed");
    cluster.stop().await.expect("it goes");
    until("nothing is left", async || {
        let left = engine
            .containers(&own)
            .await
            .map_err(|error| error.to_string())?;
        if left.is_empty() {
            Ok(())
        } else {
            Err(format!("{} containers", left.len()))
        }
    })
    .await;
    assert_eq!(images().await, 0);
}

/// Runs a task in this container, and reads its page at a port of the agent's.
async fn serves(cluster: &Cluster, container: &Value, address: &str, port: &str, inside: &str) {
    let container = container.to_string();
    let program = ["python3", "/vagrant/framework.py"];
    let arguments = [container.as_str(), address, port, inside];
    let run = cluster.exec("mesos-master", program.into_iter().chain(arguments));
    let output = tokio::time::timeout(PATIENCE, run).await;
    let output = output.expect("in time").expect("it runs");
    assert_eq!(output.code, 0, "{}{}", output.stdout, output.stderr);
    let said = &output.stdout;
    assert!(
        said.contains("TASK_RUNNING") && said.contains("of the task"),
        "{said}"
    );
}

const AURORA: &str = r#"
name = "docker"
[zookeeper]
count = 1
[mesos-master]
count = 1
[mesos-agent]
count = 1
docker_tasks = true
[aurora-scheduler]
count = 1
[devtools]
count = 1
[[mount]]
source = "."
target = "/vagrant"
"#;

/// Two jobs of the same task, in both kinds of containers.
const JOBS: &str = r#"
serve = Process(name = 'serve', cmdline = """
  cat /etc/marker
  [ -e /usr/bin/python3 ] || echo no python
  echo kept > file
  while true; do sleep 1; done""")
task = SequentialTask(processes = [serve], resources = Resources(cpu = 0.2, ram = 64*MB, disk = 128*MB))
def job(name, container):
  return Service(cluster = 'CLUSTER', environment = 'devel', role = 'www-data', name = name, task = task, container = container)
jobs = [
  job('docker', Docker(image = 'IMAGE:1')),
  job('mesos', Mesos(image = DockerImage(name = 'IMAGE', tag = '1'))),
]
"#;

/// An image of this test's own.
struct Made(String);

impl Drop for Made {
    fn drop(&mut self) {
        // Whether it can be removed is the engine's affair.
        let _ = Command::new("docker").args(["rmi", "-f", &self.0]).output();
    }
}

fn docker(args: &[&str]) {
    let output = Command::new("docker").args(args).output();
    let output = output.expect("docker runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "docker {args:?}: {said}");
}

/// What an agent's node has, but without Python and whatever is Mesos' and Aurora's.
fn plain_image(node: &str, name: &str) -> Made {
    let made = Made(format!("{name}:1"));
    let strip = "rm -rf /usr/bin/python* /usr/lib/python* /usr/bin/devcluster /usr/libexec/mesos; echo of the image > /etc/marker";
    let container = format!("{}-strip", name.replace('/', "-"));
    docker(&[
        "run",
        "--name",
        &container,
        "--network=none",
        "--entrypoint=/bin/sh",
        node,
        "-c",
        strip,
    ]);
    docker(&[
        "commit",
        "--change=ENTRYPOINT []",
        "--change=CMD []",
        &container,
        &made.0,
    ]);
    docker(&["rm", &container]);
    made
}

#[tokio::test]
async fn an_aurora_job_runs_in_an_image_without_python_and_mesos() {
    let folder = tempfile::tempdir().expect("a folder");
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755))
        .expect("readable");
    let cluster = Cluster::builder()
        .profile_text(AURORA)
        .folder(folder.path())
        .product(env!("CARGO_BIN_EXE_devcluster"))
        .start()
        .await
        .expect("the cluster comes up");
    let name = cluster.name().to_string();
    let engine = DockerEngine::connect().await.expect("an engine");
    let own = [(labels::CLUSTER, name.as_str())];
    let containers = engine.containers(&own).await.expect("a list");
    let agent = containers
        .iter()
        .find(|found| found.name.ends_with("mesos-agent-1"));
    let image = format!("devcluster-test/{name}");
    let _made = plain_image(&agent.expect("an agent").image, &image);
    let jobs = JOBS.replace("CLUSTER", &name).replace("IMAGE", &image);
    std::fs::write(folder.path().join("docker.aurora"), jobs).expect("written");
    for job in ["docker", "mesos"] {
        runs_in_its_image(&cluster, &format!("{name}/www-data/devel/{job}")).await;
    }
    cluster.stop().await.expect("it goes");
    until("nothing is left", async || {
        let left = engine
            .containers(&own)
            .await
            .map_err(|error| error.to_string())?;
        if left.is_empty() {
            Ok(())
        } else {
            Err(format!("{} containers", left.len()))
        }
    })
    .await;
}

async fn runs_in_its_image(cluster: &Cluster, job: &str) {
    let create = format!("aurora job create {job} /vagrant/docker.aurora");
    succeed(cluster, "devtools", &create).await;
    let status = format!("aurora job status {job}");
    until("the job runs", async || {
        let text = succeed(cluster, "devtools", &status).await;
        if text.contains("status: RUNNING on ") && !text.contains("FAILED") {
            Ok(())
        } else {
            Err(text)
        }
    })
    .await;
    // Its processes see the image.
    let ssh = format!("aurora task ssh {job}/0 -c 'cat .logs/serve/0/stdout; cat file'");
    until("the task has spoken", async || {
        let found = shell(cluster, "devtools", &ssh).await;
        match found.stdout.as_str() {
            "of the image\nno python\nkept\n" => Ok(()),
            _ => Err(format!("{}{}", found.stdout, found.stderr)),
        }
    })
    .await;
    // The observer knows it, its log and its sandbox.
    let id = succeed(cluster, "devtools", &format!("aurora job status {job} --write-json | grep -o '\"taskId\": *\"[^\"]*' | cut -d'\"' -f4")).await;
    let id = id.trim();
    for (path, wanted) in [
        (format!("/task/{id}"), "serve"),
        (
            format!("/logdata/{id}/serve/0/stdout?offset=0&length=1000"),
            "of the image",
        ),
        (format!("/browse/{id}"), "file"),
    ] {
        until("the observer's page", async || {
            let text = page(cluster, "mesos-agent", 1338, &path).await?;
            if text.contains(wanted) {
                Ok(())
            } else {
                Err(format!("{path}: {text}"))
            }
        })
        .await;
    }
    succeed(cluster, "devtools", &format!("aurora job killall {job}")).await;
    until("the job has ended", async || {
        let text = shell(cluster, "devtools", &status).await.stdout;
        if text.contains("Active tasks (0)") && text.contains(" KILLED: ") {
            Ok(())
        } else {
            Err(text)
        }
    })
    .await;
}
