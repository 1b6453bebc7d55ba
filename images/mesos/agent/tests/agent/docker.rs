//! Tasks in containers of the machine's own Docker engine. Without an engine there is nothing to test: a
//! machine that is to have one, such as CI, says so by `DEVCLUSTER_TEST_DOCKER=1`.

use std::path::Path;
use std::process::Command;

use mesos_proto::mesos::container_info::docker_info::Network;
use mesos_proto::mesos::{ContainerInfo, Image, TaskInfo, TaskState, container_info};

use crate::folder::folder;
use crate::support::{self, *};

/// A label that no other test's containers carry.
pub(crate) struct Mark(pub(crate) String);

impl Drop for Mark {
    fn drop(&mut self) {
        let found = docker(&["ps", "-aq", "--filter", &format!("label={}", self.0)]);
        for id in found.lines() {
            docker(&["rm", "-fv", id]);
        }
        let made = docker(&["images", "-q", "--filter", &format!("label={}", self.0)]);
        for id in made.lines() {
            docker(&["rmi", "-f", id]);
        }
    }
}

pub(crate) fn docker(args: &[&str]) -> String {
    let output = Command::new("docker")
        .args(args)
        .output()
        .expect("docker runs");
    String::from_utf8_lossy(&output.stdout).trim().to_string()
}

pub(crate) fn has_engine() -> bool {
    let has = Path::new("/var/run/docker.sock").exists()
        && Command::new("docker")
            .arg("version")
            .output()
            .is_ok_and(|o| o.status.success());
    assert!(
        has || std::env::var_os("DEVCLUSTER_TEST_DOCKER").is_none(),
        "there is no Docker engine"
    );
    has
}

/// A root file system with this machine's shell and little else.
pub(crate) fn rootfs(folder: &Path) {
    let script = "set -e; mkdir -p $0/bin $0/tmp; \
        for p in sh sleep cat; do f=$(readlink -f /bin/$p); cp $f $0/bin/$p; \
        for l in $(ldd $f | grep -o '/[^ )]*'); do mkdir -p $0$(dirname $l); cp -Ln $l $0$l; done; done";
    let made = Command::new("sh").args(["-c", script]).arg(folder).status();
    assert!(made.expect("sh runs").success());
}

/// An image of that; made once, and kept for the next test.
fn image() -> String {
    static ONCE: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _one = ONCE.lock();
    let name = "devcluster-test/agent-shell:1";
    if !docker(&["images", "-q", name]).is_empty() {
        return name.to_string();
    }
    let dir = folder();
    rootfs(dir.path());
    let script = "tar -C $0 -c . | docker import -c 'ENV IMAGE=yes' -c 'CMD [\"/bin/sh\",\"-c\",\"echo of the image\"]' - $1";
    let made = Command::new("sh")
        .args(["-c", script])
        .arg(dir.path())
        .arg(name)
        .status()
        .expect("sh runs");
    assert!(made.success());
    name.to_string()
}

fn in_docker(id: &str, command: &str, network: Network) -> TaskInfo {
    let mut task = task("M-S0", id, command);
    let mut container = ContainerInfo::new();
    container.set_type(container_info::Type::DOCKER);
    let docker = container.docker.mut_or_insert_default();
    docker.set_image(image());
    docker.set_network(network);
    task.container = Some(container).into();
    task
}

fn flags(mark: &str) -> Vec<String> {
    let (key, value) = mark.split_once('=').expect("a label");
    vec![
        "--containerizers=docker,mesos".to_string(),
        "--docker_remove_delay=1secs".to_string(),
        format!("--docker_container_labels={{\"{key}\":\"{value}\"}}"),
    ]
}

async fn start(
    master: &mut Master,
    work: &Path,
    mark: &str,
) -> (tokio::process::Child, mesos_wire::pid::Upid) {
    let docker = ["--image_providers=docker".to_string()];
    start_with(master, work, mark, &docker).await
}

/// An agent that uses the engine, with more flags.
pub(crate) async fn start_with(
    master: &mut Master,
    work: &Path,
    mark: &str,
    more: &[String],
) -> (tokio::process::Child, mesos_wire::pid::Upid) {
    let all = [&flags(mark), more].concat();
    let child = support::agent_flagged(&master.address(), work, &all);
    let agent = master.register("M-S0").await;
    (child, agent)
}

pub(crate) fn mark(name: &str) -> Mark {
    Mark(format!("agent.test={name}-{}", std::process::id()))
}

/// Waits until a task has said that it is ready to be told to end: before that SIGTERM does nothing to a container's
/// first process.
async fn until_ready(work: &Path, executor: &str) {
    let stdout = sandbox(work, executor).join("stdout");
    eventually(|| std::fs::read_to_string(&stdout).is_ok_and(|text| text == "ready\n")).await;
}

pub(crate) fn sandbox(work: &Path, executor: &str) -> std::path::PathBuf {
    work.join(format!(
        "slaves/M-S0/frameworks/M-0000/executors/{executor}/runs/latest"
    ))
}

#[tokio::test]
async fn a_docker_task_runs_in_its_image_and_its_status_is_reported() {
    if !has_engine() {
        return;
    }
    let mark = mark("status");
    let work = folder();
    let mut master = Master::start().await;
    let (_child, agent) = start(&mut master, work.path(), &mark.0).await;
    let command =
        "echo $IMAGE $MESOS_SANDBOX; echo err >&2; echo kept > $MESOS_SANDBOX/file; exit 3";
    master.send(&agent, &run(in_docker("t1", command, Network::NONE), false));
    assert_eq!(master.state(&agent).await.0, TaskState::TASK_STARTING);
    let running = master.update(&agent).await;
    assert_eq!(running.status.state(), TaskState::TASK_RUNNING);
    let data: serde_json::Value = serde_json::from_slice(running.status.data()).expect("JSON");
    let name = data[0]["Name"].as_str().expect("a name");
    let container = running.status.container_status.container_id.value();
    assert_eq!(name, format!("/mesos-{container}"));
    assert_eq!(data[0]["HostConfig"]["CpuShares"], 512);
    assert_eq!(data[0]["HostConfig"]["Memory"], 64 * 1024 * 1024);
    let failed = (
        TaskState::TASK_FAILED,
        "Container exited with status 3".to_string(),
    );
    assert_eq!(master.state(&agent).await, failed);
    let read =
        |name: &str| std::fs::read_to_string(sandbox(work.path(), "t1").join(name)).expect(name);
    assert_eq!(read("stdout"), "yes /mnt/mesos/sandbox\n");
    assert!(read("stderr").contains("err\n"));
    assert_eq!(read("file"), "kept\n");
    // It is removed after its delay.
    let filter = format!("label={}", mark.0);
    eventually(|| docker(&["ps", "-aq", "--filter", &filter]).is_empty()).await;
}

#[tokio::test]
async fn a_kill_stops_the_container_and_ports_lead_to_it() {
    if !has_engine() {
        return;
    }
    let mark = mark("kill");
    let work = folder();
    let mut master = Master::start().await;
    let (_child, agent) = start(&mut master, work.path(), &mark.0).await;
    let command = "trap 'echo got term; exit 0' TERM; echo ready; sleep 300 & wait";
    master.send(
        &agent,
        &run(in_docker("t1", command, Network::BRIDGE), false),
    );
    assert_eq!(master.state(&agent).await.0, TaskState::TASK_STARTING);
    let running = master.update(&agent).await;
    let address = running.status.container_status.network_infos[0].ip_addresses[0].ip_address();
    assert!(address.starts_with("172."), "{address}");
    let (_, statistics) = get(&agent, "/monitor/statistics").await;
    let statistics: serde_json::Value = serde_json::from_str(&statistics).expect("JSON");
    assert!(
        statistics[0]["statistics"]["mem_rss_bytes"].as_u64() > Some(0),
        "{statistics}"
    );
    until_ready(work.path(), "t1").await;
    master.kill(&agent, "t1");
    assert_eq!(master.state(&agent).await.0, TaskState::TASK_KILLING);
    let killed = (
        TaskState::TASK_KILLED,
        "Container exited with status 0".to_string(),
    );
    assert_eq!(master.state(&agent).await, killed);
    let stdout = std::fs::read_to_string(sandbox(work.path(), "t1").join("stdout")).expect("there");
    assert_eq!(stdout, "ready\ngot term\n");
}

#[tokio::test]
async fn what_the_engine_cannot_run_fails_and_says_why() {
    if !has_engine() {
        return;
    }
    let mark = mark("fails");
    let work = folder();
    let mut master = Master::start().await;
    let (_child, agent) = start(&mut master, work.path(), &mark.0).await;
    let mut unknown = in_docker("t1", "true", Network::NONE);
    let mut parameter = mesos_proto::mesos::Parameter::new();
    parameter.set_key("frobnicate".into());
    parameter.set_value("1".into());
    unknown
        .container
        .mut_or_insert_default()
        .docker
        .mut_or_insert_default()
        .parameters
        .push(parameter);
    master.send(&agent, &run(unknown, false));
    assert_eq!(master.state(&agent).await.0, TaskState::TASK_STARTING);
    let (state, text) = master.state(&agent).await;
    assert_eq!(state, TaskState::TASK_FAILED);
    assert_eq!(
        text,
        "Failed to create docker run options: unknown flag: --frobnicate"
    );

    let mut missing = in_docker("t2", "true", Network::NONE);
    missing.command.mut_or_insert_default().set_shell(false);
    missing
        .command
        .mut_or_insert_default()
        .set_value("/no/such/program".into());
    master.send(&agent, &run(missing, false));
    assert_eq!(master.state(&agent).await.0, TaskState::TASK_STARTING);
    let (state, text) = master.state(&agent).await;
    assert_eq!(state, TaskState::TASK_FAILED);
    assert!(
        text.starts_with("Container exited with status 127"),
        "{text}"
    );
}

#[tokio::test]
async fn a_container_outlives_the_agent_and_an_orphan_does_not() {
    if !has_engine() {
        return;
    }
    let mark = mark("recovery");
    let work = folder();
    let mut master = Master::start().await;
    let port = Port::reserve();
    let flags = [flags(&mark.0), port.flags().to_vec()].concat();
    let mut child = support::agent_flagged(&master.address(), work.path(), &flags);
    let agent = master.register("M-S0").await;
    let command = "trap 'exit 7' TERM; echo ready; sleep 300 & wait";
    master.send(&agent, &run(in_docker("t1", command, Network::NONE), true));
    assert_eq!(master.state(&agent).await.0, TaskState::TASK_STARTING);
    assert_eq!(master.state(&agent).await.0, TaskState::TASK_RUNNING);
    until_ready(work.path(), "t1").await;
    child.kill().await.expect("killed");
    let host_path = format!("org.apache.mesos.agent.work_dir={}", work.path().display());
    let image = image();
    let orphan = format!("mesos-orphan-{}", std::process::id());
    docker(&[
        "run", "-d", "--name", &orphan, "--label", &host_path, "--label", &mark.0, &image, "sleep",
        "300",
    ]);
    let _child = support::agent_flagged(&master.address(), work.path(), &flags);
    let (agent, _) = master.reregister("M-S0").await;
    eventually(|| docker(&["ps", "-aq", "--filter", &format!("name={orphan}")]).is_empty()).await;
    let filter = format!("label={}", mark.0);
    assert_eq!(
        docker(&["ps", "-q", "--filter", &filter]).lines().count(),
        1
    );
    master.kill(&agent, "t1");
    loop {
        let (state, text) = master.state(&agent).await;
        if state == TaskState::TASK_KILLED {
            assert_eq!(text, "Container exited with status 7");
            break;
        }
    }
}

#[tokio::test]
async fn an_executor_of_a_frameworks_own_runs_in_its_image() {
    if !has_engine() {
        return;
    }
    let mark = mark("custom");
    let work = folder();
    let mut master = Master::start().await;
    let (_child, agent) = start(&mut master, work.path(), &mark.0).await;
    // The agent's own command executor stands for a framework's: one static program, brought by its URI.
    let mut task = task("M-S0", "t1", "");
    let command = task.command.take();
    let mut executor = mesos_proto::mesos::ExecutorInfo::new();
    executor
        .executor_id
        .mut_or_insert_default()
        .set_value("e1".into());
    executor.framework_id = framework_id();
    let mut own = command.unwrap_or_default();
    own.set_value("echo $MESOS_SANDBOX $PATH; cp=1; test -x $MESOS_SANDBOX/prog && exit 5".into());
    let mut uri = mesos_proto::mesos::command_info::URI::new();
    uri.set_value(env!("CARGO_BIN_EXE_mesos-executor").into());
    uri.set_output_file("prog".into());
    uri.set_executable(true);
    own.uris.push(uri);
    executor.command = Some(own).into();
    let mut container = ContainerInfo::new();
    container.set_type(container_info::Type::DOCKER);
    container.docker.mut_or_insert_default().set_image(image());
    executor.container = Some(container).into();
    task.executor = Some(executor).into();
    master.send(&agent, &run(task, false));
    let failed = (
        TaskState::TASK_FAILED,
        "Command exited with status 5".to_string(),
    );
    assert_eq!(master.state(&agent).await, failed);
    let stdout = std::fs::read_to_string(sandbox(work.path(), "e1").join("stdout")).expect("there");
    assert!(stdout.starts_with("/mnt/mesos/sandbox"), "{stdout}");
}

/// A task with an executor of its own, which runs in the agent's file system beside an image's.
pub(crate) fn beside_image(id: &str, command: &str, place: &str, image: Image) -> TaskInfo {
    let mut task = task("M-S0", id, "");
    let mut own = task.command.take().unwrap_or_default();
    own.set_value(command.into());
    let mut executor = mesos_proto::mesos::ExecutorInfo::new();
    executor
        .executor_id
        .mut_or_insert_default()
        .set_value(id.into());
    executor.framework_id = framework_id();
    executor.command = Some(own).into();
    let mut volume = mesos_proto::mesos::Volume::new();
    volume.set_container_path(place.into());
    volume.set_mode(mesos_proto::mesos::volume::Mode::RO);
    volume.image = Some(image).into();
    let mut container = ContainerInfo::new();
    container.set_type(container_info::Type::MESOS);
    container.volumes.push(volume);
    executor.container = Some(container).into();
    task.executor = Some(executor).into();
    task
}

/// An image of the engine's.
fn of_engine(name: &str) -> Image {
    let mut image = Image::new();
    image.set_type(mesos_proto::mesos::image::Type::DOCKER);
    image.docker.mut_or_insert_default().set_name(name.into());
    image
}

#[tokio::test]
async fn an_executor_finds_its_volumes_image_in_its_sandbox() {
    if !has_engine() {
        return;
    }
    let mark = mark("volume");
    let work = tempfile::tempdir().expect("a folder");
    let mut master = Master::start().await;
    let (_child, agent) = start(&mut master, work.path(), &mark.0).await;
    let command = "ls -A taskfs; test -x taskfs/bin/cat && test ! -e taskfs/.dockerenv && exit 5";
    master.send(
        &agent,
        &run(
            beside_image("e1", command, "taskfs", of_engine(&image())),
            false,
        ),
    );
    let failed = (
        TaskState::TASK_FAILED,
        "Command exited with status 5".to_string(),
    );
    assert_eq!(master.state(&agent).await, failed);
    let stdout = std::fs::read_to_string(sandbox(work.path(), "e1").join("stdout")).expect("there");
    assert!(
        stdout.contains("bin\n") && stdout.contains("tmp\n"),
        "{stdout}"
    );
    // What it was taken from does not stay.
    let filter = format!("label={}", mark.0);
    eventually(|| docker(&["ps", "-aq", "--filter", &filter]).is_empty()).await;

    master.send(
        &agent,
        &run(
            beside_image("e2", "exit 5", "../out", of_engine(&image())),
            false,
        ),
    );
    let (state, text) = master.state(&agent).await;
    assert_eq!(state, TaskState::TASK_FAILED);
    let want = "Failed to launch container: The container path '../out' of an image volume must be relative and stay in the sandbox";
    assert_eq!(text, want);
    let missing = "localhost:1/no/such:image";
    master.send(
        &agent,
        &run(
            beside_image("e3", "exit 5", "taskfs", of_engine(missing)),
            false,
        ),
    );
    let (state, text) = master.state(&agent).await;
    assert_eq!(state, TaskState::TASK_FAILED);
    assert!(
        text.starts_with("Failed to launch container: Failed to run 'docker -H unix:///var/run/docker.sock pull localhost:1/no/such:image': exited with status 1; stderr='"),
        "{text}"
    );
}
