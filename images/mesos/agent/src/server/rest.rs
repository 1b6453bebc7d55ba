//! An agent at rest holds no more memory than it needs. What only its start needed of the program, or a time
//! of many tasks, is given back to the kernel: free heap, and pages of the program's file, which come back
//! from the page cache where they are needed again.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use super::agent::Agent;

/// How long after its start, or after its last task, an agent is at rest.
const QUIET: Duration = Duration::from_secs(1);

/// Gives memory back whenever the agent comes to rest.
pub(super) async fn settle(agent: Arc<Agent>) {
    loop {
        sleep(QUIET).await;
        if agent.look(|model| model.frameworks().next().is_none()) {
            give_back();
        }
        agent.idle.notified().await;
    }
}

#[expect(unsafe_code, reason = "neither call has a safe form")]
fn give_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: it gives back what is free, and may be called at any time.
    unsafe {
        nix::libc::malloc_trim(0);
    }
    let maps = fs::read_to_string("/proc/self/smaps").unwrap_or_default();
    for (start, length) in unchanged(&maps) {
        // SAFETY: the pages of these mappings are those of a file, which nobody writes; whoever reads them
        // again finds the same.
        unsafe {
            nix::libc::madvise(start as *mut _, length, nix::libc::MADV_DONTNEED);
        }
    }
}

/// Where private mappings of files are that cannot be written, and have no page of their own (proc(5)).
fn unchanged(smaps: &str) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut current = None;
    for line in smaps.lines() {
        let mut words = line.split_ascii_whitespace();
        match (words.next(), words.next()) {
            (Some("Anonymous:"), Some("0")) => found.extend(current.take()),
            // Behind two numbers and a device.
            (Some(range), Some("r--p" | "r-xp")) => current = mapped(range, words.nth(3)),
            (Some(word), Some(_)) if !word.ends_with(':') => current = None,
            _ => {}
        }
    }
    found
}

/// A range and its length, if a file is behind it.
fn mapped(range: &str, file: Option<&str>) -> Option<(usize, usize)> {
    file.filter(|file| file.starts_with('/'))?;
    let (start, end) = range.split_once('-')?;
    let start = usize::from_str_radix(start, 16).ok()?;
    let end = usize::from_str_radix(end, 16).ok()?;
    Some((start, end.checked_sub(start)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_as_in_its_file_is_given_back() {
        let smaps = "\
00001000-00003000 r--p 00000000 fe:00 1 /bin/a b
Rss: 8 kB
Anonymous:             0 kB
VmFlags: rd mr mw
00003000-00004000 r-xp 00002000 fe:00 1 /bin/a
Anonymous:             4 kB
00004000-00005000 rw-p 00003000 fe:00 1 /bin/a
Anonymous:             0 kB
00005000-00006000 r--p 00000000 00:00 0
Anonymous:             0 kB
00006000-00007000 r--p 00000000 00:00 0 [vvar]
Anonymous:             0 kB
00007000-00009000 r-xp 00004000 fe:00 1 /bin/a
Anonymous:             0 kB
";
        assert_eq!(unchanged(smaps), [(0x1000, 0x2000), (0x7000, 0x2000)]);
    }

    #[test]
    fn a_program_goes_on_after_it() {
        let before = unchanged(&fs::read_to_string("/proc/self/smaps").expect("there"));
        assert!(!before.is_empty());
        give_back();
        assert_eq!(
            unchanged(&fs::read_to_string("/proc/self/smaps").expect("there")),
            before
        );
    }
}
