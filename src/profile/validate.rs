//! What must hold between the parts of a profile.

use super::reader::Source;
use super::{Managed, Profile, ProfileError, Tier};

/// Mesos masters that have addresses.
pub(super) const MOST_MASTERS: u64 = 7;
/// Agents that have addresses.
pub(super) const MOST_AGENTS: u64 = 190;
/// Schedulers that have addresses.
pub(super) const MOST_SCHEDULERS: u64 = 5;
/// Services that have addresses.
const MOST_SERVICES: usize = 20;

/// Something that does not fit together; not tied to one line.
pub(super) struct Fault {
    problem: String,
    remedy: String,
}

impl Fault {
    fn new(problem: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            problem: problem.into(),
            remedy: remedy.into(),
        }
    }

    pub(super) fn located(self, source: Source<'_>) -> ProfileError {
        ProfileError {
            file: source.file.to_owned(),
            line: None,
            problem: self.problem,
            remedy: Some(self.remedy),
        }
    }
}

pub(super) fn check(profile: &Profile) -> Result<(), Fault> {
    subnet(profile)?;
    counts(profile)?;
    tiers(profile)?;
    ports(profile)?;
    targets(profile)
}

fn subnet(profile: &Profile) -> Result<(), Fault> {
    match profile.network.subnet {
        Some(subnet) if !(16..=24).contains(&subnet.prefix()) => Err(Fault::new(
            format!(
                "`network.subnet` is `{subnet}`; allowed are networks with a prefix from 16 to 24"
            ),
            "give a network such as `192.168.40.0/24`",
        )),
        _ => Ok(()),
    }
}

/// Counts can also come from flags and variables, which pass no reader.
fn counts(profile: &Profile) -> Result<(), Fault> {
    let agents = u64::from(profile.count(&Tier::MesosAgent));
    if agents > MOST_AGENTS {
        return Err(Fault::new(
            format!("there are {agents} agents; allowed are at most {MOST_AGENTS}"),
            "ask for fewer agents",
        ));
    }
    if profile.services.len() > MOST_SERVICES {
        return Err(Fault::new(
            format!(
                "there are {} services; allowed are at most {MOST_SERVICES}",
                profile.services.len()
            ),
            "remove a `[[service]]`",
        ));
    }
    if profile.count(&Tier::Devtools) > 0 && profile.count(&Tier::AuroraScheduler) == 0 {
        return Err(Fault::new(
            "there are devtools, whose readiness is that they reach the scheduler, but `aurora-scheduler.count` is 0",
            "set `devtools.count = 0` too",
        ));
    }
    Ok(())
}

fn tiers(profile: &Profile) -> Result<(), Fault> {
    for settings in &profile.tiers {
        let name = settings.tier.name();
        if settings.node.binary.is_some()
            && matches!(settings.tier, Tier::Zookeeper | Tier::Devtools)
        {
            return Err(Fault::new(
                format!("`{name}.binary` is set, but the tier's program is not a single binary"),
                format!("name an image of your own with `{name}.image`"),
            ));
        }
        if settings.tier == Tier::Devtools && !settings.node.flags.is_empty() {
            return Err(Fault::new(
                "`devtools.flags` is set, but devtools runs no program",
                "remove `devtools.flags`",
            ));
        }
        if settings.node.managed == Managed::User && settings.count > 1 {
            return Err(Fault::new(
                format!(
                    "`{name}.managed` is `user` with {} nodes; allowed is one",
                    settings.count
                ),
                format!("set `{name}.count = 1`"),
            ));
        }
        if settings.node.managed == Managed::User
            && matches!(settings.tier, Tier::Zookeeper | Tier::Devtools)
        {
            return Err(Fault::new(
                format!(
                    "`{name}.managed` is `user`; allowed is that for masters, agents and schedulers"
                ),
                format!("remove `{name}.managed`"),
            ));
        }
    }
    for service in &profile.services {
        if service.node.managed == Managed::User
            || service.node.binary.is_some()
            || !service.node.flags.is_empty()
        {
            return Err(Fault::new(
                format!(
                    "service `{}` has `managed`, `binary` or `flags`, which only tiers have",
                    service.name
                ),
                "use `args` for the arguments of a service",
            ));
        }
        if let Some(missing) = service
            .after
            .iter()
            .find(|tier| Tier::BUILT_IN.contains(tier) && profile.count(tier) == 0)
        {
            return Err(Fault::new(
                format!(
                    "service `{}` comes after `{missing}`, of which there is no node",
                    service.name
                ),
                format!("set `{missing}.count`, or take `{missing}` out of `after`"),
            ));
        }
    }
    Ok(())
}

fn ports(profile: &Profile) -> Result<(), Fault> {
    let tiers = profile
        .tiers
        .iter()
        .map(|tier| (tier.tier.name(), tier.count, &tier.node));
    let services = profile
        .services
        .iter()
        .map(|service| (service.name.as_str(), 1, &service.node));
    let mut seen: Vec<(u16, &str)> = Vec::new();
    for (name, count, node) in tiers.chain(services) {
        for host in node.ports.iter().filter_map(|port| port.host) {
            if count > 1 {
                return Err(Fault::new(
                    format!(
                        "`{name}` has {count} nodes, which cannot share port {host} of the host"
                    ),
                    format!("give the port of the container alone in `{name}.ports`"),
                ));
            }
            if let Some((_, other)) = seen.iter().find(|(taken, _)| *taken == host) {
                return Err(Fault::new(
                    format!("`{name}` and `{other}` both ask for port {host} of the host"),
                    "give one of them another port",
                ));
            }
            seen.push((host, name));
        }
    }
    Ok(())
}

fn targets(profile: &Profile) -> Result<(), Fault> {
    for (index, mount) in profile.mounts.iter().enumerate() {
        if profile
            .mounts
            .iter()
            .take(index)
            .any(|other| other.target == mount.target)
        {
            return Err(Fault::new(
                format!("two mounts have the target `{}`", mount.target),
                "give one of them another target",
            ));
        }
    }
    Ok(())
}
