//! What frameworks and operators are told of operations that cannot be done.

use mesos_proto::mesos::framework_info::capability::Type;
use mesos_proto::mesos::offer::{Operation, operation};
use mesos_proto::mesos::{Resource, slave_info, value};
use mesos_wire::resources::parse;
use protobuf::MessageField;

use super::operations::{Set, feedback, named, operation, reserved, set, volume};
use operation::Type::*;

fn disk(stack: &[&str]) -> Resource {
    reserved("disk:64", stack).remove(0)
}

fn data() -> Resource {
    volume(disk(&["a"]), "v", false)
}

fn changed(mut resource: Resource, change: impl FnOnce(&mut Resource)) -> Vec<Resource> {
    change(&mut resource);
    vec![resource]
}

fn allocated(mut resource: Resource, role: &str) -> Resource {
    let allocation = resource.allocation_info.mut_or_insert_default();
    allocation.set_role(role.into());
    resource
}

fn grow(volume: Resource, addition: &str) -> Operation {
    let mut operation = Operation::new();
    operation.set_type(GROW_VOLUME);
    let grow = operation.grow_volume.mut_or_insert_default();
    grow.volume = MessageField::some(volume);
    let addition = if addition.is_empty() {
        changed(disk(&["a"]), |r| {
            r.scalar.mut_or_insert_default().set_value(0.0)
        })
        .remove(0)
    } else {
        reserved(addition, &["a"]).remove(0)
    };
    grow.addition = MessageField::some(addition);
    operation
}

fn shrink(volume: Resource, by: f64) -> Operation {
    let mut operation = Operation::new();
    operation.set_type(SHRINK_VOLUME);
    let shrink = operation.shrink_volume.mut_or_insert_default();
    shrink.volume = MessageField::some(volume);
    let mut subtract = value::Scalar::new();
    subtract.set_value(by);
    shrink.subtract = MessageField::some(subtract);
    operation
}

fn told(it: &mut Set, operation: Operation) -> String {
    let effects = it.accept(vec![named(operation, "o")]);
    let told = feedback(&effects, it.stream);
    told.first()
        .map_or(String::new(), |s| s.message().to_string())
}

/// The text without where it was, which comes last.
fn reason(text: &str) -> &str {
    text.split("; on agent ").next().unwrap_or(text)
}

#[test]
fn frameworks_are_told_in_the_originals_words() {
    let cpu = || reserved("cpus:1", &["a"]).remove(0);
    let free = || {
        parse("cpus:1", "*")
            .expect("fine")
            .to_protos(mesos_wire::resources::Format::Post)
    };
    let cases = [
        (
            operation(RESERVE, free()),
            "Resource cpus(allocated: a):1 is not dynamically reserved",
        ),
        (
            operation(RESERVE, reserved("cpus:1", &["b"])),
            "A reserve operation was attempted for a resource with role 'b', but the resource was allocated to role 'a'",
        ),
        (
            operation(
                RESERVE,
                vec![allocated(reserved("cpus:1", &["b"]).remove(0), "b")],
            ),
            "A reserve operation was attempted for a resource allocated to role 'b', but the framework only has roles '{ a }'",
        ),
        (
            operation(RESERVE, vec![data()]),
            "cpus(allocated: a):4; mem(allocated: a):4096; disk(allocated: a):1024 does not contain disk(allocated: a)[v:data]:64",
        ),
        (
            operation(
                RESERVE,
                changed(cpu(), |r| {
                    r.revocable.mut_or_insert_default();
                }),
            ),
            "Invalid resources: Invalid ReservationInfo: Dynamically reserved resource cpus(allocated: a)(reservations: [(DYNAMIC,a)]){REV}:1 cannot be created from revocable resources",
        ),
        (
            operation(UNRESERVE, free()),
            "Resource cpus(allocated: a):1 is not dynamically reserved",
        ),
        (
            operation(UNRESERVE, vec![data()]),
            "A dynamically reserved persistent volume disk(allocated: a)(reservations: [(DYNAMIC,a)])[v:data]:64 cannot be unreserved directly. Please destroy the persistent volume first then unreserve the resource",
        ),
        (
            operation(CREATE, vec![disk(&["a"])]),
            "Not a persistent volume: Resource disk(allocated: a)(reservations: [(DYNAMIC,a)]):64 does not have DiskInfo",
        ),
        (
            operation(CREATE, vec![volume(disk(&[]), "v", false)]),
            "Invalid resources: Invalid DiskInfo: Persistent volumes cannot be created from unreserved resources",
        ),
        (
            operation(CREATE, vec![data(), data()]),
            "Persistence ID 'v' is not unique",
        ),
        (
            operation(
                CREATE,
                changed(data(), |r| {
                    r.disk
                        .mut_or_insert_default()
                        .volume
                        .mut_or_insert_default()
                        .set_host_path("/x".into())
                }),
            ),
            "Invalid resources: Invalid DiskInfo: Expecting 'host_path' to be unset for persistent volume",
        ),
        (
            operation(
                CREATE,
                changed(data(), |r| {
                    r.disk
                        .mut_or_insert_default()
                        .volume
                        .mut_or_insert_default()
                        .set_mode(mesos_proto::mesos::volume::Mode::RO)
                }),
            ),
            "Not a persistent volume: Read-only persistent volume not supported",
        ),
        (
            operation(
                CREATE,
                changed(data(), |r| {
                    r.disk.mut_or_insert_default().volume = MessageField::none()
                }),
            ),
            "Invalid resources: Invalid DiskInfo: Expecting 'volume' to be set for persistent volume",
        ),
        (
            operation(
                CREATE,
                changed(data(), |r| {
                    r.disk.mut_or_insert_default().persistence = MessageField::none()
                }),
            ),
            "Invalid resources: Invalid DiskInfo: Non-persistent volume not supported",
        ),
        (
            operation(
                CREATE,
                changed(disk(&["a"]), |r| {
                    r.disk.mut_or_insert_default();
                }),
            ),
            "Invalid resources: Invalid DiskInfo: DiskInfo is set but empty",
        ),
        (
            operation(DESTROY, vec![data()]),
            "Persistent volumes not found",
        ),
        (
            grow(data(), ""),
            "The size of 'GrowVolume.addition' field must be greater than zero",
        ),
        (
            grow(data(), "cpus:1"),
            "Incompatible resources in the 'GrowVolume.volume' and 'GrowVolume.addition' fields",
        ),
        (
            grow(disk(&["a"]), "disk:1"),
            "Invalid persistent volume in the 'GrowVolume.volume' field: Resource disk(allocated: a)(reservations: [(DYNAMIC,a)]):64 does not have DiskInfo",
        ),
        (
            grow(volume(disk(&["a"]), "v", true), "disk:1"),
            "Growing a shared persistent volume is not supported",
        ),
        (
            shrink(data(), 0.0),
            "Value of 'ShrinkVolume.subtract' must be greater than zero",
        ),
        (
            shrink(data(), 64.0),
            "Value of 'ShrinkVolume.subtract' must be smaller than the size of 'ShrinkVolume.volume'",
        ),
        (
            shrink(volume(disk(&["a"]), "v", true), 1.0),
            "Shrinking a shared persistent volume is not supported",
        ),
    ];
    let mut it = set(&[]);
    let before = it.world.master.agents[&it.agent].total.clone();
    for (operation, want) in cases {
        let text = told(&mut it, operation);
        assert_eq!(reason(&text), want);
        assert_eq!(it.world.master.agents[&it.agent].total, before, "{want}");
    }
    let shared = operation(CREATE, vec![volume(disk(&["a"]), "v", true)]);
    let text = told(&mut it, shared);
    assert!(
        text.contains("with no SHARED_RESOURCES capability"),
        "{text}"
    );
    let unfit = told(&mut it, operation(CREATE, vec![data()]));
    assert!(
        unfit.ends_with("does not contain disk(allocated: a)(reservations: [(DYNAMIC,a)]):64"),
        "{unfit}"
    );
    let disk = told(&mut it, {
        let mut operation = Operation::new();
        operation.set_type(CREATE_DISK);
        operation.create_disk.mut_or_insert_default().source =
            MessageField::some(reserved("disk:1", &["a"]).remove(0));
        operation
    });
    assert_eq!(
        reason(&disk),
        "'source' is not managed by a resource provider"
    );
}

#[test]
fn principals_must_match_where_they_are_known() {
    let mut it = set(&[]);
    let framework = it
        .world
        .master
        .frameworks
        .get_mut(&it.framework)
        .expect("there");
    framework.info.set_principal("p".into());
    let with = |principal: &str| {
        changed(reserved("cpus:1", &["a"]).remove(0), |r| {
            r.reservations[0].set_principal(principal.into());
        })
    };
    let volume_of = |principal: &str| {
        changed(data(), |r| {
            let disk = r.disk.mut_or_insert_default();
            disk.persistence
                .mut_or_insert_default()
                .set_principal(principal.into());
        })
    };
    let cases = [
        (
            operation(RESERVE, reserved("cpus:1", &["a"])),
            "A reserve operation was attempted by principal 'p', but there is a reserved resource in the request with no principal set",
        ),
        (
            operation(RESERVE, with("q")),
            "A reserve operation was attempted by authenticated principal 'p', which does not match a reserved resource in the request with principal 'q'",
        ),
        (
            operation(CREATE, vec![data()]),
            "Create volume operation attempted by principal 'p', but there is a volume in the operation with no principal set in 'disk.persistence'",
        ),
        (
            operation(CREATE, volume_of("q")),
            "Create volume operation attempted by authenticated principal 'p', which does not match a volume in the operation with principal 'q' set in 'disk.persistence'",
        ),
        (operation(RESERVE, with("p")), ""),
    ];
    for (operation, want) in cases {
        let text = told(&mut it, operation);
        assert_eq!(reason(&text), want);
    }
}

#[test]
fn what_an_agent_does_not_know_is_not_asked_of_it() {
    use slave_info::capability::Type as Known;
    let cases = [
        (
            Known::HIERARCHICAL_ROLE,
            operation(RESERVE, reserved("cpus:1", &["a/b"])),
            "Resource cpus(reservations: [(DYNAMIC,a/b)]):1 with reservation for hierarchical role 'a/b' cannot be reserved on an agent without HIERARCHICAL_ROLE capability",
        ),
        (
            Known::RESERVATION_REFINEMENT,
            operation(RESERVE, reserved("cpus:1", &["a", "a/b"])),
            "Resource cpus(reservations: [(DYNAMIC,a),(DYNAMIC,a/b)]):1 with reservation refinement cannot be reserved on an agent without RESERVATION_REFINEMENT capability",
        ),
        (
            Known::RESERVATION_REFINEMENT,
            operation(CREATE, vec![volume(disk(&["a", "a/b"]), "v", false)]),
            "Volume disk(reservations: [(DYNAMIC,a),(DYNAMIC,a/b)])[v:data]:64 with reservation refinement cannot be created on an agent without RESERVATION_REFINEMENT capability",
        ),
        (
            Known::RESIZE_VOLUME,
            grow(data(), "disk:1"),
            "Volume disk(reservations: [(DYNAMIC,a)])[v:data]:64 cannot be grown on an agent without RESIZE_VOLUME capability",
        ),
        (
            Known::RESIZE_VOLUME,
            shrink(data(), 1.0),
            "Volume disk(reservations: [(DYNAMIC,a)])[v:data]:64 cannot be shrunk on an agent without RESIZE_VOLUME capability",
        ),
    ];
    for (lacks, operation, want) in cases {
        let mut it = set(&[]);
        let id = it.agent.clone();
        let agent = it.world.master.agents.get_mut(&id).expect("there");
        agent.capabilities.retain(|known| *known != lacks);
        let kind = operation.type_();
        let error = it
            .world
            .master
            .operate(&id, operation, None)
            .expect_err(want);
        assert_eq!(error.status, 400);
        let agent = &it.world.master.agents[&id];
        assert_eq!(
            error.text,
            format!("Invalid {kind:?} operation on agent {agent}: {want}")
        );
    }
}

#[test]
fn operators_reserve_only_what_is_allocated_to_nobody() {
    let mut it = set(&[]);
    let resources = vec![allocated(reserved("cpus:1", &["a"]).remove(0), "a")];
    let id = it.agent.clone();
    let error = it
        .world
        .master
        .operate(&id, operation(RESERVE, resources), None);
    assert!(error.expect_err("allocated").text.ends_with(
        "A reserve operation was attempted with an allocated resource, but the operator API only allows reservations to be made to unallocated resources"
    ));
}

#[test]
fn operations_have_names_only_where_their_framework_can_be_told() {
    let mut it = set(&[Type::PARTITION_AWARE]);
    let agent = it.agent.clone();
    let mut launch = Operation::new();
    launch.set_type(LAUNCH);
    launch.launch.mut_or_insert_default().task_infos =
        vec![super::world::task("t", &agent, "cpus:1")];
    let effects = it.accept(vec![named(launch, "o")]);
    let statuses = super::world::statuses(&effects, it.stream);
    assert_eq!(
        statuses[0].state(),
        mesos_proto::mesos::TaskState::TASK_ERROR
    );
    assert_eq!(feedback(&effects, it.stream).len(), 1);
}
