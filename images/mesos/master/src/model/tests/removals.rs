//! How fast and how many agents may be given up.

use std::time::Duration;

use super::world::{World, slave_info};
use crate::model::{AgentId, Config, Effect, Standing};

const ALL: &str = "cpus:4;mem:4096";

fn config() -> Config {
    Config {
        ping_timeout: Duration::from_secs(1),
        max_ping_timeouts: 2,
        removal_spacing: Some(Duration::from_secs(60)),
        ..Config::default()
    }
}

#[test]
fn agents_become_unreachable_one_after_the_other() {
    let mut world = World::new(config());
    for port in 1..=3 {
        world.agent(port, ALL);
    }
    let left = |world: &World| world.master.agents.len();
    world.pass(Duration::from_secs(10));
    assert_eq!(left(&world), 2);
    world.pass(Duration::from_secs(55));
    assert_eq!(left(&world), 1);
    // The last one answers before its turn.
    let observers: Vec<u64> = world.master.observers.keys().copied().collect();
    for _ in 0..70 {
        for observer in &observers {
            world.master.pong(*observer);
        }
        world.pass(Duration::from_secs(1));
    }
    assert_eq!(left(&world), 1);
    let count = |name| world.master.counters.get(name);
    assert_eq!(count("slave_unreachable_scheduled"), 3);
    assert_eq!(count("slave_unreachable_completed"), 2);
    assert_eq!(count("slave_unreachable_canceled"), 1);
}

fn recovered(config: Config) -> World {
    let kept = (0..4).map(|n| {
        let id = AgentId::new(format!("old-S{n}"));
        let mut info = slave_info(ALL);
        info.id = id.field();
        info.set_hostname(format!("h{n}"));
        (id, Standing::Admitted(Box::new(info)))
    });
    World::recovered(config, kept)
}

#[test]
fn agents_of_a_former_master_are_given_up_one_after_the_other() {
    let mut world = recovered(config());
    world.pass(Duration::from_secs(601));
    assert_eq!(world.master.unreachable_agents.len(), 1);
    world.pass(Duration::from_secs(120));
    assert_eq!(world.master.unreachable_agents.len(), 3);
}

#[test]
fn a_master_that_misses_too_many_agents_ends() {
    for (limit, want) in [(1.0, false), (0.75, true)] {
        let mut world = recovered(Config {
            recovery_removal_limit: limit,
            ..Config::default()
        });
        let effects = world.pass(Duration::from_secs(601));
        let why = effects.into_iter().find_map(|effect| match effect {
            Effect::Abort(why) => Some(why),
            _ => None,
        });
        assert_eq!(why.is_some(), want, "limit {limit}");
        if let Some(why) = why {
            assert!(why.starts_with("Post-recovery agent removal limit exceeded! After 10mins there were 4 (100.00%) agents recovered"), "{why}");
            assert_eq!(world.master.recovered_agents.len(), 4);
        }
    }
}
