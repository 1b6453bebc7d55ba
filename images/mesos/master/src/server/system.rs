//! The host's load and memory, from the kernel's own files.

use crate::view::System;

/// The host now; what the kernel does not say is 0.
pub(super) fn read() -> System {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let memory = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    System {
        load: loads(&load),
        cpus: std::thread::available_parallelism().map_or(1, |n| n.get() as u64),
        mem_total: memory_of(&memory, "MemTotal:"),
        mem_free: memory_of(&memory, "MemFree:"),
    }
}

fn loads(text: &str) -> [f64; 3] {
    let mut numbers = text
        .split_whitespace()
        .map(|word| word.parse().unwrap_or_default());
    std::array::from_fn(|_| numbers.next().unwrap_or_default())
}

/// Bytes of one line; the kernel counts in units of 1024.
fn memory_of(text: &str, key: &str) -> u64 {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(key))
        .unwrap_or_default();
    let number = line
        .split_whitespace()
        .next()
        .and_then(|n| n.parse::<u64>().ok());
    number.unwrap_or_default().saturating_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_files_are_read() {
        assert_eq!(loads("0.38 1.19 2.30 1/300 4242\n"), [0.38, 1.19, 2.30]);
        assert_eq!(loads(""), [0.0; 3]);
        assert_eq!(
            memory_of("MemTotal:  16 kB\nMemFree: 2 kB\n", "MemFree:"),
            2048
        );
        assert_eq!(memory_of("x", "MemFree:"), 0);
    }
}
