//! Executors and tasks in containers of a Docker engine, from the agent's side (protocol-flows.md, section
//! 14): what is prepared before `mesos-docker-executor` runs, and what is left to do when that has ended.

mod provision;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use mesos_proto::mesos::container_info::docker_info::Network;
use mesos_proto::mesos::{CommandInfo, ContainerInfo, container_info};

use super::appc::{Images, Imported};
use super::environment::{self, Contribution};
use super::usage::Usage;
use crate::appc::Store;
use crate::docker::engine::EngineError;
use crate::docker::spec::{Wanted, spec, update};
use crate::docker::{Engine, Host, WORK_DIR_LABEL, container_name, ports, source};
use crate::model::{Launch, Share};

/// The program that stands beside each container.
const PROGRAM: &str = "mesos-docker-executor";

/// The flags that matter here.
#[derive(Debug, Clone)]
pub struct Settings {
    /// `--docker_socket`.
    pub socket: String,
    /// `--sandbox_directory`.
    pub mapped: String,
    /// `--docker_remove_delay`.
    pub remove_delay: Duration,
    /// `--docker_stop_timeout`.
    pub stop_timeout: Duration,
    /// `--docker_kill_orphans`.
    pub kills_orphans: bool,
    /// `--cgroups_enable_cfs`.
    pub has_quota: bool,
    /// `--launcher_dir`.
    pub launcher_dir: PathBuf,
    /// `--work_dir`.
    pub work_dir: PathBuf,
    /// `--docker_container_labels`.
    pub labels: BTreeMap<String, String>,
    /// Whether containers of type `DOCKER` are taken.
    pub takes_docker: bool,
    /// Whether containers of type `MESOS` may name Docker images.
    pub takes_images: bool,
    /// The store of appc images, where containers of type `MESOS` may name those.
    pub store: Option<Store>,
}

/// The engine, and what this agent has in it.
#[derive(Debug)]
pub struct Docker {
    settings: Settings,
    engine: Engine,
    host: Host,
    appc: Option<Images>,
}

/// The program to start for a container.
#[derive(Debug)]
pub struct Prepared {
    /// Its file.
    pub program: PathBuf,
    /// Its name and arguments.
    pub arguments: Vec<OsString>,
}

impl Docker {
    /// Connects to the engine, and finds the agent's own place.
    pub async fn connect(mut settings: Settings) -> Result<Self, EngineError> {
        let engine = Engine::connect(&settings.socket).await?;
        let host = engine.host().await?;
        match host.translated(&settings.work_dir) {
            Ok(path) => {
                let path = path.display().to_string();
                tracing::info!("containers of the Docker engine find the work directory at {path}");
                settings.labels.insert(WORK_DIR_LABEL.to_string(), path);
            }
            Err(error) => tracing::warn!("tasks in Docker containers will fail: {error}"),
        }
        Ok(Self {
            appc: settings.store.clone().map(Images::new),
            settings,
            engine,
            host,
        })
    }

    /// Whether the engine is to run this.
    pub fn takes(&self, container: Option<&ContainerInfo>) -> bool {
        container.is_some_and(|container| match container.type_() {
            container_info::Type::DOCKER => self.settings.takes_docker,
            container_info::Type::MESOS => source(container).is_some_and(|own| self.provides(own)),
        })
    }

    /// Brings the image; for an executor of a framework's own makes the container as well. What is started
    /// then is the program beside it.
    pub async fn prepare(
        &self,
        launch: &Launch,
        agent: &str,
        share: Share,
        own: &Contribution,
    ) -> Result<Prepared, String> {
        let info = launch
            .info
            .container
            .as_ref()
            .ok_or("No container info found")?;
        let Imported { name: image, app } = self.image(info).await?;
        let name = container_name(&launch.place.container);
        let mut flags = vec![
            format!("--container={name}"),
            format!("--docker_socket={}", self.settings.socket),
        ];
        if launch.is_command {
            flags.extend(self.task_flags(launch)?);
            if let Some(app) = &app {
                let app = serde_json::to_string(app).map_err(|error| error.to_string())?;
                flags.extend([format!("--image={image}"), format!("--image_app={app}")]);
            }
        } else {
            let mut command: CommandInfo = launch.info.command.get_or_default().clone();
            let mut environment = self.variables(launch, agent, own);
            if let Some(app) = &app {
                command = app.command(&command)?;
                environment = app.variables().chain(environment).collect();
            }
            let wanted = Wanted {
                image: &image,
                working_directory: app.as_ref().map(|app| app.start(&self.settings.mapped)),
                container: info,
                command: &command,
                environment,
                name: &name,
                sandbox: &launch.directory,
                mapped: &self.settings.mapped,
                share,
                ports: ports(&launch.ports),
                has_quota: self.settings.has_quota,
                labels: &self.settings.labels,
            };
            let spec = spec(&wanted, &self.host)
                .map_err(|error| format!("Failed to create docker run options: {error}"))?;
            for folder in &spec.folders {
                std::fs::create_dir_all(folder)
                    .map_err(|error| format!("Failed to create '{}': {error}", folder.display()))?;
            }
            let made = self.engine.create(&name, spec.body).await;
            made.map_err(|error| format!("Failed to run docker container: {error}"))?;
            let forwards: Vec<String> = spec.forwards.iter().map(ToString::to_string).collect();
            flags.push("--attend".to_string());
            flags.push(format!("--forwards={}", forwards.join(",")));
        }
        let arguments = [PROGRAM.to_string()]
            .into_iter()
            .chain(flags)
            .map(OsString::from);
        Ok(Prepared {
            program: self.settings.launcher_dir.join(PROGRAM),
            arguments: arguments.collect(),
        })
    }

    fn task_flags(&self, launch: &Launch) -> Result<Vec<String>, String> {
        let labels =
            serde_json::to_string(&self.settings.labels).map_err(|error| error.to_string())?;
        let stop = mesos_wire::duration::format(self.settings.stop_timeout);
        Ok(vec![
            format!("--sandbox_directory={}", launch.directory.display()),
            format!("--mapped_directory={}", self.settings.mapped),
            format!("--stop_timeout={stop}"),
            format!("--launcher_dir={}", self.settings.launcher_dir.display()),
            format!("--cgroups_enable_cfs={}", self.settings.has_quota),
            format!("--container_labels={labels}"),
        ])
    }

    /// The environment of an executor in a container: the image has a search path of its own, and an address
    /// of the agent's cannot be listened on in another network.
    fn variables(&self, launch: &Launch, agent: &str, own: &Contribution) -> Vec<(String, String)> {
        let given = environment::given(launch.info.command.environment.as_ref());
        let is_given = |name: &str| {
            let mut names = given.iter().chain(&own.variables).map(|(name, _)| name);
            names.any(|known| known == name)
        };
        let shares_network =
            launch
                .info
                .container
                .as_ref()
                .is_some_and(|container| match container.type_() {
                    container_info::Type::DOCKER => container.docker.network() == Network::HOST,
                    container_info::Type::MESOS => container.network_infos.is_empty(),
                });
        let mut all = environment::environment(launch, agent, own);
        all.retain(|(name, _)| match name.as_str() {
            "PATH" => is_given("PATH"),
            "LIBPROCESS_IP" => shares_network || is_given("LIBPROCESS_IP"),
            _ => true,
        });
        all
    }

    /// Changes what a running container may use.
    pub async fn resize(&self, container: &str, share: Share) {
        let body = update(share, self.settings.has_quota);
        if let Err(error) = self.engine.update(&container_name(container), body).await {
            tracing::warn!("container {container} keeps its old limits: {error}");
        }
    }

    /// Makes sure that a container has ended.
    pub async fn end(&self, container: &str) -> bool {
        let stopped = self
            .engine
            .stop(&container_name(container), self.settings.stop_timeout)
            .await;
        if let Err(error) = &stopped {
            tracing::error!("cannot stop container {container}: {error}");
        }
        stopped.is_ok()
    }

    /// Removes an ended container after `--docker_remove_delay`.
    pub async fn remove_later(&self, container: &str) {
        tokio::time::sleep(self.settings.remove_delay).await;
        self.remove(&container_name(container)).await;
    }

    async fn remove(&self, name: &str) {
        if let Err(error) = self.engine.remove(name).await {
            tracing::warn!("cannot remove container {name}: {error}");
        }
    }

    /// What a container uses.
    pub async fn usage(&self, container: &str) -> Option<Usage> {
        self.engine.usage(&container_name(container)).await
    }

    /// Containers that an earlier life of this agent has left, but for those that still have their executor.
    pub async fn orphans(&self, known: &[String]) -> Vec<String> {
        let Some(work_dir) = self.settings.labels.get(WORK_DIR_LABEL) else {
            return Vec::new();
        };
        if !self.settings.kills_orphans {
            return Vec::new();
        }
        let known: Vec<String> = known
            .iter()
            .map(|container| container_name(container))
            .collect();
        match self.engine.labelled(WORK_DIR_LABEL, work_dir).await {
            Ok(found) => found
                .into_iter()
                .filter(|name| !known.contains(name))
                .collect(),
            Err(error) => {
                tracing::error!("cannot ask for containers of an earlier life: {error}");
                Vec::new()
            }
        }
    }

    /// Ends and removes them.
    pub async fn clear(&self, orphans: Vec<String>) {
        for name in orphans {
            tracing::info!("removing container {name}, which no executor here knows");
            self.remove(&name).await;
        }
    }
}
