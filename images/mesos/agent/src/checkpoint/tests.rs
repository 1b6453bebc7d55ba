use mesos_proto::mesos::{TaskState, TaskStatus};
use mesos_proto::messages::{StatusUpdateRecord, status_update_record};

use super::*;
use crate::model::{executor_id, framework_id, slave_id, task_id};

fn place() -> Place {
    Place {
        framework: "F".into(),
        executor: "E".into(),
        container: "C".into(),
    }
}

fn agent() -> SlaveInfo {
    let mut info = SlaveInfo::new();
    info.set_hostname("h".into());
    info.id = slave_id("S0");
    info
}

fn record(uuid: u8, ack: bool) -> Checkpoint {
    let mut record = StatusUpdateRecord::new();
    if ack {
        record.set_type(status_update_record::Type::ACK);
        record.set_uuid(vec![uuid]);
    } else {
        let mut status = TaskStatus::new();
        status.task_id = task_id("T");
        status.set_state(TaskState::TASK_RUNNING);
        let mut update = StatusUpdate::new();
        update.framework_id = framework_id("F");
        update.set_timestamp(1.0);
        update.set_uuid(vec![uuid]);
        update.status = Some(status).into();
        record.set_type(status_update_record::Type::UPDATE);
        record.update = Some(update).into();
    }
    Checkpoint::Record {
        place: place(),
        task: "T".into(),
        record: Box::new(record),
    }
}

fn checkpoints() -> Vec<Checkpoint> {
    let mut framework = FrameworkInfo::new();
    framework.set_user("root".into());
    framework.set_name("f".into());
    framework.id = framework_id("F");
    framework.set_checkpoint(true);
    let mut executor = ExecutorInfo::new();
    executor.executor_id = executor_id("E");
    let mut task = Task::new();
    task.set_name("t".into());
    task.task_id = task_id("T");
    task.framework_id = framework_id("F");
    task.slave_id = slave_id("S0");
    task.set_state(TaskState::TASK_STAGING);
    vec![
        Checkpoint::Agent(Box::new(agent())),
        Checkpoint::Framework(Box::new(framework), None),
        Checkpoint::Executor {
            place: place(),
            info: Box::new(executor),
            is_command: true,
        },
        Checkpoint::Forked(place(), std::process::id()),
        Checkpoint::Connected(place(), Link::Http(1)),
        Checkpoint::Task(place(), Box::new(task)),
        record(1, false),
        record(2, false),
        record(1, true),
    ]
}

#[test]
fn what_is_written_is_recovered() {
    let work = tempfile::tempdir().expect("a folder");
    assert!(recover(work.path()).agent.is_none());
    let mut store = Store::open(work.path(), None).expect("opened");
    for checkpoint in checkpoints() {
        store.write(&checkpoint).expect("written");
    }
    let got = recover(work.path());
    assert_eq!(got.errors, Vec::<String>::new());
    assert_eq!(got.agent, Some(agent()));
    assert!(got.is_same_boot);
    let framework = &got.frameworks[0];
    assert_eq!(framework.pid, None);
    let executor = &framework.executors[0];
    assert_eq!(executor.place, place());
    assert!(executor.is_command);
    let own = proc::process(i32::try_from(std::process::id()).expect("small")).expect("it runs");
    assert_eq!(executor.process, Some((own.pid, own.start)));
    let (task, updates, acknowledged) = &executor.tasks[0];
    assert_eq!(task.task_id.value(), "T");
    assert_eq!(updates.len(), 2);
    assert_eq!(acknowledged, &HashSet::from([vec![1]]));

    store
        .write(&Checkpoint::ForgetExecutor(place()))
        .expect("removed");
    store
        .write(&Checkpoint::ForgetFramework("F".into()))
        .expect("removed");
    store
        .write(&Checkpoint::ForgetFramework("F".into()))
        .expect("gone already");
    assert!(recover(work.path()).frameworks.is_empty());
    store.forget_agent().expect("forgotten");
    assert!(recover(work.path()).agent.is_none());
}

#[test]
fn another_boot_or_another_init_is_another_life() {
    let boot = |id: &str, init_start| Boot {
        id: id.into(),
        init_start,
    };
    let now = boot("a", 5);
    for (before, want) in [
        (Some(boot("a", 5)), true),
        (Some(boot("a", 6)), false),
        (Some(boot("b", 5)), false),
        (None, false),
    ] {
        assert_eq!(
            is_same_boot(before.as_ref(), Some(&now)),
            want,
            "case {before:?}"
        );
    }
}

#[test]
fn what_cannot_be_read_is_told_and_the_rest_recovered() {
    let work = tempfile::tempdir().expect("a folder");
    let mut store = Store::open(work.path(), None).expect("opened");
    for checkpoint in checkpoints() {
        store.write(&checkpoint).expect("written");
    }
    let task = paths::run(&paths::meta(work.path()), "S0", &place()).join("tasks/T/task.info");
    fs::write(&task, [255, 255, 255, 255]).expect("broken");
    let got = recover(work.path());
    assert_eq!(got.errors.len(), 1, "{:?}", got.errors);
    assert_eq!(got.frameworks[0].executors.len(), 1);
    assert!(
        store
            .write(&Checkpoint::Record {
                place: place(),
                task: "../x".into(),
                record: Box::default(),
            })
            .is_err()
    );
}

fn volume(id: &str) -> Resource {
    let value = serde_json::json!({"name": "disk", "type": "SCALAR", "scalar": {"value": 64},
        "reservations": [{"type": "DYNAMIC", "role": "prod"}],
        "disk": {"persistence": {"id": id}, "volume": {"container_path": "data", "mode": "RW"}}});
    mesos_wire::json::from_value(&value, mesos_wire::json::Dialect::V0).expect("a resource")
}

fn resources(volumes: &[&str]) -> Checkpoint {
    let mut operation = Operation::new();
    operation.info.mut_or_insert_default();
    operation
        .latest_status
        .mut_or_insert_default()
        .set_state(mesos_proto::mesos::OperationState::OPERATION_FINISHED);
    operation
        .uuid
        .mut_or_insert_default()
        .set_value(vec![1; 16]);
    Checkpoint::Resources {
        resources: volumes.iter().map(|id| volume(id)).collect(),
        operations: vec![operation],
    }
}

#[test]
fn resources_and_operations_are_there_in_the_next_life_with_their_volumes() {
    let work = tempfile::tempdir().expect("a folder");
    let mut store = Store::open(work.path(), None).expect("opened");
    store.write(&resources(&["a", "b"])).expect("written");
    let folder = work.path().join("volumes/roles/prod");
    fs::write(folder.join("a/file"), "x").expect("written");
    let found = recover(work.path());
    assert_eq!((found.resources.len(), found.operations.len()), (2, 1));
    assert!(
        work.path()
            .join("meta/resources/resources_and_operations.state")
            .exists()
    );
    // A life that knows what was before removes what is no more, and nothing else.
    let mut store = Store::open(work.path(), None).expect("opened");
    store.write(&resources(&["a"])).expect("written");
    assert!(folder.join("a/file").exists() && !folder.join("b").exists());
}

#[test]
fn a_change_that_an_agent_died_in_is_finished_by_its_next_life() {
    let work = tempfile::tempdir().expect("a folder");
    let meta = work.path().join("meta/resources");
    let (state, target) = (
        meta.join("resources_and_operations.state"),
        meta.join("resources_and_operations.target"),
    );
    Store::open(work.path(), None)
        .and_then(|mut store| store.write(&resources(&["c"])))
        .expect("written");
    let next = fs::read(&state).expect("there");
    Store::open(work.path(), None)
        .and_then(|mut store| store.write(&resources(&["a"])))
        .expect("written");
    // It died after it had said what was to be, and before it had done it.
    fs::write(&target, next).expect("written");
    assert_eq!(recover(work.path()).resources, [volume("c")]);
    Store::open(work.path(), None).expect("opened");
    let folder = work.path().join("volumes/roles/prod");
    assert!(folder.join("c").exists() && !folder.join("a").exists() && !target.exists());
    assert_eq!(recover(work.path()).resources, [volume("c")]);
    // One that was cut off was never begun.
    fs::write(&target, [9, 0, 0, 0, 1]).expect("written");
    assert_eq!(recover(work.path()).resources, [volume("c")]);
}

#[test]
fn resources_of_an_older_agent_are_read() {
    let work = tempfile::tempdir().expect("a folder");
    let folder = work.path().join("meta/resources");
    fs::create_dir_all(&folder).expect("made");
    file::write_messages(&folder.join("resources.info"), &[volume("a")]).expect("written");
    assert_eq!(recover(work.path()).resources, [volume("a")]);
    Store::open(work.path(), None).expect("opened");
    assert!(work.path().join("volumes/roles/prod/a").is_dir());
}

#[test]
fn a_folder_that_was_being_made_or_removed_is_no_error() {
    let work = tempfile::tempdir().expect("a folder");
    let mut store = Store::open(work.path(), None).expect("opened");
    for checkpoint in checkpoints() {
        store.write(&checkpoint).expect("written");
    }
    let agent = work.path().join("meta/slaves/S0/frameworks");
    fs::create_dir_all(agent.join("F/executors/E2/runs/C2/pids")).expect("made");
    fs::create_dir_all(agent.join("F/executors/E/runs/C/tasks/T2")).expect("made");
    fs::create_dir_all(agent.join("F2")).expect("made");
    fs::create_dir_all(work.path().join("meta/removed/half")).expect("made");
    let found = recover(work.path());
    assert!(found.errors.is_empty(), "{:?}", found.errors);
    let framework = &found.frameworks[0];
    assert_eq!((found.frameworks.len(), framework.executors.len()), (1, 1));
    assert_eq!(framework.executors[0].tasks.len(), 1);
    store
        .write(&Checkpoint::ForgetFramework("F".into()))
        .expect("removed");
    assert!(recover(work.path()).frameworks.is_empty());
    Store::open(work.path(), None).expect("opened");
    assert!(!work.path().join("meta/removed").exists());
}
