//! Hosts of the simulated cluster in maintenance.

use std::collections::BTreeSet;

use aurora_api::MaintenanceMode;
use aurora_scheduler::model::chance::Chance;

use super::World;

impl World {
    /// Drains some host, or takes some host back.
    pub(crate) fn maintain(&mut self, dice: &mut Chance) -> String {
        let known: Vec<String> = self.model.hosts().keys().cloned().collect();
        let nth = usize::try_from(dice.below(known.len() as u64)).unwrap_or(0);
        let Some(host) = known.get(nth).cloned() else {
            return "no host is known".to_string();
        };
        let hosts = BTreeSet::from([host]);
        let done = match dice.below(2) {
            0 => self.command(|model| model.drain_hosts(&hosts)),
            _ => self.command(|model| model.end_maintenance(&hosts)),
        };
        format!("{done:?}")
    }

    /// Takes all hosts back.
    pub(crate) fn end_maintenance(&mut self) {
        let hosts: BTreeSet<String> = self.model.hosts().keys().cloned().collect();
        if !hosts.is_empty() {
            let ended = self.command(|model| model.end_maintenance(&hosts));
            assert!(ended.is_ok(), "{ended:?}");
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
