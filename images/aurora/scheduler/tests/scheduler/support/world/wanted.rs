//! What the simulated cluster's jobs should have, as their callers know it.

use std::collections::{BTreeMap, BTreeSet};

use aurora_api::{InstanceTaskConfig, JobKey, JobUpdateKey, JobUpdateStatus};

use super::World;

/// What an instance should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Be {
    /// There, of this version.
    Version(i32),
    /// Of either side of an update that ended half way, or gone.
    Either,
}

/// The instances of each job. One that is not named must not be there.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    jobs: BTreeMap<JobKey, BTreeMap<i32, Be>>,
    ended: Vec<(JobUpdateKey, JobUpdateStatus)>,
}

impl Wanted {
    /// Instances were created.
    pub(super) fn created(
        &mut self,
        key: &JobKey,
        version: i32,
        instances: impl IntoIterator<Item = i32>,
    ) {
        let job = self.jobs.entry(key.clone()).or_default();
        let made = instances.into_iter();
        job.extend(made.map(|instance| (instance, Be::Version(version))));
    }

    /// Instances were killed; all if none is named.
    pub(super) fn killed(&mut self, key: &JobKey, some: &BTreeSet<i32>) {
        if let Some(job) = self.jobs.get_mut(key) {
            job.retain(|instance, _| !some.is_empty() && !some.contains(instance));
        }
    }

    /// An update has come into a state.
    pub(super) fn update_is(&mut self, key: &JobUpdateKey, status: JobUpdateStatus) {
        if status.is_terminal() {
            self.ended.push((key.clone(), status));
        }
    }
}

fn instances(state: &InstanceTaskConfig) -> impl Iterator<Item = (i32, i32)> {
    let all = state.instances.iter();
    all.flat_map(|range| range.first..=range.last)
        .map(|instance| (instance, state.task.priority))
}

impl World {
    /// Takes in what the updates that have ended since have made of their jobs.
    pub(crate) fn note_ended_updates(&mut self) {
        for (key, status) in std::mem::take(&mut self.wanted.ended) {
            let instructions = &self.store.updates[&key].update.instructions;
            let before: Vec<_> = instructions
                .initial_state
                .iter()
                .flat_map(instances)
                .collect();
            let after: Vec<_> = instructions
                .desired_state
                .iter()
                .flat_map(instances)
                .collect();
            let job = self.wanted.jobs.entry(key.job).or_default();
            let (gone, there) = match status {
                JobUpdateStatus::RolledForward => (before, after),
                JobUpdateStatus::RolledBack => (after, before),
                _ => {
                    let touched = before.into_iter().chain(after);
                    job.extend(touched.map(|(instance, _)| (instance, Be::Either)));
                    continue;
                }
            };
            for (instance, _) in gone {
                job.remove(&instance);
            }
            job.extend(
                there
                    .into_iter()
                    .map(|(i, version)| (i, Be::Version(version))),
            );
        }
    }

    /// Every instance that should be there is, in its version, and no other.
    pub(crate) fn check_wanted(&self, context: &str) {
        let none = BTreeMap::new();
        let tasks = self.model.tasks();
        let keys = tasks.jobs().chain(self.wanted.jobs.keys());
        for key in keys.collect::<BTreeSet<&JobKey>>() {
            let wanted = self.wanted.jobs.get(key).unwrap_or(&none);
            let mut have: BTreeMap<i32, Be> = tasks
                .active(key)
                .map(|task| (task.instance, Be::Version(task.config.priority)))
                .collect();
            for (instance, _) in wanted.iter().filter(|(_, be)| **be == Be::Either) {
                have.insert(*instance, Be::Either);
            }
            assert_eq!(have, *wanted, "{context}: the instances of {key}");
        }
    }
}
