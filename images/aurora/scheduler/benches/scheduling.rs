//! What scheduling costs: `cargo bench -p aurora-scheduler --bench scheduling`. Agents are simulated; the
//! store is a real one, in a temporary folder. Prints a line a figure.

#![expect(clippy::unwrap_used, reason = "a benchmark may end anywhere")]

#[path = "../tests/scheduler/support/desk.rs"]
#[allow(dead_code, reason = "tests use more of it")]
mod desk;
#[path = "../tests/scheduler/support/jobs.rs"]
#[allow(dead_code, reason = "tests use more of it")]
mod jobs;

use std::time::{Duration, Instant};

use aurora_api::{Constraint, JobKey, Resource, TaskConfig, TaskConstraint, ValueConstraint};
use aurora_scheduler::model::settings::Settings;
use aurora_scheduler::store::{Epoch, Lasting, Store};
use desk::{Desk, START};

fn service(name: &str, cpus: f64) -> TaskConfig {
    let mut config = jobs::config(&JobKey::new("www-data", "devel", name), 0);
    config
        .resources
        .retain(|r| !matches!(r, Resource::NumCpus(_)));
    config.resources.insert(Resource::NumCpus(cpus.into()));
    config
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// Many jobs that fit nowhere, for one reason or another.
fn waiting(count: usize, cpus: f64, constraint: Option<&Constraint>) -> Desk {
    let mut desk = Desk::new(Settings::default());
    for n in 0..50 {
        desk.offer(&format!("host{n}"), 4.0);
    }
    for n in 0..count {
        let mut config = service(&format!("waiting{n}"), cpus);
        config.constraints.extend(constraint.cloned());
        desk.create(&config, 1);
    }
    desk
}

fn in_the_way_of_others(what: &str, mut desk: Desk) {
    // In a minute each is looked at for the first time, and then again as its wait ends.
    let before = desk.stat("schedule_attempts_fired");
    let began = Instant::now();
    desk.pass(60_000);
    let took = began.elapsed();
    let attempts = desk.stat("schedule_attempts_fired") - before;
    let a_second = attempts as f64 / took.as_secs_f64();
    println!(
        "10,000 waiting ({what}): a simulated minute costs {:.0} ms",
        ms(took)
    );
    println!(
        "10,000 waiting ({what}): {attempts} attempts made in that minute, {a_second:.0} attempts/s"
    );
    let began = Instant::now();
    for n in 0..50 {
        desk.offer(&format!("host{n}"), 4.0);
    }
    let each = began.elapsed() / 50;
    println!("10,000 waiting ({what}): an offer costs {:.3} ms", ms(each));
    let from = desk.now;
    let began = Instant::now();
    desk.create(&service("other", 0.5), 1);
    while desk.launched().is_empty() {
        desk.pass(1);
    }
    let waited = desk.now - from;
    println!(
        "10,000 waiting ({what}): another job waits {waited} ms, and costs {:.1} ms",
        ms(began.elapsed())
    );
}

fn thousand_instances() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(folder.path()).unwrap();
    store.take_over(Epoch { era: 1, zxid: 1 }, "bench").unwrap();
    let mut desk = Desk::new(Settings::default());
    let mut free = [100.0; 50];
    let began = Instant::now();
    desk.create(&service("job", 1.0), 1000);
    let mut running = 0;
    while running < 1000 {
        for (n, free) in free.iter().enumerate() {
            let agent = format!("Shost{n}");
            if desk.model.offers().get(&agent).is_none() {
                desk.offer(&format!("host{n}"), *free);
            }
        }
        desk.pass(10);
        let launched = desk.launched();
        for (_, agent) in &launched {
            let n: usize = agent.trim_start_matches("Shost").parse().unwrap();
            free[n] -= 1.25;
        }
        running += launched.len();
        let records = std::mem::take(&mut desk.records);
        store.commit(&records, Lasting::Process).unwrap();
    }
    let model_time = (desk.now - START) as f64 / 1000.0;
    println!(
        "1,000 instances on 50 agents: RUNNING after {model_time:.2} s of the scheduler's time, of which it computes {:.2} s",
        began.elapsed().as_secs_f64()
    );
}

fn main() {
    let elsewhere = Constraint {
        name: "rack".to_string(),
        constraint: TaskConstraint::Value(ValueConstraint {
            negated: false,
            values: ["elsewhere".to_string()].into(),
        }),
    };
    in_the_way_of_others("too large", waiting(10_000, 16.0, None));
    in_the_way_of_others("wrong rack", waiting(10_000, 0.5, Some(&elsewhere)));
    thousand_instances();
}
