//! What this machine has, where `--resources` does not say (flags.md, section 4).

use std::path::Path;

use mesos_proto::mesos::{Resource, value};

/// A gigabyte in megabytes.
const GB: u64 = 1024;
/// Ports that are offered where none are named.
const PORTS: (u64, u64) = (31_000, 32_000);

/// What the machine has of the kinds that are not `named`. A kind that is named, were it to say that
/// there is none, is not detected.
pub fn missing(named: &[String], work_dir: &Path) -> Vec<Resource> {
    let mut given = Vec::new();
    let is_named = |name: &str| named.iter().any(|n| n == name);
    if !is_named("cpus") {
        let cpus = std::thread::available_parallelism().map_or(1, usize::from);
        given.push(scalar("cpus", cpus as u64));
    }
    if !is_named("mem") {
        let total = crate::system::System::now().mem_total_bytes / (1 << 20);
        given.push(scalar("mem", spare(total, GB, GB)));
    }
    if !is_named("disk") {
        given.push(scalar("disk", spare(disk_mb(work_dir), 5 * GB, 10 * GB)));
    }
    if !is_named("ports") {
        let mut ports = Resource::new();
        ports.set_name("ports".to_string());
        ports.set_type(value::Type::RANGES);
        let mut range = value::Range::new();
        range.set_begin(PORTS.0);
        range.set_end(PORTS.1);
        ports.ranges.mut_or_insert_default().range.push(range);
        given.push(ports);
    }
    given
}

/// What is left of `total` when the machine keeps `kept` for itself, or half where there is little.
/// `unknown` stands for a total that could not be read.
fn spare(total: u64, kept: u64, unknown: u64) -> u64 {
    match total {
        0 => unknown,
        total if total < 2 * kept => total / 2,
        total => total - kept,
    }
}

fn disk_mb(work_dir: &Path) -> u64 {
    let existing = work_dir.ancestors().find(|folder| folder.exists());
    existing
        .and_then(|folder| nix::sys::statvfs::statvfs(folder).ok())
        .map_or(0, |fs| fs.blocks().saturating_mul(fs.fragment_size()) >> 20)
}

fn scalar(name: &str, amount: u64) -> Resource {
    let mut resource = Resource::new();
    resource.set_name(name.to_string());
    resource.set_type(value::Type::SCALAR);
    resource
        .scalar
        .mut_or_insert_default()
        .set_value(amount as f64);
    resource
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_keeps_something_for_itself() {
        for (total, want) in [(0, 1024), (1000, 500), (2048, 1024), (8192, 7168)] {
            assert_eq!(spare(total, GB, GB), want, "case {total}");
        }
    }

    #[test]
    fn what_is_not_named_is_detected() {
        let got = missing(&["disk".to_string(), "cpus".to_string()], Path::new("/"));
        let names: Vec<&str> = got.iter().map(|r| r.name()).collect();
        assert_eq!(names, ["mem", "ports"]);
    }
}
