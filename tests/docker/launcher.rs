//! `up`, `status`, `ssh`, `logs` and `down` against a real Docker engine, through the program itself.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use devcluster::cluster::labels;
use devcluster::engine::{DockerEngine, Engine, FoundContainer, RunState};
use devcluster::fixture::{self, Cluster};
use serde_json::Value;

/// A cluster started by hand: a name of its own, and everything removed in the end.
struct ByHand {
    name: String,
    folder: tempfile::TempDir,
}

impl ByHand {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        Self {
            name: format!("hand-{:x}-{count}", std::process::id()),
            folder: tempfile::tempdir().expect("a folder"),
        }
    }

    fn profile(&self, text: &str) -> String {
        let path = self.folder.path().join("p.toml");
        std::fs::write(&path, text).expect("a profile");
        path.display().to_string()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_devcluster"));
        command
            .current_dir(self.folder.path())
            .env("DEVCLUSTER_NAME", &self.name)
            .args(arguments);
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments)
            .stdin(Stdio::null())
            .output()
            .expect("devcluster runs")
    }

    /// Runs a verb that must succeed; returns what it prints to stdout.
    fn succeed(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(
            output.status.success(),
            "{arguments:?} ended with {}:\n{}",
            output.status,
            text(&output.stderr)
        );
        text(&output.stdout)
    }

    fn status(&self) -> Value {
        serde_json::from_slice(&self.run(&["status", "--format", "json"]).stdout).expect("JSON")
    }

    async fn containers(&self) -> Vec<FoundContainer> {
        engine()
            .await
            .containers(&[(labels::CLUSTER, &self.name)])
            .await
            .expect("a list")
    }

    /// How many containers, networks and volumes there are.
    async fn leftovers(&self) -> (usize, usize, usize) {
        leftovers(&self.name).await
    }
}

impl Drop for ByHand {
    fn drop(&mut self) {
        let output = self.run(&["down"]);
        if !output.status.success() {
            eprintln!("cluster `{}` is left: {}", self.name, text(&output.stderr));
        }
    }
}

async fn engine() -> DockerEngine {
    DockerEngine::connect().await.expect("an engine")
}

async fn leftovers(cluster: &str) -> (usize, usize, usize) {
    let engine = engine().await;
    let own = [(labels::CLUSTER, cluster)];
    let networks = engine.networks().await.expect("a list");
    let networks = networks.iter().filter(|network| {
        network
            .labels
            .get(labels::CLUSTER)
            .is_some_and(|found| found == cluster)
    });
    (
        engine.containers(&own).await.expect("a list").len(),
        networks.count(),
        engine.volumes(&own).await.expect("a list").len(),
    )
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn interrupt(child: &Child) {
    let pid = i32::try_from(child.id()).expect("a process number");
    nix::sys::signal::kill(
        nix::unistd::Pid::from_raw(pid),
        nix::sys::signal::Signal::SIGINT,
    )
    .expect("a signal");
}

/// How long a condition may take on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// The same where images may have to be made first, from packages that have to be fetched.
const WITH_IMAGES: Duration = Duration::from_secs(1800);

/// Waits for a condition that must come.
async fn until(what: &str, holds: impl AsyncFnMut() -> bool) {
    until_within(PATIENCE, what, holds).await;
}

async fn until_within(patience: Duration, what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let began = Instant::now();
    while !holds().await {
        assert!(began.elapsed() < patience, "{what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Waits until every node is ready at one look: a look may come when a busy machine lets a node wait.
async fn until_ready(cluster: &Cluster) {
    until("all is ready", async || {
        cluster.status().await.expect("a status").ready
    })
    .await;
}

#[tokio::test]
async fn a_cluster_comes_up_is_found_in_place_and_goes() {
    let cluster = ByHand::new();
    std::fs::write(cluster.folder.path().join("here"), "mine").expect("a file");
    let table = cluster.succeed(&["up"]);
    for node in [
        "zookeeper-1",
        "mesos-master-1",
        "mesos-agent-3",
        "aurora-scheduler-1",
        "devtools",
    ] {
        assert!(
            table
                .lines()
                .any(|line| line.starts_with(node) && line.contains("ready")),
            "{node}:\n{table}"
        );
    }

    // What `up` has found ready may be slow to answer at one later look.
    until("all is ready", async || cluster.status()["ready"] == true).await;
    let status = cluster.status();
    let nodes = status["nodes"].as_array().expect("nodes");
    assert_eq!(nodes.len(), 7);
    for url in nodes
        .iter()
        .flat_map(|node| node["urls"].as_array().expect("urls"))
        .filter_map(Value::as_str)
    {
        if url.starts_with("http") {
            let answer = reqwest::get(url)
                .await
                .unwrap_or_else(|error| panic!("{url}: {error}"));
            assert!(answer.status().is_success(), "{url}: {}", answer.status());
        }
    }
    let published: BTreeMap<&str, u64> = nodes
        .iter()
        .filter_map(|node| {
            Some((
                node["name"].as_str()?,
                node["ports"].as_object()?.values().next()?.as_u64()?,
            ))
        })
        .collect();
    assert_eq!(
        published.len(),
        6,
        "all but devtools publish a port: {published:?}"
    );

    // Every node resolves every other, and sees the folder.
    let names: Vec<&str> = nodes
        .iter()
        .filter_map(|node| node["name"].as_str())
        .collect();
    for node in &names {
        let seen = cluster.succeed(&[
            "ssh",
            node,
            "--",
            "sh",
            "-c",
            &format!("cat here && getent hosts {}", names.join(" ")),
        ]);
        assert!(seen.starts_with("mine"), "{node}: {seen}");
        for other in nodes {
            let address = other["address"].as_str().expect("an address");
            assert!(
                seen.contains(address),
                "{node} does not resolve {}: {seen}",
                other["name"]
            );
        }
    }
    let clusters = cluster.succeed(&["ssh", "devtools", "cat", "/etc/aurora/clusters.json"]);
    let clusters: Value = serde_json::from_str(&clusters).expect("JSON");
    assert!(
        clusters
            .as_array()
            .expect("a list")
            .iter()
            .any(|entry| entry["name"] == cluster.name.as_str())
    );

    // A command's exit code, input and arguments go through.
    assert_eq!(
        cluster
            .run(&["ssh", "devtools", "--", "sh", "-c", "exit 7"])
            .status
            .code(),
        Some(7)
    );
    let mut child = cluster
        .command(&["ssh", "zookeeper", "--", "cat"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("devcluster runs");
    let mut input = child.stdin.take().expect("an input");
    input.write_all(b"typed\n").expect("a write");
    drop(input);
    let answer = child.wait_with_output().expect("an output");
    assert_eq!(text(&answer.stdout), "typed\n");
    let stat = "echo stat | nc -q 60 zookeeper 2181";
    let stat = cluster.succeed(&["ssh", "zookeeper", "--", "sh", "-c", stat]);
    assert!(stat.contains("Mode: standalone"), "{stat}");
    let wrong = cluster.run(&["ssh", "mesos-agnet-2"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(
        text(&wrong.stderr).contains("did you mean `mesos-agent-2`?"),
        "{}",
        text(&wrong.stderr)
    );
    let logs = cluster.run(&["logs", "mesos-master", "--tail", "5"]);
    assert!(logs.status.success() && !logs.stdout.is_empty() && logs.stderr.is_empty());

    // Again: all is in place, and nothing is made anew.
    let before: Vec<_> = cluster
        .containers()
        .await
        .into_iter()
        .map(|found| found.id)
        .collect();
    let again = cluster.run(&["up"]);
    assert!(
        again.status.success() && text(&again.stderr).contains("everything is in place"),
        "{}",
        text(&again.stderr)
    );
    let after: Vec<_> = cluster
        .containers()
        .await
        .into_iter()
        .map(|found| found.id)
        .collect();
    assert_eq!(before, after);

    cluster.succeed(&["down"]);
    assert_eq!(cluster.leftovers().await, (0, 0, 0));
    cluster.succeed(&["down"]);
    assert_eq!(cluster.run(&["status"]).status.code(), Some(1));
}

#[tokio::test]
async fn an_interrupted_up_ends_soon_and_the_next_completes() {
    let cluster = ByHand::new();
    // It would wait for the last tier for half an hour, so that an end within a small part of that comes of the signal.
    let never = cluster.profile(
        "[mesos-agent]\ncount = 1\n[devtools]\nprobe = { exec = [\"false\"], within = \"1800s\" }\n",
    );
    // Once as the first container appears, once as the last does.
    for made in [1, 5] {
        let mut child = cluster
            .command(&["up", "--profile", &never])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("devcluster runs");
        until_within(WITH_IMAGES, "containers appear", async || {
            let ended = child.try_wait().expect("a child").is_some();
            ended || cluster.containers().await.len() >= made
        })
        .await;
        interrupt(&child);
        let began = Instant::now();
        let ended = child.wait().expect("an end");
        assert!(began.elapsed() < PATIENCE, "{:?}", began.elapsed());
        let story: Vec<String> = BufReader::new(child.stderr.take().expect("a story"))
            .lines()
            .map_while(Result::ok)
            .collect();
        assert_eq!(ended.code(), Some(130), "{story:?}");
        assert!(
            story.iter().any(|line| line == "error: interrupted"),
            "{story:?}"
        );
    }
    let whole = cluster.profile("[mesos-agent]\ncount = 1\n");
    cluster.succeed(&["up", "--profile", &whole]);
    until("all is ready", async || cluster.status()["ready"] == true).await;
}

#[tokio::test]
async fn a_node_killed_halfway_is_told_at_once_and_the_next_up_mends_it() {
    let cluster = ByHand::new();
    // The last tier never becomes ready, so that `up` waits for as long as it takes to kill a node.
    let never = cluster.profile(
        "[mesos-agent]\ncount = 1\n[devtools]\nprobe = { exec = [\"false\"], within = \"1800s\" }\n",
    );
    let child = cluster
        .command(&["up", "--profile", &never])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("devcluster runs");
    until_within(WITH_IMAGES, "the agent runs", async || {
        cluster
            .containers()
            .await
            .iter()
            .any(|found| found.name.ends_with("devtools") && found.state == RunState::Running)
    })
    .await;
    let agent = cluster
        .containers()
        .await
        .into_iter()
        .find(|found| found.name.ends_with("mesos-agent-1"))
        .expect("an agent");
    engine()
        .await
        .kill_container(&agent.id)
        .await
        .expect("a kill");
    let output = child.wait_with_output().expect("an end");
    let story = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{story}");
    assert!(
        story.contains("error: node `mesos-agent-1` died"),
        "{story}"
    );
    assert!(
        story.contains("hint: `devcluster logs mesos-agent-1`"),
        "{story}"
    );
    let status = cluster.status();
    assert_eq!(status["ready"], false, "{status:#}");
    let whole = cluster.profile("[mesos-agent]\ncount = 1\n");
    cluster.succeed(&["up", "--profile", &whole]);
    let mended = cluster
        .containers()
        .await
        .into_iter()
        .find(|found| found.name.ends_with("mesos-agent-1"))
        .expect("an agent");
    assert_eq!(mended.id, agent.id, "it is started again, with its storage");
}

#[tokio::test]
async fn a_port_or_a_network_that_is_taken_is_told_and_leaves_nothing_half_made() {
    let cluster = ByHand::new();
    let holder = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let port = holder.local_addr().expect("an address").port();
    let profile = cluster.profile(&format!("[mesos-master]\nports = [\"{port}:5050\"]\n"));
    let output = cluster.run(&["up", "--profile", &profile]);
    let story = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{story}");
    assert!(
        story.contains(&format!(
            "port {port} of this host, which the profile fixes for `mesos-master-1`, is in use"
        )),
        "{story}"
    );
    assert!(story.contains("hint: stop what uses it"), "{story}");

    let networks = engine().await.networks().await.expect("a list");
    // Another test's network may go at any moment; the engine's own stays.
    let bridge = networks.iter().find(|network| network.name == "bridge");
    let bridge = bridge.expect("an engine has a bridge");
    let taken = bridge.subnets[0].to_string();
    cluster.succeed(&["down"]);
    let output = cluster.run(&["up", "--subnet", &taken]);
    let story = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{story}");
    assert!(
        story.contains(&format!("network `{taken}` overlaps"))
            && story.contains("hint: give another network"),
        "{story}"
    );
    assert_eq!(cluster.leftovers().await, (0, 0, 0));
}

#[tokio::test]
async fn a_program_that_would_not_run_in_an_image_is_refused() {
    let cluster = ByHand::new();
    let folder = cluster.folder.path();
    // A program that wants a loader: ours with the kind of its first program header changed to that.
    let mut program = std::fs::read(env!("CARGO_BIN_EXE_devcluster")).expect("the program");
    program[64] = 3;
    let path = folder.join("devcluster");
    std::fs::write(&path, program).expect("a file");
    let output = cluster
        .command(&["up"])
        .env("DEVCLUSTER_BIN", &path)
        .output()
        .expect("devcluster runs");
    let story = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{story}");
    assert!(
        story.contains("cannot go into the images: it is linked dynamically"),
        "{story}"
    );
    assert!(
        story.contains("hint: build it with `cargo build --release` in a clone"),
        "{story}"
    );
    assert_eq!(cluster.leftovers().await, (0, 0, 0));
}

#[tokio::test]
async fn a_command_ends_with_the_ssh_that_ran_it() {
    let cluster = start("tiny").await;
    let mut child = Command::new(env!("CARGO_BIN_EXE_devcluster"))
        .args([
            "--name",
            cluster.name(),
            "ssh",
            "devtools",
            "--",
            "sh",
            "-c",
            "echo begun; sleep 4321",
        ])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("devcluster runs");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("an output"))
        .read_line(&mut line)
        .expect("a line");
    assert_eq!(line, "begun\n");
    interrupt(&child);
    assert_eq!(child.wait().expect("an end").code(), Some(130));
    until("the command ends", async || {
        cluster
            .exec("devtools", ["pgrep", "-f", "sleep 4321"])
            .await
            .is_ok_and(|output| output.code == 1)
    })
    .await;
    cluster.stop().await.expect("a stop");
}

async fn start(profile: &str) -> Cluster {
    let started = Cluster::builder()
        .profile(profile)
        .product(env!("CARGO_BIN_EXE_devcluster"))
        .start()
        .await;
    started.unwrap_or_else(|error| panic!("{error}"))
}

#[tokio::test]
async fn two_clusters_live_side_by_side() {
    let (one, other) = tokio::join!(start("tiny"), start("tiny"));
    assert_ne!(one.name(), other.name());
    assert_ne!(
        one.inner_address("zookeeper"),
        other.inner_address("zookeeper")
    );
    assert_ne!(
        one.address("mesos-master", 5050).expect("a port"),
        other.address("mesos-master", 5050).expect("a port")
    );
    for cluster in [&one, &other] {
        let resolved = cluster
            .exec("mesos-agent", ["getent", "hosts", "zookeeper"])
            .await
            .expect("an answer");
        let address = cluster
            .inner_address("zookeeper")
            .expect("an address")
            .to_string();
        assert!(
            resolved.stdout.starts_with(&address),
            "{} in place of {address}",
            resolved.stdout
        );
    }
    let name = one.name().to_owned();
    one.kill("mesos-master").await.expect("a kill");
    assert!(!one.status().await.expect("a status").ready);
    one.stop().await.expect("a stop");
    assert_eq!(leftovers(&name).await, (0, 0, 0));
    until_ready(&other).await;
    other.stop().await.expect("a stop");
}

#[tokio::test]
async fn a_test_that_panics_leaves_nothing() {
    let (send, name) = tokio::sync::oneshot::channel();
    let test = tokio::spawn(async move {
        let cluster = start("tiny").await;
        send.send(cluster.name().to_owned()).expect("a listener");
        panic!("as a failed assertion would");
    });
    let name = name.await.expect("a name");
    assert!(test.await.expect_err("a panic").is_panic());
    assert_eq!(leftovers(&name).await, (0, 0, 0));
}

#[tokio::test]
async fn what_a_killed_test_left_is_swept_and_what_lives_is_not() {
    let alive = start("tiny").await;
    let engine = engine().await;
    let found = engine
        .containers(&[(labels::CLUSTER, alive.name())])
        .await
        .expect("a list");
    let owner = found
        .first()
        .and_then(|found| found.labels.get(labels::OWNER))
        .expect("an owner");
    // A process of our number that began at another time: one that is gone.
    let (process, began) = owner.rsplit_once('/').expect("a time");
    let gone = format!("{process}/{}", began.parse::<u64>().expect("a number") + 1);
    let name = format!("left-{:x}", std::process::id());
    let labels = [
        (labels::CLUSTER.to_owned(), name.clone()),
        (labels::OWNER.to_owned(), gone),
    ]
    .into();
    engine
        .create_volume(&format!("{name}-volume"), &labels)
        .await
        .expect("a volume");
    assert_eq!(leftovers(&name).await, (0, 0, 1));
    let swept = fixture::sweep().await.expect("a sweep");
    assert!(
        swept.iter().any(|found| found.as_str() == name),
        "{swept:?}"
    );
    assert_eq!(leftovers(&name).await, (0, 0, 0));
    until_ready(&alive).await;
    alive.stop().await.expect("a stop");
}
