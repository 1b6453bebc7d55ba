//! Reservations and volumes: made, used, told of, and unmade.

use mesos_proto::mesos::framework_info::capability::Type;
use mesos_proto::mesos::offer::{Operation, operation};
use mesos_proto::mesos::resource::disk_info::Persistence;
use mesos_proto::mesos::resource::{DiskInfo, ReservationInfo, SharedInfo, reservation_info};
use mesos_proto::mesos::volume::Mode;
use mesos_proto::mesos::{OperationState, OperationStatus, Resource, Volume, slave_info};
use mesos_proto::messages::{
    AcknowledgeOperationStatusMessage, ApplyOperationMessage, CheckpointResourcesMessage,
    ReconcileOperationsMessage, RunTaskMessage, UpdateOperationStatusMessage, UpdateSlaveMessage,
};
use mesos_proto::scheduler::{call, event};
use mesos_wire::resources::{Format, Resources, parse};
use protobuf::MessageField;

use super::world::{World, events, framework_info, offer_ids, offers, sent, task};
use crate::model::{AgentId, Config, Effect, FrameworkId, OfferId, StreamId};

/// Resources with these reservations, one above the other.
pub(super) fn reserved(text: &str, stack: &[&str]) -> Vec<Resource> {
    let mut all = parse(text, "*").expect(text).to_protos(Format::Post);
    for resource in &mut all {
        for role in stack {
            let mut reservation = ReservationInfo::new();
            reservation.set_type(reservation_info::Type::DYNAMIC);
            reservation.set_role(role.to_string());
            resource.reservations.push(reservation);
        }
    }
    all
}

/// A disk as a volume.
pub(super) fn volume(mut disk: Resource, id: &str, is_shared: bool) -> Resource {
    let mut place = Volume::new();
    place.set_container_path("data".to_string());
    place.set_mode(Mode::RW);
    let mut persistence = Persistence::new();
    persistence.set_id(id.to_string());
    let mut info = DiskInfo::new();
    info.persistence = MessageField::some(persistence);
    info.volume = MessageField::some(place);
    disk.disk = MessageField::some(info);
    if is_shared {
        disk.shared = MessageField::some(SharedInfo::new());
    }
    disk
}

pub(super) fn operation(kind: operation::Type, resources: Vec<Resource>) -> Operation {
    let mut operation = Operation::new();
    operation.set_type(kind);
    match kind {
        operation::Type::RESERVE => {
            operation.reserve.mut_or_insert_default().resources = resources;
        }
        operation::Type::UNRESERVE => {
            operation.unreserve.mut_or_insert_default().resources = resources;
        }
        operation::Type::CREATE => operation.create.mut_or_insert_default().volumes = resources,
        operation::Type::DESTROY => operation.destroy.mut_or_insert_default().volumes = resources,
        other => panic!("{other:?} has more than resources"),
    }
    operation
}

pub(super) fn named(mut operation: Operation, id: &str) -> Operation {
    operation.id.mut_or_insert_default().set_value(id.into());
    operation
}

fn launch(agent: &AgentId, id: &str, resources: Vec<Resource>) -> Operation {
    let mut task = task(id, agent, "cpus:0.1");
    task.resources.extend(resources);
    let mut operation = Operation::new();
    operation.set_type(operation::Type::LAUNCH);
    operation.launch.mut_or_insert_default().task_infos = vec![task];
    operation
}

pub(super) struct Set {
    pub(super) world: World,
    pub(super) agent: AgentId,
    pub(super) framework: FrameworkId,
    pub(super) stream: StreamId,
}

/// A framework of role `a` that knows refined reservations, and these besides.
pub(super) fn set(capabilities: &[Type]) -> Set {
    let mut world = World::new(Config::default());
    let agent = world.agent(1, "cpus:4;mem:4096;disk:1024;disk(s):50");
    let known = [&[Type::RESERVATION_REFINEMENT], capabilities].concat();
    let mut info = framework_info("a", &known);
    info.set_role("a".into());
    let (framework, stream) = world.framework(info);
    Set {
        world,
        agent,
        framework,
        stream,
    }
}

impl Set {
    pub(super) fn accept(&mut self, operations: Vec<Operation>) -> Vec<Effect> {
        let all = Default::default();
        self.world.master.allocator.revive(&self.framework, &all);
        self.world.master.allocate_all();
        self.world.effects();
        let ids: Vec<OfferId> = self.world.master.frameworks[&self.framework]
            .offers
            .iter()
            .cloned()
            .collect();
        assert!(!ids.is_empty(), "there is an offer");
        self.world
            .accept(&self.framework, self.stream, &ids, operations);
        self.world.effects()
    }

    fn total(&self) -> String {
        self.world.master.agents[&self.agent].total.to_string()
    }

    /// The agent says how an operation ended.
    pub(super) fn ends(
        &mut self,
        message: &ApplyOperationMessage,
        state: OperationState,
    ) -> Vec<Effect> {
        let mut status = OperationStatus::new();
        status.operation_id = message.operation_info.id.clone();
        status.slave_id = self.agent.field();
        status.set_state(state);
        status.uuid.mut_or_insert_default().set_value(vec![9; 16]);
        let update = UpdateOperationStatusMessage {
            framework_id: message.framework_id.clone(),
            slave_id: self.agent.field(),
            status: MessageField::some(status.clone()),
            latest_status: MessageField::some(status),
            operation_uuid: message.operation_uuid.clone(),
            ..Default::default()
        };
        self.world.master.operation_update(&update);
        self.world.effects()
    }
}

pub(super) fn feedback(effects: &[Effect], to: StreamId) -> Vec<OperationStatus> {
    events(effects, to)
        .into_iter()
        .filter(|event| event.type_() == event::Type::UPDATE_OPERATION_STATUS)
        .map(|mut event| {
            let update = event.update_operation_status.take().unwrap_or_default();
            update.status.unwrap_or_default()
        })
        .collect()
}

#[test]
fn a_launch_uses_what_the_operations_before_it_made() {
    use operation::Type::*;
    let mut it = set(&[]);
    let mine = reserved("cpus:1;disk:64", &["a"]);
    let data = volume(reserved("disk:64", &["a"]).remove(0), "v", false);
    let agent = it.agent.clone();
    let effects = it.accept(vec![
        operation(RESERVE, mine),
        operation(CREATE, vec![data.clone()]),
        launch(
            &agent,
            "t",
            [reserved("cpus:1", &["a"]), vec![data.clone()]].concat(),
        ),
    ]);
    let applied = sent::<ApplyOperationMessage>(&effects);
    let kinds: Vec<_> = applied.iter().map(|m| m.operation_info.type_()).collect();
    assert_eq!(kinds, [RESERVE, CREATE]);
    assert!(applied.iter().all(|m| m.operation_uuid.value().len() == 16
        && m.resource_version_uuid.uuid.value() == [7; 16]
        && m.framework_id.value() == it.framework.as_str()));
    let run = sent::<RunTaskMessage>(&effects);
    assert!(
        run[0]
            .task
            .resources
            .iter()
            .any(|r| r.disk.persistence.id() == "v")
    );
    assert_eq!(
        it.total(),
        "cpus:3; mem:4096; disk:960; disk(reservations: [(STATIC,s)]):50; cpus(reservations: [(DYNAMIC,a)]):1; disk(reservations: [(DYNAMIC,a)])[v:data]:64"
    );
    // What is left is offered again, and the volume is not in it while the task uses it.
    it.world.pass(std::time::Duration::from_secs(6));
    let record = &it.world.master.agents[&agent];
    assert!(record.offered.volumes().is_empty());
    assert_eq!(record.checkpointed.len(), 2);
    let effects = it.accept(vec![operation(DESTROY, vec![data])]);
    assert!(sent::<ApplyOperationMessage>(&effects).is_empty());
}

#[test]
fn reserved_resources_are_offered_to_their_role_and_those_below() {
    let mut it = set(&[]);
    it.accept(vec![operation(
        operation::Type::RESERVE,
        reserved("cpus:1", &["a"]),
    )]);
    let mut other = framework_info("b", &[Type::RESERVATION_REFINEMENT]);
    other.set_role("b".into());
    let mut below = framework_info("c", &[Type::RESERVATION_REFINEMENT]);
    below.set_role("a/c".into());
    it.world.master.remove_framework(&it.framework.clone());
    it.world.effects();
    let cpus = |world: &mut World, info| {
        let (id, stream) = world.framework(info);
        world.master.allocate_all();
        let effects = world.effects();
        let sum = offers(&effects, stream)
            .iter()
            .map(|o| {
                Resources::from_protos(&o.resources)
                    .expect("valid")
                    .scalar("cpus")
            })
            .sum::<f64>();
        world.master.remove_framework(&id);
        world.effects();
        sum
    };
    assert_eq!(cpus(&mut it.world, other), 3.0);
    assert_eq!(cpus(&mut it.world, below), 4.0);
}

#[test]
fn feedback_is_given_until_it_is_acknowledged() {
    let mut it = set(&[]);
    let reserve = operation(operation::Type::RESERVE, reserved("cpus:1", &["a"]));
    let effects = it.accept(vec![named(reserve, "o1")]);
    let applied = sent::<ApplyOperationMessage>(&effects).remove(0);
    let reconcile = |it: &mut Set, id: Option<&str>| {
        it.world
            .call(
                &it.framework.clone(),
                it.stream,
                call::Type::RECONCILE_OPERATIONS,
                |call| {
                    let wanted = call.reconcile_operations.mut_or_insert_default();
                    if let Some(id) = id {
                        let mut one = call::reconcile_operations::Operation::new();
                        one.operation_id
                            .mut_or_insert_default()
                            .set_value(id.into());
                        wanted.operations.push(one);
                    }
                },
            )
            .expect("allowed");
        let effects = it.world.effects();
        let told = feedback(&effects, it.stream);
        told.iter().map(OperationStatus::state).collect::<Vec<_>>()
    };
    assert_eq!(
        reconcile(&mut it, None),
        [OperationState::OPERATION_PENDING]
    );
    assert_eq!(
        reconcile(&mut it, Some("o1")),
        [OperationState::OPERATION_PENDING]
    );
    assert_eq!(
        reconcile(&mut it, Some("o2")),
        [OperationState::OPERATION_UNKNOWN]
    );
    let effects = it.ends(&applied, OperationState::OPERATION_FINISHED);
    let told = feedback(&effects, it.stream).remove(0);
    assert_eq!(
        (told.state(), told.operation_id.value()),
        (OperationState::OPERATION_FINISHED, "o1")
    );
    assert!(sent::<AcknowledgeOperationStatusMessage>(&effects).is_empty());
    assert_eq!(
        reconcile(&mut it, None),
        [OperationState::OPERATION_FINISHED]
    );
    for (uuid, valid) in [
        (vec![1; 16], false),
        (vec![9; 16], true),
        (vec![9; 16], false),
    ] {
        let (agent, id) = (it.agent.clone(), it.framework.clone());
        it.world
            .call(
                &id,
                it.stream,
                call::Type::ACKNOWLEDGE_OPERATION_STATUS,
                |call| {
                    let ack = call.acknowledge_operation_status.mut_or_insert_default();
                    ack.slave_id = agent.field();
                    ack.operation_id
                        .mut_or_insert_default()
                        .set_value("o1".into());
                    ack.set_uuid(uuid);
                },
            )
            .expect("allowed");
        let acks = sent::<AcknowledgeOperationStatusMessage>(&it.world.effects());
        assert_eq!(acks.len(), usize::from(valid));
    }
    assert!(reconcile(&mut it, None).is_empty());
    let count = |name: &str| it.world.master.counters.get(name);
    assert_eq!(count("valid_operation_status_update_acknowledgements"), 1);
    assert_eq!(count("invalid_operation_status_update_acknowledgements"), 2);
    assert_eq!(count("operations/reserve/finished"), 1);
}

#[test]
fn the_master_acknowledges_what_nobody_asked_to_hear() {
    let mut it = set(&[]);
    let reserve = operation(operation::Type::RESERVE, reserved("cpus:1", &["a"]));
    let effects = it.accept(vec![reserve]);
    let applied = sent::<ApplyOperationMessage>(&effects).remove(0);
    let effects = it.ends(&applied, OperationState::OPERATION_FINISHED);
    assert!(feedback(&effects, it.stream).is_empty());
    let acks = sent::<AcknowledgeOperationStatusMessage>(&effects);
    assert_eq!(acks[0].operation_uuid, applied.operation_uuid);
    assert!(it.world.master.agents[&it.agent].operations.is_empty());
    // Said once more, it is acknowledged once more: the first may have been lost.
    let effects = it.ends(&applied, OperationState::OPERATION_FINISHED);
    assert_eq!(sent::<AcknowledgeOperationStatusMessage>(&effects).len(), 1);
}

#[test]
fn agents_and_master_bring_their_operations_together() {
    let mut it = set(&[]);
    let reserve = operation(operation::Type::RESERVE, reserved("cpus:1", &["a"]));
    let effects = it.accept(vec![named(reserve, "o1")]);
    let applied = sent::<ApplyOperationMessage>(&effects).remove(0);
    let mut adopted = mesos_proto::mesos::Operation::new();
    adopted.framework_id = it.framework.field();
    adopted.info = MessageField::some(named(
        operation(operation::Type::RESERVE, reserved("cpus:1", &["a"])),
        "o0",
    ));
    adopted.uuid.mut_or_insert_default().set_value(vec![5; 16]);
    let mut update = UpdateSlaveMessage::new();
    update.slave_id = it.agent.field();
    update.operations.mut_or_insert_default().operations = vec![adopted];
    it.world.master.update_agent(update);
    let asked = sent::<ReconcileOperationsMessage>(&it.world.effects());
    assert_eq!(
        asked[0].operations[0].operation_uuid,
        applied.operation_uuid
    );
    assert_eq!(it.world.master.agents[&it.agent].operations.len(), 2);
    let effects = it.ends(&applied, OperationState::OPERATION_DROPPED);
    let told = feedback(&effects, it.stream);
    assert_eq!(told[0].state(), OperationState::OPERATION_DROPPED);
    it.world
        .master
        .mark_agent_gone(&it.agent.clone())
        .expect("known");
    let told = feedback(&it.world.effects(), it.stream);
    assert_eq!(told.len(), 1);
    assert_eq!(
        (told[0].operation_id.value(), told[0].state()),
        ("o0", OperationState::OPERATION_GONE_BY_OPERATOR)
    );
}

#[test]
fn an_agent_without_resource_providers_is_told_all_that_it_is_to_keep() {
    let mut it = set(&[]);
    let agent = it.world.master.agents.get_mut(&it.agent).expect("there");
    agent.capabilities = vec![slave_info::capability::Type::MULTI_ROLE];
    let reserve = operation(operation::Type::RESERVE, reserved("cpus:1", &["a"]));
    let effects = it.accept(vec![reserve.clone()]);
    let kept = sent::<CheckpointResourcesMessage>(&effects)
        .remove(0)
        .resources;
    assert_eq!((kept[0].role(), kept[0].reservations.len()), ("a", 0));
    assert!(kept[0].reservation.is_some());
    let effects = it.accept(vec![named(reserve, "o")]);
    let told = feedback(&effects, it.stream);
    assert_eq!(told[0].state(), OperationState::OPERATION_ERROR);
}

#[test]
fn operators_take_offers_back_for_what_they_need() {
    let mut it = set(&[]);
    it.world.effects();
    let reserve = |cpus| operation(operation::Type::RESERVE, reserved(cpus, &["z"]));
    let agent = it.agent.clone();
    let too_much = it.world.master.operate(&agent, reserve("cpus:5"), None);
    let error = too_much.expect_err("there are only 4");
    assert_eq!(error.status, 409);
    assert!(
        error.text.contains("does not contain cpus:5"),
        "{}",
        error.text
    );
    assert_eq!(it.world.master.offers.len(), 1);
    it.world
        .master
        .operate(&agent, reserve("cpus:1"), None)
        .expect("fits");
    assert!(it.world.master.offers.is_empty());
    let effects = it.world.effects();
    let kinds: Vec<_> = events(&effects, it.stream)
        .iter()
        .map(|e| e.type_())
        .collect();
    assert_eq!(kinds, [event::Type::RESCIND]);
    assert!(
        sent::<ApplyOperationMessage>(&effects)[0]
            .framework_id
            .is_none()
    );
    assert!(it.total().contains("cpus(reservations: [(DYNAMIC,z)]):1"));
    let unknown = it
        .world
        .master
        .operate(&AgentId::new("x"), reserve("cpus:1"), None);
    assert_eq!(
        unknown.expect_err("unknown").text,
        "No agent found with specified ID"
    );
    let mut unreserved = it.world.effects();
    unreserved.extend(it.world.pass(std::time::Duration::from_secs(1)));
    assert_eq!(offer_ids(&unreserved, it.stream).len(), 1);
}

#[test]
fn a_shared_volume_serves_several_tasks_and_is_not_destroyed_under_them() {
    use operation::Type::*;
    let mut it = set(&[Type::SHARED_RESOURCES]);
    let data = volume(reserved("disk:64", &["a"]).remove(0), "v", true);
    let agent = it.agent.clone();
    let effects = it.accept(vec![
        operation(RESERVE, reserved("disk:64", &["a"])),
        operation(CREATE, vec![data.clone()]),
        launch(&agent, "t1", vec![data.clone()]),
        launch(&agent, "t2", vec![data.clone()]),
        named(operation(DESTROY, vec![data.clone()]), "d"),
    ]);
    assert_eq!(sent::<RunTaskMessage>(&effects).len(), 2);
    let told = feedback(&effects, it.stream);
    assert!(
        told[0].message().starts_with("Persistent volumes in use"),
        "{}",
        told[0].message()
    );
    for id in ["t1", "t2"] {
        let state = mesos_proto::mesos::TaskState::TASK_FINISHED;
        it.world.update(&it.framework.clone(), &agent, id, state);
    }
    it.world.pass(std::time::Duration::from_secs(6));
    let effects = it.accept(vec![named(operation(DESTROY, vec![data]), "d")]);
    assert_eq!(sent::<ApplyOperationMessage>(&effects).len(), 1);
    assert!(feedback(&effects, it.stream).is_empty());
}

#[test]
fn what_operations_made_is_not_refused_and_the_rest_is() {
    let mut it = set(&[]);
    it.accept(vec![operation(
        operation::Type::RESERVE,
        reserved("cpus:1;mem:64", &["a"]),
    )]);
    it.world.master.allocate_all();
    let effects = it.world.effects();
    let offered = offers(&effects, it.stream);
    let resources = Resources::from_protos(&offered[0].resources).expect("valid");
    assert!(!resources.checkpointed().is_empty());
}
