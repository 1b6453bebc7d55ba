//! What `/proc` says about processes.

use std::collections::BTreeSet;
use std::path::Path;

/// Clock ticks a second in `/proc`: Linux shows 100 to programs on every architecture of ours.
const TICKS: f64 = 100.0;

/// One line of `/proc/<pid>/stat`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Stat {
    pub(crate) pid: i32,
    pub(crate) state: char,
    pub(crate) parent: i32,
    pub(crate) group: i32,
    pub(crate) session: i32,
    /// Seconds of user time.
    pub(crate) user: f64,
    /// Seconds of system time.
    pub(crate) system: f64,
    pub(crate) nice: i64,
    pub(crate) threads: u64,
    /// Seconds after boot.
    start: f64,
    /// Bytes.
    pub(crate) vms: u64,
}

impl Stat {
    /// Reads one process; `None` when it is gone.
    pub(crate) fn of(pid: i32) -> Option<Self> {
        Self::parse(&std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    fn parse(line: &str) -> Option<Self> {
        // The name stands in parentheses and may hold anything, parentheses too.
        let (before, after) = line.rsplit_once(')')?;
        let pid = before.split_once(' ')?.0.parse().ok()?;
        let fields: Vec<&str> = after.split_whitespace().collect();
        // The first field here is the third of the line, `state`.
        let field = |number: usize| fields.get(number.checked_sub(3)?).copied();
        let seconds = |number| Some(field(number)?.parse::<f64>().ok()? / TICKS);
        Some(Self {
            pid,
            state: field(3)?.chars().next()?,
            parent: field(4)?.parse().ok()?,
            group: field(5)?.parse().ok()?,
            session: field(6)?.parse().ok()?,
            user: seconds(14)?,
            system: seconds(15)?,
            nice: field(19)?.parse().ok()?,
            threads: field(20)?.parse().ok()?,
            start: seconds(22)?,
            vms: field(23)?.parse().ok()?,
        })
    }

    /// Whether it has ended and only waits to be reaped.
    pub(crate) fn is_zombie(&self) -> bool {
        matches!(self.state, 'Z' | 'X')
    }

    /// When it started, in seconds since 1970.
    pub(crate) fn started_at(&self) -> Option<f64> {
        Some(boot_time()? + self.start)
    }
}

fn boot_time() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/stat").ok()?;
    text.lines()
        .find_map(|line| line.strip_prefix("btime ")?.trim().parse().ok())
}

/// Every process there is.
pub(crate) fn all() -> Vec<Stat> {
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(Stat::of)
        .collect()
}

/// The children of `root`, their children, and so on.
pub(crate) fn descendants(all: &[Stat], root: i32) -> BTreeSet<i32> {
    let mut found = BTreeSet::new();
    let mut open = vec![root];
    while let Some(parent) = open.pop() {
        for stat in all.iter().filter(|stat| stat.parent == parent) {
            if stat.pid != root && found.insert(stat.pid) {
                open.push(stat.pid);
            }
        }
    }
    found
}

/// A field of `/proc/<pid>/status`.
fn status_field(pid: i32, name: &str) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    text.lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
        .and_then(|rest| rest.split_whitespace().next()?.parse().ok())
}

/// Who a process runs as. Not the owner of its folder, which is root for one that changed its user.
pub(crate) fn uid(pid: i32) -> Option<u32> {
    status_field(pid, "Uid").and_then(|uid| u32::try_from(uid).ok())
}

/// How much memory a process has resident, in bytes.
pub(crate) fn rss(pid: i32) -> Option<u64> {
    status_field(pid, "VmRSS").map(|kib| kib * 1024)
}

/// How many bytes of disk the files under `path` take.
pub(crate) fn disk_usage(path: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    let mut total = 0_u64;
    let mut seen = BTreeSet::new();
    let mut open = vec![path.to_path_buf()];
    while let Some(folder) = open.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else {
            continue;
        };
        for entry in entries.flatten() {
            // Of the entry itself: a link's target is not in the sandbox.
            let Ok(meta) = entry.metadata() else { continue };
            if meta.nlink() > 1 && !meta.is_dir() && !seen.insert((meta.dev(), meta.ino())) {
                continue;
            }
            total = total.saturating_add(meta.blocks().saturating_mul(512));
            if meta.is_dir() {
                open.push(entry.path());
            }
        }
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_hold_anything() {
        let line =
            "42 (a) b (c)) S 1 40 41 0 -1 4194304 9 8 7 6 150 50 0 0 20 0 3 0 1000 8192 5 184467";
        let stat = Stat::parse(line).unwrap();
        assert_eq!(
            (stat.pid, stat.state, stat.parent, stat.group, stat.session),
            (42, 'S', 1, 40, 41)
        );
        assert_eq!(
            (
                stat.user,
                stat.system,
                stat.nice,
                stat.threads,
                stat.start,
                stat.vms
            ),
            (1.5, 0.5, 0, 3, 10.0, 8192)
        );
        assert_eq!(Stat::parse("nonsense"), None);
    }

    #[test]
    fn this_process_is_found() {
        let pid = i32::try_from(std::process::id()).unwrap();
        let stat = Stat::of(pid).unwrap();
        assert!((stat.started_at().unwrap() - crate::clock::now()).abs() < 3600.0);
        assert!(rss(pid).unwrap() > 0);
        assert_eq!(uid(pid), Some(nix::unistd::getuid().as_raw()));
        assert!(descendants(&all(), stat.parent).contains(&pid));
    }
}
