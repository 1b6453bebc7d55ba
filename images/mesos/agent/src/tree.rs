//! All processes that belong to one: its descendants, their sessions and groups, and those that
//! carry its mark in their environment. Signals never go to a process that is not proven to belong.

mod orphans;
mod snapshot;

use std::collections::HashSet;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::time::{Instant, sleep};

use crate::proc::{self, Process};

/// How long killed processes may take to vanish. One in an uninterruptible wait can take longer.
const KILL_WITHIN: Duration = Duration::from_secs(60);

/// The root of a tree.
#[derive(Debug, Clone)]
pub struct Root {
    /// Its process id.
    pub pid: i32,
    /// When it started, in clock ticks since boot; `None` if it was gone before that could be read.
    pub start: Option<u64>,
    /// A `NAME=value` that no other tree has in its environment. Finds what has left the tree.
    pub mark: Option<String>,
}

/// The tree's processes that are not zombies.
pub fn members(root: &Root) -> Vec<Process> {
    members_among(&proc::all(), root)
}

/// Those of the tree's processes that are among these.
fn members_among(all: &[Process], root: &Root) -> Vec<Process> {
    // A process of that id that started at another time is a stranger, as is its session.
    let is_stranger = |p: &Process| p.pid == root.pid && root.start.is_some_and(|s| s != p.start);
    let reapers = ancestors(all);
    let mut ids: HashSet<i32> = HashSet::new();
    if !all.iter().any(is_stranger) {
        ids.insert(root.pid);
    }
    loop {
        let before = ids.len();
        for process in all {
            let related = [process.parent, process.session, process.group]
                .iter()
                .any(|id| *id > 1 && ids.contains(id));
            if related && !is_stranger(process) {
                ids.insert(process.pid);
            }
        }
        if let (Some(mark), true) = (&root.mark, before == ids.len()) {
            // What has left its tree was given to one of this process's own ancestors: only their
            // children need to be looked into.
            let marked = all
                .iter()
                .filter(|p| reapers.contains(&p.parent) && !ids.contains(&p.pid))
                .filter(|p| p.pid > 1 && p.state != 'Z' && proc::has_environment(p.pid, mark));
            let marked: Vec<i32> = marked.map(|p| p.pid).collect();
            ids.extend(marked);
        }
        if before == ids.len() {
            break;
        }
    }
    let own = i32::try_from(std::process::id()).unwrap_or_default();
    all.iter()
        .filter(|p| ids.contains(&p.pid) && p.state != 'Z' && p.pid != own && p.pid > 1)
        .cloned()
        .collect()
}

/// This process's ancestors, and PID 1.
fn ancestors(all: &[Process]) -> HashSet<i32> {
    let mut found = HashSet::from([1]);
    let mut pid = i32::try_from(std::process::id()).unwrap_or_default();
    while let Some(process) = all.iter().find(|process| process.pid == pid) {
        if !found.insert(process.parent) {
            break;
        }
        pid = process.parent;
    }
    found
}

/// Sends a signal to the whole tree. How many processes got it.
pub fn signal(root: &Root, signal: Signal) -> usize {
    members(root)
        .iter()
        // One that ended meanwhile needs no signal.
        .filter(|process| kill(Pid::from_raw(process.pid), signal).is_ok())
        .count()
}

/// Kills what a tree has left whose root has ended, and waits until it is gone; `false` if some of it stays.
pub async fn clear(root: &Root) -> bool {
    !orphans::may_remain(root) || destroy(root).await
}

/// Kills the whole tree and waits until it is gone; `false` if some of it stays.
pub async fn destroy(root: &Root) -> bool {
    let deadline = Instant::now() + KILL_WITHIN;
    let mut pause = Duration::from_millis(1);
    loop {
        let found = members_among(&snapshot::after_now().await, root);
        if found.is_empty() {
            return true;
        }
        for process in &found {
            // The look is a moment old: a stranger may have come to the id since.
            if proc::same_process(process.pid, process.start).is_some() {
                // One that ended meanwhile needs no signal.
                let _ = kill(Pid::from_raw(process.pid), Signal::SIGKILL);
            }
        }
        if Instant::now() >= deadline {
            return false;
        }
        sleep(pause).await;
        pause = (pause * 2).min(Duration::from_millis(50));
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[tokio::test]
    async fn a_tree_dies_with_what_has_left_its_session() {
        let mark = format!("TREE_TEST_MARK={}", uuid::Uuid::new_v4());
        let (name, value) = mark.split_once('=').expect("a pair");
        // The grandchild has a session of its own and outlives its parent.
        let mut child = Command::new("sh")
            .args([
                "-c",
                "(setsid sh -c 'sleep 300 & wait' &) ; echo up; sleep 300",
            ])
            .env(name, value)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("sh runs");
        let mut line = String::new();
        let mut out = std::io::BufReader::new(child.stdout.take().expect("piped"));
        std::io::BufRead::read_line(&mut out, &mut line).expect("a line");
        let pid = i32::try_from(child.id()).expect("small");
        let root = Root {
            pid,
            start: proc::process(pid).map(|p| p.start),
            mark: Some(mark.clone()),
        };
        let reaper = std::thread::spawn(move || child.wait());
        assert!(destroy(&root).await);
        reaper.join().expect("joins").expect("waits");
        assert!(members(&root).is_empty());
    }

    #[test]
    fn a_stranger_with_the_same_id_is_left_alone() {
        let own = i32::try_from(std::process::id()).expect("small");
        let root = Root {
            pid: own,
            start: Some(1),
            mark: None,
        };
        assert!(members(&root).is_empty());
    }
}
