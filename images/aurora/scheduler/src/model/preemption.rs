//! Tasks that may be displaced make room for tasks that may displace them.
//!
//! Slots are looked for at intervals, for groups that have waited for long, and found ones are kept for
//! some time. A task that fits no offer then takes its group's slot: the tasks in it are preempted, and
//! the agent is kept for the group.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use aurora_api::{JobKey, ScheduleStatus, TaskConfig};

use super::Model;
use super::cache::Cache;
use super::counts::Counts;
use super::placement::Wanted;
use super::resources::Demand;
use super::settings::Settings;
use super::state::Target;
use super::task::Task;
use super::timers::Timer;

/// Tasks of one agent that would make room for a task of a group.
#[derive(Debug, Clone)]
pub struct Slot {
    victims: Vec<String>,
    group: Arc<TaskConfig>,
}

/// Slots by agent.
pub type Slots = Cache<String, Slot>;

/// Whether a task of one configuration may displace one of another.
fn may_displace(settings: &Settings, pending: &TaskConfig, victim: &TaskConfig) -> bool {
    let (ours, theirs) = (settings.tier_of(pending), settings.tier_of(victim));
    let role = |config: &TaskConfig| config.job.as_ref().map(|job| job.role.clone());
    match (ours.preemptible, theirs.preemptible) {
        (false, true) => true,
        (true, false) => false,
        _ => role(pending) == role(victim) && pending.priority > victim.priority,
    }
}

impl Model {
    /// Slots that were found and not yet used.
    pub fn slots(&self) -> &Slots {
        &self.slots
    }

    fn kind(&self, config: &TaskConfig) -> &'static str {
        match self.settings.tier_of(config).is_production() {
            true => "prod",
            false => "non_prod",
        }
    }

    fn count_for(&mut self, what: &str, config: &TaskConfig) {
        let kind = self.kind(config);
        self.stats.count(&format!("{what}_{kind}"));
    }

    fn count_job(&mut self, what: &str, job: Option<&JobKey>) {
        if let Some(job) = job {
            self.stats.count(&format!("{what}_{job}"));
        }
    }

    /// Whether a slot was found for a group.
    pub(super) fn has_slot(&self, config: &Arc<TaskConfig>) -> bool {
        let mut slots = self.slots.iter(self.now);
        slots.any(|(_, slot)| Arc::ptr_eq(&slot.group, config))
    }

    /// Looks for slots, and sets the time of the next look.
    pub(super) fn search_slots(&mut self) {
        let next = self.now + self.settings.scheduling.slot_search_interval;
        self.timers.set(next, Timer::SearchSlots);
        self.slots.expire(self.now);
        self.stats.count("preemptor_task_processor_runs");
        let mut by_agent: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for task in self
            .tasks
            .iter()
            .filter(|task| task.status.is_agent_assigned())
        {
            if let Some(agent) = &task.agent_id {
                by_agent
                    .entry(agent.clone())
                    .or_default()
                    .push(task.id.clone());
            }
        }
        if by_agent.is_empty() {
            return;
        }
        let mut sequence = self.idle_groups();
        let offered = self.offers.iter().map(|held| held.agent_id.clone());
        let mut agents: BTreeSet<String> = offered.chain(by_agent.keys().cloned()).collect();
        // While the same group goes on, it does not look again at what it has looked at.
        let mut last: Option<(Arc<TaskConfig>, Vec<String>)> = None;
        while let Some(config) = sequence.pop_front() {
            self.count_for("preemptor_slot_search_attempts_for", &config);
            self.count_job("preemption_slot_search_attempts_for", config.job.as_ref());
            let mut rest = match last.take() {
                Some((group, rest)) if Arc::ptr_eq(&group, &config) => rest,
                _ => agents.iter().rev().cloned().collect(),
            };
            let demand = Demand::of(&config);
            let wanted = Wanted {
                config: &config,
                demand: &demand,
                revocable: self.revocable(&config),
            };
            let counts = self.counts_for(&config);
            let mut found = false;
            while let Some(agent) = rest.pop() {
                if !agents.contains(&agent) {
                    continue;
                }
                let possible = by_agent.get(&agent).map_or(&[][..], Vec::as_slice);
                let victims = self.choose_victims(&wanted, &agent, possible, &counts);
                self.note_search(&config, victims.is_some());
                if let Some(victims) = victims {
                    agents.remove(&agent);
                    let until = self.now + self.settings.scheduling.slot_hold;
                    let group = Arc::clone(&config);
                    self.slots.put(agent, Slot { victims, group }, until);
                    self.groups.wake(&config);
                    found = true;
                    break;
                }
            }
            if !found {
                sequence.retain(|other| !Arc::ptr_eq(other, &config));
                self.stats.count("preemptor_unmatched_tasks");
            }
            last = Some((config, rest));
        }
    }

    fn note_search(&mut self, config: &TaskConfig, found: bool) {
        let what = match found {
            true => "preemptor_slot_search_successful_for",
            false => "preemptor_slot_search_failed_for",
        };
        self.count_for(what, config);
        self.count_job(what, config.job.as_ref());
    }

    /// The groups without a slot that have tasks which have waited for long enough, each as often as it
    /// has such tasks, a few at a time in turn.
    fn idle_groups(&self) -> VecDeque<Arc<TaskConfig>> {
        let since = self.now - self.settings.scheduling.preemption_delay;
        let batch = self.settings.scheduling.slot_batch.max(1);
        let mut idle: Vec<(Arc<TaskConfig>, usize)> = self
            .groups
            .iter()
            .filter(|group| !self.has_slot(&group.config))
            .map(|group| {
                let waited = group.tasks.iter().take_while(|(from, _)| *from <= since);
                (Arc::clone(&group.config), waited.count())
            })
            .collect();
        let mut sequence = VecDeque::new();
        while !idle.is_empty() {
            idle.retain(|(_, count)| *count > 0);
            for (config, count) in &mut idle {
                let now = batch.min(*count);
                *count -= now;
                sequence.extend(std::iter::repeat_n(Arc::clone(config), now));
            }
        }
        sequence
    }

    /// The tasks that would have to go for a task to fit an agent, largest first and as few as do; `None` if it would
    /// not fit even then, or if none may be displaced.
    fn choose_victims(
        &mut self,
        wanted: &Wanted<'_>,
        agent: &str,
        possible: &[String],
        counts: &Counts,
    ) -> Option<Vec<String>> {
        let held = self.offers.get(agent);
        let tasks = possible.iter().filter_map(|id| self.tasks.get(id));
        let mut victims: Vec<(&Task, Demand)> = tasks
            .filter(|task| task.status.is_agent_assigned())
            .filter(|task| task.agent_id.as_deref() == Some(agent))
            .filter(|task| may_displace(&self.settings, wanted.config, &task.config))
            .map(|task| (task, Demand::of(&task.config)))
            .collect();
        let (first, _) = victims.first()?;
        let host = held.map(|held| &held.host).or(first.host.as_ref())?.clone();
        if !self.hosts.contains_key(&host) {
            self.stats.count("preemptor_missing_attributes");
            return None;
        }
        victims.sort_by(|(a, ours), (b, theirs)| {
            let size = |demand: &Demand| (demand.ram_mb, demand.disk_mb);
            theirs
                .cpus
                .total_cmp(&ours.cpus)
                .then_with(|| size(theirs).cmp(&size(ours)))
                .then_with(|| a.id.cmp(&b.id))
        });
        let from = held.and_then(|held| held.unavailable_from);
        let mut available = held
            .map(|held| held.pool.available(wanted.revocable))
            .unwrap_or_default();
        let mut chosen = Vec::new();
        for (task, demand) in victims {
            chosen.push(task.id.clone());
            let revocable = self.revocable(&task.config);
            available.give_back(&demand, revocable, &self.settings);
            if self
                .vetoes(wanted, &host, from, available, counts)
                .is_none()
            {
                return Some(chosen);
            }
        }
        None
    }

    /// A task fits no offer: if its group has a slot that is still good, the tasks there go.
    pub(super) fn preempt_for(&mut self, id: &str, wanted: &Wanted<'_>, counts: &Counts) {
        if self.slots.is_empty() || self.has_reservation(wanted.config) {
            return;
        }
        let mut slots = self.slots.iter(self.now);
        let Some(agent) = slots
            .find(|(_, slot)| Arc::ptr_eq(&slot.group, wanted.config))
            .map(|(agent, _)| agent.clone())
        else {
            return;
        };
        drop(slots);
        let Some(slot) = self.slots.take(agent.as_str(), self.now) else {
            return;
        };
        let victims = self.choose_victims(wanted, &agent, &slot.victims, counts);
        let Some(victims) = victims else {
            self.stats.count("preemptor_slot_validation_failed");
            return;
        };
        self.stats.count("preemptor_slot_validation_successful");
        self.count_job("preemptor_task_preemptor", wanted.config.job.as_ref());
        for victim in victims {
            let Some(config) = self.tasks.get(&victim).map(|task| Arc::clone(&task.config)) else {
                continue;
            };
            self.count_for("preemptor_tasks_preempted", &config);
            self.count_job("preemptor_tasks_preempted", config.job.as_ref());
            let message = format!("Preempting in favor of {id}");
            let preempting = Target::Status(ScheduleStatus::Preempting);
            self.change(&victim, None, preempting, Some(message));
        }
        self.reserve_for_group(&agent, wanted.config);
    }
}
