//! What `up` says when something stands in its way, and what the next one makes of that.

use super::*;

#[tokio::test]
async fn an_up_that_is_dropped_halfway_is_completed_by_the_next() {
    let world = World::new();
    world
        .nodes
        .sick
        .lock()
        .unwrap()
        .insert("mesos-master-1".to_owned(), "not elected".to_owned());
    tokio::select! {
        biased;
        () = world.until_not_yet("mesos-master-1") => {}
        result = world.up("") => panic!("it cannot be done: {result:?}"),
    }
    world.nodes.sick.lock().unwrap().clear();
    assert!(world.up("").await.unwrap().ready);
    assert_eq!(world.calls("create network"), [""; 0]);
}

#[tokio::test]
async fn a_death_ends_the_wait_at_once_with_what_was_printed() {
    let world = World::new();
    world
        .nodes
        .sick
        .lock()
        .unwrap()
        .insert("mesos-master-1".to_owned(), "connection refused".to_owned());
    let printed: Vec<String> = (1..=30).map(|line| format!("line {line}")).collect();
    world
        .engine
        .set_logs("devcluster-mesos-master-1", &printed.join("\n"));
    let killer = async {
        world.until_not_yet("mesos-master-1").await;
        world.engine.die("devcluster-mesos-master-1", 3);
    };
    let (result, ()) = tokio::join!(world.up(""), killer);
    let error = result.unwrap_err();
    assert_eq!(
        error.to_string(),
        "node `mesos-master-1` died with exit code 3"
    );
    let evidence = error.evidence().unwrap();
    assert!(
        evidence
            .last_answer
            .as_ref()
            .unwrap()
            .contains("connection refused")
    );
    assert_eq!(evidence.lines, printed[10..]);
    assert!(
        error
            .hint()
            .unwrap()
            .contains("devcluster logs mesos-master-1")
    );
}

#[tokio::test]
async fn a_node_that_is_never_ready_is_told_with_its_last_answer() {
    let world = World::new();
    world
        .nodes
        .sick
        .lock()
        .unwrap()
        .insert("mesos-agent-2".to_owned(), "no answer in time".to_owned());
    let error = world
        .up("[mesos-agent]\nprobe = { within = '2s' }")
        .await
        .unwrap_err();
    let ClusterError::NotReady { node, evidence, .. } = &error else {
        panic!("{error}")
    };
    assert_eq!(node.as_str(), "mesos-agent-2");
    assert!(
        evidence
            .last_answer
            .as_ref()
            .unwrap()
            .contains("no answer in time")
    );
}

#[tokio::test]
async fn a_taken_port_gives_way_unless_the_profile_fixes_it() {
    let world = World::new();
    world.taken.lock().unwrap().push(5050);
    world.up("").await.unwrap();
    assert_eq!(
        world.engine.specs()["devcluster-mesos-master-1"].ports,
        [(5050, 0)]
    );

    let world = World::new();
    world.taken.lock().unwrap().push(6060);
    let error = world
        .up("[mesos-master]\nports = ['6060:5050']")
        .await
        .unwrap_err();
    assert!(
        matches!(error, ClusterError::PortTaken { port: 6060, .. }),
        "{error}"
    );
    assert_eq!(world.calls("create"), [""; 0]);

    // Taken between our look and the engine's.
    let world = World::new();
    world.engine.fail(
        "start",
        "devcluster-mesos-master-1",
        EngineError::new(Kind::PortTaken, "port is already allocated"),
    );
    world.up("").await.unwrap();
    assert_eq!(
        world.engine.specs()["devcluster-mesos-master-1"].ports,
        [(5050, 0)]
    );
}

fn foreign_network(subnet: &str) -> FoundNetwork {
    FoundNetwork {
        id: "x".to_owned(),
        name: "theirs".to_owned(),
        subnets: vec![subnet.parse().unwrap()],
        labels: Labels::new(),
    }
}

#[tokio::test]
async fn a_network_that_is_taken_is_avoided_or_told() {
    let world = World::new();
    world.engine.add_network(foreign_network("192.168.32.0/20"));
    world.up("").await.unwrap();
    assert_eq!(
        world.engine.specs()["devcluster-zookeeper-1"]
            .address
            .to_string(),
        "192.168.48.2"
    );

    let world = World::new();
    world.engine.add_network(foreign_network("10.0.0.0/8"));
    let error = world
        .up("[network]\nsubnet = '10.1.0.0/16'")
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "network `10.1.0.0/16` overlaps the engine's network `theirs` (10.0.0.0/8)"
    );
    assert!(error.hint().is_some());

    // Another launcher was faster: the engine refuses, and we choose again.
    let world = World::new();
    world.engine.fail(
        "create network",
        "devcluster",
        EngineError::new(Kind::SubnetTaken, "Pool overlaps with other one"),
    );
    assert!(world.up("").await.unwrap().ready);
}

#[tokio::test]
async fn what_the_engine_cannot_do_is_told_with_a_remedy() {
    let cases = [
        (
            "create",
            "devcluster-devtools",
            Kind::DiskFull,
            "cannot make node `devtools`",
            "free space",
        ),
        (
            "start",
            "devcluster-zookeeper-1",
            Kind::Mount,
            "cannot start node `zookeeper-1`",
            "may mount",
        ),
        (
            "build",
            "devcluster/mesos",
            Kind::DiskFull,
            "cannot make image `mesos`",
            "free space",
        ),
    ];
    for (call, thing, kind, message, hint) in cases {
        let world = World::new();
        let thing = match call {
            "build" => {
                let product = crate::image::Product::read(world.product.path().to_owned())
                    .await
                    .unwrap();
                crate::image::ImageStore::new(world.launcher().engine, product)
                    .reference(crate::plan::OwnImage::Mesos)
            }
            _ => thing.to_owned(),
        };
        world
            .engine
            .fail(call, &thing, EngineError::new(kind, "no"));
        let error = world.up("").await.unwrap_err();
        assert_eq!(error.to_string(), message);
        assert!(
            error.hint().unwrap().contains(hint),
            "case {call}: {:?}",
            error.hint()
        );
        // The next `up` finds its way, and so does `down`.
        assert!(world.up("").await.unwrap().ready);
        down(&world.launcher(), &cluster(), &|_| {}).await.unwrap();
        assert_eq!(world.engine.specs().len(), 0);
    }
}

#[tokio::test]
async fn a_taken_name_is_a_strangers_only_if_a_stranger_has_it() {
    let taken = || EngineError::new(Kind::Conflict, "the name is already in use by container x");
    // Another launcher is making it: the engine holds the name, and lists the container only later.
    let world = World::new();
    world.engine.fail("create", "devcluster-devtools", taken());
    let error = world.up("").await.unwrap_err();
    assert!(matches!(error, ClusterError::Engine { .. }), "{error}");
    assert!(error.hint().unwrap().contains("another `devcluster`"));

    let world = World::new();
    world.up("name = 'other'").await.unwrap();
    let mut spec = world.engine.specs()["other-devtools"].clone();
    spec.name = "devcluster-devtools".to_owned();
    let engine = world.launcher().engine;
    engine.create_container(&spec).await.unwrap();
    let error = world.up("").await.unwrap_err();
    assert!(matches!(error, ClusterError::Stranger { .. }), "{error}");
}

#[tokio::test]
async fn what_is_mounted_and_not_there_is_told_before_anything_changes() {
    let world = World::new();
    world.up("").await.unwrap();
    for text in [
        "[mesos-master]\nbinary = '/gone/mesos-master'",
        "[[mount]]\nsource = '/gone'\ntarget = '/data'",
    ] {
        let error = world.up(text).await.unwrap_err();
        assert!(matches!(error, ClusterError::NoSource { .. }), "{error}");
        assert!(error.hint().is_some());
        assert_eq!(world.engine.calls(), [], "case {text}");
    }
}
