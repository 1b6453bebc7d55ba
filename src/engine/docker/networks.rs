//! Networks.

use bollard::models::{Ipam, IpamConfig, NetworkCreateRequest};
use bollard::query_parameters::ListNetworksOptions;

use super::{DockerEngine, convert};
use crate::engine::{EngineError, FoundNetwork, NetworkSpec};

impl DockerEngine {
    pub(super) async fn list_networks(&self) -> Result<Vec<FoundNetwork>, EngineError> {
        let found = self
            .docker
            .list_networks(None::<ListNetworksOptions>)
            .await
            .map_err(convert::error)?;
        let read = found.into_iter().map(|network| {
            let pools = network
                .ipam
                .and_then(|ipam| ipam.config)
                .unwrap_or_default();
            FoundNetwork {
                id: network.id.unwrap_or_default(),
                name: network.name.unwrap_or_default(),
                // Networks of IPv6 do not parse, and cannot overlap one of ours.
                subnets: pools
                    .into_iter()
                    .filter_map(|pool| pool.subnet?.parse().ok())
                    .collect(),
                labels: network.labels.unwrap_or_default().into_iter().collect(),
            }
        });
        Ok(read.collect())
    }

    pub(super) async fn make_network(&self, spec: &NetworkSpec) -> Result<(), EngineError> {
        let NetworkSpec {
            name,
            subnet,
            range,
            gateway,
            labels,
        } = spec;
        let pool = IpamConfig {
            subnet: Some(subnet.to_string()),
            ip_range: range.map(|range| range.to_string()),
            gateway: Some(gateway.to_string()),
            ..IpamConfig::default()
        };
        let request = NetworkCreateRequest {
            name: name.clone(),
            driver: Some("bridge".to_owned()),
            ipam: Some(Ipam {
                config: Some(vec![pool]),
                ..Ipam::default()
            }),
            labels: Some(labels.clone().into_iter().collect()),
            ..NetworkCreateRequest::default()
        };
        self.docker
            .create_network(request)
            .await
            .map(drop)
            .map_err(convert::error)
    }
}
