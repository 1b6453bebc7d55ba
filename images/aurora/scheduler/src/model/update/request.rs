//! `startJobUpdate`: its checks, in the original's order, and the update it makes.

use std::collections::BTreeSet;

use aurora_api::{
    InstanceTaskConfig, JobUpdate, JobUpdateInstructions, JobUpdateKey, JobUpdateRequest,
    JobUpdateSettings, JobUpdateStatus, JobUpdateStrategy, JobUpdateSummary,
};

use super::diff::Diff;
use super::{expand, strategy};
use crate::model::validate::{NOT_FOR_CRON, Sanitized};
use crate::model::{Model, Refusal};

/// How a request to update went.
#[derive(Debug)]
pub enum Started {
    /// The update rolls.
    Rolling(JobUpdateSummary),
    /// The job is as requested.
    Unchanged,
    /// Another update is in progress: this one.
    Busy(JobUpdateSummary, Refusal),
}

/// Checks that need nothing but the request.
fn check_settings(
    request: &JobUpdateRequest,
    settings: &JobUpdateSettings,
    max_failures: i64,
) -> Result<JobUpdateStrategy, Refusal> {
    let refuse = |message: &str| Err(Refusal::invalid(message));
    let strategy = strategy(settings);
    let total: i64 = match &strategy {
        JobUpdateStrategy::Queue(queue) => queue.group_size.into(),
        JobUpdateStrategy::Batch(batch) => batch.group_size.into(),
        JobUpdateStrategy::VariableBatch(batch) => {
            if batch.group_sizes.iter().any(|size| *size <= 0) {
                return refuse("All update group sizes must be positive.");
            }
            batch.group_sizes.iter().map(|size| i64::from(*size)).sum()
        }
        JobUpdateStrategy::Unset => return refuse("Update strategy provided is unknown."),
    };
    if total <= 0 {
        return refuse("Update results in no instance being modified.");
    }
    if settings.max_per_instance_failures < 0 {
        return refuse("maxPerInstanceFailures must be non-negative.");
    }
    if settings.max_failed_instances < 0 {
        return refuse("maxFailedInstances must be non-negative.");
    }
    let failures =
        i64::from(settings.max_per_instance_failures) * i64::from(request.instance_count);
    if failures > max_failures {
        return refuse(
            "Your update allows too many failures to occur, consider decreasing the \
             per-instance failures or maxFailedInstances.",
        );
    }
    if settings.min_wait_in_instance_running_ms < 0 {
        return refuse("minWaitInInstanceRunningMs must be non-negative.");
    }
    if settings
        .block_if_no_pulses_after_ms
        .is_some_and(|ms| ms < 0)
    {
        return refuse("blockIfNoPulsesAfterMs must be positive.");
    }
    Ok(strategy)
}

/// The active states as the original lists them in its message.
fn active_states() -> String {
    let names: Vec<&str> = JobUpdateStatus::ACTIVE
        .iter()
        .map(|status| status.name())
        .collect();
    names.join(", ")
}

impl Model {
    /// `startJobUpdate`. `sanitize` validates the configuration, at its place among the checks.
    pub fn start_update(
        &mut self,
        request: JobUpdateRequest,
        sanitize: impl FnOnce(&Self, &JobUpdateRequest) -> Result<Sanitized, Refusal>,
        user: &str,
        message: Option<String>,
    ) -> Result<Started, Refusal> {
        let Some(config) = &request.task_config else {
            return Err(Refusal::missing());
        };
        if !config.is_service {
            return Err(Refusal::invalid(
                "Updates are not supported for non-service tasks.",
            ));
        }
        let Some(mut settings) = request.settings.clone() else {
            return Err(Refusal::missing());
        };
        let max_failures = self.settings.max_update_instance_failures;
        let strategy = check_settings(&request, &settings, max_failures)?;
        settings.update_strategy = Some(strategy);
        if settings.sla_aware == Some(true) && config.sla_policy.is_none() {
            let message = "slaAware is true, but no task slaPolicy is specified.";
            return Err(Refusal::invalid(message));
        }
        let job = sanitize(self, &request)?;
        if job.cron_schedule.is_some() || self.crons.contains_key(&job.key) {
            return Err(Refusal::invalid(NOT_FOR_CRON));
        }
        // One more than any instance can be: a larger scope is all the same to the comparison.
        let most = usize::try_from(self.settings.max_tasks_per_job).unwrap_or(0) * 2 + 1;
        let scope = settings.update_only_these_instances.as_ref();
        let scope: BTreeSet<i32> = scope.map(|scope| expand(scope, most)).unwrap_or_default();
        let current = self.running_configs(&job.key);
        // More than a job may have is refused below, and not counted out before.
        let most = self.settings.max_tasks_per_job.saturating_add(1);
        let count = job.instance_count.min(most);
        let diff = Diff::new(&current, &job.config, count, &scope);
        if !diff.irrelevant.is_empty() {
            let ids: Vec<String> = diff.irrelevant.iter().map(i32::to_string).collect();
            return Err(Refusal::invalid(format!(
                "The update request attempted to update specific instances, but some are \
                 irrelevant to the update and current job state: [{}]",
                ids.join(", ")
            )));
        }
        if diff.is_empty() {
            return Ok(Started::Unchanged);
        }
        self.check_instance_count(job.instance_count)?;
        let replacements = diff.replacements();
        let desired = InstanceTaskConfig {
            task: job.config,
            instances: replacements,
        };
        let instructions = JobUpdateInstructions {
            initial_state: diff.initial_state(),
            desired_state: (!desired.instances.is_empty()).then_some(desired),
            settings,
        };
        self.check_update_quota(&job.key, &instructions)?;
        if let Some(active) = self.active_update(&job.key) {
            let message = format!(
                "An active update already exists for this job, please terminate it before \
                 starting another. Active updates are those in states [{}]",
                active_states()
            );
            let summary = active.update.summary.clone();
            return Ok(Started::Busy(summary, Refusal::invalid(message)));
        }
        let id = self.chance.uuid().to_string();
        let summary = JobUpdateSummary {
            user: user.to_string(),
            state: None,
            key: JobUpdateKey { job: job.key, id },
            metadata: request.metadata,
        };
        let update = JobUpdate {
            summary: summary.clone(),
            instructions,
        };
        self.begin_update(update, user, message);
        Ok(Started::Rolling(summary))
    }
}
