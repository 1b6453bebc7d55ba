//! Many executors at once: they start in turn.

use super::super::starts::{MOST_AT_ONCE, PATIENCE};
use super::*;

/// The executors that are to be started, in order.
fn launched(effects: &[Effect]) -> Vec<String> {
    let launches = effects.iter().filter_map(|effect| match effect {
        Effect::Launch(launch) => Some(launch.place.executor.clone()),
        _ => None,
    });
    launches.collect()
}

fn id(number: usize) -> String {
    format!("t{number:02}")
}

/// An agent that was given more tasks than it starts executors at once.
fn busy(tasks: usize) -> Model {
    let mut model = running();
    for number in 0..tasks {
        model.run_task(at(2.0), run(&id(number), None));
    }
    model
}

#[test]
fn executors_start_few_at_a_time_and_in_order() {
    let mut model = busy(MOST_AT_ONCE + 3);
    let first: Vec<String> = (0..MOST_AT_ONCE).map(id).collect();
    assert_eq!(launched(&model.take_effects()), first);
    assert_eq!(
        model.executors().count(),
        MOST_AT_ONCE + 3,
        "all are accepted"
    );
    // Whoever subscribes, fails or ends makes room for one.
    subscribe(&mut model, at(2.1), &id(3));
    assert_eq!(launched(&model.take_effects()), [id(MOST_AT_ONCE)]);
    let containers: Vec<String> = model
        .executors()
        .map(|(_, e)| e.container_id.clone())
        .collect();
    model.container_failed(at(2.2), &containers[0], "no");
    assert_eq!(launched(&model.take_effects()), [id(MOST_AT_ONCE + 1)]);
    model.container_exited(at(2.3), &containers[1], Some(0));
    assert_eq!(launched(&model.take_effects()), [id(MOST_AT_ONCE + 2)]);
    model.container_exited(at(2.4), &containers[2], Some(0));
    assert!(launched(&model.take_effects()).is_empty(), "nobody waits");
}

#[test]
fn a_slow_start_is_not_waited_for() {
    let mut model = busy(MOST_AT_ONCE + 1);
    model.take_effects();
    let begin = at(2.0).at;
    assert_eq!(model.next_deadline(), Some(begin + PATIENCE));
    model.tick(Now {
        at: begin + PATIENCE,
        wall: 0.0,
    });
    assert_eq!(launched(&model.take_effects()), [id(MOST_AT_ONCE)]);
}

#[test]
fn the_minute_to_subscribe_begins_with_the_start() {
    let mut model = busy(MOST_AT_ONCE + 1);
    model.take_effects();
    let late = at(50.0);
    subscribe(&mut model, late, &id(0));
    model.take_effects();
    let destroyed = |model: &mut Model| {
        let all = model.take_effects();
        all.iter()
            .filter(|e| matches!(e, Effect::Destroy(_)))
            .count()
    };
    model.tick(at(62.0));
    assert_eq!(destroyed(&mut model), MOST_AT_ONCE - 1);
    model.tick(at(109.9));
    assert_eq!(destroyed(&mut model), 0);
    model.tick(at(110.0));
    assert_eq!(destroyed(&mut model), 1);
}

#[test]
fn a_task_that_is_killed_before_its_turn_never_starts() {
    let mut model = busy(MOST_AT_ONCE + 2);
    model.take_effects();
    let waiting = id(MOST_AT_ONCE);
    model.kill_task(at(3.0), kill(&waiting));
    let effects = model.take_effects();
    let (task, state, reason, _) = updates(&effects).remove(0);
    assert_eq!((task, state), (waiting.clone(), TaskState::TASK_KILLED));
    assert_eq!(reason, Some(Reason::REASON_TASK_KILLED_DURING_LAUNCH));
    assert_eq!(
        model.next_deadline(),
        Some(Duration::ZERO),
        "its end is due"
    );
    model.tick(at(3.0));
    let told = sent::<StatusUpdateMessage>(&effects)
        .remove(0)
        .update
        .unwrap();
    acknowledge(&mut model, at(3.1), &told);
    assert!(
        model
            .executors()
            .all(|(_, executor)| executor.id() != waiting)
    );
    subscribe(&mut model, at(3.2), &id(0));
    assert_eq!(launched(&model.take_effects()), [id(MOST_AT_ONCE + 1)]);
}

#[test]
fn a_framework_that_ends_takes_those_with_it_that_wait() {
    let mut model = busy(MOST_AT_ONCE + 2);
    model.take_effects();
    model.shutdown_framework(at(3.0), "F");
    let effects = model.take_effects();
    let destroyed: Vec<String> = effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Destroy(container) => Some(container.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(destroyed.len(), MOST_AT_ONCE, "the others run nowhere");
    model.tick(at(3.0));
    for container in destroyed {
        model.container_exited(at(3.1), &container, Some(9));
    }
    assert!(launched(&model.take_effects()).is_empty());
    assert_eq!(model.frameworks().count(), 0);
}
