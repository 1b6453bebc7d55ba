//! Agents kept for somebody: for the group that others were preempted for, and for the instances that
//! an update replaces.

use std::sync::Arc;

use aurora_api::{JobKey, TaskConfig};

use super::Model;
use super::cache::Cache;
use super::counts::Counts;
use super::offers::Held;
use super::placement::Wanted;
use super::resources::Demand;
use super::timers::Timer;

/// Who agents are kept for.
#[derive(Debug, Default)]
pub struct Reservations {
    /// Groups by agent.
    pub groups: Cache<String, Arc<TaskConfig>>,
    /// Agents by the instance that an update stopped there.
    pub instances: Cache<(JobKey, i32), String>,
}

impl Model {
    /// Who agents are kept for.
    pub fn reservations(&self) -> &Reservations {
        &self.reservations
    }

    /// Whether tasks of a configuration may go to an agent, as far as others' reservations go.
    pub(super) fn may_use(&self, held: &Held, config: &Arc<TaskConfig>) -> bool {
        let kept = &self.reservations;
        if kept.groups.is_empty() && kept.instances.is_empty() {
            return true;
        }
        let owner = kept.groups.get(held.agent_id.as_str(), self.now);
        let for_instance = kept
            .instances
            .iter(self.now)
            .any(|(_, agent)| *agent == held.agent_id);
        owner.is_none_or(|owner| Arc::ptr_eq(owner, config)) && !for_instance
    }

    /// Keeps an agent for a group.
    pub(super) fn reserve_for_group(&mut self, agent: &str, config: &Arc<TaskConfig>) {
        let until = self.now + self.settings.scheduling.reservation;
        let config = Arc::clone(config);
        self.reservations
            .groups
            .put(agent.to_string(), config, until);
        self.timers.set(until, Timer::ReservationsOver);
    }

    /// Whether any agent is kept for a group.
    pub(super) fn has_reservation(&self, config: &Arc<TaskConfig>) -> bool {
        let mut groups = self.reservations.groups.iter(self.now);
        groups.any(|(_, owner)| Arc::ptr_eq(owner, config))
    }

    /// An update stops an instance: its agent is kept for the one that takes its place, if that asks for
    /// no more and for no other place.
    pub(super) fn reserve_for_update(&mut self, id: &str, wanted: Option<&Arc<TaskConfig>>) {
        let (Some(task), Some(wanted)) = (self.tasks.get(id), wanted) else {
            return;
        };
        let Some(agent) = task
            .agent_id
            .clone()
            .filter(|_| task.status.is_agent_assigned())
        else {
            return;
        };
        let fits = is_within(&Demand::of(wanted), &Demand::of(&task.config));
        let same_place = wanted.constraints == task.config.constraints;
        let same_kind = self.revocable(wanted) == self.revocable(&task.config);
        if self.settings.scheduling.update_affinity && fits && same_place && same_kind {
            let until = self.now + self.settings.scheduling.affinity_hold;
            let instance = (task.job.clone(), task.instance);
            self.reservations.instances.put(instance, agent, until);
            self.timers.set(until, Timer::ReservationsOver);
        }
    }

    /// The agent that is kept for a task's instance.
    pub(super) fn reserved_by_update(&self, id: &str) -> Option<String> {
        if self.reservations.instances.is_empty() {
            return None;
        }
        let task = self.tasks.get(id)?;
        let instance = (task.job.clone(), task.instance);
        self.reservations
            .instances
            .get(&instance, self.now)
            .cloned()
    }

    /// Whether a task fits the agent that is kept for it, now.
    pub(super) fn fits_own_agent(&self, wanted: &Wanted<'_>, agent: &str, counts: &Counts) -> bool {
        let held = self.offers.get(agent);
        held.is_some_and(|held| self.against(wanted, held, counts).is_none())
    }

    /// A task goes to an agent: what was kept for it there is kept no longer.
    pub(super) fn release_agent(&mut self, id: &str, agent: &str, config: &Arc<TaskConfig>) {
        let owner = self.reservations.groups.get(agent, self.now);
        if owner.is_some_and(|owner| Arc::ptr_eq(owner, config)) {
            self.reservations.groups.take(agent, self.now);
        }
        if let Some(task) = self.tasks.get(id)
            && !self.reservations.instances.is_empty()
        {
            let instance = (task.job.clone(), task.instance);
            self.reservations.instances.take(&instance, self.now);
        }
    }

    /// Some reservations are over: what was kept is there for all again.
    pub(super) fn expire_reservations(&mut self) {
        let mut agents = self.reservations.groups.expire(self.now);
        let over: Vec<String> = self
            .reservations
            .instances
            .iter(i64::MIN)
            .map(|(_, agent)| agent.clone())
            .collect();
        if !self.reservations.instances.expire(self.now).is_empty() {
            agents.extend(over);
        }
        for agent in agents {
            self.offer_changed(&agent);
        }
    }
}

fn is_within(new: &Demand, old: &Demand) -> bool {
    new.cpus <= old.cpus
        && new.ram_mb <= old.ram_mb
        && new.disk_mb <= old.disk_mb
        && new.gpus <= old.gpus
        && new.ports.len() <= old.ports.len()
}
