//! What a cluster is, from labels and quick probes alone: no profile, and no command in a container.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use serde::Serialize;

use super::labels::{self, Described};
use super::{ClusterError, Launcher, targets};
use crate::engine::{FoundContainer, Labels, RunState};
use crate::plan::NodeName;
use crate::probe::{self, Depth, Target, Verdict};
use crate::profile::{ClusterName, Tier};
use crate::spelling::{nearest, quoted};

/// What a cluster is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClusterStatus {
    /// Its name.
    pub cluster: ClusterName,
    /// Whether every node asked for is there and ready.
    pub ready: bool,
    /// Its nodes, tier by tier.
    pub nodes: Vec<NodeStatus>,
}

/// What a node is.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NodeStatus {
    /// Its name.
    pub name: NodeName,
    /// Its tier.
    pub tier: String,
    /// How it is.
    pub health: Health,
    /// Its address in the cluster's network.
    pub address: Option<String>,
    /// Its published ports: the container's, and the host's on 127.0.0.1.
    pub ports: BTreeMap<u16, u16>,
    /// Its pages, as the host opens them.
    pub urls: Vec<String>,
    /// Its container's id.
    pub container: Option<String>,
}

/// How a node is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "state", content = "why")]
pub enum Health {
    /// Its probe passed.
    Ready,
    /// It runs, and its probe did not pass.
    NotReady(String),
    /// It does not run: the engine's words.
    Stopped(String),
    /// It was asked for and is not there.
    Missing,
}

/// Looks at a cluster.
///
/// # Errors
/// When the engine cannot be asked, or there is nothing of the cluster.
pub async fn status(
    launcher: &Launcher,
    cluster: &ClusterName,
) -> Result<ClusterStatus, ClusterError> {
    let own = [(labels::CLUSTER, cluster.as_str())];
    let engine = launcher.engine.as_ref();
    let (found, volumes) = tokio::try_join!(engine.containers(&own), engine.volumes(&own))
        .map_err(ClusterError::engine("ask the engine for the cluster"))?;
    if found.is_empty() {
        return Err(ClusterError::NoCluster(cluster.clone()));
    }
    let running: Vec<Target> = found
        .iter()
        .filter(|found| found.state == RunState::Running)
        .filter_map(targets::of_container)
        .collect();
    let healths = join_all(found.iter().map(|found| health(launcher, found, &running))).await;
    let nodes = found
        .iter()
        .zip(healths)
        .filter_map(|(found, health)| describe(found, health))
        .collect();
    Ok(assemble(cluster, nodes, &volumes))
}

/// The status of a cluster that has just been found ready.
pub(super) async fn all_ready(
    launcher: &Launcher,
    cluster: &ClusterName,
) -> Result<ClusterStatus, ClusterError> {
    let own = [(labels::CLUSTER, cluster.as_str())];
    let found = launcher
        .engine
        .containers(&own)
        .await
        .map_err(ClusterError::engine("ask the engine for the cluster"))?;
    let nodes = found
        .iter()
        .filter_map(|found| describe(found, Health::Ready))
        .collect();
    Ok(assemble(cluster, nodes, &[]))
}

/// The container of a node by its name, or by its tier's name for the first of it.
///
/// # Errors
/// When the engine cannot be asked, or there is no such cluster or node.
pub async fn find_node(
    launcher: &Launcher,
    cluster: &ClusterName,
    name: &str,
) -> Result<FoundContainer, ClusterError> {
    let own = [(labels::CLUSTER, cluster.as_str())];
    let found = launcher
        .engine
        .containers(&own)
        .await
        .map_err(ClusterError::engine("ask the engine for the cluster"))?;
    if found.is_empty() {
        return Err(ClusterError::NoCluster(cluster.clone()));
    }
    let described: Vec<(Described, FoundContainer)> = found
        .into_iter()
        .filter_map(|found| Some((labels::read(&found.labels)?, found)))
        .collect();
    let is =
        |node: &Described| node.node.as_str() == name || (node.tier == name && node.index == 1);
    let mut names: Vec<String> = described
        .iter()
        .map(|(node, _)| node.node.to_string())
        .collect();
    names.sort();
    match described.into_iter().find(|(node, _)| is(node)) {
        Some((_, found)) => Ok(found),
        None => Err(ClusterError::NoNode {
            found: name.to_owned(),
            cluster: cluster.clone(),
            known: quoted(names.iter().map(String::as_str)),
            nearest: nearest(name, names.iter().map(String::as_str)).map(str::to_owned),
        }),
    }
}

async fn health(launcher: &Launcher, found: &FoundContainer, running: &[Target]) -> Health {
    if found.state != RunState::Running {
        return Health::Stopped(found.status.clone());
    }
    let probe = labels::read(&found.labels).and_then(|described| described.probe);
    let own = running
        .iter()
        .find(|target| target.container.as_ref() == Some(&found.id));
    match (probe, own) {
        (Some(probe), Some(own)) => {
            match probe::run(launcher.asker.as_ref(), &probe, own, running, Depth::Quick).await {
                Verdict::Ready => Health::Ready,
                Verdict::NotYet(why) => Health::NotReady(why),
            }
        }
        _ => Health::NotReady("its labels hold no probe that this version can read".to_owned()),
    }
}

fn describe(found: &FoundContainer, health: Health) -> Option<NodeStatus> {
    let described = labels::read(&found.labels)?;
    let ports: BTreeMap<u16, u16> = found
        .ports
        .iter()
        .map(|port| (port.container, port.host))
        .collect();
    let urls = described
        .links
        .iter()
        .filter_map(|link| {
            labels::url(
                link,
                described.reach,
                found.address,
                ports.get(&link.port).copied(),
            )
        })
        .collect();
    Some(NodeStatus {
        name: described.node,
        tier: described.tier,
        health,
        address: found.address.map(|address| address.to_string()),
        ports,
        urls,
        container: Some(found.id.0.clone()),
    })
}

/// Adds the nodes that are missing, and puts all in order.
fn assemble(
    cluster: &ClusterName,
    mut nodes: Vec<NodeStatus>,
    volumes: &[(String, Labels)],
) -> ClusterStatus {
    let asked = volumes
        .iter()
        .find_map(|(_, labels)| labels.get(labels::NODES))
        .map(String::as_str)
        .unwrap_or_default();
    for name in asked.split(',').filter(|name| !name.is_empty()) {
        if !nodes.iter().any(|node| node.name.as_str() == name) {
            let tier = name
                .rsplit_once('-')
                .filter(|(_, number)| number.parse::<u16>().is_ok())
                .map_or(name, |(tier, _)| tier);
            nodes.push(NodeStatus {
                name: NodeName::new(name),
                tier: tier.to_owned(),
                health: Health::Missing,
                address: None,
                ports: BTreeMap::new(),
                urls: Vec::new(),
                container: None,
            });
        }
    }
    nodes.sort_by_key(|node| {
        let number = node
            .name
            .as_str()
            .rsplit_once('-')
            .and_then(|(_, number)| number.parse::<u32>().ok());
        let tier = Tier::named(&node.tier);
        let place = Tier::BUILT_IN
            .iter()
            .position(|built_in| *built_in == tier)
            .unwrap_or(Tier::BUILT_IN.len());
        (place, node.tier.clone(), number, node.name.clone())
    });
    let ready = nodes.iter().all(|node| node.health == Health::Ready);
    ClusterStatus {
        cluster: cluster.clone(),
        ready,
        nodes,
    }
}
