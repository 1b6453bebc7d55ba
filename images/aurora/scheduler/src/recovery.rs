//! The program `recovery-tool`: brings a backup into an empty store, while no scheduler runs.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use aurora_api::Protocol;
use aurora_api::storage::Snapshot;
use thiserror::Error;

use crate::engine::describe;
use crate::flags::FLAGS;
use crate::model::Stored;
use crate::store::{Epoch, Store, StoreError};

const USAGE: &str =
    "Usage: recovery-tool -from BACKUP -to LOG -backup FILE -native_log_file_path FOLDER

  -from BACKUP
      What to read: a backup
  -to LOG
      What to write: the scheduler's store, which must be empty
  -backup FILE
      The backup
  -native_log_file_path FOLDER
      The store (default: /var/db/aurora)

The scheduler's other flags `-native_log_…` and `-zk_…` may be given, and have no effect.
";

/// Before every leadership: the next one takes over what is written here.
const BEFORE_ALL: Epoch = Epoch { era: 0, zxid: 0 };

/// Why nothing was recovered.
#[derive(Debug, Error)]
enum RecoveryError {
    #[error("{0}")]
    Usage(String),
    #[error("cannot read the backup `{}`", path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("Failed to decode backup {}: {reason}", path.display())]
    Corrupt { path: PathBuf, reason: String },
    #[error("the store in `{}` is not empty: a backup is brought into an empty one only", .0.display())]
    NotEmpty(PathBuf),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Exit codes: 0 when the backup is in the store, 1 after a failure, 2 for bad flags.
pub fn main(args: Vec<OsString>) -> ExitCode {
    let arguments: Vec<String> = args
        .iter()
        .skip(1)
        .map(|arg| arg.to_string_lossy().into_owned())
        .collect();
    if arguments
        .iter()
        .any(|arg| arg.trim_start_matches('-') == "help")
    {
        print!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    match run(&arguments) {
        Ok(text) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("recovery-tool: {}", describe(&error));
            match error {
                RecoveryError::Usage(_) => {
                    eprintln!("hint: `recovery-tool -help` lists the flags");
                    ExitCode::from(2)
                }
                _ => ExitCode::FAILURE,
            }
        }
    }
}

fn usage<T>(text: impl Into<String>) -> Result<T, RecoveryError> {
    Err(RecoveryError::Usage(text.into()))
}

/// The flags by name, without dashes: `-name=value` or `-name value`.
fn flags(arguments: &[String]) -> Result<BTreeMap<String, String>, RecoveryError> {
    let mut flags = BTreeMap::new();
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let body = argument.trim_start_matches('-');
        if body == argument {
            return usage(format!("unexpected argument `{argument}`"));
        }
        let (name, value) = match body.split_once('=') {
            Some((name, value)) => (name, Some(value.to_string())),
            None => (body, rest.next().cloned()),
        };
        let is_scheduler_flag = ["native_log_", "zk_"]
            .iter()
            .any(|prefix| name.starts_with(prefix))
            && FLAGS.iter().any(|flag| flag.name == name);
        if !matches!(name, "from" | "to" | "backup") && !is_scheduler_flag {
            return usage(format!("unknown flag `-{name}`"));
        }
        match value {
            Some(value) => flags.insert(name.to_string(), value),
            None => return usage(format!("flag `-{name}` needs a value")),
        };
    }
    Ok(flags)
}

fn run(arguments: &[String]) -> Result<String, RecoveryError> {
    let flags = flags(arguments)?;
    let get = |name: &str| flags.get(name).map(String::as_str);
    for (name, want) in [("from", "BACKUP"), ("to", "LOG")] {
        match get(name) {
            Some(found) if found.eq_ignore_ascii_case(want) => {}
            Some(found) => {
                return usage(format!(
                    "flag `-{name}` cannot be `{found}`: `{want}` is expected"
                ));
            }
            None => return usage(format!("flag `-{name}` is required")),
        }
    }
    let Some(backup) = get("backup") else {
        return usage("flag `-backup` is required");
    };
    let folder = get("native_log_file_path").unwrap_or("/var/db/aurora");
    recover(Path::new(backup), Path::new(folder))
}

fn recover(backup: &Path, folder: &Path) -> Result<String, RecoveryError> {
    let data = std::fs::read(backup).map_err(|source| RecoveryError::Read {
        path: backup.to_path_buf(),
        source,
    })?;
    let decoded = Protocol::Binary.decode(&data);
    let snapshot: Snapshot = decoded.map_err(|error| RecoveryError::Corrupt {
        path: backup.to_path_buf(),
        reason: error.to_string(),
    })?;
    let mut store = Store::open(folder)?;
    let found = match store.take_over(BEFORE_ALL, "recovery-tool") {
        Ok(found) => found,
        // Somebody has led with it.
        Err(StoreError::Deposed) => return Err(RecoveryError::NotEmpty(folder.to_path_buf())),
        Err(error) => return Err(error.into()),
    };
    if !is_empty(&found) {
        return Err(RecoveryError::NotEmpty(folder.to_path_buf()));
    }
    let (tasks, updates) = (snapshot.tasks.len(), snapshot.job_update_details.len());
    store.replace(snapshot.into())?;
    Ok(format!(
        "{tasks} tasks and {updates} updates of the backup `{}` are in the store `{}`",
        backup.display(),
        folder.display()
    ))
}

fn is_empty(stored: &Stored) -> bool {
    stored.tasks.is_empty()
        && stored.updates.is_empty()
        && stored.crons.is_empty()
        && stored.quotas.is_empty()
        && stored.hosts.is_empty()
}

#[cfg(test)]
mod tests {
    use aurora_api::{JobKey, ScheduledTask};

    use super::*;

    fn text(error: &RecoveryError) -> String {
        describe(error)
    }

    fn strings(arguments: &[&str]) -> Vec<String> {
        arguments.iter().map(|arg| arg.to_string()).collect()
    }

    #[test]
    fn a_backup_comes_into_an_empty_store_once() {
        let folder = tempfile::tempdir().unwrap();
        let (backup, log) = (folder.path().join("backup"), folder.path().join("log"));
        let mut task = ScheduledTask::default();
        task.assigned_task.task_id = "t".to_string();
        task.assigned_task.task.job = Some(JobKey::new("r", "e", "n"));
        let snapshot = Snapshot {
            tasks: [task.clone()].into(),
            ..Snapshot::default()
        };
        std::fs::write(&backup, Protocol::Binary.encode(&snapshot).unwrap()).unwrap();
        let arguments = [
            "-from".to_string(),
            "BACKUP".to_string(),
            "-to=LOG".to_string(),
            format!("-backup={}", backup.display()),
            "-native_log_zk_group_path=/aurora/replicated-log".to_string(),
            format!("-native_log_file_path={}", log.display()),
            "-zk_endpoints=localhost:2181".to_string(),
        ];
        let said = run(&arguments).unwrap();
        assert!(said.starts_with("1 tasks and 0 updates"), "{said}");
        let mut store = Store::open(&log).unwrap();
        let stored = store.take_over(Epoch { era: 1, zxid: 1 }, "a").unwrap();
        assert_eq!(stored.tasks, [task]);
        let error = run(&arguments).unwrap_err();
        assert!(text(&error).contains("is not empty"), "{error}");
    }

    #[test]
    fn what_cannot_be_recovered_is_named() {
        let from_to = ["-from=BACKUP", "-to=LOG"];
        for (arguments, want) in [
            (vec![], "flag `-from` is required"),
            (vec!["-from=LOG"], "flag `-from` cannot be `LOG`"),
            (vec!["-from=BACKUP", "-to=BACKUP"], "flag `-to` cannot be"),
            (from_to.to_vec(), "flag `-backup` is required"),
            (vec!["-x=1"], "unknown flag `-x`"),
            (vec!["-hostname=1"], "unknown flag `-hostname`"),
            (vec!["from"], "unexpected argument `from`"),
            (vec!["-from"], "flag `-from` needs a value"),
            (
                vec!["-from=BACKUP", "-to=LOG", "-backup=/nonexistent"],
                "cannot read the backup `/nonexistent`",
            ),
        ] {
            let error = run(&strings(&arguments)).unwrap_err();
            assert!(text(&error).contains(want), "{arguments:?}: {error}");
        }
    }
}
