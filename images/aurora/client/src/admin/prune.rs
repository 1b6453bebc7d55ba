//! `prune_tasks` and `reconcile_tasks`.

use aurora_api::calls::{
    PruneTasksArgs, TriggerExplicitTaskReconciliationArgs, TriggerImplicitTaskReconciliationArgs,
};
use aurora_api::{Call, ExplicitReconciliationSettings, ResponseCode, TaskQuery};

use super::query::states;
use super::session::{Session, die};
use crate::context::combined;
use crate::exit::Result;

/// Has the scheduler forget tasks that are over.
pub(super) async fn prune_tasks(session: &Session) -> Result<()> {
    let args = &session.args;
    let scheduler = session.scheduler()?;
    let query = TaskQuery {
        statuses: args.text("--states").map(states).transpose()?,
        role: args.text("--role").map(str::to_owned),
        environment: args.text("--env").map(str::to_owned),
        limit: args
            .number("--limit")
            .filter(|limit| *limit != 0)
            .map(|limit| i32::try_from(limit).map_err(|_| die("--limit is out of range")))
            .transpose()?,
        ..TaskQuery::default()
    };
    let call = Call::PruneTasks(PruneTasksArgs { query: Some(query) });
    let response = scheduler.call(call).await?;
    if response.response_code != ResponseCode::Ok {
        return Err(die(format!(
            "Failed to prune tasks: {}",
            combined(&response)
        )));
    }
    session.console.out("Tasks pruned.");
    Ok(())
}

/// Has the scheduler compare its tasks with the master's.
pub(super) async fn reconcile_tasks(session: &Session) -> Result<()> {
    let args = &session.args;
    if args.value("-t") == Some("implicit") {
        let args = TriggerImplicitTaskReconciliationArgs::default();
        return session
            .order(Call::TriggerImplicitTaskReconciliation(args))
            .await;
    }
    let batch_size = args
        .number("-b")
        .map(|size| i32::try_from(size).map_err(|_| die("--batch_size is out of range")))
        .transpose()?;
    let args = TriggerExplicitTaskReconciliationArgs {
        settings: Some(ExplicitReconciliationSettings { batch_size }),
    };
    session
        .order(Call::TriggerExplicitTaskReconciliation(args))
        .await
}
