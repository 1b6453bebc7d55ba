//! The machine as a whole: messages in, effects out, no sockets.

use mesos_proto::executor::event;
use mesos_proto::mesos::{
    ExecutorInfo, FrameworkInfo, TaskInfo, TaskState, TaskStatus, framework_info, task_status,
};
use mesos_proto::messages::{
    ExitedExecutorMessage, KillTaskMessage, ReconcileTasksMessage, RegisterSlaveMessage,
    ReregisterSlaveMessage, ResourceVersionUUID, RunTaskMessage, StatusUpdate,
    StatusUpdateAcknowledgementMessage, StatusUpdateMessage, UnregisterSlaveMessage,
};
use protobuf::MessageFull;
use task_status::Reason;

use super::*;

mod authentication;
mod drain;
mod limits;
mod operations;
mod sequences;

const AGENT: &str = "M-S0";

fn config() -> Config {
    let mut info = SlaveInfo::new();
    info.set_hostname("h".into());
    Config {
        info,
        pid: "slave(1)@10.0.0.2:5051".parse().unwrap(),
        version: "1.12.0".into(),
        capabilities: vec![slave_info::capability::Type::MULTI_ROLE],
        work_dir: "/w".into(),
        launcher_dir: "/usr/libexec/mesos".into(),
        switch_user: true,
        registration_backoff_factor: Duration::from_secs(1),
        executor_registration_timeout: Duration::from_secs(60),
        proof: None,
        executor_reregistration_timeout: Duration::from_secs(2),
        executor_shutdown_grace_period: Duration::from_secs(5),
        max_completed_executors: 3,
    }
}

fn at(seconds: f64) -> Now {
    Now {
        at: Duration::from_secs_f64(seconds),
        wall: 1e9 + seconds,
    }
}

fn master() -> Upid {
    "master@10.0.0.1:5050".parse().unwrap()
}

fn detected() -> Model {
    let mut model = Model::new(config());
    model.recovered(at(0.0));
    model.master_detected(
        at(0.0),
        Some(Master {
            id: "M".into(),
            pid: master(),
            hostname: "m".into(),
        }),
    );
    model
}

fn running() -> Model {
    let mut model = detected();
    model.registered(at(1.0), &master(), AGENT, None, Registered::New);
    model.take_effects();
    model
}

fn sent<M: MessageFull>(effects: &[Effect]) -> Vec<M> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Send(_, message) => message.downcast_ref::<M>().cloned(),
            _ => None,
        })
        .collect()
}

fn told(effects: &[Effect]) -> Vec<event::Type> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Tell { event, .. } => Some(event.type_()),
            _ => None,
        })
        .collect()
}

fn framework(aware: bool) -> FrameworkInfo {
    let mut framework = FrameworkInfo::new();
    framework.id = framework_id("F");
    framework.set_user("www-data".into());
    if aware {
        let mut capability = framework_info::Capability::new();
        capability.set_type(framework_info::capability::Type::PARTITION_AWARE);
        framework.capabilities.push(capability);
    }
    framework
}

/// A command task, or one of the executor of this id.
fn run(id: &str, executor: Option<&str>) -> RunTaskMessage {
    let mut task = TaskInfo::new();
    task.task_id = task_id(id);
    task.slave_id = slave_id(AGENT);
    match executor {
        Some(executor) => {
            let info: &mut ExecutorInfo = task.executor.mut_or_insert_default();
            info.executor_id = executor_id(executor);
            info.command.mut_or_insert_default().set_value("run".into());
        }
        None => task
            .command
            .mut_or_insert_default()
            .set_value("sleep 1000000".into()),
    }
    let mut message = RunTaskMessage::new();
    message.framework = Some(framework(true)).into();
    message.task = Some(task).into();
    message
}

fn update(task: &str, executor: &str, state: TaskState) -> StatusUpdate {
    let mut status = TaskStatus::new();
    status.task_id = task_id(task);
    status.set_state(state);
    let mut update = StatusUpdate::new();
    update.framework_id = framework_id("F");
    update.executor_id = executor_id(executor);
    update.set_uuid(uuid::Uuid::new_v4().as_bytes().to_vec());
    update.status = Some(status).into();
    update
}

fn acknowledge(model: &mut Model, now: Now, update: &StatusUpdate) {
    let mut ack = StatusUpdateAcknowledgementMessage::new();
    ack.framework_id = update.framework_id.clone();
    ack.task_id = update.status.task_id.clone();
    ack.set_uuid(update.uuid().to_vec());
    model.acknowledged(now, &ack);
}

fn kill(task: &str) -> KillTaskMessage {
    let mut kill = KillTaskMessage::new();
    kill.framework_id = framework_id("F");
    kill.task_id = task_id(task);
    kill
}

/// What the master is told of tasks: id, state, reason, text.
fn updates(effects: &[Effect]) -> Vec<(String, TaskState, Option<Reason>, String)> {
    sent::<StatusUpdateMessage>(effects)
        .iter()
        .map(|message| {
            let status = &message.update.status;
            let reason = status.reason.map(|reason| reason.enum_value_or_default());
            (
                status.task_id.value().to_string(),
                status.state(),
                reason,
                status.message().to_string(),
            )
        })
        .collect()
}

fn subscribe(model: &mut Model, now: Now, executor: &str) {
    model
        .subscribe(now, ("F", executor), Link::Http(1), &[], Vec::new())
        .unwrap();
}

fn container(model: &Model) -> String {
    model.executors().next().unwrap().1.container_id.clone()
}

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
        let mut model = running();
        model.run_task(at(2.0), run("t", Some("e")));
        subscribe(&mut model, at(2.0), "e");
        model.run_task(at(2.0), run("u", Some("e")));
        model.take_effects();
        let container = container(&model);
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
