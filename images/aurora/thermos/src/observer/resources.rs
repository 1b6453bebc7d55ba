//! What tasks use: CPU and memory of their processes, disk of their sandboxes. Measured when somebody
//! asks.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use crate::checkpoint::ProcessStatus;
use crate::clock;
use crate::proc::{self, Stat, descendants, rss};
use crate::runner::is_ours;

/// The least time between two looks that a rate is made of.
const LEAST: f64 = 1.0;
/// How many rates and sizes are remembered at most.
const MEMORY: usize = 4096;

/// What some processes use together.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Usage {
    /// Cores.
    pub(crate) cpu: f64,
    /// Seconds.
    pub(crate) user: f64,
    /// Seconds.
    pub(crate) system: f64,
    /// Bytes.
    pub(crate) rss: u64,
    /// Bytes.
    pub(crate) vms: u64,
    pub(crate) threads: u64,
}

impl Usage {
    /// As the original's JSON has it. Niceness and status are those of a sum: none.
    pub(crate) fn fields(&self, map: &mut Map<String, Value>) {
        // What is not running has whole zeros there.
        let idle = *self == Self::default();
        let number = |value: f64| if idle { json!(0) } else { json!(value) };
        map.insert("cpu".into(), number(self.cpu));
        map.insert("ram".into(), json!(self.rss));
        map.insert("user".into(), number(self.user));
        map.insert("system".into(), number(self.system));
        map.insert("rss".into(), json!(self.rss));
        map.insert("vms".into(), json!(self.vms));
        map.insert("nice".into(), Value::Null);
        map.insert("status".into(), json!("None"));
        map.insert("threads".into(), json!(self.threads));
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.cpu += other.cpu;
        self.user += other.user;
        self.system += other.system;
        self.rss += other.rss;
        self.vms += other.vms;
        self.threads += other.threads;
    }
}

#[derive(Debug, Clone, Copy)]
struct Sample {
    at: f64,
    busy: f64,
    rate: f64,
}

/// Remembers earlier looks: a rate is the difference of two.
#[derive(Debug)]
pub(crate) struct Meter {
    enabled: bool,
    disk_interval: Duration,
    samples: Mutex<HashMap<(i32, i64), Sample>>,
    disks: Mutex<HashMap<PathBuf, (Instant, u64)>>,
}

impl Meter {
    pub(crate) fn new(enabled: bool, disk_interval: u64) -> Self {
        Self {
            enabled,
            disk_interval: Duration::from_secs(disk_interval),
            samples: Mutex::default(),
            disks: Mutex::default(),
        }
    }

    /// What one running run uses, with its children. `all` is every process there is.
    pub(crate) fn of_run(&self, all: &[Stat], run: &ProcessStatus, uid: Option<i32>) -> Usage {
        let root = run
            .pid
            .filter(|pid| self.enabled && is_ours(*pid, run.start_time, uid));
        let Some(root) = root else {
            return Usage::default();
        };
        let mut pids = descendants(all, root);
        pids.insert(root);
        let mut usage = Usage::default();
        for stat in all.iter().filter(|stat| pids.contains(&stat.pid)) {
            usage.user += stat.user;
            usage.system += stat.system;
            usage.vms += stat.vms;
            usage.threads += stat.threads;
            usage.rss += rss(stat.pid).unwrap_or_default();
        }
        usage.cpu = self.rate(
            root,
            run.start_time.unwrap_or_default(),
            usage.user + usage.system,
        );
        usage
    }

    /// Cores used since the last look, or since the start where there was none.
    fn rate(&self, pid: i32, started: f64, busy: f64) -> f64 {
        #[expect(clippy::cast_possible_truncation, reason = "seconds since 1970 fit")]
        let key = (pid, started as i64);
        let now = clock::now();
        let mut samples = self.samples.lock().unwrap_or_else(PoisonError::into_inner);
        let last = samples.get(&key).copied();
        let (since, before) = last.map_or((started, 0.0), |last| (last.at, last.busy));
        if let Some(last) = last
            && now - last.at < LEAST
        {
            return last.rate;
        }
        let rate = ((busy - before) / (now - since).max(0.001)).max(0.0);
        if samples.len() >= MEMORY {
            samples.clear();
        }
        samples.insert(
            key,
            Sample {
                at: now,
                busy,
                rate,
            },
        );
        rate
    }

    /// How many bytes of disk a sandbox takes, as of some time ago at most.
    pub(crate) fn disk(&self, sandbox: &Path) -> u64 {
        if !self.enabled {
            return 0;
        }
        let known = {
            let disks = self.disks.lock().unwrap_or_else(PoisonError::into_inner);
            disks.get(sandbox).copied()
        };
        if let Some((at, bytes)) = known
            && at.elapsed() < self.disk_interval
        {
            return bytes;
        }
        let bytes = proc::disk_usage(sandbox);
        let mut disks = self.disks.lock().unwrap_or_else(PoisonError::into_inner);
        if disks.len() >= MEMORY {
            disks.clear();
        }
        disks.insert(sandbox.to_path_buf(), (Instant::now(), bytes));
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::ProcessState;

    #[test]
    fn a_running_process_is_measured_and_a_stranger_is_not() {
        let pid = i32::try_from(std::process::id()).unwrap();
        let mut run = ProcessStatus::new("p", 2, ProcessState::Running);
        run.pid = Some(pid);
        run.start_time = Stat::of(pid).unwrap().started_at();
        let meter = Meter::new(true, 60);
        let usage = meter.of_run(&proc::all(), &run, None);
        assert!(
            usage.rss > 0 && usage.threads > 0 && usage.vms > usage.rss,
            "{usage:?}"
        );
        run.start_time = Some(1000.0);
        assert_eq!(meter.of_run(&proc::all(), &run, None), Usage::default());
        run.start_time = Stat::of(pid).unwrap().started_at();
        assert_eq!(
            Meter::new(false, 60).of_run(&proc::all(), &run, None),
            Usage::default()
        );
    }
}
