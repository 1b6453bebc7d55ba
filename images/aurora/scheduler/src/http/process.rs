//! What the kernel says of this process and the machine, for `/vars`.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::Value as Json;

/// The kernel counts a process's time in hundredths of a second, on every platform it runs on here.
const NANOS_OF_TICK: u64 = 10_000_000;

/// How many files the process may have open at once.
fn max_files() -> Option<u64> {
    let limits = std::fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// How long the process has computed, in nanoseconds.
fn cpu_nanos() -> Option<u64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name, in parentheses, may hold anything.
    let (_, rest) = stat.rsplit_once(')')?;
    let mut ticks = rest.split_whitespace().skip(11);
    let user: u64 = ticks.next()?.parse().ok()?;
    let system: u64 = ticks.next()?.parse().ok()?;
    Some(user.saturating_add(system).saturating_mul(NANOS_OF_TICK))
}

/// How long the process has computed; nothing, if the kernel does not say.
pub(super) fn computed() -> Duration {
    Duration::from_nanos(cpu_nanos().unwrap_or_default())
}

/// How often a thread of this process has panicked.
static PANICS: AtomicU64 = AtomicU64::new(0);

/// The most threads that were seen at once.
static MOST_THREADS: AtomicU64 = AtomicU64::new(0);

/// Counts every panic of this process from now on, for `/vars`.
pub fn count_panics() {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        PANICS.fetch_add(1, Ordering::Relaxed);
        report(panic);
    }));
}

/// How much memory the process may use, in bytes: that of its control group, or the machine's. `total` is the machine's.
fn most_memory(total: u64) -> u64 {
    let limits = [
        "/sys/fs/cgroup/memory.max",
        "/sys/fs/cgroup/memory/memory.limit_in_bytes",
    ];
    let limits = limits.iter().filter_map(|path| {
        let text = std::fs::read_to_string(path).ok()?;
        text.trim().parse::<u64>().ok()
    });
    limits.fold(total, u64::min)
}

/// What the kernel says of this process and the machine.
pub(super) fn vars(set: &mut impl FnMut(&str, Json)) {
    let field = |path: &str, name: &str| -> Option<u64> {
        let text = std::fs::read_to_string(path).ok()?;
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        line.split_whitespace().next()?.parse().ok()
    };
    if let Ok(files) = std::fs::read_dir("/proc/self/fd") {
        set("process_open_fd_count", files.count().into());
    }
    // What the process holds for itself is its heap; the rest is its program, and what it shares.
    for (name, of) in [
        ("jvm_memory_mb_total", "VmRSS"),
        ("jvm_memory_heap_mb_used", "RssAnon"),
        ("jvm_memory_non_heap_mb_used", "RssFile"),
    ] {
        if let Some(kb) = field("/proc/self/status", of) {
            set(name, (kb / 1024).into());
        }
    }
    if let Some(kb) = field("/proc/meminfo", "MemTotal") {
        let most = most_memory(kb.saturating_mul(1024)) >> 20;
        set("jvm_memory_max_mb", most.into());
        set("jvm_memory_heap_mb_max", most.into());
    }
    if let Some(threads) = field("/proc/self/status", "Threads") {
        let most = MOST_THREADS.fetch_max(threads, Ordering::Relaxed);
        set("jvm_threads_active", threads.into());
        set("jvm_threads_peak", threads.max(most).into());
        // The process ends with its first thread, whatever the others do.
        set("jvm_threads_daemon", threads.saturating_sub(1).into());
    }
    set("uncaught_exceptions", PANICS.load(Ordering::Relaxed).into());
    for (name, of) in [
        ("system_free_physical_memory_mb", "MemFree"),
        ("system_free_swap_mb", "SwapFree"),
    ] {
        if let Some(kb) = field("/proc/meminfo", of) {
            set(name, (kb / 1024).into());
        }
    }
    if let Some(most) = max_files() {
        set("process_max_fd_count", most.into());
    }
    if let Some(nanos) = cpu_nanos() {
        set("process_cpu_time_nanos", nanos.into());
    }
    set("jvm_time_ms", crate::engine::now_ms().into());
    if let Ok(count) = std::thread::available_parallelism() {
        set("jvm_available_processors", count.get().into());
    }
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    if let Some(load) = load
        .split_whitespace()
        .next()
        .and_then(|text| text.parse::<f64>().ok())
    {
        set("system_load_avg", load.into());
    }
}
