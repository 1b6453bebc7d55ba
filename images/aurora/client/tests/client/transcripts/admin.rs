//! The commands of `aurora_admin`.

use std::collections::BTreeSet;

use aurora_api::{
    CallResult, HostStatus, ListBackupsResult, MaintenanceMode, MaintenanceStatusResult,
    QueryRecoveryResult, Response, ScheduleStatus,
};

use super::answers::whole;
use super::{Case, no};
use crate::support::{done, ok};

/// Every command without its words.
pub(super) fn bare() -> Vec<Case> {
    [
        "query",
        "prune_tasks",
        "set_quota",
        "increase_quota",
        "scheduler_backup_now",
        "scheduler_list_backups",
        "scheduler_stage_recovery direct",
        "scheduler_print_recovery_tasks",
        "scheduler_delete_recovery_tasks direct",
        "scheduler_commit_recovery",
        "scheduler_unload_recovery",
        "scheduler_snapshot",
        "reconcile_tasks",
        "sla_list_safe_domain",
        "sla_probe_hosts",
        "get_cluster_config",
        "get_scheduler",
        "host_deactivate direct",
        "host_activate direct",
        "host_drain direct",
        "sla_host_drain direct",
        "host_status direct",
        "nosuch",
    ]
    .map(|line| (line, vec![]))
    .into()
}

fn statuses(modes: &[(&str, MaintenanceMode)]) -> (&'static str, Response) {
    let statuses = modes
        .iter()
        .map(|(host, mode)| HostStatus {
            host: (*host).to_owned(),
            mode: *mode,
        })
        .collect();
    let result = MaintenanceStatusResult { statuses };
    (
        "maintenanceStatus",
        ok(CallResult::MaintenanceStatus(result)),
    )
}

pub(super) fn cases() -> Vec<Case> {
    let backups = ListBackupsResult {
        backups: BTreeSet::from(["scheduler-backup-1".to_owned()]),
    };
    let recovery = QueryRecoveryResult {
        tasks: BTreeSet::new(),
    };
    let mut cases = vec![
        (
            "query direct www-data hello_world",
            vec![whole(&[(0, ScheduleStatus::Running)])],
        ),
        (
            "query -l '%role%/%name%/%instanceId% %status% %slaveHost% %taskId%' direct www-data hello_world",
            vec![whole(&[(0, ScheduleStatus::Running)])],
        ),
        (
            "query direct www-data hello_world",
            vec![no("getTasksStatus")],
        ),
        (
            "prune_tasks --role=www-data direct",
            vec![("pruneTasks", done())],
        ),
        ("prune_tasks --role=www-data direct", vec![no("pruneTasks")]),
        ("set_quota direct www-data 1.0 1x 1g", vec![]),
        ("set_quota direct www-data 1.0 1g 1g", vec![no("setQuota")]),
        (
            "increase_quota direct www-data 1.0 1g 1g",
            vec![no("getQuota")],
        ),
        (
            "scheduler_list_backups direct",
            vec![("listBackups", ok(CallResult::ListBackups(backups)))],
        ),
        ("scheduler_list_backups direct", vec![no("listBackups")]),
        (
            "scheduler_print_recovery_tasks direct",
            vec![("queryRecovery", ok(CallResult::QueryRecovery(recovery)))],
        ),
        (
            "scheduler_print_recovery_tasks direct",
            vec![no("queryRecovery")],
        ),
        ("get_cluster_config direct", vec![]),
        ("get_cluster_config nowhere", vec![]),
        ("get_scheduler nowhere", vec![]),
        ("get_scheduler direct", vec![("getTierConfigs", done())]),
        (
            "host_status --hosts=a,b direct",
            vec![statuses(&[
                ("a", MaintenanceMode::Draining),
                ("b", MaintenanceMode::None),
            ])],
        ),
        (
            "host_status --hosts=a direct",
            vec![no("maintenanceStatus")],
        ),
        (
            "host_deactivate --hosts=a direct",
            vec![no("startMaintenance")],
        ),
        ("host_activate --hosts=a direct", vec![no("endMaintenance")]),
        ("sla_host_drain --hosts=a direct", vec![no("slaDrainHosts")]),
        (
            "sla_host_drain --hosts=a --default_percentage=x direct",
            vec![],
        ),
    ];
    for (line, method) in [
        ("scheduler_backup_now direct", "performBackup"),
        ("scheduler_snapshot direct", "snapshot"),
        ("scheduler_stage_recovery direct backup", "stageRecovery"),
        (
            "scheduler_delete_recovery_tasks direct a,b",
            "deleteRecoveryTasks",
        ),
        ("scheduler_commit_recovery direct", "commitRecovery"),
        ("scheduler_unload_recovery direct", "unloadRecovery"),
        (
            "reconcile_tasks direct",
            "triggerExplicitTaskReconciliation",
        ),
        (
            "reconcile_tasks --type=implicit direct",
            "triggerImplicitTaskReconciliation",
        ),
    ] {
        cases.push((line, vec![(method, done())]));
        cases.push((line, vec![no(method)]));
    }
    cases
}
