//! Who is offered what, and when.

use std::time::Duration;

use mesos_proto::mesos::framework_info::capability::Type;
use mesos_proto::scheduler::call;

use super::world::{World, events, framework_info, offer_ids, offers, task};
use crate::model::{AgentId, Config, OfferId};

const ALL: &str = "cpus:4;mem:4096;disk:20480;ports:[31000-32000]";

#[test]
fn an_offer_follows_an_agent_or_a_framework_at_once() {
    let mut world = World::new(Config::default());
    world.agent(1, ALL);
    world.effects();
    let (_, stream) = world.framework(framework_info("a", &[]));
    let got = offers(&world.effects(), stream);
    assert_eq!(got.len(), 1);
    assert_eq!(got[0].url.path(), "/slave(1)");
    assert!(
        got[0]
            .resources
            .iter()
            .all(|r| r.role() == "*" && r.allocation_info.is_none())
    );
    assert!(got[0].allocation_info.is_none());
    world.agent(2, ALL);
    assert_eq!(offers(&world.effects(), stream).len(), 1);
}

#[test]
fn frameworks_see_resources_in_the_form_they_know() {
    let mut world = World::new(Config::default());
    world.agent(1, ALL);
    let (_, stream) = world.framework(framework_info(
        "a",
        &[Type::MULTI_ROLE, Type::RESERVATION_REFINEMENT],
    ));
    let got = offers(&world.effects(), stream);
    assert_eq!(got[0].allocation_info.role(), "*");
    for resource in &got[0].resources {
        assert_eq!(resource.allocation_info.role(), "*");
        assert!(!resource.has_role());
    }
}

#[test]
fn what_was_refused_comes_back_when_its_time_is_over() {
    // Whatever is refused waits for the run of an interval.
    let cases = [
        (0.0, 1),
        (0.2, 1),
        (5.0, 5),
        (-3.0, 5),
        (f64::NAN, 5),
        (60.0, 60),
    ];
    for (seconds, due) in cases {
        let mut world = World::new(Config::default());
        world.agent(1, ALL);
        let (id, stream) = world.framework(framework_info("a", &[]));
        let got = offer_ids(&world.effects(), stream);
        world.decline(&id, stream, &got, seconds);
        assert!(
            offer_ids(&world.effects(), stream).is_empty(),
            "case `{seconds}`"
        );
        let before = Duration::from_secs(due) - Duration::from_millis(1);
        assert!(
            offer_ids(&world.pass(before), stream).is_empty(),
            "case `{seconds}`: too soon"
        );
        let after = world.pass(Duration::from_millis(2));
        assert_eq!(
            offer_ids(&after, stream).len(),
            1,
            "case `{seconds}`: never"
        );
    }
}

#[test]
fn a_refusal_holds_for_less_and_not_for_more() {
    let mut world = World::new(Config::default());
    let agent = world.agent(1, ALL);
    let (id, stream) = world.framework(framework_info("a", &[]));
    let (other, other_stream) = world.framework(framework_info("b", &[]));
    let got = offer_ids(&world.effects(), stream);
    // The first framework leaves part of the agent to the second, and refuses the rest.
    world.launch(&id, stream, &got, vec![task("t", &agent, "cpus:1;mem:64")]);
    let effects = world.pass(Duration::from_millis(10));
    assert!(
        offer_ids(&effects, stream).is_empty(),
        "the rest is filtered for it"
    );
    let got = offer_ids(&effects, other_stream);
    assert_eq!(got.len(), 1);
    world.decline(&other, other_stream, &got, 3600.0);
    // When the task ends there is more than was refused: both may want it.
    world.update(
        &id,
        &agent,
        "t",
        mesos_proto::mesos::TaskState::TASK_FINISHED,
    );
    let effects = world.pass(Duration::from_millis(10));
    assert_eq!(
        offer_ids(&effects, stream).len() + offer_ids(&effects, other_stream).len(),
        1
    );
}

#[test]
fn suppressed_roles_get_no_offers_until_revived() {
    let mut world = World::new(Config::default());
    let (id, stream) = world.framework(framework_info("a", &[]));
    world
        .call(&id, stream, call::Type::SUPPRESS, |_| ())
        .expect("allowed");
    world.agent(1, ALL);
    assert!(offer_ids(&world.effects(), stream).is_empty());
    assert!(offer_ids(&world.pass(Duration::from_secs(5)), stream).is_empty());
    world
        .call(&id, stream, call::Type::REVIVE, |_| ())
        .expect("allowed");
    assert_eq!(offer_ids(&world.effects(), stream).len(), 1);
}

#[test]
fn reviving_forgets_refusals() {
    let mut world = World::new(Config::default());
    world.agent(1, ALL);
    let (id, stream) = world.framework(framework_info("a", &[]));
    let got = offer_ids(&world.effects(), stream);
    world.decline(&id, stream, &got, 3600.0);
    assert!(offer_ids(&world.pass(Duration::from_secs(9)), stream).is_empty());
    world
        .call(&id, stream, call::Type::REVIVE, |_| ())
        .expect("allowed");
    assert_eq!(offer_ids(&world.effects(), stream).len(), 1);
}

#[test]
fn who_has_least_is_offered_first() {
    let mut world = World::new(Config::default());
    world.agent(1, "cpus:4;mem:4096");
    let (_, rich) = world.framework(framework_info("rich", &[]));
    assert_eq!(offer_ids(&world.effects(), rich).len(), 1);
    let (_, poor) = world.framework(framework_info("poor", &[]));
    world.effects();
    world.agent(2, "cpus:4;mem:4096");
    let effects = world.effects();
    assert_eq!(
        (
            offer_ids(&effects, rich).len(),
            offer_ids(&effects, poor).len()
        ),
        (0, 1)
    );
}

#[test]
fn weights_make_shares_count_for_less() {
    let config = Config {
        weights: [("heavy".to_string(), 3.0)].into(),
        ..Config::default()
    };
    let mut world = World::new(config);
    let mut subscribe = |role: &str| {
        let mut info = framework_info(role, &[]);
        info.set_role(role.into());
        world.framework(info).1
    };
    let (heavy, light) = (subscribe("heavy"), subscribe("light"));
    let mut counts = (0, 0);
    for port in 1..=8 {
        world.agent(port, "cpus:4;mem:4096");
        let effects = world.effects();
        counts.0 += offer_ids(&effects, heavy).len();
        counts.1 += offer_ids(&effects, light).len();
    }
    assert_eq!(counts, (6, 2));
}

#[test]
fn reserved_resources_are_for_their_role_alone() {
    let mut world = World::new(Config::default());
    let (_, everybody) = world.framework(framework_info("a", &[]));
    world.agent(1, "cpus(prod):2;mem(prod):512");
    assert!(offers(&world.effects(), everybody).is_empty());
    let mut info = framework_info("b", &[]);
    info.set_role("prod".into());
    let (_, owner) = world.framework(info);
    let got = offers(&world.effects(), owner);
    assert_eq!(got[0].resources[0].role(), "prod");
    let mut info = framework_info("c", &[]);
    info.set_role("production".into());
    let (_, stranger) = world.framework(info);
    world.agent(2, "cpus(prod):2;mem(prod):512");
    assert!(offers(&world.effects(), stranger).is_empty());
}

#[test]
fn crumbs_and_gpus_are_kept_back() {
    for (resources, capabilities, want) in [
        ("cpus:0.005;mem:16", &[][..], 0),
        ("cpus:0.01;mem:1", &[], 1),
        ("mem:32", &[], 1),
        ("cpus:4;mem:512;gpus:1", &[], 0),
        ("cpus:4;mem:512;gpus:1", &[Type::GPU_RESOURCES], 1),
    ] {
        let mut world = World::new(Config::default());
        let (_, stream) = world.framework(framework_info("a", capabilities));
        world.agent(1, resources);
        assert_eq!(
            offers(&world.effects(), stream).len(),
            want,
            "case `{resources}`"
        );
    }
}

#[test]
fn an_offer_is_rescinded_after_its_time() {
    let config = Config {
        offer_timeout: Some(Duration::from_secs(10)),
        ..Config::default()
    };
    let mut world = World::new(config);
    world.agent(1, ALL);
    let (_, stream) = world.framework(framework_info("a", &[]));
    let first = offer_ids(&world.effects(), stream);
    let effects = world.pass(Duration::from_millis(10_010));
    let rescinded: Vec<OfferId> = events(&effects, stream)
        .iter()
        .filter_map(|event| event.rescind.as_ref())
        .map(|rescind| OfferId::from(rescind.offer_id.get_or_default()))
        .collect();
    assert_eq!(rescinded, first);
    assert_eq!(offer_ids(&effects, stream).len(), 1, "it is offered again");
}

#[test]
fn the_rest_of_a_used_offer_is_offered_soon() {
    let mut world = World::new(Config::default());
    let agent: AgentId = world.agent(1, ALL);
    let (id, stream) = world.framework(framework_info("a", &[]));
    let got = offer_ids(&world.effects(), stream);
    world
        .call(&id, stream, call::Type::ACCEPT, |call| {
            use mesos_proto::mesos::offer::{Operation, operation};
            let accept = call.accept.mut_or_insert_default();
            accept.offer_ids = got.iter().map(OfferId::proto).collect();
            accept
                .filters
                .mut_or_insert_default()
                .set_refuse_seconds(0.0);
            let mut launch = Operation::new();
            launch.set_type(operation::Type::LAUNCH);
            launch.launch.mut_or_insert_default().task_infos =
                vec![task("t", &agent, "cpus:1;mem:64")];
            accept.operations.push(launch);
        })
        .expect("allowed");
    let got = offers(&world.pass(Duration::from_millis(10)), stream);
    let cpus = got[0]
        .resources
        .iter()
        .find(|r| r.name() == "cpus")
        .map(|r| r.scalar.value());
    assert_eq!(cpus, Some(3.0));
}
