//! The thrift API's calls, carried out. How they came (protocol, HTTP) is not known here.

mod admin;
mod backup;
mod cron;
mod jobs;
mod reads;
mod updates;

use aurora_api::{Call, CallResult, Response, ResponseCode, ResponseDetail, ServerInfo};

use crate::engine::{Engine, NotReady};
use crate::model::Refusal;

/// The user of calls without authentication.
pub const UNSECURE: &str = "UNSECURE";

/// What a call led to.
#[derive(Debug, Default)]
pub struct Answer {
    result: Option<CallResult>,
    messages: Vec<String>,
    code: ResponseCodeOrOk,
}

/// OK unless said otherwise.
#[derive(Debug)]
struct ResponseCodeOrOk(ResponseCode);

impl Default for ResponseCodeOrOk {
    fn default() -> Self {
        Self(ResponseCode::Ok)
    }
}

impl Answer {
    /// Done, with nothing to say.
    pub fn ok() -> Self {
        Self::default()
    }

    /// Done, with this to show.
    pub fn result(result: CallResult) -> Self {
        Self {
            result: Some(result),
            ..Self::default()
        }
    }

    /// The same with a message.
    #[must_use]
    pub fn saying(mut self, message: impl Into<String>) -> Self {
        self.messages.push(message.into());
        self
    }

    fn refused(refusal: Refusal) -> Self {
        Self {
            code: ResponseCodeOrOk(refusal.code),
            messages: vec![refusal.message],
            result: None,
        }
    }
}

impl From<Refusal> for Answer {
    fn from(refusal: Refusal) -> Self {
        Self::refused(refusal)
    }
}

/// Why a call has no answer of its own.
enum Failure {
    NotReady,
    Refused(Refusal),
}

impl From<NotReady> for Failure {
    fn from(_: NotReady) -> Self {
        Self::NotReady
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

type Outcome = Result<Answer, Failure>;

fn required<T>(argument: Option<T>) -> Result<T, Refusal> {
    argument.ok_or_else(Refusal::missing)
}

/// The calls' common parts.
pub struct Api<'a> {
    /// Carries them out.
    pub engine: &'a Engine,
    /// In every answer.
    pub server_info: &'a ServerInfo,
    /// Who calls.
    pub user: &'a str,
}

impl Api<'_> {
    /// Carries a call out.
    pub fn answer(&self, call: Call) -> Response {
        let answer = match self.dispatch(call) {
            Ok(answer) => answer,
            Err(Failure::Refused(refusal)) => Answer::refused(refusal),
            Err(Failure::NotReady) => Answer {
                code: ResponseCodeOrOk(ResponseCode::ErrorTransient),
                messages: vec![NotReady.to_string()],
                result: None,
            },
        };
        Response {
            response_code: answer.code.0,
            result: answer.result,
            server_info: Some(self.server_info.clone()),
            details: answer
                .messages
                .into_iter()
                .map(|message| ResponseDetail {
                    message: Some(message),
                })
                .collect(),
        }
    }

    fn dispatch(&self, call: Call) -> Outcome {
        match call {
            Call::GetRoleSummary(_) => self.role_summary(),
            Call::GetJobSummary(args) => self.job_summary(args),
            Call::GetTasksStatus(args) => self.tasks_status(args),
            Call::GetTasksWithoutConfigs(args) => self.tasks_without_configs(args),
            Call::GetPendingReason(args) => self.pending_reason(args),
            Call::GetConfigSummary(args) => self.config_summary(args),
            Call::GetJobs(args) => self.jobs(args),
            Call::GetQuota(args) => self.quota(args),
            Call::PopulateJobConfig(args) => self.populate(args),
            Call::GetJobUpdateSummaries(args) => self.update_summaries(args),
            Call::GetJobUpdateDetails(args) => self.update_details(args),
            Call::GetJobUpdateDiff(args) => self.update_diff(args),
            Call::GetTierConfigs(_) => self.tier_configs(),
            Call::CreateJob(args) => self.create_job(args),
            Call::ScheduleCronJob(args) => self.schedule_cron(args.description, false),
            Call::ReplaceCronTemplate(args) => self.schedule_cron(args.config, true),
            Call::DescheduleCronJob(args) => self.deschedule_cron(args),
            Call::StartCronJob(args) => self.start_cron(args),
            Call::RestartShards(args) => self.restart_shards(args),
            Call::KillTasks(args) => self.kill_tasks(args),
            Call::AddInstances(args) => self.add_instances(args),
            Call::StartJobUpdate(args) => self.start_update(args),
            Call::PauseJobUpdate(args) => self.pause_update(args),
            Call::ResumeJobUpdate(args) => self.resume_update(args),
            Call::AbortJobUpdate(args) => self.abort_update(args),
            Call::RollbackJobUpdate(args) => self.rollback_update(args),
            Call::PulseJobUpdate(args) => self.pulse_update(args),
            Call::SetQuota(args) => self.set_quota(args),
            Call::ForceTaskState(args) => self.force_task_state(args),
            Call::PruneTasks(args) => self.prune_tasks(args),
            Call::Snapshot(_) => self.snapshot(),
            Call::PerformBackup(_) => self.perform_backup(),
            Call::ListBackups(_) => self.list_backups(),
            Call::StageRecovery(args) => self.stage_recovery(args),
            Call::QueryRecovery(args) => self.query_recovery(args),
            Call::DeleteRecoveryTasks(args) => self.delete_recovery_tasks(args),
            Call::CommitRecovery(_) => self.commit_recovery(),
            Call::UnloadRecovery(_) => self.unload_recovery(),
            Call::StartMaintenance(args) => self.start_maintenance(args),
            Call::DrainHosts(args) => self.drain_hosts(args),
            Call::SlaDrainHosts(args) => self.sla_drain_hosts(args),
            Call::MaintenanceStatus(args) => self.maintenance_status(args),
            Call::EndMaintenance(args) => self.end_maintenance(args),
            Call::TriggerExplicitTaskReconciliation(args) => self.reconcile_explicitly(args),
            Call::TriggerImplicitTaskReconciliation(_) => self.reconcile_implicitly(),
        }
    }
}
