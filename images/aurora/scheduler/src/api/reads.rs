//! Calls that only read.

use std::collections::BTreeMap;

use aurora_api::calls::{
    GetConfigSummaryArgs, GetJobSummaryArgs, GetJobsArgs, GetPendingReasonArgs, GetQuotaArgs,
    GetTasksStatusArgs, GetTasksWithoutConfigsArgs, PopulateJobConfigArgs,
};
use aurora_api::text::to_text;
use aurora_api::{
    CallResult, ConfigSummaryResult, GetJobsResult, GetPendingReasonResult, GetTierConfigResult,
    JobSummaryResult, PopulateJobResult, RoleSummaryResult, ScheduleStatusResult, TierConfig,
};

use super::jobs::valid;
use super::{Answer, Api, Outcome, required};
use crate::model::task::Task;
use crate::model::{Refusal, query};

impl Api<'_> {
    pub(super) fn role_summary(&self) -> Outcome {
        let summaries = self.engine.read(|model| model.role_summaries())?;
        Ok(Answer::result(CallResult::RoleSummary(RoleSummaryResult {
            summaries,
        })))
    }

    pub(super) fn job_summary(&self, args: GetJobSummaryArgs) -> Outcome {
        let summaries = self
            .engine
            .read(|model| model.job_summaries(args.role.as_deref()))?;
        Ok(Answer::result(CallResult::JobSummary(JobSummaryResult {
            summaries,
        })))
    }

    pub(super) fn tasks_status(&self, args: GetTasksStatusArgs) -> Outcome {
        let asked = args.query.unwrap_or_default();
        let tasks = self.engine.read(|model| {
            let found = query::select(model.tasks(), &asked);
            found.into_iter().map(Task::to_scheduled).collect()
        })?;
        Ok(Answer::result(CallResult::ScheduleStatus(
            ScheduleStatusResult { tasks },
        )))
    }

    pub(super) fn tasks_without_configs(&self, args: GetTasksWithoutConfigsArgs) -> Outcome {
        let asked = args.query.unwrap_or_default();
        let tasks = self.engine.read(|model| {
            let found = query::select(model.tasks(), &asked);
            found
                .into_iter()
                .map(Task::to_scheduled_without_data)
                .collect::<Option<Vec<_>>>()
        })?;
        let tasks = tasks.ok_or_else(|| Refusal::error("a task has no executor configuration"))?;
        Ok(Answer::result(CallResult::ScheduleStatus(
            ScheduleStatusResult { tasks },
        )))
    }

    pub(super) fn pending_reason(&self, args: GetPendingReasonArgs) -> Outcome {
        let asked = args.query.unwrap_or_default();
        if asked
            .slave_hosts
            .as_ref()
            .is_some_and(|hosts| !hosts.is_empty())
        {
            let text = format!("SlaveHosts are not supported in {}", to_text(&asked));
            return Err(Refusal::invalid(text).into());
        }
        if asked
            .statuses
            .as_ref()
            .is_some_and(|statuses| !statuses.is_empty())
        {
            let text = format!("Statuses is not supported in {}", to_text(&asked));
            return Err(Refusal::invalid(text).into());
        }
        let reasons = self.engine.read(|model| model.pending_reasons(&asked))?;
        Ok(Answer::result(CallResult::GetPendingReason(
            GetPendingReasonResult { reasons },
        )))
    }

    pub(super) fn config_summary(&self, args: GetConfigSummaryArgs) -> Outcome {
        let job = valid(args.job)?;
        let summary = self.engine.read(|model| model.config_summary(&job))?;
        Ok(Answer::result(CallResult::ConfigSummary(
            ConfigSummaryResult { summary },
        )))
    }

    pub(super) fn jobs(&self, args: GetJobsArgs) -> Outcome {
        let configs = self
            .engine
            .read(|model| model.jobs(args.owner_role.as_deref()))?;
        Ok(Answer::result(CallResult::GetJobs(GetJobsResult {
            configs,
        })))
    }

    pub(super) fn quota(&self, args: GetQuotaArgs) -> Outcome {
        let role = args.owner_role.unwrap_or_default();
        let quota = self.engine.read(|model| model.quota(&role))??;
        Ok(Answer::result(CallResult::GetQuota(quota)))
    }

    pub(super) fn populate(&self, args: PopulateJobConfigArgs) -> Outcome {
        let description = required(args.description)?;
        let populated = self.engine.read(|model| model.sanitize(&description))?;
        let job = populated.map_err(|refusal| {
            Refusal::invalid(format!("Invalid configuration: {}", refusal.message))
        })?;
        let task_config = Some(job.config);
        Ok(Answer::result(CallResult::PopulateJob(PopulateJobResult {
            task_config,
        })))
    }

    pub(super) fn tier_configs(&self) -> Outcome {
        let result = self.engine.read(|model| {
            let settings = model.settings();
            GetTierConfigResult {
                default_tier_name: settings.default_tier.clone(),
                tiers: settings
                    .tiers
                    .iter()
                    .map(|(name, tier)| TierConfig {
                        name: name.clone(),
                        settings: BTreeMap::from([
                            ("preemptible".to_string(), tier.preemptible.to_string()),
                            ("revocable".to_string(), tier.revocable.to_string()),
                        ]),
                    })
                    .collect(),
            }
        })?;
        Ok(Answer::result(CallResult::GetTierConfig(result)))
    }
}
