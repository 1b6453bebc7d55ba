//! Job updates: replacing a job's configuration instance by instance.

mod control;
pub mod diff;
mod request;
mod rollout;
mod sla;
pub mod state;

use std::collections::BTreeSet;
use std::sync::Arc;

use aurora_api::{
    JobInstanceUpdateEvent, JobUpdate, JobUpdateAction, JobUpdateDetails, JobUpdateEvent,
    JobUpdateKey, JobUpdateSettings, JobUpdateState, JobUpdateStatus, JobUpdateStrategy,
    JobUpdateSummary, Range, TaskConfig,
};

use super::Model;
pub use request::Started;
use rollout::Rollout;
pub use rollout::Seen;

/// An update, its history, and, while it rolls, where it stands.
#[derive(Debug)]
pub struct Update {
    /// What was asked for.
    pub update: JobUpdate,
    /// Its changes of state.
    pub events: Vec<JobUpdateEvent>,
    /// What it did to instances.
    pub instance_events: Vec<JobInstanceUpdateEvent>,
    /// The configurations it replaces, shared with the tasks.
    initial: Vec<(BTreeSet<Range>, Arc<TaskConfig>)>,
    /// The configuration it brings.
    desired: Option<(BTreeSet<Range>, Arc<TaskConfig>)>,
    /// The present pass. None while paused or over.
    rollout: Option<Rollout>,
    /// When the last pulse came.
    last_pulse: Option<i64>,
}

fn contains(ranges: &BTreeSet<Range>, instance: i32) -> bool {
    ranges
        .iter()
        .any(|range| (range.first..=range.last).contains(&instance))
}

/// All instances in these ranges, at most `limit`: ranges come from outside and may be huge.
pub fn expand<'a>(ranges: impl IntoIterator<Item = &'a Range>, limit: usize) -> BTreeSet<i32> {
    ranges
        .into_iter()
        .flat_map(|range| range.first..=range.last)
        .take(limit)
        .collect()
}

impl Update {
    /// Its name.
    pub fn key(&self) -> &JobUpdateKey {
        &self.update.summary.key
    }

    /// Its settings.
    pub fn settings(&self) -> &JobUpdateSettings {
        &self.update.instructions.settings
    }

    /// Where it is.
    pub fn status(&self) -> JobUpdateStatus {
        self.events
            .last()
            .map_or(JobUpdateStatus::Error, |event| event.status)
    }

    /// When it began.
    pub fn created(&self) -> i64 {
        self.events.first().map_or(0, |event| event.timestamp_ms)
    }

    /// When anything happened last.
    pub fn last_modified(&self) -> i64 {
        let update = self.events.last().map_or(0, |event| event.timestamp_ms);
        let instances = self
            .instance_events
            .iter()
            .map(|event| event.timestamp_ms)
            .max();
        instances.unwrap_or(0).max(update)
    }

    /// The summary with its state, which is computed from the events.
    pub fn summary(&self) -> JobUpdateSummary {
        JobUpdateSummary {
            state: Some(JobUpdateState {
                status: self.status(),
                created_timestamp_ms: self.created(),
                last_modified_timestamp_ms: self.last_modified(),
            }),
            ..self.update.summary.clone()
        }
    }

    /// Everything of it.
    pub fn details(&self) -> JobUpdateDetails {
        JobUpdateDetails {
            update: JobUpdate {
                summary: self.summary(),
                instructions: self.update.instructions.clone(),
            },
            update_events: self.events.clone(),
            instance_events: self.instance_events.clone(),
        }
    }

    fn is_back(&self) -> bool {
        self.status() == JobUpdateStatus::RollingBack
    }

    /// How long pulses may stay away, if the update depends on them.
    fn pulse_limit(&self) -> Option<i64> {
        self.settings()
            .block_if_no_pulses_after_ms
            .map(i64::from)
            .filter(|limit| *limit > 0)
    }

    /// The configuration an instance is to have in the present direction.
    fn wanted(&self, instance: i32) -> Option<Arc<TaskConfig>> {
        let from = if self.is_back() {
            self.initial
                .iter()
                .find(|(ranges, _)| contains(ranges, instance))
        } else {
            self.desired
                .as_ref()
                .filter(|(ranges, _)| contains(ranges, instance))
        };
        from.map(|(_, config)| Arc::clone(config))
    }

    /// All instances it is about, in forward order: those to create, to change, to remove.
    fn order(&self, limit: usize) -> Vec<i32> {
        let initial = expand(self.initial.iter().flat_map(|(ranges, _)| ranges), limit);
        let desired = expand(self.desired.iter().flat_map(|(ranges, _)| ranges), limit);
        let create = desired.difference(&initial);
        let change = desired.intersection(&initial);
        let remove = initial.difference(&desired);
        create.chain(change).chain(remove).copied().collect()
    }

    fn strategy(&self) -> JobUpdateStrategy {
        strategy(self.settings())
    }

    fn pauses_after_batch(&self) -> bool {
        match self.strategy() {
            JobUpdateStrategy::Batch(batch) => batch.autopause_after_batch,
            JobUpdateStrategy::VariableBatch(batch) => batch.autopause_after_batch,
            JobUpdateStrategy::Queue(_) | JobUpdateStrategy::Unset => false,
        }
    }

    /// Whether this was noted of the instance before: each action is noted once.
    fn has_noted(&self, instance: i32, action: JobUpdateAction) -> bool {
        self.instance_events
            .iter()
            .any(|e| e.instance_id == instance && e.action == action)
    }
}

/// The strategy, taken from the deprecated fields where it is not given.
pub fn strategy(settings: &JobUpdateSettings) -> JobUpdateStrategy {
    use aurora_api::{BatchJobUpdateStrategy, QueueJobUpdateStrategy};
    let group_size = settings.update_group_size;
    match &settings.update_strategy {
        Some(strategy) => strategy.clone(),
        None if settings.wait_for_batch_completion => {
            let autopause_after_batch = false;
            JobUpdateStrategy::Batch(BatchJobUpdateStrategy {
                group_size,
                autopause_after_batch,
            })
        }
        None => JobUpdateStrategy::Queue(QueueJobUpdateStrategy { group_size }),
    }
}

impl Model {
    /// Takes an update in as it was stored; an active one goes on.
    pub(super) fn restore_update(&mut self, details: JobUpdateDetails) {
        let mut update = self.make_update(details.update);
        update.events = details.update_events;
        update.instance_events = details.instance_events;
        let key = update.key().clone();
        let status = update.status();
        if update.pulse_limit().is_some() && !JobUpdateStatus::AWAITING_PULSE.contains(&status) {
            update.last_pulse = update.events.last().map(|event| event.timestamp_ms);
        }
        self.updates.insert(key.clone(), update);
        if status.is_active() {
            self.updating.insert(key.job.clone(), key.clone());
            self.roll(&key);
        }
    }

    fn make_update(&mut self, update: JobUpdate) -> Update {
        let instructions = &update.instructions;
        let initial: Vec<_> = instructions
            .initial_state
            .iter()
            .map(|state| {
                (
                    state.instances.clone(),
                    self.tasks.intern(state.task.clone()),
                )
            })
            .collect();
        let desired = instructions.desired_state.as_ref().map(|state| {
            (
                state.instances.clone(),
                self.tasks.intern(state.task.clone()),
            )
        });
        Update {
            update,
            events: Vec::new(),
            instance_events: Vec::new(),
            initial,
            desired,
            rollout: None,
            last_pulse: None,
        }
    }
}
