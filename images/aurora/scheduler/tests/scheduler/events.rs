//! What Mesos says is counted as operators know it from the original.

use aurora_api::{JobKey, MaintenanceMode};
use aurora_scheduler::model::settings::Settings;
use mesos_proto::mesos::Offer;

use crate::support::desk::{Desk, START};
use crate::support::jobs;

#[test]
fn every_rescinded_offer_counts_and_those_that_are_gone_are_told_apart() {
    let mut desk = Desk::new(Settings::default());
    desk.offer("a", 4.0);
    // (offer, rescinded so far, of those not held)
    for (offer, rescinded, failures) in [("O1", 1, 0), ("O1", 2, 1), ("unknown", 3, 2)] {
        desk.run(|model| model.rescinded(offer));
        assert_eq!(desk.stat("offers_rescinded"), rescinded, "{offer}");
        assert_eq!(desk.stat("offer_cancel_failures"), failures, "{offer}");
    }
}

#[test]
fn executors_that_end_in_order_are_not_lost() {
    let mut desk = Desk::new(Settings::default());
    for (status, lost) in [(0, 0), (1, 1), (0, 1), (-1, 2), (256, 3)] {
        desk.run(|model| model.executor_ended(status));
        assert_eq!(desk.stat("scheduler_lost_executors"), lost, "{status}");
    }
}

#[test]
fn a_host_that_is_drained_and_leaves_is_said_to_be_drained() {
    let host = || ["a".to_string()].into();
    for (mode, want) in [
        (MaintenanceMode::None, "Host draining for maintenance"),
        (MaintenanceMode::Scheduled, "Host draining for maintenance"),
        (MaintenanceMode::Drained, "Host drained for maintenance"),
    ] {
        let mut desk = Desk::new(Settings::default());
        // Hosts are known once they were offered.
        desk.offer("a", 4.0);
        desk.run(|model| model.rescinded("O1"));
        desk.run(|model| match mode {
            MaintenanceMode::Scheduled => model.start_maintenance(&host()),
            MaintenanceMode::Drained => model.drain_hosts(&host()),
            _ => model.maintenance_status(&host()),
        });
        let mut offer = Offer::new();
        offer.id.mut_or_insert_default().set_value("X".to_string());
        let agent = offer.slave_id.mut_or_insert_default();
        agent.set_value("Sa".to_string());
        offer.set_hostname("a".to_string());
        offer.resources = vec![
            aurora_scheduler::model::resources::scalar("cpus", 4.0),
            aurora_scheduler::model::resources::scalar("mem", 4000.0),
        ];
        let window = offer.unavailability.mut_or_insert_default();
        let start = window.start.mut_or_insert_default();
        start.set_nanoseconds((START + 1000) * 1_000_000);
        desk.run(|model| model.offered(vec![offer]));
        let job = JobKey::new("www-data", "devel", "job");
        desk.create(&jobs::config(&job, 0), 1);
        desk.pass(1);
        let group = desk.model.groups().iter().next().unwrap();
        let reasons = &group.nearest(desk.now).unwrap().reasons;
        assert_eq!(reasons, &[want], "{mode}");
    }
}

#[test]
fn reconciliations_are_those_that_were_due_or_asked_for() {
    const MINUTE: i64 = 60_000;
    let mut desk = Desk::new(Settings::default());
    // (minutes that pass, what is asked for, explicit and implicit ones so far)
    for (minutes, asked, want) in [
        (0, "", [0, 0]),
        (1, "", [1, 0]),
        (29, "", [1, 0]),
        (1, "", [1, 1]),
        (30, "", [2, 1]),
        (0, "explicit", [3, 1]),
        (0, "implicit", [3, 2]),
        (30, "", [3, 3]),
    ] {
        desk.pass(minutes * MINUTE);
        desk.run(|model| match asked {
            "explicit" => model.reconcile_known(Some(10)),
            "implicit" => model.reconcile_unknown(),
            // An agent that is lost, and a new connection, lead to questions, too.
            _ => {
                model.agent_lost();
                model.registered("F");
            }
        });
        let runs = ["explicit", "implicit"].map(|kind| {
            let name = format!("reconciliation_{kind}_runs");
            desk.stat(&name)
        });
        assert_eq!(runs, want, "{minutes} {asked}");
    }
}
