//! Host maintenance: hosts are set aside, drained of their tasks, and taken back.
//!
//! A host's mode is stored with its attributes, so a drain goes on after a restart: whatever is active
//! on a DRAINING host is made to leave it, at once and at every look.

use std::collections::BTreeSet;

use aurora_api::{HostStatus, MaintenanceMode, ScheduleStatus};

use super::effect::Record;
use super::state::Target;
use super::timers::Timer;
use super::{Model, Refusal};

/// What a task's event says when its host is drained.
const DRAINING: &str = "Draining machine for maintenance.";

impl Model {
    /// `startMaintenance`: the hosts are used last.
    pub fn start_maintenance(
        &mut self,
        hosts: &BTreeSet<String>,
    ) -> Result<BTreeSet<HostStatus>, Refusal> {
        check(hosts)?;
        for host in hosts {
            self.set_mode(host, MaintenanceMode::Scheduled);
        }
        Ok(self.modes(hosts))
    }

    /// `drainHosts`: the hosts' tasks are ended, and start again elsewhere.
    pub fn drain_hosts(
        &mut self,
        hosts: &BTreeSet<String>,
    ) -> Result<BTreeSet<HostStatus>, Refusal> {
        check(hosts)?;
        for host in hosts {
            self.set_mode(host, MaintenanceMode::Draining);
            self.drain(host);
        }
        Ok(self.modes(hosts))
    }

    /// `endMaintenance`: the hosts are like any other again.
    pub fn end_maintenance(
        &mut self,
        hosts: &BTreeSet<String>,
    ) -> Result<BTreeSet<HostStatus>, Refusal> {
        check(hosts)?;
        for host in hosts {
            self.set_mode(host, MaintenanceMode::None);
        }
        // Whoever waits may fit there now.
        self.groups.look_again(|_| true);
        Ok(self.modes(hosts))
    }

    /// `maintenanceStatus`
    pub fn maintenance_status(
        &self,
        hosts: &BTreeSet<String>,
    ) -> Result<BTreeSet<HostStatus>, Refusal> {
        check(hosts)?;
        Ok(self.modes(hosts))
    }

    /// The modes of those hosts that are known.
    fn modes(&self, hosts: &BTreeSet<String>) -> BTreeSet<HostStatus> {
        hosts
            .iter()
            .filter_map(|host| self.hosts.get(host))
            .map(|host| HostStatus {
                host: host.host.clone(),
                mode: host.mode.unwrap_or(MaintenanceMode::None),
            })
            .collect()
    }

    fn mode(&self, host: &str) -> Option<MaintenanceMode> {
        self.hosts.get(host)?.mode
    }

    fn set_mode(&mut self, host: &str, mode: MaintenanceMode) {
        let Some(known) = self.hosts.get_mut(host) else {
            return;
        };
        if known.mode != Some(mode) {
            known.mode = Some(mode);
            let known = known.clone();
            tracing::info!("host {host}: {mode}");
            self.record(Record::SaveHost(known));
        }
    }

    /// Makes every active task of a DRAINING host leave; with none left the host is DRAINED.
    fn drain(&mut self, host: &str) {
        if self.mode(host) != Some(MaintenanceMode::Draining) {
            return;
        }
        let active: Vec<String> = self
            .tasks
            .on_host(host)
            .filter(|task| task.status.is_active())
            .map(|task| task.id.clone())
            .collect();
        for id in active {
            let draining = Target::Status(ScheduleStatus::Draining);
            self.change(&id, None, draining, Some(DRAINING.to_string()));
        }
        self.check_drained(host);
    }

    /// Notes that the last task has left a DRAINING host.
    pub(super) fn check_drained(&mut self, host: &str) {
        if self.mode(host) == Some(MaintenanceMode::Draining)
            && !self.tasks.on_host(host).any(|task| task.status.is_active())
        {
            self.set_mode(host, MaintenanceMode::Drained);
        }
    }

    /// Looks at all hosts that are being drained, and sets the time of the next look.
    pub(super) fn look_at_maintenance(&mut self) {
        let next = self.now + self.settings.maintenance_interval;
        self.timers.set(next, Timer::Maintenance);
        let draining: Vec<String> = self
            .hosts
            .values()
            .filter(|host| host.mode == Some(MaintenanceMode::Draining))
            .map(|host| host.host.clone())
            .collect();
        for host in draining {
            self.drain(&host);
        }
    }

    /// Where a host stands in the order in which hosts are used: those in maintenance come last.
    pub(super) fn maintenance_rank(&self, host: &str) -> MaintenanceMode {
        self.mode(host).unwrap_or(MaintenanceMode::None)
    }
}

fn check(hosts: &BTreeSet<String>) -> Result<(), Refusal> {
    match hosts.is_empty() {
        true => Err(Refusal::error("Hosts must not be empty.")),
        false => Ok(()),
    }
}
