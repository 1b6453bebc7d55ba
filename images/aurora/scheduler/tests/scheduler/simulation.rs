//! A cluster without sockets and with its own clock: random commands, failures and restarts, and what
//! must hold after each of them.

use std::collections::BTreeMap;

use crate::support::world::World;
use aurora_api::{JobKey, JobUpdateStatus, ScheduleStatus};
use aurora_scheduler::model::chance::Chance;

const JOBS: u64 = 3;
const STEPS: u64 = 120;
const SEEDS: u64 = 30;

fn job(n: u64) -> JobKey {
    JobKey::new("www-data", "devel", format!("job{n}"))
}

/// What must hold at any moment.
fn check(world: &World, context: &str) {
    let mut active: BTreeMap<(&JobKey, i32), Vec<ScheduleStatus>> = BTreeMap::new();
    for task in world.model.tasks().iter() {
        assert_ne!(
            task.status,
            ScheduleStatus::Init,
            "{context}: {} stayed INIT",
            task.id
        );
        assert_eq!(
            task.events.last().map(|event| event.status),
            Some(task.status),
            "{context}: the last event of {} is not its status",
            task.id
        );
        if task.status.is_active() {
            active
                .entry((&task.job, task.instance))
                .or_default()
                .push(task.status);
        }
    }
    for (instance, statuses) in active {
        assert_eq!(
            statuses.len(),
            1,
            "{context}: {instance:?} is there twice: {statuses:?}"
        );
    }
    world.check_store(context);
    world.check_maintenance(context);
    world.check_capacity(context);
    world.check_quota(context);
}

fn one_command(world: &mut World, dice: &mut Chance) -> String {
    let key = job(dice.below(JOBS));
    let version = i32::try_from(dice.below(3)).unwrap();
    match dice.below(30) {
        0..4 => {
            let count = 1 + i32::try_from(dice.below(4)).unwrap();
            let made = world.create(&key, version, count);
            format!("create {key} x{count}: {made:?}")
        }
        4..6 => format!("kill {key}: {:?}", world.kill(&key)),
        6 => format!("restart {key}: {:?}", world.restart(&key)),
        22..24 => {
            world.cut_off_agent(dice);
            "cut an agent off".to_string()
        }
        24 => {
            world.heal();
            "all agents can be reached".to_string()
        }
        25 => {
            let cpus = [0.5, 1.0, 1.5][usize::try_from(dice.below(3)).unwrap()];
            format!("quota of {cpus}: {}", world.set_quota(cpus))
        }
        26..28 => {
            let update = world.interfere(&key, dice);
            format!("interfere with the update of {key}: {update}")
        }
        7..11 => {
            let count = 1 + i32::try_from(dice.below(5)).unwrap();
            let started = world.update(&key, version, count, dice);
            format!("update {key} to v{version} x{count}: {started}")
        }
        11 => format!(
            "interfere with the update of {key}: {}",
            world.interfere(&key, dice)
        ),
        12 => {
            world.lose_agent(dice);
            "lose an agent".to_string()
        }
        13 => {
            world.fail_task(dice);
            "fail a task".to_string()
        }
        14 => {
            world.restart_scheduler();
            "restart the scheduler".to_string()
        }
        15 => {
            world.drop_calls = !world.drop_calls;
            format!("calls get lost: {}", world.drop_calls)
        }
        16..18 => format!("maintenance: {}", world.maintain(dice)),
        _ => {
            let seconds = i64::try_from(dice.below(40)).unwrap();
            world.pass(seconds * 1000);
            format!("{seconds} s pass")
        }
    }
}

fn run(seed: u64) {
    let mut dice = Chance::new(seed);
    let mut world = World::new(seed, 3);
    for step in 0..STEPS {
        let what = one_command(&mut world, &mut dice);
        let context = format!("seed {seed}, step {step} ({what})");
        world.deliver(usize::try_from(dice.below(12)).unwrap());
        check(&world, &context);
    }
    // From here on nothing fails any more: everything must come to rest where it should be.
    world.relieve();
    for round in 0..400 {
        world.pass(10_000);
        world.tend_updates();
        world.deliver(usize::MAX);
        check(&world, &format!("seed {seed}, settling {round}"));
        if world.is_settled() {
            break;
        }
    }
    assert!(world.is_settled(), "seed {seed}: {}", world.unsettled());
    for task in world
        .model
        .tasks()
        .iter()
        .filter(|task| task.status.is_active())
    {
        assert_eq!(
            task.status,
            ScheduleStatus::Running,
            "seed {seed}: {}",
            task.id
        );
        assert!(
            world.runs(&task.id),
            "seed {seed}: {} runs nowhere",
            task.id
        );
    }
    for id in world.running() {
        let status = world.model.tasks().get(&id).map(|task| task.status);
        assert_eq!(
            status,
            Some(ScheduleStatus::Running),
            "seed {seed}: {id} is a zombie"
        );
    }
    for (key, instances) in &world.wanted {
        let have: Vec<i32> = world
            .model
            .tasks()
            .active(key)
            .map(|task| task.instance)
            .collect();
        if world.model.updates().all(|update| update.key().job != *key) {
            let want: Vec<i32> = (0..*instances).collect();
            assert_eq!(
                have, want,
                "seed {seed}: instances of {key} were forgotten or doubled"
            );
        }
    }
    for update in world.model.updates() {
        let status = update.status();
        assert!(
            status.is_terminal(),
            "seed {seed}: an update is still {status}"
        );
        let stays_as_it_is = [JobUpdateStatus::Aborted, JobUpdateStatus::Failed];
        assert!(
            stays_as_it_is.contains(&status) || update.events.len() >= 2,
            "seed {seed}: an update ended without a history"
        );
    }
}

#[test]
fn any_sequence_of_commands_failures_and_restarts_keeps_every_promise() {
    // More can be asked for by hand.
    let asked = std::env::var("SIMULATION_SEEDS")
        .ok()
        .and_then(|text| text.parse().ok());
    for seed in 0..asked.unwrap_or(SEEDS) {
        run(seed);
    }
}

#[test]
fn tasks_that_the_master_never_knew_are_replaced_when_their_agent_is_lost() {
    let mut world = World::new(7, 3);
    world.failing = false;
    world.create(&job(0), 0, 2).unwrap();
    // Long enough that nothing counts as flapping, and that the first reconciliation is over.
    for _ in 0..60 {
        world.pass(10_000);
        world.deliver(usize::MAX);
    }
    let before = world.running();
    assert_eq!(before.len(), 2, "{}", world.unsettled());
    world.lose_agents_before_their_master();
    for _ in 0..3 {
        world.pass(10_000);
        world.deliver(usize::MAX);
    }
    let after = world.running();
    assert_eq!(after.len(), 2, "{}", world.unsettled());
    assert!(after.iter().all(|id| !before.contains(id)), "{after:?}");
}
