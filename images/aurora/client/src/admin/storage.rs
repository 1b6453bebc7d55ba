//! Backups, recovery and snapshots of the scheduler's store.

use std::collections::BTreeSet;

use aurora_api::calls::{
    CommitRecoveryArgs, DeleteRecoveryTasksArgs, ListBackupsArgs, PerformBackupArgs,
    QueryRecoveryArgs, SnapshotArgs, StageRecoveryArgs, UnloadRecoveryArgs,
};
use aurora_api::{Call, CallResult, ScheduleStatus, TaskQuery};

use super::session::Session;
use crate::exit::Result;

pub(super) async fn backup_now(session: &Session) -> Result<()> {
    let call = Call::PerformBackup(PerformBackupArgs::default());
    session.order(call).await
}

pub(super) async fn list_backups(session: &Session) -> Result<()> {
    let call = Call::ListBackups(ListBackupsArgs::default());
    let backups = match session.call(&*session.scheduler()?, call).await? {
        Some(CallResult::ListBackups(listed)) => listed.backups,
        _ => BTreeSet::new(),
    };
    session
        .console
        .out(&format!("{} available backups:", backups.len()));
    for backup in backups {
        session.console.out(&backup);
    }
    Ok(())
}

pub(super) async fn stage(session: &Session) -> Result<()> {
    let args = StageRecoveryArgs {
        backup_id: Some(session.word(1).to_owned()),
    };
    session.order(Call::StageRecovery(args)).await
}

pub(super) async fn print_tasks(session: &Session) -> Result<()> {
    let query = TaskQuery {
        statuses: Some(ScheduleStatus::ACTIVE.iter().copied().collect()),
        ..TaskQuery::default()
    };
    let call = Call::QueryRecovery(QueryRecoveryArgs { query: Some(query) });
    let result = session.call(&*session.scheduler()?, call).await?;
    session.console.info("Role\tJob\tShard\tStatus\tTask ID");
    let Some(CallResult::QueryRecovery(staged)) = result else {
        return Ok(());
    };
    for task in staged.tasks {
        let assigned = &task.assigned_task;
        let job = assigned.task.job.clone().unwrap_or_default();
        session.console.info(&format!(
            "{}\t{}\t{}\t{}\t{}",
            job.role, job.name, assigned.instance_id, task.status, assigned.task_id
        ));
    }
    Ok(())
}

pub(super) async fn delete_tasks(session: &Session) -> Result<()> {
    let ids = session.word(1).split(',').map(str::to_owned).collect();
    let query = TaskQuery {
        task_ids: Some(ids),
        ..TaskQuery::default()
    };
    let args = DeleteRecoveryTasksArgs { query: Some(query) };
    session.order(Call::DeleteRecoveryTasks(args)).await
}

pub(super) async fn commit(session: &Session) -> Result<()> {
    let call = Call::CommitRecovery(CommitRecoveryArgs::default());
    session.order(call).await
}

pub(super) async fn unload(session: &Session) -> Result<()> {
    let call = Call::UnloadRecovery(UnloadRecoveryArgs::default());
    session.order(call).await
}

pub(super) async fn snapshot(session: &Session) -> Result<()> {
    let call = Call::Snapshot(SnapshotArgs::default());
    session.order(call).await
}
