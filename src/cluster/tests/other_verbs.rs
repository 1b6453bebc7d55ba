//! `down`, `status` and finding a node.

use super::*;

#[tokio::test]
async fn down_removes_one_cluster_and_leaves_the_other() {
    let world = World::new();
    world.up("").await.unwrap();
    world.up("name = 'other'").await.unwrap();
    for (owner, image) in [
        (cluster().as_str(), "mesos-appc:1"),
        ("other", "mesos-appc:2"),
    ] {
        world.engine.add_image_of(owner, image);
    }
    let removed = down(&world.launcher(), &cluster(), &|_| {}).await.unwrap();
    assert_eq!((removed.containers, removed.networks), (7, 1));
    assert_eq!(removed.images, 1);
    let has = async |name: &str| world.engine.has_image(name).await.unwrap();
    assert!(!has("mesos-appc:1").await && has("mesos-appc:2").await);
    assert!(
        world
            .engine
            .specs()
            .keys()
            .all(|name| name.starts_with("other-"))
    );
    assert_eq!(world.engine.specs().len(), 7);
    assert!(
        down(&world.launcher(), &cluster(), &|_| {})
            .await
            .unwrap()
            .is_nothing()
    );
    assert!(matches!(
        status(&world.launcher(), &cluster()).await,
        Err(ClusterError::NoCluster(_))
    ));
}

#[tokio::test]
async fn status_misses_what_is_gone_and_quotes_what_is_sick() {
    let world = World::new();
    world.up("").await.unwrap();
    let gone = find_node(&world.launcher(), &cluster(), "mesos-agent-2")
        .await
        .unwrap();
    world
        .launcher()
        .engine
        .remove_container(&gone.id)
        .await
        .unwrap();
    world.engine.die("devcluster-mesos-agent-3", 1);
    world
        .nodes
        .sick
        .lock()
        .unwrap()
        .insert("zookeeper-1".to_owned(), "refused".to_owned());
    let status = status(&world.launcher(), &cluster()).await.unwrap();
    let health = |name: &str| {
        &status
            .nodes
            .iter()
            .find(|node| node.name.as_str() == name)
            .unwrap()
            .health
    };
    assert!(!status.ready);
    assert_eq!(health("mesos-agent-2"), &Health::Missing);
    assert!(matches!(health("mesos-agent-3"), Health::Stopped(_)));
    assert!(matches!(health("zookeeper-1"), Health::NotReady(why) if why.contains("refused")));
    assert_eq!(health("devtools"), &Health::Ready);
    let order: Vec<&str> = status.nodes.iter().map(|node| node.name.as_str()).collect();
    assert_eq!(
        order[..4],
        [
            "zookeeper-1",
            "mesos-master-1",
            "mesos-agent-1",
            "mesos-agent-2"
        ]
    );
}

#[tokio::test]
async fn a_node_is_found_by_its_name_or_its_tiers_and_a_slip_is_told() {
    let world = World::new();
    world.up("").await.unwrap();
    let find = async |name: &str| {
        find_node(&world.launcher(), &cluster(), name)
            .await
            .map(|found| found.name)
    };
    assert_eq!(
        find("mesos-agent").await.unwrap(),
        "devcluster-mesos-agent-1"
    );
    assert_eq!(
        find("mesos-agent-3").await.unwrap(),
        "devcluster-mesos-agent-3"
    );
    let error = find("mesos-agnet-3").await.unwrap_err();
    assert_eq!(
        error.hint().as_deref(),
        Some("did you mean `mesos-agent-3`?")
    );
}

#[tokio::test]
async fn down_waits_for_what_an_interrupted_up_left_the_engine_with() {
    let world = World::new();
    world.up("").await.unwrap();
    world.engine.fail(
        "remove volume",
        "devcluster-zookeeper-1",
        EngineError::new(Kind::Conflict, "volume is in use"),
    );
    let removed = down(&world.launcher(), &cluster(), &|_| {}).await.unwrap();
    assert_eq!(removed.containers, 7);
    let left = world.launcher().engine.volumes(&[]).await.unwrap();
    assert!(left.is_empty(), "{left:?}");
}
