use mesos_proto::mesos::resource::disk_info::Persistence;
use mesos_proto::mesos::resource::{DiskInfo, ReservationInfo, SharedInfo};
use mesos_proto::mesos::{Volume, value, volume};
use proptest::prelude::*;

use super::super::parse;
use super::*;

fn reserved(text: &str, stack: &[&str]) -> Vec<Resource> {
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

fn as_volume(mut disk: Resource, id: &str, is_shared: bool) -> Resource {
    let mut persistence = Persistence::new();
    persistence.set_id(id.to_string());
    let mut place = Volume::new();
    place.set_container_path("data".to_string());
    place.set_mode(volume::Mode::RW);
    let mut info = DiskInfo::new();
    info.persistence = MessageField::some(persistence);
    info.volume = MessageField::some(place);
    disk.disk = MessageField::some(info);
    if is_shared {
        disk.shared = MessageField::some(SharedInfo::new());
    }
    disk
}

fn operation(kind: operation::Type, resources: Vec<Resource>) -> Operation {
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

fn grow(volume: &Resource, by: Resource) -> Operation {
    let mut operation = Operation::new();
    operation.set_type(operation::Type::GROW_VOLUME);
    let grow = operation.grow_volume.mut_or_insert_default();
    grow.volume = MessageField::some(volume.clone());
    grow.addition = MessageField::some(by);
    operation
}

fn shrink(volume: &Resource, by: f64) -> Operation {
    let mut operation = Operation::new();
    operation.set_type(operation::Type::SHRINK_VOLUME);
    let shrink = operation.shrink_volume.mut_or_insert_default();
    shrink.volume = MessageField::some(volume.clone());
    let mut subtract = value::Scalar::new();
    subtract.set_value(by);
    shrink.subtract = MessageField::some(subtract);
    operation
}

fn after(have: &mut Resources, operation: &Operation) -> String {
    match conversions(operation).and_then(|steps| have.apply(&steps)) {
        Ok(()) => have.to_string(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn operations_turn_resources_into_others() {
    use operation::Type::*;
    let mut have = parse("cpus:4;disk:100", "*").unwrap();
    let disk = reserved("disk:64", &["a"]).remove(0);
    let volume = as_volume(disk.clone(), "v", false);
    let steps = [
        (
            operation(RESERVE, reserved("cpus:1;disk:64", &["a"])),
            "cpus:3; disk:36; cpus(reservations: [(DYNAMIC,a)]):1; disk(reservations: [(DYNAMIC,a)]):64",
        ),
        (
            operation(RESERVE, reserved("cpus:1", &["a", "a/b"])),
            "cpus:3; disk:36; disk(reservations: [(DYNAMIC,a)]):64; cpus(reservations: [(DYNAMIC,a),(DYNAMIC,a/b)]):1",
        ),
        (
            operation(CREATE, vec![volume.clone()]),
            "cpus:3; disk:36; cpus(reservations: [(DYNAMIC,a),(DYNAMIC,a/b)]):1; disk(reservations: [(DYNAMIC,a)])[v:data]:64",
        ),
        (
            shrink(&volume, 4.0),
            "cpus:3; disk:36; cpus(reservations: [(DYNAMIC,a),(DYNAMIC,a/b)]):1; disk(reservations: [(DYNAMIC,a)])[v:data]:60; disk(reservations: [(DYNAMIC,a)]):4",
        ),
        (
            grow(&resized(&volume, -4000), resized(&disk, -60_000)),
            "cpus:3; disk:36; cpus(reservations: [(DYNAMIC,a),(DYNAMIC,a/b)]):1; disk(reservations: [(DYNAMIC,a)])[v:data]:64",
        ),
        (
            operation(DESTROY, vec![volume.clone()]),
            "cpus:3; disk:36; cpus(reservations: [(DYNAMIC,a),(DYNAMIC,a/b)]):1; disk(reservations: [(DYNAMIC,a)]):64",
        ),
        (
            operation(UNRESERVE, reserved("cpus:1", &["a", "a/b"])),
            "cpus:3; disk:36; disk(reservations: [(DYNAMIC,a)]):64; cpus(reservations: [(DYNAMIC,a)]):1",
        ),
        (
            operation(UNRESERVE, reserved("cpus:1;disk:64", &["a"])),
            "cpus:4; disk:100",
        ),
        (
            operation(UNRESERVE, reserved("cpus:1", &["a"])),
            "cpus:4; disk:100 does not contain cpus(reservations: [(DYNAMIC,a)]):1",
        ),
    ];
    for (step, want) in steps {
        assert_eq!(after(&mut have, &step), want);
    }
}

#[test]
fn a_reservation_can_be_made_from_another_one() {
    let mut have = Resources::from_protos(&reserved("cpus:2", &["a"])).unwrap();
    let mut step = operation(operation::Type::RESERVE, reserved("cpus:1", &["b"]));
    step.reserve.mut_or_insert_default().source = reserved("cpus:1", &["a"]);
    assert_eq!(
        after(&mut have, &step),
        "cpus(reservations: [(DYNAMIC,a)]):1; cpus(reservations: [(DYNAMIC,b)]):1"
    );
}

#[test]
fn a_shared_volume_is_one_however_many_use_it() {
    let volume = as_volume(reserved("disk:64", &["a"]).remove(0), "v", true);
    let one = Resources::from_protos([&volume]).unwrap();
    let two = Resources::from_protos([&volume, &volume]).unwrap();
    assert_eq!(
        one.to_string(),
        "disk(reservations: [(DYNAMIC,a)])[v:data]<SHARED>:64"
    );
    assert!(one.contains(&two) && two.contains(&one));
    assert_eq!(two.scalar("disk"), 64.0);
    assert!(two.minus(&one).contains(&one));
    let owned = Resources::from_protos([&as_volume(
        reserved("disk:64", &["a"]).remove(0),
        "v",
        false,
    )]);
    assert!(!one.contains(&owned.unwrap()));
}

#[test]
fn checkpointed_resources_replace_what_they_are_made_of() {
    let agent = parse("cpus:4;disk(s):100", "*").unwrap();
    let mut disk = parse("disk(s):60", "*").unwrap().to_protos(Format::Post);
    let volume = as_volume(disk.remove(0), "v", true);
    let kept = [reserved("cpus:1", &["a", "a/b"]), vec![volume]].concat();
    let total = with_checkpointed(&agent.to_protos(Format::Pre), &kept).unwrap();
    assert_eq!(
        total.to_string(),
        "cpus:3; disk(reservations: [(STATIC,s)]):40; cpus(reservations: [(DYNAMIC,a),(DYNAMIC,a/b)]):1; disk(reservations: [(STATIC,s)])[v:data]<SHARED>:60"
    );
    assert_eq!(total.checkpointed(), Resources::from_protos(&kept).unwrap());
    let smaller = parse("cpus:0.5;disk(s):100", "*").unwrap();
    assert_eq!(
        with_checkpointed(&smaller.to_protos(Format::Pre), &kept),
        Err(ResourceError(
            "Incompatible agent resources: cpus:0.5; disk(reservations: [(STATIC,s)]):100 does not contain cpus:1".into()
        ))
    );
}

/// Any of the operations, on what there may or may not be.
fn any_operation() -> impl Strategy<Value = Operation> {
    use operation::Type::*;
    let stack = prop_oneof![
        Just(vec!["a"]),
        Just(vec!["b"]),
        Just(vec!["a", "a/x"]),
        Just(vec!["a", "a/x", "a/x/y"])
    ];
    let id = prop_oneof![Just("v"), Just("w")];
    (0u8..6, stack, id, 1u32..5, any::<bool>()).prop_map(|(kind, stack, id, size, is_shared)| {
        let plain = reserved(
            &format!("cpus:0.{size};disk:{size};ports:[{size}-9]"),
            &stack,
        );
        let disk = reserved(&format!("disk:{size}"), &stack).remove(0);
        let volume = as_volume(disk.clone(), id, is_shared);
        match kind {
            0 => operation(RESERVE, plain),
            1 => operation(UNRESERVE, plain),
            2 => operation(CREATE, vec![volume]),
            3 => operation(DESTROY, vec![volume]),
            4 => grow(&volume, disk),
            _ => shrink(&volume, f64::from(size) / 2.0),
        }
    })
}

/// Volumes have names of their own, and shared ones keep their size: validation sees to both.
fn is_sensible(have: &Resources, step: &Operation) -> bool {
    let resized = [&step.grow_volume.volume, &step.shrink_volume.volume];
    let is_new = |volume: &Resource| {
        let id = volume.disk.persistence.id();
        have.volumes().iter().all(|v| v.disk.persistence.id() != id)
    };
    resized.iter().all(|volume| volume.shared.is_none()) && step.create.volumes.iter().all(is_new)
}

proptest! {
    /// Whatever is done, the amounts stay; and what fails changes nothing.
    #[test]
    fn operations_never_lose_or_invent_resources(steps in prop::collection::vec(any_operation(), 1..40)) {
        let start = parse("cpus:2;disk:12;ports:[1-9]", "*").unwrap();
        let mut have = start.clone();
        for step in &steps {
            if !is_sensible(&have, step) {
                continue;
            }
            let before = have.clone();
            let result = conversions(step).and_then(|steps| have.apply(&steps));
            if result.is_err() {
                prop_assert_eq!(&have, &before);
            }
            prop_assert_eq!(have.scalar("cpus"), start.scalar("cpus"));
            prop_assert_eq!(have.scalar("disk"), start.scalar("disk"));
            prop_assert_eq!(have.ranges("ports"), start.ranges("ports"));
            // What is kept on disk is enough to come to the same total again.
            let kept = have.checkpointed().to_protos(Format::Pre);
            let again = with_checkpointed(&start.to_protos(Format::Pre), &kept).unwrap();
            prop_assert!(again.contains(&have) && have.contains(&again));
        }
    }

    /// An operation and its opposite leave what was.
    #[test]
    fn what_is_reserved_and_unreserved_is_what_it_was(cpus in 1u32..2000, roles in prop::collection::vec("[a-z]{1,3}", 1..4)) {
        let start = parse("cpus:2;mem:64", "*").unwrap();
        let text = format!("cpus:{}", f64::from(cpus) / 1000.0);
        let mut have = start.clone();
        let mut stack: Vec<String> = Vec::new();
        let mut made = Vec::new();
        for role in roles {
            let name = stack.last().map_or(role.clone(), |above| format!("{above}/{role}"));
            stack.push(name);
            let names: Vec<&str> = stack.iter().map(String::as_str).collect();
            made.push(reserved(&text, &names));
        }
        for resources in &made {
            let steps = conversions(&operation(operation::Type::RESERVE, resources.clone())).unwrap();
            prop_assert!(have.apply(&steps).is_ok());
        }
        for resources in made.iter().rev() {
            let steps = conversions(&operation(operation::Type::UNRESERVE, resources.clone())).unwrap();
            prop_assert!(have.apply(&steps).is_ok());
        }
        prop_assert!(have.contains(&start) && start.contains(&have));
    }
}
