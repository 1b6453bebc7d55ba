//! node-init as a process: not PID 1 here, but the adopter of its descendants' orphans, which comes to the same.

use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Nothing here takes longer unless something is wrong.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running node-init whose programs write into a folder of their own.
struct Init {
    child: Child,
    dir: tempfile::TempDir,
}

impl Init {
    /// Starts it with each of `scripts` as a shell program, run in the folder.
    fn start(options: &[&str], scripts: &[&str]) -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let mut command = Command::new(env!("CARGO_BIN_EXE_node-init"));
        command.current_dir(dir.path()).args(options);
        for (index, script) in scripts.iter().enumerate() {
            if index > 0 {
                command.arg("---");
            }
            command.args(["sh", "-c", script]);
        }
        let child = command.spawn().expect("node-init starts");
        Self { child, dir }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn send(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id().try_into().expect("a pid"));
        kill(pid, signal).expect("node-init is there");
    }

    /// The file's lines, once there are `count` of them.
    fn lines(&self, name: &str, count: usize) -> Vec<String> {
        let path = self.path(name);
        wait_for(&format!("{count} lines in `{name}`"), || {
            let lines = lines_of(&path);
            (lines.len() >= count).then_some(lines)
        })
    }

    /// Its exit status, once it has ended.
    fn status(&mut self) -> Option<i32> {
        let child = &mut self.child;
        wait_for("node-init's end", || child.try_wait().expect("its status")).code()
    }
}

impl Drop for Init {
    /// Two requests to stop end it at once, whatever a failed test left running.
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.send(Signal::SIGTERM);
            self.send(Signal::SIGINT);
            let _ = self.child.wait();
        }
    }
}

fn wait_for<T>(what: &str, mut check: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = check() {
            return found;
        }
        assert!(start.elapsed() < PATIENCE, "no {what} within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn lines_of(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    // A line that is still being written is none yet.
    text.split_inclusive('\n')
        .filter_map(|line| line.strip_suffix('\n'))
        .map(str::to_owned)
        .collect()
}

/// A program that says in `log` that it is up, and that it was told to end.
fn listener(name: &str) -> String {
    format!(
        "trap 'echo {name} ends >> log; exit 3' TERM; echo {name} >> up; while :; do sleep 0.02; done"
    )
}

#[test]
fn orphans_are_adopted_and_reaped() {
    let script = "sh -c 'sleep 1000 & echo $! >> orphan'; exec sleep 1000";
    let init = Init::start(&[], &[script]);
    let orphan = init.lines("orphan", 1).remove(0);
    let adopter = init.child.id().to_string();
    wait_for("adoption of the orphan", || {
        let stat = std::fs::read_to_string(format!("/proc/{orphan}/stat")).unwrap_or_default();
        // After the name in parentheses come the state and the parent's number.
        let parent = stat.rsplit_once(')')?.1.split_whitespace().nth(1)?;
        (parent == adopter).then_some(())
    });
    let pid = Pid::from_raw(orphan.parse().expect("a pid"));
    kill(pid, Signal::SIGKILL).expect("the orphan runs");
    let zombie_or_not = Path::new("/proc").join(&orphan);
    wait_for("end of the orphan", || {
        (!zombie_or_not.exists()).then_some(())
    });
}

#[test]
fn a_killed_program_is_started_again() {
    let init = Init::start(&[], &["echo $$ >> pids; exec sleep 1000"]);
    let first = init.lines("pids", 1).remove(0);
    kill(
        Pid::from_raw(first.parse().expect("a pid")),
        Signal::SIGKILL,
    )
    .expect("it runs");
    let pids = init.lines("pids", 2);
    assert_ne!(pids.first(), pids.get(1));
}

#[test]
fn a_program_that_cannot_stay_up_ends_the_node_with_its_status() {
    let other = listener("other");
    let mut init = Init::start(&[], &[other.as_str(), "echo try >> tries; exit 7"]);
    assert_eq!(init.status(), Some(7));
    assert_eq!(init.lines("tries", 3).len(), 3);
    assert_eq!(init.lines("log", 1), ["other ends"]);
}

#[test]
fn a_program_that_does_not_exist_is_said_as_a_shell_says_it() {
    let output = Command::new(env!("CARGO_BIN_EXE_node-init"))
        .arg("/nowhere/at-all")
        .output()
        .expect("node-init runs");
    assert_eq!(output.status.code(), Some(127));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("cannot start /nowhere/at-all"), "{said}");
}

#[test]
fn programs_stop_in_the_reverse_order() {
    let (first, second) = (listener("first"), listener("second"));
    let mut init = Init::start(&[], &[first.as_str(), second.as_str()]);
    init.lines("up", 2);
    init.send(Signal::SIGTERM);
    assert_eq!(init.status(), Some(3), "the first program's status");
    assert_eq!(init.lines("log", 2), ["second ends", "first ends"]);
}

#[test]
fn a_program_deaf_to_sigterm_is_killed_and_the_others_still_get_their_time() {
    let first = listener("first");
    let deaf = "trap '' TERM; echo deaf >> up; while :; do sleep 0.02; done";
    // Half of it for each: more than a shell needs to say a word on any machine.
    let mut init = Init::start(&["--grace=8"], &[first.as_str(), deaf]);
    init.lines("up", 2);
    init.send(Signal::SIGTERM);
    assert_eq!(init.status(), Some(3));
    assert_eq!(init.lines("log", 1), ["first ends"]);
}

#[test]
fn a_second_request_ends_the_waiting() {
    let deaf = "trap 'echo asked >> log' TERM; echo deaf >> up; while :; do sleep 0.02; done";
    let mut init = Init::start(&["--grace=3000"], &[deaf]);
    init.lines("up", 1);
    init.send(Signal::SIGTERM);
    init.lines("log", 1);
    init.send(Signal::SIGTERM);
    assert_eq!(init.status(), Some(137));
}

#[test]
fn what_the_programs_leave_behind_is_asked_to_end_as_well() {
    let daemon = listener("daemon");
    let script = format!("setsid sh -c \"{daemon}\" & exec sleep 1000");
    let mut init = Init::start(&[], &[script.as_str()]);
    init.lines("up", 1);
    init.send(Signal::SIGTERM);
    assert_eq!(init.status(), Some(143));
    assert_eq!(init.lines("log", 1), ["daemon ends"]);
}

#[test]
fn other_signals_go_to_every_program() {
    let script = "trap 'echo usr1 >> log' USR1; echo up >> up; while :; do sleep 0.02; done";
    let init = Init::start(&[], &[script, script]);
    init.lines("up", 2);
    init.send(Signal::SIGUSR1);
    assert_eq!(init.lines("log", 2), ["usr1", "usr1"]);
}

#[test]
fn bad_usage_is_refused_with_a_hint() {
    let output = Command::new(env!("CARGO_BIN_EXE_node-init"))
        .output()
        .expect("node-init runs");
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(
        said,
        "node-init: no program to run\nnode-init: hint: `node-init --help` shows the usage\n"
    );
}
