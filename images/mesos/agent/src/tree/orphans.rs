//! What a tree may have left behind whose root has ended. Looking through all processes of a machine for
//! each container that ends would cost more the more containers there are. But whatever loses its parent is
//! given to an ancestor of this process, so only the children of those few need to be looked at.

use std::fs;

use super::Root;
use crate::proc;

/// How often a list of children is read until it stands still.
const READS: usize = 5;

/// Whether something of a tree may be left, whose root has ended. Does not miss what is still of its session
/// or its group, or has its mark; says yes where it cannot be known.
pub(super) fn may_remain(root: &Root) -> bool {
    let Some(start) = root.start else {
        return true;
    };
    let Some(reapers) = reapers() else {
        return true;
    };
    reapers.iter().any(|reaper| {
        let Some(children) = children_at_rest(*reaper) else {
            return true;
        };
        let others = children.iter().filter(|pid| !reapers.contains(pid));
        others.filter_map(|pid| proc::process(*pid)).any(|child| {
            let is_its = [child.session, child.group].contains(&root.pid);
            let has_mark = |mark: &String| proc::has_environment(child.pid, mark);
            child.state != 'Z'
                && child.start >= start
                && (is_its || root.mark.as_ref().is_some_and(has_mark))
        })
    })
}

/// Who may be given orphans: this process's ancestors, PID 1, and itself where it asked for that.
fn reapers() -> Option<Vec<i32>> {
    let own = i32::try_from(std::process::id()).ok()?;
    let mut found = vec![own];
    let mut pid = own;
    while pid > 1 {
        pid = proc::process(pid)?.parent;
        if pid > 0 {
            found.push(pid);
        }
    }
    if !found.contains(&1) {
        found.push(1);
    }
    if own != 1 && nix::sys::prctl::get_child_subreaper() == Ok(false) {
        found.remove(0);
    }
    Some(found)
}

/// The list may lack some while others are being reaped (proc(5)).
fn children_at_rest(pid: i32) -> Option<Vec<i32>> {
    let mut last = children(pid)?;
    for _ in 1..READS {
        let again = children(pid)?;
        if again == last {
            return Some(last);
        }
        last = again;
    }
    None
}

/// A process's children, of all its threads; `None` where the kernel does not tell.
fn children(pid: i32) -> Option<Vec<i32>> {
    let mut all = Vec::new();
    for thread in fs::read_dir(format!("/proc/{pid}/task")).ok()?.flatten() {
        let text = match fs::read_to_string(thread.path().join("children")) {
            Ok(text) => text,
            // A thread that has ended has given its children to another one.
            Err(_) if !thread.path().exists() => continue,
            Err(_) => return None,
        };
        all.extend(
            text.split_ascii_whitespace()
                .filter_map(|pid| pid.parse::<i32>().ok()),
        );
    }
    Some(all)
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use nix::sys::signal::{Signal, kill};
    use nix::unistd::Pid;

    use super::*;

    /// Runs a script to its end; its tree, and what it printed.
    fn ended(script: &str) -> (Root, String) {
        let mark = format!("ORPHANS_TEST_MARK={}", uuid::Uuid::new_v4());
        let (name, value) = mark.split_once('=').expect("a pair");
        let child = Command::new("setsid")
            .args(["sh", "-c", script])
            .env(name, value)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("sh runs");
        let pid = i32::try_from(child.id()).expect("small");
        let start = proc::process(pid).map(|process| process.start);
        let output = child.wait_with_output().expect("ends");
        let said = String::from_utf8(output.stdout).expect("text");
        (
            Root {
                pid,
                start,
                mark: Some(mark),
            },
            said.trim().to_string(),
        )
    }

    #[test]
    fn what_outlives_its_tree_is_seen_and_an_empty_tree_too() {
        let (root, _) = ended("sleep 0.01");
        assert!(!may_remain(&root));
        for script in [
            "sleep 300 >/dev/null & echo $!",
            "setsid sh -c 'sleep 300 >/dev/null & echo $!'",
        ] {
            let (root, left) = ended(script);
            assert!(may_remain(&root), "case `{script}`");
            let left = Pid::from_raw(left.parse().expect("a process"));
            kill(left, Signal::SIGKILL).expect("killed");
            while proc::process(left.as_raw()).is_some_and(|left| left.state != 'Z') {
                std::thread::yield_now();
            }
            assert!(!may_remain(&root), "case `{script}`");
        }
    }

    #[test]
    fn where_it_is_not_known_when_the_root_began_everything_is_looked_at() {
        let root = Root {
            pid: i32::MAX,
            start: None,
            mark: None,
        };
        assert!(may_remain(&root));
    }
}
