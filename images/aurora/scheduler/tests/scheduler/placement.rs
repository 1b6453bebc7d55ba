//! How pending tasks find agents: turns, back-off, order, reservations.

use aurora_api::{
    Constraint, JobKey, JobUpdateSettings, Resource, ScheduleStatus, TaskConfig, TaskConstraint,
    TaskQuery, ValueConstraint,
};
use aurora_scheduler::model::effect::Request;
use aurora_scheduler::model::resources::{ports, scalar};
use aurora_scheduler::model::settings::Settings;
use aurora_scheduler::model::settings::scheduling::OfferOrder;
use aurora_scheduler::model::{Model, Stored, validate};
use mesos_proto::mesos::TaskState;

use crate::support::desk::{Desk, START};
use crate::support::jobs;

fn key(name: &str) -> JobKey {
    JobKey::new("www-data", "devel", name)
}

/// A service that asks for so many cores, its executor not counted.
pub(crate) fn service(name: &str, cpus: f64) -> TaskConfig {
    let mut config = jobs::config(&key(name), 0);
    config
        .resources
        .retain(|r| !matches!(r, Resource::NumCpus(_)));
    config.resources.insert(Resource::NumCpus(cpus.into()));
    config
}

fn penalty(desk: &Desk) -> Vec<i64> {
    desk.model
        .groups()
        .iter()
        .map(|group| group.penalty)
        .collect()
}

fn reasons(desk: &Desk) -> Vec<String> {
    let all = desk.model.pending_reasons(&TaskQuery::default());
    all.into_iter().map(|pending| pending.reason).collect()
}

#[test]
fn a_task_that_fits_nowhere_waits_longer_each_time() {
    let mut desk = Desk::new(Settings::default());
    desk.offer("a", 2.0);
    desk.create(&service("big", 16.0), 1);
    desk.pass(1);
    let mut waits = vec![penalty(&desk)[0]];
    for _ in 0..7 {
        desk.pass(waits.last().copied().unwrap());
        waits.push(penalty(&desk)[0]);
    }
    assert_eq!(
        waits,
        [1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]
    );
    assert_eq!(desk.stat("schedule_attempts_fired"), 8);
    assert_eq!(reasons(&desk), ["Insufficient: CPU"]);
    // What did not fit stays what it is as long as the offer does: it is looked at once.
    assert_eq!(desk.stat("veto_evaluated_offers"), 1);
    assert_eq!(desk.launched(), []);
}

#[test]
fn an_offer_that_fits_ends_the_wait_and_one_that_does_not_has_no_effect() {
    let mut desk = Desk::new(Settings::default());
    desk.offer("a", 2.0);
    desk.create(&service("big", 16.0), 1);
    desk.pass(10_000);
    let attempts = desk.stat("schedule_attempts_fired");
    desk.offer("b", 15.0);
    assert_eq!(desk.stat("schedule_attempts_fired"), attempts);
    desk.offer("c", 17.0);
    assert_eq!(desk.launched().len(), 1);
    assert_eq!(desk.stat("schedule_attempts_fired"), attempts + 1);
}

#[test]
fn a_thousand_jobs_that_fit_nowhere_do_not_delay_another() {
    let mut desk = Desk::new(Settings::default());
    for n in 0..1000 {
        desk.create(&service(&format!("big{n}"), 16.0), 1);
    }
    desk.pass(60_000);
    desk.offer("a", 2.0);
    desk.create(&service("small", 0.5), 1);
    // The next turn that the limit of attempts allows.
    desk.pass(25);
    assert_eq!(desk.launched().len(), 1);
}

/// Whatever keeps tasks from an agent, those that ask for the same are not looked at one by one when it is offered.
#[test]
fn an_offer_costs_the_same_however_many_wait_that_do_not_suit_it() {
    let elsewhere = || Constraint {
        name: "rack".to_string(),
        constraint: TaskConstraint::Value(ValueConstraint {
            negated: false,
            values: ["elsewhere".to_string()].into(),
        }),
    };
    let cases = [
        ("another rack", None),
        ("cores", Some(Resource::NumCpus(100.0.into()))),
        ("RAM", Some(Resource::RamMb(100_000_000))),
        ("disk", Some(Resource::DiskMb(100_000_000))),
    ];
    for (name, much) in cases {
        let mut desk = Desk::new(Settings::default());
        for n in 0..200 {
            let mut config = service(&format!("waits{n}"), 0.5);
            match &much {
                None => {
                    config.constraints.insert(elsewhere());
                }
                Some(much) => {
                    let kind = std::mem::discriminant(much);
                    let is_other = |resource: &Resource| std::mem::discriminant(resource) != kind;
                    config.resources.retain(is_other);
                    config.resources.insert(much.clone());
                }
            }
            desk.create(&config, 1);
        }
        desk.pass(10_000);
        for agent in ["a", "b"] {
            let looks = desk.stat("scheduling_veto_static");
            desk.offer(agent, 4.0);
            assert_eq!(desk.stat("scheduling_veto_static"), looks, "case `{name}`");
        }
        // At its turn each looks at what there is, and says why it waits.
        desk.pass(60_000);
        assert_eq!(reasons(&desk).len(), 200, "case `{name}`");
        assert!(reasons(&desk).iter().all(|reason| !reason.is_empty()));
    }
}

#[test]
fn a_new_job_does_not_wait_for_new_ones_that_fit_nowhere() {
    let mut elsewhere = service("wrong-rack", 0.5);
    elsewhere.constraints.insert(Constraint {
        name: "rack".to_string(),
        constraint: TaskConstraint::Value(ValueConstraint {
            negated: false,
            values: ["elsewhere".to_string()].into(),
        }),
    });
    let cases = [
        (service("too-big", 16.0), "Insufficient: CPU"),
        (elsewhere, "Constraint not satisfied: rack"),
    ];
    for (config, reason) in cases {
        let mut desk = Desk::new(Settings::default());
        desk.offer("a", 2.0);
        for n in 0..300 {
            let mut config = config.clone();
            config.job = Some(key(&format!("waiting{n}")));
            desk.create(&config, 1);
        }
        desk.create(&service("small", 0.5), 1);
        // The next turn that the limit of attempts allows.
        desk.pass(25);
        assert_eq!(desk.launched().len(), 1, "{reason}");
        // Each was looked at, and says why it waits.
        assert_eq!(reasons(&desk), vec![reason; 300]);
        assert_eq!(desk.stat("schedule_attempts_no_match"), 300);
        assert_eq!(desk.stat("schedule_attempts_fired"), 301);
    }
}

#[test]
fn attempts_are_limited_and_jobs_take_turns() {
    let mut desk = Desk::new(Settings::default());
    desk.create(&service("first", 0.1), 600);
    desk.create(&service("second", 0.1), 600);
    desk.offer("a", 1000.0);
    desk.pass(1);
    // After a quiet second there are 40 attempts at once, with five tasks each.
    let names = |launched: &[(String, String)]| {
        let of_first = launched.iter().filter(|(id, _)| id.contains("-first-"));
        (of_first.count(), launched.len())
    };
    // Those made before there was an offer were in vain, and do not count.
    assert_eq!(names(&desk.launched()), (100, 200));
    assert!(desk.stat("schedule_attempts_blocks") > 0);
    let launched = desk.keep_offering(1000, "a", 1000.0);
    let (of_first, all) = names(&launched);
    assert!((195..=205).contains(&all), "{all}");
    assert!((95..=105).contains(&of_first), "{of_first} of {all}");
}

#[test]
fn pending_tasks_found_at_the_start_wait_for_some_random_time() {
    let mut before = Desk::new(Settings::default());
    for n in 0..20 {
        before.create(&service(&format!("job{n}"), 0.1), 1);
    }
    let tasks = before.model.tasks().iter().map(|task| task.to_scheduled());
    let stored = Stored {
        tasks: tasks.collect(),
        ..Stored::default()
    };
    let mut desk = Desk::with(Settings::default(), stored);
    let sizes = [0; 3].map(|_| desk.keep_offering(10_000, "a", 100.0).len());
    assert_eq!(sizes.iter().sum::<usize>(), 20);
    assert!(sizes.iter().all(|size| *size > 0), "{sizes:?}");
}

#[test]
fn agents_are_filled_in_the_order_that_was_asked_for() {
    let mut settings = Settings::default();
    settings.scheduling.offer_order = vec![OfferOrder::Cpu];
    let mut desk = Desk::new(settings);
    for (host, cpus) in [("large", 9.0), ("small", 2.0), ("medium", 4.0)] {
        desk.offer(host, cpus);
    }
    // Three fit the smallest, and the fourth the next.
    desk.create(&service("job", 0.4), 4);
    desk.pass(1);
    let mut agents: Vec<String> = desk
        .launched()
        .into_iter()
        .map(|(_, agent)| agent)
        .collect();
    agents.sort();
    assert_eq!(agents, ["Smedium", "Ssmall", "Ssmall", "Ssmall"]);
}

#[test]
fn each_order_has_its_own_first_agent() {
    // (agent, cores, RAM, disk, cores that are lent)
    let agents = [
        ("a", 4.0, 8000.0, 9000.0, 0.0),
        ("b", 6.0, 4000.0, 12_000.0, 3.0),
        ("c", 8.0, 12_000.0, 4000.0, 2.0),
    ];
    for (order, want) in [
        (vec![OfferOrder::Cpu], "Sa"),
        (vec![OfferOrder::Memory], "Sb"),
        (vec![OfferOrder::Disk], "Sc"),
        (vec![OfferOrder::RevocableCpu], "Sc"),
        (vec![OfferOrder::RevocableCpu, OfferOrder::Cpu], "Sc"),
    ] {
        let mut settings = Settings::default();
        settings.scheduling.offer_order.clone_from(&order);
        let mut desk = Desk::new(settings);
        for (host, cpus, mem, disk, lent) in agents {
            let mut all = vec![
                scalar("cpus", cpus),
                scalar("mem", mem),
                scalar("disk", disk),
                ports(1, 9),
            ];
            if lent > 0.0 {
                let mut cpus = scalar("cpus", lent);
                cpus.revocable.mut_or_insert_default();
                all.push(cpus);
            }
            desk.offer_resources(host, all, "");
        }
        desk.create(&service("job", 0.5), 1);
        desk.pass(1);
        let launched = desk.launched();
        assert_eq!(launched[0].1, want, "{order:?}");
    }
}

#[test]
fn an_agent_whose_attributes_do_not_suit_is_looked_at_again_only_when_they_change() {
    let mut desk = Desk::new(Settings::default());
    let mut config = service("job", 0.5);
    let values = ["b".to_string()].into();
    config.constraints.insert(Constraint {
        name: "rack".to_string(),
        constraint: TaskConstraint::Value(ValueConstraint {
            negated: false,
            values,
        }),
    });
    let all = || {
        vec![
            scalar("cpus", 4.0),
            scalar("mem", 4000.0),
            scalar("disk", 4000.0),
            ports(1, 9),
        ]
    };
    desk.offer_resources("a", all(), "a");
    desk.create(&config, 1);
    desk.pass(1);
    assert_eq!(reasons(&desk), ["Constraint not satisfied: rack"]);
    let evaluated = desk.stat("veto_evaluated_offers");
    desk.offer_resources("a", all(), "a");
    desk.pass(300_000);
    assert_eq!(desk.stat("veto_evaluated_offers"), evaluated);
    desk.offer_resources("a", all(), "b");
    assert_eq!(desk.launched().len(), 1);
}

#[test]
fn revocable_tasks_run_on_what_is_lent_and_others_never() {
    let mut desk = Desk::new(Settings::default());
    let mut lent = scalar("cpus", 4.0);
    lent.revocable.mut_or_insert_default();
    let all = vec![
        lent,
        scalar("cpus", 0.1),
        scalar("mem", 4000.0),
        scalar("disk", 4000.0),
        ports(1, 9),
    ];
    desk.offer_resources("a", all, "");
    let mut revocable = service("revocable", 1.0);
    revocable.tier = Some("revocable".to_string());
    desk.create(&service("plain", 1.0), 1);
    desk.create(&revocable, 1);
    desk.pass(1);
    let launched = desk.launched();
    assert_eq!(launched.len(), 1, "{launched:?}");
    assert!(launched[0].0.contains("revocable"));
    assert_eq!(reasons(&desk), ["Insufficient: CPU"]);
}

#[test]
fn a_host_about_to_become_unavailable_gets_nothing_and_one_later_gets_it_last() {
    let mut desk = Desk::new(Settings::default());
    desk.offer("soon", 4.0);
    desk.offer("never", 0.5);
    // Offers say it in nanoseconds.
    let mut offer = desk.model.offers().get("Ssoon").unwrap().offers[0].clone();
    offer
        .id
        .mut_or_insert_default()
        .set_value("later".to_string());
    let start = offer.unavailability.mut_or_insert_default();
    let ms = START + 5 * 60_000;
    start
        .start
        .mut_or_insert_default()
        .set_nanoseconds(ms * 1_000_000);
    desk.run(|model| model.rescinded("O1"));
    desk.run(|model| model.offered(vec![offer]));
    desk.create(&service("job", 1.0), 1);
    desk.pass(1);
    assert_eq!(desk.launched(), []);
    let reason = "Insufficient: CPU".to_string();
    assert_eq!(reasons(&desk), [reason]);
    assert_eq!(desk.stat("scheduling_veto_maintenance"), 1);
}

#[test]
fn an_updated_instance_returns_to_its_agent() {
    let mut settings = Settings::default();
    settings.scheduling.update_affinity = true;
    let mut desk = Desk::new(settings);
    let job = key("job");
    desk.offer("home", 1.0);
    desk.create(&jobs::config(&job, 0), 1);
    desk.pass(1);
    let (old, _) = desk.launched().pop().unwrap();
    desk.offer("other", 8.0);
    let settings = JobUpdateSettings {
        update_group_size: 1,
        ..JobUpdateSettings::default()
    };
    let request = jobs::update(&job, 1, 1, settings);
    let check = |model: &Model, request: &_| validate::update_request(model.settings(), request);
    desk.run(|model| model.start_update(request, check, "me", None))
        .unwrap();
    assert_eq!(desk.killed(), [old.as_str()]);
    desk.report(&old, TaskState::TASK_KILLED);
    desk.pass(2000);
    assert_eq!(desk.launched(), [], "it waits for its agent");
    assert_eq!(desk.model.reservations().instances.len(), 1);
    // Others do not get the agent meanwhile.
    desk.run(|model| model.rescinded("O2"));
    desk.create(&service("stranger", 0.1), 1);
    desk.offer("home", 1.0);
    let launched = desk.launched();
    assert_eq!(launched.len(), 1);
    assert!(launched[0].0.contains("-job-"), "{launched:?}");
    assert_eq!(launched[0].1, "Shome");
    assert!(desk.model.reservations().instances.is_empty());
}

#[test]
fn an_agent_that_is_not_offered_again_is_waited_for_only_so_long() {
    let mut settings = Settings::default();
    settings.scheduling.update_affinity = true;
    let mut desk = Desk::new(settings);
    let job = key("job");
    desk.offer("home", 1.0);
    desk.create(&jobs::config(&job, 0), 1);
    desk.pass(1);
    let (old, _) = desk.launched().pop().unwrap();
    let settings = JobUpdateSettings {
        update_group_size: 1,
        ..JobUpdateSettings::default()
    };
    let request = jobs::update(&job, 1, 1, settings);
    let check = |model: &Model, request: &_| validate::update_request(model.settings(), request);
    desk.run(|model| model.start_update(request, check, "me", None))
        .unwrap();
    desk.report(&old, TaskState::TASK_KILLED);
    desk.offer("other", 8.0);
    desk.pass(170_000);
    assert_eq!(desk.launched(), []);
    desk.pass(70_000);
    let launched = desk.launched();
    assert_eq!(launched.len(), 1);
    assert_eq!(launched[0].1, "Sother");
    assert_eq!(desk.model.reservations().instances.removals().expired, 1);
}

#[test]
fn the_master_is_asked_about_so_many_tasks_at_a_time() {
    let mut settings = Settings::default();
    settings.scheduling.reconciliation_batch = 4;
    settings.scheduling.tasks_per_attempt = 10;
    let mut desk = Desk::new(settings);
    desk.offer("a", 100.0);
    desk.create(&service("job", 0.1), 10);
    desk.pass(1);
    assert_eq!(desk.launched().len(), 10);
    desk.requests.clear();
    desk.run(|model| model.reconcile_known(None));
    let sizes = |desk: &mut Desk| {
        let requests = std::mem::take(&mut desk.requests).into_iter();
        let sizes = requests.filter_map(|request| match request {
            Request::Reconcile { tasks } => Some(tasks.len()),
            _ => None,
        });
        sizes.collect::<Vec<usize>>()
    };
    assert_eq!(sizes(&mut desk), [4]);
    desk.pass(5000);
    assert_eq!(sizes(&mut desk), [4]);
    // What has ended meanwhile is not asked about: an empty list would mean all.
    let ids: Vec<String> = desk
        .model
        .tasks()
        .iter()
        .map(|task| task.id.clone())
        .collect();
    for id in ids {
        desk.report(&id, TaskState::TASK_FINISHED);
        assert_eq!(desk.status(&id), Some(ScheduleStatus::Finished));
    }
    desk.pass(5000);
    assert_eq!(sizes(&mut desk), [0; 0]);
}
