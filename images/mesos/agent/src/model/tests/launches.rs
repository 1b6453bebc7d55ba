//! Tasks that come, and their executors' first words.

use super::*;

#[test]
fn a_command_task_gets_an_executor_of_its_own() {
    let mut model = running();
    model.run_task(at(2.0), run("t", None));
    let effects = model.take_effects();
    let Some(Effect::Launch(launch)) = effects.first() else {
        panic!("{effects:?}")
    };
    assert_eq!(
        launch.info.name(),
        "Command Executor (Task: t) (Command: sh -c 'sleep 100000...')"
    );
    assert_eq!(launch.info.source(), "t");
    assert_eq!(
        launch.info.command.value(),
        "/usr/libexec/mesos/mesos-executor"
    );
    let arguments = ["mesos-executor", "--launcher_dir=/usr/libexec/mesos"];
    assert_eq!(launch.info.command.arguments, arguments);
    assert_eq!(launch.user.as_deref(), Some("www-data"));
    assert!(
        launch
            .directory
            .starts_with("/w/slaves/M-S0/frameworks/F/executors/t/runs")
    );
    let amounts: Vec<f64> = launch
        .info
        .resources
        .iter()
        .map(|r| r.scalar.value())
        .collect();
    assert_eq!(amounts, [0.1, 32.0]);

    subscribe(&mut model, at(3.0), "t");
    assert_eq!(
        told(&model.take_effects()),
        [event::Type::SUBSCRIBED, event::Type::LAUNCH]
    );
    let first = update("t", "t", TaskState::TASK_RUNNING);
    model.executor_update(at(4.0), first.clone());
    model.executor_update(at(4.0), first.clone());
    let effects = model.take_effects();
    assert_eq!(
        told(&effects),
        [event::Type::ACKNOWLEDGED; 2],
        "a repeated update too"
    );
    let messages: Vec<StatusUpdateMessage> = sent(&effects);
    assert_eq!(messages.len(), 1);
    assert_eq!(messages[0].pid(), "slave(1)@10.0.0.2:5051");
    assert_eq!(messages[0].update.status.uuid(), first.uuid());
    assert_eq!(
        messages[0].update.status.source(),
        task_status::Source::SOURCE_EXECUTOR
    );
    let last = update("t", "t", TaskState::TASK_FINISHED);
    model.executor_update(at(5.0), last.clone());
    assert!(
        sent::<StatusUpdateMessage>(&model.take_effects()).is_empty(),
        "one at a time"
    );
    acknowledge(&mut model, at(6.0), &first);
    assert_eq!(
        updates(&model.take_effects())[0].1,
        TaskState::TASK_FINISHED
    );
    acknowledge(&mut model, at(7.0), &last);
    let container = container(&model);
    model.container_exited(at(8.0), &container, Some(0));
    assert_eq!(model.executors().count(), 0);
    assert!(sent::<ExitedExecutorMessage>(&model.take_effects()).is_empty());
    assert_eq!(model.completed_frameworks().count(), 1);
}

#[test]
fn tasks_that_cannot_run_are_dropped_with_the_reason() {
    let dropped = TaskState::TASK_DROPPED;
    type Change = fn(&mut RunTaskMessage);
    let outdated: Change = |message| {
        let mut version = ResourceVersionUUID::new();
        version.uuid.mut_or_insert_default().set_value(vec![0; 16]);
        message.resource_version_uuids.push(version);
    };
    let cases: [(Change, &str, Reason, bool); 4] = [
        (
            outdated,
            "Task assumes outdated resource state",
            Reason::REASON_INVALID_OFFERS,
            false,
        ),
        (
            |m| m.set_launch_executor(false),
            "No executor is expected to launch and there is none running",
            Reason::REASON_EXECUTOR_TERMINATED,
            false,
        ),
        (
            |m| m.set_launch_executor(true),
            "Master wants to launch executor, but one already exists",
            Reason::REASON_EXECUTOR_TERMINATED,
            true,
        ),
        (
            |_| {},
            "Executor terminating",
            Reason::REASON_EXECUTOR_TERMINATED,
            true,
        ),
    ];
    for (change, text, reason, exists) in cases {
        let mut model = running();
        if exists {
            model.run_task(at(2.0), run("old", Some("e")));
        }
        if text == "Executor terminating" {
            model.shutdown_executor(at(2.0), "F", "e");
        }
        model.take_effects();
        let mut message = run("t", Some("e"));
        change(&mut message);
        model.run_task(at(3.0), message);
        let want = ("t".to_string(), dropped, Some(reason), text.to_string());
        assert_eq!(updates(&model.take_effects()), [want], "case `{text}`");
    }
    // A framework that does not know partitions is told TASK_LOST.
    let mut model = running();
    let mut message = run("t", Some("e"));
    message.framework = Some(framework(false)).into();
    message.set_launch_executor(false);
    model.run_task(at(2.0), message);
    assert_eq!(updates(&model.take_effects())[0].1, TaskState::TASK_LOST);
}

#[test]
fn tasks_for_another_agent_or_with_ids_that_are_no_names_are_ignored() {
    let mut model = running();
    let mut other = run("t", None);
    other.task.mut_or_insert_default().slave_id = slave_id("M-S7");
    model.run_task(at(2.0), other);
    model.run_task(at(2.0), run("../t", None));
    assert!(model.take_effects().is_empty());
    assert_eq!(model.frameworks().count(), 0);
}

#[test]
fn an_executor_that_subscribes_again_has_its_older_stream_ended() {
    let mut model = running();
    model.run_task(at(2.0), run("t", Some("e")));
    subscribe(&mut model, at(2.0), "e");
    let ended = |effects: &[Effect]| {
        let ends = effects.iter().filter_map(|effect| match effect {
            Effect::End(link) => Some(*link),
            _ => None,
        });
        ends.collect::<Vec<u64>>()
    };
    assert!(ended(&model.take_effects()).is_empty());
    let seen = [run("t", Some("e")).task.unwrap()];
    model
        .subscribe(at(3.0), ("F", "e"), Link::Http(2), &seen, Vec::new())
        .unwrap();
    let effects = model.take_effects();
    assert_eq!(ended(&effects), [1]);
    assert_eq!(told(&effects).first(), Some(&event::Type::SUBSCRIBED));
    // The end of the older one is not the end of the executor's connection.
    model.disconnected("F", "e", &Link::Http(1));
    model.kill_task(at(4.0), kill("t"));
    let effects = model.take_effects();
    assert!(matches!(
        effects.first(),
        Some(Effect::Tell { link: Link::Http(2), event, .. })
            if event.type_() == event::Type::KILL
    ));
}

#[test]
fn tasks_as_users_that_their_framework_may_not_run_as_fail() {
    let acls = r#"{"run_tasks": [{"principals": {"type": "ANY"}, "users": {"values": ["allowed"]}},
        {"principals": {"type": "ANY"}, "users": {"type": "NONE"}}]}"#;
    let acls = mesos_wire::authorization::Acls::parse(acls).expect("lists");
    let mut model = detected_with(Config {
        acls: Some(std::sync::Arc::new(acls)),
        ..config()
    });
    model.registered(at(1.0), &master(), AGENT, None, Registered::New);
    model.take_effects();
    let mut allowed = run("allowed", None);
    allowed
        .task
        .mut_or_insert_default()
        .command
        .mut_or_insert_default()
        .set_user("allowed".into());
    // Its framework's user is another.
    model.run_task(at(2.0), run("t", None));
    let updates: Vec<StatusUpdateMessage> = sent(&model.take_effects());
    let [update] = updates.as_slice() else {
        panic!("{updates:?}")
    };
    let status = &update.update.status;
    assert_eq!(status.state(), TaskState::TASK_ERROR);
    assert_eq!(status.reason(), Reason::REASON_TASK_UNAUTHORIZED);
    let text = status.message();
    let intro = "Framework F is not authorized to launch task task_id {\n  value: \"t\"";
    assert!(text.starts_with(intro), "{text}");
    model.run_task(at(3.0), allowed);
    let effects = model.take_effects();
    let launches = effects
        .iter()
        .filter(|effect| matches!(effect, Effect::Launch(_)));
    assert_eq!(launches.count(), 1);
}
