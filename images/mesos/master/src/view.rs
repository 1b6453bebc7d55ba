//! What the master shows of its state: the JSON documents, the v1 answers, the metrics and the pages.
//! Pure: the same state gives the same document.

mod agents;
mod events;
mod frameworks;
mod metrics;
mod operator;
mod page;
mod policies;
mod registry;
mod roles;
mod samples;
mod shared;
mod sight;
mod state;
mod stats;
mod tasks;

use mesos_proto::mesos::{MasterInfo, VersionInfo};
use mesos_wire::flags::Flags;
use serde_json::{Map, Value, json};

use crate::model::Moment;

pub use agents::slaves;
pub use events::{event, event_to_json, visible};
pub use frameworks::frameworks;
pub use metrics::{Metrics, metrics};
pub use operator::{answer, snapshot, to_json};
pub use page::page;
pub use policies::{maintenance_status, offer_constraints, quotas, schedule, weights};
pub use registry::registry;
pub use roles::{role_messages, roles};
pub use samples::{Samples, Timings};
pub use state::{Edition, state, summary};
pub use stats::stats;
pub use tasks::{TaskQuery, tasks};

/// What documents show besides the state machine's state.
#[derive(Debug)]
pub struct Site {
    /// All flags.
    pub flags: Flags,
    /// The cluster's name.
    pub cluster: Option<String>,
    /// When this program was built.
    pub built: Moment,
    /// The master that leads now.
    pub leader: Option<MasterInfo>,
    /// How many event streams operators have.
    pub subscribers: usize,
    /// The host's load and memory.
    pub system: System,
}

/// The host, as `/system/stats.json` shows it.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct System {
    /// Load averages over 1, 5 and 15 minutes.
    pub load: [f64; 3],
    /// Processors.
    pub cpus: u64,
    /// Memory in bytes.
    pub mem_total: u64,
    /// Memory in bytes that is not in use.
    pub mem_free: u64,
}

/// The version of Mesos whose protocol is spoken. Clients read it as three numbers.
pub const VERSION: &str = "1.12.0";

/// `/version`.
pub fn version(site: &Site) -> Value {
    json!({
        "build_date": date(site.built),
        "build_time": site.built.as_secs() as f64,
        "build_user": "",
        "version": VERSION,
    })
}

/// The same, as a message.
pub fn version_info(site: &Site) -> VersionInfo {
    let mut info = VersionInfo::new();
    info.set_version(VERSION.to_string());
    info.set_build_date(date(site.built));
    info.set_build_time(site.built.as_secs() as f64);
    info.set_build_user(String::new());
    info
}

/// `/flags`.
pub fn flags(site: &Site) -> Value {
    json!({ "flags": flag_texts(site) })
}

pub(crate) fn flag_texts(site: &Site) -> Map<String, Value> {
    let builtin = [("help", "false"), ("version", "false")];
    let mut all: Vec<(&str, &str)> = site.flags.iter().chain(builtin).collect();
    all.sort_unstable();
    all.into_iter()
        .map(|(name, value)| (name.to_string(), value.into()))
        .collect()
}

/// `/system/stats.json`.
pub fn system_stats(system: &System) -> Value {
    let [one, five, fifteen] = system.load;
    json!({
        "avg_load_15min": fifteen,
        "avg_load_1min": one,
        "avg_load_5min": five,
        "cpus_total": system.cpus,
        "mem_free_bytes": system.mem_free,
        "mem_total_bytes": system.mem_total,
    })
}

/// A moment in UTC: `2024-08-23 12:00:00`.
fn date(moment: Moment) -> String {
    let seconds = moment.as_secs();
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    // Counted in years that begin in March, so that the leap day is a year's last.
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!(
        "{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02}",
        rest / 3600,
        rest / 60 % 60,
        rest % 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_dates() {
        for (seconds, want) in [
            (0, "1970-01-01 00:00:00"),
            (951_782_400, "2000-02-29 00:00:00"),
            (1_795_256_229, "2026-11-21 10:17:09"),
        ] {
            assert_eq!(date(Moment::from_secs(seconds)), want);
        }
    }
}
