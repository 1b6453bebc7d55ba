//! Updates of the simulated cluster's jobs.

use aurora_api::{
    BatchJobUpdateStrategy, JobKey, JobUpdateKey, JobUpdateSettings, JobUpdateStatus,
    JobUpdateStrategy, QueueJobUpdateStrategy, Range, VariableBatchJobUpdateStrategy,
};
use aurora_scheduler::model::chance::Chance;
use aurora_scheduler::model::update::Started;
use aurora_scheduler::model::{Model, validate};

use super::World;
use super::shape::shape;
use crate::support::jobs;

fn some(dice: &mut Chance, bound: u64) -> i32 {
    i32::try_from(dice.below(bound)).unwrap_or(0)
}

fn strategy(dice: &mut Chance) -> Option<JobUpdateStrategy> {
    let group_size = 1 + some(dice, 3);
    let autopause_after_batch = dice.below(3) == 0;
    match dice.below(4) {
        0 => Some(JobUpdateStrategy::Queue(QueueJobUpdateStrategy {
            group_size,
        })),
        1 => Some(JobUpdateStrategy::Batch(BatchJobUpdateStrategy {
            group_size,
            autopause_after_batch,
        })),
        2 => Some(JobUpdateStrategy::VariableBatch(
            VariableBatchJobUpdateStrategy {
                group_sizes: vec![1, group_size],
                autopause_after_batch,
            },
        )),
        // Told by the deprecated fields.
        _ => None,
    }
}

impl World {
    pub(crate) fn update(
        &mut self,
        key: &JobKey,
        version: i32,
        count: i32,
        dice: &mut Chance,
    ) -> String {
        let settings = JobUpdateSettings {
            update_group_size: 1 + some(dice, 3),
            max_per_instance_failures: some(dice, 3),
            max_failed_instances: some(dice, 2),
            min_wait_in_instance_running_ms: some(dice, 20_000),
            rollback_on_failure: dice.below(2) == 0,
            wait_for_batch_completion: dice.below(2) == 0,
            update_strategy: strategy(dice),
            block_if_no_pulses_after_ms: match dice.below(4) {
                0 => Some(15_000),
                _ => None,
            },
            update_only_these_instances: match dice.below(5) {
                0 => Some(Range::cover([some(dice, 4), some(dice, 4)])),
                _ => None,
            },
            sla_aware: Some(dice.below(3) == 0 && count > 1 && version < 2),
        };
        let mut request = jobs::update(key, version, count, settings);
        request.task_config = Some(shape(key, version, count));
        let started = self.command(|model| {
            let check =
                |model: &Model, request: &_| validate::update_request(model.settings(), request);
            model.start_update(request, check, "me", None)
        });
        match started {
            Ok(Started::Rolling(_)) => "rolling".to_string(),
            Ok(Started::Unchanged) => "unchanged".to_string(),
            Ok(Started::Busy(..)) => "busy".to_string(),
            Err(refusal) => refusal.message,
        }
    }

    /// Pauses, resumes, pulses, aborts or turns back an update.
    pub(crate) fn interfere(&mut self, key: &JobKey, dice: &mut Chance) -> String {
        let Some(update) = self
            .model
            .active_update(key)
            .map(|update| update.key().clone())
        else {
            return "there is none".to_string();
        };
        let done = match dice.below(8) {
            0 => self.command(|model| model.pause_update(&update, "me", None)),
            1 | 2 => self.command(|model| model.roll_back_update(&update, "me", None)),
            3 => self.command(|model| model.abort_update(&update, "me", None)),
            4 | 5 => self.command(|model| model.resume_update(&update, "me", None)),
            _ => {
                let pulsed = self.command(|model| model.pulse_update(&update));
                return format!("{pulsed:?}");
            }
        };
        format!("{done:?}")
    }

    /// Does for every active update what it waits for.
    pub(crate) fn tend_updates(&mut self) {
        use JobUpdateStatus as S;
        let updates = self.model.updates();
        let active: Vec<(JobUpdateKey, JobUpdateStatus)> = updates
            .map(|update| (update.key().clone(), update.status()))
            .filter(|(_, status)| status.is_active())
            .collect();
        for (key, status) in active {
            self.command(|model| model.pulse_update(&key));
            if matches!(status, S::RollForwardPaused | S::RollBackPaused) {
                let resumed = self.command(|model| model.resume_update(&key, "me", None));
                assert_eq!(resumed, Ok(()));
            }
        }
    }
}
