//! Frameworks of the v0 driver, which are sent messages instead of events.

use mesos_proto::mesos::TaskState;
use mesos_proto::mesos::offer::{Operation, operation};
use mesos_proto::messages::{
    FrameworkErrorMessage, FrameworkRegisteredMessage, FrameworkReregisteredMessage,
    RegisterFrameworkMessage, ResourceOffersMessage, RunTaskMessage, StatusUpdateMessage,
};
use mesos_proto::scheduler::{Call, call};
use mesos_wire::pid::Upid;
use protobuf::MessageField;

use super::world::{World, framework_info, sent, task};
use crate::model::{Config, FrameworkId};

fn driver(port: u16) -> Upid {
    format!("scheduler-1@127.0.0.1:{port}")
        .parse()
        .expect("a pid")
}

fn subscribe(world: &mut World, from: &Upid, id: Option<&FrameworkId>, force: bool) {
    let mut call = Call::new();
    call.set_type(call::Type::SUBSCRIBE);
    let mut info = framework_info("driver", &[]);
    info.set_failover_timeout(60.0);
    if let Some(id) = id {
        info.id = id.field();
        call.framework_id = id.field();
    }
    let subscribe = call.subscribe.mut_or_insert_default();
    subscribe.framework_info = MessageField::some(info);
    subscribe.set_force(force);
    world.master.driver_call(from, call);
}

#[test]
fn a_driver_is_served_in_its_own_messages() {
    let mut world = World::new(Config::default());
    let agent = world.agent(1, "cpus:4;mem:4096");
    world.effects();
    subscribe(&mut world, &driver(1), None, false);
    let effects = world.effects();
    let registered = sent::<FrameworkRegisteredMessage>(&effects);
    assert_eq!(registered[0].master_info.pid(), "master@127.0.0.1:5050");
    let id = FrameworkId::from(registered[0].framework_id.get_or_default());
    let offers = sent::<ResourceOffersMessage>(&effects);
    assert_eq!(offers[0].offers.len(), 1);
    assert_eq!(offers[0].pids, ["slave(1)@127.0.0.1:1"]);
    // The driver repeats itself until it is answered: it gets the same answer.
    subscribe(&mut world, &driver(1), None, false);
    let again = sent::<FrameworkRegisteredMessage>(&world.effects());
    assert_eq!(again[0].framework_id, registered[0].framework_id);
    let mut call = Call::new();
    call.set_type(call::Type::ACCEPT);
    call.framework_id = id.field();
    let mut launch = Operation::new();
    launch.set_type(operation::Type::LAUNCH);
    launch.launch.mut_or_insert_default().task_infos = vec![task("t", &agent, "cpus:1")];
    let accept = call.accept.mut_or_insert_default();
    accept.offer_ids = offers[0]
        .offers
        .iter()
        .filter_map(|o| o.id.as_ref().cloned())
        .collect();
    accept.operations.push(launch);
    world.master.driver_call(&driver(1), call);
    assert_eq!(
        sent::<RunTaskMessage>(&world.effects())[0].pid(),
        "scheduler-1@127.0.0.1:1"
    );
    let uuid = world.update(&id, &agent, "t", TaskState::TASK_RUNNING);
    let updates = sent::<StatusUpdateMessage>(&world.effects());
    assert_eq!(updates[0].update.uuid(), uuid);
    assert_eq!(updates[0].pid(), "slave(1)@127.0.0.1:1");
    // What the master says itself names nobody to acknowledge it to.
    let mut call = Call::new();
    call.set_type(call::Type::RECONCILE);
    call.framework_id = id.field();
    call.reconcile.mut_or_insert_default();
    world.master.driver_call(&driver(1), call);
    let updates = sent::<StatusUpdateMessage>(&world.effects());
    assert!(!updates[0].has_pid() && !updates[0].update.has_uuid());
}

#[test]
fn a_driver_that_lost_its_connection_is_taken_back() {
    let mut world = World::new(Config::default());
    subscribe(&mut world, &driver(1), None, false);
    let registered = sent::<FrameworkRegisteredMessage>(&world.effects());
    let id = FrameworkId::from(registered[0].framework_id.get_or_default());
    world.master.exited(&driver(1));
    let errors = sent::<FrameworkErrorMessage>(&world.effects());
    assert_eq!(errors[0].message(), "Framework disconnected");
    subscribe(&mut world, &driver(1), Some(&id), false);
    let effects = world.effects();
    assert_eq!(sent::<FrameworkReregisteredMessage>(&effects).len(), 1);
    assert!(sent::<FrameworkRegisteredMessage>(&effects).is_empty());
}

#[test]
fn only_a_forced_driver_takes_over() {
    let mut world = World::new(Config::default());
    subscribe(&mut world, &driver(1), None, false);
    let registered = sent::<FrameworkRegisteredMessage>(&world.effects());
    let id = FrameworkId::from(registered[0].framework_id.get_or_default());
    subscribe(&mut world, &driver(2), Some(&id), false);
    let errors = sent::<FrameworkErrorMessage>(&world.effects());
    assert_eq!(errors[0].message(), "Framework failed over");
    subscribe(&mut world, &driver(2), Some(&id), true);
    let effects = world.effects();
    assert_eq!(
        sent::<FrameworkErrorMessage>(&effects)[0].message(),
        "Framework failed over"
    );
    assert_eq!(sent::<FrameworkRegisteredMessage>(&effects).len(), 1);
    assert_eq!(world.master.frameworks[&id].pid(), Some(&driver(2)));
}

#[test]
fn a_registration_of_the_old_kind_must_not_name_an_id() {
    let mut world = World::new(Config::default());
    let mut message = RegisterFrameworkMessage::new();
    let mut info = framework_info("old", &[]);
    info.id.mut_or_insert_default().set_value("x".into());
    message.framework = MessageField::some(info.clone());
    world.master.register_framework(&driver(1), message.clone());
    let errors = sent::<FrameworkErrorMessage>(&world.effects());
    assert_eq!(errors[0].message(), "Registering with 'id' already set");
    info.id = MessageField::none();
    message.framework = MessageField::some(info);
    world.master.register_framework(&driver(1), message);
    assert_eq!(
        sent::<FrameworkRegisteredMessage>(&world.effects()).len(),
        1
    );
}

#[test]
fn a_driver_is_told_why_it_cannot_change_itself() {
    let mut world = World::new(Config::default());
    subscribe(&mut world, &driver(1), None, false);
    let registered = sent::<FrameworkRegisteredMessage>(&world.effects());
    let id = FrameworkId::from(registered[0].framework_id.get_or_default());
    let mut call = Call::new();
    call.set_type(call::Type::UPDATE_FRAMEWORK);
    call.framework_id = id.field();
    let mut info = framework_info("driver", &[]);
    info.id = id.field();
    info.set_checkpoint(true);
    let update = call.update_framework.mut_or_insert_default();
    update.framework_info = MessageField::some(info);
    world.master.driver_call(&driver(1), call);
    let errors = sent::<FrameworkErrorMessage>(&world.effects());
    assert_eq!(
        errors[0].message(),
        "FrameworkInfo update is not valid: Updating 'FrameworkInfo.checkpoint' is unsupported; attempted to update from 'false' to 'true'"
    );
}
