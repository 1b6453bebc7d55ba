//! What one master keeps and the next begins with.

use std::collections::BTreeMap;
use std::time::Duration;

use mesos_proto::mesos::task_status::Reason;
use mesos_proto::mesos::{Task, TaskState};
use mesos_proto::messages::{ShutdownMessage, SlaveReregisteredMessage, UnregisterSlaveMessage};
use mesos_proto::scheduler::{call, event};

use super::world::{World, agent_pid, events, framework_info, sent, slave_info, statuses};
use crate::model::{AgentId, Config, Effect, FrameworkId, Standing, StreamId};

const ALL: &str = "cpus:4;mem:4096";

/// What is kept after these effects.
fn keep(kept: &mut BTreeMap<AgentId, Standing>, effects: &[Effect]) {
    for effect in effects {
        if let Effect::Keep { agent, standing } = effect {
            match standing {
                Some(standing) => kept.insert(agent.clone(), standing.clone()),
                None => kept.remove(agent),
            };
        }
    }
}

/// The next master, which knows what was kept.
fn next(kept: &BTreeMap<AgentId, Standing>) -> World {
    World::recovered(Config::default(), kept.clone())
}

fn reregister(world: &mut World, id: &AgentId, port: u16, tasks: Vec<Task>) -> Vec<Effect> {
    let mut framework = framework_info("a", &[]);
    framework.id = former().field();
    world.agent_returns(id, port, ALL, tasks, vec![framework]);
    world.effects()
}

/// A framework of the master before.
fn former() -> FrameworkId {
    FrameworkId::new("old-0000")
}

fn task(agent: &AgentId) -> Task {
    let mut task = Task::new();
    task.set_name("t".into());
    task.task_id.mut_or_insert_default().set_value("t".into());
    task.framework_id = former().field();
    task.slave_id = agent.field();
    task.set_state(TaskState::TASK_RUNNING);
    task
}

/// The framework of before subscribes with its id.
fn subscribe(world: &mut World) -> StreamId {
    let mut info = framework_info("a", &[]);
    info.id = former().field();
    let (_, stream) = world.framework(info);
    world.effects();
    stream
}

fn reconcile(world: &mut World, stream: StreamId, agent: Option<&AgentId>) -> Vec<Effect> {
    let mut one = call::reconcile::Task::new();
    one.task_id.mut_or_insert_default().set_value("t".into());
    one.slave_id = agent.map(AgentId::proto).into();
    world
        .call(&former(), stream, call::Type::RECONCILE, |call| {
            call.reconcile.mut_or_insert_default().tasks.push(one);
        })
        .expect("a subscribed framework");
    world.effects()
}

#[test]
fn agents_are_kept_from_admission_to_their_end() {
    let mut world = World::new(Config::default());
    let mut kept = BTreeMap::new();
    let one = world.agent(1, ALL);
    let two = world.agent(2, ALL);
    keep(&mut kept, &world.effects());
    assert!(
        matches!(kept.get(&one), Some(Standing::Admitted(info)) if info.hostname() == "localhost")
    );
    assert_eq!(kept.len(), 2);
    world.master.exited(&agent_pid(1));
    let effects = world.pass(Duration::from_secs(600));
    keep(&mut kept, &effects);
    assert!(matches!(kept.get(&one), Some(Standing::Unreachable(_))));
    // The other one did not answer either, and comes back.
    reregister(&mut world, &two, 2, Vec::new());
    let goodbye = UnregisterSlaveMessage {
        slave_id: two.field(),
        ..Default::default()
    };
    world.master.unregister_agent(&agent_pid(2), &goodbye);
    keep(&mut kept, &world.effects());
    assert_eq!(kept.keys().collect::<Vec<_>>(), [&one]);
    let effects = world.pass(Duration::from_secs(3 * 7 * 24 * 3600));
    keep(&mut kept, &effects);
    assert!(kept.is_empty(), "it was forgotten for its age");
}

#[test]
fn an_expected_agent_comes_back_without_a_word_to_its_frameworks() {
    let id = AgentId::new("old-S0");
    let kept = BTreeMap::from([(id.clone(), Standing::Admitted(Box::new(slave_info(ALL))))]);
    let mut world = next(&kept);
    let stream = subscribe(&mut world);
    // Until it is back, nothing is said of its tasks, nor of those of nobody knows which agent.
    assert!(statuses(&reconcile(&mut world, stream, Some(&id)), stream).is_empty());
    assert!(statuses(&reconcile(&mut world, stream, None), stream).is_empty());
    // An agent that was never admitted is no reason to wait.
    let stranger = AgentId::new("old-S9");
    let got = statuses(&reconcile(&mut world, stream, Some(&stranger)), stream);
    assert_eq!(got.len(), 1);
    assert_eq!(got[0].state(), TaskState::TASK_LOST);
    let effects = reregister(&mut world, &id, 1, vec![task(&id)]);
    assert_eq!(sent::<SlaveReregisteredMessage>(&effects).len(), 1);
    assert!(statuses(&effects, stream).is_empty());
    assert!(world.master.recovered_agents.is_empty());
    let got = statuses(&reconcile(&mut world, stream, None), stream);
    assert_eq!(got[0].state(), TaskState::TASK_RUNNING);
}

#[test]
fn an_expected_agent_that_stays_away_is_unreachable() {
    let id = AgentId::new("old-S0");
    let mut kept = BTreeMap::from([(id.clone(), Standing::Admitted(Box::new(slave_info(ALL))))]);
    let mut world = next(&kept);
    let stream = subscribe(&mut world);
    let effects = world.pass(Duration::from_secs(600));
    keep(&mut kept, &effects);
    assert!(matches!(kept.get(&id), Some(Standing::Unreachable(_))));
    let failures = events(&effects, stream)
        .into_iter()
        .filter(|e| e.type_() == event::Type::FAILURE)
        .count();
    assert_eq!(failures, 1);
    assert_eq!(world.master.counters.get("recovery_slave_removals"), 1);
    // The next master knows it as unreachable, and says so when it is back after all.
    let mut world = next(&kept);
    let stream = subscribe(&mut world);
    let got = statuses(&reconcile(&mut world, stream, Some(&id)), stream);
    assert_eq!(got[0].message(), "Reconciliation: Task is unreachable");
    let effects = reregister(&mut world, &id, 1, vec![task(&id)]);
    let got = statuses(&effects, stream);
    assert_eq!(got[0].reason(), Reason::REASON_SLAVE_REREGISTERED);
    assert_eq!(got[0].message(), "Unreachable agent re-reregistered");
}

#[test]
fn an_agent_that_is_gone_stays_gone() {
    let id = AgentId::new("old-S0");
    let kept = BTreeMap::from([(id.clone(), Standing::Gone(Duration::from_secs(999_999)))]);
    let mut world = next(&kept);
    let effects = reregister(&mut world, &id, 1, Vec::new());
    let told = sent::<ShutdownMessage>(&effects);
    assert_eq!(told[0].message(), "Agent has been marked gone");
    assert!(world.master.agents.is_empty());
}

#[test]
fn an_expected_agent_whose_place_is_taken_is_given_up_at_once() {
    let id = AgentId::new("old-S0");
    let elsewhere = AgentId::new("old-S1");
    let mut other = slave_info(ALL);
    other.set_hostname("elsewhere".into());
    let kept = BTreeMap::from([
        (id.clone(), Standing::Admitted(Box::new(slave_info(ALL)))),
        (elsewhere.clone(), Standing::Admitted(Box::new(other))),
    ]);
    let mut world = next(&kept);
    let stream = subscribe(&mut world);
    world.agent(1, ALL);
    let lost: Vec<AgentId> = events(&world.effects(), stream)
        .into_iter()
        .filter(|e| e.type_() == event::Type::FAILURE)
        .map(|e| AgentId::from(e.failure.slave_id.get_or_default()))
        .collect();
    assert_eq!(lost, std::slice::from_ref(&id));
    let got = statuses(&reconcile(&mut world, stream, Some(&id)), stream);
    assert_eq!(got[0].state(), TaskState::TASK_LOST);
    assert!(statuses(&reconcile(&mut world, stream, Some(&elsewhere)), stream).is_empty());
}
