//! The verbs against an engine in memory.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;

use super::*;
use crate::engine::{EngineError, FakeEngine, FoundNetwork, Kind, Labels, RunState};
use crate::plan::Ask;
use crate::probe::{Answer, Target};
use crate::profile::{ClusterName, Overrides, Profile};

/// Answers as healthy nodes do, unless a test said otherwise for a node.
#[derive(Default)]
struct Healthy {
    agents: Mutex<usize>,
    sick: Mutex<HashMap<String, String>>,
}

#[async_trait]
impl Asker for Healthy {
    async fn ask(&self, target: &Target, ask: &Ask) -> Result<Answer, String> {
        if let Some(why) = self.sick.lock().unwrap().get(target.node.as_str()) {
            return Err(why.clone());
        }
        let ok = |text: String| Ok(Answer { status: 200, text });
        match ask {
            Ask::Http { path, .. } if path == "/metrics/snapshot" => {
                let agents = *self.agents.lock().unwrap();
                ok(format!(r#"{{"master/elected": 1.0, "slave/registered": 1.0, "master/slaves_active": {agents}}}"#))
            }
            Ask::Http { path, .. } if path == "/vars" => ok("framework_registered 1\n".to_owned()),
            Ask::Http { .. } => ok(String::new()),
            Ask::Word { word, .. } if word == "ruok" => Ok(Answer { status: 0, text: "imok".to_owned() }),
            Ask::Word { .. } => Ok(Answer { status: 0, text: "Mode: standalone\n".to_owned() }),
            Ask::Exec { .. } => Ok(Answer { status: 0, text: String::new() }),
        }
    }
}

/// An engine in memory, healthy nodes, and what was told.
struct World {
    engine: Arc<FakeEngine>,
    nodes: Arc<Healthy>,
    events: Arc<Mutex<Vec<Event>>>,
    product: tempfile::NamedTempFile,
    taken: Arc<Mutex<Vec<u16>>>,
}

impl World {
    fn new() -> Self {
        let engine = FakeEngine::default();
        engine.add_image("debian:bookworm-slim");
        let product = tempfile::NamedTempFile::new().unwrap();
        let mut header = vec![0u8; 64];
        header[..6].copy_from_slice(b"\x7fELF\x02\x01");
        std::fs::write(product.path(), header).unwrap();
        Self { engine: Arc::new(engine), nodes: Arc::default(), events: Arc::default(), product, taken: Arc::default() }
    }

    fn launcher(&self) -> Launcher {
        let taken = Arc::clone(&self.taken);
        let host = Host {
            routes: Arc::new(Vec::new),
            port_is_free: Arc::new(move |port| !taken.lock().unwrap().contains(&port)),
            folder: PathBuf::from("/home/me"),
        };
        Launcher { engine: Arc::<FakeEngine>::clone(&self.engine), asker: Arc::<Healthy>::clone(&self.nodes), host }
    }

    async fn up(&self, text: &str) -> Result<ClusterStatus, ClusterError> {
        self.up_with(text, Recreate::No).await
    }

    async fn up_with(&self, text: &str, recreate: Recreate) -> Result<ClusterStatus, ClusterError> {
        let profile = Profile::parse("p", text, &Overrides::default()).unwrap();
        *self.nodes.agents.lock().unwrap() = usize::from(profile.count(&crate::profile::Tier::MesosAgent));
        let options = UpOptions { recreate, product: Some(self.product.path().to_owned()), ..UpOptions::default() };
        let told = Arc::clone(&self.events);
        told.lock().unwrap().clear();
        self.engine.forget_calls();
        up(&self.launcher(), &profile, &options, Arc::new(move |event| told.lock().unwrap().push(event))).await
    }

    /// The calls of that name, by what they were about.
    fn calls(&self, call: &str) -> Vec<String> {
        self.engine.calls().into_iter().filter(|(found, _)| *found == call).map(|(_, thing)| thing).collect()
    }

    fn told(&self, wanted: impl Fn(&Event) -> bool) -> bool {
        self.events.lock().unwrap().iter().any(wanted)
    }

    async fn state(&self, name: &str) -> RunState {
        let found = self.launcher().engine.containers(&[]).await.unwrap();
        found.into_iter().find(|found| found.name == name).unwrap().state
    }
}

fn cluster() -> ClusterName {
    ClusterName::default()
}

#[tokio::test]
async fn a_first_up_makes_everything_and_a_second_nothing() {
    let world = World::new();
    let status = world.up("").await.unwrap();
    assert!(status.ready);
    assert_eq!(status.nodes.len(), 7);
    assert_eq!(world.calls("build").len(), 5, "the base and four images");
    assert_eq!(world.calls("create network"), ["devcluster"]);
    let started = world.calls("start");
    let place = |node: &str| started.iter().position(|found| found.ends_with(node)).unwrap();
    assert!(place("zookeeper-1") < place("mesos-master-1"));
    assert!(place("mesos-master-1") < place("mesos-agent-2"));
    assert!(place("mesos-master-1") < place("aurora-scheduler-1"));
    assert_eq!(world.engine.uploads(), 2, "clusters.json for the scheduler and devtools");
    let specs = world.engine.specs();
    let agent = &specs["devcluster-mesos-agent-2"];
    assert_eq!(agent.ports, [(5051, 0), (1338, 0)]);
    assert_eq!(specs["devcluster-mesos-agent-1"].ports, [(5051, 5051), (1338, 1338)]);
    assert!(agent.hosts.contains(&("zookeeper".to_owned(), [192, 168, 33, 2].into())));
    assert!(agent.labels.contains_key(labels::VERSION) && agent.volumes[0].labels.contains_key(labels::NODE));

    let status = world.up("").await.unwrap();
    assert!(status.ready);
    assert_eq!(world.engine.calls(), []);
    assert!(world.told(|event| matches!(event, Event::InPlace { nodes: 7 })));
}

#[tokio::test]
async fn only_what_differs_is_made_anew() {
    let world = World::new();
    world.up("").await.unwrap();
    world.up("[mesos-master]\ncpus = 1").await.unwrap();
    assert_eq!(world.calls("remove"), ["devcluster-mesos-master-1"]);
    assert_eq!(world.calls("create"), ["devcluster-mesos-master-1"]);
    assert_eq!(world.calls("remove volume"), [""; 0]);
    world.up_with("[mesos-master]\ncpus = 1", Recreate::All).await.unwrap();
    assert_eq!(world.calls("create").len(), 7);
}

#[tokio::test]
async fn agents_come_and_go_with_the_profile() {
    let world = World::new();
    world.up("").await.unwrap();
    world.up("[mesos-agent]\ncount = 4").await.unwrap();
    assert_eq!(world.calls("create"), ["devcluster-mesos-agent-4"]);
    world.up("[mesos-agent]\ncount = 2").await.unwrap();
    let mut removed = world.calls("remove");
    removed.sort();
    assert_eq!(removed, ["devcluster-mesos-agent-3", "devcluster-mesos-agent-4"]);
    assert!(world.calls("remove volume").contains(&"devcluster-mesos-agent-4".to_owned()));
    let status = status(&world.launcher(), &cluster()).await.unwrap();
    assert!(status.ready, "{status:?}");
    assert_eq!(status.nodes.len(), 6);
}

#[tokio::test]
async fn stopped_nodes_are_started_and_half_made_ones_made_anew() {
    let world = World::new();
    world.up("").await.unwrap();
    world.engine.die("devcluster-mesos-agent-1", 137);
    world.up("").await.unwrap();
    assert_eq!(world.engine.calls(), [("start", "devcluster-mesos-agent-1".to_owned())]);

    // As an `up` leaves a node that is killed between making and starting it.
    let world = World::new();
    world.engine.fail("start", "devcluster-mesos-master-1", EngineError::new(Kind::Other, "no"));
    world.up("").await.unwrap_err();
    assert_eq!(world.state("devcluster-mesos-master-1").await, RunState::Created);
    assert!(world.up("").await.unwrap().ready);
    assert!(world.calls("remove").contains(&"devcluster-mesos-master-1".to_owned()));
    assert!(!world.calls("create").contains(&"devcluster-zookeeper-1".to_owned()));
}

#[tokio::test]
async fn an_up_that_is_dropped_halfway_is_completed_by_the_next() {
    let world = World::new();
    world.nodes.sick.lock().unwrap().insert("mesos-master-1".to_owned(), "not elected".to_owned());
    let halfway = tokio::time::timeout(Duration::from_millis(200), world.up("")).await;
    assert!(halfway.is_err(), "{halfway:?}");
    world.nodes.sick.lock().unwrap().clear();
    assert!(world.up("").await.unwrap().ready);
    assert_eq!(world.calls("create network"), [""; 0]);
}

#[tokio::test]
async fn a_death_ends_the_wait_at_once_with_what_was_printed() {
    let world = World::new();
    world.nodes.sick.lock().unwrap().insert("mesos-master-1".to_owned(), "connection refused".to_owned());
    let printed: Vec<String> = (1..=30).map(|line| format!("line {line}")).collect();
    world.engine.set_logs("devcluster-mesos-master-1", &printed.join("\n"));
    let killer = async {
        while !world.told(|event| matches!(event, Event::Node { node, step: NodeStep::NotYet { .. }, .. } if node.as_str() == "mesos-master-1"))
        {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        world.engine.die("devcluster-mesos-master-1", 3);
    };
    let (result, ()) = tokio::join!(world.up(""), killer);
    let error = result.unwrap_err();
    assert_eq!(error.to_string(), "node `mesos-master-1` died with exit code 3");
    let evidence = error.evidence().unwrap();
    assert!(evidence.last_answer.as_ref().unwrap().contains("connection refused"));
    assert_eq!(evidence.lines, printed[10..]);
    assert!(error.hint().unwrap().contains("devcluster logs mesos-master-1"));
}

#[tokio::test]
async fn a_node_that_is_never_ready_is_told_with_its_last_answer() {
    let world = World::new();
    world.nodes.sick.lock().unwrap().insert("mesos-agent-2".to_owned(), "no answer in time".to_owned());
    let error = world.up("[mesos-agent]\nprobe = { within = '50ms' }").await.unwrap_err();
    let ClusterError::NotReady { node, evidence, .. } = &error else { panic!("{error}") };
    assert_eq!(node.as_str(), "mesos-agent-2");
    assert!(evidence.last_answer.as_ref().unwrap().contains("no answer in time"));
}

#[tokio::test]
async fn a_taken_port_gives_way_unless_the_profile_fixes_it() {
    let world = World::new();
    world.taken.lock().unwrap().push(5050);
    world.up("").await.unwrap();
    assert_eq!(world.engine.specs()["devcluster-mesos-master-1"].ports, [(5050, 0)]);

    let world = World::new();
    world.taken.lock().unwrap().push(6060);
    let error = world.up("[mesos-master]\nports = ['6060:5050']").await.unwrap_err();
    assert!(matches!(error, ClusterError::PortTaken { port: 6060, .. }), "{error}");
    assert_eq!(world.calls("create"), [""; 0]);

    // Taken between our look and the engine's.
    let world = World::new();
    world.engine.fail("start", "devcluster-mesos-master-1", EngineError::new(Kind::PortTaken, "port is already allocated"));
    world.up("").await.unwrap();
    assert_eq!(world.engine.specs()["devcluster-mesos-master-1"].ports, [(5050, 0)]);
}

fn foreign_network(subnet: &str) -> FoundNetwork {
    FoundNetwork { id: "x".to_owned(), name: "theirs".to_owned(), subnets: vec![subnet.parse().unwrap()], labels: Labels::new() }
}

#[tokio::test]
async fn a_network_that_is_taken_is_avoided_or_told() {
    let world = World::new();
    world.engine.add_network(foreign_network("192.168.32.0/20"));
    world.up("").await.unwrap();
    assert_eq!(world.engine.specs()["devcluster-zookeeper-1"].address.to_string(), "192.168.48.2");

    let world = World::new();
    world.engine.add_network(foreign_network("10.0.0.0/8"));
    let error = world.up("[network]\nsubnet = '10.1.0.0/16'").await.unwrap_err();
    assert_eq!(error.to_string(), "network `10.1.0.0/16` overlaps the engine's network `theirs` (10.0.0.0/8)");
    assert!(error.hint().is_some());

    // Another launcher was faster: the engine refuses, and we choose again.
    let world = World::new();
    world.engine.fail("create network", "devcluster", EngineError::new(Kind::SubnetTaken, "Pool overlaps with other one"));
    assert!(world.up("").await.unwrap().ready);
}

#[tokio::test]
async fn another_network_moves_every_node() {
    let world = World::new();
    world.up("").await.unwrap();
    world.up("[network]\nsubnet = '10.1.0.0/24'").await.unwrap();
    assert_eq!(world.calls("create").len(), 7);
    assert_eq!(world.calls("create network"), ["devcluster"]);
    assert_eq!(world.engine.specs()["devcluster-mesos-agent-1"].address.to_string(), "10.1.0.10");
}

#[tokio::test]
async fn what_the_engine_cannot_do_is_told_with_a_remedy() {
    let cases = [
        ("create", "devcluster-devtools", Kind::DiskFull, "cannot make node `devtools`", "free space"),
        ("start", "devcluster-zookeeper-1", Kind::Mount, "cannot start node `zookeeper-1`", "may mount"),
        ("build", "devcluster/mesos", Kind::DiskFull, "cannot make image `mesos`", "free space"),
    ];
    for (call, thing, kind, message, hint) in cases {
        let world = World::new();
        let thing = match call {
            "build" => {
                let product = crate::image::Product::read(world.product.path().to_owned()).await.unwrap();
                crate::image::ImageStore::new(world.launcher().engine, product).reference(crate::plan::OwnImage::Mesos)
            }
            _ => thing.to_owned(),
        };
        world.engine.fail(call, &thing, EngineError::new(kind, "no"));
        let error = world.up("").await.unwrap_err();
        assert_eq!(error.to_string(), message);
        assert!(error.hint().unwrap().contains(hint), "case {call}: {:?}", error.hint());
        // The next `up` finds its way, and so does `down`.
        assert!(world.up("").await.unwrap().ready);
        down(&world.launcher(), &cluster(), &|_| {}).await.unwrap();
        assert_eq!(world.engine.specs().len(), 0);
    }
}

#[tokio::test]
async fn down_removes_one_cluster_and_leaves_the_other() {
    let world = World::new();
    world.up("").await.unwrap();
    world.up("name = 'other'").await.unwrap();
    let removed = down(&world.launcher(), &cluster(), &|_| {}).await.unwrap();
    assert_eq!((removed.containers, removed.networks), (7, 1));
    assert!(world.engine.specs().keys().all(|name| name.starts_with("other-")));
    assert_eq!(world.engine.specs().len(), 7);
    assert!(down(&world.launcher(), &cluster(), &|_| {}).await.unwrap().is_nothing());
    assert!(matches!(status(&world.launcher(), &cluster()).await, Err(ClusterError::NoCluster(_))));
}

#[tokio::test]
async fn status_misses_what_is_gone_and_quotes_what_is_sick() {
    let world = World::new();
    world.up("").await.unwrap();
    let gone = find_node(&world.launcher(), &cluster(), "mesos-agent-2").await.unwrap();
    world.launcher().engine.remove_container(&gone.id).await.unwrap();
    world.engine.die("devcluster-mesos-agent-3", 1);
    world.nodes.sick.lock().unwrap().insert("zookeeper-1".to_owned(), "refused".to_owned());
    let status = status(&world.launcher(), &cluster()).await.unwrap();
    let health = |name: &str| &status.nodes.iter().find(|node| node.name.as_str() == name).unwrap().health;
    assert!(!status.ready);
    assert_eq!(health("mesos-agent-2"), &Health::Missing);
    assert!(matches!(health("mesos-agent-3"), Health::Stopped(_)));
    assert!(matches!(health("zookeeper-1"), Health::NotReady(why) if why.contains("refused")));
    assert_eq!(health("devtools"), &Health::Ready);
    let order: Vec<&str> = status.nodes.iter().map(|node| node.name.as_str()).collect();
    assert_eq!(order[..4], ["zookeeper-1", "mesos-master-1", "mesos-agent-1", "mesos-agent-2"]);
}

#[tokio::test]
async fn a_node_is_found_by_its_name_or_its_tiers_and_a_slip_is_told() {
    let world = World::new();
    world.up("").await.unwrap();
    let find = async |name: &str| find_node(&world.launcher(), &cluster(), name).await.map(|found| found.name);
    assert_eq!(find("mesos-agent").await.unwrap(), "devcluster-mesos-agent-1");
    assert_eq!(find("mesos-agent-3").await.unwrap(), "devcluster-mesos-agent-3");
    let error = find("mesos-agnet-3").await.unwrap_err();
    assert_eq!(error.hint().as_deref(), Some("did you mean `mesos-agent-3`?"));
}

#[tokio::test]
async fn another_folder_is_told_and_replaces_nothing() {
    let world = World::new();
    world.up("").await.unwrap();
    let mut launcher = world.launcher();
    launcher.host.folder = PathBuf::from("/elsewhere");
    let told = Arc::clone(&world.events);
    let options = UpOptions { product: Some(world.product.path().to_owned()), ..UpOptions::default() };
    up(&launcher, &Profile::default(), &options, Arc::new(move |event| told.lock().unwrap().push(event))).await.unwrap();
    assert!(world.told(|event| matches!(event, Event::Note(text) if text.contains("/home/me"))));
}
