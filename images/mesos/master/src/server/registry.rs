//! What outlives a master, in one embedded database on a volume that the masters of a cluster share.
//!
//! Nobody holds a lock for longer than a transaction, so a paused master blocks nobody. Instead every
//! write checks in its own transaction that the writer still is the leader that the database knows: a
//! deposed one can change nothing any more.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use mesos_proto::mesos::SlaveInfo;
use protobuf::Message as _;
use rusqlite::{
    Connection, ErrorCode, OptionalExtension as _, Transaction, TransactionBehavior, params,
};
use thiserror::Error;

use super::records;
use crate::model::{AgentId, Record, Standing};

/// The database's file, in `--work_dir`.
const FILE_NAME: &str = "registry.sqlite3";

/// How long a transaction waits for another process's.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long to wait before asking again what was answered with busy.
const BUSY_PAUSE: Duration = Duration::from_millis(5);

/// The form of the tables.
const VERSION: i64 = 3;

/// An agent's row holds what it said of itself if it is admitted, else since when it is not. The first
/// form had no `deactivated`, the second no `records`.
const CREATE: &str = "
    CREATE TABLE IF NOT EXISTS leader (id INTEGER PRIMARY KEY CHECK (id = 0), era INTEGER NOT NULL, zxid INTEGER NOT NULL);
    CREATE TABLE IF NOT EXISTS agents (id TEXT PRIMARY KEY, standing TEXT NOT NULL, since INTEGER NOT NULL, info BLOB) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS deactivated (id TEXT PRIMARY KEY) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS records (kind TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, PRIMARY KEY (kind, key)) WITHOUT ROWID;
";

const ADMITTED: &str = "admitted";
const UNREACHABLE: &str = "unreachable";
const GONE: &str = "gone";

/// Why the registry cannot be read or written.
#[derive(Debug, Error)]
pub enum RegistryError {
    /// Its folder cannot be made.
    #[error("cannot make the folder `{}` of `--work_dir`", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The database refused.
    #[error("the registry at `{}` failed", path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: rusqlite::Error,
    },
    /// A row is not what was once written.
    #[error("agent `{0}` cannot be read from the registry")]
    Corrupt(String),
    /// So is a record of what an operator decided.
    #[error("the record `{0}` cannot be read from the registry")]
    Damaged(String),
    /// Too many agents of a former master did not come back.
    #[error("{0}")]
    Abandoned(String),
    /// Another master leads.
    #[error("another master has taken the registry over")]
    Deposed,
    /// A newer program wrote the database.
    #[error("the registry has form {0}, and this program knows forms up to {VERSION}")]
    Newer(i64),
}

/// A leadership's place in the order of all leaderships, as ZooKeeper gives it: a later one is
/// greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Epoch {
    /// When the election's folder was made, in milliseconds since 1970: a new ZooKeeper starts a new
    /// era.
    pub era: i64,
    /// The transaction in which ZooKeeper made the candidate's znode.
    pub zxid: i64,
}

/// The open database.
#[derive(Debug)]
pub(super) struct Registry {
    path: PathBuf,
    connection: Connection,
    epoch: Option<Epoch>,
}

/// What is kept.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Kept {
    pub(super) standings: Vec<(AgentId, Standing)>,
    pub(super) deactivated: Vec<AgentId>,
    pub(super) records: Vec<Record>,
}

/// A change of what is kept.
#[derive(Debug)]
pub(super) enum Change {
    /// It has a standing, or another one.
    Stand(AgentId, Standing),
    /// It has none any more.
    Forget(AgentId),
    /// Whether it is deactivated.
    Deactivate(AgentId, bool),
    /// What an operator decided.
    Record(Record),
}

impl Registry {
    /// Opens the database in this folder, or makes both.
    pub(super) fn open(folder: &Path) -> Result<Self, RegistryError> {
        std::fs::create_dir_all(folder).map_err(|source| RegistryError::Folder {
            path: folder.to_path_buf(),
            source,
        })?;
        let path = folder.join(FILE_NAME);
        let failed = failing(&path);
        let mut connection = Connection::open(&path).map_err(&failed)?;
        connection.busy_timeout(BUSY_TIMEOUT).map_err(&failed)?;
        // A write-ahead log that is not flushed at each commit survives the death of the process,
        // and is whole, if not complete, after that of the machine.
        keep_write_ahead_log(&connection).map_err(&failed)?;
        connection
            .pragma_update(None, "synchronous", "NORMAL")
            .map_err(&failed)?;
        let transaction = begin(&mut connection).map_err(&failed)?;
        let found: i64 = transaction
            .pragma_query_value(None, "user_version", |row| row.get(0))
            .map_err(&failed)?;
        if found > VERSION {
            return Err(RegistryError::Newer(found));
        }
        if found < VERSION {
            transaction.execute_batch(CREATE).map_err(&failed)?;
            transaction
                .pragma_update(None, "user_version", VERSION)
                .map_err(&failed)?;
        }
        transaction.commit().map_err(&failed)?;
        Ok(Self {
            path,
            connection,
            epoch: None,
        })
    }

    /// Makes this process the writer, unless a later leadership has been here, and reads everything.
    /// Without an epoch there is no election, and whoever comes last leads.
    pub(super) fn take_over(&mut self, epoch: Option<Epoch>) -> Result<Kept, RegistryError> {
        let failed = failing(&self.path);
        let transaction = begin(&mut self.connection).map_err(&failed)?;
        let last = transaction
            .query_row("SELECT era, zxid FROM leader", [], |row| {
                Ok(Epoch {
                    era: row.get(0)?,
                    zxid: row.get(1)?,
                })
            })
            .optional()
            .map_err(&failed)?;
        let epoch = match (epoch, last) {
            (Some(epoch), Some(last)) if last >= epoch => return Err(RegistryError::Deposed),
            (Some(epoch), _) => epoch,
            (None, Some(last)) => Epoch {
                zxid: last.zxid.saturating_add(1),
                ..last
            },
            (None, None) => Epoch { era: 0, zxid: 0 },
        };
        transaction
            .execute(
                "INSERT OR REPLACE INTO leader (id, era, zxid) VALUES (0, ?1, ?2)",
                params![epoch.era, epoch.zxid],
            )
            .map_err(&failed)?;
        let mut kept = Kept::default();
        {
            let mut statement = transaction
                .prepare("SELECT id, standing, since, info FROM agents")
                .map_err(&failed)?;
            let rows = statement
                .query_map([], |row| {
                    Ok(Row {
                        id: row.get(0)?,
                        standing: row.get(1)?,
                        since: row.get(2)?,
                        info: row.get(3)?,
                    })
                })
                .map_err(&failed)?;
            for row in rows {
                kept.standings.push(row.map_err(&failed)?.read()?);
            }
            let mut statement = transaction
                .prepare("SELECT id FROM deactivated")
                .map_err(&failed)?;
            let rows = statement
                .query_map([], |row| row.get::<_, String>(0))
                .map_err(&failed)?;
            for row in rows {
                kept.deactivated.push(AgentId::new(row.map_err(&failed)?));
            }
            let mut statement = transaction
                .prepare("SELECT kind, key, value FROM records")
                .map_err(&failed)?;
            let rows = statement
                .query_map([], |row| {
                    Ok((
                        row.get::<_, String>(0)?,
                        row.get::<_, String>(1)?,
                        row.get::<_, Vec<u8>>(2)?,
                    ))
                })
                .map_err(&failed)?;
            for row in rows {
                let (kind, key, value) = row.map_err(&failed)?;
                let name = format!("{kind} {key}");
                let record = records::read(&kind, key, &value);
                kept.records
                    .push(record.ok_or(RegistryError::Damaged(name))?);
            }
        }
        transaction.commit().map_err(&failed)?;
        self.epoch = Some(epoch);
        Ok(kept)
    }

    /// Keeps the changes of one step, all or none.
    pub(super) fn write(&mut self, changes: &[Change]) -> Result<(), RegistryError> {
        let epoch = self.epoch.ok_or(RegistryError::Deposed)?;
        let failed = failing(&self.path);
        let transaction = begin(&mut self.connection).map_err(&failed)?;
        let leads = transaction
            .prepare_cached("SELECT 1 FROM leader WHERE era = ?1 AND zxid = ?2")
            .and_then(|mut statement| statement.exists(params![epoch.era, epoch.zxid]))
            .map_err(&failed)?;
        if !leads {
            return Err(RegistryError::Deposed);
        }
        for change in changes {
            apply(&transaction, change).map_err(&failed)?;
        }
        transaction.commit().map_err(&failed)
    }
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

fn failing(path: &Path) -> impl Fn(rusqlite::Error) -> RegistryError + use<> {
    let path = path.to_path_buf();
    move |source| RegistryError::Database {
        path: path.clone(),
        source,
    }
}

fn begin(connection: &mut Connection) -> rusqlite::Result<Transaction<'_>> {
    connection.transaction_with_behavior(TransactionBehavior::Immediate)
}

fn apply(transaction: &Transaction<'_>, change: &Change) -> rusqlite::Result<()> {
    let millis = |moment: &Duration| i64::try_from(moment.as_millis()).unwrap_or(i64::MAX);
    match change {
        Change::Stand(id, standing) => {
            let (name, since, info) = match standing {
                // It came in over the wire whole, so it can be written.
                Standing::Admitted(info) => (ADMITTED, 0, info.write_to_bytes().ok()),
                Standing::Unreachable(since) => (UNREACHABLE, millis(since), None),
                Standing::Gone(since) => (GONE, millis(since), None),
            };
            transaction
                .prepare_cached(
                    "INSERT OR REPLACE INTO agents (id, standing, since, info) VALUES (?1, ?2, ?3, ?4)",
                )?
                .execute(params![id.as_str(), name, since, info])?;
        }
        Change::Forget(id) => {
            transaction
                .prepare_cached("DELETE FROM agents WHERE id = ?1")?
                .execute(params![id.as_str()])?;
        }
        Change::Deactivate(id, deactivated) => {
            let sql = if *deactivated {
                "INSERT OR REPLACE INTO deactivated (id) VALUES (?1)"
            } else {
                "DELETE FROM deactivated WHERE id = ?1"
            };
            transaction
                .prepare_cached(sql)?
                .execute(params![id.as_str()])?;
        }
        Change::Record(record) => {
            let row = records::row(record)
                .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
            match row.value {
                Some(value) => transaction
                    .prepare_cached(
                        "INSERT OR REPLACE INTO records (kind, key, value) VALUES (?1, ?2, ?3)",
                    )?
                    .execute(params![row.kind, row.key, value])?,
                None => transaction
                    .prepare_cached("DELETE FROM records WHERE kind = ?1 AND key = ?2")?
                    .execute(params![row.kind, row.key])?,
            };
        }
    }
    Ok(())
}

struct Row {
    id: String,
    standing: String,
    since: i64,
    info: Option<Vec<u8>>,
}

impl Row {
    fn read(self) -> Result<(AgentId, Standing), RegistryError> {
        let since = Duration::from_millis(self.since.unsigned_abs());
        let standing = match self.standing.as_str() {
            ADMITTED => self
                .info
                .and_then(|info| SlaveInfo::parse_from_bytes(&info).ok())
                .map(|info| Standing::Admitted(Box::new(info))),
            UNREACHABLE => Some(Standing::Unreachable(since)),
            GONE => Some(Standing::Gone(since)),
            _ => None,
        };
        match standing {
            Some(standing) => Ok((AgentId::new(self.id), standing)),
            None => Err(RegistryError::Corrupt(self.id)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admitted(host: &str) -> Standing {
        let mut info = SlaveInfo::new();
        info.set_hostname(host.to_string());
        Standing::Admitted(Box::new(info))
    }

    fn epoch(era: i64, zxid: i64) -> Option<Epoch> {
        Some(Epoch { era, zxid })
    }

    #[test]
    fn what_was_kept_is_what_the_next_leader_finds() {
        let folder = tempfile::tempdir().expect("a folder");
        let folder = folder.path().join("made/on/demand");
        let mut first = Registry::open(&folder).expect("opened");
        let nothing = Kept::default();
        assert_eq!(first.take_over(epoch(1, 1)).expect("taken over"), nothing);
        let gone = Standing::Gone(Duration::from_millis(1500));
        let lost = Standing::Unreachable(Duration::from_secs(7));
        let (a, b, c) = (AgentId::new("a"), AgentId::new("b"), AgentId::new("c"));
        let changes = [
            Change::Stand(a.clone(), admitted("one")),
            Change::Stand(b.clone(), admitted("two")),
            Change::Stand(c.clone(), gone.clone()),
            Change::Deactivate(a.clone(), true),
            Change::Deactivate(b.clone(), true),
        ];
        first.write(&changes).expect("written");
        let changes = [
            Change::Stand(a.clone(), lost.clone()),
            Change::Forget(b.clone()),
            Change::Deactivate(a.clone(), false),
        ];
        first.write(&changes).expect("written");
        first
            .write(&[Change::Stand(b.clone(), admitted("three"))])
            .expect("written");
        drop(first);
        let mut next = Registry::open(&folder).expect("opened");
        let want = Kept {
            standings: vec![(a, lost), (b.clone(), admitted("three")), (c, gone)],
            deactivated: vec![b],
            records: Vec::new(),
        };
        assert_eq!(next.take_over(epoch(1, 2)).expect("taken over"), want);
    }

    #[test]
    fn a_deposed_master_changes_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let open = || Registry::open(folder.path()).expect("opened");
        let (mut old, mut new) = (open(), open());
        let change = [Change::Stand(AgentId::new("a"), admitted("one"))];
        assert!(matches!(old.write(&change), Err(RegistryError::Deposed)));
        old.take_over(epoch(5, 9)).expect("taken over");
        new.take_over(epoch(5, 10)).expect("taken over");
        assert!(matches!(old.write(&change), Err(RegistryError::Deposed)));
        // Nor can it come back with what it was given before.
        assert!(matches!(
            old.take_over(epoch(5, 9)),
            Err(RegistryError::Deposed)
        ));
        new.write(&change).expect("written");
        // A new ZooKeeper counts from the start again.
        let kept = old.take_over(epoch(6, 1)).expect("taken over");
        assert_eq!(kept.standings.len(), 1);
        assert!(matches!(new.write(&change), Err(RegistryError::Deposed)));
        // Without an election whoever comes last leads.
        new.take_over(None).expect("taken over");
        assert!(matches!(old.write(&change), Err(RegistryError::Deposed)));
        new.write(&change).expect("written");
    }

    #[test]
    fn masters_that_start_together_open_one_registry() {
        for _ in 0..20 {
            let folder = tempfile::tempdir().expect("a folder");
            std::thread::scope(|scope| {
                for _ in 0..8 {
                    scope.spawn(|| Registry::open(folder.path()).expect("opened").path.clone());
                }
            });
        }
    }

    #[test]
    fn a_registry_of_another_form_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let registry = Registry::open(folder.path()).expect("opened");
        registry
            .connection
            .pragma_update(None, "user_version", VERSION + 1)
            .expect("set");
        drop(registry);
        assert!(matches!(
            Registry::open(folder.path()),
            Err(RegistryError::Newer(found)) if found == VERSION + 1
        ));
    }
}
