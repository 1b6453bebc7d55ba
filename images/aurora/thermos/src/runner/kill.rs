//! Ending processes that a checkpoint names, without ever signalling a stranger that got the same
//! pid since.

use std::collections::BTreeSet;

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, Uid};

use crate::checkpoint::{
    ProcessStatus, Record, StreamError, TaskHistory, TaskPaths, TaskState, Writer,
};
use crate::clock;
use crate::model::{Action, Machine, Owner, Request};
use crate::proc::{self, Stat};
use crate::task::TaskSpec;

/// How far a process's start may be from the recorded one, in seconds (the original's tolerance).
const TOLERANCE: f64 = 10.0;

/// Whether the process that has this pid now is the one that was recorded.
pub(crate) fn is_ours(pid: i32, recorded: Option<f64>, uid: Option<i32>) -> bool {
    let (Some(stat), Some(recorded)) = (Stat::of(pid), recorded) else {
        return false;
    };
    let near = stat
        .started_at()
        .is_some_and(|at| (at - recorded).abs() <= TOLERANCE);
    // A coordinator that has not changed its user yet is still its runner's.
    let user = proc::uid(pid).is_some_and(|found| {
        found == Uid::effective().as_raw()
            || uid.is_none_or(|uid| uid == 0 || u32::try_from(uid) == Ok(found))
    });
    near && user && !stat.is_zombie()
}

/// Asks a run's command line to end. Killing what is gone is no error.
pub(crate) fn terminate(run: &ProcessStatus, uid: Option<i32>) {
    if let Some(pid) = run.pid
        && is_ours(pid, run.start_time, uid)
    {
        send(pid, Signal::SIGTERM);
    }
}

/// Kills a run: coordinator, command line, all of their children and all of their session.
/// Whether there was anything.
pub(crate) fn destroy(run: &ProcessStatus, uid: Option<i32>) -> bool {
    let coordinator = run
        .coordinator_pid
        .filter(|pid| is_ours(*pid, run.fork_time, uid));
    let pid = run.pid.filter(|pid| is_ours(*pid, run.start_time, uid));
    let mut found = false;
    // What forks while it is killed is found by the second look.
    for _ in 0..2 {
        let all = proc::all();
        let mut targets: BTreeSet<i32> = BTreeSet::new();
        for root in coordinator.into_iter().chain(pid) {
            targets.insert(root);
            targets.extend(proc::descendants(&all, root));
        }
        if let Some(leader) = run.coordinator_pid {
            targets.extend(session(&all, leader, coordinator.is_some()));
        }
        for target in targets {
            if all
                .iter()
                .any(|stat| stat.pid == target && !stat.is_zombie())
            {
                send(target, Signal::SIGKILL);
                found = true;
            }
        }
    }
    found
}

/// The members of a coordinator's process group. A session keeps its number for as long as it has
/// members; a stranger with that number would be its leader, and alive.
fn session(all: &[Stat], leader: i32, leader_is_ours: bool) -> Vec<i32> {
    let stranger = all
        .iter()
        .any(|stat| stat.pid == leader && !stat.is_zombie())
        && !leader_is_ours;
    if stranger {
        return Vec::new();
    }
    all.iter()
        .filter(|stat| stat.group == leader && stat.session == leader)
        .map(|stat| stat.pid)
        .collect()
}

/// Kills what a run left behind, while its coordinator has ended but was not reaped yet: until then
/// nobody else can have its number.
pub(crate) fn destroy_group(coordinator: i32) {
    for stat in proc::all() {
        if stat.group == coordinator && stat.session == coordinator && !stat.is_zombie() {
            send(stat.pid, Signal::SIGKILL);
        }
    }
}

/// Sends a signal; a process that is gone, or not ours to signal, is left alone.
pub(crate) fn send(pid: i32, signal: Signal) {
    if pid > 1 {
        let _ = kill(Pid::from_raw(pid), signal);
    }
}

/// Ends a task whose runner is dead: kills what its checkpoint says is running, and writes the end
/// down. What the checkpoint's state is then.
pub(crate) fn seize(
    paths: &TaskPaths,
    task: &TaskSpec,
    end: Request,
) -> Result<Option<TaskState>, StreamError> {
    let records = crate::checkpoint::read_all(&paths.runner())?;
    let history = TaskHistory::replay(&records);
    let uid = history.header.as_ref().and_then(|header| header.uid);
    let owner = owner();
    let Ok(mut machine) = Machine::new(task.clone(), owner, None) else {
        return Ok(history.state());
    };
    let mut writer = Writer::open(&paths.runner())?;
    let mut actions = machine.recover(&records, None, clock::now());
    if !machine.is_finished() {
        actions.extend(machine.request(end, clock::now()));
        // No time is left for anything but killing.
        actions.extend(machine.request(Request::Lose, clock::now()));
    }
    let mut state = machine.history().state();
    loop {
        let mut next = Vec::new();
        for action in actions {
            match action {
                Action::Append(Record::Task(mut status)) => {
                    if status.state == TaskState::Lost && end == Request::Kill {
                        status.state = TaskState::Killed;
                    }
                    state = Some(status.state);
                    writer.append(&Record::Task(status))?;
                }
                Action::Append(record) => writer.append(&record)?,
                Action::Destroy(run) => {
                    let found = destroy(&run, uid);
                    next.extend(machine.destroyed(&run.process, found, clock::now()));
                }
                Action::Finish(_) => {
                    // The file may have been moved already.
                    let _ = std::fs::rename(paths.active(), paths.finished());
                }
                Action::Launch { .. } | Action::Terminate(_) | Action::DestroyOrphans => {}
            }
        }
        next.extend(machine.step(clock::now(), false));
        if next.is_empty() {
            return Ok(state);
        }
        actions = next;
    }
}

/// This process, as the writer of records.
pub(crate) fn owner() -> Owner {
    Owner {
        pid: i32::try_from(std::process::id()).unwrap_or_default(),
        uid: i32::try_from(Uid::effective().as_raw()).unwrap_or_default(),
    }
}
