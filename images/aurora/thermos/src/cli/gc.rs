//! `thermos gc`: removes what ended tasks have left.

use std::fs;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::checkpoint::{self, TaskHistory};
use crate::clock;
use crate::observer::Found;

use super::Failure;
use super::options::Given;
use super::roots::Roots;
use super::times;

/// An ended task, and what there is of it.
struct Remains {
    found: Found,
    /// Seconds since its last record.
    age: f64,
    metadata: Vec<PathBuf>,
    logs: Option<PathBuf>,
    data: Option<PathBuf>,
    /// Bytes that count.
    size: f64,
}

/// Which parts are removed.
#[derive(Clone, Copy)]
struct Parts {
    data: bool,
    logs: bool,
    metadata: bool,
}

/// What may stay.
struct Limits {
    age: Option<f64>,
    space: Option<f64>,
    tasks: Option<usize>,
}

/// Removes what is left of ended tasks that are named, or are beyond the limits given.
pub(super) fn gc(roots: &Roots, given: &Given) -> Result<(), Failure> {
    let limits = Limits {
        age: given.parsed("max_age", "a time such as `2d5h`", times::age)?,
        space: given.parsed("max_space", "a size such as `20G`", times::size)?,
        tasks: given.parsed("max_tasks", "a number", |text| text.parse().ok())?,
    };
    let parts = Parts {
        data: !given.either("keep-data", "delete-data", true),
        logs: !given.either("keep-logs", "delete-logs", true),
        metadata: !given.either("keep-metadata", "delete-metadata", true),
    };
    sayln!("Analyzing root at {}", roots.own.display());
    let chosen = match given.args.as_slice() {
        [] => {
            sayln!("No task ids specified, using default collector.");
            let mut tasks = roots.tasks();
            tasks.retain(|found| !found.active);
            let remains = tasks
                .into_iter()
                .map(|found| {
                    let remains = analyzed(found, parts);
                    told(&remains);
                    remains
                })
                .collect();
            beyond(remains, &limits)
        }
        expressions => {
            let mut tasks = roots.matching(expressions)?;
            tasks.retain(|found| !found.active);
            tasks
                .into_iter()
                .map(|found| analyzed(found, parts))
                .collect()
        }
    };
    if chosen.is_empty() {
        sayln!("No tasks to garbage collect.  Exiting");
        return Ok(());
    }
    if !given.is_on("force") && !confirmed()? {
        sayln!("Cancelling gc.");
        return Ok(());
    }
    sayln!("Running gc...");
    for remains in &chosen {
        erase(remains, parts, given.is_on("dryrun"))?;
    }
    Ok(())
}

fn confirmed() -> Result<bool, Failure> {
    say!("Continue [y/N]? ");
    std::io::stdout().flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(answer.trim().eq_ignore_ascii_case("y"))
}

fn analyzed(found: Found, parts: Parts) -> Remains {
    let runner = found.paths.runner();
    let changed = fs::metadata(&runner).map_or(0, |meta| meta.mtime());
    #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 fit")]
    let age = (clock::now() - changed as f64).max(0.0).floor();
    let header = checkpoint::read_all(&runner)
        .ok()
        .and_then(|records| TaskHistory::replay(&records).header);
    // A header may say anything: only what can be the task's own is touched.
    let own = |path: &str| {
        let path = fs::canonicalize(path).ok()?;
        let within = match &found.run {
            Some(run) => path.starts_with(fs::canonicalize(run).ok()?) && path != *run,
            None => path.components().count() > 2 && std::env::home_dir() != Some(path.clone()),
        };
        within.then_some(path)
    };
    let data = header.as_ref().and_then(|header| own(&header.sandbox));
    let logs = header
        .as_ref()
        .and_then(|header| own(header.log_dir.as_deref()?));
    let metadata = vec![
        found.paths.finished(),
        found.paths.active(),
        found.paths.streams(),
    ];
    let mut size = data.as_deref().map_or(0.0, bytes);
    if parts.logs {
        size += logs.as_deref().map_or(0.0, bytes);
    }
    if parts.metadata {
        size += metadata.iter().map(|path| bytes(path)).sum::<f64>();
    }
    Remains {
        found,
        age,
        metadata,
        logs,
        data,
        size,
    }
}

/// How many bytes a file, or all in a folder, take.
fn bytes(path: &Path) -> f64 {
    let own = fs::symlink_metadata(path).map_or(0, |meta| match meta.is_dir() {
        true => crate::proc::disk_usage(path),
        false => meta.blocks().saturating_mul(512),
    });
    #[expect(clippy::cast_precision_loss, reason = "no sandbox is that large")]
    let own = own as f64;
    own
}

fn told(remains: &Remains) {
    let kb = 1024.0;
    let metadata: f64 = remains.metadata.iter().map(|path| bytes(path)).sum();
    let part = |path: &Option<PathBuf>| path.as_deref().map_or(0.0, bytes);
    sayln!(
        "Analyzing task {} (age: {} secs)... ",
        remains.found.paths.task_id(),
        remains.age
    );
    sayln!("  metadata {:.1}KB ", metadata / kb);
    sayln!("  logs {:.1}KB ", part(&remains.logs) / kb);
    sayln!("  data {:.1}MB ", part(&remains.data) / kb / kb);
}

/// The tasks beyond the limits: the oldest go first.
fn beyond(mut all: Vec<Remains>, limits: &Limits) -> Vec<Remains> {
    all.sort_by(|a, b| b.age.total_cmp(&a.age));
    let count = all.len();
    let mut goes: Vec<bool> = all
        .iter()
        .map(|task| limits.age.is_some_and(|limit| task.age > limit))
        .collect();
    let chosen = |goes: &[bool]| goes.iter().filter(|goes| **goes).count();
    sayln!("After age filter: {} tasks", chosen(&goes));
    if let Some(limit) = limits.space {
        let mut used = 0.0;
        for (task, goes) in all.iter().zip(goes.iter_mut()).rev() {
            if !*goes {
                used += task.size;
                *goes = used > limit;
            }
        }
    }
    sayln!("After size filter: {} tasks", chosen(&goes));
    if let Some(limit) = limits.tasks {
        let mut left = count - chosen(&goes);
        for goes in &mut goes {
            if !*goes && left > limit {
                *goes = true;
                left -= 1;
            }
        }
    }
    sayln!("After total task filter: {} tasks", chosen(&goes));
    sayln!("Deciding to garbage collect the following tasks:");
    let mut goes = goes.into_iter();
    all.retain(|_| goes.next().unwrap_or(false));
    match all.as_slice() {
        [] => sayln!("   None."),
        some => some
            .iter()
            .for_each(|task| sayln!("   {}", task.found.paths.task_id())),
    }
    all
}

fn erase(remains: &Remains, parts: Parts, only_say: bool) -> Result<(), Failure> {
    let word = |deleted| if deleted { "deleting" } else { "keeping" };
    sayln!(
        "  Task {} data ({}) logs ({}) metadata ({}) ",
        remains.found.paths.task_id(),
        word(parts.data),
        word(parts.logs),
        word(parts.metadata)
    );
    let chosen = [
        (parts.data, remains.data.as_slice()),
        (parts.logs, remains.logs.as_slice()),
        (parts.metadata, remains.metadata.as_slice()),
    ];
    for path in chosen
        .into_iter()
        .filter(|(chosen, _)| *chosen)
        .flat_map(|(_, paths)| paths)
    {
        let Ok(meta) = fs::symlink_metadata(path) else {
            continue;
        };
        if only_say {
            sayln!("    would remove {}", path.display());
        } else if meta.is_dir() {
            fs::remove_dir_all(path)?;
        } else {
            fs::remove_file(path)?;
        }
    }
    sayln!("done.");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::TaskPaths;

    fn remains(id: &str, age: f64, size: f64) -> Remains {
        Remains {
            found: Found {
                paths: TaskPaths::new("/none", id),
                active: false,
                pending: false,
                run: None,
            },
            age,
            metadata: Vec::new(),
            logs: None,
            data: None,
            size,
        }
    }

    #[test]
    fn the_oldest_tasks_beyond_a_limit_go() {
        let chosen = |limits: Limits| -> Vec<String> {
            let all = vec![
                remains("young", 1.0, 10.0),
                remains("old", 100.0, 10.0),
                remains("middle", 50.0, 10.0),
            ];
            beyond(all, &limits)
                .iter()
                .map(|task| task.found.paths.task_id().to_string())
                .collect()
        };
        let none = || Limits {
            age: None,
            space: None,
            tasks: None,
        };
        assert!(chosen(none()).is_empty());
        let age = Limits {
            age: Some(50.0),
            ..none()
        };
        assert_eq!(chosen(age), ["old"]);
        let space = Limits {
            space: Some(20.0),
            ..none()
        };
        assert_eq!(chosen(space), ["old"]);
        let tasks = Limits {
            tasks: Some(1),
            ..none()
        };
        assert_eq!(chosen(tasks), ["old", "middle"]);
        let both = Limits {
            age: Some(60.0),
            tasks: Some(2),
            ..none()
        };
        assert_eq!(chosen(both), ["old"]);
    }
}
