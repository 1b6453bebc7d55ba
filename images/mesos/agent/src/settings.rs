//! The flags, read and judged: everything that can be wrong about them is wrong before anything starts.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use mesos_proto::mesos::{Attribute, Resource};
use mesos_wire::authentication::Gate;
use mesos_wire::authorization::Acls;
use mesos_wire::flags::Flags;
use mesos_wire::resources::{Format, ResourceError, Resources};
use mesos_wire::{attributes, resources};
use thiserror::Error;

use crate::detect;
use crate::flags;
use crate::model::{Oversubscription, Proof};

mod oversubscription;
mod security;

/// What is done about executors of a former life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recover {
    /// They are taken back.
    Reconnect,
    /// They are ended, and the agent exits.
    Cleanup,
}

/// How much the agent may differ from its former life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reconfiguration {
    /// Not at all.
    Equal,
    /// It may have more resources and attributes.
    Additive,
}

/// Why flags cannot be used.
#[derive(Debug, Error)]
pub enum SettingsError {
    /// A flag that has no default is not there.
    #[error("missing required option `--{0}`")]
    Missing(&'static str),
    /// A flag's value cannot be used.
    #[error("flag `{name}` is `{value}`: {allowed}")]
    Invalid {
        /// The flag.
        name: &'static str,
        /// Its value.
        value: String,
        /// What is allowed, or what is wrong.
        allowed: String,
    },
    /// Flags about who may speak to whom do not fit together.
    #[error("{0}")]
    Security(String),
    /// A module that is not here, or that cannot be made with its parameters.
    #[error("{0}")]
    Module(String),
}

/// What the agent runs with.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The flags as given, for `/flags`.
    pub flags: Flags,
    /// Where masters are found.
    pub master: String,
    /// Where to listen.
    pub listen: SocketAddrV4,
    /// What pids carry, if another address.
    pub advertise: Option<SocketAddrV4>,
    /// `--hostname`.
    pub hostname: Option<String>,
    /// `--work_dir`.
    pub work_dir: PathBuf,
    /// What is offered.
    pub resources: Vec<Resource>,
    /// What the agent is.
    pub attributes: Vec<Attribute>,
    /// `--executor_environment_variables`.
    pub executor_variables: Vec<(String, String)>,
    /// `--docker_container_labels`.
    pub container_labels: BTreeMap<String, String>,
    /// `--fetcher_cache_dir` and `--fetcher_cache_size` in bytes.
    pub cache: (PathBuf, u64),
    /// `--recover`.
    pub recover: Recover,
    /// `--reconfiguration_policy`.
    pub reconfiguration: Reconfiguration,
    /// What is asked of HTTP requests.
    pub gate: Gate,
    /// Who may do what; everybody may do everything without.
    pub acls: Option<Arc<Acls>>,
    /// What the agent proves itself with to a master.
    pub proof: Option<Proof>,
    /// What the agent lends, and how often that is estimated.
    pub oversubscription: Option<Oversubscription>,
    /// Modules of `--modules` that do nothing here.
    pub other_modules: Vec<String>,
}

impl Settings {
    /// Judges the flags. Resources that are not given are detected.
    pub fn new(flags: Flags) -> Result<Self, SettingsError> {
        let required = |name| flags.text(name).ok_or(SettingsError::Missing(name));
        let invalid = |name: &'static str, allowed: String| SettingsError::Invalid {
            name,
            value: flags.text(name).unwrap_or_default().to_string(),
            allowed,
        };
        let master = required("master")?.to_string();
        let work_dir = PathBuf::from(required("work_dir")?);
        if !work_dir.is_absolute() {
            return Err(invalid(
                "work_dir",
                "an absolute path is expected".to_string(),
            ));
        }
        let address = |name| match flags.text(name) {
            None => Ok(None),
            Some(text) => text
                .parse::<Ipv4Addr>()
                .map(Some)
                .map_err(|_| invalid(name, "an IPv4 address is expected".to_string())),
        };
        let port = |name| match flags.integer(name) {
            None => Ok(None),
            Some(port) => u16::try_from(port)
                .map(Some)
                .map_err(|_| invalid(name, "a port from 0 to 65535 is expected".to_string())),
        };
        let own_port = port("port")?.unwrap_or_default();
        let listen = SocketAddrV4::new(address("ip")?.unwrap_or(Ipv4Addr::UNSPECIFIED), own_port);
        let advertise = match (address("advertise_ip")?, port("advertise_port")?) {
            (None, None) => None,
            (ip, port) => Some(SocketAddrV4::new(
                ip.unwrap_or(*listen.ip()),
                port.unwrap_or(own_port),
            )),
        };
        let role = flags.text("default_role").unwrap_or("*");
        let given = flags.text("resources").unwrap_or_default();
        let bad = |error: ResourceError| invalid("resources", error.to_string());
        let mut all = resources::parse(given, role).map_err(bad)?;
        let mut detected = detect::missing(&names(given, &all), &work_dir);
        detected
            .iter_mut()
            .for_each(|resource| resource.set_role(role.to_string()));
        all.add(&Resources::from_protos(&detected).map_err(bad)?);
        let resources = all.to_protos(Format::Pre);
        let attributes = attributes::parse(flags.text("attributes").unwrap_or_default())
            .map_err(|error| invalid("attributes", error.to_string()))?;
        let executor_variables = match flags.text("executor_environment_variables") {
            None => Vec::new(),
            Some(text) => variables(text).ok_or_else(|| {
                let allowed = "a JSON object of texts is expected".to_string();
                invalid("executor_environment_variables", allowed)
            })?,
        };
        let recover = match flags.text("recover") {
            Some("reconnect") | None => Recover::Reconnect,
            Some("cleanup") => Recover::Cleanup,
            Some(_) => {
                return Err(invalid(
                    "recover",
                    "`reconnect` or `cleanup` is expected".into(),
                ));
            }
        };
        let reconfiguration = match flags.text("reconfiguration_policy") {
            Some("equal") | None => Reconfiguration::Equal,
            Some("additive") => Reconfiguration::Additive,
            Some(_) => {
                let allowed = "`equal` or `additive` is expected".to_string();
                return Err(invalid("reconfiguration_policy", allowed));
            }
        };
        if flags.duration("executor_reregistration_timeout") > Some(Duration::from_secs(15)) {
            let allowed = "at most 15secs is allowed".to_string();
            return Err(invalid("executor_reregistration_timeout", allowed));
        }
        let containerizers = flags.text("containerizers").unwrap_or("mesos");
        if !containerizers
            .split(',')
            .all(|one| matches!(one.trim(), "mesos" | "docker"))
        {
            let allowed = "`docker`, `mesos` or both are expected".to_string();
            return Err(invalid("containerizers", allowed));
        }
        let container_labels = match flags.text("docker_container_labels") {
            None => Vec::new(),
            Some(text) => variables(text).ok_or_else(|| {
                let allowed = "a JSON object of texts is expected".to_string();
                invalid("docker_container_labels", allowed)
            })?,
        };
        let cache_size = bytes(flags.text("fetcher_cache_size").unwrap_or_default());
        let cache_size = cache_size.ok_or_else(|| {
            invalid(
                "fetcher_cache_size",
                "a size such as `2GB` is expected".to_string(),
            )
        })?;
        let headroom = flags.number("gc_disk_headroom").unwrap_or_default();
        if !(0.0..=1.0).contains(&headroom) {
            let allowed = "a number from 0 to 1 is expected".to_string();
            return Err(invalid("gc_disk_headroom", allowed));
        }
        let gate = security::gate(&flags)?;
        let acls = security::acls(&flags)?;
        let proof = security::proof(&flags)?;
        let (oversubscription, other_modules) = oversubscription::read(&flags)?;
        let hostname = flags.text("hostname").map(ToString::to_string);
        Ok(Self {
            master,
            listen,
            advertise,
            hostname,
            work_dir,
            resources,
            attributes,
            cache: (
                flags.text("fetcher_cache_dir").unwrap_or_default().into(),
                cache_size,
            ),
            executor_variables,
            container_labels: container_labels.into_iter().collect(),
            recover,
            reconfiguration,
            gate,
            acls,
            proof,
            oversubscription,
            other_modules,
            flags,
        })
    }

    /// A flag that has a default.
    pub fn duration(&self, name: &str) -> Duration {
        self.flags.duration(name).unwrap_or_default()
    }

    /// Whether an isolator is asked for.
    pub fn isolates(&self, isolator: &str) -> bool {
        isolates(&self.flags, isolator)
    }

    /// Whether sandboxes are looked at: `disk/du`, or as it was called before.
    pub fn isolates_disk(&self) -> bool {
        isolates_disk(&self.flags)
    }

    /// Flags that were given and do nothing here.
    pub fn without_effect(&self) -> Vec<&'static str> {
        flags::INERT
            .iter()
            .filter(|flag| self.flags.text(flag.name) != flag.default.filter(|d| !d.is_empty()))
            .map(|flag| flag.name)
            .collect()
    }
}

fn isolates(flags: &Flags, isolator: &str) -> bool {
    let all = flags.text("isolation").unwrap_or_default();
    all.split(',').any(|one| one.trim() == isolator)
}

/// Whether `--isolation` asks that sandboxes are looked at.
pub(crate) fn isolates_disk(flags: &Flags) -> bool {
    isolates(flags, "disk/du") || isolates(flags, "posix/disk")
}

/// The kinds that a list of resources names, also those that it says there are none of.
fn names(text: &str, parsed: &Resources) -> Vec<String> {
    let written = text
        .split([';', '\n'])
        .filter_map(|part| part.split([':', '(']).next())
        .map(|name| name.trim().to_string());
    written
        .chain(parsed.iter().map(|resource| resource.name().to_string()))
        .collect()
}

/// A number of bytes, such as `2GB`.
fn bytes(text: &str) -> Option<u64> {
    let units = [("TB", 40), ("GB", 30), ("MB", 20), ("KB", 10), ("B", 0)];
    let (number, shift) = units
        .iter()
        .find_map(|(unit, shift)| Some((text.strip_suffix(unit)?, *shift)))?;
    number.trim().parse::<u64>().ok()?.checked_mul(1 << shift)
}

fn variables(text: &str) -> Option<Vec<(String, String)>> {
    let value: serde_json::Value = serde_json::from_str(text).ok()?;
    value
        .as_object()?
        .iter()
        .map(|(name, value)| Some((name.clone(), value.as_str()?.to_string())))
        .collect()
}

#[cfg(test)]
mod tests {
    use mesos_wire::flags::Request;

    use super::*;

    fn settings(args: &[&str]) -> Result<Settings, String> {
        let args = args.iter().map(std::ffi::OsString::from);
        match Flags::parse(&flags::all(), args, []) {
            Ok(Request::Run(flags)) => Settings::new(flags).map_err(|e| e.to_string()),
            other => Err(format!("{other:?}")),
        }
    }

    #[test]
    fn a_plain_command_line_is_enough() {
        let got = settings(&[
            "--master=127.0.0.1:5050",
            "--work_dir=/w",
            "--resources=cpus:4;mem:64;disk:0",
        ])
        .expect("complete");
        assert_eq!(got.listen, SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 5051));
        assert_eq!(
            got.resources.iter().map(|r| r.name()).collect::<Vec<_>>(),
            ["cpus", "mem", "ports"]
        );
        assert_eq!(
            got.duration("registration_backoff_factor"),
            Duration::from_secs(1)
        );
        assert!(
            got.without_effect().is_empty(),
            "{:?}",
            got.without_effect()
        );
    }

    #[test]
    fn what_is_wrong_is_named() {
        let cases = [
            (vec!["--work_dir=/w"], "missing required option `--master`"),
            (vec!["--master=m:1"], "missing required option `--work_dir`"),
            (
                vec!["--master=m:1", "--work_dir=w"],
                "flag `work_dir` is `w`: an absolute path is expected",
            ),
            (
                vec!["--master=m:1", "--work_dir=/w", "--recover=maybe"],
                "flag `recover` is `maybe`: `reconnect` or `cleanup` is expected",
            ),
            (
                vec!["--master=m:1", "--work_dir=/w", "--ip=localhost"],
                "flag `ip` is `localhost`: an IPv4 address is expected",
            ),
            (
                vec!["--master=m:1", "--work_dir=/w", "--containerizers=appc"],
                "flag `containerizers` is `appc`: `docker`, `mesos` or both are expected",
            ),
            (
                vec!["--master=m:1", "--work_dir=/w", "--gc_disk_headroom=1.5"],
                "flag `gc_disk_headroom` is `1.5`: a number from 0 to 1 is expected",
            ),
            (
                vec!["--master=m:1", "--work_dir=/w", "--fetcher_cache_size=much"],
                "flag `fetcher_cache_size` is `much`: a size such as `2GB` is expected",
            ),
        ];
        for (args, want) in cases {
            assert_eq!(settings(&args).expect_err(want), want);
        }
    }

    #[test]
    fn sizes_are_read() {
        for (text, want) in [
            ("2GB", Some(2 << 30)),
            ("10B", Some(10)),
            ("1TB", Some(1 << 40)),
            ("99999999999TB", None),
            ("x", None),
            ("GB", None),
        ] {
            assert_eq!(bytes(text), want, "case `{text}`");
        }
    }

    #[test]
    fn flags_without_effect_are_told() {
        let got = settings(&[
            "--master=m:1",
            "--work_dir=/w",
            "--nvidia_gpu_devices=0",
            "--gc_delay=1weeks",
        ]);
        assert_eq!(got.expect("fine").without_effect(), ["nvidia_gpu_devices"]);
    }
}
