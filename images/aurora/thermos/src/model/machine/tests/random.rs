//! Random tasks in a random world keep the rules, whoever dies.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::judge::Judge;
use super::world::{Fate, World};
use crate::checkpoint::TaskHistory;
use crate::model::machine::{Machine, Owner, Request};
use crate::task::{Plans, TaskSpec};

/// A time by which a task that may run for ever is asked to end, in seconds.
const LONG: f64 = 100_000.0;

fn fate() -> impl Strategy<Value = Fate> {
    let after = || 0.0..8.0f64;
    prop_oneof![
        8 => after().prop_map(|after| Fate::Ends(after, 0)),
        4 => after().prop_map(|after| Fate::Ends(after, 1)),
        1 => after().prop_map(|after| Fate::Ends(after, -9)),
        1 => after().prop_map(Fate::Vanishes),
        1 => Just(Fate::OnTerm),
        1 => Just(Fate::Stubborn),
        1 => Just(Fate::Refused),
        1 => Just(Fate::Mute),
    ]
}

fn process() -> impl Strategy<Value = Value> {
    let flag = |weight| prop::bool::weighted(weight);
    (0..4u32, flag(0.15), flag(0.25), flag(0.25), 0..5u64).prop_map(
        |(max_failures, daemon, ephemeral, is_final, min_duration)| {
            json!({
                "cmdline": "c", "max_failures": max_failures, "daemon": daemon,
                "ephemeral": ephemeral, "final": is_final, "min_duration": min_duration,
            })
        },
    )
}

/// Tasks whose orders are mostly such as can be kept.
fn task() -> impl Strategy<Value = Value> {
    let orders = prop::collection::vec(prop::collection::vec(0..7usize, 1..5), 0..4);
    let limits = (0..4u64, 0..4u64, 0..25u64, prop::bool::weighted(0.9));
    (prop::collection::vec(process(), 0..8), orders, limits).prop_map(
        |(mut processes, orders, (max_concurrency, max_failures, wait, repair))| {
            for (place, process) in processes.iter_mut().enumerate() {
                process["name"] = json!(format!("p{place}"));
            }
            let make = |orders: &[Vec<usize>]| {
                let named = orders.iter().map(|order| {
                    let names: Vec<String> = order.iter().map(|n| format!("p{n}")).collect();
                    json!({ "order": names })
                });
                json!({
                    "name": "t", "processes": processes, "constraints": named.collect::<Vec<_>>(),
                    "max_concurrency": max_concurrency, "max_failures": max_failures,
                    "finalization_wait": wait,
                })
            };
            let mut kept: Vec<Vec<usize>> = Vec::new();
            for mut order in orders {
                order.retain(|place| *place < processes.len());
                if repair {
                    order.sort_unstable();
                    order.dedup();
                }
                if order.is_empty() {
                    continue;
                }
                kept.push(order);
                if repair && !Judge::new(&make(&kept)).is_valid() {
                    kept.pop();
                }
            }
            make(&kept)
        },
    )
}

proptest! {
    /// Whatever processes and runners do, a judge who knows the rules finds nothing to complain of, and what was
    /// written replays into what was thought.
    #[test]
    fn every_task_keeps_the_rules(
        task in task(),
        fates in prop::collection::vec(prop::collection::vec(fate(), 1..5), 7),
        asked in prop::collection::vec((0.0..60.0f64, prop::bool::weighted(0.8)), 0..3),
        deaths in prop::collection::vec((1..60usize, 0.0..40.0f64), 0..3),
    ) {
        let spec = TaskSpec::from_value(&task).unwrap();
        let judge = Judge::new(&task);
        prop_assert_eq!(Plans::new(&spec).is_ok(), judge.is_valid(), "{}", task);
        if !judge.is_valid() {
            return Ok(());
        }
        let names: Vec<String> = (0..fates.len()).map(|place| format!("p{place}")).collect();
        let fates: Vec<(&str, &[Fate])> =
            names.iter().zip(&fates).map(|(name, fates)| (name.as_str(), fates.as_slice())).collect();
        // The last comes first.
        let mut deaths = deaths;
        deaths.sort_by_key(|(records, _)| std::cmp::Reverse(*records));
        let mut world = World::with_deaths(task.clone(), &fates, deaths);
        let mut asked = asked;
        asked.sort_by(|(a, _), (b, _)| a.total_cmp(b));
        for (after, is_kill) in asked {
            world.run_until(1000.0 + after);
            world.request(if is_kill { Request::Kill } else { Request::Lose });
        }
        world.run_until(LONG);
        if !world.machine.is_finished() {
            // A daemon, say.
            world.request(Request::Kill);
        }
        let world = world.run();
        let judged = judge.follow(&world);
        prop_assert!(judged.is_ok(), "{}\n{}", judged.unwrap_err(), world.told());
        prop_assert!(world.running.is_empty(), "still there: {:?}", world.running);
        let history = TaskHistory::replay(&world.records);
        prop_assert_eq!(&history, world.machine.history());
        let mut again = Machine::new(spec, Owner { pid: 2, uid: 0 }, Some(100)).unwrap();
        prop_assert_eq!(again.recover(&world.records, None, world.now), vec![]);
        prop_assert!(again.is_finished());
        prop_assert_eq!(again.history(), &history);
        prop_assert_eq!(world.records.len(), world.times.len());
        prop_assert!(history.header.is_some(), "nobody wrote the header");
    }
}
