//! A cluster without sockets and with its own clock: random commands, failures and restarts, and what
//! must hold after each of them.
//!
//! `SIMULATION_SEEDS=100000` runs so many of them, `SIMULATION_SEEDS=4331..5000` those alone, and one alone,
//! `SIMULATION_SEEDS=4331..4332`, tells what it does (with `--nocapture`).

use std::collections::{BTreeMap, BTreeSet};

use crate::support::world::{World, cron_key};
use aurora_api::{JobKey, JobUpdateStatus, ScheduleStatus};
use aurora_scheduler::model::chance::Chance;

const JOBS: u64 = 3;
const STEPS: u64 = 120;
const SEEDS: u64 = 30;

fn job(n: u64) -> JobKey {
    JobKey::new("www-data", "devel", format!("job{n}"))
}

/// What must hold at any moment.
fn check(world: &mut World, context: &str) {
    world.note_ended_updates();
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
    world.check_crons(context);
}

fn one_command(world: &mut World, dice: &mut Chance) -> String {
    let key = job(dice.below(JOBS));
    let version = i32::try_from(dice.below(3)).unwrap();
    match dice.below(36) {
        0..4 => {
            let count = 1 + i32::try_from(dice.below(4)).unwrap();
            let made = world.create(&key, version, count);
            format!("create {key} v{version} x{count}: {made:?}")
        }
        4 => format!("kill {key}: {:?}", world.kill(&key, &BTreeSet::new())),
        5 => {
            let some = BTreeSet::from([version, version + 1]);
            format!("kill {some:?} of {key}: {:?}", world.kill(&key, &some))
        }
        6 => format!("restart {key}: {:?}", world.restart(&key)),
        7 => {
            let count = 1 + i32::try_from(dice.below(2)).unwrap();
            let added = world.add(&key, version, count);
            format!("add {count} like {version} to {key}: {added:?}")
        }
        8..12 => {
            let count = 1 + i32::try_from(dice.below(5)).unwrap();
            let started = world.update(&key, version, count, dice);
            format!("update {key} to v{version} x{count}: {started}")
        }
        12..15 => {
            let update = world.interfere(&key, dice);
            format!("interfere with the update of {key}: {update}")
        }
        15 => {
            world.lose_agent(dice);
            "lose an agent".to_string()
        }
        16 => {
            world.fail_task(dice);
            "fail a task".to_string()
        }
        17 => {
            world.restart_scheduler();
            "restart the scheduler".to_string()
        }
        18 => {
            world.die_soon();
            "the scheduler dies before the next thing it asks for".to_string()
        }
        19 => {
            world.drop_calls = !world.drop_calls;
            format!("calls get lost: {}", world.drop_calls)
        }
        20..23 => format!("maintenance: {}", world.maintain(dice)),
        23..25 => {
            world.cut_off_agent(dice);
            "cut an agent off".to_string()
        }
        25 => {
            world.heal();
            "all agents can be reached".to_string()
        }
        26 => {
            let cpus = [0.5, 1.0, 1.5, 2.5][usize::try_from(dice.below(4)).unwrap()];
            format!("quota of {cpus}: {}", world.set_quota(cpus))
        }
        27..29 => format!("cron job {}", world.cron(dice)),
        29 => {
            let key = cron_key(dice.below(JOBS));
            format!("kill {key}: {:?}", world.kill(&key, &BTreeSet::new()))
        }
        30 => {
            world.reconnect();
            "the connection to the master begins anew".to_string()
        }
        _ => {
            let seconds = i64::try_from(dice.below(40)).unwrap();
            world.pass(seconds * 1000);
            format!("{seconds} s pass")
        }
    }
}

/// Names the seed of a run that failed.
struct Named(u64);

impl Drop for Named {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("that was seed {}", self.0);
        }
    }
}

fn run(seed: u64, tells: bool) {
    let _named = Named(seed);
    let mut dice = Chance::new(seed);
    let mut world = World::new(seed, 3);
    for step in 0..STEPS {
        let what = one_command(&mut world, &mut dice);
        let context = format!("seed {seed}, step {step} ({what})");
        world.deliver(usize::try_from(dice.below(12)).unwrap());
        if tells {
            println!("{context}\n{}", world.shown());
        }
        check(&mut world, &context);
    }
    // From here on nothing fails any more: everything must come to rest where it should be.
    world.relieve();
    for round in 0..400 {
        world.pass(10_000);
        world.tend_updates();
        world.deliver(usize::MAX);
        check(&mut world, &format!("seed {seed}, settling {round}"));
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
    world.check_wanted(&format!("seed {seed}"));
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
    let asked = std::env::var("SIMULATION_SEEDS").unwrap_or_else(|_| SEEDS.to_string());
    let (from, to) = asked.split_once("..").unwrap_or(("0", &asked));
    let (from, to): (u64, u64) = (from.parse().unwrap(), to.parse().unwrap());
    for seed in from..to {
        run(seed, to - from == 1);
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
