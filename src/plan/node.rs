//! The types of a plan.

use std::collections::BTreeMap;
use std::fmt;
use std::net::Ipv4Addr;
use std::path::PathBuf;

use serde::Serialize;

use super::Probe;
use crate::profile::{ClusterName, Managed, StartOrder, Subnet, Tier};

/// What a plan needs to know of the machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Surroundings {
    /// The cluster's network.
    pub subnet: Subnet,
    /// Whether the host reaches the nodes' addresses, as it does with a local engine on Linux.
    pub addresses_reachable: bool,
    /// The folder that relative mounts and binaries start from.
    pub folder: PathBuf,
}

/// The label that says which cluster something belongs to: on every container, network and volume of it.
pub const CLUSTER_LABEL: &str = "devcluster.cluster";
/// The label of a task's container: the agent's node.
pub const TASKS_OF_LABEL: &str = "devcluster.tasks-of";

/// A whole cluster, decided before anything is made.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The cluster's name.
    pub cluster: ClusterName,
    /// Its network.
    pub subnet: Subnet,
    /// Addresses of containers that are no nodes, such as those of tasks.
    pub range: Option<Subnet>,
    /// The host as the nodes see it.
    pub gateway: Ipv4Addr,
    /// The tiers in the order in which they become ready.
    pub tiers: Vec<TierPlan>,
    /// The nodes, tier by tier.
    pub nodes: Vec<NodePlan>,
}

/// A tier's part of a plan.
#[derive(Debug, Clone, PartialEq)]
pub struct TierPlan {
    /// Which tier.
    pub tier: Tier,
    /// The tiers that must be ready before it can be.
    pub needs: Vec<Tier>,
    /// The tiers that must be there before its nodes start.
    pub starts_after: Vec<Tier>,
    /// When its nodes start.
    pub start: StartOrder,
    /// When it is ready.
    pub probe: Probe,
}

impl Plan {
    /// The nodes of a tier.
    pub fn nodes_of<'a>(&'a self, tier: &'a Tier) -> impl Iterator<Item = &'a NodePlan> {
        self.nodes.iter().filter(move |node| node.tier == *tier)
    }

    /// The tiers as waves: the tiers of a wave need only tiers of the waves before.
    pub fn waves(&self) -> Vec<Vec<&Tier>> {
        let mut waves: Vec<Vec<&Tier>> = Vec::new();
        let mut placed: Vec<(&Tier, usize)> = Vec::new();
        for tier in &self.tiers {
            let before = |needed: &Tier| {
                placed
                    .iter()
                    .find(|(tier, _)| *tier == needed)
                    .map(|(_, wave)| wave + 1)
            };
            let wave = tier.needs.iter().filter_map(before).max().unwrap_or(0);
            placed.push((&tier.tier, wave));
            if waves.len() <= wave {
                waves.resize_with(wave + 1, Vec::new);
            }
            if let Some(wave) = waves.get_mut(wave) {
                wave.push(&tier.tier);
            }
        }
        waves
    }
}

/// The name of a node: its tier's and its number, `mesos-agent-2`; a service's and devtools' have no number.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct NodeName(String);

impl NodeName {
    /// A name as a label or a plan has it.
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One container.
#[derive(Debug, Clone, PartialEq)]
pub struct NodePlan {
    /// Its name.
    pub name: NodeName,
    /// Its tier.
    pub tier: Tier,
    /// Its number in the tier, from 1.
    pub index: u16,
    /// Its reserved address.
    pub address: Ipv4Addr,
    /// What it tells others to reach it by.
    pub advertised: String,
    /// What it is made of.
    pub image: Image,
    /// What the engine runs in place of the image's entry point.
    pub entrypoint: Option<Vec<String>>,
    /// The arguments of the entry point; empty for the image's own.
    pub command: Vec<String>,
    /// Its environment.
    pub env: BTreeMap<String, String>,
    /// Its other names in the network.
    pub aliases: Vec<String>,
    /// Every name of the network, for its hosts file.
    pub hosts: Vec<(String, Ipv4Addr)>,
    /// What it publishes on the host's loopback address.
    pub ports: Vec<Port>,
    /// The host's folders and files that it sees.
    pub binds: Vec<BindMount>,
    /// Its own storage.
    pub volumes: Vec<Volume>,
    /// Files put into it before it starts.
    pub files: Vec<File>,
    /// Limit in processors.
    pub cpus: Option<f64>,
    /// Limit in bytes.
    pub memory: Option<u64>,
    /// Who starts it.
    pub managed: Managed,
    /// The pages it serves.
    pub links: Vec<Link>,
    /// Changes when the node must be made anew: everything above but host ports, host folders, hosts files and images' content.
    pub hash: String,
}

/// What a node is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Image {
    /// One of the launcher's own.
    Own(OwnImage),
    /// One that the profile names.
    Named(String),
}

/// The images that the launcher builds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum OwnImage {
    /// Apache ZooKeeper.
    Zookeeper,
    /// Masters and agents.
    Mesos,
    /// Schedulers.
    Aurora,
    /// The clients.
    Devtools,
}

impl OwnImage {
    /// The image's name, which is that of its folder under `images/`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Zookeeper => "zookeeper",
            Self::Mesos => "mesos",
            Self::Aurora => "aurora",
            Self::Devtools => "devtools",
        }
    }
}

/// A port published on the host's loopback address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Port {
    /// The port in the container.
    pub container: u16,
    /// The port on the host.
    pub host: HostPort,
}

/// Which port of the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum HostPort {
    /// This one and no other.
    Fixed(u16),
    /// This one if it is free, else the engine's choice.
    Preferred(u16),
    /// The engine's choice.
    Any,
}

/// A folder or file of the host that a node sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BindMount {
    /// On the host, absolute.
    pub source: PathBuf,
    /// In the container.
    pub target: String,
    /// Whether the node may only read it.
    pub read_only: bool,
}

/// Whose a volume is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum VolumeOf {
    /// One node's own.
    Node,
    /// Shared by all nodes of a tier, as masters share their registry and schedulers their store.
    Tier,
    /// Shared by nodes of several tiers: the keys that let clients into the agents.
    Cluster,
}

/// Storage that outlives the node's container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Volume {
    /// The volume's name.
    pub name: String,
    /// Whose it is.
    pub of: VolumeOf,
    /// Where the node sees it.
    pub target: String,
}

/// A file put into a container before it starts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct File {
    /// Where, absolute.
    pub path: String,
    /// What is in it.
    pub content: String,
}

/// A page, or another thing to connect to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct Link {
    /// `http`, or empty for a bare `host:port`.
    pub scheme: String,
    /// The port in the container.
    pub port: u16,
    /// The path.
    pub path: String,
}
