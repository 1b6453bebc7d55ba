//! The three services' methods. All are reached at one address, as methods of `AuroraAdmin`, which
//! inherits the other two. The numbers of arguments are irregular, and part of the protocol.

use std::collections::BTreeSet;

use serde_json::Value as Json;
use thrift::protocol::{TInputProtocol, TOutputProtocol};

use crate::enums::ScheduleStatus;
use crate::schema::{StructSchema, Type};
use crate::simple::SimpleError;
use crate::types::{
    ExplicitReconciliationSettings, Hosts, InstanceKey, JobConfiguration, JobKey, JobUpdateKey,
    JobUpdateQuery, JobUpdateRequest, ResourceAggregate, SlaPolicy, TaskQuery,
};
use crate::value::Value;

/// The service that declares a method: it decides who may call it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// Reads; needs no credentials.
    ReadOnlyScheduler,
    /// Changes one job; authorised by the job's key.
    AuroraSchedulerManager,
    /// Changes anything.
    AuroraAdmin,
}

impl Service {
    /// Its name in the interface definition, and in permissions.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ReadOnlyScheduler => "ReadOnlyScheduler",
            Self::AuroraSchedulerManager => "AuroraSchedulerManager",
            Self::AuroraAdmin => "AuroraAdmin",
        }
    }
}

macro_rules! thrift_calls {
    ($($service:ident { $($(#[$meta:meta])* $text:literal $variant:ident($args:ident) { $($id:literal $fname:literal => $field:ident: $ty:ty,)* })+ })+) => {
        $($(thrift_struct! {
            #[doc = concat!("Arguments of `", $text, "`.")]
            $args { $($id $fname => $field: Option<$ty>,)* }
        })+)+

        /// A method and its arguments.
        #[derive(Clone, Debug, PartialEq, Eq)]
        #[allow(clippy::large_enum_variant, reason = "one call at a time is in memory")]
        pub enum Call { $($($(#[$meta])* $variant($args),)+)+ }

        impl Call {
            /// Every method: its name, its service and its arguments.
            pub fn methods() -> Vec<(&'static str, Service, &'static StructSchema)> {
                let all = [$($(($text, Service::$service, $args::schema()),)+)+];
                all.into_iter()
                    .filter_map(|(name, service, schema)| match schema {
                        Type::Struct(schema) => Some((name, service, schema)),
                        _ => None,
                    })
                    .collect()
            }

            /// The method's name.
            pub const fn name(&self) -> &'static str {
                match self { $($(Self::$variant(_) => $text,)+)+ }
            }

            /// The service that declares the method.
            pub const fn service(&self) -> Service {
                match self { $($(Self::$variant(_) => Service::$service,)+)+ }
            }

            /// Reads the arguments of the method called `name`; `None` if there is no such method
            /// (then nothing has been read).
            pub fn read_args(name: &str, input: &mut dyn TInputProtocol) -> thrift::Result<Option<Self>> {
                match name {
                    $($($text => Ok(<$args as Value>::read(input)?.map(Self::$variant)),)+)+
                    _ => Ok(None),
                }
            }

            /// Writes the arguments.
            pub fn write_args(&self, output: &mut dyn TOutputProtocol) -> thrift::Result<()> {
                match self { $($(Self::$variant(args) => args.write(output),)+)+ }
            }

            /// A call from an object of arguments by name; `None` if there is no such method.
            pub fn from_simple(name: &str, args: &Json) -> Option<Result<Self, SimpleError>> {
                match name {
                    $($($text => Some($args::from_simple(args).map(Self::$variant)),)+)+
                    _ => None,
                }
            }
        }
    };
}

thrift_calls! {
    ReadOnlyScheduler {
        "getRoleSummary" GetRoleSummary(GetRoleSummaryArgs) {}
        "getJobSummary" GetJobSummary(GetJobSummaryArgs) { 1 "role" => role: String, }
        "getTasksStatus" GetTasksStatus(GetTasksStatusArgs) { 1 "query" => query: TaskQuery, }
        "getTasksWithoutConfigs" GetTasksWithoutConfigs(GetTasksWithoutConfigsArgs) { 1 "query" => query: TaskQuery, }
        "getPendingReason" GetPendingReason(GetPendingReasonArgs) { 1 "query" => query: TaskQuery, }
        "getConfigSummary" GetConfigSummary(GetConfigSummaryArgs) { 1 "job" => job: JobKey, }
        "getJobs" GetJobs(GetJobsArgs) { 1 "ownerRole" => owner_role: String, }
        "getQuota" GetQuota(GetQuotaArgs) { 1 "ownerRole" => owner_role: String, }
        "populateJobConfig" PopulateJobConfig(PopulateJobConfigArgs) { 1 "description" => description: JobConfiguration, }
        "getJobUpdateSummaries" GetJobUpdateSummaries(GetJobUpdateSummariesArgs) { 1 "jobUpdateQuery" => job_update_query: JobUpdateQuery, }
        "getJobUpdateDetails" GetJobUpdateDetails(GetJobUpdateDetailsArgs) { 1 "key" => key: JobUpdateKey, 2 "query" => query: JobUpdateQuery, }
        "getJobUpdateDiff" GetJobUpdateDiff(GetJobUpdateDiffArgs) { 1 "request" => request: JobUpdateRequest, }
        "getTierConfigs" GetTierConfigs(GetTierConfigsArgs) {}
    }
    AuroraSchedulerManager {
        "createJob" CreateJob(CreateJobArgs) { 1 "description" => description: JobConfiguration, }
        "scheduleCronJob" ScheduleCronJob(ScheduleCronJobArgs) { 1 "description" => description: JobConfiguration, }
        "descheduleCronJob" DescheduleCronJob(DescheduleCronJobArgs) { 4 "job" => job: JobKey, }
        "startCronJob" StartCronJob(StartCronJobArgs) { 4 "job" => job: JobKey, }
        "restartShards" RestartShards(RestartShardsArgs) { 3 "shardIds" => shard_ids: BTreeSet<i32>, 5 "job" => job: JobKey, }
        "killTasks" KillTasks(KillTasksArgs) { 4 "job" => job: JobKey, 5 "instances" => instances: BTreeSet<i32>, 6 "message" => message: String, }
        "addInstances" AddInstances(AddInstancesArgs) { 3 "key" => key: InstanceKey, 4 "count" => count: i32, }
        "replaceCronTemplate" ReplaceCronTemplate(ReplaceCronTemplateArgs) { 1 "config" => config: JobConfiguration, }
        "startJobUpdate" StartJobUpdate(StartJobUpdateArgs) { 1 "request" => request: JobUpdateRequest, 3 "message" => message: String, }
        "pauseJobUpdate" PauseJobUpdate(PauseJobUpdateArgs) { 1 "key" => key: JobUpdateKey, 3 "message" => message: String, }
        "resumeJobUpdate" ResumeJobUpdate(ResumeJobUpdateArgs) { 1 "key" => key: JobUpdateKey, 3 "message" => message: String, }
        "abortJobUpdate" AbortJobUpdate(AbortJobUpdateArgs) { 1 "key" => key: JobUpdateKey, 3 "message" => message: String, }
        "rollbackJobUpdate" RollbackJobUpdate(RollbackJobUpdateArgs) { 1 "key" => key: JobUpdateKey, 2 "message" => message: String, }
        "pulseJobUpdate" PulseJobUpdate(PulseJobUpdateArgs) { 1 "key" => key: JobUpdateKey, }
    }
    AuroraAdmin {
        "setQuota" SetQuota(SetQuotaArgs) { 1 "ownerRole" => owner_role: String, 2 "quota" => quota: ResourceAggregate, }
        "forceTaskState" ForceTaskState(ForceTaskStateArgs) { 1 "taskId" => task_id: String, 2 "status" => status: ScheduleStatus, }
        "performBackup" PerformBackup(PerformBackupArgs) {}
        "listBackups" ListBackups(ListBackupsArgs) {}
        "stageRecovery" StageRecovery(StageRecoveryArgs) { 1 "backupId" => backup_id: String, }
        "queryRecovery" QueryRecovery(QueryRecoveryArgs) { 1 "query" => query: TaskQuery, }
        "deleteRecoveryTasks" DeleteRecoveryTasks(DeleteRecoveryTasksArgs) { 1 "query" => query: TaskQuery, }
        "commitRecovery" CommitRecovery(CommitRecoveryArgs) {}
        "unloadRecovery" UnloadRecovery(UnloadRecoveryArgs) {}
        "startMaintenance" StartMaintenance(StartMaintenanceArgs) { 1 "hosts" => hosts: Hosts, }
        "drainHosts" DrainHosts(DrainHostsArgs) { 1 "hosts" => hosts: Hosts, }
        "maintenanceStatus" MaintenanceStatus(MaintenanceStatusArgs) { 1 "hosts" => hosts: Hosts, }
        "endMaintenance" EndMaintenance(EndMaintenanceArgs) { 1 "hosts" => hosts: Hosts, }
        "slaDrainHosts" SlaDrainHosts(SlaDrainHostsArgs) { 1 "hosts" => hosts: Hosts, 2 "defaultSlaPolicy" => default_sla_policy: SlaPolicy, 3 "timeoutSecs" => timeout_secs: i64, }
        "snapshot" Snapshot(SnapshotArgs) {}
        "triggerExplicitTaskReconciliation" TriggerExplicitTaskReconciliation(TriggerExplicitTaskReconciliationArgs) { 1 "settings" => settings: ExplicitReconciliationSettings, }
        "triggerImplicitTaskReconciliation" TriggerImplicitTaskReconciliation(TriggerImplicitTaskReconciliationArgs) {}
        "pruneTasks" PruneTasks(PruneTasksArgs) { 1 "query" => query: TaskQuery, }
    }
}
