//! Pending tasks, grouped by identical configuration: what does not fit one does not fit the others.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use aurora_api::{HostAttributes, JobKey, TaskConfig, TaskConstraint};

use super::kinds::Kinds;
use super::resources::{Demand, Pool, Revocable};
use super::task::Task;
use super::turns::{Class, Turns};

/// How long the nearest fit is remembered, in milliseconds.
const NEAREST_MS: i64 = 10 * 60 * 1000;

/// Why the nearest agent will not do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NearestFit {
    /// How far it is from fitting.
    pub score: i64,
    /// What stands against it, as users read it.
    pub reasons: Vec<String>,
}

/// What an agent was refused for once, so that it need not be looked at again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ban {
    /// Its attributes, of this stamp.
    Attributes(u64),
    /// What it offered, at this generation.
    Offered(u64),
}

/// Pending tasks of one configuration.
#[derive(Debug)]
pub struct Group {
    /// The configuration, shared with its tasks.
    pub config: Arc<TaskConfig>,
    /// What it asks for.
    pub demand: Demand,
    /// Which of that it takes from revocable resources.
    pub revocable: Revocable,
    /// The tasks, by the time they became pending.
    pub tasks: BTreeSet<(i64, String)>,
    /// The present back-off, in milliseconds.
    pub penalty: i64,
    /// Agents that will not do as long as they stay as they are.
    pub bans: HashMap<String, Ban>,
    nearest: Option<(NearestFit, i64)>,
    /// Tells which groups were given something longer ago: less is longer.
    pub last_placed: u64,
    /// When the wait that an offer cut short would have ended.
    retry_at: i64,
}

impl Group {
    /// The best of what did not fit lately.
    pub fn nearest(&self, now: i64) -> Option<&NearestFit> {
        let (nearest, noted) = self.nearest.as_ref()?;
        (now < noted.saturating_add(NEAREST_MS)).then_some(nearest)
    }

    /// Notes what did not fit, if it is nearer than what is known.
    pub fn note_nearest(&mut self, found: NearestFit, now: i64) {
        if self
            .nearest(now)
            .is_none_or(|known| found.score < known.score)
        {
            self.nearest = Some((found, now));
        }
    }

    /// Whether a limit may keep it from agents.
    pub fn is_limited(&self) -> bool {
        is_limited(&self.config)
    }
}

/// Whether a configuration has a limit constraint.
pub fn is_limited(config: &TaskConfig) -> bool {
    config
        .constraints
        .iter()
        .any(|c| matches!(c.constraint, TaskConstraint::Limit(_)))
}

/// The groups, by number in the order of their making, and their turns.
#[derive(Debug, Default)]
pub struct Groups {
    groups: BTreeMap<u64, Group>,
    numbers: HashMap<usize, u64>,
    kinds: Kinds,
    by_job: HashMap<JobKey, BTreeSet<u64>>,
    next: u64,
    placements: u64,
    /// How many agents were passed over because of a ban, and how many could have been.
    bans_met: (u64, u64),
    /// When each has its turn.
    pub turns: Turns,
}

/// Configurations are interned, so that equal ones have one address.
fn address(config: &Arc<TaskConfig>) -> usize {
    Arc::as_ptr(config) as usize
}

/// How long a turn is put off: the usual millisecond is not waited for, so that more goes into the
/// same offers.
fn put_off(delay: i64) -> i64 {
    if delay > 1 { delay } else { 0 }
}

impl Groups {
    /// Adds a pending task. A new group has its first turn after `delay`.
    pub fn add(&mut self, task: &Task, revocable: Revocable, now: i64, delay: i64) {
        let number = match self.numbers.get(&address(&task.config)) {
            Some(number) => *number,
            None => self.make(task, revocable, now + put_off(delay), delay),
        };
        if let Some(group) = self.groups.get_mut(&number) {
            group.tasks.insert((task.since(), task.id.clone()));
        }
    }

    fn make(&mut self, task: &Task, revocable: Revocable, first: i64, delay: i64) -> u64 {
        self.next += 1;
        let number = self.next;
        let demand = Demand::of(&task.config);
        self.kinds.add(number, &task.config, &demand, revocable);
        let of_job = self.by_job.entry(task.job.clone()).or_default();
        of_job.insert(number);
        self.numbers.insert(address(&task.config), number);
        self.groups.insert(
            number,
            Group {
                config: Arc::clone(&task.config),
                demand,
                revocable,
                tasks: BTreeSet::new(),
                penalty: delay,
                bans: HashMap::new(),
                nearest: None,
                last_placed: 0,
                retry_at: 0,
            },
        );
        self.turns.wait(number, first, Class::New);
        number
    }

    /// Removes a task that is no longer pending; `since` is when it became so.
    pub fn remove(&mut self, config: &Arc<TaskConfig>, since: i64, id: &str) {
        let Some(number) = self.numbers.get(&address(config)).copied() else {
            return;
        };
        let Some(group) = self.groups.get_mut(&number) else {
            return;
        };
        group.tasks.remove(&(since, id.to_string()));
        if !group.tasks.is_empty() {
            return;
        }
        self.kinds
            .remove(number, config, &group.demand, group.revocable);
        if let Some(job) = &group.config.job
            && let Some(of_job) = self.by_job.get_mut(job)
        {
            of_job.remove(&number);
            if of_job.is_empty() {
                self.by_job.remove(job);
            }
        }
        self.numbers.remove(&address(config));
        self.turns.remove(number);
        self.groups.remove(&number);
    }

    /// The group of a configuration.
    pub fn get(&self, config: &Arc<TaskConfig>) -> Option<&Group> {
        self.groups.get(self.numbers.get(&address(config))?)
    }

    /// Ends the wait of a configuration's group.
    pub fn wake(&mut self, config: &Arc<TaskConfig>) {
        if let Some(number) = self.numbers.get(&address(config)) {
            self.turns.wake(*number);
        }
    }

    /// A group by number.
    pub fn numbered(&self, number: u64) -> Option<&Group> {
        self.groups.get(&number)
    }

    /// The same, to change.
    pub fn numbered_mut(&mut self, number: u64) -> Option<&mut Group> {
        self.groups.get_mut(&number)
    }

    /// All groups, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Group> {
        self.groups.values()
    }

    /// How many agents are banned for groups, summed up.
    pub fn bans(&self) -> usize {
        self.groups.values().map(|group| group.bans.len()).sum()
    }

    /// Notes how many of so many agents were passed over because of a ban.
    pub fn note_bans_met(&mut self, banned: usize, agents: usize) {
        let (met, all) = &mut self.bans_met;
        *met = met.saturating_add(banned as u64);
        *all = all.saturating_add(agents as u64);
    }

    /// The share of agents that a ban spared a look at; 1 before any was asked for.
    pub fn ban_hit_rate(&self) -> f64 {
        let (met, all) = self.bans_met;
        match all {
            0 => 1.0,
            all => met as f64 / all as f64,
        }
    }

    /// The groups that wait, and that an agent which offers this may suit.
    pub fn waiting_within<'a>(
        &'a self,
        host: &'a HostAttributes,
        pool: &'a Pool,
    ) -> impl Iterator<Item = u64> + 'a {
        let numbers = self.kinds.within(host, pool);
        numbers.filter(|number| self.turns.can_be_woken(*number))
    }

    /// The groups of a job.
    pub fn of_job(&self, job: &JobKey) -> impl Iterator<Item = u64> {
        self.by_job.get(job).into_iter().flatten().copied()
    }

    /// After a turn that placed something: the next one follows soon.
    pub fn placed(&mut self, number: u64, now: i64, delay: i64) {
        self.placements += 1;
        if let Some(group) = self.groups.get_mut(&number) {
            group.penalty = delay;
            group.last_placed = self.placements;
            self.turns
                .wait(number, now + put_off(delay), Class::Promising);
            self.turns.ripen(now);
        }
    }

    /// After a turn that placed nothing. The wait doubles, but for a turn that an offer brought about:
    /// then it goes on.
    pub fn not_placed(&mut self, number: u64, class: Class, now: i64, initial: i64, max: i64) {
        let Some(group) = self.groups.get_mut(&number) else {
            return;
        };
        if class != Class::Promising || group.retry_at <= now {
            let longer = group
                .penalty
                .saturating_mul(2)
                .clamp(initial, max.max(initial));
            group.penalty = if class == Class::New { initial } else { longer };
            group.retry_at = now + group.penalty;
        }
        self.turns.wait(number, group.retry_at, Class::Retry);
    }
}
