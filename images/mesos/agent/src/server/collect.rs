//! Removes old sandboxes: looks at the disk again and again, and removes what `gc` says.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::mpsc;

use super::agent::Agent;
use crate::model::Place;
use crate::paths;

/// The shortest time between two looks at the disk.
const SHORTEST: Duration = Duration::from_millis(10);

/// Looks at the disk every `interval`, and removes what has waited for long enough when it has, for as long
/// as the program runs.
pub(crate) async fn collect(agent: Arc<Agent>, work_dir: PathBuf, interval: Duration) {
    let interval = interval.max(SHORTEST);
    let mut look_at = agent.now().at;
    loop {
        let now = agent.now().at;
        let due = if now >= look_at {
            look_at = now.saturating_add(interval);
            let usage = disk_usage(&work_dir).unwrap_or_default();
            agent.gc(|gc| gc.due_at_usage(now, usage))
        } else {
            agent.gc(|gc| gc.due(now))
        };
        for path in due {
            tracing::info!("removing old folder '{}'", path.display());
            let folder = path.clone();
            let removed = tokio::task::spawn_blocking(move || remove(&folder)).await;
            let succeeded = matches!(removed, Ok(Ok(())));
            if !succeeded {
                tracing::warn!("cannot remove '{}': {removed:?}", path.display());
            }
            agent.gc(|gc| gc.removed(succeeded));
        }
        let next = agent.gc(|gc| gc.next());
        let next = next.map_or(look_at, |next| next.min(look_at));
        let pause = next.saturating_sub(agent.now().at);
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = agent.retired.notified() => {}
        }
    }
}

/// Retires what is sent here: the sandboxes of ended containers that are not executors'.
pub(crate) async fn retire_sent(agent: Arc<Agent>, mut ended: mpsc::UnboundedReceiver<PathBuf>) {
    while let Some(sandbox) = ended.recv().await {
        agent.retire([(sandbox, Duration::ZERO)]);
    }
}

/// What is gone already counts as removed.
fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// The used part of the disk, 0 to 1.
fn disk_usage(folder: &Path) -> Option<f64> {
    let disk = nix::sys::statvfs::statvfs(folder).ok()?;
    let all = disk.blocks() as f64;
    (all > 0.0).then(|| 1.0 - disk.blocks_free() as f64 / all)
}

/// An executor has ended, and its updates are acknowledged.
pub(crate) fn retire_executor(agent: &Agent, work_dir: &Path, id: &str, place: &Place) {
    let run = paths::run(work_dir, id, place);
    let all = paths::executor(work_dir, id, &place.framework, &place.executor);
    agent.retire([run, all].map(|folder| (folder, Duration::ZERO)));
}

/// A framework has nothing more here.
pub(crate) fn retire_framework(agent: &Agent, work_dir: &Path, id: &str, framework: &str) {
    agent.retire([(paths::framework(work_dir, id, framework), Duration::ZERO)]);
}

/// An executor is started: the folders above its new one are used again.
pub(crate) fn revive(agent: &Agent, work_dir: &Path, id: &str, place: &Place) {
    let framework = paths::framework(work_dir, id, &place.framework);
    let executor = paths::executor(work_dir, id, &place.framework, &place.executor);
    agent.gc(|gc| {
        gc.revive(&framework);
        gc.revive(&executor);
    });
}

/// Retires what earlier lives have left: the folders of former agents, and those runs of this one that no
/// executor here knows.
pub(crate) fn retire_left(agent: &Agent, work_dir: &Path, id: Option<&str>) {
    let known: Vec<PathBuf> = agent.look(|model| {
        let all = model
            .executors()
            .map(|(_, executor)| executor.directory.clone());
        all.collect()
    });
    let mut left = Vec::new();
    for former in folders(&work_dir.join("slaves")) {
        if former.file_name().and_then(|name| name.to_str()) != id {
            left.push(former);
            continue;
        }
        for framework in folders(&former.join("frameworks")) {
            retire_runs(&framework, &known, &mut left);
        }
    }
    agent.retire(left.into_iter().map(|path| {
        let age = age(&path);
        (path, age)
    }));
}

fn retire_runs(framework: &Path, known: &[PathBuf], left: &mut Vec<PathBuf>) {
    let is_known = |folder: &Path| known.iter().any(|known| known.starts_with(folder));
    if !is_known(framework) {
        left.push(framework.to_path_buf());
        return;
    }
    for executor in folders(&framework.join("executors")) {
        if !is_known(&executor) {
            left.push(executor);
            continue;
        }
        left.extend(
            folders(&executor.join("runs"))
                .into_iter()
                .filter(|run| !is_known(run)),
        );
    }
}

fn folders(parent: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.path())
        .collect()
}

/// How long nothing was changed in a folder.
fn age(folder: &Path) -> Duration {
    let changed = fs::metadata(folder).and_then(|folder| folder.modified());
    changed
        .ok()
        .and_then(|at| SystemTime::now().duration_since(at).ok())
        .unwrap_or_default()
}
