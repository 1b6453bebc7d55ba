//! Tasks that make room for others.

use aurora_api::{JobKey, ScheduleStatus, TaskConfig};
use aurora_scheduler::model::settings::Settings;
use mesos_proto::mesos::TaskState;

use crate::placement::service;
use crate::support::desk::Desk;

const MINUTE: i64 = 60_000;

fn of_tier(name: &str, tier: &str, cpus: f64, priority: i32) -> TaskConfig {
    TaskConfig {
        tier: Some(tier.to_string()),
        priority,
        ..service(name, cpus)
    }
}

fn of_role(role: &str, mut config: TaskConfig) -> TaskConfig {
    let name = config.job.map(|job| job.name).unwrap_or_default();
    config.job = Some(JobKey::new(role, "devel", name));
    config
}

/// An agent full of preemptible tasks of one core each, with their executors.
fn full(hosts: &[&str], victims: &TaskConfig, each: i32) -> Desk {
    let mut desk = Desk::new(Settings::default());
    for host in hosts {
        desk.offer(host, f64::from(each) * 1.25);
    }
    let all = each * i32::try_from(hosts.len()).unwrap();
    desk.create(victims, all);
    desk.pass(1000);
    assert_eq!(desk.launched().len(), usize::try_from(all).unwrap());
    desk
}

fn preempting(desk: &Desk) -> Vec<String> {
    let tasks = desk.model.tasks().iter();
    let gone = tasks.filter(|task| task.status == ScheduleStatus::Preempting);
    gone.map(|task| task.id.clone()).collect()
}

#[test]
fn a_production_task_takes_the_place_of_as_few_preemptible_ones_as_do() {
    let mut desk = full(&["a"], &of_tier("batch", "preemptible", 1.0, 0), 4);
    give_quota(&mut desk, "www-data");
    desk.create(&of_tier("prod", "preferred", 2.0, 0), 1);
    // It has to wait, and then for the next search.
    desk.pass(3 * MINUTE);
    assert_eq!(preempting(&desk), [""; 0]);
    desk.pass(MINUTE);
    let victims = preempting(&desk);
    // 2.25 cores are needed, and each victim has 1.25.
    assert_eq!(victims.len(), 2);
    let mut killed = desk.killed();
    killed.sort();
    killed.dedup();
    let mut sorted = victims.clone();
    sorted.sort();
    assert_eq!(killed, sorted);
    let task = desk.model.tasks().get(&victims[0]).unwrap();
    let message = task.events.last().unwrap().message.clone().unwrap();
    assert!(
        message.starts_with("Preempting in favor of www-data-devel-prod-0-"),
        "{message}"
    );
    for (name, count) in [
        ("preemptor_slot_search_successful_for_prod", 1),
        ("preemptor_slot_validation_successful", 1),
        ("preemptor_tasks_preempted_non_prod", 2),
        ("preemptor_tasks_preempted_www-data/devel/batch", 2),
        ("preemptor_task_preemptor_www-data/devel/prod", 1),
    ] {
        assert_eq!(desk.stat(name), count, "{name}");
    }
    // The agent is kept for it: what they leave goes to nobody else, not even to them.
    for victim in &victims {
        desk.report(victim, TaskState::TASK_KILLED);
    }
    desk.offer("a", 2.5);
    desk.pass(1000);
    let launched = desk.launched();
    assert_eq!(launched.len(), 1, "{launched:?}");
    assert!(launched[0].0.contains("-prod-"));
    assert!(desk.model.reservations().groups.is_empty());
}

#[test]
fn an_agent_is_kept_only_for_so_long() {
    let mut desk = full(&["a"], &of_tier("batch", "preemptible", 1.0, 0), 1);
    give_quota(&mut desk, "www-data");
    desk.create(&of_tier("prod", "preferred", 1.0, 0), 1);
    desk.pass(6 * MINUTE);
    let victims = preempting(&desk);
    assert_eq!(victims.len(), 1);
    // The user thinks better of it, and the victim gets its place back when the reservation is over.
    let job = JobKey::new("www-data", "devel", "prod");
    desk.run(|model| model.kill_tasks(&job, None, "me", None))
        .unwrap();
    desk.report(&victims[0], TaskState::TASK_KILLED);
    desk.requests.clear();
    desk.offer("a", 1.25);
    desk.pass(10_000);
    assert_eq!(desk.launched(), []);
    desk.pass(3 * MINUTE);
    assert_eq!(desk.launched().len(), 1);
    assert_eq!(desk.model.reservations().groups.removals().expired, 1);
}

#[test]
fn who_may_displace_whom_is_as_documented() {
    let tier = |tier, priority| of_tier("x", tier, 1.0, priority);
    let cases = [
        (
            "production over preemptible",
            tier("preferred", 0),
            tier("preemptible", 9),
            "other",
            true,
        ),
        (
            "production over revocable",
            tier("preferred", 0),
            tier("revocable", 9),
            "other",
            false,
        ),
        (
            "preemptible over production",
            tier("preemptible", 9),
            tier("preferred", 0),
            "www-data",
            false,
        ),
        (
            "higher priority, same role",
            tier("preemptible", 1),
            tier("preemptible", 0),
            "www-data",
            true,
        ),
        (
            "same priority, same role",
            tier("preemptible", 1),
            tier("preemptible", 1),
            "www-data",
            false,
        ),
        (
            "higher priority, other role",
            tier("preemptible", 1),
            tier("preemptible", 0),
            "other",
            false,
        ),
        (
            "production, higher priority, same role",
            tier("preferred", 1),
            tier("preferred", 0),
            "www-data",
            true,
        ),
        (
            "production, higher priority, other role",
            tier("preferred", 1),
            tier("preferred", 0),
            "other",
            false,
        ),
    ];
    for (name, mut pending, mut victim, role, want) in cases {
        pending.job = Some(JobKey::new("www-data", "devel", "pending"));
        victim.job = Some(JobKey::new("www-data", "devel", "victim"));
        let victim = of_role(role, victim);
        let mut settings = Settings::default();
        // So that a revocable victim finds a place at all: its cores are then no help to others.
        settings.scheduling.revocable_cpus = victim.tier.as_deref() == Some("revocable");
        let mut desk = Desk::new(settings);
        let mut resources = vec![
            aurora_scheduler::model::resources::scalar("cpus", 1.25),
            aurora_scheduler::model::resources::scalar("mem", 1000.0),
            aurora_scheduler::model::resources::scalar("disk", 1000.0),
            aurora_scheduler::model::resources::ports(1, 9),
        ];
        if victim.tier.as_deref() == Some("revocable") {
            resources[0].revocable.mut_or_insert_default();
        }
        desk.offer_resources("a", resources, "");
        give_quota(&mut desk, role);
        give_quota(&mut desk, "www-data");
        desk.create(&victim, 1);
        desk.pass(1000);
        assert_eq!(desk.launched().len(), 1, "case `{name}`");
        desk.create(&pending, 1);
        desk.pass(8 * MINUTE);
        assert_eq!(
            !preempting(&desk).is_empty() || desk.stat("preemptor_slot_validation_successful") > 0,
            want,
            "case `{name}`"
        );
    }
}

fn give_quota(desk: &mut Desk, role: &str) {
    let quota = aurora_api::ResourceAggregate {
        resources: [
            aurora_api::Resource::NumCpus(100.0.into()),
            aurora_api::Resource::RamMb(100_000),
            aurora_api::Resource::DiskMb(100_000),
        ]
        .into(),
    };
    desk.run(|model| model.set_quota(role, &quota)).unwrap();
}

#[test]
fn what_the_agent_offers_counts_and_larger_victims_go_first() {
    let mut desk = Desk::new(Settings::default());
    for (name, cpus, offered) in [("small", 0.25, 6.0), ("large", 3.0, 5.5)] {
        desk.offer("a", offered);
        desk.create(&of_tier(name, "preemptible", cpus, 0), 1);
        assert_eq!(desk.launched().len(), 1);
    }
    desk.offer("a", 2.0);
    give_quota(&mut desk, "www-data");
    desk.create(&of_tier("prod", "preferred", 4.0, 0), 1);
    desk.pass(8 * MINUTE);
    // 4.25 are needed; 2 are offered and the large one has 3.25.
    let counts = ["large", "small"]
        .map(|name| desk.stat(&format!("preemptor_tasks_preempted_www-data/devel/{name}")));
    assert_eq!(counts, [1, 0]);
}

#[test]
fn nobody_is_displaced_where_the_task_could_not_run_anyway() {
    let mut desk = full(&["a"], &of_tier("batch", "preemptible", 1.0, 0), 2);
    give_quota(&mut desk, "www-data");
    desk.create(&of_tier("huge", "preferred", 16.0, 0), 1);
    desk.pass(10 * MINUTE);
    assert_eq!(preempting(&desk), [""; 0]);
    assert!(desk.stat("preemptor_slot_search_failed_for_prod") > 0);
    assert!(desk.stat("preemptor_unmatched_tasks") > 0);
}

#[test]
fn one_search_finds_slots_on_several_agents() {
    let mut desk = full(
        &["a", "b", "c"],
        &of_tier("batch", "preemptible", 1.0, 0),
        1,
    );
    give_quota(&mut desk, "www-data");
    desk.create(&of_tier("prod", "preferred", 1.0, 0), 2);
    desk.pass(4 * MINUTE);
    assert_eq!(desk.stat("preemptor_slot_search_successful_for_prod"), 2);
    assert_eq!(desk.model.slots().len() + preempting(&desk).len(), 2);
}

#[test]
fn without_the_preemptor_nobody_is_displaced() {
    let mut settings = Settings::default();
    settings.scheduling.preemptor = false;
    let mut desk = Desk::new(settings);
    desk.offer("a", 1.25);
    desk.create(&of_tier("batch", "preemptible", 1.0, 0), 1);
    desk.pass(1000);
    assert_eq!(desk.launched().len(), 1);
    give_quota(&mut desk, "www-data");
    desk.create(&of_tier("prod", "preferred", 1.0, 0), 1);
    desk.pass(10 * MINUTE);
    assert_eq!(preempting(&desk), [""; 0]);
    assert_eq!(desk.stat("preemptor_task_processor_runs"), 0);
}
