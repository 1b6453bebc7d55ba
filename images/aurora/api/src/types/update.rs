//! Job updates: what is asked for, how it is rolled out, and what happened.

use std::collections::BTreeSet;

use super::job::{JobKey, Range};
use super::task::{Metadata, TaskConfig};
use crate::enums::{JobUpdateAction, JobUpdateStatus};

thrift_struct! {
    /// An update's name: its job and its id.
    JobUpdateKey {
        1 "job" => job: JobKey,
        2 "id" => id: String,
    }

    /// A sliding window of instances.
    QueueJobUpdateStrategy {
        1 "groupSize" => group_size: i32,
    }

    /// Whole batches of one size.
    BatchJobUpdateStrategy {
        1 "groupSize" => group_size: i32,
        2 "autopauseAfterBatch" => autopause_after_batch: bool,
    }

    /// Whole batches of given sizes, the last repeating.
    VariableBatchJobUpdateStrategy {
        1 "groupSizes" => group_sizes: Vec<i32>,
        2 "autopauseAfterBatch" => autopause_after_batch: bool,
    }

    /// How an update proceeds.
    JobUpdateSettings {
        /// Deprecated for `update_strategy`.
        1 "updateGroupSize" => update_group_size: i32,
        2 "maxPerInstanceFailures" => max_per_instance_failures: i32,
        3 "maxFailedInstances" => max_failed_instances: i32,
        5 "minWaitInInstanceRunningMs" => min_wait_in_instance_running_ms: i32,
        6 "rollbackOnFailure" => rollback_on_failure: bool,
        /// All instances when it is missing or empty.
        7 "updateOnlyTheseInstances" => update_only_these_instances: Option<BTreeSet<Range>>,
        /// Deprecated for `update_strategy`.
        8 "waitForBatchCompletion" => wait_for_batch_completion: bool,
        9 "blockIfNoPulsesAfterMs" => block_if_no_pulses_after_ms: Option<i32>,
        10 "slaAware" => sla_aware: Option<bool>,
        11 "updateStrategy" => update_strategy: Option<JobUpdateStrategy>,
    }

    /// An update's change of state.
    JobUpdateEvent {
        1 "status" => status: JobUpdateStatus,
        2 "timestampMs" => timestamp_ms: i64,
        3 "user" => user: Option<String>,
        4 "message" => message: Option<String>,
    }

    /// What an update did to an instance, and when.
    JobInstanceUpdateEvent {
        1 "instanceId" => instance_id: i32,
        2 "timestampMs" => timestamp_ms: i64,
        3 "action" => action: JobUpdateAction,
        4 "message" => message: Option<String>,
    }

    /// A configuration of some instances.
    InstanceTaskConfig {
        1 "task" => task: TaskConfig,
        2 "instances" => instances: BTreeSet<Range>,
    }

    /// Where an update stands, computed from its events.
    JobUpdateState {
        1 "status" => status: JobUpdateStatus,
        2 "createdTimestampMs" => created_timestamp_ms: i64,
        3 "lastModifiedTimestampMs" => last_modified_timestamp_ms: i64,
    }

    /// An update, summed up.
    JobUpdateSummary {
        3 "user" => user: String,
        4 "state" => state: Option<JobUpdateState>,
        5 "key" => key: JobUpdateKey,
        6 "metadata" => metadata: Option<BTreeSet<Metadata>>,
    }

    /// What an update changes.
    JobUpdateInstructions {
        1 "initialState" => initial_state: BTreeSet<InstanceTaskConfig>,
        /// Unset when the update only removes instances.
        2 "desiredState" => desired_state: Option<InstanceTaskConfig>,
        3 "settings" => settings: JobUpdateSettings,
    }

    /// An update.
    JobUpdate {
        1 "summary" => summary: JobUpdateSummary,
        2 "instructions" => instructions: JobUpdateInstructions,
    }

    /// An update with its history.
    JobUpdateDetails {
        1 "update" => update: JobUpdate,
        2 "updateEvents" => update_events: Vec<JobUpdateEvent>,
        3 "instanceEvents" => instance_events: Vec<JobInstanceUpdateEvent>,
    }

    /// A request to update (or create) a job.
    JobUpdateRequest {
        1 "taskConfig" => task_config: Option<TaskConfig>,
        2 "instanceCount" => instance_count: i32,
        3 "settings" => settings: Option<JobUpdateSettings>,
        4 "metadata" => metadata: Option<BTreeSet<Metadata>>,
    }
}

thrift_union! {
    /// One of the three strategies.
    JobUpdateStrategy {
        1 "queueStrategy" => Queue(QueueJobUpdateStrategy),
        2 "batchStrategy" => Batch(BatchJobUpdateStrategy),
        3 "varBatchStrategy" => VariableBatch(VariableBatchJobUpdateStrategy),
    }
}
