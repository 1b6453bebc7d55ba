//! Backups: everything the scheduler knows, in a file of the original's form, and back.
//!
//! A file is one [`Snapshot`] in TBINARY, named by the minute in which it was made; it is written
//! under another name first, so that none is ever half there.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use aurora_api::Protocol;
use aurora_api::storage::Snapshot;
use thiserror::Error;

/// Before the time, in a backup's name.
const PREFIX: &str = "scheduler-backup-";
/// Before the name of one that is being written.
const UNFINISHED: &str = "temp_";

/// Why a backup could not be made or read.
#[derive(Debug, Error)]
pub enum BackupError {
    /// No folder was named.
    #[error("`-backup_dir` does not name a folder for backups")]
    NoFolder,
    /// There is no such file.
    #[error("Backup {} does not exist.", .0.display())]
    Missing(PathBuf),
    /// The file is no backup.
    #[error("Failed to decode backup {}: {reason}", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The folder or a file in it cannot be used.
    #[error("cannot use `{}`", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// A folder of backups.
#[derive(Debug, Clone, Default)]
pub struct Backups {
    /// `-backup_dir`
    pub folder: Option<PathBuf>,
    /// `-max_saved_backups`
    pub keep: usize,
}

fn io(path: &Path) -> impl FnOnce(std::io::Error) -> BackupError {
    let path = path.to_path_buf();
    |source| BackupError::Io { path, source }
}

impl Backups {
    fn folder(&self) -> Result<&Path, BackupError> {
        self.folder.as_deref().ok_or(BackupError::NoFolder)
    }

    /// Writes a backup, named by the local time, and removes the oldest of too many. Gives its name.
    pub fn write(&self, snapshot: &Snapshot) -> Result<String, BackupError> {
        let folder = self.folder()?;
        std::fs::create_dir_all(folder).map_err(io(folder))?;
        let now = jiff::Zoned::now();
        let name = format!("{PREFIX}{}", now.strftime("%Y-%m-%d-%H-%M"));
        let (path, unfinished) = (
            folder.join(&name),
            folder.join(format!("{UNFINISHED}{name}")),
        );
        let data = Protocol::Binary
            .encode(snapshot)
            .map_err(|error| BackupError::Corrupt {
                path: path.clone(),
                reason: error.to_string(),
            })?;
        std::fs::write(&unfinished, data).map_err(io(&unfinished))?;
        std::fs::rename(&unfinished, &path).map_err(io(&path))?;
        let finished = |name: &String| name.starts_with(PREFIX);
        let all: Vec<String> = self.list()?.into_iter().filter(finished).collect();
        // The names sort by time.
        let excess = all.len().saturating_sub(self.keep.max(1));
        for old in all.iter().take(excess) {
            let old = folder.join(old);
            std::fs::remove_file(&old).map_err(io(&old))?;
        }
        Ok(name)
    }

    /// The names of all files in the folder.
    pub fn list(&self) -> Result<BTreeSet<String>, BackupError> {
        let folder = self.folder()?;
        let entries = match std::fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(BTreeSet::new());
            }
            Err(error) => return Err(io(folder)(error)),
        };
        let names = entries.flatten().map(|entry| entry.file_name());
        Ok(names.filter_map(|name| name.into_string().ok()).collect())
    }

    /// Reads one by its name.
    pub fn read(&self, name: &str) -> Result<Snapshot, BackupError> {
        let path = self.folder()?.join(name);
        // A name from outside must not lead out of the folder.
        if !self.list()?.contains(name) {
            return Err(BackupError::Missing(path));
        }
        let data = std::fs::read(&path).map_err(io(&path))?;
        Protocol::Binary
            .decode(&data)
            .map_err(|error| BackupError::Corrupt {
                path,
                reason: error.to_string(),
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backup_is_read_back_and_old_ones_go() {
        let folder = tempfile::tempdir().unwrap();
        let backups = Backups {
            folder: Some(folder.path().join("new")),
            keep: 2,
        };
        assert_eq!(backups.list().unwrap(), BTreeSet::new());
        let snapshot = Snapshot {
            timestamp: 7,
            ..Snapshot::default()
        };
        let name = backups.write(&snapshot).unwrap();
        assert_eq!(name.len(), "scheduler-backup-yyyy-MM-dd-HH-mm".len());
        assert_eq!(backups.read(&name).unwrap(), snapshot);
        for old in ["scheduler-backup-2001", "scheduler-backup-2002", "other"] {
            std::fs::write(folder.path().join("new").join(old), "x").unwrap();
        }
        let name = backups.write(&snapshot).unwrap();
        let left: Vec<String> = backups.list().unwrap().into_iter().collect();
        assert_eq!(left, ["other", "scheduler-backup-2002", &name]);
        assert!(matches!(
            backups.read("other"),
            Err(BackupError::Corrupt { .. })
        ));
        for name in ["none", "../new/other", "/etc/passwd", ""] {
            assert!(
                matches!(backups.read(name), Err(BackupError::Missing(_))),
                "{name}"
            );
        }
        assert!(matches!(
            Backups::default().list(),
            Err(BackupError::NoFolder)
        ));
    }
}
