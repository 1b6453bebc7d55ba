//! Tasks and executors that end, of themselves or on request.

use super::*;

#[test]
fn a_task_is_killed_wherever_it_is() {
    let mut model = running();
    model.run_task(at(2.0), run("t", None));
    model.take_effects();
    model.kill_task(at(3.0), kill("t"));
    let text = "Killed before delivery to the executor".to_string();
    let reason = Some(Reason::REASON_TASK_KILLED_DURING_LAUNCH);
    let effects = model.take_effects();
    assert_eq!(
        updates(&effects),
        [("t".into(), TaskState::TASK_KILLED, reason, text)]
    );
    let update = sent::<StatusUpdateMessage>(&effects)
        .remove(0)
        .update
        .unwrap();
    acknowledge(&mut model, at(3.0), &update);
    subscribe(&mut model, at(4.0), "t");
    assert_eq!(
        told(&model.take_effects()),
        [event::Type::SHUTDOWN],
        "nothing is left to run"
    );

    let mut model = running();
    model.run_task(at(2.0), run("t", Some("e")));
    subscribe(&mut model, at(2.0), "e");
    model.take_effects();
    model.kill_task(at(3.0), kill("t"));
    assert_eq!(told(&model.take_effects()), [event::Type::KILL]);
    model.kill_task(at(3.0), kill("unknown"));
    let (_, state, reason, text) = updates(&model.take_effects()).remove(0);
    assert_eq!(
        (state, text.as_str()),
        (TaskState::TASK_DROPPED, "Cannot find executor")
    );
    assert_eq!(reason, Some(Reason::REASON_EXECUTOR_TERMINATED));
}

#[test]
fn an_executor_that_goes_takes_its_tasks_with_it() {
    let exits: [(Option<i32>, &str); 3] = [
        (Some(256), "Command exited with status 1"),
        (Some(9), "Command terminated with signal Killed"),
        (None, "Executor terminated"),
    ];
    for (status, text) in exits {
        let (mut model, container) = with_two_tasks();
        model.container_exited(at(3.0), &container, status);
        let effects = model.take_effects();
        let reason = Some(Reason::REASON_EXECUTOR_TERMINATED);
        let want = |id: &str| {
            (
                id.to_string(),
                TaskState::TASK_FAILED,
                reason,
                text.to_string(),
            )
        };
        assert_eq!(updates(&effects), [want("t"), want("u")]);
        let exited: Vec<ExitedExecutorMessage> = sent(&effects);
        assert_eq!(exited[0].status(), status.unwrap_or(-1));
    }
}

#[test]
fn an_executor_has_a_minute_to_subscribe() {
    let mut model = running();
    model.run_task(at(2.0), run("t", None));
    let container = container(&model);
    model.take_effects();
    model.tick(at(61.9));
    assert!(
        !model
            .take_effects()
            .iter()
            .any(|e| matches!(e, Effect::Destroy(_)))
    );
    model.tick(at(62.0));
    assert!(
        model
            .take_effects()
            .iter()
            .any(|e| matches!(e, Effect::Destroy(c) if *c == container))
    );
    model.container_exited(at(62.1), &container, Some(9));
    let (_, state, reason, text) = updates(&model.take_effects()).remove(0);
    assert_eq!(
        (state, text.as_str()),
        (
            TaskState::TASK_FAILED,
            "Executor did not register within 1mins"
        )
    );
    assert_eq!(reason, Some(Reason::REASON_EXECUTOR_REGISTRATION_TIMEOUT));
}

#[test]
fn a_container_that_cannot_start_fails_its_task() {
    let mut model = running();
    model.run_task(at(2.0), run("t", None));
    let container = container(&model);
    model.take_effects();
    model.container_failed(at(3.0), &container, "Failed to launch container: no");
    let (_, state, reason, text) = updates(&model.take_effects()).remove(0);
    assert_eq!(
        (state, text.as_str()),
        (TaskState::TASK_FAILED, "Failed to launch container: no")
    );
    assert_eq!(reason, Some(Reason::REASON_CONTAINER_LAUNCH_FAILED));
    assert_eq!(model.counters().container_launch_errors, 1);
}

#[test]
fn a_framework_that_is_shut_down_is_told_nothing_more() {
    let mut model = running();
    model.run_task(at(2.0), run("t", Some("e")));
    subscribe(&mut model, at(2.0), "e");
    model.executor_update(at(2.0), update("t", "e", TaskState::TASK_RUNNING));
    model.take_effects();
    model.shutdown_framework(at(3.0), "F");
    assert_eq!(told(&model.take_effects()), [event::Type::SHUTDOWN]);
    model.tick(at(8.0));
    assert!(
        matches!(model.take_effects().first(), Some(Effect::Destroy(_))),
        "after its grace"
    );
    let container = container(&model);
    model.container_exited(at(8.1), &container, Some(9));
    assert!(updates(&model.take_effects()).is_empty());
    assert_eq!(model.frameworks().count(), 0);
}
