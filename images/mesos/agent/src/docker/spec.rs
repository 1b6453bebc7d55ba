//! What the engine is asked for, from what a framework has asked for (protocol-flows.md, section 14).

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use bollard::models::{
    ContainerCreateBody, HostConfig, Mount, MountType, MountVolumeOptions,
    MountVolumeOptionsDriverConfig, PortBinding,
};
use mesos_proto::mesos::container_info::docker_info::Network;
use mesos_proto::mesos::{CommandInfo, ContainerInfo, Volume, container_info, volume};
use thiserror::Error;

use super::forward::Forward;
use super::host::{Host, NotOnVolume};
use super::parameters::{self, ParameterError};
use crate::model::Share;

/// The least memory that a container is given, in bytes (the original's constant).
const LEAST_MEMORY: u64 = 32 * 1024 * 1024;
const LEAST_SHARES: f64 = 2.0;
const SHARES_PER_CPU: f64 = 1024.0;
/// The period of the CPU quota, in microseconds.
const PERIOD_MICROS: f64 = 100_000.0;
const LEAST_QUOTA_MICROS: f64 = 1_000.0;

/// What a container is made from.
#[derive(Debug, Clone)]
pub struct Wanted<'a> {
    /// The engine's name for the image.
    pub image: &'a str,
    /// Where it starts, if not where the image says.
    pub working_directory: Option<&'a str>,
    /// As the framework describes it.
    pub container: &'a ContainerInfo,
    /// What runs in it.
    pub command: &'a CommandInfo,
    /// The environment beside the command's own.
    pub environment: Vec<(String, String)>,
    /// The engine's name for it.
    pub name: &'a str,
    /// The sandbox, as the agent knows it.
    pub sandbox: &'a Path,
    /// The sandbox, as the container knows it.
    pub mapped: &'a str,
    /// What it was given.
    pub share: Share,
    /// The host's ports that it was given, both ends included.
    pub ports: Option<Vec<(u64, u64)>>,
    /// `--cgroups_enable_cfs`.
    pub has_quota: bool,
    /// What is noted on the container.
    pub labels: &'a BTreeMap<String, String>,
}

/// What follows.
#[derive(Debug, Clone)]
pub struct Spec {
    /// What the engine is asked to make.
    pub body: ContainerCreateBody,
    /// Ports of the agent that are to lead to the container.
    pub forwards: Vec<Forward>,
    /// Folders that have to be there.
    pub folders: Vec<PathBuf>,
}

/// Why there is no such container.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SpecError {
    /// It makes no sense; in the original's words where it has some.
    #[error("{0}")]
    Invalid(String),
    /// A folder that the engine does not see.
    #[error(transparent)]
    NotOnVolume(#[from] NotOnVolume),
    /// A parameter that cannot be passed on.
    #[error(transparent)]
    Parameter(#[from] ParameterError),
}

fn invalid(text: impl Into<String>) -> SpecError {
    SpecError::Invalid(text.into())
}

/// What the engine is to be asked.
pub fn spec(wanted: &Wanted<'_>, host: &Host) -> Result<Spec, SpecError> {
    let container = wanted.container;
    if wanted.image.is_empty() {
        return Err(invalid("No docker image specified in container info"));
    }
    let mut spec = Spec {
        body: ContainerCreateBody {
            image: Some(wanted.image.to_string()),
            working_dir: wanted.working_directory.map(ToString::to_string),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            labels: Some(wanted.labels.clone().into_iter().collect()),
            host_config: Some(HostConfig::default()),
            ..ContainerCreateBody::default()
        },
        forwards: Vec::new(),
        folders: Vec::new(),
    };
    let docker = container.docker.as_ref();
    let mut config = HostConfig {
        privileged: Some(docker.is_some_and(|docker| docker.privileged())),
        ..HostConfig::default()
    };
    limit(&mut config, wanted.share, wanted.has_quota);
    spec.body.env = Some(environment(wanted));
    run(&mut spec.body, wanted);
    volumes(&mut spec, &mut config, wanted, host)?;
    spec.body.host_config = Some(config);
    if let Some(docker) = docker {
        parameters::apply(&docker.parameters, &mut spec.body)?;
    }
    network(&mut spec, wanted, host)?;
    Ok(spec)
}

fn limit(config: &mut HostConfig, share: Share, has_quota: bool) {
    if share.cpus > 0.0 {
        config.cpu_shares = Some((share.cpus * SHARES_PER_CPU).floor().max(LEAST_SHARES) as i64);
    }
    let most = match share.cpus_limit {
        Some(limit) => limit.is_finite().then_some(limit),
        None => (has_quota && share.cpus > 0.0).then_some(share.cpus),
    };
    config.cpu_quota = most.map(|cpus| (cpus * PERIOD_MICROS).max(LEAST_QUOTA_MICROS) as i64);
    let bytes = |mb: f64| ((mb * 1_048_576.0) as u64).max(LEAST_MEMORY) as i64;
    match share.mem_limit {
        Some(limit) => {
            config.memory_reservation = (share.mem > 0.0).then(|| bytes(share.mem));
            config.memory = limit.is_finite().then(|| bytes(limit));
        }
        None => config.memory = (share.mem > 0.0).then(|| bytes(share.mem)),
    }
}

/// The engine's words for a share that has changed while the container runs.
pub fn update(share: Share, has_quota: bool) -> bollard::models::ContainerUpdateBody {
    let mut config = HostConfig::default();
    limit(&mut config, share, has_quota);
    bollard::models::ContainerUpdateBody {
        cpu_shares: config.cpu_shares,
        cpu_quota: config.cpu_quota,
        memory: config.memory,
        memory_reservation: config.memory_reservation,
        // As for a new container: as much swap as memory. The engine refuses a memory limit above both together.
        memory_swap: config.memory.map(|memory| memory.saturating_mul(2)),
        ..Default::default()
    }
}

/// Each variable once; later definitions have won.
fn environment(wanted: &Wanted<'_>) -> Vec<String> {
    let own = [
        ("MESOS_SANDBOX", wanted.mapped),
        ("MESOS_CONTAINER_NAME", wanted.name),
    ];
    let given = crate::containerizer::environment::given(wanted.command.environment.as_ref());
    let all = wanted
        .environment
        .iter()
        .cloned()
        .chain(given)
        .chain(own.map(|(name, value)| (name.to_string(), value.to_string())));
    let mut found: Vec<(String, String)> = Vec::new();
    for (name, value) in all {
        match found.iter_mut().find(|(known, _)| *known == name) {
            Some((_, old)) => *old = value,
            None => found.push((name, value)),
        }
    }
    found
        .into_iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect()
}

/// What runs: by a shell, instead of the image's entry point; or as arguments of it.
fn run(body: &mut ContainerCreateBody, wanted: &Wanted<'_>) {
    let command = wanted.command;
    let is_docker = wanted.container.type_() == container_info::Type::DOCKER;
    if command.shell() {
        body.entrypoint = Some(vec!["/bin/sh".to_string()]);
        body.cmd = Some(vec!["-c".to_string(), command.value().to_string()]);
    } else if is_docker {
        let value = command.has_value().then(|| command.value().to_string());
        let all: Vec<String> = value
            .into_iter()
            .chain(command.arguments.iter().cloned())
            .collect();
        body.cmd = (!all.is_empty()).then_some(all);
    } else if command.has_value() {
        // The runtime isolator runs a command of its own instead of the entry point. The engine cannot tell
        // a program another name than its own, which the first argument would be.
        body.entrypoint = Some(vec![command.value().to_string()]);
        let arguments: Vec<String> = command.arguments.iter().skip(1).cloned().collect();
        body.cmd = Some(arguments);
    } else {
        let arguments: Vec<String> = command.arguments.iter().skip(1).cloned().collect();
        body.cmd = (!arguments.is_empty()).then_some(arguments);
    }
}

fn is_read_only(volume: &Volume) -> bool {
    volume.mode() == volume::Mode::RO
}

fn bind(source: &Path, target: &str, read_only: bool) -> Mount {
    Mount {
        typ: Some(MountType::BIND),
        source: Some(source.display().to_string()),
        target: Some(target.to_string()),
        read_only: Some(read_only),
        ..Mount::default()
    }
}

fn named(
    driver: Option<&str>,
    name: &str,
    options: HashMap<String, String>,
    target: &str,
    read_only: bool,
) -> Mount {
    let driver = driver.filter(|driver| !driver.is_empty());
    Mount {
        typ: Some(MountType::VOLUME),
        source: Some(name.to_string()),
        target: Some(target.to_string()),
        read_only: Some(read_only),
        volume_options: driver.map(|driver| MountVolumeOptions {
            driver_config: Some(MountVolumeOptionsDriverConfig {
                name: Some(driver.to_string()),
                options: Some(options),
            }),
            ..MountVolumeOptions::default()
        }),
        ..Mount::default()
    }
}

fn volumes(
    spec: &mut Spec,
    config: &mut HostConfig,
    wanted: &Wanted<'_>,
    host: &Host,
) -> Result<(), SpecError> {
    let mut mounts = Vec::new();
    let mut drivers: Vec<String> = Vec::new();
    let own_driver = wanted.container.docker.volume_driver();
    if !own_driver.is_empty() {
        drivers.push(own_driver.to_string());
    }
    for volume in &wanted.container.volumes {
        let inside = volume.container_path();
        let target = if inside.starts_with('/') {
            inside.to_string()
        } else {
            format!("{}/{inside}", wanted.mapped.trim_end_matches('/'))
        };
        let read_only = is_read_only(volume);
        if volume.has_host_path() {
            let path = volume.host_path();
            if path.starts_with('/') {
                mounts.push(bind(&host.translated(Path::new(path))?, &target, read_only));
            } else if !own_driver.is_empty() {
                mounts.push(named(
                    Some(own_driver),
                    path,
                    HashMap::new(),
                    &target,
                    read_only,
                ));
            } else {
                let folder = wanted.sandbox.join(path);
                if Path::new(path)
                    .components()
                    .any(|part| part == std::path::Component::ParentDir)
                {
                    return Err(invalid(format!(
                        "Volume host path '{path}' leaves the sandbox"
                    )));
                }
                mounts.push(bind(&host.translated(&folder)?, &target, read_only));
                spec.folders.push(folder);
            }
            continue;
        }
        let Some(source) = volume.source.as_ref() else {
            spec.body.volumes.get_or_insert_default().push(target);
            continue;
        };
        let Some(docker) = source
            .docker_volume
            .as_ref()
            .filter(|_| source.type_() == volume::source::Type::DOCKER_VOLUME)
        else {
            return Err(invalid(format!(
                "Volume source of type {:?} is not supported for Docker containers",
                source.type_()
            )));
        };
        let driver = docker.driver();
        if !driver.is_empty() && !drivers.iter().any(|known| known == driver) {
            drivers.push(driver.to_string());
        }
        let options = docker
            .driver_options
            .parameter
            .iter()
            .map(|p| (p.key().to_string(), p.value().to_string()))
            .collect();
        mounts.push(named(
            Some(driver),
            docker.name(),
            options,
            &target,
            read_only,
        ));
    }
    if drivers.len() > 1 {
        return Err(invalid("Only one volume driver is supported"));
    }
    mounts.push(bind(
        &host.translated(wanted.sandbox)?,
        wanted.mapped,
        false,
    ));
    config.mounts = Some(mounts);
    Ok(())
}

/// How a container is connected.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Mode {
    Host,
    Bridge,
    None,
    User(String),
}

fn mode(wanted: &Wanted<'_>, given: Option<&str>) -> Result<Mode, SpecError> {
    if let Some(given) = given {
        return Ok(match given {
            "host" => Mode::Host,
            "bridge" | "default" => Mode::Bridge,
            "none" => Mode::None,
            other => Mode::User(other.to_string()),
        });
    }
    let container = wanted.container;
    let user = || {
        let network = match container.network_infos.as_slice() {
            [] => return Err(invalid("No network info found in container info")),
            [one] => one,
            _ => {
                return Err(invalid(
                    "Only a single network can be defined in Docker run",
                ));
            }
        };
        if network.name().is_empty() {
            return Err(invalid("No network name found in network info"));
        }
        Ok(Mode::User(network.name().to_string()))
    };
    if container.type_() == container_info::Type::MESOS {
        return match container
            .network_infos
            .iter()
            .any(|network| network.has_name())
        {
            true => user(),
            false => Ok(Mode::Host),
        };
    }
    match container.docker.network() {
        Network::HOST => Ok(Mode::Host),
        Network::BRIDGE => Ok(Mode::Bridge),
        Network::NONE => Ok(Mode::None),
        Network::USER => user(),
    }
}

fn network(spec: &mut Spec, wanted: &Wanted<'_>, host: &Host) -> Result<(), SpecError> {
    let body = &mut spec.body;
    let config = body.host_config.get_or_insert_default();
    let mode = mode(wanted, config.network_mode.as_deref())?;
    let own = host.network();
    let mut is_reached_by_agent = false;
    config.network_mode = Some(match (&mode, own) {
        // The host of an agent in a container is that container.
        (Mode::Host, Some((id, _))) => format!("container:{id}"),
        (Mode::Host, None) => "host".to_string(),
        // The engine's bridge keeps its containers apart from those of other networks, the agent's among them.
        (Mode::Bridge, Some((_, network))) => {
            is_reached_by_agent = true;
            network.to_string()
        }
        (Mode::Bridge, None) => "bridge".to_string(),
        (Mode::None, _) => "none".to_string(),
        (Mode::User(name), own) => {
            is_reached_by_agent = own.is_some_and(|(_, network)| network == name);
            name.clone()
        }
    });
    let container = wanted.container;
    let mut hostname = container.hostname().to_string();
    if container.has_hostname() && mode == Mode::Host {
        return Err(invalid("Unable to set hostname with host network mode"));
    }
    if let Some(given) = body.hostname.take() {
        hostname = given;
    }
    if mode == Mode::Host && own.is_some() {
        // These belong to the container whose network is shared; the engine refuses them here.
        hostname.clear();
    }
    body.hostname = (!hostname.is_empty()).then_some(hostname);
    let mappings = container
        .docker
        .as_ref()
        .map(|d| d.port_mappings.as_slice())
        .unwrap_or_default();
    if mappings.is_empty() {
        return Ok(());
    }
    if matches!(mode, Mode::Host | Mode::None) {
        return Err(invalid(
            "Port mappings are only supported for bridge and user-defined networks",
        ));
    }
    let ranges = wanted
        .ports
        .as_ref()
        .ok_or_else(|| invalid("Port mappings require port resources"))?;
    for mapping in mappings {
        let port = mapping.host_port();
        if !ranges
            .iter()
            .any(|(low, high)| (*low..=*high).contains(&u64::from(port)))
        {
            return Err(invalid(format!("Port [{port}] not included in resources")));
        }
        let number = |port: u32| {
            u16::try_from(port).map_err(|_| invalid(format!("Port [{port}] is no port")))
        };
        let protocol = match mapping.protocol().to_ascii_lowercase().as_str() {
            "" | "tcp" => "tcp",
            "udp" => "udp",
            other => {
                return Err(invalid(format!(
                    "Port protocol '{other}' is neither tcp nor udp"
                )));
            }
        };
        let forward = Forward {
            from: number(port)?,
            to: number(mapping.container_port())?,
            is_udp: protocol == "udp",
        };
        let exposed = format!("{}/{protocol}", forward.to);
        let known = body.exposed_ports.get_or_insert_default();
        if !known.contains(&exposed) {
            known.push(exposed.clone());
        }
        if is_reached_by_agent {
            spec.forwards.push(forward);
        } else {
            let binding = PortBinding {
                host_ip: None,
                host_port: Some(forward.from.to_string()),
            };
            let bindings = config.port_bindings.get_or_insert_default();
            bindings
                .entry(exposed)
                .or_default()
                .get_or_insert_default()
                .push(binding);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
