//! What the scheduler must not forget, in one embedded database that the schedulers of a cluster
//! share.
//!
//! Nobody holds a lock on it for longer than a transaction, so a paused scheduler blocks nobody.
//! Instead every write checks, in its own transaction, that the writer still is the leader the
//! database knows: a deposed one can change nothing any more.

mod schema;
mod write;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use aurora_api::{JobUpdate, JobUpdateDetails, Protocol, ResourceAggregate, TaskConfig, Value};
use rusqlite::{Connection, ErrorCode, OptionalExtension, TransactionBehavior, params};
use thiserror::Error;

use crate::model::Stored;
use crate::model::effect::Record;
use crate::model::task::Task;

/// The database's file, in the folder that `-native_log_file_path` names.
pub const FILE_NAME: &str = "scheduler.sqlite3";

/// How long a transaction waits for another process's.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long to wait before asking again what was answered with busy.
const BUSY_PAUSE: Duration = Duration::from_millis(5);

/// Why the store could not be read or written.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The folder cannot be made.
    #[error("cannot make the folder `{}`", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The database refused.
    #[error("the store at `{}` failed", path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: rusqlite::Error,
    },
    /// A record is not what was once written.
    #[error("a record in table `{table}` cannot be read: {reason}")]
    Corrupt {
        /// The table.
        table: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// Another scheduler leads.
    #[error("another scheduler has taken the store over")]
    Deposed,
    /// A newer program wrote the database.
    #[error("the store has schema {found}, and this program knows schemas up to {known}")]
    Schema {
        /// What the file says.
        found: i64,
        /// The newest known.
        known: i64,
    },
}

/// A leadership's place in the order of all leaderships, as ZooKeeper gives it: a later one is
/// greater. `era` is when the election's folder was made, so that a new ZooKeeper starts a new era.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Epoch {
    /// Milliseconds since the epoch.
    pub era: i64,
    /// The transaction in which ZooKeeper made the candidate's znode.
    pub zxid: i64,
}

/// What a commit outlives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lasting {
    /// The death of the process at any moment. Costs microseconds.
    Process,
    /// A power cut too, with all commits before it. Costs a flush of the disk, some milliseconds.
    Machine,
}

/// The open database.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    connection: Connection,
    epoch: Option<Epoch>,
    /// Whether commits are flushed to the disk at present.
    flushes: bool,
    /// Numbers of configurations that are known to be stored.
    configs: HashMap<Arc<TaskConfig>, i64>,
}

/// Has the database keep a write-ahead log. While another process makes the same change SQLite says that
/// it is busy at once, whatever timeout is set.
fn keep_write_ahead_log(connection: &Connection) -> rusqlite::Result<()> {
    let start = Instant::now();
    loop {
        match connection.pragma_update(None, "journal_mode", "WAL") {
            Err(error)
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                    && start.elapsed() < BUSY_TIMEOUT =>
            {
                std::thread::sleep(BUSY_PAUSE);
            }
            done => return done,
        }
    }
}

impl Store {
    /// Opens the database in this folder, or makes both.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        std::fs::create_dir_all(folder).map_err(|source| StoreError::Folder {
            path: folder.to_path_buf(),
            source,
        })?;
        let path = folder.join(FILE_NAME);
        let failed = |source| StoreError::Database {
            path: path.clone(),
            source,
        };
        let connection = Connection::open(&path).map_err(failed)?;
        connection.busy_timeout(BUSY_TIMEOUT).map_err(failed)?;
        // A write-ahead log survives the death of the process. That of the machine it survives up to
        // its last flush, which each transaction chooses.
        keep_write_ahead_log(&connection).map_err(failed)?;
        connection
            .pragma_update(None, "synchronous", "NORMAL")
            .map_err(failed)?;
        let mut store = Self {
            path,
            connection,
            flushes: false,
            epoch: None,
            configs: HashMap::new(),
        };
        store.prepare()?;
        Ok(store)
    }

    fn prepare(&mut self) -> Result<(), StoreError> {
        let path = self.path.clone();
        let failed = |source| StoreError::Database {
            path: path.clone(),
            source,
        };
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(failed)?;
        let found: i64 = transaction
            .pragma_query_value(None, "user_version", |row| row.get(0))
            .map_err(failed)?;
        if found > schema::VERSION {
            return Err(StoreError::Schema {
                found,
                known: schema::VERSION,
            });
        }
        if found < schema::VERSION {
            transaction.execute_batch(schema::CREATE).map_err(failed)?;
            transaction
                .pragma_update(None, "user_version", schema::VERSION)
                .map_err(failed)?;
        }
        transaction.commit().map_err(failed)
    }

    /// Moves everything from the write-ahead log to the database's file.
    pub fn compact(&mut self) -> Result<(), StoreError> {
        let path = self.path.clone();
        self.connection
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
            .map_err(|source| StoreError::Database { path, source })
    }

    /// Replaces everything that is stored, all or nothing.
    pub fn replace(&mut self, stored: Stored) -> Result<(), StoreError> {
        let mut records: Vec<Record> = Vec::new();
        for mut scheduled in stored.tasks {
            let config = Arc::new(std::mem::take(&mut scheduled.assigned_task.task));
            let task = Task::from_scheduled(scheduled, config);
            records.extend(task.map(|task| Record::SaveTask(Box::new(task))));
        }
        for details in stored.updates {
            let key = details.update.summary.key.clone();
            records.push(Record::SaveUpdate(Box::new(details.update)));
            let events = details.update_events.into_iter();
            records.extend(events.map(|event| Record::AddUpdateEvent(key.clone(), event)));
            let events = details.instance_events.into_iter();
            records.extend(events.map(|event| Record::AddInstanceEvent(key.clone(), event)));
        }
        records.extend(stored.hosts.into_iter().map(Record::SaveHost));
        let requests = stored.maintenance.into_iter();
        records.extend(requests.map(Record::SaveMaintenance));
        let quotas = stored.quotas.into_iter();
        records.extend(quotas.map(|(role, quota)| Record::SaveQuota(role, quota)));
        let crons = stored.crons.into_iter().map(Box::new);
        records.extend(crons.map(Record::SaveCronJob));
        let id = stored.framework_id.unwrap_or_default();
        records.push(Record::SaveFrameworkId(id));
        self.configs.clear();
        self.flush(Lasting::Machine)?;
        self.transact(Some(schema::EMPTY), &records)
    }

    /// Makes this process the writer, unless a later leadership has been here, and reads everything.
    pub fn take_over(&mut self, epoch: Epoch, host: &str) -> Result<Stored, StoreError> {
        let path = self.path.clone();
        let failed = |source| StoreError::Database {
            path: path.clone(),
            source,
        };
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(failed)?;
        let last: Option<(i64, i64)> = transaction
            .query_row("SELECT era, zxid FROM leader", [], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .optional()
            .map_err(failed)?;
        if last.is_some_and(|(era, zxid)| Epoch { era, zxid } >= epoch) {
            return Err(StoreError::Deposed);
        }
        transaction
            .execute(
                "INSERT OR REPLACE INTO leader (id, era, zxid, host) VALUES (0, ?1, ?2, ?3)",
                params![epoch.era, epoch.zxid, host],
            )
            .map_err(failed)?;
        transaction
            .execute(
                "DELETE FROM configs WHERE id NOT IN (SELECT config FROM tasks)",
                [],
            )
            .map_err(failed)?;
        let stored = read_all(&transaction, &path)?;
        transaction.commit().map_err(failed)?;
        self.epoch = Some(epoch);
        self.configs.clear();
        Ok(stored)
    }

    /// Makes commits outlive the machine, or only the process.
    fn flush(&mut self, lasting: Lasting) -> Result<(), StoreError> {
        let flushes = lasting == Lasting::Machine;
        if flushes != self.flushes {
            let level = if flushes { "FULL" } else { "NORMAL" };
            self.connection
                .pragma_update(None, "synchronous", level)
                .map_err(|source| StoreError::Database {
                    path: self.path.clone(),
                    source,
                })?;
            self.flushes = flushes;
        }
        Ok(())
    }

    /// Stores the changes of one command, all or none.
    pub fn commit(&mut self, records: &[Record], lasting: Lasting) -> Result<(), StoreError> {
        if records.is_empty() {
            return Ok(());
        }
        self.flush(lasting)?;
        self.transact(None, records)
    }

    /// Runs a statement, if given, and stores these records, all or none, if this still is the leader.
    fn transact(&mut self, first: Option<&str>, records: &[Record]) -> Result<(), StoreError> {
        let epoch = self.epoch.ok_or(StoreError::Deposed)?;
        let path = self.path.clone();
        let failed = |source| StoreError::Database {
            path: path.clone(),
            source,
        };
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(failed)?;
        let leads = transaction
            .prepare_cached("SELECT 1 FROM leader WHERE era = ?1 AND zxid = ?2")
            .and_then(|mut statement| statement.exists(params![epoch.era, epoch.zxid]))
            .map_err(failed)?;
        if !leads {
            return Err(StoreError::Deposed);
        }
        if let Some(first) = first {
            transaction.execute_batch(first).map_err(failed)?;
        }
        if self.configs.len() > write::MAX_KNOWN_CONFIGS {
            self.configs.clear();
        }
        for record in records {
            write::apply(&transaction, &mut self.configs, record).map_err(|error| match error {
                write::WriteError::Database(source) => failed(source),
                write::WriteError::Encode { table, reason } => {
                    StoreError::Corrupt { table, reason }
                }
            })?;
        }
        transaction.commit().map_err(failed)
    }
}

fn decode<T: Value>(table: &'static str, data: &[u8]) -> Result<T, StoreError> {
    Protocol::Binary
        .decode(data)
        .map_err(|error| StoreError::Corrupt {
            table,
            reason: error.to_string(),
        })
}

/// Reads two columns of every row.
fn rows<A: rusqlite::types::FromSql, B: rusqlite::types::FromSql>(
    connection: &Connection,
    path: &Path,
    query: &str,
) -> Result<Vec<(A, B)>, StoreError> {
    let read = || {
        let mut statement = connection.prepare(query)?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        rows.collect::<Result<Vec<(A, B)>, rusqlite::Error>>()
    };
    read().map_err(|source| StoreError::Database {
        path: path.to_path_buf(),
        source,
    })
}

fn read_all(connection: &Connection, path: &Path) -> Result<Stored, StoreError> {
    let mut stored = Stored::default();
    let mut configs: HashMap<i64, TaskConfig> = HashMap::new();
    for (id, data) in rows::<i64, Vec<u8>>(connection, path, "SELECT id, data FROM configs")? {
        configs.insert(id, decode("configs", &data)?);
    }
    for (config, data) in rows::<i64, Vec<u8>>(connection, path, "SELECT config, data FROM tasks")?
    {
        let mut task: aurora_api::ScheduledTask = decode("tasks", &data)?;
        let config = configs.get(&config).ok_or_else(|| StoreError::Corrupt {
            table: "tasks",
            reason: format!("configuration {config} is missing"),
        })?;
        task.assigned_task.task = config.clone();
        stored.tasks.push(task);
    }
    let mut updates: HashMap<i64, JobUpdateDetails> = HashMap::new();
    for (id, data) in rows::<i64, Vec<u8>>(connection, path, "SELECT id, data FROM updates")? {
        let update: JobUpdate = decode("updates", &data)?;
        updates.insert(
            id,
            JobUpdateDetails {
                update,
                ..JobUpdateDetails::default()
            },
        );
    }
    let query = "SELECT parent, data FROM update_events ORDER BY id";
    for (parent, data) in rows::<i64, Vec<u8>>(connection, path, query)? {
        if let Some(details) = updates.get_mut(&parent) {
            details.update_events.push(decode("update_events", &data)?);
        }
    }
    let query = "SELECT parent, data FROM instance_events ORDER BY id";
    for (parent, data) in rows::<i64, Vec<u8>>(connection, path, query)? {
        if let Some(details) = updates.get_mut(&parent) {
            details
                .instance_events
                .push(decode("instance_events", &data)?);
        }
    }
    stored.updates = updates.into_values().collect();
    for (_, data) in rows::<String, Vec<u8>>(connection, path, "SELECT host, data FROM hosts")? {
        stored.hosts.push(decode("hosts", &data)?);
    }
    let query = "SELECT host, data FROM maintenance";
    for (_, data) in rows::<String, Vec<u8>>(connection, path, query)? {
        stored.maintenance.push(decode("maintenance", &data)?);
    }
    for (role, data) in rows::<String, Vec<u8>>(connection, path, "SELECT role, data FROM quotas")?
    {
        stored
            .quotas
            .insert(role, decode::<ResourceAggregate>("quotas", &data)?);
    }
    for (_, data) in rows::<String, Vec<u8>>(connection, path, "SELECT job, data FROM crons")? {
        stored.crons.push(decode("crons", &data)?);
    }
    for (name, value) in rows::<String, String>(connection, path, "SELECT name, value FROM meta")? {
        if name == write::FRAMEWORK_ID && !value.is_empty() {
            stored.framework_id = Some(value);
        }
    }
    Ok(stored)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_must_outlive_the_machine_is_flushed() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(folder.path()).unwrap();
        store.take_over(Epoch { era: 1, zxid: 1 }, "a").unwrap();
        let level = |store: &Store| -> i64 {
            let read = store
                .connection
                .pragma_query_value(None, "synchronous", |row| row.get(0));
            read.unwrap()
        };
        let (normal, full) = (1, 2);
        let record = [Record::SaveFrameworkId("F".to_string())];
        for (lasting, want) in [
            (Lasting::Process, normal),
            (Lasting::Machine, full),
            (Lasting::Machine, full),
            (Lasting::Process, normal),
        ] {
            store.commit(&record, lasting).unwrap();
            assert_eq!(level(&store), want, "{lasting:?}");
        }
    }
}
