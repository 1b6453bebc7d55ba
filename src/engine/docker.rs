//! Docker's engine, over its HTTP API.

mod connect;
mod containers;
mod convert;
mod exec;
mod images;
mod networks;
mod volumes;

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use bollard::Docker;
use bytes::Bytes;
use tokio::sync::Semaphore;

use super::{
    BuildSpec, ContainerId, ContainerSpec, Death, Engine, EngineError, EngineFacts, EngineStream,
    ExecSession, ExecSpec, FoundContainer, FoundImage, FoundNetwork, Kind, Labels, NetworkSpec,
    Output, Story, Terminal,
};

/// A connection to a Docker engine, at the newest version of the API that both know.
#[derive(Debug, Clone)]
pub struct DockerEngine {
    docker: Docker,
    /// Whether the connection is a socket of this host.
    socket: bool,
    /// A permit for each call that changes something, for as long as the engine works on it.
    calls: Arc<Semaphore>,
}

/// How many calls that change something are under way at most.
const MOST_CALLS: usize = 1024;

impl DockerEngine {
    /// Carries a call to its end even when nobody waits for its answer any more.
    ///
    /// The engine does what it was asked for anyway. Somebody who is interrupted can wait for that, so that whoever comes
    /// next does not meet containers that are just being made.
    async fn lasting<T, F>(&self, call: impl FnOnce(Self) -> F) -> Result<T, EngineError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, EngineError>> + Send + 'static,
    {
        let call = call(self.clone());
        let permit = Arc::clone(&self.calls).acquire_owned().await;
        let task = tokio::spawn(async move {
            let result = call.await;
            drop(permit);
            result
        });
        task.await.unwrap_or_else(|_| {
            Err(EngineError::new(
                Kind::Other,
                "a call to the engine was cut short",
            ))
        })
    }
}

/// Label filters as the API takes them.
fn label_filter(labels: &[(&str, &str)]) -> HashMap<String, Vec<String>> {
    let write = |(name, value): &(&str, &str)| {
        if value.is_empty() {
            (*name).to_owned()
        } else {
            format!("{name}={value}")
        }
    };
    HashMap::from([("label".to_owned(), labels.iter().map(write).collect())])
}

/// Success also when there was nothing to do.
fn settled(result: Result<(), bollard::errors::Error>) -> Result<(), EngineError> {
    use bollard::errors::Error::DockerResponseServerError as Answer;
    match result {
        Ok(())
        | Err(Answer {
            status_code: 304 | 404,
            ..
        }) => Ok(()),
        Err(error) => Err(convert::error(error)),
    }
}

#[async_trait]
impl Engine for DockerEngine {
    async fn facts(&self) -> Result<EngineFacts, EngineError> {
        self.read_facts().await
    }

    async fn settle(&self) {
        let all = u32::try_from(MOST_CALLS).unwrap_or(u32::MAX);
        // It fails only when the semaphore is closed, which nobody does.
        let _ = self.calls.acquire_many(all).await;
    }

    async fn networks(&self) -> Result<Vec<FoundNetwork>, EngineError> {
        self.list_networks().await
    }

    async fn create_network(&self, spec: &NetworkSpec) -> Result<(), EngineError> {
        let spec = spec.clone();
        self.lasting(|engine| async move { engine.make_network(&spec).await })
            .await
    }

    async fn remove_network(&self, name: &str) -> Result<(), EngineError> {
        let name = name.to_owned();
        self.lasting(|engine| async move { settled(engine.docker.remove_network(&name).await) })
            .await
    }

    async fn volumes(&self, labels: &[(&str, &str)]) -> Result<Vec<(String, Labels)>, EngineError> {
        self.list_volumes(labels).await
    }

    async fn create_volume(&self, name: &str, labels: &Labels) -> Result<(), EngineError> {
        let (name, labels) = (name.to_owned(), labels.clone());
        self.lasting(|engine| async move { engine.make_volume(&name, &labels).await })
            .await
    }

    async fn remove_volume(&self, name: &str) -> Result<(), EngineError> {
        settled(
            self.docker
                .remove_volume(name, None::<bollard::query_parameters::RemoveVolumeOptions>)
                .await,
        )
    }

    async fn containers(
        &self,
        labels: &[(&str, &str)],
    ) -> Result<Vec<FoundContainer>, EngineError> {
        self.list_containers(labels).await
    }

    async fn create_container(&self, spec: &ContainerSpec) -> Result<ContainerId, EngineError> {
        let spec = spec.clone();
        self.lasting(|engine| async move { engine.make_container(&spec).await })
            .await
    }

    async fn upload(&self, container: &ContainerId, archive: Bytes) -> Result<(), EngineError> {
        let container = container.clone();
        self.lasting(|engine| async move { engine.unpack(&container, archive).await })
            .await
    }

    async fn start_container(&self, container: &ContainerId) -> Result<(), EngineError> {
        let container = container.clone();
        self.lasting(|engine| async move { engine.run_container(&container).await })
            .await
    }

    async fn unpause_container(&self, container: &ContainerId) -> Result<(), EngineError> {
        self.docker
            .unpause_container(&container.0)
            .await
            .map_err(convert::error)
    }

    async fn kill_container(&self, container: &ContainerId) -> Result<(), EngineError> {
        settled(
            self.docker
                .kill_container(
                    &container.0,
                    None::<bollard::query_parameters::KillContainerOptions>,
                )
                .await,
        )
    }

    async fn remove_container(&self, container: &ContainerId) -> Result<(), EngineError> {
        let container = container.clone();
        self.lasting(|engine| async move { engine.delete_container(&container).await })
            .await
    }

    fn logs(
        &self,
        container: &ContainerId,
        tail: Option<u32>,
        follow: bool,
    ) -> EngineStream<Output> {
        self.read_logs(container, tail, follow)
    }

    fn deaths(&self, label: (&str, &str)) -> EngineStream<Death> {
        self.watch_deaths(label)
    }

    async fn exec(
        &self,
        container: &ContainerId,
        spec: &ExecSpec,
    ) -> Result<ExecSession, EngineError> {
        self.run(container, spec).await
    }

    async fn resize_exec(&self, id: &str, size: Terminal) -> Result<(), EngineError> {
        self.resize(id, size).await
    }

    async fn exec_exit(&self, id: &str) -> Result<Option<i64>, EngineError> {
        self.exit_code(id).await
    }

    async fn images(&self, label: &str) -> Result<Vec<FoundImage>, EngineError> {
        self.list_images(label).await
    }

    async fn has_image(&self, name: &str) -> Result<bool, EngineError> {
        match self.docker.inspect_image(name).await {
            Ok(_) => Ok(true),
            Err(bollard::errors::Error::DockerResponseServerError {
                status_code: 404, ..
            }) => Ok(false),
            Err(error) => Err(convert::error(error)),
        }
    }

    async fn build_image(&self, spec: BuildSpec, story: &Story) -> Result<(), EngineError> {
        self.build(spec, story).await
    }

    async fn import_image(
        &self,
        name: &str,
        changes: &[String],
        archive: EngineStream<Bytes>,
    ) -> Result<(), EngineError> {
        self.import(name, changes, archive).await
    }

    async fn pull_image(&self, name: &str, story: &Story) -> Result<(), EngineError> {
        self.pull(name, story).await
    }

    async fn tag_image(&self, name: &str, repository: &str, tag: &str) -> Result<(), EngineError> {
        let options = bollard::query_parameters::TagImageOptions {
            repo: Some(repository.to_owned()),
            tag: Some(tag.to_owned()),
        };
        self.docker
            .tag_image(name, Some(options))
            .await
            .map_err(convert::error)
    }

    async fn remove_image(&self, name: &str) -> Result<(), EngineError> {
        let options = bollard::query_parameters::RemoveImageOptions::default();
        match self.docker.remove_image(name, Some(options), None).await {
            Ok(_)
            | Err(bollard::errors::Error::DockerResponseServerError {
                status_code: 404, ..
            }) => Ok(()),
            Err(error) => Err(convert::error(error)),
        }
    }
}
