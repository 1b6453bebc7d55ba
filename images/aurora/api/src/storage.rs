//! What the scheduler keeps: backups (one [`Snapshot`] in TBINARY, unframed) and the replicated log's
//! entries (`storage.thrift`).

use std::collections::{BTreeMap, BTreeSet};

use crate::types::{
    HostAttributes, HostMaintenanceRequest, JobConfiguration, JobInstanceUpdateEvent, JobKey,
    JobUpdate, JobUpdateDetails, JobUpdateEvent, JobUpdateKey, Lock, LockKey, ResourceAggregate,
    ScheduledTask, TaskConfig,
};
use crate::value::Binary;

thrift_struct! {
    /// Everything the scheduler stores, at one moment.
    Snapshot {
        /// Milliseconds since the epoch.
        1 "timestamp" => timestamp: i64,
        3 "hostAttributes" => host_attributes: BTreeSet<HostAttributes>,
        4 "tasks" => tasks: BTreeSet<ScheduledTask>,
        5 "cronJobs" => cron_jobs: BTreeSet<StoredCronJob>,
        6 "schedulerMetadata" => scheduler_metadata: SchedulerMetadata,
        8 "quotaConfigurations" => quota_configurations: BTreeSet<QuotaConfiguration>,
        10 "jobUpdateDetails" => job_update_details: BTreeSet<StoredJobUpdateDetails>,
        13 "hostMaintenanceRequests" => host_maintenance_requests: BTreeSet<HostMaintenanceRequest>,
    }
    StoredCronJob {
        3 "jobConfiguration" => job_configuration: JobConfiguration,
    }
    SchedulerMetadata {
        1 "frameworkId" => framework_id: Option<String>,
        8 "details" => details: BTreeMap<String, String>,
    }
    QuotaConfiguration {
        1 "role" => role: String,
        2 "quota" => quota: ResourceAggregate,
    }
    StoredJobUpdateDetails {
        1 "details" => details: JobUpdateDetails,
    }

    SaveFrameworkId {
        1 "id" => id: String,
    }
    SaveCronJob {
        2 "jobConfig" => job_config: JobConfiguration,
    }
    RemoveJob {
        2 "jobKey" => job_key: JobKey,
    }
    SaveTasks {
        1 "tasks" => tasks: BTreeSet<ScheduledTask>,
    }
    RemoveTasks {
        1 "taskIds" => task_ids: BTreeSet<String>,
    }
    SaveQuota {
        1 "role" => role: String,
        2 "quota" => quota: ResourceAggregate,
    }
    RemoveQuota {
        1 "role" => role: String,
    }
    SaveHostAttributes {
        1 "hostAttributes" => host_attributes: HostAttributes,
    }
    SaveLock {
        1 "lock" => lock: Lock,
    }
    RemoveLock {
        1 "lockKey" => lock_key: LockKey,
    }
    SaveJobUpdate {
        1 "jobUpdate" => job_update: JobUpdate,
    }
    SaveJobUpdateEvent {
        1 "event" => event: JobUpdateEvent,
        3 "key" => key: JobUpdateKey,
    }
    SaveJobInstanceUpdateEvent {
        1 "event" => event: JobInstanceUpdateEvent,
        3 "key" => key: JobUpdateKey,
    }
    PruneJobUpdateHistory {
        1 "perJobRetainCount" => per_job_retain_count: i32,
        2 "historyPruneThresholdMs" => history_prune_threshold_ms: i64,
    }
    RemoveJobUpdates {
        1 "keys" => keys: BTreeSet<JobUpdateKey>,
    }
    SaveHostMaintenanceRequest {
        1 "hostMaintenanceRequest" => host_maintenance_request: HostMaintenanceRequest,
    }
    RemoveHostMaintenanceRequest {
        1 "host" => host: String,
    }

    /// Changes that take effect together.
    Transaction {
        1 "ops" => ops: Vec<Op>,
        2 "schemaVersion" => schema_version: i32 = CURRENT_SCHEMA_VERSION,
    }
    /// Announces the chunks of an entry too large for one.
    FrameHeader {
        1 "chunkCount" => chunk_count: i32,
        /// MD5 of the whole.
        2 "checksum" => checksum: Binary,
    }
    FrameChunk {
        2 "data" => data: Binary,
    }
    /// A task whose configuration stands in a table beside it.
    DeduplicatedScheduledTask {
        1 "partialScheduledTask" => partial_scheduled_task: ScheduledTask,
        2 "taskConfigId" => task_config_id: i32,
    }
    /// A snapshot that holds each task configuration once.
    DeduplicatedSnapshot {
        1 "partialSnapshot" => partial_snapshot: Snapshot,
        2 "partialTasks" => partial_tasks: Vec<DeduplicatedScheduledTask>,
        3 "taskConfigs" => task_configs: Vec<TaskConfig>,
    }
}

/// The only schema version there has been.
pub const CURRENT_SCHEMA_VERSION: i32 = 1;

thrift_union! {
    /// One change.
    Op {
        1 "saveFrameworkId" => SaveFrameworkId(SaveFrameworkId),
        2 "saveCronJob" => SaveCronJob(SaveCronJob),
        5 "removeJob" => RemoveJob(RemoveJob),
        6 "saveTasks" => SaveTasks(SaveTasks),
        7 "removeTasks" => RemoveTasks(RemoveTasks),
        8 "saveQuota" => SaveQuota(SaveQuota),
        9 "removeQuota" => RemoveQuota(RemoveQuota),
        10 "saveHostAttributes" => SaveHostAttributes(SaveHostAttributes),
        12 "saveLock" => SaveLock(SaveLock),
        13 "removeLock" => RemoveLock(RemoveLock),
        14 "saveJobUpdate" => SaveJobUpdate(SaveJobUpdate),
        15 "saveJobUpdateEvent" => SaveJobUpdateEvent(SaveJobUpdateEvent),
        16 "saveJobInstanceUpdateEvent" => SaveJobInstanceUpdateEvent(SaveJobInstanceUpdateEvent),
        17 "pruneJobUpdateHistory" => PruneJobUpdateHistory(PruneJobUpdateHistory),
        18 "removeJobUpdate" => RemoveJobUpdates(RemoveJobUpdates),
        19 "saveHostMaintenanceRequest" => SaveHostMaintenanceRequest(SaveHostMaintenanceRequest),
        20 "removeHostMaintenanceRequest" => RemoveHostMaintenanceRequest(RemoveHostMaintenanceRequest),
    }

    /// A piece of an entry.
    Frame {
        1 "header" => Header(FrameHeader),
        2 "chunk" => Chunk(FrameChunk),
    }

    /// An entry of the replicated log.
    LogEntry {
        1 "snapshot" => Snapshot(Snapshot),
        2 "transaction" => Transaction(Transaction),
        3 "noop" => Noop(bool),
        4 "frame" => Frame(Frame),
        5 "deflatedEntry" => DeflatedEntry(Binary),
        6 "deduplicatedSnapshot" => DeduplicatedSnapshot(DeduplicatedSnapshot),
    }
}
