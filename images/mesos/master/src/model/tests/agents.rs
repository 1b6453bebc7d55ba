//! Agents that come, go quiet, go away and come back.

use std::time::Duration;

use mesos_proto::mesos::framework_info::capability::Type;
use mesos_proto::mesos::task_status::{Reason, Source};
use mesos_proto::mesos::{Task, TaskState};
use mesos_proto::messages::{
    PingSlaveMessage, ShutdownFrameworkMessage, ShutdownMessage, SlaveRegisteredMessage,
    SlaveReregisteredMessage, UnregisterSlaveMessage, UpdateFrameworkMessage,
};
use mesos_proto::scheduler::event;

use super::world::{World, agent_pid, events, framework_info, offer_ids, sent, statuses, task};
use crate::model::{AgentId, Config, FrameworkId, StreamId};

const ALL: &str = "cpus:4;mem:4096";

struct Running {
    world: World,
    agent: AgentId,
    framework: FrameworkId,
    stream: StreamId,
}

/// One agent, one framework, one task that runs.
fn running(capabilities: &[Type], checkpoint: bool) -> Running {
    let config = Config {
        ping_timeout: Duration::from_secs(3),
        ..Config::default()
    };
    let mut world = World::new(config);
    let agent = world.agent(1, ALL);
    let mut info = framework_info("a", capabilities);
    info.set_checkpoint(checkpoint);
    let (framework, stream) = world.framework(info);
    let offers = offer_ids(&world.effects(), stream);
    world.launch(
        &framework,
        stream,
        &offers,
        vec![task("t", &agent, "cpus:1;mem:64")],
    );
    world.update(&framework, &agent, "t", TaskState::TASK_RUNNING);
    world.effects();
    Running {
        world,
        agent,
        framework,
        stream,
    }
}

fn only_task(running: &Running) -> Task {
    let framework = &running.world.master.frameworks[&running.framework];
    let mut tasks = framework
        .tasks
        .values()
        .chain(framework.unreachable.values());
    tasks.next().cloned().expect("one task")
}

#[test]
fn registration_is_answered_at_once_and_pings_begin() {
    let mut world = World::new(Config::default());
    let id = world.agent(1, ALL);
    let effects = world.effects();
    let answers = sent::<SlaveRegisteredMessage>(&effects);
    assert_eq!(answers[0].slave_id.value(), "m-S0");
    assert_eq!(answers[0].connection.total_ping_timeout_seconds(), 75.0);
    assert_eq!(sent::<PingSlaveMessage>(&effects).len(), 1);
    // The same agent asks again: it gets the same id.
    assert_eq!(world.agent(1, ALL), id);
    assert_eq!(sent::<SlaveRegisteredMessage>(&world.effects()).len(), 1);
    assert_eq!(world.master.agents.len(), 1);
}

#[test]
fn a_silent_agents_tasks_are_lost_or_unreachable() {
    for (capabilities, want) in [
        (&[][..], TaskState::TASK_LOST),
        (&[Type::PARTITION_AWARE], TaskState::TASK_UNREACHABLE),
    ] {
        let mut it = running(capabilities, true);
        let effects = it.world.pass(Duration::from_millis(14_900));
        assert!(statuses(&effects, it.stream).is_empty(), "too soon");
        let effects = it.world.pass(Duration::from_millis(200));
        let got = statuses(&effects, it.stream);
        assert_eq!(got.len(), 1);
        assert_eq!(got[0].state(), want);
        assert_eq!(got[0].reason(), Reason::REASON_SLAVE_REMOVED);
        assert_eq!(got[0].source(), Source::SOURCE_MASTER);
        assert_eq!(got[0].message(), "health check timed out");
        assert!(!got[0].has_uuid(), "nobody is to acknowledge it");
        let failures = events(&effects, it.stream);
        let failures = failures
            .iter()
            .filter(|e| e.type_() == event::Type::FAILURE);
        assert_eq!(failures.count(), 1);
        assert!(it.world.master.agents.is_empty());
        assert_eq!(it.world.master.unreachable_agents.len(), 1);
        // It comes back with its task.
        let mut task = only_task(&it);
        task.set_state(TaskState::TASK_RUNNING);
        let info = it.world.master.frameworks[&it.framework].info.clone();
        it.world
            .agent_returns(&it.agent, 1, ALL, vec![task], vec![info]);
        let effects = it.world.effects();
        let got = statuses(&effects, it.stream);
        assert_eq!(got[0].state(), TaskState::TASK_RUNNING);
        assert_eq!(got[0].reason(), Reason::REASON_SLAVE_REREGISTERED);
        assert_eq!(sent::<SlaveReregisteredMessage>(&effects).len(), 1);
        assert_eq!(sent::<UpdateFrameworkMessage>(&effects).len(), 1);
        let framework = &it.world.master.frameworks[&it.framework];
        assert!(framework.unreachable.is_empty());
        assert_eq!(framework.used_total().scalar("cpus"), 1.0);
    }
}

#[test]
fn an_agent_that_answers_is_never_lost() {
    let mut it = running(&[], true);
    for _ in 0..20 {
        it.world.master.pong(1);
        let effects = it.world.pass(Duration::from_secs(3));
        assert!(statuses(&effects, it.stream).is_empty());
    }
    assert_eq!(it.world.master.agents.len(), 1);
}

#[test]
fn a_broken_connection_ends_what_is_not_checkpointed() {
    for (checkpoint, lost) in [(false, 1), (true, 0)] {
        let mut it = running(&[], checkpoint);
        it.world.master.exited(&agent_pid(1));
        let effects = it.world.effects();
        let got = statuses(&effects, it.stream);
        assert_eq!(got.len(), lost, "checkpoint: {checkpoint}");
        if let Some(status) = got.first() {
            assert_eq!(status.state(), TaskState::TASK_LOST);
            assert_eq!(status.reason(), Reason::REASON_SLAVE_DISCONNECTED);
            assert_eq!(status.message(), "Agent localhost disconnected");
        }
        assert!(!it.world.master.agents[&it.agent].connected);
        // It is told so by its pings, and comes back by itself.
        let pings = sent::<PingSlaveMessage>(&it.world.pass(Duration::from_secs(3)));
        assert!(!pings[0].connected());
    }
}

#[test]
fn tasks_that_a_returning_agent_does_not_know_are_named() {
    let mut it = running(&[], true);
    let info = it.world.master.frameworks[&it.framework].info.clone();
    it.world
        .agent_returns(&it.agent, 1, ALL, Vec::new(), vec![info]);
    let answers = sent::<SlaveReregisteredMessage>(&it.world.effects());
    let missing = &answers[0].reconciliations[0];
    assert_eq!(missing.framework_id.value(), it.framework.as_str());
    assert_eq!(missing.statuses[0].task_id.value(), "t");
}

#[test]
fn an_unknown_agent_brings_its_frameworks_and_tasks() {
    let it = running(&[], true);
    let task = only_task(&it);
    let info = it.world.master.frameworks[&it.framework].info.clone();
    // Another master takes over, which knows nothing yet.
    let mut world = World::new(Config::default());
    world.agent_returns(&it.agent, 1, ALL, vec![task], vec![info.clone()]);
    world.effects();
    let framework = &world.master.frameworks[&it.framework];
    assert!(framework.recovered && !framework.is_connected());
    assert_eq!(framework.used_total().scalar("cpus"), 1.0);
    let (id, stream) = world.framework(info);
    assert_eq!(id, it.framework);
    let framework = &world.master.frameworks[&id];
    assert!(!framework.recovered && framework.tasks.len() == 1);
    assert_eq!(offer_ids(&world.effects(), stream).len(), 1);
}

#[test]
fn a_framework_that_ended_is_shut_down_on_agents_that_return() {
    let mut it = running(&[], true);
    let task = only_task(&it);
    let info = it.world.master.frameworks[&it.framework].info.clone();
    it.world.master.remove_framework(&it.framework);
    it.world.effects();
    it.world
        .agent_returns(&it.agent, 1, ALL, vec![task], vec![info]);
    let effects = it.world.effects();
    assert_eq!(sent::<ShutdownFrameworkMessage>(&effects).len(), 1);
    assert!(it.world.master.agents[&it.agent].used.is_empty());
}

#[test]
fn goodbye_ends_the_tasks() {
    let mut it = running(&[Type::PARTITION_AWARE], true);
    let mut message = UnregisterSlaveMessage::new();
    message.slave_id = it.agent.field();
    it.world.master.unregister_agent(&agent_pid(9), &message);
    assert_eq!(
        it.world.master.agents.len(),
        1,
        "a stranger cannot say goodbye for it"
    );
    it.world.master.unregister_agent(&agent_pid(1), &message);
    let got = statuses(&it.world.effects(), it.stream);
    assert_eq!(got[0].state(), TaskState::TASK_LOST);
    assert_eq!(
        got[0].message(),
        "Agent localhost removed: the agent unregistered"
    );
}

#[test]
fn an_agent_under_another_host_name_must_exit() {
    let mut it = running(&[], true);
    let mut info = it.world.master.agents[&it.agent].info.clone();
    info.set_hostname("elsewhere".into());
    let mut message = mesos_proto::messages::ReregisterSlaveMessage::new();
    message.slave = protobuf::MessageField::some(info);
    message.set_version("1.12.0".into());
    it.world.master.reregister_agent(&agent_pid(1), message);
    let told = sent::<ShutdownMessage>(&it.world.effects());
    assert_eq!(
        told[0].message(),
        "Agent attempted to reregister with different IP / hostname"
    );
}
