//! What a profile says, with every default filled in.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use super::{ClusterName, Subnet, Tier};

/// The description of a cluster.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    /// The cluster's name.
    pub name: ClusterName,
    /// Its network.
    pub network: NetworkSettings,
    /// The built-in tiers, in the order of [`Tier::BUILT_IN`]; a count of 0 leaves one out.
    pub tiers: Vec<TierSettings>,
    /// The user's own containers.
    pub services: Vec<ServiceSettings>,
    /// Folders of the host that every node sees.
    pub mounts: Vec<MountSetting>,
}

/// `[network]`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NetworkSettings {
    /// The network asked for; not given, the launcher finds a free one.
    pub subnet: Option<Subnet>,
    /// What the tiers advertise.
    pub advertise: Advertise,
}

/// What a tier tells others to reach it by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Advertise {
    /// The address where the host reaches that, else the name.
    #[default]
    Automatic,
    /// The node's reserved address.
    Address,
    /// The node's name.
    Name,
}

/// A built-in tier's section.
#[derive(Debug, Clone, PartialEq)]
pub struct TierSettings {
    /// Which tier.
    pub tier: Tier,
    /// How many nodes.
    pub count: u16,
    /// Mesos resources of an agent, in Mesos' own notation; may hold `{index}`.
    pub resources: Option<String>,
    /// Mesos attributes of an agent; may hold `{index}`.
    pub attributes: Option<String>,
    /// Whether agents run tasks in containers of the host's engine, and so get its socket.
    pub docker_tasks: bool,
    /// What every tier and service may say.
    pub node: NodeSettings,
}

/// A `[[service]]`: a container of the user's own.
#[derive(Debug, Clone, PartialEq)]
pub struct ServiceSettings {
    /// Its name, which is its tier's and its node's.
    pub name: String,
    /// The tiers that must be there before it.
    pub after: Vec<Tier>,
    /// The arguments it is started with; may hold templates.
    pub args: Vec<String>,
    /// What every tier and service may say.
    pub node: NodeSettings,
}

/// What every tier and service may say about its nodes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NodeSettings {
    /// Another image than the launcher's own.
    pub image: Option<String>,
    /// A program on the host that takes the place of the image's.
    pub binary: Option<PathBuf>,
    /// Who starts the nodes.
    pub managed: Managed,
    /// Environment variables; values may hold templates.
    pub env: BTreeMap<String, String>,
    /// Flags of the tier's program, in place of or besides the launcher's own.
    pub flags: BTreeMap<String, FlagValue>,
    /// Ports published besides the tier's own.
    pub ports: Vec<PortSetting>,
    /// Limit in processors.
    pub cpus: Option<f64>,
    /// Limit in bytes.
    pub memory: Option<u64>,
    /// Another probe than the tier's own.
    pub probe: Option<ProbeSetting>,
    /// How long the tier may take to be ready.
    pub ready_within: Option<Duration>,
    /// When the nodes start.
    pub start: Option<StartOrder>,
}

/// Who starts a tier's nodes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Managed {
    /// The launcher.
    #[default]
    Launcher,
    /// The user, in a debugger say; the launcher says how and waits for them.
    User,
}

/// When a tier's nodes start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum StartOrder {
    /// As soon as the tiers before it run.
    Eager,
    /// When the tiers before it are ready.
    Gated,
}

/// The value of a flag.
#[derive(Debug, Clone, PartialEq)]
pub enum FlagValue {
    /// `--flag` or `--no-flag`.
    Switch(bool),
    /// `--flag=text`; may hold templates.
    Text(String),
}

/// A port to publish on the host's loopback address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PortSetting {
    /// The port in the container.
    pub container: u16,
    /// The port on the host that it must be, or none: the same number where that is free, the engine's choice else.
    pub host: Option<u16>,
}

/// A user's own probe.
#[derive(Debug, Clone, PartialEq)]
pub enum ProbeSetting {
    /// `GET` answers with this status.
    Http {
        /// Port in the container.
        port: u16,
        /// Path and query.
        path: String,
        /// The status wanted.
        status: u16,
    },
    /// A command in the container exits with 0.
    Exec(Vec<String>),
}

/// A folder of the host that every node sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MountSetting {
    /// The folder on the host, relative to the folder that the launcher runs in.
    pub source: PathBuf,
    /// Where the nodes see it.
    pub target: String,
}

/// What the command line and the environment change in a profile.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Overrides {
    /// Another name.
    pub name: Option<ClusterName>,
    /// Another network.
    pub subnet: Option<Subnet>,
    /// Another number of agents.
    pub agents: Option<u16>,
}

impl Profile {
    /// The settings of a built-in tier.
    pub fn tier(&self, tier: &Tier) -> Option<&TierSettings> {
        self.tiers.iter().find(|settings| settings.tier == *tier)
    }

    /// How many nodes a built-in tier has.
    pub fn count(&self, tier: &Tier) -> u16 {
        self.tier(tier).map_or(0, |settings| settings.count)
    }
}

impl Default for Profile {
    fn default() -> Self {
        let tiers = Tier::BUILT_IN
            .into_iter()
            .map(|tier| {
                let agent = tier == Tier::MesosAgent;
                TierSettings {
                    count: if agent { 3 } else { 1 },
                    resources: agent
                        .then(|| "cpus:4;mem:4096;disk:20480;ports:[31000-32000]".to_owned()),
                    attributes: agent.then(|| "rack:{index}".to_owned()),
                    docker_tasks: false,
                    node: NodeSettings::default(),
                    tier,
                }
            })
            .collect();
        let mounts = vec![MountSetting {
            source: PathBuf::from("."),
            target: "/vagrant".to_owned(),
        }];
        Self {
            name: ClusterName::default(),
            network: NetworkSettings::default(),
            tiers,
            services: Vec::new(),
            mounts,
        }
    }
}
