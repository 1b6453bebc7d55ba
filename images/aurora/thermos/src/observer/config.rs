//! The observer's command line: all flags of the original, and `--root` of older versions.

use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use crate::flags::{Flag, FlagError, Given, switch, value};

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
        Ok(Self {
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
        let old = parse(&[
            "--root=/var/run/thermos",
            "--port=1338",
            "--mesos-root=/var/lib/mesos",
        ])
        .unwrap();
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
    }
}
