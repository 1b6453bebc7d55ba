//! What is there before anything is done: the cluster's own things, and what else has networks.

use super::{ClusterError, Host, Launcher, labels};
use crate::engine::{EngineFacts, FoundContainer, FoundNetwork, Labels};
use crate::plan::choose_subnet;
use crate::profile::{ClusterName, Subnet};

/// What is there.
pub(super) struct Survey {
    pub(super) facts: EngineFacts,
    pub(super) containers: Vec<FoundContainer>,
    pub(super) networks: Vec<FoundNetwork>,
    pub(super) volumes: Vec<(String, Labels)>,
}

impl Survey {
    pub(super) async fn take(
        launcher: &Launcher,
        cluster: &ClusterName,
    ) -> Result<Self, ClusterError> {
        let engine = launcher.engine.as_ref();
        let own = [(labels::CLUSTER, cluster.as_str())];
        let (facts, containers, networks, volumes) = tokio::try_join!(
            engine.facts(),
            engine.containers(&own),
            engine.networks(),
            engine.volumes(&own)
        )
        .map_err(ClusterError::engine("ask the engine what is there"))?;
        Ok(Self {
            facts,
            containers,
            networks,
            volumes,
        })
    }

    /// The cluster's networks; more than one only if two launchers made them at the same time.
    pub(super) fn own_networks<'a>(
        &'a self,
        cluster: &'a ClusterName,
    ) -> impl Iterator<Item = &'a FoundNetwork> {
        self.networks.iter().filter(move |network| {
            network
                .labels
                .get(labels::CLUSTER)
                .is_some_and(|found| found == cluster.as_str())
        })
    }

    /// The network that the cluster is to have: the one it has unless another is asked for, else the one asked for if it is
    /// free, else a free one.
    pub(super) fn subnet(
        &self,
        cluster: &ClusterName,
        wanted: Option<Subnet>,
        host: &Host,
    ) -> Result<Subnet, ClusterError> {
        let own: Vec<Subnet> = self
            .own_networks(cluster)
            .flat_map(|network| network.subnets.iter().copied())
            .collect();
        if let Some(subnet) = own
            .first()
            .copied()
            .filter(|own| wanted.is_none_or(|wanted| wanted == *own))
        {
            return Ok(subnet);
        }
        let others: Vec<(Subnet, String)> = self
            .networks
            .iter()
            .filter(|network| {
                network
                    .labels
                    .get(labels::CLUSTER)
                    .is_none_or(|found| found != cluster.as_str())
            })
            .flat_map(|network| {
                network.subnets.iter().map(|subnet| {
                    (
                        *subnet,
                        format!("the engine's network `{}` ({subnet})", network.name),
                    )
                })
            })
            .collect();
        // A route to the cluster's own bridge is no clash.
        let routes = (host.routes)()
            .into_iter()
            .filter(|route| route.prefix() > 0 && !own.contains(route));
        let routes: Vec<(Subnet, String)> = routes
            .map(|route| (route, format!("a route of this host to `{route}`")))
            .collect();
        match wanted {
            None => Ok(choose_subnet(
                &others
                    .iter()
                    .chain(&routes)
                    .map(|(subnet, _)| *subnet)
                    .collect::<Vec<_>>(),
            )?),
            Some(subnet) => match others
                .into_iter()
                .chain(routes)
                .find(|(other, _)| other.overlaps(subnet))
            {
                Some((_, other)) => Err(ClusterError::SubnetClash { subnet, other }),
                None => Ok(subnet),
            },
        }
    }
}
