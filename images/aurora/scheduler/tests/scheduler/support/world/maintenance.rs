//! Hosts of the simulated cluster in maintenance.

use std::collections::BTreeSet;

use aurora_api::MaintenanceMode;
use aurora_scheduler::model::chance::Chance;

use super::World;
use super::shape::{ask_somebody, half_stays, one_stays};

impl World {
    /// Sets some host aside, drains it at once or as policies permit, or takes it back.
    pub(crate) fn maintain(&mut self, dice: &mut Chance) -> String {
        let known: Vec<String> = self.model.hosts().keys().cloned().collect();
        let nth = usize::try_from(dice.below(known.len() as u64)).unwrap_or(0);
        let Some(host) = known.get(nth).cloned() else {
            return "no host is known".to_string();
        };
        let hosts = BTreeSet::from([host]);
        let policy = match dice.below(3) {
            0 => one_stays(),
            1 => half_stays(),
            _ => ask_somebody(),
        };
        let seconds = i64::try_from(dice.below(120)).unwrap();
        let done = match dice.below(5) {
            0 => self.command(|model| model.drain_hosts(&hosts)),
            1 | 2 => self.command(|model| model.sla_drain_hosts(&hosts, &policy, seconds)),
            3 => self.command(|model| model.start_maintenance(&hosts)),
            _ => self.command(|model| model.end_maintenance(&hosts)),
        };
        format!("{done:?}")
    }

    /// Takes all hosts back.
    pub(crate) fn end_maintenance(&mut self) {
        let hosts: BTreeSet<String> = self.model.hosts().keys().cloned().collect();
        if !hosts.is_empty() {
            self.command(|model| model.end_maintenance(&hosts));
        }
    }

    /// A host that counts as drained has no active task, and the store knows every host's mode.
    pub(crate) fn check_maintenance(&self, context: &str) {
        for host in self.model.hosts().values() {
            let on_host = self.model.tasks().on_host(&host.host);
            let active = on_host.filter(|task| task.status.is_active()).count();
            assert!(
                host.mode != Some(MaintenanceMode::Drained) || active == 0,
                "{context}: {active} tasks are active on the drained host {}",
                host.host
            );
            let stored = self.store.hosts.get(&host.host).and_then(|h| h.mode);
            assert_eq!(
                stored, host.mode,
                "{context}: the stored mode of {}",
                host.host
            );
        }
    }
}
