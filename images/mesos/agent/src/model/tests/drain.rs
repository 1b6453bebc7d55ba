//! Draining: what ends, with which words, and what is remembered.

use mesos_proto::mesos::DurationInfo;
use mesos_proto::messages::DrainSlaveMessage;

use super::*;

fn order(grace: Option<i64>, gone: bool) -> DrainSlaveMessage {
    let mut message = DrainSlaveMessage::new();
    let config = message.config.mut_or_insert_default();
    config.set_mark_gone(gone);
    if let Some(seconds) = grace {
        let mut period = DurationInfo::new();
        period.set_nanoseconds(seconds * 1_000_000_000);
        config.max_grace_period = Some(period).into();
    }
    message
}

/// The checkpoints of draining among these effects: whether one is kept.
fn kept(effects: &[Effect]) -> Vec<bool> {
    let drains = effects.iter().filter_map(|effect| match effect {
        Effect::Checkpoint(Checkpoint::Drain(config)) => Some(config.is_some()),
        _ => None,
    });
    drains.collect()
}

fn with_task(aware: bool) -> Model {
    let mut model = running();
    let mut message = run("t", None);
    message.framework = Some(framework(aware)).into();
    model.run_task(at(2.0), message);
    subscribe(&mut model, at(3.0), "t");
    model.executor_update(at(4.0), update("t", "t", TaskState::TASK_RUNNING));
    model.take_effects();
    model
}

#[test]
fn an_agent_with_nothing_has_drained_at_once() {
    let mut model = running();
    model.drain(at(2.0), order(None, false));
    assert_eq!(kept(&model.take_effects()), [true, false]);
    assert!(model.draining().is_none());
}

#[test]
fn tasks_are_killed_and_say_why() {
    for (gone, aware, want) in [
        (false, true, TaskState::TASK_KILLED),
        (true, true, TaskState::TASK_GONE_BY_OPERATOR),
        (true, false, TaskState::TASK_KILLED),
    ] {
        let mut model = with_task(aware);
        model.drain(at(5.0), order(Some(7), gone));
        let effects = model.take_effects();
        assert_eq!(kept(&effects), [true]);
        let kills: Vec<_> = effects
            .iter()
            .filter_map(|effect| match effect {
                Effect::Tell { event, .. } => event.kill.as_ref(),
                _ => None,
            })
            .collect();
        assert_eq!(kills.len(), 1);
        let grace = &kills[0].kill_policy.grace_period;
        assert_eq!(grace.nanoseconds(), 7_000_000_000);
        let drain = model.draining().expect("it drains");
        assert_eq!(drain.since, at(5.0).wall);
        let container = container(&model);
        let last = update("t", "t", TaskState::TASK_KILLED);
        model.executor_update(at(6.0), last.clone());
        let waiting = model.streams.waits("F", "t");
        assert!(waiting, "the first update is not acknowledged");
        model.container_exited(at(7.0), &container, Some(0));
        model.take_effects();
        let framework = model.frameworks().next().expect("it owes an update");
        let executor = framework.executors.values().next().expect("its executor");
        let task = executor.terminated.values().next().expect("its task");
        assert_eq!(task.state(), want, "gone {gone}, aware {aware}");
        let status = task.statuses.last().expect("a status");
        assert_eq!(status.reason(), Reason::REASON_SLAVE_DRAINING);
    }
}

#[test]
fn new_tasks_are_dropped_while_it_drains() {
    let mut model = with_task(true);
    model.drain(at(5.0), order(None, false));
    model.take_effects();
    model.run_task(at(6.0), run("new", None));
    let got = updates(&model.take_effects());
    assert_eq!(got[0].1, TaskState::TASK_DROPPED);
    assert_eq!(got[0].2, Some(Reason::REASON_SLAVE_DRAINING));
}

#[test]
fn a_life_with_nothing_left_takes_tasks_again() {
    let mut model = detected();
    let config = order(None, false).config.take().expect("it is there");
    model.restore_drain(at(0.5), config);
    model.registered(at(1.0), &master(), AGENT, None, Registered::New);
    assert_eq!(kept(&model.take_effects()), [false]);
    assert!(model.draining().is_none());
}

#[test]
fn the_order_is_forgotten_when_all_has_ended() {
    let mut model = with_task(true);
    let container = container(&model);
    model.drain(at(5.0), order(None, false));
    // It came back, and is told again: that is no new beginning.
    model.drain(at(6.0), order(None, false));
    assert_eq!(model.draining().map(|d| d.since), Some(at(5.0).wall));
    model.take_effects();
    model.shutdown_framework(at(7.0), "F");
    model.container_exited(at(8.0), &container, Some(0));
    assert_eq!(kept(&model.take_effects()), [false]);
    assert!(model.draining().is_none());
}
