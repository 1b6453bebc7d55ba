//! The labels that say what belongs to which cluster, and what it is.

use std::net::IpAddr;

use crate::engine::Labels;
use crate::plan::{Link, NodeName, NodePlan, Probe, Volume, VolumeOf};
use crate::profile::ClusterName;

/// The cluster: on every container, network and volume.
pub const CLUSTER: &str = crate::plan::CLUSTER_LABEL;
/// The node whose task it is: on containers that agents have made.
pub const TASKS_OF: &str = crate::plan::TASKS_OF_LABEL;
/// The tier: on containers, and on volumes of a tier or a node.
pub const TIER: &str = "devcluster.tier";
/// The node: on containers, and on a node's own volume.
pub const NODE: &str = "devcluster.node";
/// The number of a node in its tier.
pub const INDEX: &str = "devcluster.index";
/// The hash of what a container was planned to be.
pub const HASH: &str = "devcluster.hash";
/// The version of the launcher that made it.
pub const VERSION: &str = "devcluster.version";
/// Who starts and ends the cluster, when that is a test.
pub const OWNER: &str = "devcluster.owner";
/// The host's folder that the nodes see.
pub const FOLDER: &str = "devcluster.folder";
/// Where the nodes see that folder; commands in them begin there.
pub const WORK_FOLDER: &str = "devcluster.work-folder";
/// When the node is ready, as JSON.
pub const PROBE: &str = "devcluster.probe";
/// The pages that the node serves, as JSON.
pub const LINKS: &str = "devcluster.links";
/// `address` where the host reaches the node's address, else `published`.
pub const REACH: &str = "devcluster.reach";
/// The names of all nodes asked for: on the cluster's record.
pub const NODES: &str = "devcluster.nodes";

/// What every container, network and volume of a cluster carries.
pub fn common(cluster: &ClusterName, owner: Option<&str>) -> Labels {
    let mut labels = Labels::new();
    let mut put = |name: &str, value: &str| labels.insert(name.to_owned(), value.to_owned());
    put(CLUSTER, cluster.as_str());
    put(VERSION, env!("CARGO_PKG_VERSION"));
    if let Some(owner) = owner {
        put(OWNER, owner);
    }
    labels
}

/// What a volume of a node carries: the node's name only if it is that node's own, and goes when the node goes.
pub fn of_volume(mut labels: Labels, node: &NodePlan, volume: &Volume) -> Labels {
    if volume.of != VolumeOf::Cluster {
        labels.insert(TIER.to_owned(), node.tier.name().to_owned());
    }
    if volume.of == VolumeOf::Node {
        labels.insert(NODE.to_owned(), node.name.to_string());
    }
    labels
}

/// What the container of a node carries.
pub fn of_container(labels: Labels, node: &NodePlan, probe: &Probe, reach: Reach) -> Labels {
    let mut labels = labels;
    labels.insert(TIER.to_owned(), node.tier.name().to_owned());
    labels.insert(NODE.to_owned(), node.name.to_string());
    let json = |value: serde_json::Result<String>| value.unwrap_or_default();
    let mut put = |name: &str, value: String| labels.insert(name.to_owned(), value);
    put(INDEX, node.index.to_string());
    put(HASH, node.hash.clone());
    put(PROBE, json(serde_json::to_string(probe)));
    put(LINKS, json(serde_json::to_string(&node.links)));
    put(REACH, reach.name().to_owned());
    if let Some(bind) = node
        .binds
        .first()
        .filter(|bind| !bind.target.ends_with(".sock"))
    {
        put(FOLDER, bind.source.display().to_string());
        put(WORK_FOLDER, bind.target.clone());
    }
    labels
}

/// How the host reaches a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// By its address.
    Address,
    /// By its published ports alone.
    Published,
}

impl Reach {
    fn name(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::Published => "published",
        }
    }
}

/// What a container's labels say of the node that it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Described {
    /// The node.
    pub node: NodeName,
    /// Its tier's name.
    pub tier: String,
    /// Its number in the tier.
    pub index: u16,
    /// The hash of what it was planned to be.
    pub hash: String,
    /// When it is ready; none if the label cannot be read, which another version's need not be.
    pub probe: Option<Probe>,
    /// Its pages.
    pub links: Vec<Link>,
    /// How the host reaches it.
    pub reach: Reach,
}

/// Reads a container's labels; none if they are not a node's.
pub fn read(labels: &Labels) -> Option<Described> {
    let text = |name: &str| labels.get(name).map(String::as_str);
    Some(Described {
        node: NodeName::new(text(NODE)?),
        tier: text(TIER)?.to_owned(),
        index: text(INDEX)
            .and_then(|index| index.parse().ok())
            .unwrap_or(0),
        hash: text(HASH).unwrap_or_default().to_owned(),
        probe: text(PROBE).and_then(|json| serde_json::from_str(json).ok()),
        links: text(LINKS)
            .and_then(|json| serde_json::from_str(json).ok())
            .unwrap_or_default(),
        reach: if text(REACH) == Some(Reach::Address.name()) {
            Reach::Address
        } else {
            Reach::Published
        },
    })
}

/// A link as text: to the node's own address where the host reaches that, else to the published port.
pub fn url(
    link: &Link,
    reach: Reach,
    address: Option<IpAddr>,
    published: Option<u16>,
) -> Option<String> {
    let place = match (reach, address, published) {
        (Reach::Address, Some(address), _) => format!("{address}:{}", link.port),
        (_, _, Some(port)) => format!("127.0.0.1:{port}"),
        _ => return None,
    };
    Some(if link.scheme.is_empty() {
        place
    } else {
        format!("{}://{place}{}", link.scheme, link.path)
    })
}
