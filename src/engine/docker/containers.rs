//! Containers.

use std::collections::HashMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bollard::container::LogOutput;
use bollard::models::{
    ContainerCreateBody, ContainerSummary, EndpointIpamConfig, EndpointSettings, HostConfig, Mount,
    MountType, MountVolumeOptions, NetworkingConfig, PortBinding, RestartPolicy,
    RestartPolicyNameEnum,
};
use bollard::query_parameters::{
    CreateContainerOptions, EventsOptions, ListContainersOptions, LogsOptions,
    RemoveContainerOptions, StartContainerOptions, UploadToContainerOptions,
};
use bytes::Bytes;
use futures_util::StreamExt;

use super::{DockerEngine, convert, label_filter, settled};
use crate::engine::{
    ContainerId, ContainerSpec, Death, EngineError, EngineStream, FoundContainer, Kind, Output,
    PublishedPort,
};

/// Published ports are for this host alone.
const LOOPBACK: &str = "127.0.0.1";

impl DockerEngine {
    pub(super) async fn list_containers(
        &self,
        labels: &[(&str, &str)],
    ) -> Result<Vec<FoundContainer>, EngineError> {
        let options = ListContainersOptions {
            all: true,
            filters: Some(label_filter(labels)),
            ..ListContainersOptions::default()
        };
        let found = self
            .docker
            .list_containers(Some(options))
            .await
            .map_err(convert::error)?;
        Ok(found.into_iter().filter_map(read).collect())
    }

    pub(super) async fn make_container(
        &self,
        spec: &ContainerSpec,
    ) -> Result<ContainerId, EngineError> {
        let options = CreateContainerOptions {
            name: Some(spec.name.clone()),
            ..CreateContainerOptions::default()
        };
        let made = self
            .docker
            .create_container(Some(options), body(spec))
            .await
            .map_err(convert::error)?;
        Ok(ContainerId(made.id))
    }

    pub(super) async fn run_container(&self, container: &ContainerId) -> Result<(), EngineError> {
        use bollard::errors::Error::DockerResponseServerError as Answer;
        let options = None::<StartContainerOptions>;
        match self.docker.start_container(&container.0, options).await {
            // It runs already.
            Ok(())
            | Err(Answer {
                status_code: 304, ..
            }) => Ok(()),
            Err(error) => Err(convert::error(error)),
        }
    }

    pub(super) async fn unpack(
        &self,
        container: &ContainerId,
        archive: Bytes,
    ) -> Result<(), EngineError> {
        let options = UploadToContainerOptions {
            path: "/".to_owned(),
            ..UploadToContainerOptions::default()
        };
        self.docker
            .upload_to_container(&container.0, Some(options), bollard::body_full(archive))
            .await
            .map_err(convert::error)
    }

    pub(super) async fn delete_container(
        &self,
        container: &ContainerId,
    ) -> Result<(), EngineError> {
        let options = RemoveContainerOptions {
            force: true,
            v: true,
            ..RemoveContainerOptions::default()
        };
        // A removal that another call began answers 409 until it is done, and 404 from then on.
        for _ in 0..100 {
            match settled(
                self.docker
                    .remove_container(&container.0, Some(options.clone()))
                    .await,
            ) {
                Err(error) if error.kind == Kind::Conflict => {
                    tokio::time::sleep(Duration::from_millis(50)).await
                }
                result => return result,
            }
        }
        Err(EngineError::new(
            Kind::Conflict,
            format!(
                "container `{}` is still being removed by somebody else",
                container.0
            ),
        ))
    }

    pub(super) fn read_logs(
        &self,
        container: &ContainerId,
        tail: Option<u32>,
        follow: bool,
    ) -> EngineStream<Output> {
        let options = LogsOptions {
            follow,
            stdout: true,
            stderr: true,
            tail: tail.map_or_else(|| "all".to_owned(), |lines| lines.to_string()),
            ..LogsOptions::default()
        };
        Box::pin(self.docker.logs(&container.0, Some(options)).map(output))
    }

    pub(super) fn watch_deaths(&self, label: (&str, &str)) -> EngineStream<Death> {
        let mut filters = label_filter(&[label]);
        filters.insert("type".to_owned(), vec!["container".to_owned()]);
        filters.insert("event".to_owned(), vec!["die".to_owned()]);
        // The request goes out when the stream is first read; `since` makes the engine tell what happened until then.
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let since = Some(format!("{}.{:09}", now.as_secs(), now.subsec_nanos()));
        let options = EventsOptions {
            filters: Some(filters),
            since,
            ..EventsOptions::default()
        };
        let events = self
            .docker
            .events(Some(options))
            .filter_map(async |event| match event {
                Ok(event) => {
                    let actor = event.actor?;
                    let code = actor
                        .attributes
                        .as_ref()
                        .and_then(|attributes| attributes.get("exitCode")?.parse().ok());
                    Some(Ok(Death {
                        container: ContainerId(actor.id?),
                        exit_code: code,
                    }))
                }
                Err(error) => Some(Err(convert::error(error))),
            });
        Box::pin(events)
    }
}

/// A piece of output in the launcher's words.
pub(super) fn output(
    piece: Result<LogOutput, bollard::errors::Error>,
) -> Result<Output, EngineError> {
    match piece.map_err(convert::error)? {
        LogOutput::StdErr { message } => Ok(Output::Err(message)),
        LogOutput::StdOut { message }
        | LogOutput::StdIn { message }
        | LogOutput::Console { message } => Ok(Output::Out(message)),
    }
}

fn body(spec: &ContainerSpec) -> ContainerCreateBody {
    let ports: Vec<(String, u16)> = spec
        .ports
        .iter()
        .map(|(container, host)| (format!("{container}/tcp"), *host))
        .collect();
    let binding = |host: u16| PortBinding {
        host_ip: Some(LOOPBACK.to_owned()),
        host_port: Some(if host == 0 {
            String::new()
        } else {
            host.to_string()
        }),
    };
    let binds = spec.binds.iter().map(|(source, target, read_only)| Mount {
        typ: Some(MountType::BIND),
        source: Some(source.to_string_lossy().into_owned()),
        target: Some(target.clone()),
        read_only: Some(*read_only),
        ..Mount::default()
    });
    let volumes = spec.volumes.iter().map(|volume| Mount {
        typ: Some(MountType::VOLUME),
        source: Some(volume.name.clone()),
        target: Some(volume.target.clone()),
        volume_options: Some(MountVolumeOptions {
            labels: Some(volume.labels.clone().into_iter().collect()),
            ..MountVolumeOptions::default()
        }),
        ..Mount::default()
    });
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the profile keeps processors below 4096"
    )]
    let nano_cpus = spec.cpus.map(|cpus| (cpus * 1e9) as i64);
    let host = HostConfig {
        network_mode: Some(spec.network.clone()),
        port_bindings: Some(
            ports
                .iter()
                .map(|(port, host)| (port.clone(), Some(vec![binding(*host)])))
                .collect(),
        ),
        extra_hosts: Some(
            spec.hosts
                .iter()
                .map(|(name, address)| format!("{name}:{address}"))
                .collect(),
        ),
        mounts: Some(binds.chain(volumes).collect()),
        restart_policy: Some(RestartPolicy {
            name: Some(RestartPolicyNameEnum::UNLESS_STOPPED),
            maximum_retry_count: None,
        }),
        nano_cpus,
        memory: spec.memory.and_then(|bytes| i64::try_from(bytes).ok()),
        ..HostConfig::default()
    };
    let endpoint = EndpointSettings {
        ipam_config: Some(EndpointIpamConfig {
            ipv4_address: Some(spec.address.to_string()),
            ..EndpointIpamConfig::default()
        }),
        aliases: Some(spec.aliases.clone()),
        ..EndpointSettings::default()
    };
    ContainerCreateBody {
        hostname: Some(spec.hostname.clone()),
        image: Some(spec.image.clone()),
        entrypoint: spec.entrypoint.clone(),
        cmd: (!spec.command.is_empty()).then(|| spec.command.clone()),
        env: Some(
            spec.env
                .iter()
                .map(|(name, value)| format!("{name}={value}"))
                .collect(),
        ),
        labels: Some(spec.labels.clone().into_iter().collect()),
        exposed_ports: Some(ports.into_iter().map(|(port, _)| port).collect()),
        host_config: Some(host),
        networking_config: Some(NetworkingConfig {
            endpoints_config: Some(HashMap::from([(spec.network.clone(), endpoint)])),
        }),
        ..ContainerCreateBody::default()
    }
}

fn read(found: ContainerSummary) -> Option<FoundContainer> {
    let name = found.names.unwrap_or_default().into_iter().next()?;
    let networks = found
        .network_settings
        .and_then(|settings| settings.networks)
        .unwrap_or_default();
    // A stopped container has no address any more, but keeps the one that it asked for.
    let address = networks.into_values().find_map(|network| {
        let asked = || {
            network
                .ipam_config
                .as_ref()
                .and_then(|ipam| ipam.ipv4_address.clone())
        };
        network
            .ip_address
            .clone()
            .filter(|address| !address.is_empty())
            .or_else(asked)?
            .parse()
            .ok()
    });
    let ports = found
        .ports
        .unwrap_or_default()
        .into_iter()
        .filter_map(|port| {
            Some(PublishedPort {
                container: port.private_port,
                host: port.public_port?,
                address: port.ip?.parse().ok()?,
            })
        });
    Some(FoundContainer {
        id: ContainerId(found.id?),
        name: name.trim_start_matches('/').to_owned(),
        state: convert::state(found.state),
        status: found.status.unwrap_or_default(),
        labels: found.labels.unwrap_or_default().into_iter().collect(),
        address,
        ports: ports.collect(),
        image: found.image.unwrap_or_default(),
    })
}
