//! What every call answers.

use std::collections::BTreeSet;

use super::host::HostStatus;
use super::job::{ConfigGroup, ConfigSummary, JobConfiguration, JobSummary, RoleSummary};
use super::task::{PendingReason, ResourceAggregate, ScheduledTask, TaskConfig, TierConfig};
use super::update::{JobUpdateDetails, JobUpdateKey, JobUpdateSummary};
use crate::enums::{JobUpdatePulseStatus, ResponseCode};

thrift_struct! {
    PopulateJobResult {
        2 "taskConfig" => task_config: Option<TaskConfig>,
    }
    ScheduleStatusResult {
        1 "tasks" => tasks: Vec<ScheduledTask>,
    }
    GetJobsResult {
        1 "configs" => configs: BTreeSet<JobConfiguration>,
    }
    /// A role's quota and what its tasks use, in and out of dedicated hosts.
    GetQuotaResult {
        1 "quota" => quota: ResourceAggregate,
        2 "prodSharedConsumption" => prod_shared_consumption: Option<ResourceAggregate>,
        3 "nonProdSharedConsumption" => non_prod_shared_consumption: Option<ResourceAggregate>,
        4 "prodDedicatedConsumption" => prod_dedicated_consumption: Option<ResourceAggregate>,
        5 "nonProdDedicatedConsumption" => non_prod_dedicated_consumption: Option<ResourceAggregate>,
    }
    ListBackupsResult {
        1 "backups" => backups: BTreeSet<String>,
    }
    StartMaintenanceResult {
        1 "statuses" => statuses: BTreeSet<HostStatus>,
    }
    DrainHostsResult {
        1 "statuses" => statuses: BTreeSet<HostStatus>,
    }
    QueryRecoveryResult {
        1 "tasks" => tasks: BTreeSet<ScheduledTask>,
    }
    MaintenanceStatusResult {
        1 "statuses" => statuses: BTreeSet<HostStatus>,
    }
    EndMaintenanceResult {
        1 "statuses" => statuses: BTreeSet<HostStatus>,
    }
    RoleSummaryResult {
        1 "summaries" => summaries: BTreeSet<RoleSummary>,
    }
    JobSummaryResult {
        1 "summaries" => summaries: BTreeSet<JobSummary>,
    }
    ConfigSummaryResult {
        1 "summary" => summary: ConfigSummary,
    }
    GetPendingReasonResult {
        1 "reasons" => reasons: BTreeSet<PendingReason>,
    }
    StartJobUpdateResult {
        1 "key" => key: JobUpdateKey,
        2 "updateSummary" => update_summary: Option<JobUpdateSummary>,
    }
    GetJobUpdateSummariesResult {
        1 "updateSummaries" => update_summaries: Vec<JobUpdateSummary>,
    }
    GetJobUpdateDetailsResult {
        /// Set only for the deprecated lookup by key.
        1 "details" => details: Option<JobUpdateDetails>,
        2 "detailsList" => details_list: Option<Vec<JobUpdateDetails>>,
    }
    PulseJobUpdateResult {
        1 "status" => status: JobUpdatePulseStatus,
    }
    /// What an update would do to a job's instances.
    GetJobUpdateDiffResult {
        1 "add" => add: BTreeSet<ConfigGroup>,
        2 "remove" => remove: BTreeSet<ConfigGroup>,
        3 "update" => update: BTreeSet<ConfigGroup>,
        4 "unchanged" => unchanged: BTreeSet<ConfigGroup>,
    }
    GetTierConfigResult {
        1 "defaultTierName" => default_tier_name: String,
        2 "tiers" => tiers: BTreeSet<TierConfig>,
    }
    /// Who answered.
    ServerInfo {
        1 "clusterName" => cluster_name: String,
        3 "statsUrlPrefix" => stats_url_prefix: String,
    }
    /// One message for the caller.
    ResponseDetail {
        1 "message" => message: Option<String>,
    }
    /// Every call's answer.
    Response {
        1 "responseCode" => response_code: ResponseCode,
        3 "result" => result: Option<CallResult>,
        5 "serverInfo" => server_info: Option<ServerInfo>,
        6 "details" => details: Vec<ResponseDetail>,
    }
}

thrift_union! {
    /// The part of an answer that depends on the call (`Result` in the definition).
    CallResult {
        1 "populateJobResult" => PopulateJob(PopulateJobResult),
        3 "scheduleStatusResult" => ScheduleStatus(ScheduleStatusResult),
        4 "getJobsResult" => GetJobs(GetJobsResult),
        5 "getQuotaResult" => GetQuota(GetQuotaResult),
        6 "listBackupsResult" => ListBackups(ListBackupsResult),
        7 "startMaintenanceResult" => StartMaintenance(StartMaintenanceResult),
        8 "drainHostsResult" => DrainHosts(DrainHostsResult),
        9 "queryRecoveryResult" => QueryRecovery(QueryRecoveryResult),
        10 "maintenanceStatusResult" => MaintenanceStatus(MaintenanceStatusResult),
        11 "endMaintenanceResult" => EndMaintenance(EndMaintenanceResult),
        17 "roleSummaryResult" => RoleSummary(RoleSummaryResult),
        18 "jobSummaryResult" => JobSummary(JobSummaryResult),
        20 "configSummaryResult" => ConfigSummary(ConfigSummaryResult),
        21 "getPendingReasonResult" => GetPendingReason(GetPendingReasonResult),
        22 "startJobUpdateResult" => StartJobUpdate(StartJobUpdateResult),
        23 "getJobUpdateSummariesResult" => GetJobUpdateSummaries(GetJobUpdateSummariesResult),
        24 "getJobUpdateDetailsResult" => GetJobUpdateDetails(GetJobUpdateDetailsResult),
        25 "pulseJobUpdateResult" => PulseJobUpdate(PulseJobUpdateResult),
        26 "getJobUpdateDiffResult" => GetJobUpdateDiff(GetJobUpdateDiffResult),
        27 "getTierConfigResult" => GetTierConfig(GetTierConfigResult),
    }
}

impl Response {
    /// The answer's messages, joined by `, ` as the original client shows them.
    pub fn message(&self) -> String {
        let messages: Vec<&str> = self
            .details
            .iter()
            .filter_map(|detail| detail.message.as_deref())
            .collect();
        messages.join(", ")
    }
}
