//! Containers of the agent's former life.

use std::sync::Arc;

use tokio::sync::watch;

use super::record::{self, Record, Termination};
use super::{Entry, Nested, Phase};
use crate::tree::{self, Root};

impl Nested {
    /// Takes back what is described in the runtime folder, and ends what has lost its owner: sessions,
    /// whose connections broke, and whatever was in an executor that is not among `executors`.
    pub fn recover(self: &Arc<Self>, executors: &[String]) {
        let mut records = record::all(&self.settings.runtime_dir);
        records.retain(|record| record.work_dir == self.settings.work_dir);
        // Outer ones first: their ends end what is in them.
        records.sort_by(|a, b| a.id.cmp(&b.id));
        let alone: Vec<String> = records
            .iter()
            .filter(|record| record.id.parent().is_none())
            .map(|record| record.id.outermost().to_string())
            .collect();
        for record in records {
            let outermost = record.id.outermost().to_string();
            if executors.contains(&outermost) || alone.contains(&outermost) {
                self.adopt(record);
            } else {
                self.discard(record);
            }
        }
    }

    fn adopt(self: &Arc<Self>, record: Record) {
        let id = record.id.clone();
        let alive = record.is_alive();
        let phase = if alive {
            Phase::Running
        } else {
            Phase::Ended(Termination::of(record::status(&self.runtime(&id))))
        };
        tracing::info!(
            "container {id} is taken back: it {}",
            if alive { "runs" } else { "has ended" }
        );
        let entry = Entry {
            record: Some(record.clone()),
            phase: watch::Sender::new(phase),
            ..Entry::new()
        };
        let destroy = entry.destroy.clone();
        self.table().insert(id.clone(), entry);
        if alive {
            if record.is_session {
                destroy.notify_one();
            }
            tokio::spawn(self.clone().attend(id, record, None));
        }
    }

    fn discard(self: &Arc<Self>, record: Record) {
        tracing::warn!(
            "container {} has lost its executor, and is ended",
            record.id
        );
        let root = record.launcher.map(|(pid, start)| Root {
            pid,
            start: Some(start),
            mark: None,
        });
        let folder = self.runtime(&record.id);
        let alive = record.is_alive();
        tokio::spawn(async move {
            if let (Some(root), true) = (root, alive) {
                tree::destroy(&root).await;
            }
            if let Some(socket) = &record.socket {
                let _ = std::fs::remove_file(socket);
            }
            if let Err(error) = super::remove(&folder) {
                tracing::warn!("`{}` cannot be removed: {error}", folder.display());
            }
        });
    }
}
