//! Host maintenance: hosts are set aside, drained of their tasks, and taken back.
//!
//! A host's mode is stored with its attributes, and the request to drain it beside them, so a drain
//! goes on after a restart: each look tries every task that is still there.

use std::collections::{BTreeMap, BTreeSet};

use aurora_api::{
    HostMaintenanceRequest, HostStatus, MaintenanceMode, PercentageSlaPolicy, ScheduleStatus,
    SlaPolicy,
};
use mesos_proto::mesos::InverseOffer;

use super::Model;
use super::effect::{Record, Request};
use super::sla::Purpose;
use super::state::Target;
use super::timers::Timer;

/// What a task's event says when its host is drained.
const DRAINING: &str = "Draining machine for maintenance.";

/// A policy that lets every task go.
fn anything_goes() -> SlaPolicy {
    SlaPolicy::Percentage(PercentageSlaPolicy::default())
}

impl Model {
    /// `startMaintenance`: the hosts are used last.
    pub fn start_maintenance(&mut self, hosts: &BTreeSet<String>) -> BTreeSet<HostStatus> {
        for host in hosts {
            self.set_mode(host, MaintenanceMode::Scheduled);
        }
        self.modes(hosts)
    }

    /// `drainHosts`: the hosts' tasks are ended, and start again elsewhere; those whose jobs have policies of their own
    /// against it, at the next look.
    pub fn drain_hosts(&mut self, hosts: &BTreeSet<String>) -> BTreeSet<HostStatus> {
        for host in hosts {
            self.request_drain(host, anything_goes(), 0);
            self.set_mode(host, MaintenanceMode::Draining);
            self.drain(host);
            self.check_drained(host);
        }
        self.modes(hosts)
    }

    /// `slaDrainHosts`: the same as each task's policy, or this one, permits; after `timeout_secs`
    /// whether it permits it or not.
    pub fn sla_drain_hosts(
        &mut self,
        hosts: &BTreeSet<String>,
        policy: &SlaPolicy,
        timeout_secs: i64,
    ) -> BTreeSet<HostStatus> {
        for host in hosts {
            self.request_drain(host, policy.clone(), timeout_secs);
            self.set_mode(host, MaintenanceMode::Draining);
        }
        let modes = self.modes(hosts);
        for host in hosts {
            self.go_on_draining(host);
        }
        modes
    }

    /// `endMaintenance`: the hosts are like any other again.
    pub fn end_maintenance(&mut self, hosts: &BTreeSet<String>) -> BTreeSet<HostStatus> {
        for host in hosts {
            self.forget_drain(host);
            self.set_mode(host, MaintenanceMode::None);
        }
        // Whoever waits may fit there now.
        for host in hosts {
            self.host_changed(host);
        }
        self.modes(hosts)
    }

    /// `maintenanceStatus`
    pub fn maintenance_status(&self, hosts: &BTreeSet<String>) -> BTreeSet<HostStatus> {
        self.modes(hosts)
    }

    /// The master wants agents back. That is always granted; when the time has nearly come, the tasks
    /// leave as far as their jobs' own policies permit: the host's mode does not change, so nobody looks at it again, and
    /// the master has to ask again.
    pub fn inverse_offered(&mut self, offers: Vec<InverseOffer>) {
        for offer in offers {
            self.stats.count("scheduler_inverse_offers");
            self.request(Request::AcceptInverse {
                offer: offer.id.value().to_string(),
            });
            let start = offer.unavailability.start.nanoseconds() / 1_000_000;
            if self.now <= start.saturating_sub(self.settings.unavailability_threshold) {
                continue;
            }
            let named = offer.url.address.hostname();
            let agent_id = offer.slave_id.value();
            let host = match named {
                "" => self.hosts.values().find_map(|host| {
                    (host.slave_id.as_deref() == Some(agent_id)).then(|| host.host.clone())
                }),
                named => Some(named.to_string()),
            };
            let Some(host) = host else {
                tracing::error!("no host is known of the agent {agent_id} that is to be drained");
                continue;
            };
            self.request_drain(&host, anything_goes(), 0);
            self.drain(&host);
        }
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

    /// Notes how a known host is to be drained, in place of what was wanted before.
    fn request_drain(&mut self, host: &str, policy: SlaPolicy, timeout_secs: i64) {
        if !self.hosts.contains_key(host) {
            return;
        }
        let request = HostMaintenanceRequest {
            host: host.to_string(),
            default_sla_policy: Some(policy),
            timeout_secs,
            created_timestamp_ms: self.now,
        };
        self.maintenance.insert(host.to_string(), request.clone());
        self.record(Record::SaveMaintenance(request));
    }

    fn forget_drain(&mut self, host: &str) {
        if self.maintenance.remove(host).is_some() {
            self.record(Record::RemoveMaintenance(host.to_string()));
        }
    }

    /// Tries every task of a host that may be drained.
    fn drain(&mut self, host: &str) {
        use ScheduleStatus as S;
        let can_drain = [S::Assigned, S::Starting, S::Running, S::Partitioned];
        let mut candidates: Vec<String> = self
            .tasks
            .on_host(host)
            .filter(|task| can_drain.contains(&task.status))
            .map(|task| task.id.clone())
            .collect();
        // In another order each time, so that one that may not go does not stand before the others.
        candidates.sort_by_cached_key(|_| self.chance.draw());
        for id in candidates {
            self.drain_task(&id, host);
        }
    }

    fn drain_task(&mut self, id: &str, host: &str) {
        let Some(request) = self.maintenance.get(host) else {
            self.stats.count("missing_maintenance_request");
            return;
        };
        let Some(task) = self.tasks.get(id) else {
            return;
        };
        let timeout = request.timeout_secs.saturating_mul(1000);
        let elapsed = self.now.saturating_sub(request.created_timestamp_ms);
        let left = timeout.saturating_sub(elapsed);
        let policy = match (&task.config.sla_policy, &request.default_sla_policy) {
            (Some(own), _) => own.clone(),
            (None, Some(default)) => default.clone(),
            (None, None) => anything_goes(),
        };
        let instance = format!("{}/{}", task.job, task.instance);
        // Counted in whole seconds: even a request without time heeds each job's own policy once.
        let is_forced = request.timeout_secs < elapsed / 1000;
        let allowed = is_forced || self.sla_allows(task, &policy);
        self.stats
            .set(&format!("maintenance_countdown_ms_{instance}"), left);
        match policy {
            SlaPolicy::Coordinator(coordinator) if !is_forced => {
                let host = host.to_string();
                let more = BTreeMap::from([("forceMaintenanceCountdownMs", left.to_string())]);
                self.ask_coordinator(id, &coordinator, Purpose::Drain { host }, &more);
            }
            _ if allowed => self.leave(id),
            _ => tracing::info!("task {id} stays on {host}: its job needs it"),
        }
    }

    fn leave(&mut self, id: &str) {
        let draining = Target::Status(ScheduleStatus::Draining);
        self.change(id, None, draining, Some(DRAINING.to_string()));
    }

    /// A coordinator let a task go. Meanwhile the host may have been taken back.
    pub(super) fn drain_task_now(&mut self, id: &str, host: &str) {
        let is_there = self.tasks.get(id).is_some_and(|t| t.status.is_active());
        if is_there && self.maintenance.contains_key(host) {
            self.leave(id);
        }
    }

    /// Notes that the last task has left a DRAINING host.
    pub(super) fn check_drained(&mut self, host: &str) {
        if self.mode(host) == Some(MaintenanceMode::Draining)
            && !self.tasks.on_host(host).any(|task| task.status.is_active())
        {
            self.set_mode(host, MaintenanceMode::Drained);
            self.forget_drain(host);
        }
    }

    fn go_on_draining(&mut self, host: &str) {
        if self.mode(host) == Some(MaintenanceMode::Draining) {
            self.drain(host);
            self.check_drained(host);
        }
    }

    /// Looks at all hosts that are being drained, and sets the time of the next look.
    pub(super) fn look_at_maintenance(&mut self) {
        let next = self.now + self.settings.maintenance_interval;
        self.timers.set(next, Timer::Maintenance);
        let hosts: Vec<String> = self.hosts.keys().cloned().collect();
        for host in hosts {
            self.go_on_draining(&host);
        }
    }

    /// Where a host stands in the order in which hosts are used: those in maintenance come last.
    pub(super) fn maintenance_rank(&self, host: &str) -> MaintenanceMode {
        self.mode(host).unwrap_or(MaintenanceMode::None)
    }

    /// How hosts are to be drained, by their names.
    pub fn maintenance_requests(&self) -> &BTreeMap<String, HostMaintenanceRequest> {
        &self.maintenance
    }
}
