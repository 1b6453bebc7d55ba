//! Calls of administrators.

use aurora_api::calls::{
    DrainHostsArgs, EndMaintenanceArgs, ForceTaskStateArgs, MaintenanceStatusArgs, PruneTasksArgs,
    SetQuotaArgs, SlaDrainHostsArgs, StartMaintenanceArgs, TriggerExplicitTaskReconciliationArgs,
};
use aurora_api::{
    CallResult, DrainHostsResult, EndMaintenanceResult, MaintenanceStatusResult,
    StartMaintenanceResult,
};

use super::{Answer, Api, Outcome, required};
use crate::model::Refusal;

impl Api<'_> {
    pub(super) fn set_quota(&self, args: SetQuotaArgs) -> Outcome {
        let role = args.owner_role.unwrap_or_default();
        let quota = required(args.quota)?;
        self.engine
            .promise(|model| model.set_quota(&role, &quota))??;
        Ok(Answer::ok())
    }

    pub(super) fn force_task_state(&self, args: ForceTaskStateArgs) -> Outcome {
        let task = required(args.task_id)?;
        let status = required(args.status)?;
        self.engine
            .promise(|model| model.force(&task, status, self.user))?;
        Ok(Answer::ok())
    }

    pub(super) fn prune_tasks(&self, args: PruneTasksArgs) -> Outcome {
        let query = required(args.query)?;
        self.engine.promise(|model| {
            let pruned = model.prune_tasks(&query)?;
            model.note_workload("pruneTasks", pruned);
            Ok::<(), Refusal>(())
        })??;
        Ok(Answer::ok())
    }

    pub(super) fn start_maintenance(&self, args: StartMaintenanceArgs) -> Outcome {
        let hosts = required(args.hosts)?.host_names;
        let statuses = self.engine.promise(|model| {
            model.note_workload("startMaintenance", hosts.len());
            model.start_maintenance(&hosts)
        })?;
        let result = StartMaintenanceResult { statuses };
        Ok(Answer::result(CallResult::StartMaintenance(result)))
    }

    pub(super) fn drain_hosts(&self, args: DrainHostsArgs) -> Outcome {
        let hosts = required(args.hosts)?.host_names;
        let statuses = self.engine.promise(|model| {
            model.note_workload("drainHosts", hosts.len());
            model.drain_hosts(&hosts)
        })?;
        let result = DrainHostsResult { statuses };
        Ok(Answer::result(CallResult::DrainHosts(result)))
    }

    pub(super) fn sla_drain_hosts(&self, args: SlaDrainHostsArgs) -> Outcome {
        let hosts = required(args.hosts)?.host_names;
        let policy = required(args.default_sla_policy)?;
        let timeout_secs = args.timeout_secs.unwrap_or(0);
        let statuses = self.engine.promise(|model| {
            model.note_workload("slaDrainHosts", hosts.len());
            model.sla_drain_hosts(&hosts, &policy, timeout_secs)
        })?;
        let result = DrainHostsResult { statuses };
        Ok(Answer::result(CallResult::DrainHosts(result)))
    }

    pub(super) fn maintenance_status(&self, args: MaintenanceStatusArgs) -> Outcome {
        let hosts = required(args.hosts)?.host_names;
        let statuses = self.engine.promise(|model| {
            model.note_workload("maintenanceStatus", hosts.len());
            model.maintenance_status(&hosts)
        })?;
        let result = MaintenanceStatusResult { statuses };
        Ok(Answer::result(CallResult::MaintenanceStatus(result)))
    }

    pub(super) fn end_maintenance(&self, args: EndMaintenanceArgs) -> Outcome {
        let hosts = required(args.hosts)?.host_names;
        let statuses = self.engine.promise(|model| {
            model.note_workload("endMaintenance", hosts.len());
            model.end_maintenance(&hosts)
        })?;
        let result = EndMaintenanceResult { statuses };
        Ok(Answer::result(CallResult::EndMaintenance(result)))
    }

    pub(super) fn reconcile_explicitly(
        &self,
        args: TriggerExplicitTaskReconciliationArgs,
    ) -> Outcome {
        let batch = args.settings.and_then(|settings| settings.batch_size);
        if batch.is_some_and(|batch| batch <= 0) {
            return Err(Refusal::invalid("Batch size must be greater than zero.").into());
        }
        self.engine.promise(|model| {
            let batch = batch.and_then(|batch| usize::try_from(batch).ok());
            model.reconcile_known(batch);
        })?;
        Ok(Answer::ok())
    }

    pub(super) fn reconcile_implicitly(&self) -> Outcome {
        self.engine.promise(|model| model.reconcile_unknown())?;
        Ok(Answer::ok())
    }
}
