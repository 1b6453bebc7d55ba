//! Puts recipes, names, addresses and settings together.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use super::node::{
    BindMount, HostPort, NodeName, NodePlan, Plan, Port, Surroundings, TierPlan, Volume, VolumeOf,
};
use super::template::Values;
use super::tiers::{self, Context, Recipe};
use super::{PlanError, address, hash};
use crate::profile::{Advertise, Managed, NodeSettings, Profile, StartOrder, Tier};

/// A node's place in the cluster, before anything is known of what it runs.
struct Seat<'a> {
    tier: Tier,
    index: u16,
    name: NodeName,
    address: Ipv4Addr,
    settings: &'a NodeSettings,
}

impl Plan {
    /// Decides the whole cluster.
    ///
    /// # Errors
    /// When a node finds no address, or a value has a placeholder that means nothing.
    pub fn new(profile: &Profile, surroundings: &Surroundings) -> Result<Self, PlanError> {
        let seats = seats(profile, surroundings)?;
        let gateway = address::gateway(surroundings.subnet).unwrap_or(Ipv4Addr::LOCALHOST);
        let hosts = hosts(&seats);
        let nodes = seats
            .iter()
            .map(|seat| node(seat, &hosts, gateway, profile, surroundings))
            .collect::<Result<Vec<_>, _>>()?;
        let mut tiers: Vec<TierPlan> = Vec::new();
        for seat in &seats {
            if tiers.iter().any(|tier| tier.tier == seat.tier) {
                continue;
            }
            let foreign = seat.settings.image.is_some();
            tiers.push(TierPlan {
                needs: tiers::needs(&seat.tier, profile),
                starts_after: tiers::starts_after(&seat.tier, profile),
                start: seat.settings.start.unwrap_or(if foreign {
                    StartOrder::Gated
                } else {
                    StartOrder::Eager
                }),
                probe: tiers::probe(&seat.tier, profile, seat.settings),
                tier: seat.tier.clone(),
            });
        }
        Ok(Self {
            cluster: profile.name.clone(),
            subnet: surroundings.subnet,
            range: address::for_others(surroundings.subnet),
            gateway,
            tiers,
            nodes,
        })
    }
}

/// The names under which ZooKeeper is reached: the bare name of a single one, each name of an ensemble.
pub(super) fn zookeeper_names(profile: &Profile) -> Vec<String> {
    let tier = Tier::Zookeeper;
    match profile.count(&tier) {
        0 | 1 => vec![tier.name().to_owned()],
        count => (1..=count).map(|index| format!("{tier}-{index}")).collect(),
    }
}

fn seats<'a>(
    profile: &'a Profile,
    surroundings: &Surroundings,
) -> Result<Vec<Seat<'a>>, PlanError> {
    let gateway = address::gateway(surroundings.subnet).unwrap_or(Ipv4Addr::LOCALHOST);
    let mut seats = Vec::new();
    for settings in &profile.tiers {
        for index in 1..=settings.count {
            // There is one devtools, so it has no number.
            let name = if settings.tier == Tier::Devtools {
                settings.tier.name().to_owned()
            } else {
                format!("{}-{index}", settings.tier)
            };
            let reserved = address::of(surroundings.subnet, &settings.tier, index, 0)?;
            seats.push(Seat {
                tier: settings.tier.clone(),
                index,
                name: NodeName::new(name),
                // A node that the user runs lives on the host, which the others see at the bridge's own address.
                address: if settings.node.managed == Managed::User {
                    gateway
                } else {
                    reserved
                },
                settings: &settings.node,
            });
        }
    }
    for (place, service) in profile.services.iter().enumerate() {
        let tier = Tier::Service(service.name.clone());
        let place = u16::try_from(place).unwrap_or(u16::MAX);
        let address = address::of(surroundings.subnet, &tier, 1, place)?;
        seats.push(Seat {
            tier,
            index: 1,
            name: NodeName::new(&service.name),
            address,
            settings: &service.node,
        });
    }
    Ok(seats)
}

/// Every name of the network: each node's, and each tier's for its first node.
fn hosts(seats: &[Seat<'_>]) -> Vec<(String, Ipv4Addr)> {
    let mut hosts: Vec<(String, Ipv4Addr)> = Vec::new();
    for seat in seats {
        let bare = (seat.index == 1).then(|| seat.tier.name().to_owned());
        for name in std::iter::once(seat.name.as_str().to_owned()).chain(bare) {
            if !hosts.iter().any(|(known, _)| *known == name) {
                hosts.push((name, seat.address));
            }
        }
    }
    hosts
}

fn node(
    seat: &Seat<'_>,
    hosts: &[(String, Ipv4Addr)],
    gateway: Ipv4Addr,
    profile: &Profile,
    surroundings: &Surroundings,
) -> Result<NodePlan, PlanError> {
    let by_address = match profile.network.advertise {
        Advertise::Automatic => surroundings.addresses_reachable,
        Advertise::Address => true,
        Advertise::Name => false,
    };
    let advertised = if by_address {
        seat.address.to_string()
    } else {
        seat.name.as_str().to_owned()
    };
    let values = values(seat, hosts, gateway, profile);
    let context = Context {
        profile,
        node: seat.name.as_str(),
        index: seat.index,
        address: seat.address,
        advertised: &advertised,
        values: &values,
    };
    let recipe = tiers::recipe(&seat.tier, &context)?;
    let settings = seat.settings;
    let mut env = recipe.env.clone();
    for (name, value) in &settings.env {
        env.insert(name.clone(), values.expand(value)?);
    }
    let aliases = if seat.index == 1 && seat.tier.name() != seat.name.as_str() {
        vec![seat.tier.name().to_owned()]
    } else {
        Vec::new()
    };
    let volumes = recipe
        .volumes
        .iter()
        .map(|(of, target)| Volume {
            name: match of {
                VolumeOf::Node => format!("{}-{}", profile.name, seat.name),
                VolumeOf::Tier => format!("{}-{}", profile.name, seat.tier.name()),
                VolumeOf::Cluster => format!("{}-keys", profile.name),
            },
            of: *of,
            target: (*target).to_owned(),
        })
        .collect();
    let mut node = NodePlan {
        name: seat.name.clone(),
        tier: seat.tier.clone(),
        index: seat.index,
        address: seat.address,
        ports: ports(seat, &recipe),
        binds: binds(seat, &recipe, profile, surroundings),
        advertised,
        image: recipe
            .image
            .unwrap_or_else(|| super::Image::Named(String::new())),
        entrypoint: recipe.entrypoint,
        command: recipe.command,
        env,
        aliases,
        hosts: hosts.to_vec(),
        volumes,
        files: recipe.files,
        cpus: settings.cpus,
        memory: settings.memory,
        managed: settings.managed,
        links: recipe.links,
        hash: String::new(),
    };
    node.hash = hash::of(&node);
    Ok(node)
}

/// The first node of a tier wants its ports' own numbers on the host; the others take what the engine gives.
fn ports(seat: &Seat<'_>, recipe: &Recipe) -> Vec<Port> {
    let own = recipe.ports.iter().map(|port| (*port, None));
    let asked = seat
        .settings
        .ports
        .iter()
        .map(|port| (port.container, port.host));
    let mut ports: Vec<Port> = Vec::new();
    for (container, fixed) in own.chain(asked) {
        let host = match fixed {
            Some(host) => HostPort::Fixed(host),
            None if seat.index == 1 => HostPort::Preferred(container),
            None => HostPort::Any,
        };
        match ports.iter_mut().find(|port| port.container == container) {
            Some(port) => port.host = host,
            None => ports.push(Port { container, host }),
        }
    }
    ports
}

fn binds(
    seat: &Seat<'_>,
    recipe: &Recipe,
    profile: &Profile,
    surroundings: &Surroundings,
) -> Vec<BindMount> {
    let folders = profile.mounts.iter().map(|mount| BindMount {
        source: absolute(surroundings, &mount.source),
        target: mount.target.clone(),
        read_only: false,
    });
    let binary = seat
        .settings
        .binary
        .as_ref()
        .zip(tiers::program_name(&seat.tier))
        .map(|(source, name)| BindMount {
            source: absolute(surroundings, source),
            target: tiers::binary_target(name),
            read_only: true,
        });
    let sockets = recipe.sockets.iter().map(|path| BindMount {
        source: path.into(),
        target: (*path).to_owned(),
        read_only: false,
    });
    folders.chain(binary).chain(sockets).collect()
}

/// A path from a profile as an absolute one, without `.` components.
fn absolute(surroundings: &Surroundings, path: &std::path::Path) -> std::path::PathBuf {
    surroundings.folder.join(path).components().collect()
}

/// What a node's values may refer to.
fn values(
    seat: &Seat<'_>,
    hosts: &[(String, Ipv4Addr)],
    gateway: Ipv4Addr,
    profile: &Profile,
) -> Values {
    // The host knows the nodes by their addresses only.
    let reach = |name: &String| {
        let known = hosts.iter().find(|(known, _)| known == name);
        match known.filter(|_| seat.settings.managed == Managed::User) {
            Some((_, address)) => format!("{address}:2181"),
            None => format!("{name}:2181"),
        }
    };
    let connect: Vec<String> = zookeeper_names(profile).iter().map(reach).collect();
    let connect = connect.join(",");
    let mut values = BTreeMap::from([
        ("cluster".to_owned(), profile.name.to_string()),
        ("node".to_owned(), seat.name.to_string()),
        ("index".to_owned(), seat.index.to_string()),
        ("address".to_owned(), seat.address.to_string()),
        ("host.address".to_owned(), gateway.to_string()),
        ("zookeeper.connect".to_owned(), connect.clone()),
        ("zookeeper.url".to_owned(), format!("zk://{connect}")),
        (
            "mesos-master.zk".to_owned(),
            format!("zk://{connect}/mesos"),
        ),
    ]);
    for (name, address) in hosts {
        values.insert(format!("{name}.address"), address.to_string());
    }
    Values {
        node: seat.name.to_string(),
        values,
    }
}
