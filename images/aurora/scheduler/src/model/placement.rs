//! Pending tasks meet offers, one group of equal tasks at a time. Several tasks may go into the same
//! offer, which the original does not do, but Mesos allows.
//!
//! A group that fits nowhere waits longer and longer. An offer that it fits ends the wait: only groups
//! that ask for no more than the offer has are looked at for that, so those that fit nowhere cost
//! nothing. The limit of attempts is one of attempts that may succeed: a group that fits no held offer
//! has its turn all the same, and says why it waits, but it takes no other group's turn.

use std::sync::Arc;
use std::time::{Duration, Instant};

use aurora_api::{HostAttributes, MaintenanceMode, ScheduleStatus, TaskConfig};

use super::Model;
use super::constraints;
use super::counts::Counts;
use super::effect::{Launch, Request};
use super::groups::{Ban, Group, NearestFit, is_limited};
use super::offers::Held;
use super::resources::{Demand, Revocable};
use super::state::Target;
use super::turns::Class;

/// How many groups that fit nowhere are looked at before others are let in: some milliseconds' work.
const LOOKS_AT_ONCE: usize = 200;

/// A task that is to be placed, as far as offers are concerned.
pub(super) struct Wanted<'a> {
    /// Its configuration.
    pub(super) config: &'a Arc<TaskConfig>,
    /// What it asks for.
    pub(super) demand: &'a Demand,
    /// Which of that may be taken back.
    pub(super) revocable: Revocable,
}

/// What stands against a task on an agent.
#[derive(Debug)]
pub(super) struct Against {
    pub(super) fit: NearestFit,
    statistics: Vec<&'static str>,
    is_dynamic: bool,
    ban: Option<Ban>,
}

/// What came of looking at offers for a group.
#[derive(Debug, Default)]
struct Look {
    /// How many it was allowed to use.
    offers: usize,
    /// How many of those it was refused before, so that they were passed over.
    banned: usize,
    /// What stands against the others that do not fit.
    vetoes: Vec<(String, Against)>,
}

impl Model {
    /// Places what can be placed. Says whether anything was.
    pub(super) fn place(&mut self) -> bool {
        self.groups.turns.ripen(self.now);
        let rate = self.settings.scheduling.attempts_per_sec;
        let mut looks = 0;
        while let Some((number, class)) = self.groups.turns.first() {
            if class == Class::Promising && self.offers.is_empty() && self.slots.is_empty() {
                // What it was promised has gone to another: that is no attempt.
                self.groups.turns.take();
                self.put_off(number, class);
                continue;
            }
            let began = Instant::now();
            if let Some(look) = self.look_in_vain(number) {
                self.groups.turns.take();
                self.fail_attempt(number, class, look);
                self.stats.time("task_schedule_attempt", began.elapsed());
                looks += 1;
                if looks == LOOKS_AT_ONCE {
                    break;
                }
                continue;
            }
            if !self.attempts.take(self.now, rate) {
                self.stats.count("schedule_attempts_blocks");
                break;
            }
            self.groups.turns.take();
            self.attempt(number, class);
            self.stats.time("task_schedule_attempt", began.elapsed());
        }
        self.launch_used()
    }

    /// When the next group has its turn.
    pub(super) fn next_attempt(&self) -> Option<i64> {
        if self.groups.turns.any_ready() {
            return Some(
                self.attempts
                    .next(self.settings.scheduling.attempts_per_sec),
            );
        }
        self.groups.turns.next()
    }

    /// Which resources of a configuration are taken from those that are lent.
    pub(super) fn revocable(&self, config: &TaskConfig) -> Revocable {
        let is_revocable = self.settings.tier_of(config).revocable;
        Revocable {
            cpus: is_revocable && self.settings.scheduling.revocable_cpus,
            ram: is_revocable && self.settings.scheduling.revocable_ram,
        }
    }

    /// Adds a pending task to its group. A new group is looked at after `delay`.
    pub(super) fn wait_for_agent(&mut self, id: &str, delay: i64) {
        if let Some(task) = self.tasks.get(id) {
            let revocable = self.revocable(&task.config);
            self.groups.add(task, revocable, self.now, delay);
        }
    }

    /// Looks at every offer for a group. `None` if it fits one, or may get room by other means.
    fn look_in_vain(&self, number: u64) -> Option<Look> {
        let group = self.groups.numbered(number)?;
        let kept = &self.reservations.instances;
        let is_expected = || {
            let at_once = self.settings.scheduling.tasks_per_attempt;
            let mut tasks = group.tasks.iter().take(at_once);
            tasks.any(|(_, id)| self.reserved_by_update(id).is_some())
        };
        if !kept.is_empty() && is_expected() || self.has_slot(&group.config) {
            return None;
        }
        let wanted = Wanted {
            config: &group.config,
            demand: &group.demand,
            revocable: group.revocable,
        };
        let counts = self.counts_for(&group.config);
        let mut look = Look::default();
        for held in self.offers.iter() {
            if !self.may_use(held, &group.config) {
                continue;
            }
            look.offers += 1;
            if is_banned(group, held) {
                look.banned += 1;
                continue;
            }
            let against = self.against(&wanted, held, &counts)?;
            look.vetoes.push((held.agent_id.clone(), against));
        }
        Some(look)
    }

    /// A group has its turn, and fits nowhere.
    fn fail_attempt(&mut self, number: u64, class: Class, look: Look) {
        let at_once = self.settings.scheduling.tasks_per_attempt;
        let group = self.groups.numbered(number);
        let tasks = group.map_or(0, |group| group.tasks.len().min(at_once));
        self.stats.add("schedule_attempts_fired", tasks);
        self.stats.add("schedule_attempts_no_match", tasks);
        self.note_look(number, look);
        self.put_off(number, class);
    }

    fn note_look(&mut self, number: u64, look: Look) {
        self.groups.note_bans_met(look.banned, look.offers);
        let evaluated = look.offers.saturating_sub(look.banned);
        self.stats.add("veto_evaluated_offers", evaluated);
        for (agent, against) in look.vetoes {
            self.note_veto(number, agent, against);
        }
    }

    /// A group has its turn: some of its tasks are placed.
    fn attempt(&mut self, number: u64, class: Class) {
        let Some(group) = self.groups.numbered(number) else {
            return;
        };
        let config = Arc::clone(&group.config);
        let (demand, revocable) = (group.demand.clone(), group.revocable);
        let penalty = group.penalty;
        let wanted = Wanted {
            config: &config,
            demand: &demand,
            revocable,
        };
        let at_once = self.settings.scheduling.tasks_per_attempt;
        let ids = group.tasks.iter().take(at_once).map(|(_, id)| id.clone());
        let ids: Vec<String> = ids.collect();
        let mut counts = self.counts_for(&config);
        let (mut placed, mut is_hopeless) = (0, false);
        for id in &ids {
            self.stats.count("schedule_attempts_fired");
            let agent = match self.reserved_by_update(id) {
                Some(agent) => self
                    .fits_own_agent(&wanted, &agent, &counts)
                    .then_some(agent),
                None if is_hopeless => None,
                None => {
                    let agent = self.choose_agent(number, &wanted, &counts);
                    is_hopeless = agent.is_none();
                    agent
                }
            };
            match agent {
                Some(agent) => {
                    self.assign(id, &agent, &wanted, &mut counts);
                    placed += 1;
                }
                None => {
                    self.stats.count("schedule_attempts_no_match");
                    self.preempt_for(id, &wanted, &counts);
                }
            }
        }
        if placed > 0 {
            let penalty = Duration::from_millis(u64::try_from(penalty).unwrap_or(0));
            self.stats.time("scheduled_task_penalty", penalty);
            let delay = self.settings.scheduling.first_delay;
            self.groups.placed(number, self.now, delay);
        } else {
            self.put_off(number, class);
        }
    }

    /// A group has placed nothing: it waits.
    fn put_off(&mut self, number: u64, class: Class) {
        let settings = &self.settings.scheduling;
        let (initial, max) = (settings.initial_penalty, settings.max_penalty);
        self.groups
            .not_placed(number, class, self.now, initial, max);
    }

    /// What limits of this configuration are measured against.
    pub(super) fn counts_for(&self, config: &TaskConfig) -> Counts {
        match &config.job {
            Some(job) if is_limited(config) => self.count_by_attribute(job),
            _ => Counts::default(),
        }
    }

    /// The agent for a task of a group. What stands against the others is noted.
    fn choose_agent(
        &mut self,
        number: u64,
        wanted: &Wanted<'_>,
        counts: &Counts,
    ) -> Option<String> {
        let group = self.groups.numbered(number)?;
        let by = &self.settings.scheduling.offer_order;
        let mut best: Option<(MaintenanceMode, &Held)> = None;
        let mut look = Look::default();
        for held in self.offers.iter() {
            if !self.may_use(held, &group.config) {
                continue;
            }
            look.offers += 1;
            if is_banned(group, held) {
                look.banned += 1;
                continue;
            }
            match self.against(wanted, held, counts) {
                None => {
                    let mode = self.maintenance_rank(&held.host);
                    let is_better = best.is_none_or(|(best_mode, best)| {
                        mode.cmp(&best_mode)
                            .then_with(|| held.order(best, by))
                            .is_lt()
                    });
                    if is_better {
                        best = Some((mode, held));
                    }
                }
                Some(against) => look.vetoes.push((held.agent_id.clone(), against)),
            }
        }
        let chosen = best.map(|(_, held)| held.agent_id.clone());
        self.note_look(number, look);
        chosen
    }

    pub(super) fn note_veto(&mut self, number: u64, agent: String, against: Against) {
        let kind = match against.is_dynamic {
            true => "scheduling_veto_dynamic",
            false => "scheduling_veto_static",
        };
        self.stats.count(kind);
        for statistic in against.statistics {
            self.stats.count(statistic);
        }
        // Agents that have gone are forgotten from time to time.
        let agents = self.offers.len();
        let Some(group) = self.groups.numbered_mut(number) else {
            return;
        };
        group.note_nearest(against.fit, self.now);
        if let Some(ban) = against.ban {
            if group.bans.len() > 64 + 2 * agents {
                let offers = &self.offers;
                group.bans.retain(|agent, _| offers.get(agent).is_some());
            }
            group.bans.insert(agent, ban);
        }
    }

    /// What stands against a task on an agent; `None` if it fits.
    pub(super) fn against(
        &self,
        wanted: &Wanted<'_>,
        held: &Held,
        counts: &Counts,
    ) -> Option<Against> {
        let available = held.pool.available(wanted.revocable);
        let from = held.unavailable_from;
        let mut against = self.vetoes(wanted, &held.host, from, available, counts)?;
        against.ban = match against.ban {
            Some(Ban::Attributes(_)) => Some(Ban::Attributes(held.attributes)),
            Some(Ban::Offered(_)) => Some(Ban::Offered(held.generation)),
            None => None,
        };
        Some(against)
    }

    /// What stands against a task on a host that has so much.
    pub(super) fn vetoes(
        &self,
        wanted: &Wanted<'_>,
        host: &str,
        unavailable_from: Option<i64>,
        available: super::resources::Available,
        counts: &Counts,
    ) -> Option<Against> {
        let nowhere = HostAttributes::default();
        let host = self.hosts.get(host).unwrap_or(&nowhere);
        let is_leaving = unavailable_from.is_some_and(|from| {
            self.now > from.saturating_sub(self.settings.unavailability_threshold)
        });
        let mut veto = constraints::check(&wanted.config.constraints, host, |name, value| {
            counts.of(name, value)
        });
        let is_worse = |veto: &constraints::Veto| {
            use constraints::Veto;
            matches!(veto, Veto::Dedicated | Veto::Maintenance(_))
        };
        if is_leaving && !veto.as_ref().is_some_and(is_worse) {
            veto = Some(constraints::Veto::Maintenance(MaintenanceMode::Draining));
        }
        if let Some(veto) = veto {
            return Some(Against {
                fit: NearestFit {
                    score: veto.score(),
                    reasons: vec![veto.reason()],
                },
                statistics: vec![veto.statistic()],
                is_dynamic: veto.is_dynamic(),
                ban: veto.is_of_attributes().then_some(Ban::Attributes(0)),
            });
        }
        let missing = available.shortages(wanted.demand, &self.settings);
        if missing.is_empty() {
            return None;
        }
        let reasons = missing.iter().map(|(kind, _)| kind.reason().to_string());
        Some(Against {
            fit: NearestFit {
                score: missing.iter().map(|(kind, by)| kind.score(*by)).sum(),
                reasons: reasons.collect(),
            },
            statistics: vec!["scheduling_veto_insufficient_resources"; missing.len()],
            is_dynamic: false,
            ban: Some(Ban::Offered(0)),
        })
    }

    fn assign(&mut self, id: &str, agent: &str, wanted: &Wanted<'_>, counts: &mut Counts) {
        let demand = wanted.demand;
        let Some(held) = self.offers.get_mut(agent) else {
            return;
        };
        let (settings, chance) = (&self.settings, &mut self.chance);
        let taken = held.pool.take(demand, wanted.revocable, settings, chance);
        let (agent_id, host) = (held.agent_id.clone(), held.host.clone());
        if let Some(host) = self.hosts.get(&host) {
            counts.add(host);
        }
        self.tasks.update(id, |task| {
            task.agent_id = Some(agent_id);
            task.host = Some(host);
            task.ports = demand
                .ports
                .iter()
                .cloned()
                .zip(taken.ports.iter().copied())
                .collect();
        });
        self.release_agent(id, agent, wanted.config);
        let pending = Some(ScheduleStatus::Pending);
        self.change(id, pending, Target::Status(ScheduleStatus::Assigned), None);
        let Some(task) = self.tasks.get(id) else {
            return;
        };
        let launch = Launch {
            task: Box::new(task.clone()),
            resources: taken.task,
            executor_resources: taken.executor,
        };
        if let Some(held) = self.offers.get_mut(agent) {
            held.launches.push(launch);
        }
    }

    fn launch_used(&mut self) -> bool {
        let used = self.offers.take_used();
        let any = !used.is_empty();
        for held in used {
            let offers = held
                .offers
                .iter()
                .map(|offer| offer.id.value().to_string())
                .collect();
            self.request(Request::Accept {
                offers,
                launches: held.launches,
            });
        }
        any
    }
}

/// Whether an agent was refused for the group and has not changed since.
pub(super) fn is_banned(group: &Group, held: &Held) -> bool {
    match group.bans.get(&held.agent_id) {
        Some(Ban::Attributes(stamp)) => *stamp == held.attributes,
        Some(Ban::Offered(generation)) => *generation == held.generation,
        None => false,
    }
}
