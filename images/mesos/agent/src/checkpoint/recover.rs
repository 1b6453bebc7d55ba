//! Reads what an earlier life left.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use mesos_proto::mesos::SlaveInfo;
use mesos_proto::messages::{StatusUpdateRecord, status_update_record};

use super::{
    DRAIN_FILE, Recovered, RecoveredExecutor, RecoveredFramework, RecoveredTask, file,
    is_same_boot, resources,
};
use crate::model::Place;
use crate::paths;
use crate::proc::{self, Boot};

/// Stands beside the executors that the agent made up.
pub(super) const COMMAND_MARKER: &str = "executor_generated_for_command_task";

/// What is under `work_dir`. What cannot be read is left out, and told.
pub fn recover(work_dir: &Path) -> Recovered {
    let meta = paths::meta(work_dir);
    let mut found = Recovered {
        is_same_boot: is_same_boot(boot(&meta).as_ref(), proc::boot().as_ref()),
        ..Recovered::default()
    };
    match resources::read(&meta) {
        Ok(state) => {
            found.resources = state.resources;
            found.operations = state.operations;
        }
        Err((path, error)) => found.errors.push(said(&path, &error)),
    }
    let Ok(agent) = meta.join("slaves").join("latest").canonicalize() else {
        return found;
    };
    let info: SlaveInfo = match file::read_message(&agent.join("slave.info")) {
        Ok(info) => info,
        Err(error) => {
            found.errors.push(said(&agent.join("slave.info"), &error));
            return found;
        }
    };
    let drain = agent.join(DRAIN_FILE);
    if drain.exists() {
        match file::read_message(&drain) {
            Ok(config) => found.drain = Some(config),
            Err(error) => found.errors.push(said(&drain, &error)),
        }
    }
    for folder in folders(&agent.join("frameworks")) {
        match framework(&folder, &mut found.errors) {
            Ok(framework) => found.frameworks.push(framework),
            Err(error) => judge(&folder, &error, &mut found.errors),
        }
    }
    found.agent = Some(info);
    found
}

fn boot(meta: &Path) -> Option<Boot> {
    let read = |name: &str| fs::read_to_string(meta.join(name)).ok();
    Some(Boot {
        id: read("boot_id")?.trim().to_string(),
        init_start: read("init_start")?.trim().parse().ok()?,
    })
}

fn said(path: &Path, error: &io::Error) -> String {
    format!("cannot read `{}`: {error}", path.display())
}

fn folders(parent: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(parent) else {
        return Vec::new();
    };
    let is_folder = |entry: &fs::DirEntry| entry.file_type().is_ok_and(|kind| kind.is_dir());
    entries
        .flatten()
        .filter(is_folder)
        .map(|entry| entry.path())
        .collect()
}

fn name(folder: &Path) -> String {
    folder
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

/// A folder without its main file was being made when its maker died: nothing was done with it yet.
fn judge(folder: &Path, error: &io::Error, errors: &mut Vec<String>) {
    if error.kind() == io::ErrorKind::NotFound {
        tracing::warn!("{}: it is left out", said(folder, error));
    } else {
        errors.push(said(folder, error));
    }
}

fn framework(folder: &Path, errors: &mut Vec<String>) -> io::Result<RecoveredFramework> {
    let info = file::read_message(&folder.join("framework.info"))?;
    let pid = fs::read_to_string(folder.join("framework.pid")).unwrap_or_default();
    let mut executors = Vec::new();
    for run in folders(&folder.join("executors")) {
        match executor(&name(folder), &run, errors) {
            Ok(executor) => executors.push(executor),
            Err(error) => judge(&run, &error, errors),
        }
    }
    let pid = pid
        .trim()
        .parse()
        .ok()
        .filter(|pid: &mesos_wire::pid::Upid| !pid.is_empty());
    Ok(RecoveredFramework {
        info,
        pid,
        executors,
    })
}

fn executor(
    framework: &str,
    folder: &Path,
    errors: &mut Vec<String>,
) -> io::Result<RecoveredExecutor> {
    let info = file::read_message(&folder.join("executor.info"))?;
    let run = folder.join("runs").join("latest").canonicalize()?;
    let pids = run.join("pids");
    let number = |name: &str| {
        fs::read_to_string(pids.join(name))
            .ok()?
            .trim()
            .parse::<u64>()
            .ok()
    };
    let process = number("forked.pid")
        .and_then(|pid| i32::try_from(pid).ok())
        .filter(|pid| *pid > 1)
        .zip(number("forked.start"));
    let mut tasks = Vec::new();
    for folder in folders(&run.join("tasks")) {
        match task(&folder) {
            Ok(task) => tasks.push(task),
            Err(error) => judge(&folder, &error, errors),
        }
    }
    Ok(RecoveredExecutor {
        place: Place {
            framework: framework.to_string(),
            executor: name(folder),
            container: name(&run),
        },
        info,
        is_command: folder.join(COMMAND_MARKER).exists(),
        process,
        libprocess: fs::read_to_string(pids.join("libprocess.pid"))
            .ok()
            .and_then(|text| text.trim().parse().ok()),
        tasks,
    })
}

fn task(folder: &Path) -> io::Result<RecoveredTask> {
    let task = file::read_message(&folder.join("task.info"))?;
    let path = folder.join("task.updates");
    let mut updates = Vec::new();
    let mut acknowledged = HashSet::new();
    if path.exists() {
        let contents = file::read_messages::<StatusUpdateRecord>(&path)?;
        // What was being written when the agent died must not stand before what comes next.
        let length = u64::try_from(contents.whole).unwrap_or(u64::MAX);
        fs::OpenOptions::new()
            .write(true)
            .open(&path)?
            .set_len(length)?;
        for mut record in contents.messages {
            match record.type_() {
                status_update_record::Type::UPDATE => updates.extend(record.update.take()),
                status_update_record::Type::ACK => {
                    acknowledged.insert(record.take_uuid());
                }
            }
        }
    }
    Ok((task, updates, acknowledged))
}
