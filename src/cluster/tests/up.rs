//! What `up` does about what it finds.

use super::*;

#[tokio::test]
async fn a_first_up_makes_everything_and_a_second_nothing() {
    let world = World::new();
    let status = world.up("").await.unwrap();
    assert!(status.ready);
    assert_eq!(status.nodes.len(), 7);
    assert_eq!(world.calls("build").len(), 5, "the base and four images");
    assert_eq!(world.calls("create network"), ["devcluster"]);
    let started = world.calls("start");
    let place = |node: &str| {
        started
            .iter()
            .position(|found| found.ends_with(node))
            .unwrap()
    };
    assert!(place("zookeeper-1") < place("mesos-master-1"));
    assert!(place("mesos-master-1") < place("mesos-agent-2"));
    assert!(place("mesos-master-1") < place("aurora-scheduler-1"));
    assert_eq!(
        world.engine.uploads(),
        2,
        "clusters.json for the scheduler and devtools"
    );
    let specs = world.engine.specs();
    let agent = &specs["devcluster-mesos-agent-2"];
    assert_eq!(agent.ports, [(5051, 0), (1338, 0)]);
    assert_eq!(
        specs["devcluster-mesos-agent-1"].ports,
        [(5051, 5051), (1338, 1338)]
    );
    assert!(
        agent
            .hosts
            .contains(&("zookeeper".to_owned(), [192, 168, 33, 2].into()))
    );
    assert!(
        agent.labels.contains_key(labels::VERSION)
            && agent.volumes[0].labels.contains_key(labels::NODE)
    );

    let status = world.up("").await.unwrap();
    assert!(status.ready);
    assert_eq!(world.engine.calls(), []);
    assert!(world.told(|event| matches!(event, Event::InPlace { nodes: 7 })));
}

#[tokio::test]
async fn ports_that_the_engine_lists_late_are_found() {
    let world = World::new();
    world.engine.list_without_ports(3);
    let status = tokio::time::timeout(Duration::from_secs(20), world.up(""))
        .await
        .expect("no probe waits for a port that is there")
        .unwrap();
    assert!(status.ready);
}

#[tokio::test]
async fn only_what_differs_is_made_anew() {
    let world = World::new();
    world.up("").await.unwrap();
    world.up("[mesos-master]\ncpus = 1").await.unwrap();
    assert_eq!(world.calls("remove"), ["devcluster-mesos-master-1"]);
    assert_eq!(world.calls("create"), ["devcluster-mesos-master-1"]);
    assert_eq!(world.calls("remove volume"), [""; 0]);
    world
        .up_with("[mesos-master]\ncpus = 1", Recreate::All)
        .await
        .unwrap();
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
    assert_eq!(
        removed,
        ["devcluster-mesos-agent-3", "devcluster-mesos-agent-4"]
    );
    assert!(
        world
            .calls("remove volume")
            .contains(&"devcluster-mesos-agent-4".to_owned())
    );
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
    assert_eq!(
        world.engine.calls(),
        [("start", "devcluster-mesos-agent-1".to_owned())]
    );

    // As an `up` leaves a node that is killed between making and starting it.
    let world = World::new();
    world.engine.fail(
        "start",
        "devcluster-mesos-master-1",
        EngineError::new(Kind::Other, "no"),
    );
    world.up("").await.unwrap_err();
    assert_eq!(
        world.state("devcluster-mesos-master-1").await,
        RunState::Created
    );
    assert!(world.up("").await.unwrap().ready);
    assert!(
        world
            .calls("remove")
            .contains(&"devcluster-mesos-master-1".to_owned())
    );
    assert!(
        !world
            .calls("create")
            .contains(&"devcluster-zookeeper-1".to_owned())
    );
}

#[tokio::test]
async fn another_network_moves_every_node() {
    let world = World::new();
    world.up("").await.unwrap();
    world.up("[network]\nsubnet = '10.1.0.0/24'").await.unwrap();
    assert_eq!(world.calls("create").len(), 7);
    assert_eq!(world.calls("create network"), ["devcluster"]);
    assert_eq!(
        world.engine.specs()["devcluster-mesos-agent-1"]
            .address
            .to_string(),
        "10.1.0.10"
    );
}

#[tokio::test]
async fn another_folder_is_told_and_replaces_nothing() {
    let world = World::new();
    world.up("").await.unwrap();
    let mut launcher = world.launcher();
    launcher.host.folder = PathBuf::from("/elsewhere");
    let told = Arc::clone(&world.events);
    let options = UpOptions {
        product: Some(world.product.path().to_owned()),
        ..UpOptions::default()
    };
    up(
        &launcher,
        &Profile::default(),
        &options,
        Arc::new(move |event| told.lock().unwrap().push(event)),
    )
    .await
    .unwrap();
    assert!(world.told(|event| matches!(event, Event::Note(text) if text.contains("/home/me"))));
}

#[tokio::test]
async fn what_interrupted_builds_left_goes_with_the_next_build() {
    let world = World::new();
    world.engine.add_leftover("sha256:left");
    world.up("").await.unwrap();
    assert_eq!(world.calls("remove image"), ["sha256:left"]);
}
