//! Snapshots, backups and the recovery from them.

use std::collections::BTreeSet;

use aurora_api::calls::{
    CommitRecoveryArgs, DeleteRecoveryTasksArgs, KillTasksArgs, ListBackupsArgs, PerformBackupArgs,
    QueryRecoveryArgs, SnapshotArgs, StageRecoveryArgs, UnloadRecoveryArgs,
};
use aurora_api::{Call, CallResult, Protocol, ResponseCode, TaskQuery};
use aurora_scheduler::store::{Epoch, Store};

use crate::http::{create, key};
use crate::support::server::Server;

async fn told(server: &Server, call: Call) -> (ResponseCode, String) {
    let response = server.call(Protocol::Json, &call).await;
    (response.response_code, response.message())
}

fn ok() -> (ResponseCode, String) {
    (ResponseCode::Ok, String::new())
}

fn error(text: &str) -> (ResponseCode, String) {
    (ResponseCode::Error, text.to_string())
}

fn stage(name: &str) -> Call {
    Call::StageRecovery(StageRecoveryArgs {
        backup_id: Some(name.to_string()),
    })
}

fn instance(instance: i32) -> TaskQuery {
    TaskQuery {
        instance_ids: Some(BTreeSet::from([instance])),
        ..TaskQuery::default()
    }
}

/// The instances of the staged backup.
async fn staged(server: &Server) -> Vec<i32> {
    let query = Some(TaskQuery::default());
    let call = Call::QueryRecovery(QueryRecoveryArgs { query });
    match server.call(Protocol::Binary, &call).await.result {
        Some(CallResult::QueryRecovery(result)) => {
            let instances = result.tasks.iter().map(|t| t.assigned_task.instance_id);
            instances.collect::<BTreeSet<i32>>().into_iter().collect()
        }
        other => panic!("no tasks: {other:?}"),
    }
}

#[tokio::test]
async fn a_backup_brings_back_what_was_there() {
    let server = Server::start().await;
    server.call(Protocol::Binary, &create(3)).await;
    let snapshot = Call::Snapshot(SnapshotArgs::default());
    assert_eq!(told(&server, snapshot).await, ok());
    let backup = Call::PerformBackup(PerformBackupArgs::default());
    assert_eq!(told(&server, backup).await, ok());
    let list = Call::ListBackups(ListBackupsArgs::default());
    let Some(CallResult::ListBackups(list)) = server.call(Protocol::Json, &list).await.result
    else {
        panic!("no backups")
    };
    let names: Vec<&String> = list.backups.iter().collect();
    let [name] = names.as_slice() else {
        panic!("not one backup: {names:?}")
    };
    let kill = Call::KillTasks(KillTasksArgs {
        job: Some(key()),
        ..KillTasksArgs::default()
    });
    assert_eq!(told(&server, kill).await, ok());
    assert_eq!(server.engine.read(|model| model.tasks().len()), Ok(0));

    let commit = || Call::CommitRecovery(CommitRecoveryArgs::default());
    let delete = |query| Call::DeleteRecoveryTasks(DeleteRecoveryTasksArgs { query: Some(query) });
    assert_eq!(told(&server, commit()).await, error("No backup loaded."));
    assert_eq!(
        told(&server, delete(instance(0))).await,
        error("No backup loaded.")
    );
    let (code, text) = told(&server, stage("nothing")).await;
    assert_eq!(code, ResponseCode::Error);
    assert!(
        text.starts_with("Backup /") && text.ends_with("/nothing does not exist."),
        "{text}"
    );
    assert_eq!(told(&server, stage(name)).await, ok());
    assert_eq!(
        told(&server, stage(name)).await,
        error("Another backup is already loaded.")
    );
    assert_eq!(staged(&server).await, [0, 1, 2]);
    assert_eq!(told(&server, delete(instance(1))).await, ok());
    assert_eq!(staged(&server).await, [0, 2]);
    let unload = Call::UnloadRecovery(UnloadRecoveryArgs::default());
    assert_eq!(told(&server, unload).await, ok());
    assert_eq!(told(&server, stage(name)).await, ok());
    assert_eq!(staged(&server).await, [0, 1, 2], "as it is in the file");
    assert_eq!(told(&server, delete(instance(1))).await, ok());
    assert_eq!(told(&server, commit()).await, ok());
    assert!(server.engine.failure().await.contains("recovered backup"));

    let mut store = Store::open(server.folder.path()).unwrap();
    let stored = store.take_over(Epoch { era: 1, zxid: 2 }, "next").unwrap();
    let instances: BTreeSet<i32> = stored
        .tasks
        .iter()
        .map(|t| t.assigned_task.instance_id)
        .collect();
    assert_eq!(instances, BTreeSet::from([0, 2]));
    assert_eq!(stored.framework_id.as_deref(), Some("F"));
}
