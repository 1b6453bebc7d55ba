//! Reservations and operations that outlive the master that made them.

use mesos_proto::mesos::OperationState;
use mesos_proto::mesos::offer::operation;
use mesos_proto::messages::{ApplyOperationMessage, UpdateSlaveMessage};
use mesos_wire::resources::Resources;

use super::operations::{Set, feedback, named, operation, reserved, set, volume};
use super::world::{World, offers, sent};
use crate::model::Config;

#[test]
fn a_new_master_learns_reservations_and_operations_from_the_agents() {
    let mut old = set(&[]);
    let data = volume(reserved("disk:64", &["a"]).remove(0), "v", false);
    let effects = old.accept(vec![
        operation(operation::Type::RESERVE, reserved("disk:64", &["a"])),
        named(operation(operation::Type::CREATE, vec![data]), "o"),
    ]);
    let applied = sent::<ApplyOperationMessage>(&effects).remove(1);
    let before = &old.world.master.agents[&old.agent];
    let mut known: Vec<_> = before.operations.values().cloned().collect();
    known.retain(|operation| operation.info.id.is_some());
    let (total, info) = (
        before.total.clone(),
        old.world.master.frameworks[&old.framework].info.clone(),
    );
    let mut world = World::new(Config::default());
    world.kept = std::mem::take(&mut old.world.kept);
    let resources = "cpus:4;mem:4096;disk:1024;disk(s):50";
    world.agent_returns(&old.agent, 1, resources, Vec::new(), vec![info.clone()]);
    let (framework, stream) = world.framework(info);
    let mut update = UpdateSlaveMessage::new();
    update.slave_id = old.agent.field();
    update.operations.mut_or_insert_default().operations = known;
    world.master.update_agent(update);
    let effects = world.effects();
    let offered = Resources::from_protos(&offers(&effects, stream)[0].resources).expect("valid");
    assert_eq!(offered.volumes().iter().count(), 1);
    assert_eq!(world.master.agents[&old.agent].total, total);
    let mut it = Set {
        world,
        agent: old.agent,
        framework,
        stream,
    };
    let effects = it.ends(&applied, OperationState::OPERATION_FINISHED);
    assert_eq!(feedback(&effects, stream).len(), 1);
}
