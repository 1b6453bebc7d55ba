//! How an update proceeds (`apache/aurora/client/api/updater_util.py`).

use std::collections::BTreeSet;

use aurora_api::{
    BatchJobUpdateStrategy, JobUpdateRequest, JobUpdateSettings, JobUpdateStrategy, Metadata,
    QueueJobUpdateStrategy, Range, VariableBatchJobUpdateStrategy,
};

use super::JobConfig;
use super::model::{UpdateConfig, UpdateStrategy};

/// Pulses may not be asked for more often.
const MIN_PULSE_SECS: i32 = 60;

impl JobConfig {
    /// What `startJobUpdate` is sent, for all instances or some. The error is the user's.
    pub fn update_request(
        &self,
        instances: Option<&BTreeSet<i32>>,
        metadata: Option<BTreeSet<Metadata>>,
    ) -> Result<JobUpdateRequest, &'static str> {
        Ok(JobUpdateRequest {
            task_config: Some(self.task_config()),
            instance_count: self.instances(),
            settings: Some(settings(&self.job.update_config, instances)?),
            metadata,
        })
    }
}

fn settings(
    config: &UpdateConfig,
    instances: Option<&BTreeSet<i32>>,
) -> Result<JobUpdateSettings, &'static str> {
    check(config)?;
    let (update_group_size, strategy) = strategy(config);
    Ok(JobUpdateSettings {
        update_group_size,
        max_per_instance_failures: config.max_per_shard_failures,
        max_failed_instances: config.max_total_failures,
        min_wait_in_instance_running_ms: config.watch_secs.saturating_mul(1000),
        rollback_on_failure: config.rollback_on_failure,
        update_only_these_instances: instances
            .filter(|instances| !instances.is_empty())
            .map(|instances| Range::cover(instances.iter().copied())),
        wait_for_batch_completion: config.wait_for_batch_completion,
        block_if_no_pulses_after_ms: config
            .pulse_interval_secs
            .map(|seconds| seconds.saturating_mul(1000)),
        sla_aware: Some(config.sla_aware),
        update_strategy: Some(strategy),
    })
}

fn check(config: &UpdateConfig) -> Result<(), &'static str> {
    if config.batch_size <= 0 {
        return Err("Batch size should be greater than 0");
    }
    if config.watch_secs < 0 {
        return Err("Watch seconds should be greater than or equal to 0");
    }
    if config
        .pulse_interval_secs
        .is_some_and(|seconds| seconds < MIN_PULSE_SECS)
    {
        return Err("Pulse interval seconds must be at least 60 seconds.");
    }
    if config.update_strategy.is_some() && config.wait_for_batch_completion {
        return Err(
            "Ambiguous update configuration. Cannot combine wait_batch_completion with an explicit update strategy.",
        );
    }
    if config.update_strategy.is_some() && config.batch_size > 1 {
        return Err(
            "Ambiguous update configuration. Cannot combine update strategy with batch size. Please set batchsize inside of update strategy instead.",
        );
    }
    Ok(())
}

/// The (deprecated) group size, and the strategy. An explicit queue or batch crashed the original,
/// and means here what it was meant to.
fn strategy(config: &UpdateConfig) -> (i32, JobUpdateStrategy) {
    let queue = |group_size| JobUpdateStrategy::Queue(QueueJobUpdateStrategy { group_size });
    let batch = |group_size, autopause_after_batch| {
        JobUpdateStrategy::Batch(BatchJobUpdateStrategy {
            group_size,
            autopause_after_batch,
        })
    };
    let size = config.batch_size;
    match &config.update_strategy {
        None if config.wait_for_batch_completion => (size, batch(size, false)),
        None => (size, queue(size)),
        Some(UpdateStrategy::Queue { batch_size }) => (*batch_size, queue(*batch_size)),
        Some(UpdateStrategy::Batch {
            batch_size,
            autopause_after_batch,
        }) => (*batch_size, batch(*batch_size, *autopause_after_batch)),
        Some(UpdateStrategy::VariableBatch {
            batch_sizes,
            autopause_after_batch,
        }) => (
            size,
            JobUpdateStrategy::VariableBatch(VariableBatchJobUpdateStrategy {
                group_sizes: batch_sizes.clone(),
                autopause_after_batch: *autopause_after_batch,
            }),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> UpdateConfig {
        UpdateConfig {
            batch_size: 1,
            watch_secs: 45,
            max_per_shard_failures: 0,
            max_total_failures: 0,
            rollback_on_failure: true,
            wait_for_batch_completion: false,
            pulse_interval_secs: None,
            sla_aware: false,
            update_strategy: None,
        }
    }

    #[test]
    fn instances_become_closed_ranges() {
        let instances = BTreeSet::from([0, 1, 2, 5]);
        let settings = settings(&config(), Some(&instances)).unwrap();
        let ranges = settings.update_only_these_instances.unwrap();
        assert_eq!(
            ranges
                .into_iter()
                .map(|range| (range.first, range.last))
                .collect::<Vec<_>>(),
            [(0, 2), (5, 5)]
        );
    }

    #[test]
    fn contradictions_are_refused() {
        for (change, expected) in [
            (
                (|c| c.batch_size = 0) as fn(&mut UpdateConfig),
                "Batch size",
            ),
            (|c| c.watch_secs = -1, "Watch seconds"),
            (|c| c.pulse_interval_secs = Some(59), "Pulse interval"),
            (
                |c| {
                    c.wait_for_batch_completion = true;
                    c.update_strategy = Some(UpdateStrategy::Queue { batch_size: 1 });
                },
                "Ambiguous",
            ),
            (
                |c| {
                    c.batch_size = 2;
                    c.update_strategy = Some(UpdateStrategy::Queue { batch_size: 1 });
                },
                "Ambiguous",
            ),
        ] {
            let mut config = config();
            change(&mut config);
            let error = settings(&config, None).unwrap_err();
            assert!(error.starts_with(expected), "{error}");
        }
    }

    #[test]
    fn strategies_are_told_apart() {
        let mut config = config();
        config.update_strategy = Some(UpdateStrategy::VariableBatch {
            batch_sizes: vec![1, 2],
            autopause_after_batch: true,
        });
        let settings = settings(&config, None).unwrap();
        assert_eq!(settings.update_group_size, 1);
        assert!(matches!(
            settings.update_strategy,
            Some(JobUpdateStrategy::VariableBatch(batches)) if batches.group_sizes == [1, 2]
        ));
    }
}
