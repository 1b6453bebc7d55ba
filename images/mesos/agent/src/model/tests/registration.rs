//! Between the agent and its master: registering, missing, leaving, coming back.

use super::*;

#[test]
fn registration_is_tried_soon_and_then_less_and_less_often() {
    let mut model = detected();
    let first = model.next_deadline().unwrap();
    assert!(first <= Duration::from_secs(1));
    let mut now = first;
    for most in [2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0] {
        model.tick(Now { at: now, wall: 0.0 });
        let effects = model.take_effects();
        assert!(matches!(effects.first(), Some(Effect::Link(pid)) if *pid == master()));
        assert_eq!(sent::<RegisterSlaveMessage>(&effects).len(), 1);
        let next = model.next_deadline().unwrap();
        assert!(
            next > now && next - now <= Duration::from_secs_f64(most),
            "most {most}"
        );
        now = next;
    }
}

#[test]
fn only_the_leading_master_registers_and_only_under_one_id() {
    let mut model = detected();
    let other = "master@10.0.0.9:5050".parse().unwrap();
    model.registered(at(1.0), &other, AGENT, None, Registered::New);
    assert_eq!((model.state(), model.id()), (State::Disconnected, None));
    model.registered(at(1.0), &master(), AGENT, None, Registered::New);
    assert_eq!((model.state(), model.id()), (State::Running, Some(AGENT)));
    assert!(matches!(
        model.take_effects().first(),
        Some(Effect::Checkpoint(Checkpoint::Agent(_)))
    ));
    model.registered(at(2.0), &master(), "M-S1", None, Registered::New);
    assert!(matches!(
        model.take_effects().first(),
        Some(Effect::Exit(1, _))
    ));
}

#[test]
fn an_agent_that_is_not_pinged_or_is_seen_as_gone_registers_again() {
    let mut connection = mesos_proto::messages::MasterSlaveConnection::new();
    connection.set_total_ping_timeout_seconds(10.0);
    let mut model = detected();
    model.registered(
        at(1.0),
        &master(),
        AGENT,
        Some(&connection),
        Registered::New,
    );
    let observer: Upid = "slave-observer(1)@10.0.0.1:5050".parse().unwrap();
    model.pinged(at(9.0), observer.clone(), true);
    model.tick(at(18.0));
    assert_eq!(model.state(), State::Running);
    model.tick(at(19.0));
    assert_eq!(model.state(), State::Disconnected);
    model.take_effects();
    model.tick(at(20.0));
    assert_eq!(
        sent::<ReregisterSlaveMessage>(&model.take_effects()).len(),
        1
    );
    model.registered(
        at(20.0),
        &master(),
        AGENT,
        None,
        Registered::Again(Vec::new()),
    );
    model.take_effects();
    model.pinged(at(21.0), observer, false);
    assert_eq!(model.state(), State::Disconnected);
    assert!(
        matches!(model.take_effects().first(), Some(Effect::Send(..))),
        "pong is always sent"
    );
}

#[test]
fn what_the_master_misses_is_reconciled() {
    let mut model = running();
    model.run_task(at(2.0), run("t", None));
    model.take_effects();
    let mut missing = ReconcileTasksMessage::new();
    missing.framework_id = framework_id("F");
    for id in ["t", "gone"] {
        let mut status = TaskStatus::new();
        status.task_id = task_id(id);
        missing.statuses.push(status);
    }
    missing.framework = Some(framework(true)).into();
    model.registered(
        at(3.0),
        &master(),
        AGENT,
        None,
        Registered::Again(vec![missing]),
    );
    let (id, state, reason, _) = updates(&model.take_effects()).remove(0);
    assert_eq!((id.as_str(), state), ("gone", TaskState::TASK_DROPPED));
    assert_eq!(reason, Some(Reason::REASON_RECONCILIATION));
}

#[test]
fn leaving_unregisters_ends_everything_and_exits() {
    let mut model = running();
    model.run_task(at(2.0), run("t", None));
    let container = container(&model);
    model.take_effects();
    model.leave(at(3.0), "enough");
    let effects = model.take_effects();
    assert_eq!(sent::<UnregisterSlaveMessage>(&effects).len(), 1);
    assert!(
        effects
            .iter()
            .any(|effect| matches!(effect, Effect::Destroy(_)))
    );
    model.container_exited(at(3.1), &container, Some(9));
    assert!(matches!(
        model.take_effects().last(),
        Some(Effect::Exit(0, _))
    ));
}

#[test]
fn executors_that_do_not_come_back_in_time_are_gone() {
    let mut model = Model::new(config());
    model.restore_agent(AGENT);
    model.restore_framework(framework(true), None);
    for id in ["back", "lost"] {
        let place = Place {
            framework: "F".into(),
            executor: id.into(),
            container: id.into(),
        };
        let mut info = ExecutorInfo::new();
        info.executor_id = executor_id(id);
        let task = super::record::task_of(&run(id, Some(id)).task, "F");
        let tasks = vec![(
            task,
            vec![update(id, id, TaskState::TASK_RUNNING)],
            Default::default(),
        )];
        model.restore_executor(at(0.0), &place, info, false, Some(42), tasks);
    }
    model.recovered(at(0.0));
    model.master_detected(
        at(0.1),
        Some(Master {
            id: "M".into(),
            pid: master(),
            hostname: "m".into(),
        }),
    );
    subscribe(&mut model, at(0.5), "back");
    assert_eq!(
        model.state(),
        State::Recovering,
        "the other one may still come"
    );
    model.take_effects();
    model.tick(at(2.0));
    let effects = model.take_effects();
    assert!(matches!(effects.first(), Some(Effect::Destroy(container)) if container == "lost"));
    model.container_exited(at(2.1), "lost", None);
    model.tick(at(4.0));
    let asked: Vec<ReregisterSlaveMessage> = sent(&model.take_effects());
    let message = asked.first().expect("it registers again");
    assert_eq!((message.tasks.len(), message.executor_infos.len()), (2, 1));
    model.registered(
        at(5.0),
        &master(),
        AGENT,
        None,
        Registered::Again(Vec::new()),
    );
    let told = updates(&model.take_effects());
    assert!(
        told.iter()
            .all(|(_, state, ..)| *state == TaskState::TASK_RUNNING),
        "in order: {told:?}"
    );
    assert_eq!(told.len(), 2);
}
