//! What a container uses, read from the kernel.

use crate::proc::{self, Process};
use crate::tree::{self, Root};

/// What the processes of a container have used, and use.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Usage {
    /// CPU time in user mode, in seconds.
    pub user_secs: f64,
    /// CPU time in the kernel, in seconds.
    pub system_secs: f64,
    /// Resident memory, in bytes.
    pub resident_bytes: u64,
    /// Processes.
    pub processes: u32,
    /// Threads.
    pub threads: u32,
}

/// The usage of the tree of an executor, `None` once it is gone.
pub fn usage(process: u32) -> Option<Usage> {
    let pid = i32::try_from(process).ok()?;
    let start = proc::process(pid)?.start;
    let members = tree::members(&Root {
        pid,
        start: Some(start),
        mark: None,
    });
    (!members.is_empty()).then(|| sum(&members, ticks_per_second(), page_bytes()))
}

fn sum(members: &[Process], ticks: f64, page: u64) -> Usage {
    let total = |of: fn(&Process) -> u64| members.iter().map(of).sum::<u64>();
    Usage {
        user_secs: total(|p| p.user_ticks) as f64 / ticks,
        system_secs: total(|p| p.system_ticks) as f64 / ticks,
        resident_bytes: total(|p| p.resident_pages) * page,
        processes: u32::try_from(members.len()).unwrap_or(u32::MAX),
        threads: u32::try_from(total(|p| p.threads)).unwrap_or(u32::MAX),
    }
}

fn ticks_per_second() -> f64 {
    let ticks = nix::unistd::sysconf(nix::unistd::SysconfVar::CLK_TCK);
    ticks
        .ok()
        .flatten()
        .filter(|ticks| *ticks > 0)
        .unwrap_or(100) as f64
}

fn page_bytes() -> u64 {
    let size = nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE);
    size.ok()
        .flatten()
        .and_then(|size| u64::try_from(size).ok())
        .unwrap_or(4096)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_uses_what_its_processes_use() {
        let process = Process {
            pid: 5,
            state: 'S',
            parent: 1,
            group: 5,
            session: 5,
            user_ticks: 150,
            system_ticks: 50,
            threads: 2,
            start: 1,
            resident_pages: 10,
        };
        let got = sum(&[process.clone(), process], 100.0, 4096);
        let want = Usage {
            user_secs: 3.0,
            system_secs: 1.0,
            resident_bytes: 81_920,
            processes: 2,
            threads: 4,
        };
        assert_eq!(got, want);
    }
}
