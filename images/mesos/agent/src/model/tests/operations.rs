//! Operations from a master, the word on them, and the volumes that they make.

use mesos_proto::mesos::offer::{Operation as Info, operation};
use mesos_proto::mesos::{OperationState, Resource, UUID};
use mesos_proto::messages::{
    AcknowledgeOperationStatusMessage, ApplyOperationMessage, ReconcileOperationsMessage,
    UpdateOperationStatusMessage, UpdateSlaveMessage, reconcile_operations_message,
};
use mesos_wire::json::{Dialect, from_value};
use mesos_wire::resources::{Format, parse};
use slave_info::capability::Type as Capability;

use super::*;

fn uuid(byte: u8) -> protobuf::MessageField<UUID> {
    let mut uuid = UUID::new();
    uuid.set_value(vec![byte; 16]);
    Some(uuid).into()
}

fn disk(volume: Option<&str>) -> Resource {
    let mut value = serde_json::json!({"name": "disk", "type": "SCALAR", "scalar": {"value": 64},
        "reservations": [{"type": "DYNAMIC", "role": "prod"}]});
    if let Some(id) = volume {
        value["disk"] = serde_json::json!({"persistence": {"id": id},
            "volume": {"container_path": "data", "mode": "RW"}});
    }
    from_value(&value, Dialect::V0).expect("a resource")
}

fn apply(byte: u8, kind: operation::Type, resource: Resource) -> ApplyOperationMessage {
    let mut info = Info::new();
    info.set_type(kind);
    let mut resource = resource;
    resource
        .allocation_info
        .mut_or_insert_default()
        .set_role("prod".into());
    match kind {
        operation::Type::RESERVE => info.reserve.mut_or_insert_default().resources = vec![resource],
        operation::Type::CREATE => info.create.mut_or_insert_default().volumes = vec![resource],
        operation::Type::DESTROY => info.destroy.mut_or_insert_default().volumes = vec![resource],
        other => panic!("{other:?} is not of this test"),
    }
    let mut message = ApplyOperationMessage::new();
    message.framework_id = framework_id("F");
    message.operation_info = Some(info).into();
    message.operation_uuid = uuid(byte);
    message
}

fn agent() -> Model {
    let mut config = config();
    let all = parse("cpus:4;mem:64;disk:100", "*").expect("resources");
    config.info.resources = all.to_protos(Format::Pre);
    config.capabilities = vec![
        Capability::RESOURCE_PROVIDER,
        Capability::AGENT_OPERATION_FEEDBACK,
    ];
    Model::new(config)
}

fn begin(model: &mut Model, how: Registered) -> Vec<Effect> {
    model.recovered(at(0.0));
    let leader = Master {
        id: "M".into(),
        pid: master(),
        hostname: "m".into(),
    };
    model.master_detected(at(0.0), Some(leader));
    model.registered(at(1.0), &master(), AGENT, None, how);
    model.take_effects()
}

fn kept(effects: &[Effect]) -> Option<(Vec<Resource>, Vec<mesos_proto::mesos::Operation>)> {
    effects.iter().rev().find_map(|effect| match effect {
        Effect::Checkpoint(Checkpoint::Resources {
            resources,
            operations,
        }) => Some((resources.clone(), operations.clone())),
        _ => None,
    })
}

fn states(effects: &[Effect]) -> Vec<OperationState> {
    sent::<UpdateOperationStatusMessage>(effects)
        .iter()
        .map(|message| message.status.state())
        .collect()
}

#[test]
fn an_operation_is_done_kept_and_told_until_it_is_acknowledged() {
    let mut model = agent();
    let hello = sent::<UpdateSlaveMessage>(&begin(&mut model, Registered::New));
    assert!(hello[0].operations.is_some() && hello[0].resource_version_uuid.is_some());
    assert!(!hello[0].update_oversubscribed_resources());
    model.apply_operation(at(2.0), apply(1, operation::Type::RESERVE, disk(None)));
    let effects = model.take_effects();
    let checkpoint = effects
        .iter()
        .position(|e| matches!(e, Effect::Checkpoint(_)))
        .expect("it is kept");
    let word = effects
        .iter()
        .position(|e| matches!(e, Effect::Send(..)))
        .expect("it is told");
    assert!(checkpoint < word, "nothing is told that is not kept");
    let told = sent::<UpdateOperationStatusMessage>(&effects).remove(0);
    assert_eq!(told.status.state(), OperationState::OPERATION_FINISHED);
    assert_eq!(
        (told.slave_id.value(), told.operation_uuid.value()),
        (AGENT, &[1; 16][..])
    );
    assert_eq!(
        model.total().to_string(),
        "cpus:4; mem:64; disk:36; disk(reservations: [(DYNAMIC,prod)]):64"
    );
    model.apply_operation(at(2.0), apply(1, operation::Type::RESERVE, disk(None)));
    assert!(model.take_effects().is_empty(), "a repetition does nothing");
    model.tick(at(11.0));
    assert!(states(&model.take_effects()).is_empty());
    model.tick(at(12.0));
    assert_eq!(states(&model.take_effects()).len(), 1);
    let mut ack = AcknowledgeOperationStatusMessage::new();
    ack.operation_uuid = uuid(1);
    ack.status_uuid = uuid(9);
    model.operation_acknowledged(&ack);
    assert_eq!(model.operations().count(), 1, "that was another word");
    ack.status_uuid = told.status.uuid.clone();
    model.operation_acknowledged(&ack);
    let (resources, operations) = kept(&model.take_effects()).expect("kept");
    assert_eq!((resources.len(), operations.len()), (1, 0));
    model.tick(at(1000.0));
    assert!(states(&model.take_effects()).is_empty());
}

#[test]
fn what_was_not_acknowledged_is_told_again_by_the_next_life() {
    let mut model = agent();
    begin(&mut model, Registered::New);
    model.apply_operation(at(2.0), apply(1, operation::Type::RESERVE, disk(None)));
    model.apply_operation(at(2.0), apply(2, operation::Type::CREATE, disk(Some("v"))));
    let (resources, operations) = kept(&model.take_effects()).expect("kept");
    let mut next = agent();
    next.restore_agent(AGENT);
    next.restore_resources(resources, operations);
    assert_eq!(next.total(), model.total());
    let effects = begin(&mut next, Registered::Again(Vec::new()));
    let hello = sent::<UpdateSlaveMessage>(&effects);
    assert_eq!(hello[0].operations.operations.len(), 2);
    assert_eq!(states(&effects).len(), 2);
    let asked = sent::<ReregisterSlaveMessage>(&{
        next.master_detected(at(3.0), next.master().cloned());
        next.tick(at(10.0));
        next.take_effects()
    });
    let volumes = &asked[0].checkpointed_resources;
    assert_eq!(volumes[0].disk.persistence.id(), "v");
    assert_eq!(volumes[0].role(), "prod");
}

#[test]
fn an_operation_that_cannot_be_done_is_dropped_and_the_master_hears_what_there_is() {
    let mut model = agent();
    begin(&mut model, Registered::New);
    model.apply_operation(at(2.0), apply(1, operation::Type::DESTROY, disk(Some("v"))));
    let effects = model.take_effects();
    assert_eq!(states(&effects), [OperationState::OPERATION_DROPPED]);
    assert_eq!(model.state(), State::Disconnected);
    model.tick(at(10.0));
    assert_eq!(
        sent::<ReregisterSlaveMessage>(&model.take_effects()).len(),
        1
    );
}

#[test]
fn a_master_that_asks_after_an_operation_that_never_came_is_told_that_it_is_dropped() {
    let mut model = agent();
    begin(&mut model, Registered::New);
    model.apply_operation(at(2.0), apply(1, operation::Type::RESERVE, disk(None)));
    model.take_effects();
    let mut message = ReconcileOperationsMessage::new();
    for byte in [1, 2] {
        message
            .operations
            .push(reconcile_operations_message::Operation {
                operation_uuid: uuid(byte),
                ..Default::default()
            });
    }
    model.reconcile_operations(at(3.0), &message);
    assert_eq!(
        states(&model.take_effects()),
        [
            OperationState::OPERATION_DROPPED,
            OperationState::OPERATION_FINISHED
        ]
    );
}

#[test]
fn a_volume_comes_with_its_task_and_goes_with_it() {
    let mut model = agent();
    begin(&mut model, Registered::New);
    model.apply_operation(at(2.0), apply(1, operation::Type::RESERVE, disk(None)));
    model.apply_operation(at(2.0), apply(2, operation::Type::CREATE, disk(Some("v"))));
    model.take_effects();
    let mut run = run("t", None);
    let task = run.task.mut_or_insert_default();
    task.resources = vec![disk(Some("v"))];
    model.run_task(at(3.0), run);
    let effects = model.take_effects();
    let launch = effects
        .iter()
        .find_map(|effect| match effect {
            Effect::Launch(launch) => Some(launch),
            _ => None,
        })
        .expect("an executor");
    assert_eq!(launch.volumes.len(), 1);
    assert!(!launch.volumes[0].is_used);
    subscribe(&mut model, at(4.0), "t");
    let effects = model.take_effects();
    let attach = effects
        .iter()
        .position(|e| matches!(e, Effect::Attach { .. }));
    let tell = effects
        .iter()
        .rposition(|e| matches!(e, Effect::Tell { .. }));
    assert!(attach.is_some() && attach < tell, "{effects:?}");
    model.executor_update(at(5.0), update("t", "t", TaskState::TASK_FINISHED));
    assert!(model.take_effects().iter().any(|effect| matches!(
        effect,
        Effect::Detach { volumes, .. } if volumes.len() == 1
    )));
    // A word that comes after the end is not passed on.
    model.executor_update(at(5.0), update("t", "t", TaskState::TASK_FINISHED));
    assert!(sent::<StatusUpdateMessage>(&model.take_effects()).is_empty());
}
