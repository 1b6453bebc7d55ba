//! This process's children, its own and those it adopted: who they are, who of them ended, and signals to them.

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

/// A child that ended, with its status as a shell would say it: its exit code, or 128 + N after signal N.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) pid: Pid,
    pub(crate) status: u8,
}

/// Whether children are left once the ended ones are reaped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Left {
    Some,
    None,
}

/// Makes orphaned descendants come to this process, as they come to PID 1 by themselves.
pub(crate) fn adopt_orphans() {
    if nix::unistd::getpid() != Pid::from_raw(1)
        && let Err(error) = nix::sys::prctl::set_child_subreaper(true)
    {
        crate::say(format_args!("orphans will not be reaped: {error}"));
    }
}

/// Reaps every child that has ended, without waiting.
pub(crate) fn reap() -> (Vec<Ended>, Left) {
    let mut ended = Vec::new();
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(pid, code)) => ended.push(Ended {
                pid,
                status: u8::try_from(code).unwrap_or(u8::MAX),
            }),
            Ok(WaitStatus::Signaled(pid, signal, _)) => ended.push(Ended {
                pid,
                status: u8::try_from(128 + signal as i32).unwrap_or(u8::MAX),
            }),
            Ok(WaitStatus::StillAlive) => return (ended, Left::Some),
            Ok(_) | Err(Errno::EINTR) => {}
            Err(_) => return (ended, Left::None),
        }
    }
}

/// Sends `signal` to one child. One that has ended meanwhile is no error: only this process reaps, so that its number
/// cannot belong to a stranger yet.
pub(crate) fn signal(pid: Pid, signal: Signal) {
    let _ = kill(pid, signal);
}

/// Sends `signal` to every child. Grandchildren come here, and are seen the next time, as their parents end.
pub(crate) fn signal_all(to_send: Signal) {
    for pid in list() {
        signal(pid, to_send);
    }
}

fn list() -> Vec<Pid> {
    let Ok(threads) = std::fs::read_dir("/proc/self/task") else {
        return Vec::new();
    };
    threads
        .flatten()
        .filter_map(|thread| std::fs::read_to_string(thread.path().join("children")).ok())
        .flat_map(|pids| {
            pids.split_whitespace()
                .filter_map(|pid| pid.parse().ok())
                .map(Pid::from_raw)
                .collect::<Vec<_>>()
        })
        .collect()
}
