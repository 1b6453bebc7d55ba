//! The observer's command line: all flags of the original, and `--root` of older versions.

use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use super::collector::JsonPath;
use crate::flags::{Flag, FlagError, Given, switch, value};

const AGENT_API: &str = "http://localhost:5051/containers";

const FLAGS: &[Flag] = &[
    value("ip"),
    value("port"),
    value("root"),
    value("mesos_root"),
    value("polling_interval_secs"),
    switch("disable_task_resource_collection"),
    value("task_process_collection_interval_secs"),
    value("task_disk_collection_interval_secs"),
    switch("enable_mesos_disk_collector"),
    value("agent_api_url"),
    value("executor_id_json_path"),
    value("disk_usage_json_path"),
];

/// An agent that is asked for the sizes of sandboxes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DiskCollector {
    /// What is asked for.
    pub(crate) url: String,
    /// Where an executor's id is in each of the answers.
    pub(crate) executor_id: JsonPath,
    /// Where its size is.
    pub(crate) disk_usage: JsonPath,
}

/// Where an observer looks, and where it is looked at.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    pub(crate) address: SocketAddr,
    /// The agent's work directory.
    pub(crate) mesos_root: PathBuf,
    /// A checkpoint root of its own, for tasks that no agent runs.
    pub(crate) root: Option<PathBuf>,
    /// Whether figures of tasks are shown.
    pub(crate) resources: bool,
    /// Who measures sandboxes instead of the observer.
    pub(crate) collector: Option<DiskCollector>,
    /// How old a sandbox's measured size may be, in seconds.
    pub(crate) disk_interval: u64,
}

impl Config {
    pub(crate) fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Self, FlagError> {
        let given = Given::parse(FLAGS, args)?;
        let ip = given.parsed("ip", "an IP address", |v| v.parse::<IpAddr>().ok())?;
        let port = given.parsed("port", "a port number", |v| v.parse::<u16>().ok())?;
        // Figures are taken when they are asked for, so that the other intervals have no use; they
        // still have to be numbers.
        for name in [
            "polling_interval_secs",
            "task_process_collection_interval_secs",
        ] {
            given.parsed(name, "a number of seconds", |v| v.parse::<u64>().ok())?;
        }
        let disk = given.parsed(
            "task_disk_collection_interval_secs",
            "a number of seconds",
            |v| v.parse().ok(),
        )?;
        let path = |name, usual| {
            let allowed = "names with dots between";
            let given = given.parsed(name, allowed, JsonPath::parse)?;
            given
                .or_else(|| JsonPath::parse(usual))
                .ok_or(FlagError::Required(name))
        };
        let collector = DiskCollector {
            url: given.text("agent_api_url").unwrap_or(AGENT_API).to_string(),
            executor_id: path("executor_id_json_path", "executor_id")?,
            disk_usage: path("disk_usage_json_path", "statistics.disk_used_bytes")?,
        };
        Ok(Self {
            collector: given
                .is_on("enable_mesos_disk_collector")
                .then_some(collector),
            address: SocketAddr::new(
                ip.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
                port.unwrap_or(1338),
            ),
            mesos_root: given.text("mesos_root").unwrap_or("/var/lib/mesos").into(),
            root: given.text("root").map(PathBuf::from),
            resources: !given.is_on("disable_task_resource_collection"),
            disk_interval: disk.unwrap_or(60),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> Result<Config, FlagError> {
        Config::parse(args.iter().map(OsString::from))
    }

    #[test]
    fn both_vagrant_clusters_flags_are_taken() {
        let new = parse(&[
            "--ip=192.168.33.7",
            "--port=1338",
            "--enable_mesos_disk_collector",
            "--agent_api_url=http://192.168.33.7:5051/containers",
            "--log_to_disk=NONE",
            "--log_to_stderr=google:INFO",
        ])
        .unwrap();
        assert_eq!(new.address.to_string(), "192.168.33.7:1338");
        let collector = new.collector.unwrap();
        assert_eq!(collector.url, "http://192.168.33.7:5051/containers");
        assert_eq!(Some(collector.executor_id), JsonPath::parse("executor_id"));
        let old = parse(&[
            "--root=/var/run/thermos",
            "--port=1338",
            "--mesos-root=/var/lib/mesos",
        ])
        .unwrap();
        assert_eq!(old.collector, None);
        assert_eq!(old.root, Some("/var/run/thermos".into()));
        assert_eq!(old.address.to_string(), "0.0.0.0:1338");
    }

    #[test]
    fn wrong_values_are_named() {
        let error = parse(&["--port=http"]).unwrap_err().to_string();
        assert_eq!(
            error,
            "option --port: invalid value `http`: a port number is allowed"
        );
        let error = parse(&["--disk_usage_json_path=a[0]"])
            .unwrap_err()
            .to_string();
        assert_eq!(
            error,
            "option --disk_usage_json_path: invalid value `a[0]`: names with dots between is allowed"
        );
    }
}
