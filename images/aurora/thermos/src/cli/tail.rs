//! `thermos tail`.

use std::collections::{BTreeSet, VecDeque};
use std::fs;
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::checkpoint::{self, ProcessState, TaskHistory, TaskPaths};

use super::Failure;
use super::options::Given;
use super::roots::Roots;

/// How many lines of a log are shown to begin with.
const LINES: usize = 10;
/// How much of a log those are looked for in, in bytes.
const LOOK_BACK: u64 = 1024 * 1024;
/// How often a growing log is looked at.
const POLL: Duration = Duration::from_millis(200);
/// Every how many looks the process is asked for, too.
const CHECKS: u32 = 5;

/// Shows the end of a log, and what is added as long as its process runs.
pub(super) fn tail(roots: &Roots, given: &Given) -> Result<(), Failure> {
    let (task_id, process) = match given.args.as_slice() {
        [] => {
            return Err(Failure::Usage(
                "Expected a task to tail, got nothing!".into(),
            ));
        }
        [task] => (task, None),
        [task, process] => (task, Some(process)),
        more => {
            return Err(Failure::Usage(format!(
                "Expected at most two arguments (task and optional process), got {}",
                more.len()
            )));
        }
    };
    let found = roots
        .tasks()
        .into_iter()
        .find(|found| found.paths.task_id() == task_id);
    let Some((found, log_dir)) = found.and_then(|found| {
        let log_dir = log_dir(&history(&found.paths))?;
        Some((found, log_dir))
    }) else {
        sayln!("ERROR: Could not find task.");
        return Err(Failure::Silent);
    };
    let mut runs = process_runs(&log_dir);
    if let Some(process) = process {
        runs.retain(|(name, _)| name == process);
    }
    let names: BTreeSet<&String> = runs.iter().map(|(name, _)| name).collect();
    if names.len() > 1 {
        eprintln!("ERROR: More than one process matches query.");
        return Err(Failure::Silent);
    }
    let Some((name, run)) = runs.iter().max_by_key(|(_, run)| *run) else {
        eprintln!("ERROR: No processes found.");
        return Err(Failure::Silent);
    };
    let output = match given.is_on("stderr") {
        true => "stderr",
        false => "stdout",
    };
    let log = TaskPaths::run_logs(&log_dir, name, *run).join(output);
    let is_active = || {
        found.active
            && history(&found.paths)
                .current(name)
                .is_some_and(|(number, status)| {
                    number == *run
                        && matches!(status.state, ProcessState::Forked | ProcessState::Running)
                })
    };
    if is_active() {
        sayln!("Tail of active log {}", log.display());
        follow(&log, is_active)
    } else {
        sayln!("Tail of terminal log {}", log.display());
        let (lines, _) = last_lines(&log)?;
        Ok(std::io::stdout().write_all(&lines)?)
    }
}

fn history(paths: &TaskPaths) -> TaskHistory {
    checkpoint::read_all(&paths.runner())
        .map(|records| TaskHistory::replay(&records))
        .unwrap_or_default()
}

fn log_dir(history: &TaskHistory) -> Option<PathBuf> {
    let header = history.header.as_ref()?;
    Some(match &header.log_dir {
        Some(log_dir) => log_dir.into(),
        None => Path::new(&header.sandbox).join(".logs"),
    })
}

/// The processes and runs that have a log.
fn process_runs(log_dir: &Path) -> Vec<(String, usize)> {
    let names = |folder: &Path| -> Vec<String> {
        fs::read_dir(folder)
            .map(|entries| {
                entries
                    .flatten()
                    .filter_map(|entry| entry.file_name().into_string().ok())
                    .collect()
            })
            .unwrap_or_default()
    };
    names(log_dir)
        .into_iter()
        .flat_map(|process| {
            let runs = names(&log_dir.join(&process));
            runs.into_iter()
                .filter_map(move |run| Some((process.clone(), run.parse().ok()?)))
        })
        .collect()
}

/// The last lines of a file, each with its end, and the file's length.
fn last_lines(path: &Path) -> std::io::Result<(Vec<u8>, u64)> {
    let mut file = checkpoint::open_regular(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(LOOK_BACK)))?;
    let mut text = Vec::new();
    (&mut file).take(LOOK_BACK).read_to_end(&mut text)?;
    let mut lines: VecDeque<&[u8]> = VecDeque::new();
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        if lines.len() == LINES {
            lines.pop_front();
        }
        lines.push_back(line);
    }
    let mut shown: Vec<u8> = lines.into_iter().flatten().copied().collect();
    if shown.last().is_some_and(|byte| *byte != b'\n') {
        shown.push(b'\n');
    }
    Ok((shown, length))
}

/// Shows a log's end, and what is added until `is_active` says no more will be.
fn follow(path: &Path, is_active: impl Fn() -> bool) -> Result<(), Failure> {
    let mut out = std::io::stdout();
    let (lines, mut at) = last_lines(path)?;
    out.write_all(&lines)?;
    out.flush()?;
    let mut number = fs::metadata(path)?.ino();
    let mut looks = 0_u32;
    let mut last = false;
    loop {
        // A rotated log goes on in a new file.
        if let Ok(meta) = fs::metadata(path)
            && (meta.ino() != number || meta.len() < at)
        {
            (number, at) = (meta.ino(), 0);
        }
        if let Ok(mut file) = checkpoint::open_regular(path) {
            file.seek(SeekFrom::Start(at))?;
            let copied = std::io::copy(&mut file, &mut out)?;
            out.flush()?;
            at += copied;
        }
        if last {
            return Ok(());
        }
        std::thread::sleep(POLL);
        looks += 1;
        // What was written until the end is shown, too.
        last = looks.is_multiple_of(CHECKS) && !is_active();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_whole() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("stdout");
        let text: String = (0..25).map(|number| format!("line {number}\n")).collect();
        fs::write(&path, format!("{text}open")).unwrap();
        let (lines, length) = last_lines(&path).unwrap();
        let lines = String::from_utf8(lines).unwrap();
        assert_eq!(lines.lines().count(), 10);
        assert!(lines.starts_with("line 16\n") && lines.ends_with("line 24\nopen\n"));
        assert_eq!(length, (text.len() + 4) as u64);
    }
}
