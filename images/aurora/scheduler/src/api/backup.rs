//! Calls about snapshots, backups and the recovery from them.

use aurora_api::calls::{DeleteRecoveryTasksArgs, QueryRecoveryArgs, StageRecoveryArgs};
use aurora_api::storage::Snapshot;
use aurora_api::{CallResult, ListBackupsResult, QueryRecoveryResult};

use super::{Answer, Api, Failure, Outcome, required};
use crate::backup::BackupError;
use crate::engine::describe;
use crate::model::{Refusal, snapshot};

impl From<BackupError> for Failure {
    fn from(error: BackupError) -> Self {
        Self::Refused(Refusal::error(describe(&error)))
    }
}

impl Api<'_> {
    pub(super) fn snapshot(&self) -> Outcome {
        match self.engine.compact()? {
            Ok(()) => Ok(Answer::ok()),
            Err(error) => Err(Refusal::error(describe(&error)).into()),
        }
    }

    pub(super) fn perform_backup(&self) -> Outcome {
        self.engine.back_up()??;
        Ok(Answer::ok())
    }

    pub(super) fn list_backups(&self) -> Outcome {
        let backups = self.engine.recovery().backups.list()?;
        let result = ListBackupsResult { backups };
        Ok(Answer::result(CallResult::ListBackups(result)))
    }

    pub(super) fn stage_recovery(&self, args: StageRecoveryArgs) -> Outcome {
        let name = required(args.backup_id)?;
        let recovery = self.engine.recovery();
        let snapshot = recovery.backups.read(&name)?;
        let mut staged = recovery.staged();
        if staged.is_some() {
            return Err(Refusal::error("Another backup is already loaded.").into());
        }
        *staged = Some(snapshot);
        Ok(Answer::ok())
    }

    /// Does something with the staged backup.
    fn with_staged<R>(&self, run: impl FnOnce(&mut Snapshot) -> R) -> Result<R, Refusal> {
        let mut staged = self.engine.recovery().staged();
        match staged.as_mut() {
            Some(snapshot) => Ok(run(snapshot)),
            None => Err(Refusal::error("No backup loaded.")),
        }
    }

    pub(super) fn query_recovery(&self, args: QueryRecoveryArgs) -> Outcome {
        let query = required(args.query)?;
        let found = self.with_staged(|staged| snapshot::select(staged, &query))?;
        let tasks = found.into_iter().collect();
        let result = QueryRecoveryResult { tasks };
        Ok(Answer::result(CallResult::QueryRecovery(result)))
    }

    pub(super) fn delete_recovery_tasks(&self, args: DeleteRecoveryTasksArgs) -> Outcome {
        let query = required(args.query)?;
        self.with_staged(|staged| {
            for task in snapshot::select(staged, &query) {
                staged.tasks.remove(&task);
            }
        })?;
        Ok(Answer::ok())
    }

    pub(super) fn commit_recovery(&self) -> Outcome {
        let staged = self.with_staged(|staged| staged.clone())?;
        match self.engine.start_over(staged)? {
            Ok(()) => Ok(Answer::ok()),
            Err(error) => Err(Refusal::error(describe(&error)).into()),
        }
    }

    pub(super) fn unload_recovery(&self) -> Outcome {
        *self.engine.recovery().staged() = None;
        Ok(Answer::ok())
    }
}
