//! Pending tasks, grouped by identical configuration: what does not fit one does not fit the others.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use aurora_api::TaskConfig;

use super::resources::Demand;
use super::task::Task;

/// Why the nearest agent will not do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NearestFit {
    /// How far it is from fitting.
    pub score: i64,
    /// What stands against it, as users read it.
    pub reasons: Vec<String>,
}

/// Pending tasks of one configuration.
#[derive(Debug)]
pub struct Group {
    /// The configuration, shared with its tasks.
    pub config: Arc<TaskConfig>,
    /// What it asks for.
    pub demand: Demand,
    /// The tasks, by the time they became pending.
    pub tasks: BTreeSet<(i64, String)>,
    /// The newest generation of offers that was looked at, in vain.
    pub seen: u64,
    /// The best of what did not fit.
    pub nearest: Option<NearestFit>,
}

/// The groups, in the order of their turns.
#[derive(Debug, Default)]
pub struct Groups {
    groups: HashMap<usize, Group>,
    turns: VecDeque<usize>,
    /// Whether a group may have offers to look at that are not new.
    stirred: bool,
    /// The newest generation of offers that every group has been offered.
    shown: u64,
}

/// Configurations are interned, so that equal ones have one address.
fn key(config: &Arc<TaskConfig>) -> usize {
    Arc::as_ptr(config) as usize
}

impl Groups {
    /// Adds a pending task.
    pub fn add(&mut self, task: &Task) {
        let key = key(&task.config);
        let group = self.groups.entry(key).or_insert_with(|| {
            self.turns.push_back(key);
            self.stirred = true;
            Group {
                config: Arc::clone(&task.config),
                demand: Demand::of(&task.config),
                tasks: BTreeSet::new(),
                seen: 0,
                nearest: None,
            }
        });
        group.tasks.insert((task.since(), task.id.clone()));
    }

    /// Removes a task that is no longer pending; `since` is when it became so.
    pub fn remove(&mut self, config: &Arc<TaskConfig>, since: i64, id: &str) {
        let key = key(config);
        if let Some(group) = self.groups.get_mut(&key) {
            group.tasks.remove(&(since, id.to_string()));
            if group.tasks.is_empty() {
                self.groups.remove(&key);
                self.turns.retain(|turn| *turn != key);
            }
        }
    }

    /// The group of a configuration.
    pub fn get(&self, config: &Arc<TaskConfig>) -> Option<&Group> {
        self.groups.get(&key(config))
    }

    /// The same, to change.
    pub fn get_mut(&mut self, config: &Arc<TaskConfig>) -> Option<&mut Group> {
        self.groups.get_mut(&key(config))
    }

    /// All groups.
    pub fn iter(&self) -> impl Iterator<Item = &Group> {
        self.turns.iter().filter_map(|turn| self.groups.get(turn))
    }

    /// The configurations that have not seen all offers up to `generation`, in the order of their
    /// turns; those move to the end.
    pub fn take_turns(&mut self, generation: u64) -> Vec<Arc<TaskConfig>> {
        // Many groups may wait: where nothing is new, they are not even counted.
        if !std::mem::take(&mut self.stirred) && self.shown == generation {
            return Vec::new();
        }
        self.shown = generation;
        let (due, others): (VecDeque<usize>, VecDeque<usize>) =
            self.turns.drain(..).partition(|turn| {
                self.groups
                    .get(turn)
                    .is_some_and(|group| group.seen < generation)
            });
        let configs = due
            .iter()
            .filter_map(|turn| self.groups.get(turn))
            .map(|group| Arc::clone(&group.config))
            .collect();
        self.turns = others;
        self.turns.extend(due);
        configs
    }

    /// Has the groups that `choose` picks look at all offers again.
    pub fn look_again(&mut self, choose: impl Fn(&TaskConfig) -> bool) {
        for group in self.groups.values_mut() {
            if choose(&group.config) {
                group.seen = 0;
                self.stirred = true;
            }
        }
    }
}
