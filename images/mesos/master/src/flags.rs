//! The master's command line: its flags as Mesos has them, and what is made of them.

mod security;
mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddrV4, ToSocketAddrs as _};
use std::sync::Arc;
use std::time::Duration;

use mesos_wire::authorization::Acls;
use mesos_wire::flags::Flags;
use mesos_wire::zk::Url;
use thiserror::Error;

use crate::model::{Config, Limits, Quantities};

pub use security::Security;
pub use table::FLAGS;

/// The least time a disconnected agent is given (flags.md §2).
const LEAST_REREGISTER_TIMEOUT: Duration = Duration::from_secs(600);

/// Flags that this master takes and shows, but that change nothing it does: whoever gives one should
/// know.
const WITHOUT_EFFECT: [&str; 5] = [
    "hooks",
    "ip_discovery_command",
    "max_executors_per_agent",
    "modules",
    "modules_dir",
];

/// Why flags that are each well formed cannot be used.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum SettingsError {
    /// A flag is needed because of another.
    #[error("`--{missing}` needs to be specified{because}")]
    Missing {
        /// The flag.
        missing: &'static str,
        /// Why it is needed.
        because: &'static str,
    },
    /// A value is out of its bounds or of no use.
    #[error("invalid value `{value}` for `--{flag}`: {reason}")]
    Value {
        /// The flag.
        flag: &'static str,
        /// Its value.
        value: String,
        /// What is allowed.
        reason: String,
    },
    /// Flags about who may speak to this master do not fit together.
    #[error("{0}")]
    Security(String),
}

/// A master's settings, made of its flags.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where it listens.
    pub listen: SocketAddrV4,
    /// What its pid says instead, if anything.
    pub advertise: Option<SocketAddrV4>,
    /// The host name that it gives out; `None` asks the host.
    pub hostname: Option<String>,
    /// Where it is elected; without it, it leads from the start.
    pub zk: Option<Url>,
    /// How long ZooKeeper waits for it.
    pub zk_session_timeout: Duration,
    /// The cluster's name.
    pub cluster: Option<String>,
    /// What the state machine is told.
    pub config: Config,
    /// Who may speak to it.
    pub security: Security,
    /// How fast drivers may speak.
    pub limits: Limits,
    /// The file of the hosts to make offers of, if that is restricted.
    pub whitelist: Option<std::path::PathBuf>,
    /// How many event streams operators may have.
    pub max_subscribers: usize,
    /// All flags with their values, for those who ask.
    pub flags: Flags,
}

impl Settings {
    /// The flags that were given and change nothing.
    pub fn without_effect(&self) -> impl Iterator<Item = &'static str> + '_ {
        WITHOUT_EFFECT
            .into_iter()
            .filter(|flag| self.flags.text(flag).is_some())
    }

    /// The settings that these flags make.
    pub fn new(flags: Flags) -> Result<Self, SettingsError> {
        let zk = flags
            .text("zk")
            .map(|text| {
                text.parse::<Url>()
                    .map_err(|error| wrong("zk", text, error.to_string()))
            })
            .transpose()?;
        if flags.text("registry") == Some("replicated_log") {
            if flags.text("work_dir").is_none() {
                return Err(SettingsError::Missing {
                    missing: "work_dir",
                    because: " for the registry `replicated_log`",
                });
            }
            if zk.is_some() && flags.integer("quorum").is_none() {
                return Err(SettingsError::Missing {
                    missing: "quorum",
                    because: " for the registry `replicated_log` with `--zk`",
                });
            }
        } else if flags.text("registry") != Some("in_memory") {
            let value = flags.text("registry").unwrap_or_default();
            return Err(wrong(
                "registry",
                value,
                "`replicated_log` or `in_memory` is expected",
            ));
        }
        let listen = SocketAddrV4::new(
            ip(&flags, "ip")?.unwrap_or(Ipv4Addr::UNSPECIFIED),
            port(&flags, "port")?.unwrap_or(5050),
        );
        let advertise_port = port(&flags, "advertise_port")?;
        let advertise = match (ip(&flags, "advertise_ip")?, advertise_port) {
            (Some(ip), port) => Some(SocketAddrV4::new(ip, port.unwrap_or(listen.port()))),
            (None, Some(port)) if !listen.ip().is_unspecified() => {
                Some(SocketAddrV4::new(*listen.ip(), port))
            }
            (None, _) => None,
        };
        let security = Security::new(&flags)?;
        Ok(Self {
            listen,
            advertise,
            hostname: flags.text("hostname").map(str::to_string),
            zk,
            zk_session_timeout: flags
                .duration("zk_session_timeout")
                .unwrap_or(Duration::from_secs(10)),
            cluster: flags.text("cluster").map(str::to_string),
            whitelist: flags
                .text("whitelist")
                .filter(|text| *text != "*")
                .map(|text| text.strip_prefix("file://").unwrap_or(text).into()),
            limits: match flags.text("rate_limits") {
                None => Limits::default(),
                Some(text) => Limits::parse(text).map_err(|reason| {
                    SettingsError::Security(format!("invalid `--rate_limits`: {reason}"))
                })?,
            },
            config: config(&flags, security.acls.clone())?,
            security,
            max_subscribers: count(&flags, "max_operator_event_stream_subscribers").unwrap_or(1000),
            flags,
        })
    }
}

fn config(flags: &Flags, acls: Option<Arc<Acls>>) -> Result<Config, SettingsError> {
    let defaults = Config::default();
    let ping_timeout = bounded(
        flags,
        "agent_ping_timeout",
        Duration::from_secs(1)..=Duration::from_secs(15 * 60),
        "it must be between 1secs and 15mins",
    )?
    .unwrap_or(defaults.ping_timeout);
    let agent_reregister_timeout = bounded(
        flags,
        "agent_reregister_timeout",
        LEAST_REREGISTER_TIMEOUT..=Duration::MAX,
        "it must be at least 10mins",
    )?
    .unwrap_or(defaults.agent_reregister_timeout);
    let allocation_interval = bounded(
        flags,
        "allocation_interval",
        Duration::from_millis(1)..=Duration::MAX,
        "it must be at least 1ms",
    )?
    .unwrap_or(defaults.allocation_interval);
    let max_ping_timeouts = flags.integer("max_agent_ping_timeouts").unwrap_or(5);
    if max_ping_timeouts == 0 {
        return Err(wrong(
            "max_agent_ping_timeouts",
            "0",
            "it must be at least 1",
        ));
    }
    for (flag, allowed) in [
        ("allocator", &["hierarchical"][..]),
        ("role_sorter", &["drf"]),
        ("framework_sorter", &["drf"]),
    ] {
        if let Some(value) = flags.text(flag).filter(|value| !allowed.contains(value)) {
            return Err(wrong(
                flag,
                value,
                format!("`{}` is supported", allowed.join("`, `")),
            ));
        }
    }
    Ok(Config {
        acls,
        authenticate_frameworks: flags.is_on("authenticate_frameworks"),
        authenticate_agents: flags.is_on("authenticate_agents"),
        ping_timeout,
        max_ping_timeouts: u32::try_from(max_ping_timeouts).unwrap_or(u32::MAX),
        agent_reregister_timeout,
        allocation_interval,
        offer_timeout: flags.duration("offer_timeout"),
        min_allocatable: match flags.text("min_allocatable_resources") {
            None => Vec::new(),
            Some(text) => quantities(text).ok_or_else(|| {
                wrong(
                    "min_allocatable_resources",
                    text,
                    "sets such as `cpus:0.01|mem:32` are expected",
                )
            })?,
        },
        filter_gpu_resources: flags.is_on("filter_gpu_resources"),
        max_completed_frameworks: count(flags, "max_completed_frameworks").unwrap_or(50),
        max_completed_tasks: count(flags, "max_completed_tasks_per_framework").unwrap_or(1000),
        max_unreachable_tasks: count(flags, "max_unreachable_tasks_per_framework").unwrap_or(1000),
        root_submissions: flags.is_on("root_submissions"),
        roles: flags
            .text("roles")
            .map(|text| names(text).chain(["*".to_string()]).collect()),
        weights: match flags.text("weights") {
            None => BTreeMap::new(),
            Some(text) => weights(text).ok_or_else(|| {
                wrong(
                    "weights",
                    text,
                    "`role=weight` separated by `,`, with weights above 0, is expected",
                )
            })?,
        },
        unshared_names: flags
            .text("fair_sharing_excluded_resource_names")
            .map(|text| names(text).collect::<BTreeSet<_>>())
            .unwrap_or_default(),
        registry_max_agent_age: flags
            .duration("registry_max_agent_age")
            .unwrap_or(defaults.registry_max_agent_age),
        registry_max_agent_count: count(flags, "registry_max_agent_count")
            .unwrap_or(defaults.registry_max_agent_count),
        removal_spacing: match flags.text("agent_removal_rate_limit") {
            None => None,
            Some(text) => Some(spacing(text).ok_or_else(|| {
                wrong(
                    "agent_removal_rate_limit",
                    text,
                    "a number of agents and a time, such as `1/10mins`, are expected",
                )
            })?),
        },
        recovery_removal_limit: match flags.text("recovery_agent_removal_limit") {
            None => defaults.recovery_removal_limit,
            Some(text) => percentage(text).ok_or_else(|| {
                wrong(
                    "recovery_agent_removal_limit",
                    text,
                    "a percentage between `0%` and `100%` is expected",
                )
            })?,
        },
        recovery_factor: match flags.text("allocator_agent_recovery_factor") {
            None => defaults.recovery_factor,
            Some(text) => text
                .parse()
                .ok()
                .filter(|factor| (0.0..=1.0).contains(factor))
                .ok_or_else(|| {
                    wrong(
                        "allocator_agent_recovery_factor",
                        text,
                        "it must be between 0 and 1",
                    )
                })?,
        },
        recovery_timeout: flags
            .duration("allocator_recovery_timeout")
            .unwrap_or(defaults.recovery_timeout),
        pattern_memory: match flags.text("offer_constraints_re2_max_mem") {
            None => defaults.pattern_memory,
            Some(text) => pattern_memory(text).ok_or_else(|| {
                wrong(
                    "offer_constraints_re2_max_mem",
                    text,
                    "a whole number with a unit such as `4KB` is expected",
                )
            })?,
        },
    })
}

fn wrong(flag: &'static str, value: &str, reason: impl Into<String>) -> SettingsError {
    SettingsError::Value {
        flag,
        value: value.to_string(),
        reason: reason.into(),
    }
}

fn count(flags: &Flags, flag: &str) -> Option<usize> {
    flags.integer(flag).and_then(|n| usize::try_from(n).ok())
}

fn port(flags: &Flags, flag: &'static str) -> Result<Option<u16>, SettingsError> {
    flags
        .integer(flag)
        .map(|n| {
            u16::try_from(n).map_err(|_| wrong(flag, &n.to_string(), "a port is at most 65535"))
        })
        .transpose()
}

/// An address, or a name that has one.
fn ip(flags: &Flags, flag: &'static str) -> Result<Option<Ipv4Addr>, SettingsError> {
    let Some(text) = flags.text(flag) else {
        return Ok(None);
    };
    if let Ok(ip) = text.parse() {
        return Ok(Some(ip));
    }
    let addresses = (text, 0).to_socket_addrs().into_iter().flatten();
    let found = addresses
        .into_iter()
        .find_map(|address| match address.ip() {
            std::net::IpAddr::V4(ip) => Some(ip),
            std::net::IpAddr::V6(_) => None,
        });
    found
        .map(Some)
        .ok_or_else(|| wrong(flag, text, "an IPv4 address is expected"))
}

fn bounded(
    flags: &Flags,
    flag: &'static str,
    bounds: std::ops::RangeInclusive<Duration>,
    reason: &str,
) -> Result<Option<Duration>, SettingsError> {
    match flags.duration(flag) {
        Some(value) if !bounds.contains(&value) => {
            Err(wrong(flag, flags.text(flag).unwrap_or_default(), reason))
        }
        value => Ok(value),
    }
}

fn names(text: &str) -> impl Iterator<Item = String> + '_ {
    text.split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .map(str::to_string)
}

/// Sets of amounts, any one of which is enough: `cpus:0.01|mem:32;disk:1`.
fn quantities(text: &str) -> Option<Vec<Quantities>> {
    text.split('|')
        .map(|set| {
            set.split(';')
                .map(str::trim)
                .filter(|part| !part.is_empty())
                .map(|part| {
                    let (name, amount) = part.split_once(':')?;
                    let amount: f64 = amount.trim().parse().ok()?;
                    (amount >= 0.0).then(|| (name.trim().to_string(), amount))
                })
                .collect()
        })
        .collect()
}

/// The time from one agent to the next where so many may be lost in a time: `1/10mins`.
fn spacing(text: &str) -> Option<Duration> {
    let (count, time) = text.split_once('/')?;
    let count = count.parse::<u32>().ok().filter(|count| *count > 0)?;
    Some(mesos_wire::duration::parse(time).ok()? / count)
}

/// `12.5%` as a part of 1.
fn percentage(text: &str) -> Option<f64> {
    let number = mesos_wire::resources::number(text.strip_suffix('%')?)?;
    (0.0..=100.0).contains(&number).then_some(number / 100.0)
}

/// The memory of a compiled expression here where RE2's is to be this much. RE2 keeps one instruction
/// of 16 bytes where an automaton over bytes has several states.
fn pattern_memory(text: &str) -> Option<usize> {
    const UNITS: [(&str, usize); 4] = [("GB", 1 << 30), ("MB", 1 << 20), ("KB", 1 << 10), ("B", 1)];
    let (number, unit) = UNITS
        .iter()
        .find_map(|(name, unit)| Some((text.strip_suffix(name)?, unit)))?;
    let bytes = number.parse::<usize>().ok()?.checked_mul(*unit)?;
    bytes.checked_mul(16)
}

/// `role=weight,role=weight`.
fn weights(text: &str) -> Option<BTreeMap<String, f64>> {
    text.split(',')
        .map(|part| {
            let (role, weight) = part.split_once('=')?;
            let weight: f64 = weight.trim().parse().ok()?;
            (weight > 0.0).then(|| (role.trim().to_string(), weight))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use mesos_wire::flags::Request;

    use super::*;

    fn settings(args: &[&str]) -> Result<Settings, String> {
        let args = args.iter().map(std::ffi::OsString::from);
        match Flags::parse(FLAGS, args, []) {
            Ok(Request::Run(flags)) => Settings::new(flags).map_err(|e| e.to_string()),
            other => Err(format!("{other:?}")),
        }
    }

    #[test]
    fn a_dev_clusters_command_line_is_understood() {
        let settings = settings(&[
            "--zk=zk://zookeeper:2181/mesos",
            "--quorum=1",
            "--work_dir=/var/lib/mesos",
            "--ip=0.0.0.0",
            "--advertise_ip=192.168.33.3",
            "--port=5050",
            "--hostname=192.168.33.3",
            "--cluster=devcluster",
            "--agent_ping_timeout=3secs",
            "--max_agent_ping_timeouts=5",
            "--weights=a=2,b=0.5",
            "--roles=a,b",
        ])
        .expect("flags of a dev cluster");
        assert_eq!(
            settings.advertise,
            Some("192.168.33.3:5050".parse().expect("address"))
        );
        assert_eq!(settings.config.ping_timeout, Duration::from_secs(3));
        assert_eq!(settings.config.weights.get("b"), Some(&0.5));
        assert!(settings.config.roles.expect("roles").contains("*"));
        assert_eq!(settings.config.min_allocatable.len(), 2);
    }

    #[test]
    fn flags_that_do_not_fit_together_are_refused() {
        let cases = [
            (
                "",
                "`--work_dir` needs to be specified for the registry `replicated_log`",
            ),
            (
                "--work_dir=/w --zk=zk://a:1/m",
                "`--quorum` needs to be specified for the registry `replicated_log` with `--zk`",
            ),
            (
                "--registry=in_memory --agent_ping_timeout=10ms",
                "invalid value `10ms` for `--agent_ping_timeout`: it must be between 1secs and 15mins",
            ),
            (
                "--registry=in_memory --max_agent_ping_timeouts=0",
                "invalid value `0` for `--max_agent_ping_timeouts`: it must be at least 1",
            ),
            (
                "--registry=disk",
                "invalid value `disk` for `--registry`: `replicated_log` or `in_memory` is expected",
            ),
            (
                "--registry=in_memory --agent_removal_rate_limit=0/1mins",
                "invalid value `0/1mins` for `--agent_removal_rate_limit`: a number of agents and a time, such as `1/10mins`, are expected",
            ),
            (
                "--registry=in_memory --recovery_agent_removal_limit=101%",
                "invalid value `101%` for `--recovery_agent_removal_limit`: a percentage between `0%` and `100%` is expected",
            ),
            (
                "--registry=in_memory --offer_constraints_re2_max_mem=4",
                "invalid value `4` for `--offer_constraints_re2_max_mem`: a whole number with a unit such as `4KB` is expected",
            ),
            (
                r#"--registry=in_memory --acls={"run_tasks":[{"principals":{}}]}"#,
                "invalid `--acls`: `run_tasks[0]`: Missing required fields: users",
            ),
            (
                "--registry=in_memory --acls={",
                "invalid `--acls`: syntax error at line 1 near: ",
            ),
            (
                r#"--registry=in_memory --rate_limits={"limits":[{"principal":"p","qps":0}]}"#,
                "invalid `--rate_limits`: Invalid qps: 0. It must be a positive number",
            ),
            (
                "--registry=in_memory --authorizers=other",
                "invalid value `other` for `--authorizers`: `local` is supported",
            ),
            (
                "--registry=in_memory --port=70000",
                "invalid value `70000` for `--port`: a port is at most 65535",
            ),
            (
                "--registry=in_memory --min_allocatable_resources=cpus",
                "invalid value `cpus` for `--min_allocatable_resources`: sets such as `cpus:0.01|mem:32` are expected",
            ),
        ];
        for (args, want) in cases {
            let args: Vec<&str> = args.split_whitespace().collect();
            assert_eq!(
                settings(&args).expect_err("refused"),
                want,
                "case `{args:?}`"
            );
        }
    }
}
