//! Processes as the kernel shows them under `/proc`.

use std::fs;
use std::path::Path;

/// One process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its id.
    pub pid: i32,
    /// Its state's letter; `Z` for a zombie.
    pub state: char,
    /// Its parent's id.
    pub parent: i32,
    /// Its process group.
    pub group: i32,
    /// Its session.
    pub session: i32,
    /// CPU time in user mode, its ended children's included, in clock ticks.
    pub user_ticks: u64,
    /// CPU time in the kernel, its ended children's included, in clock ticks.
    pub system_ticks: u64,
    /// Its threads.
    pub threads: u64,
    /// When it started, in clock ticks since boot. With the id this names a process for good.
    pub start: u64,
    /// Resident memory, in pages.
    pub resident_pages: u64,
}

/// A process by its id.
pub fn process(pid: i32) -> Option<Process> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    parse(&text)
}

/// The process of this id, if it is still the one that started then.
pub fn same_process(pid: i32, start: u64) -> Option<Process> {
    process(pid).filter(|process| process.start == start)
}

/// All processes that can be seen.
pub fn all() -> Vec<Process> {
    let Ok(folder) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    folder
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(process)
        .collect()
}

/// Whether a process was started with this `NAME=value` in its environment.
pub fn has_environment(pid: i32, pair: &str) -> bool {
    fs::read(format!("/proc/{pid}/environ")).is_ok_and(|all| {
        all.split(|byte| *byte == 0)
            .any(|one| one == pair.as_bytes())
    })
}

/// Names the life of this machine, or of this container: its boot id, and the start of its PID 1,
/// since a container sees its host's boot id.
pub fn boot() -> Option<Boot> {
    Some(Boot {
        id: read_line("/proc/sys/kernel/random/boot_id")?,
        init_start: process(1)?.start,
    })
}

/// See [`boot`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Boot {
    /// The kernel's.
    pub id: String,
    /// In clock ticks since boot.
    pub init_start: u64,
}

fn read_line(path: impl AsRef<Path>) -> Option<String> {
    Some(fs::read_to_string(path).ok()?.trim().to_string())
}

/// Reads `/proc/PID/stat` (proc(5)). The name in parentheses may hold anything, also `)`.
fn parse(text: &str) -> Option<Process> {
    let (pid, rest) = text.split_once(" (")?;
    let (_, rest) = rest.rsplit_once(") ")?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    // Field 3 of proc(5), the state, is the first here.
    let field = |number: usize| fields.get(number - 3).copied();
    let ticks = |number: usize| field(number)?.parse::<u64>().ok();
    // Times of ended children are signed there.
    let children = |number: usize| Some(ticks(number).unwrap_or(0));
    Some(Process {
        pid: pid.trim().parse().ok()?,
        state: field(3)?.chars().next()?,
        parent: field(4)?.parse().ok()?,
        group: field(5)?.parse().ok()?,
        session: field(6)?.parse().ok()?,
        user_ticks: ticks(14)? + children(16)?,
        system_ticks: ticks(15)? + children(17)?,
        threads: ticks(20)?,
        start: ticks(22)?,
        resident_pages: ticks(24)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_stat_is_read_whatever_the_name() {
        let line = "42 (a) b (c)) S 1 40 39 0 -1 4194560 1 2 3 4 10 20 5 6 20 0 3 0 777 1000 55 18446744073709551615 1";
        let want = Process {
            pid: 42,
            state: 'S',
            parent: 1,
            group: 40,
            session: 39,
            user_ticks: 15,
            system_ticks: 26,
            threads: 3,
            start: 777,
            resident_pages: 55,
        };
        assert_eq!(parse(line), Some(want));
        for bad in ["", "42", "42 (x) S", "x (y) S 1 2 3"] {
            assert_eq!(parse(bad), None, "case `{bad}`");
        }
    }

    #[test]
    fn this_process_is_found_by_id_and_start() {
        let own = process(i32::try_from(std::process::id()).unwrap()).expect("it runs");
        assert!(same_process(own.pid, own.start).is_some());
        assert!(same_process(own.pid, own.start + 1).is_none());
        assert!(all().iter().any(|process| process.pid == own.pid));
        assert!(boot().is_some());
    }
}
