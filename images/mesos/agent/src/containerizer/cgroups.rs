//! Limits by control groups, for the isolators `cgroups/cpu` and `cgroups/mem`: a group for each executor's
//! container below `--cgroups_root`, in a hierarchy for each controller (version 1) or one for all (2).

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use crate::model::Share;

/// The original's least share of CPUs, in 1024ths of one.
const LEAST_SHARES: f64 = 2.0;
/// A container's part of the CPUs where they are short, per CPU; of lent ones hardly any (the original's constants).
const SHARES_PER_CPU: f64 = 1024.0;
const SHARES_PER_LENT_CPU: f64 = 10.0;
/// In which time a quota of CPU time is to be used, in microseconds, and the least quota of it.
const PERIOD_MICROS: f64 = 100_000.0;
const LEAST_QUOTA_MICROS: f64 = 1000.0;
/// No container gets less memory than this, in MB.
const LEAST_MEMORY: f64 = 32.0;

/// What is to be limited, and where.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// `--cgroups_hierarchy`.
    pub hierarchy: PathBuf,
    /// `--cgroups_root`.
    pub root: String,
    /// Whether CPUs are.
    pub cpu: bool,
    /// Whether memory is.
    pub memory: bool,
    /// `--cgroups_enable_cfs`.
    pub has_quota: bool,
    /// `--cgroups_limit_swap`.
    pub limits_swap: bool,
    /// `--revocable_cpu_low_priority`.
    pub lent_yields: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

/// The groups of this agent's containers.
#[derive(Debug)]
pub struct Cgroups {
    wanted: Wanted,
    version: Version,
}

/// A container has wanted more memory than it may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exceeded {
    /// The most that it had, in bytes.
    pub used: u64,
    /// What its tasks' updates say.
    pub message: String,
}

impl Cgroups {
    /// Makes the root groups; the error says why nothing can be limited here.
    pub fn open(wanted: Wanted) -> io::Result<Self> {
        let is_unified = wanted.hierarchy.join("cgroup.controllers").exists();
        let version = if is_unified {
            Version::Two
        } else {
            Version::One
        };
        let this = Self { wanted, version };
        for folder in this.folders("") {
            if this.version == Version::One && !folder.parent().is_some_and(Path::is_dir) {
                let text = format!("'{}' is not mounted", folder.display());
                return Err(io::Error::new(io::ErrorKind::NotFound, text));
            }
            fs::create_dir_all(&folder).map_err(|error| at(&folder, &error))?;
        }
        if this.version == Version::Two {
            for folder in [this.wanted.hierarchy.clone(), this.unified("")] {
                for controller in this.controllers() {
                    write(
                        &folder.join("cgroup.subtree_control"),
                        &format!("+{controller}"),
                    )?;
                }
            }
        }
        this.probe()?;
        Ok(this)
    }

    /// Whether groups can be made and limited, tried with one that is removed again.
    fn probe(&self) -> io::Result<()> {
        let name = format!("probe-{}", uuid::Uuid::new_v4());
        let share = Share {
            cpus: 1.0,
            mem: LEAST_MEMORY,
            ..Share::default()
        };
        let made = self.create(&name, share).map(drop);
        self.remove(&name)?;
        made
    }

    fn controllers(&self) -> impl Iterator<Item = &'static str> + use<> {
        let all = [(self.wanted.cpu, "cpu"), (self.wanted.memory, "memory")];
        all.into_iter()
            .filter_map(|(is_wanted, name)| is_wanted.then_some(name))
    }

    fn unified(&self, container: &str) -> PathBuf {
        self.wanted
            .hierarchy
            .join(&self.wanted.root)
            .join(container)
    }

    fn folder(&self, controller: &str, container: &str) -> PathBuf {
        match self.version {
            Version::One => {
                let hierarchy = self.wanted.hierarchy.join(controller);
                hierarchy.join(&self.wanted.root).join(container)
            }
            Version::Two => self.unified(container),
        }
    }

    /// The container's groups.
    fn folders(&self, container: &str) -> Vec<PathBuf> {
        match self.version {
            Version::One => self
                .controllers()
                .map(|one| self.folder(one, container))
                .collect(),
            Version::Two => vec![self.unified(container)],
        }
    }

    /// The version of the kernel's interface.
    pub fn version(&self) -> u8 {
        match self.version {
            Version::One => 1,
            Version::Two => 2,
        }
    }

    /// Makes a container's groups. A process that writes `0` to each of these files is in them.
    pub fn create(&self, container: &str, share: Share) -> io::Result<Vec<File>> {
        let mut doors = Vec::new();
        for folder in self.folders(container) {
            fs::create_dir_all(&folder).map_err(|error| at(&folder, &error))?;
        }
        self.limit(container, share, true)?;
        for folder in self.folders(container) {
            let door = folder.join("cgroup.procs");
            let opened = OpenOptions::new().write(true).open(&door);
            doors.push(opened.map_err(|error| at(&door, &error))?);
        }
        Ok(doors)
    }

    /// Sets a container's limits. The limit of memory of one that runs is only raised, as the original does:
    /// what it has got it keeps.
    pub fn limit(&self, container: &str, share: Share, is_new: bool) -> io::Result<()> {
        for (controller, file, value) in self.values(share) {
            let path = self.folder(controller, container).join(file);
            let is_hard = matches!(
                file,
                "memory.limit_in_bytes" | "memory.max" | "memory.memsw.limit_in_bytes"
            );
            if is_hard && !is_new && !raises(&path, &value) {
                continue;
            }
            write(&path, &value)?;
        }
        Ok(())
    }

    /// What is written where, in this order.
    fn values(&self, share: Share) -> Vec<(&'static str, &'static str, String)> {
        let mut all = Vec::new();
        if self.wanted.cpu {
            let yields = share.is_lent && self.wanted.lent_yields;
            let per_cpu = if yields {
                SHARES_PER_LENT_CPU
            } else {
                SHARES_PER_CPU
            };
            let shares = (share.cpus * per_cpu).max(LEAST_SHARES);
            let most = share
                .cpus_limit
                .or(self.wanted.has_quota.then_some(share.cpus));
            let quota = most.filter(|cpus| cpus.is_finite());
            let quota = quota.map(|cpus| (cpus * PERIOD_MICROS).max(LEAST_QUOTA_MICROS) as u64);
            match self.version {
                Version::One => {
                    all.push(("cpu", "cpu.shares", (shares as u64).to_string()));
                    if most.is_some() {
                        all.push((
                            "cpu",
                            "cpu.cfs_period_us",
                            (PERIOD_MICROS as u64).to_string(),
                        ));
                        let quota = quota.map_or("-1".to_string(), |quota| quota.to_string());
                        all.push(("cpu", "cpu.cfs_quota_us", quota));
                    }
                }
                Version::Two => {
                    // Weights are from 1 to 10,000, and 100 is what 1024 shares are.
                    let weight = (shares * 100.0 / SHARES_PER_CPU)
                        .round()
                        .clamp(1.0, 10_000.0);
                    all.push(("cpu", "cpu.weight", (weight as u64).to_string()));
                    if most.is_some() {
                        let quota = quota.map_or("max".to_string(), |quota| quota.to_string());
                        all.push((
                            "cpu",
                            "cpu.max",
                            format!("{quota} {}", PERIOD_MICROS as u64),
                        ));
                    }
                }
            }
        }
        if self.wanted.memory {
            let soft = bytes(share.mem.max(LEAST_MEMORY));
            let hard = share.mem_limit.unwrap_or(share.mem).max(LEAST_MEMORY);
            let hard = hard.is_finite().then(|| bytes(hard).to_string());
            match self.version {
                Version::One => {
                    let hard = hard.unwrap_or("-1".to_string());
                    all.push(("memory", "memory.soft_limit_in_bytes", soft.to_string()));
                    all.push(("memory", "memory.limit_in_bytes", hard.clone()));
                    if self.wanted.limits_swap {
                        all.push(("memory", "memory.memsw.limit_in_bytes", hard));
                    }
                }
                Version::Two => {
                    let hard = hard.unwrap_or("max".to_string());
                    all.push(("memory", "memory.low", soft.to_string()));
                    all.push(("memory", "memory.max", hard));
                    if self.wanted.limits_swap {
                        all.push(("memory", "memory.swap.max", "0".to_string()));
                    }
                }
            }
        }
        all
    }

    /// Whether the kernel has killed processes of a container because it has no more memory.
    pub fn exceeded(&self, container: &str) -> Option<Exceeded> {
        if !self.wanted.memory {
            return None;
        }
        let folder = self.folder("memory", container);
        let read = |file: &str| fs::read_to_string(folder.join(file)).ok();
        let (events, limit, most) = match self.version {
            Version::One => (
                "memory.oom_control",
                "memory.limit_in_bytes",
                "memory.max_usage_in_bytes",
            ),
            Version::Two => ("memory.events", "memory.max", "memory.peak"),
        };
        let kills = read(events)?;
        let kills = kills
            .lines()
            .find_map(|line| line.strip_prefix("oom_kill "))?;
        if kills.trim() == "0" {
            return None;
        }
        let number = |file: &str| read(file)?.trim().parse::<u64>().ok();
        let limit = number(limit);
        // Kernels before 5.19 do not tell the most; it is the limit then.
        let used = number(most).or(limit).unwrap_or_default();
        let requested = limit.map(|limit| format!("Requested: {} ", shown(limit)));
        let message = format!(
            "Memory limit exceeded: {}Maximum Used: {}\n\nMEMORY STATISTICS: \n{}\n",
            requested.unwrap_or_default(),
            shown(used),
            read("memory.stat").unwrap_or_default()
        );
        Some(Exceeded { used, message })
    }

    /// Removes the groups of a container that has ended.
    pub fn remove(&self, container: &str) -> io::Result<()> {
        for folder in self.folders(container) {
            match fs::remove_dir(&folder) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(at(&folder, &error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Removes the groups that former lives of the agent have left without a process. Others stay.
    pub fn sweep(&self) {
        for root in self.folders("") {
            let groups = fs::read_dir(&root).into_iter().flatten().flatten();
            for group in groups.filter(|entry| entry.path().is_dir()) {
                // One that is in use cannot be removed, and is not to be.
                let _ = fs::remove_dir(group.path());
            }
        }
    }
}

/// Whether a limit is higher than the one that a file has.
fn raises(path: &Path, value: &str) -> bool {
    let amount = |text: &str| match text.trim() {
        "max" | "-1" => u64::MAX,
        number => number.parse().unwrap_or(0),
    };
    fs::read_to_string(path).is_ok_and(|old| amount(value) > amount(&old))
}

fn bytes(megabytes: f64) -> u64 {
    (megabytes * 1_048_576.0) as u64
}

fn write(path: &Path, value: &str) -> io::Result<()> {
    fs::write(path, value).map_err(|error| at(path, &error))
}

fn at(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("'{}': {error}", path.display()))
}

/// A number of bytes in the largest unit that it is a multiple of, as the original prints sizes.
pub fn shown(bytes: u64) -> String {
    let units = [(40, "TB"), (30, "GB"), (20, "MB"), (10, "KB")];
    let unit = units
        .iter()
        .find(|(shift, _)| bytes > 0 && bytes.is_multiple_of(1 << shift));
    unit.map_or_else(
        || format!("{bytes}B"),
        |(shift, name)| format!("{}{name}", bytes >> shift),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cgroups(version: Version, has_quota: bool) -> Cgroups {
        let wanted = Wanted {
            hierarchy: "/h".into(),
            root: "mesos".into(),
            cpu: true,
            memory: true,
            has_quota,
            limits_swap: false,
            lent_yields: true,
        };
        Cgroups { wanted, version }
    }

    fn written(cgroups: &Cgroups, share: Share) -> String {
        let all = cgroups.values(share).into_iter();
        let all: Vec<String> = all
            .map(|(_, file, value)| format!("{file}={value}"))
            .collect();
        all.join("; ")
    }

    #[test]
    fn limits_are_written_as_each_version_takes_them() {
        let plain = Share {
            cpus: 0.5,
            mem: 64.0,
            ..Share::default()
        };
        let tiny = Share {
            cpus: 0.0001,
            mem: 1.0,
            ..Share::default()
        };
        let limited = Share {
            cpus_limit: Some(2.0),
            mem_limit: Some(128.0),
            ..plain
        };
        let unlimited = Share {
            cpus_limit: Some(f64::INFINITY),
            mem_limit: Some(f64::INFINITY),
            ..plain
        };
        let cases = [
            (
                Version::One,
                false,
                plain,
                "cpu.shares=512; memory.soft_limit_in_bytes=67108864; memory.limit_in_bytes=67108864",
            ),
            (
                Version::One,
                true,
                tiny,
                "cpu.shares=2; cpu.cfs_period_us=100000; cpu.cfs_quota_us=1000; memory.soft_limit_in_bytes=33554432; memory.limit_in_bytes=33554432",
            ),
            (
                Version::One,
                false,
                limited,
                "cpu.shares=512; cpu.cfs_period_us=100000; cpu.cfs_quota_us=200000; memory.soft_limit_in_bytes=67108864; memory.limit_in_bytes=134217728",
            ),
            (
                Version::One,
                true,
                unlimited,
                "cpu.shares=512; cpu.cfs_period_us=100000; cpu.cfs_quota_us=-1; memory.soft_limit_in_bytes=67108864; memory.limit_in_bytes=-1",
            ),
            (
                Version::Two,
                true,
                plain,
                "cpu.weight=50; cpu.max=50000 100000; memory.low=67108864; memory.max=67108864",
            ),
            (
                Version::Two,
                false,
                unlimited,
                "cpu.weight=50; cpu.max=max 100000; memory.low=67108864; memory.max=max",
            ),
        ];
        for (version, has_quota, share, want) in cases {
            assert_eq!(
                written(&cgroups(version, has_quota), share),
                want,
                "{version:?} {share:?}"
            );
        }
    }

    #[test]
    fn what_is_lent_yields_unless_it_is_not_to() {
        let lent = Share {
            cpus: 2.0,
            mem: 64.0,
            is_lent: true,
            ..Share::default()
        };
        for (version, lent_yields, want) in [
            (Version::One, true, "cpu.shares=20"),
            (Version::One, false, "cpu.shares=2048"),
            (Version::Two, true, "cpu.weight=2"),
            (Version::Two, false, "cpu.weight=200"),
        ] {
            let mut groups = cgroups(version, false);
            groups.wanted.lent_yields = lent_yields;
            groups.wanted.memory = false;
            assert_eq!(written(&groups, lent), want);
        }
    }

    #[test]
    fn a_hierarchy_that_is_not_there_limits_nothing_and_says_so() {
        let folder = tempfile::tempdir().expect("a folder");
        let wanted = Wanted {
            hierarchy: folder.path().into(),
            ..cgroups(Version::One, false).wanted
        };
        let error = Cgroups::open(wanted)
            .expect_err("nothing is mounted")
            .to_string();
        assert!(error.ends_with("cpu/mesos/' is not mounted"), "{error}");
        assert_eq!(fs::read_dir(folder.path()).expect("there").count(), 0);
    }

    #[test]
    fn sizes_are_shown_in_their_largest_whole_unit() {
        for (bytes, want) in [
            (0, "0B"),
            (1023, "1023B"),
            (2048, "2KB"),
            (64 << 20, "64MB"),
            (3 << 30, "3GB"),
            (1 << 40, "1TB"),
        ] {
            assert_eq!(shown(bytes), want);
        }
    }
}
