//! Agents that operators set aside or give up.

use mesos_proto::mesos::TaskState;
use mesos_proto::mesos::framework_info::capability::Type;
use mesos_proto::mesos::task_status::{Reason, Source};
use mesos_proto::messages::ShutdownMessage;
use mesos_proto::scheduler::{Event, event};

use super::world::{World, agent_pid, events, framework_info, offer_ids, sent, statuses, task};
use crate::model::{AgentId, Config, Effect, Standing};

const ALL: &str = "cpus:4;mem:4096";

fn count(events: &[Event], kind: event::Type) -> usize {
    events.iter().filter(|e| e.type_() == kind).count()
}

#[test]
fn a_deactivated_agent_is_offered_to_nobody_until_it_is_reactivated() {
    let mut world = World::new(Config::default());
    let agent = world.agent(1, ALL);
    let (_, stream) = world.framework(framework_info("a", &[]));
    assert_eq!(offer_ids(&world.effects(), stream).len(), 1);
    world.master.deactivate_agent(&agent).expect("it is known");
    let effects = world.effects();
    assert_eq!(count(&events(&effects, stream), event::Type::RESCIND), 1);
    assert!(effects.iter().any(
        |e| matches!(e, Effect::KeepDeactivated { agent: a, deactivated: true } if *a == agent)
    ));
    // Neither time nor its own return change that.
    let mut effects = world.pass(std::time::Duration::from_secs(5));
    world.agent_returns(&agent, 1, ALL, Vec::new(), Vec::new());
    effects.extend(world.effects());
    assert!(offer_ids(&effects, stream).is_empty());
    world
        .master
        .deactivate_agent(&agent)
        .expect("once more is as good");
    world
        .master
        .reactivate_agent(&agent)
        .expect("it is deactivated");
    assert_eq!(offer_ids(&world.effects(), stream).len(), 1);
    let error = world
        .master
        .reactivate_agent(&agent)
        .expect_err("it is active");
    assert_eq!(
        (error.status, error.text.as_str()),
        (400, "Agent is not deactivated")
    );
}

#[test]
fn a_deactivated_agent_stays_so_under_the_next_master() {
    let agent = AgentId::new("old-S0");
    let mut world = World::new(Config::default());
    let info = Box::new(super::world::slave_info(ALL));
    let kept = [(agent.clone(), Standing::Admitted(info))];
    world.master.recover(kept, [agent.clone()]);
    let (_, stream) = world.framework(framework_info("a", &[]));
    world.agent_returns(&agent, 1, ALL, Vec::new(), Vec::new());
    assert!(offer_ids(&world.effects(), stream).is_empty());
    assert!(world.master.agents[&agent].deactivated);
    world
        .master
        .reactivate_agent(&agent)
        .expect("it is deactivated");
    assert_eq!(offer_ids(&world.effects(), stream).len(), 1);
}

#[test]
fn an_agent_that_is_gone_ends_its_tasks_and_may_not_come_back() {
    for (capabilities, state, reason) in [
        (
            &[Type::PARTITION_AWARE][..],
            TaskState::TASK_GONE_BY_OPERATOR,
            Reason::REASON_SLAVE_REMOVED_BY_OPERATOR,
        ),
        (&[], TaskState::TASK_LOST, Reason::REASON_SLAVE_REMOVED),
    ] {
        let mut world = World::new(Config::default());
        let agent = world.agent(1, ALL);
        let (framework, stream) = world.framework(framework_info("a", capabilities));
        let offers = offer_ids(&world.effects(), stream);
        let tasks = vec![task("t", &agent, "cpus:1;mem:64")];
        world.launch(&framework, stream, &offers, tasks);
        world.update(&framework, &agent, "t", TaskState::TASK_RUNNING);
        world.effects();
        world.master.mark_agent_gone(&agent).expect("it is known");
        let effects = world.effects();
        let told = statuses(&effects, stream);
        assert_eq!(told.len(), 1);
        assert_eq!((told[0].state(), told[0].reason()), (state, reason));
        assert_eq!(told[0].source(), Source::SOURCE_MASTER);
        assert_eq!(told[0].message(), "Agent has been marked gone");
        assert_eq!(count(&events(&effects, stream), event::Type::FAILURE), 1);
        let message = &sent::<ShutdownMessage>(&effects)[0];
        assert_eq!(message.message(), "Agent has been marked gone");
        assert!(effects.iter().any(|e| matches!(
            e,
            Effect::Keep {
                standing: Some(Standing::Gone(_)),
                ..
            }
        )));
        assert!(world.master.agents.is_empty());
        world
            .master
            .mark_agent_gone(&agent)
            .expect("it is gone already");
        world.agent_returns(&agent, 1, ALL, Vec::new(), Vec::new());
        assert_eq!(sent::<ShutdownMessage>(&world.effects()).len(), 1);
        assert!(world.master.agents.is_empty());
    }
}

#[test]
fn agents_that_are_not_here_can_be_given_up_and_strangers_cannot() {
    let mut world = World::new(Config::default());
    let agent = world.agent(1, ALL);
    world.master.exited(&agent_pid(1));
    world.pass(std::time::Duration::from_secs(600));
    assert!(world.master.unreachable_agents.contains_key(&agent));
    world.master.mark_agent_gone(&agent).expect("it is known");
    assert!(world.master.unreachable_agents.is_empty());
    assert!(world.master.gone_agents.contains_key(&agent));
    let stranger = AgentId::new("x");
    let error = world
        .master
        .mark_agent_gone(&stranger)
        .expect_err("unknown");
    assert_eq!(
        (error.status, error.text.as_str()),
        (404, "Agent 'x' not found")
    );
    for (error, want) in [
        (world.master.deactivate_agent(&stranger), "Unknown agent"),
        (
            world.master.reactivate_agent(&agent),
            "Agent is not deactivated",
        ),
    ] {
        let error = error.expect_err("unknown");
        assert_eq!((error.status, error.text.as_str()), (400, want));
    }
}
