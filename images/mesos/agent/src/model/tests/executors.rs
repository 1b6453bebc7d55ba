//! What an agent keeps of executors, and tells of them.

use mesos_proto::mesos::executor_info;
use mesos_proto::messages::RunTaskGroupMessage;

use super::*;

/// A group of one task for the agent's own executor of groups.
fn run_group(task: &str, executor: &str) -> RunTaskGroupMessage {
    let mut info = TaskInfo::new();
    info.task_id = task_id(task);
    info.slave_id = slave_id(AGENT);
    let mut message = RunTaskGroupMessage::new();
    message.framework = Some(framework(true)).into();
    message
        .framework
        .mut_or_insert_default()
        .set_checkpoint(true);
    message.task_group.mut_or_insert_default().tasks.push(info);
    let own: &mut ExecutorInfo = message.executor.mut_or_insert_default();
    own.executor_id = executor_id(executor);
    own.set_type(executor_info::Type::DEFAULT);
    message
}

/// The original master refuses an agent that reports such an executor with a command.
#[test]
fn what_starts_a_default_executor_is_told_to_nobody() {
    let mut model = running();
    model.run_group(at(2.0), run_group("t", "x"));
    let effects = model.take_effects();
    let launched: Vec<String> = effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Launch(launch) => Some(launch.info.command.value().to_string()),
            _ => None,
        })
        .collect();
    assert_eq!(launched, ["/usr/libexec/mesos/mesos-default-executor"]);
    let kept = effects.iter().find_map(|effect| match effect {
        Effect::Checkpoint(Checkpoint::Executor { info, .. }) => Some(info.command.is_some()),
        _ => None,
    });
    assert_eq!(kept, Some(false), "nor is it kept for the next life");
    subscribe(&mut model, at(2.5), "x");
    model.take_effects();
    model.pinged(at(3.0), master(), false);
    model.tick(at(60.0));
    let again = sent::<ReregisterSlaveMessage>(&model.take_effects());
    let told: Vec<_> = again
        .iter()
        .flat_map(|message| &message.executor_infos)
        .collect();
    assert!(!told.is_empty(), "it registers again, with its executor");
    for info in told {
        assert_eq!(info.type_(), executor_info::Type::DEFAULT);
        assert!(info.command.is_none(), "told: {info}");
    }
}

/// A process runs before whoever made it is told of it.
#[test]
fn an_executor_that_is_faster_than_the_news_of_its_process_waits_for_it() {
    let mut model = running();
    model.run_task(at(2.0), run("t", None));
    let made = container(&model);
    model
        .subscribe(at(2.1), ("F", "t"), Link::Http(1), &[], Vec::new())
        .unwrap();
    assert_eq!(
        told(&model.take_effects()),
        [event::Type::SUBSCRIBED],
        "it is heard, and not given its task yet"
    );
    model.container_started(&made, 4711);
    assert_eq!(told(&model.take_effects()), [event::Type::LAUNCH]);
    model.executor_update(at(2.2), update("t", "t", TaskState::TASK_STARTING));
    let updates = sent::<StatusUpdateMessage>(&model.take_effects());
    let processes: Vec<u32> = updates
        .iter()
        .map(|message| message.update.status.container_status.executor_pid())
        .collect();
    assert_eq!(processes, [4711]);
}

#[test]
fn a_framework_that_comes_back_finds_what_it_had() {
    let mut model = running();
    for (moment, task) in [(2.0, "t1"), (4.0, "t2")] {
        model.run_task(at(moment), run(task, None));
        subscribe(&mut model, at(moment), task);
        let ended = update(task, task, TaskState::TASK_FINISHED);
        model.executor_update(at(moment), ended.clone());
        acknowledge(&mut model, at(moment), &ended);
        let container = container(&model);
        model.container_exited(at(moment + 1.0), &container, Some(0));
        model.take_effects();
    }
    model.run_task(at(6.0), run("t3", None));
    assert_eq!(model.completed_frameworks().count(), 0);
    let completed: Vec<&str> = model
        .frameworks()
        .flat_map(|framework| &framework.completed)
        .map(|executor| executor.id())
        .collect();
    assert_eq!(completed, ["t1", "t2"]);
}

#[test]
fn a_nested_container_has_an_address_once_it_runs() {
    let mut model = running();
    model.run_group(at(2.0), run_group("t", "x"));
    subscribe(&mut model, at(2.0), "x");
    model.take_effects();
    let mut addresses = Vec::new();
    for state in [TaskState::TASK_STARTING, TaskState::TASK_RUNNING] {
        let mut update = update("t", "x", state);
        let status = update.status.mut_or_insert_default();
        let id = &mut status.container_status.mut_or_insert_default().container_id;
        id.mut_or_insert_default().set_value("c".into());
        id.mut_or_insert_default().parent.mut_or_insert_default();
        model.executor_update(at(3.0), update.clone());
        let told = sent::<StatusUpdateMessage>(&model.take_effects());
        let status = &told[0].update.status.container_status;
        addresses.push(status.network_infos.len());
        acknowledge(&mut model, at(3.0), &update);
        model.take_effects();
    }
    assert_eq!(addresses, [0, 1]);
}
