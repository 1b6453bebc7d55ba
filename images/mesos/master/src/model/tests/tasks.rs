//! Tasks from their launch to their end, and how frameworks learn of them.

use std::time::Duration;

use mesos_proto::mesos::framework_info::capability::Type;
use mesos_proto::mesos::task_status::{Reason, Source};
use mesos_proto::mesos::{TaskInfo, TaskState};
use mesos_proto::messages::{
    KillTaskMessage, RunTaskMessage, ShutdownFrameworkMessage, StatusUpdateAcknowledgementMessage,
};
use mesos_proto::scheduler::{call, event};

use super::world::{World, events, framework_info, offer_ids, sent, statuses, task};
use crate::model::{AgentId, Config, FrameworkId, OfferId, StreamId, TaskId};

pub(super) struct Set {
    pub(super) world: World,
    pub(super) agent: AgentId,
    pub(super) framework: FrameworkId,
    pub(super) stream: StreamId,
    pub(super) offers: Vec<OfferId>,
}

pub(super) fn set(capabilities: &[Type]) -> Set {
    let mut world = World::new(Config::default());
    let agent = world.agent(1, "cpus:4;mem:4096;disk:1024;ports:[31000-31010]");
    let (framework, stream) = world.framework(framework_info("a", capabilities));
    let offers = offer_ids(&world.effects(), stream);
    Set {
        world,
        agent,
        framework,
        stream,
        offers,
    }
}

impl Set {
    pub(super) fn launch(&mut self, tasks: Vec<TaskInfo>) {
        let offers = std::mem::take(&mut self.offers);
        self.world
            .launch(&self.framework, self.stream, &offers, tasks);
    }
}

#[test]
fn a_task_goes_its_way() {
    let mut it = set(&[]);
    let agent = it.agent.clone();
    it.launch(vec![task("t", &agent, "cpus:1;mem:64;ports:[31000-31000]")]);
    let run = sent::<RunTaskMessage>(&it.world.effects());
    assert_eq!(run[0].task.task_id.value(), "t");
    assert_eq!(run[0].framework.id.value(), it.framework.as_str());
    assert_eq!(run[0].pid(), "@0.0.0.0:0");
    assert!(run[0].launch_executor());
    assert_eq!(run[0].resource_version_uuids.len(), 1);
    assert!(
        run[0]
            .task
            .resources
            .iter()
            .all(|r| r.allocation_info.role() == "*")
    );
    for state in [TaskState::TASK_STARTING, TaskState::TASK_RUNNING] {
        let uuid = it.world.update(&it.framework, &agent, "t", state);
        let got = statuses(&it.world.effects(), it.stream);
        assert_eq!((got[0].state(), got[0].uuid()), (state, uuid.as_slice()));
        it.world
            .acknowledge(&it.framework, it.stream, &agent, "t", uuid.clone());
        let acks = sent::<StatusUpdateAcknowledgementMessage>(&it.world.effects());
        assert_eq!(acks[0].uuid(), uuid);
    }
    let uuid = it
        .world
        .update(&it.framework, &agent, "t", TaskState::TASK_FINISHED);
    let record = &it.world.master.frameworks[&it.framework];
    assert!(
        record.used.is_empty(),
        "the end frees resources, before it is acknowledged"
    );
    assert_eq!(record.tasks.len(), 1);
    it.world
        .acknowledge(&it.framework, it.stream, &agent, "t", uuid);
    let record = &it.world.master.frameworks[&it.framework];
    assert_eq!((record.tasks.len(), record.completed.len()), (0, 1));
    let states: Vec<TaskState> = record.completed[0]
        .statuses
        .iter()
        .map(|s| s.state())
        .collect();
    assert_eq!(
        states,
        [
            TaskState::TASK_STARTING,
            TaskState::TASK_RUNNING,
            TaskState::TASK_FINISHED
        ]
    );
    assert_eq!(it.world.master.counters.get("tasks_finished"), 1);
}

#[test]
fn the_end_is_counted_once_however_often_it_is_told() {
    let mut it = set(&[]);
    let agent = it.agent.clone();
    it.launch(vec![task("t", &agent, "cpus:1")]);
    for _ in 0..3 {
        it.world
            .update(&it.framework, &agent, "t", TaskState::TASK_FAILED);
    }
    assert_eq!(it.world.master.counters.get("tasks_failed"), 1);
    assert_eq!(
        statuses(&it.world.effects(), it.stream).len(),
        3,
        "each is passed on"
    );
}

#[test]
fn invalid_tasks_are_refused_in_mesos_words() {
    type Change = fn(&mut TaskInfo);
    let cases: [(Change, &str); 14] = [
        (
            |t| t.task_id.mut_or_insert_default().set_value("a/b".into()),
            "'a/b' contains invalid characters",
        ),
        (|t| t.resources.clear(), "Task uses no resources"),
        (
            |t| t.slave_id.mut_or_insert_default().set_value("x".into()),
            "Task uses invalid agent x while agent m-S0 is expected",
        ),
        (
            |t| t.command = Default::default(),
            "Task should have at least one (but not both) of CommandInfo or ExecutorInfo present",
        ),
        (
            |t| {
                t.kill_policy
                    .mut_or_insert_default()
                    .grace_period
                    .mut_or_insert_default()
                    .set_nanoseconds(-1)
            },
            "Task's 'kill_policy.grace_period' must be non-negative",
        ),
        (
            |t| {
                t.max_completion_time
                    .mut_or_insert_default()
                    .set_nanoseconds(-1)
            },
            "Task's `max_completion_time` must be non-negative",
        ),
        (
            |t| {
                let environment = &mut t.command.mut_or_insert_default().environment;
                let variables = &mut environment.mut_or_insert_default().variables;
                variables.push(Default::default());
                variables[0].set_name("A".into());
            },
            "Task's `CommandInfo` is invalid: Environment variable 'A' of type 'VALUE' must have a value set",
        ),
        (
            |t| t.resources[0].scalar.mut_or_insert_default().set_value(9.0),
            "Total resources cpus(allocated: *):9 required by task and its executor is more than available",
        ),
        (
            |t| {
                t.resources[0]
                    .scalar
                    .mut_or_insert_default()
                    .set_value(-1.0)
            },
            "Resource 'cpus:-1' is invalid: Invalid scalar resource: value <= 0",
        ),
        (
            |t| {
                t.check.mut_or_insert_default();
            },
            "Task uses invalid check: CheckInfo must specify 'type'",
        ),
        (
            |t| {
                t.container
                    .mut_or_insert_default()
                    .volumes
                    .push(Default::default())
            },
            "Task's `ContainerInfo` is invalid: Invalid volume: Only one of them should be set: 'host_path', 'image' and 'source'",
        ),
        (
            |t| {
                let container = t.container.mut_or_insert_default();
                container.set_type(mesos_proto::mesos::container_info::Type::MESOS);
                let linux = container.linux_info.mut_or_insert_default();
                linux.set_share_cgroups(false);
            },
            "Only tasks in a task group may have 'share_cgroups' set to 'false'",
        ),
        (
            |t| {
                let limit = t.limits.entry("cpus".into()).or_default();
                limit.set_value(0.5);
            },
            "The cpu limit must be greater than or equal to the cpu request",
        ),
        (
            |t| {
                t.limits.insert("disk".into(), Default::default());
            },
            "Only cpus and mem may be included in a task's resource limits",
        ),
    ];
    for (change, want) in cases {
        let mut it = set(&[]);
        let mut bad = task("t", &it.agent, "cpus:1");
        change(&mut bad);
        it.launch(vec![bad]);
        let effects = it.world.effects();
        assert!(sent::<RunTaskMessage>(&effects).is_empty(), "case `{want}`");
        let got = statuses(&effects, it.stream);
        assert_eq!(got[0].state(), TaskState::TASK_ERROR);
        assert_eq!(got[0].reason(), Reason::REASON_TASK_INVALID);
        assert_eq!(got[0].source(), Source::SOURCE_MASTER);
        assert!(
            got[0].message().starts_with(want),
            "`{}` is not `{want}`",
            got[0].message()
        );
        assert!(it.world.master.frameworks[&it.framework].used.is_empty());
    }
}

#[test]
fn an_id_is_used_once() {
    let mut it = set(&[]);
    let agent = it.agent.clone();
    it.launch(vec![
        task("t", &agent, "cpus:1"),
        task("t", &agent, "cpus:1"),
    ]);
    let effects = it.world.effects();
    assert_eq!(sent::<RunTaskMessage>(&effects).len(), 1);
    assert_eq!(
        statuses(&effects, it.stream)[0].message(),
        "Task has duplicate ID: t"
    );
}

#[test]
fn invalid_offers_drop_the_tasks() {
    for (capabilities, want) in [
        (&[][..], TaskState::TASK_LOST),
        (&[Type::PARTITION_AWARE], TaskState::TASK_DROPPED),
    ] {
        type Change = fn(&mut Vec<OfferId>);
        let cases: [(Change, &str); 3] = [
            (
                |o| o.clear(),
                "Task launched with invalid offers: No offers specified",
            ),
            (
                |o| o.push(o[0].clone()),
                "Task launched with invalid offers: Duplicate offer m-O0 in offer list",
            ),
            (
                |o| o.push(OfferId::new("m-O99")),
                "Task launched with invalid offers: Offer m-O99 is no longer valid",
            ),
        ];
        for (change, text) in cases {
            let mut it = set(capabilities);
            let agent = it.agent.clone();
            change(&mut it.offers);
            it.launch(vec![task("t", &agent, "cpus:1")]);
            let got = statuses(&it.world.effects(), it.stream);
            assert_eq!(got[0].state(), want);
            assert_eq!(got[0].reason(), Reason::REASON_INVALID_OFFERS);
            assert_eq!(got[0].message(), text);
        }
    }
}

#[test]
fn kill_goes_to_the_agent_or_is_answered() {
    let mut it = set(&[Type::PARTITION_AWARE]);
    let agent = it.agent.clone();
    it.launch(vec![task("t", &agent, "cpus:1")]);
    it.world.effects();
    let (id, stream) = (it.framework.clone(), it.stream);
    let mut kill = |name: &str| {
        it.world
            .call(&id, stream, call::Type::KILL, |call| {
                let kill = call.kill.mut_or_insert_default();
                kill.task_id.mut_or_insert_default().set_value(name.into());
            })
            .expect("allowed");
        it.world.effects()
    };
    assert_eq!(sent::<KillTaskMessage>(&kill("t"))[0].task_id.value(), "t");
    let effects = kill("stranger");
    let got = statuses(&effects, stream);
    assert_eq!(got[0].state(), TaskState::TASK_UNKNOWN);
    assert_eq!(got[0].message(), "Reconciliation: Task is unknown");
    assert_eq!(got[0].reason(), Reason::REASON_RECONCILIATION);
}

#[test]
fn reconciliation_says_what_is_known() {
    for (capabilities, gone, unknown) in [
        (
            &[Type::PARTITION_AWARE][..],
            TaskState::TASK_GONE,
            TaskState::TASK_UNKNOWN,
        ),
        (&[], TaskState::TASK_LOST, TaskState::TASK_LOST),
    ] {
        let mut it = set(capabilities);
        let agent = it.agent.clone();
        it.launch(vec![task("t", &agent, "cpus:1")]);
        it.world
            .update(&it.framework, &agent, "t", TaskState::TASK_RUNNING);
        it.world.effects();
        let (id, stream) = (it.framework.clone(), it.stream);
        let mut ask = |tasks: &[(&str, Option<&str>)]| {
            it.world
                .call(&id, stream, call::Type::RECONCILE, |call| {
                    let reconcile = call.reconcile.mut_or_insert_default();
                    for (task, agent) in tasks {
                        let mut wanted = call::reconcile::Task::new();
                        wanted
                            .task_id
                            .mut_or_insert_default()
                            .set_value(task.to_string());
                        wanted.slave_id = agent.map(|agent| AgentId::new(agent).proto()).into();
                        reconcile.tasks.push(wanted);
                    }
                })
                .expect("allowed");
            let got = statuses(&it.world.effects(), stream);
            got.iter()
                .map(|s| {
                    (
                        s.state(),
                        s.message().to_string(),
                        s.slave_id.value().to_string(),
                    )
                })
                .collect::<Vec<_>>()
        };
        let text = |t: &str| format!("Reconciliation: {t}");
        let own = (
            TaskState::TASK_RUNNING,
            text("Latest task state"),
            "m-S0".to_string(),
        );
        assert_eq!(ask(&[]), vec![own.clone()]);
        assert_eq!(
            ask(&[
                ("t", None),
                ("x", Some("m-S0")),
                ("y", Some("m-S7")),
                ("z", None)
            ]),
            [
                own,
                (
                    gone,
                    text("Task is unknown to the agent"),
                    "m-S0".to_string()
                ),
                (unknown, text("Task is unknown"), "m-S7".to_string()),
                (unknown, text("Task is unknown"), String::new()),
            ]
        );
    }
}

#[test]
fn after_a_failover_nothing_is_said_of_tasks_that_may_turn_up() {
    let former = "6931f876-54e7-4843-937c-880765a6f8e9";
    let config = Config {
        ping_timeout: Duration::from_secs(3),
        ..Config::default()
    };
    let mut world = World::new(config);
    let mut info = framework_info("a", &[]);
    info.id
        .mut_or_insert_default()
        .set_value(format!("{former}-0000"));
    let (id, stream) = world.framework(info);
    let ask = |world: &mut World, agent: Option<String>| {
        world
            .call(&id, stream, call::Type::RECONCILE, |call| {
                let mut wanted = call::reconcile::Task::new();
                wanted.task_id.mut_or_insert_default().set_value("t".into());
                wanted.slave_id = agent.map(|agent| AgentId::new(agent).proto()).into();
                call.reconcile.mut_or_insert_default().tasks.push(wanted);
            })
            .expect("allowed");
        statuses(&world.effects(), stream).len()
    };
    let formers = || Some(format!("{former}-S0"));
    assert_eq!(ask(&mut world, formers()), 0);
    assert_eq!(ask(&mut world, None), 0);
    assert_eq!(ask(&mut world, Some("made-up".into())), 1);
    world.pass(Duration::from_secs(16));
    assert_eq!(ask(&mut world, None), 1);
    assert_eq!(ask(&mut world, formers()), 0);
    world.pass(Duration::from_secs(600));
    assert_eq!(ask(&mut world, formers()), 1);
}

#[test]
fn a_framework_ends_at_once_or_after_its_timeout() {
    for (timeout, ends) in [(0.0, true), (30.0, false)] {
        let mut world = World::new(Config::default());
        world.agent(1, "cpus:4;mem:4096");
        let mut info = framework_info("a", &[]);
        info.set_failover_timeout(timeout);
        let (id, stream) = world.framework(info);
        world.effects();
        world.master.stream_closed(stream);
        let effects = world.effects();
        assert_eq!(world.master.frameworks.is_empty(), ends);
        assert_eq!(
            sent::<ShutdownFrameworkMessage>(&effects).len(),
            usize::from(ends)
        );
        assert!(world.master.offers.is_empty());
        if !ends {
            let effects = world.pass(Duration::from_secs(31));
            assert_eq!(sent::<ShutdownFrameworkMessage>(&effects).len(), 1);
        }
        assert!(world.master.is_completed(&id));
        let flaw = {
            let mut info = framework_info("a", &[]);
            info.id = id.field();
            let mut subscribe = call::Subscribe::new();
            subscribe.framework_info = protobuf::MessageField::some(info);
            let late = StreamId(uuid::Uuid::from_u128(99));
            world.master.subscribe_http(late, subscribe);
            events(&world.effects(), late)
        };
        assert_eq!(flaw[0].error.message(), "Framework has been removed");
    }
}

#[test]
fn a_framework_that_comes_back_takes_over() {
    let mut it = set(&[]);
    let agent = it.agent.clone();
    it.launch(vec![task("t", &agent, "cpus:1")]);
    it.world.effects();
    let mut info = framework_info("a", &[]);
    info.id = it.framework.field();
    let (id, stream) = it.world.framework(info);
    assert_eq!(id, it.framework);
    let effects = it.world.effects();
    let old = events(&effects, it.stream);
    assert_eq!(old[0].error.message(), "Framework failed over");
    let new = events(&effects, stream);
    assert_eq!(new[0].type_(), event::Type::SUBSCRIBED);
    assert_eq!(new[1].type_(), event::Type::HEARTBEAT);
    assert_eq!(it.world.master.frameworks[&id].tasks.len(), 1);
    let refused = it.world.call(&id, it.stream, call::Type::REVIVE, |_| ());
    let text = refused.expect_err("the old stream counts for nothing").text;
    assert!(text.starts_with("The stream ID '"), "{text}");
}

#[test]
fn streams_are_given_a_heartbeat() {
    let mut it = set(&[]);
    let beats = |effects: &[crate::model::Effect], stream| {
        let all = events(effects, stream);
        all.iter()
            .filter(|e| e.type_() == event::Type::HEARTBEAT)
            .count()
    };
    let stream = it.stream;
    assert_eq!(beats(&it.world.pass(Duration::from_secs(46)), stream), 3);
    it.world.master.stream_closed(stream);
    it.world.effects();
    assert_eq!(beats(&it.world.pass(Duration::from_secs(46)), stream), 0);
}

#[test]
fn reconciling_says_what_was_last_known_of_the_container() {
    let mut it = set(&[]);
    it.launch(vec![task("t", &it.agent.clone(), "cpus:1")]);
    it.world
        .update(&it.framework, &it.agent, "t", TaskState::TASK_RUNNING);
    let framework = it.world.master.frameworks.get_mut(&it.framework);
    let known = framework.and_then(|f| f.tasks.get_mut(&TaskId::new("t")));
    let last = known
        .and_then(|task| task.statuses.last_mut())
        .expect("one");
    last.set_healthy(false);
    let container = last.container_status.mut_or_insert_default();
    container.set_executor_pid(42);
    it.world.effects();
    let (id, stream) = (it.framework.clone(), it.stream);
    it.world
        .call(&id, stream, call::Type::RECONCILE, |call| {
            call.reconcile.mut_or_insert_default();
        })
        .expect("allowed");
    let got = statuses(&it.world.effects(), stream);
    assert_eq!(got[0].container_status.executor_pid(), 42);
    assert!(got[0].has_healthy() && !got[0].healthy());
}
