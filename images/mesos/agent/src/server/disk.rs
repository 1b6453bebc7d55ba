//! What sandboxes take of the disk, and what becomes of those that take too much: the isolator `disk/du`.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mesos_proto::mesos::{Resource, container_info, task_status};
use mesos_wire::resources::{Format, Resources};

use super::agent::Agent;
use crate::containerizer::cgroups::shown;
use crate::model::{Executor, Limitation};

/// The shortest time between two looks at the sandboxes.
const SHORTEST: Duration = Duration::from_millis(10);

/// How many bytes each container's sandbox had when it was looked at last.
#[derive(Debug, Default)]
pub(crate) struct Disks(Mutex<HashMap<String, u64>>);

impl Disks {
    /// `None` for a sandbox that was not looked at yet, or is not.
    pub(crate) fn used(&self, container: &str) -> Option<u64> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(container).copied()
    }

    fn set(&self, all: HashMap<String, u64>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = all;
    }
}

/// What an executor's sandbox may take: the disk that it and its tasks were given, without volumes.
fn quota(executor: &Executor) -> Resources {
    let is_sandbox = |resource: &Resource| {
        let disk = &resource.disk;
        resource.name() == "disk" && disk.persistence.is_none() && disk.source.is_none()
    };
    executor.allocated().filter(is_sandbox)
}

/// The quota of a sandbox in bytes; `None` where there is none: it is not looked at then.
pub(crate) fn limit(executor: &Executor) -> Option<u64> {
    let limit = (quota(executor).scalar("disk") * 1_048_576.0) as u64;
    let info = executor.info.container.as_ref();
    let is_own = info.is_none_or(|info| info.type_() == container_info::Type::MESOS);
    Some(limit).filter(|limit| *limit > 0 && is_own)
}

struct Sandbox {
    container: String,
    directory: PathBuf,
    limit: u64,
    quota: Resources,
}

/// Looks at all sandboxes every `interval`, for as long as the program runs. With `enforces`, an executor
/// whose sandbox has grown beyond its quota is ended.
pub(crate) async fn watch(agent: Arc<Agent>, interval: Duration, enforces: bool) {
    loop {
        tokio::time::sleep(interval.max(SHORTEST)).await;
        let sandboxes: Vec<Sandbox> = agent.look(|model| {
            let running = model.executors().filter_map(|(_, executor)| {
                executor.process?;
                Some(Sandbox {
                    container: executor.container_id.clone(),
                    directory: executor.directory.clone(),
                    limit: limit(executor)?,
                    quota: quota(executor),
                })
            });
            running.collect()
        });
        let mut all = HashMap::new();
        for sandbox in sandboxes {
            let directory = sandbox.directory.clone();
            let Ok(used) = tokio::task::spawn_blocking(move || du(&directory)).await else {
                continue;
            };
            if enforces && used > sandbox.limit {
                let message = format!(
                    "Disk usage ({}) exceeds quota ({})",
                    shown(used),
                    shown(sandbox.limit)
                );
                tracing::warn!("container {}: {message}", sandbox.container);
                let limitation = Limitation {
                    reason: task_status::Reason::REASON_CONTAINER_LIMITATION_DISK,
                    message,
                    resources: sandbox.quota.to_protos(Format::Post),
                };
                agent.act(|model, _| model.container_limited(&sandbox.container, limitation));
            }
            all.insert(sandbox.container, used);
        }
        agent.disks.set(all);
    }
}

/// What the files below a folder take on the disk, in bytes rounded up to KB as `du -k` does. Links lead
/// nowhere: what is behind them is not the sandbox's.
fn du(folder: &Path) -> u64 {
    let mut folders = vec![folder.to_path_buf()];
    let mut linked: HashSet<(u64, u64)> = HashSet::new();
    let mut blocks = fs::symlink_metadata(folder).map_or(0, |folder| folder.blocks());
    while let Some(folder) = folders.pop() {
        // What has vanished meanwhile takes nothing.
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let Ok(metadata) = entry.metadata() else {
                continue;
            };
            if metadata.is_dir() {
                folders.push(entry.path());
            } else if metadata.nlink() > 1 && !linked.insert((metadata.dev(), metadata.ino())) {
                continue;
            }
            blocks = blocks.saturating_add(metadata.blocks());
        }
    }
    blocks
        .saturating_mul(512)
        .div_ceil(1024)
        .saturating_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_takes_what_du_says() {
        let folder = tempfile::tempdir().expect("a folder");
        let inside = |name: &str| folder.path().join(name);
        fs::create_dir(inside("a")).expect("made");
        fs::write(inside("a/file"), vec![1; 300_000]).expect("written");
        fs::hard_link(inside("a/file"), inside("same")).expect("linked");
        std::os::unix::fs::symlink("/usr", inside("elsewhere")).expect("linked");
        let said = std::process::Command::new("du")
            .arg("-ks")
            .arg(folder.path())
            .output();
        let said = String::from_utf8(said.expect("du runs").stdout).expect("UTF-8");
        let kilobytes: u64 = said
            .split_whitespace()
            .next()
            .expect("a number")
            .parse()
            .expect("a number");
        assert_eq!(du(folder.path()), kilobytes * 1024);
        assert_eq!(du(&inside("no")), 0);
    }
}
