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
use protobuf::{MessageDyn, MessageFull};
use task_status::Reason;

use super::*;

mod authentication;
mod drain;
mod ends;
mod executors;
mod launches;
mod limits;
mod operations;
mod oversubscription;
mod registration;
mod sequences;
mod starts;

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
        acls: None,
        proof: None,
        oversubscription: None,
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
    detected_with(config())
}

fn detected_with(config: Config) -> Model {
    let mut model = Model::new(config);
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

/// An agent whose executor `e` runs `t`, and is to run `u` as well; and the executor's container.
fn with_two_tasks() -> (Model, String) {
    let mut model = running();
    model.run_task(at(2.0), run("t", Some("e")));
    subscribe(&mut model, at(2.0), "e");
    model.run_task(at(2.0), run("u", Some("e")));
    model.take_effects();
    let container = container(&model);
    (model, container)
}

fn sent<M: MessageFull>(effects: &[Effect]) -> Vec<M> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Send(_, message) => <dyn MessageDyn>::downcast_ref::<M>(&**message).cloned(),
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
    let known = model.check_executor("F", executor);
    if let Some(container) = known.ok().map(|executor| executor.container_id.clone()) {
        model.container_started(&container, 7);
    }
    model
        .subscribe(now, ("F", executor), Link::Http(1), &[], Vec::new())
        .unwrap();
}

fn container(model: &Model) -> String {
    model.executors().next().unwrap().1.container_id.clone()
}
