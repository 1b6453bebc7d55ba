//! Where the nodes can be asked.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::labels;
use crate::engine::FoundContainer;
use crate::plan::NodePlan;
use crate::probe::Target;

/// Where a container can be asked: at the ports that it publishes.
pub(super) fn of_container(found: &FoundContainer) -> Option<Target> {
    let described = labels::read(&found.labels)?;
    let ports = found.ports.iter().map(|port| {
        let address = if port.address.is_unspecified() {
            IpAddr::V4(Ipv4Addr::LOCALHOST)
        } else {
            port.address
        };
        (port.container, SocketAddr::new(address, port.host))
    });
    Some(Target {
        node: described.node,
        tier: described.tier,
        container: Some(found.id.clone()),
        ports: ports.collect(),
    })
}

/// Where a node that the user runs can be asked: on the host itself.
pub(super) fn of_user(node: &NodePlan) -> Target {
    let ports: HashMap<u16, SocketAddr> = node
        .ports
        .iter()
        .map(|port| {
            (
                port.container,
                SocketAddr::from((Ipv4Addr::LOCALHOST, port.container)),
            )
        })
        .collect();
    Target {
        node: node.name.clone(),
        tier: node.tier.name().to_owned(),
        container: None,
        ports,
    }
}
