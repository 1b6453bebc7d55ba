//! The Docker engine, through its API.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use bollard::container::AttachContainerResults;
use bollard::errors::Error as Answer;
use bollard::models::{
    ContainerCreateBody, ContainerInspectResponse, ContainerSummary, ContainerUpdateBody,
    CreateImageInfo,
};
use bollard::query_parameters::{
    AttachContainerOptions, CreateContainerOptions, CreateImageOptions, InspectContainerOptions,
    KillContainerOptions, ListContainersOptions, RemoveContainerOptions, StartContainerOptions,
    StatsOptions, StopContainerOptions, WaitContainerOptions,
};
use bollard::{API_DEFAULT_VERSION, Docker};
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use thiserror::Error;

use super::host::{Host, Own, own_id};
use crate::containerizer::usage::Usage;

/// How long the engine may take to begin an answer, in seconds.
const ANSWER_SECS: u64 = 120;
/// What the engine is given beyond the time that a container has to stop.
const STOP_MARGIN: Duration = Duration::from_secs(30);

/// What the engine refused, or why it cannot be asked.
#[derive(Debug, Error)]
pub enum EngineError {
    /// It answered with an error.
    #[error("Error response from daemon: {text}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// Its words.
        text: String,
    },
    /// There is no talking to it.
    #[error("Cannot connect to the Docker daemon: {0}")]
    Unreachable(String),
}

impl EngineError {
    /// Whether what was asked for is not there.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Refused { status: 404, .. })
    }
}

impl From<Answer> for EngineError {
    fn from(error: Answer) -> Self {
        match error {
            Answer::DockerResponseServerError {
                status_code,
                message,
            } => Self::Refused {
                status: status_code,
                text: message,
            },
            Answer::DockerStreamError { error } => Self::Refused {
                status: 500,
                text: error,
            },
            other => Self::Unreachable(other.to_string()),
        }
    }
}

/// What a container is, as far as it matters here.
#[derive(Debug, Clone, Default)]
pub struct Inspected {
    /// Its first process on the engine's host.
    pub pid: Option<u32>,
    /// Whether it runs.
    pub is_running: bool,
    /// Its addresses.
    pub addresses: Vec<String>,
    /// Everything, as `docker inspect` prints it.
    pub json: String,
}

/// A connection to the engine.
#[derive(Debug, Clone)]
pub struct Engine {
    docker: Docker,
}

impl Engine {
    /// Connects to the engine behind a socket.
    pub async fn connect(socket: &str) -> Result<Self, EngineError> {
        let path = socket.strip_prefix("unix://").unwrap_or(socket);
        if !Path::new(path).exists() {
            return Err(EngineError::Unreachable(format!(
                "there is no socket '{path}'"
            )));
        }
        let docker = Docker::connect_with_unix(path, ANSWER_SECS, API_DEFAULT_VERSION)?;
        let docker = docker.negotiate_version().await?;
        Ok(Self { docker })
    }

    /// Where this program is as the engine sees it.
    pub async fn host(&self) -> Result<Host, EngineError> {
        let Some(id) = std::fs::read_to_string("/proc/self/mountinfo")
            .ok()
            .and_then(|text| own_id(&text))
        else {
            return Ok(Host::default());
        };
        let found = match self.inspect_whole(&id).await {
            // A container of another engine, around both: its paths are that engine's.
            Err(error) if error.is_missing() => return Ok(Host::default()),
            found => found?,
        };
        let path = |text: Option<String>| text.filter(|text| !text.is_empty()).map(Into::into);
        let mounts = found
            .mounts
            .unwrap_or_default()
            .into_iter()
            .filter_map(|mount| Some((path(mount.destination)?, path(mount.source)?)))
            .collect();
        let mode = found
            .host_config
            .and_then(|host| host.network_mode)
            .unwrap_or_default();
        let network = match mode.as_str() {
            "host" => None,
            "default" | "" => Some("bridge".to_string()),
            _ => Some(mode),
        };
        Ok(Host {
            own: Some(Own {
                id,
                mounts,
                network,
            }),
        })
    }

    /// Brings an image, unless it is there.
    pub async fn pull(&self, image: &str, always: bool) -> Result<(), EngineError> {
        let name = super::tagged(image);
        if !always && self.docker.inspect_image(&name).await.is_ok() {
            return Ok(());
        }
        let options = CreateImageOptions {
            from_image: Some(name),
            ..CreateImageOptions::default()
        };
        finished(self.docker.create_image(Some(options), None, None)).await
    }

    /// Whether an image of this name is there.
    pub async fn has_image(&self, name: &str) -> Result<bool, EngineError> {
        match self
            .docker
            .inspect_image(name)
            .await
            .map_err(EngineError::from)
        {
            Ok(_) => Ok(true),
            Err(error) if error.is_missing() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Makes an image of an archive of files; `changes` are instructions as of a Dockerfile.
    pub async fn import(
        &self,
        name: &str,
        changes: Vec<String>,
        archive: impl Stream<Item = std::io::Result<Bytes>> + Send + 'static,
    ) -> Result<(), EngineError> {
        let (repository, tag) = name.rsplit_once(':').unwrap_or((name, "latest"));
        let options = CreateImageOptions {
            from_src: Some("-".to_string()),
            repo: Some(repository.to_string()),
            tag: Some(tag.to_string()),
            changes,
            ..CreateImageOptions::default()
        };
        let body = bollard::body_try_stream(archive);
        finished(self.docker.create_image(Some(options), Some(body), None)).await
    }

    /// Makes a container.
    pub async fn create(&self, name: &str, body: ContainerCreateBody) -> Result<(), EngineError> {
        let options = CreateContainerOptions {
            name: Some(name.to_string()),
            ..CreateContainerOptions::default()
        };
        self.docker.create_container(Some(options), body).await?;
        Ok(())
    }

    /// All files of a container, as an archive.
    pub fn export(
        &self,
        name: &str,
    ) -> impl Stream<Item = Result<Bytes, EngineError>> + Send + Unpin + use<> {
        let files = self.docker.export_container(name);
        Box::pin(files.map(|piece| piece.map_err(EngineError::from)))
    }

    /// Reads its output from its start on.
    pub async fn attach(&self, name: &str) -> Result<AttachContainerResults, EngineError> {
        let options = AttachContainerOptions {
            stdout: true,
            stderr: true,
            stream: true,
            ..AttachContainerOptions::default()
        };
        Ok(self.docker.attach_container(name, Some(options)).await?)
    }

    /// Starts it.
    pub async fn start(&self, name: &str) -> Result<(), EngineError> {
        self.docker
            .start_container(name, None::<StartContainerOptions>)
            .await?;
        Ok(())
    }

    /// Waits until it does not run; its exit status.
    pub async fn wait(&self, name: &str) -> Result<i64, EngineError> {
        let options = WaitContainerOptions {
            condition: "not-running".to_string(),
        };
        let ended = self.docker.wait_container(name, Some(options)).next().await;
        match ended {
            Some(Ok(ended)) => Ok(ended.status_code),
            // The library makes an error of every status but 0.
            Some(Err(Answer::DockerContainerWaitError { code, .. })) => Ok(code),
            Some(Err(error)) => Err(error.into()),
            None => Err(EngineError::Unreachable("it hung up".to_string())),
        }
    }

    /// What it is.
    pub async fn inspect(&self, name: &str) -> Result<Inspected, EngineError> {
        let found = self.inspect_whole(name).await?;
        let networks = found
            .network_settings
            .as_ref()
            .and_then(|n| n.networks.as_ref());
        let addresses: Vec<String> = networks
            .into_iter()
            .flat_map(HashMap::values)
            .filter_map(|network| network.ip_address.clone())
            .filter(|address| !address.is_empty())
            .collect();
        let state = found.state.as_ref();
        Ok(Inspected {
            pid: state
                .and_then(|s| s.pid)
                .filter(|pid| *pid > 0)
                .and_then(|pid| u32::try_from(pid).ok()),
            is_running: state.and_then(|s| s.running).unwrap_or_default(),
            json: printed(&found, addresses.first()),
            addresses,
        })
    }

    async fn inspect_whole(&self, name: &str) -> Result<ContainerInspectResponse, EngineError> {
        let options = None::<InspectContainerOptions>;
        Ok(self.docker.inspect_container(name, options).await?)
    }

    /// What it uses.
    pub async fn usage(&self, name: &str) -> Option<Usage> {
        let options = StatsOptions {
            stream: false,
            one_shot: true,
        };
        let stats = self.docker.stats(name, Some(options)).next().await?.ok()?;
        let cpu = stats.cpu_stats?.cpu_usage?;
        let memory = stats.memory_stats?;
        let details = memory.stats.unwrap_or_default();
        let resident = details
            .get("rss")
            .or(details.get("anon"))
            .copied()
            .or(memory.usage)?;
        let secs = |nanos: Option<u64>| nanos.unwrap_or_default() as f64 / 1e9;
        let running = u32::try_from(stats.pids_stats?.current.unwrap_or_default());
        Some(Usage {
            user_secs: secs(cpu.usage_in_usermode),
            system_secs: secs(cpu.usage_in_kernelmode),
            resident_bytes: resident,
            // The engine counts what the kernel's limit counts: threads.
            processes: running.unwrap_or(u32::MAX),
            threads: running.unwrap_or(u32::MAX),
        })
    }

    /// Changes what it may use.
    pub async fn update(&self, name: &str, body: ContainerUpdateBody) -> Result<(), EngineError> {
        self.docker.update_container(name, body).await?;
        Ok(())
    }

    /// Asks it to end, and makes it end after this time.
    pub async fn stop(&self, name: &str, grace: Duration) -> Result<(), EngineError> {
        let secs = i32::try_from(grace.as_secs()).unwrap_or(i32::MAX);
        let options = StopContainerOptions {
            t: Some(secs),
            ..StopContainerOptions::default()
        };
        let patience = grace.saturating_add(STOP_MARGIN);
        let patient = self.docker.clone().with_timeout(patience);
        gone_is_fine(patient.stop_container(name, Some(options)).await)
    }

    /// Sends it a signal.
    pub async fn kill(&self, name: &str, signal: &str) -> Result<(), EngineError> {
        let options = KillContainerOptions {
            signal: signal.to_string(),
        };
        gone_is_fine(self.docker.kill_container(name, Some(options)).await)
    }

    /// Removes it with its unnamed volumes.
    pub async fn remove(&self, name: &str) -> Result<(), EngineError> {
        let options = RemoveContainerOptions {
            force: true,
            v: true,
            ..RemoveContainerOptions::default()
        };
        gone_is_fine(self.docker.remove_container(name, Some(options)).await)
    }

    /// The names of all containers, running or not, that carry a label.
    pub async fn labelled(&self, label: &str, value: &str) -> Result<Vec<String>, EngineError> {
        let filters = HashMap::from([("label".to_string(), vec![format!("{label}={value}")])]);
        let options = ListContainersOptions {
            all: true,
            filters: Some(filters),
            ..ListContainersOptions::default()
        };
        let found: Vec<ContainerSummary> = self.docker.list_containers(Some(options)).await?;
        let name = |one: ContainerSummary| {
            let first = one.names?.into_iter().next()?;
            Some(first.trim_start_matches('/').to_string())
        };
        Ok(found.into_iter().filter_map(name).collect())
    }

    /// Runs a command in it; its exit status.
    pub async fn exec(
        &self,
        name: &str,
        command: Vec<String>,
        env: Vec<String>,
    ) -> Result<i64, EngineError> {
        use bollard::exec::StartExecResults;
        let config = bollard::models::ExecConfig {
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            cmd: Some(command),
            env: Some(env),
            ..Default::default()
        };
        let made = self.docker.create_exec(name, config).await?;
        if let StartExecResults::Attached { mut output, .. } = self
            .docker
            .start_exec(&made.id, None::<bollard::exec::StartExecOptions>)
            .await?
        {
            // What it prints is of no interest; the stream ends with it.
            while output.next().await.is_some() {}
        }
        let ended = self.docker.inspect_exec(&made.id).await?;
        ended.exit_code.ok_or_else(|| {
            EngineError::Unreachable("the command's status is not known".to_string())
        })
    }
}

/// Waits until an image is made; the engine tells of its steps, and of an error in the midst of them.
async fn finished(
    mut steps: impl Stream<Item = Result<CreateImageInfo, Answer>> + Unpin,
) -> Result<(), EngineError> {
    while let Some(step) = steps.next().await {
        if let Some(text) = step?.error_detail.and_then(|error| error.message) {
            return Err(EngineError::Refused { status: 500, text });
        }
    }
    Ok(())
}

/// What has ended or is gone need not be ended or removed.
fn gone_is_fine(answer: Result<(), Answer>) -> Result<(), EngineError> {
    match answer {
        Err(Answer::DockerResponseServerError {
            status_code: 304 | 404 | 409,
            ..
        }) => Ok(()),
        answer => Ok(answer?),
    }
}

/// As `docker inspect` prints it: a list of one. What newer engines say of networks alone is repeated where
/// clients look for it.
fn printed(found: &ContainerInspectResponse, address: Option<&String>) -> String {
    let mut value = serde_json::to_value(found).unwrap_or_default();
    if let Some(settings) = value
        .get_mut("NetworkSettings")
        .and_then(|v| v.as_object_mut())
    {
        settings
            .entry("IPAddress")
            .or_insert_with(|| address.cloned().unwrap_or_default().into());
    }
    serde_json::Value::Array(vec![value]).to_string()
}
