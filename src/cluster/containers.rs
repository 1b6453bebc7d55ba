//! From planned nodes to what the engine is told.

use std::collections::BTreeSet;

use super::labels::{self, Reach};
use super::{ClusterError, Host};
use crate::engine::{ContainerSpec, Labels, VolumeMount};
use crate::image::{self, Entry, References};
use crate::plan::{HostPort, Image, NodePlan, Plan, Probe};

/// Which ports of the host a cluster takes where its profile fixes none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum HostPorts {
    /// The tiers' own numbers where they are free.
    #[default]
    WellKnown,
    /// What the engine gives, so that clusters side by side leave each other and the user alone.
    Any,
}

/// The ports of the host that a plan's nodes get; 0 leaves the choice to the engine.
pub(super) struct PortChooser<'a> {
    host: &'a Host,
    ports: HostPorts,
    given: BTreeSet<u16>,
}

impl<'a> PortChooser<'a> {
    pub(super) fn new(host: &'a Host, ports: HostPorts) -> Self {
        Self {
            host,
            ports,
            given: BTreeSet::new(),
        }
    }

    pub(super) fn choose(&mut self, node: &NodePlan) -> Result<Vec<(u16, u16)>, ClusterError> {
        node.ports
            .iter()
            .map(|port| {
                let mut free =
                    |wanted: u16| (self.host.port_is_free)(wanted) && self.given.insert(wanted);
                let host = match port.host {
                    HostPort::Fixed(wanted) if free(wanted) => wanted,
                    HostPort::Fixed(port) => {
                        return Err(ClusterError::PortTaken {
                            port,
                            node: node.name.clone(),
                        });
                    }
                    HostPort::Preferred(wanted)
                        if self.ports == HostPorts::WellKnown && free(wanted) =>
                    {
                        wanted
                    }
                    HostPort::Preferred(_) | HostPort::Any => 0,
                };
                Ok((port.container, host))
            })
            .collect()
    }
}

/// Whether a node's ports of the host may be exchanged for others.
pub(super) fn has_fixed_port(node: &NodePlan) -> bool {
    node.ports
        .iter()
        .any(|port| matches!(port.host, HostPort::Fixed(_)))
}

/// What a container is to be.
pub(super) fn spec(
    node: &NodePlan,
    plan: &Plan,
    probe: &Probe,
    reach: Reach,
    common: &Labels,
    images: &References,
    ports: Vec<(u16, u16)>,
) -> ContainerSpec {
    let image = match &node.image {
        Image::Own(own) => images.get(own).cloned().unwrap_or_default(),
        Image::Named(name) => name.clone(),
    };
    ContainerSpec {
        name: container_name(plan, node),
        hostname: node.name.to_string(),
        image,
        entrypoint: node.entrypoint.clone(),
        command: node.command.clone(),
        env: node.env.clone(),
        labels: labels::of_container(common.clone(), node, probe, reach),
        network: plan.cluster.to_string(),
        address: node.address,
        aliases: std::iter::once(node.name.to_string())
            .chain(node.aliases.iter().cloned())
            .collect(),
        hosts: node.hosts.clone(),
        ports,
        binds: node
            .binds
            .iter()
            .map(|bind| (bind.source.clone(), bind.target.clone(), bind.read_only))
            .collect(),
        volumes: node
            .volumes
            .iter()
            .map(|volume| VolumeMount {
                name: volume.name.clone(),
                target: volume.target.clone(),
                labels: labels::of_volume(common.clone(), node, volume),
            })
            .collect(),
        cpus: node.cpus,
        memory: node.memory,
    }
}

pub(super) fn container_name(plan: &Plan, node: &NodePlan) -> String {
    format!("{}-{}", plan.cluster, node.name)
}

/// The files of a node as an archive for its root; none if it has none.
pub(super) fn files(node: &NodePlan) -> std::io::Result<Option<bytes::Bytes>> {
    if node.files.is_empty() {
        return Ok(None);
    }
    let entries: Vec<Entry> = node
        .files
        .iter()
        .map(|file| {
            Entry::new(
                file.path.trim_start_matches('/'),
                file.content.clone().into_bytes(),
            )
        })
        .collect();
    image::archive(&entries).map(Some)
}
