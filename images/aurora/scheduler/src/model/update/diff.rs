//! What an update would change.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aurora_api::{ConfigGroup, InstanceTaskConfig, JobKey, Range, TaskConfig};

use crate::model::Model;

/// The instances of a job, by what a request means for them.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Diff {
    /// New instances.
    pub add: BTreeSet<i32>,
    /// Instances that go, with what they run.
    pub remove: BTreeMap<i32, Arc<TaskConfig>>,
    /// Instances that change, with what they run now.
    pub update: BTreeMap<i32, Arc<TaskConfig>>,
    /// Instances that are as requested.
    pub unchanged: BTreeMap<i32, Arc<TaskConfig>>,
    /// Instances of the request's scope that are neither there nor requested.
    pub irrelevant: BTreeSet<i32>,
}

impl Diff {
    /// Compares what runs with `count` instances of `config`, within `scope` if that is not empty.
    pub fn new(
        current: &BTreeMap<i32, Arc<TaskConfig>>,
        config: &TaskConfig,
        count: i32,
        scope: &BTreeSet<i32>,
    ) -> Self {
        let mut diff = Self::default();
        let in_scope = |instance: &i32| scope.is_empty() || scope.contains(instance);
        for (instance, running) in current.iter().filter(|(instance, _)| in_scope(instance)) {
            let place = if *instance >= count {
                &mut diff.remove
            } else if **running == *config {
                &mut diff.unchanged
            } else {
                &mut diff.update
            };
            place.insert(*instance, Arc::clone(running));
        }
        diff.add = (0..count)
            .filter(|i| !current.contains_key(i) && in_scope(i))
            .collect();
        let requested = |instance: &i32| (0..count).contains(instance);
        diff.irrelevant = scope
            .iter()
            .filter(|instance| !current.contains_key(instance) && !requested(instance))
            .copied()
            .collect();
        diff
    }

    /// Whether nothing would change.
    pub fn is_empty(&self) -> bool {
        self.add.is_empty() && self.remove.is_empty() && self.update.is_empty()
    }

    /// What the update replaces or removes, as it is stored.
    pub fn initial_state(&self) -> BTreeSet<InstanceTaskConfig> {
        let gone = self
            .remove
            .iter()
            .chain(&self.update)
            .map(|(i, config)| (*i, config));
        grouped(gone)
            .into_iter()
            .map(|(config, instances)| InstanceTaskConfig {
                task: TaskConfig::clone(&config),
                instances,
            })
            .collect()
    }

    /// The instances that get the requested configuration.
    pub fn replacements(&self) -> BTreeSet<Range> {
        Range::cover(self.add.iter().chain(self.update.keys()).copied())
    }
}

/// Instances by configuration.
pub fn grouped<'a>(
    instances: impl IntoIterator<Item = (i32, &'a Arc<TaskConfig>)>,
) -> BTreeMap<Arc<TaskConfig>, BTreeSet<Range>> {
    let mut groups: BTreeMap<Arc<TaskConfig>, Vec<i32>> = BTreeMap::new();
    for (instance, config) in instances {
        groups.entry(Arc::clone(config)).or_default().push(instance);
    }
    groups
        .into_iter()
        .map(|(config, list)| (config, Range::cover(list)))
        .collect()
}

/// The same, as the API shows it.
pub fn config_groups<'a>(
    instances: impl IntoIterator<Item = (i32, &'a Arc<TaskConfig>)>,
) -> BTreeSet<ConfigGroup> {
    grouped(instances)
        .into_iter()
        .map(|(config, instances)| ConfigGroup {
            config: TaskConfig::clone(&config),
            instances,
        })
        .collect()
}

impl Model {
    /// What each active instance of a job runs.
    pub fn running_configs(&self, job: &JobKey) -> BTreeMap<i32, Arc<TaskConfig>> {
        self.tasks
            .active(job)
            .map(|task| (task.instance, Arc::clone(&task.config)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instances_are_told_apart() {
        let new = TaskConfig {
            priority: 1,
            ..TaskConfig::default()
        };
        let (old, same) = (Arc::new(TaskConfig::default()), Arc::new(new.clone()));
        let current = BTreeMap::from([(0, Arc::clone(&old)), (1, same), (3, Arc::clone(&old))]);
        let keys = |map: &BTreeMap<i32, _>| map.keys().copied().collect::<Vec<i32>>();
        let show = |diff: &Diff| {
            let add: Vec<i32> = diff.add.iter().copied().collect();
            (
                add,
                keys(&diff.remove),
                keys(&diff.update),
                keys(&diff.unchanged),
            )
        };
        let all = Diff::new(&current, &new, 3, &BTreeSet::new());
        assert_eq!(show(&all), (vec![2], vec![3], vec![0], vec![1]));
        assert_eq!(all.replacements(), Range::cover([0, 2]));
        assert!(!all.is_empty());
        let some = Diff::new(&current, &new, 3, &BTreeSet::from([1, 9]));
        assert_eq!(show(&some), (vec![], vec![], vec![], vec![1]));
        assert!(some.is_empty());
        assert_eq!(some.irrelevant, BTreeSet::from([9]));
    }
}
