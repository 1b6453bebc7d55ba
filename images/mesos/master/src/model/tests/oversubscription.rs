//! What agents lend: who is offered it, and what becomes of offers when it changes.

use mesos_proto::mesos::Offer;
use mesos_proto::mesos::framework_info::capability::Type as Capability;
use mesos_proto::mesos::offer::operation::Type;
use mesos_proto::messages::{ReconcileOperationsMessage, UpdateSlaveMessage};
use mesos_wire::resources::{Format, Resources, parse};

use super::operations;
use super::world::{World, events, framework_info, offers, sent};
use crate::model::{AgentId, Config};

/// The agent says that it lends these, which is all that it lends.
fn lend(world: &mut World, agent: &AgentId, text: &str) {
    let mut lent = parse(text, "*").expect("resources").to_protos(Format::Post);
    for resource in &mut lent {
        resource.revocable.mut_or_insert_default();
    }
    world.master.update_agent(UpdateSlaveMessage {
        slave_id: agent.field(),
        update_oversubscribed_resources: Some(true),
        oversubscribed_resources: lent,
        ..Default::default()
    });
}

fn shown(offers: &[Offer]) -> Vec<String> {
    let one = |offer: &Offer| {
        let all = Resources::from_protos(&offer.resources).expect("resources");
        all.unallocated().to_string()
    };
    offers.iter().map(one).collect()
}

fn takes(capabilities: &[Capability]) -> mesos_proto::mesos::FrameworkInfo {
    let own = [Capability::MULTI_ROLE, Capability::RESERVATION_REFINEMENT];
    framework_info("f", &[&own, capabilities].concat())
}

#[test]
fn only_those_who_take_what_is_lent_are_offered_it() {
    let mut world = World::new(Config::default());
    let (_, plain) = world.framework(takes(&[]));
    let agent = world.agent(1, "cpus:2;mem:1024");
    assert_eq!(
        shown(&offers(&world.effects(), plain)),
        ["cpus:2; mem:1024"]
    );
    lend(&mut world, &agent, "cpus:3;mem:512");
    let effects = world.effects();
    assert!(events(&effects, plain).is_empty(), "its offer stands");
    let (_, willing) = world.framework(takes(&[Capability::REVOCABLE_RESOURCES]));
    let got = shown(&offers(&world.effects(), willing));
    assert_eq!(got, ["cpus{REV}:3; mem{REV}:512"]);
}

#[test]
fn a_change_takes_back_offers_of_what_is_lent_and_no_others() {
    let mut world = World::new(Config::default());
    let (_, plain) = world.framework(takes(&[]));
    let agent = world.agent(1, "cpus:2;mem:1024");
    assert_eq!(offers(&world.effects(), plain).len(), 1);
    let (_, willing) = world.framework(takes(&[Capability::REVOCABLE_RESOURCES]));
    lend(&mut world, &agent, "cpus:3");
    assert_eq!(shown(&offers(&world.effects(), willing)), ["cpus{REV}:3"]);
    lend(&mut world, &agent, "cpus:3");
    assert!(
        events(&world.effects(), willing).is_empty(),
        "nothing is new"
    );
    lend(&mut world, &agent, "cpus:1");
    let effects = world.effects();
    let rescinded = |stream| {
        let all = events(&effects, stream);
        all.iter().filter(|event| event.rescind.is_some()).count()
    };
    assert_eq!((rescinded(willing), rescinded(plain)), (1, 0));
    assert_eq!(shown(&offers(&effects, willing)), ["cpus{REV}:1"]);
    lend(&mut world, &agent, "");
    let effects = world.effects();
    assert!(offers(&effects, willing).is_empty());
    assert_eq!(events(&effects, willing).len(), 1, "it is taken back");
}

#[test]
fn an_agent_that_says_what_it_lends_has_said_nothing_of_operations() {
    let mut it = operations::set(&[]);
    let reserve = operations::operation(Type::RESERVE, operations::reserved("cpus:1", &["a"]));
    it.accept(vec![operations::named(reserve, "o1")]);
    let agent = it.agent.clone();
    lend(&mut it.world, &agent, "cpus:3");
    let asked = sent::<ReconcileOperationsMessage>(&it.world.effects());
    assert!(asked.is_empty(), "{asked:?}");
    assert_eq!(it.world.master.agents[&agent].operations.len(), 1);
}
