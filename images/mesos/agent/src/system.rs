//! The machine's load and memory, as `/system/stats.json` and the `system/` metrics show them.

use std::fs;

/// A moment of the machine.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct System {
    /// Average load over 1, 5 and 15 minutes.
    pub load: [f64; 3],
    /// Processors.
    pub cpus: u64,
    /// Memory in all, in bytes; 0 if it cannot be read.
    pub mem_total_bytes: u64,
    /// Memory that nothing uses, in bytes.
    pub mem_free_bytes: u64,
}

impl System {
    /// The machine now.
    pub fn now() -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let memory = read("/proc/meminfo");
        Self {
            load: load(&read("/proc/loadavg")),
            cpus: std::thread::available_parallelism().map_or(1, |n| n.get() as u64),
            mem_total_bytes: kilobytes(&memory, "MemTotal:") * 1024,
            mem_free_bytes: kilobytes(&memory, "MemFree:") * 1024,
        }
    }
}

fn load(text: &str) -> [f64; 3] {
    let mut numbers = text
        .split_ascii_whitespace()
        .map(|n| n.parse().unwrap_or(0.0));
    std::array::from_fn(|_| numbers.next().unwrap_or(0.0))
}

fn kilobytes(text: &str, name: &str) -> u64 {
    text.lines()
        .find_map(|line| line.strip_prefix(name))
        .and_then(|rest| rest.split_ascii_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_files_are_read() {
        assert_eq!(load("0.38 1.19 2.30 1/300 42"), [0.38, 1.19, 2.30]);
        assert_eq!(load(""), [0.0; 3]);
        let text = "MemTotal:       24684084 kB\nMemFree:        17409988 kB\n";
        assert_eq!(kilobytes(text, "MemFree:"), 17_409_988);
        assert_eq!(kilobytes(text, "Nope:"), 0);
    }
}
