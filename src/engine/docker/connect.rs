//! Finding the engine and learning what it is.

use std::env;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bollard::{API_DEFAULT_VERSION, Docker};
use tokio::sync::Semaphore;

use super::DockerEngine;
use super::convert;
use crate::engine::{EngineError, EngineFacts, Kind};

/// How long one answer may take; builds and other streams end when they end.
const ANSWER: Duration = Duration::from_secs(120);

/// The first API version that has all that the launcher uses.
const OLDEST: (usize, usize) = (1, 40);

impl DockerEngine {
    /// Connects to the engine that `DOCKER_HOST` names, else to the local one.
    ///
    /// # Errors
    /// When there is none, it may not be used, or it is too old.
    pub async fn connect() -> Result<Self, EngineError> {
        let host = env::var("DOCKER_HOST")
            .ok()
            .filter(|host| !host.is_empty())
            .unwrap_or_else(default_host);
        let socket = host.strip_prefix("unix://").map(str::to_owned);
        if let Some(path) = &socket {
            reach(Path::new(path)).await?;
        }
        let seconds = ANSWER.as_secs();
        let docker = if let Some(path) = &socket {
            Docker::connect_with_unix(path, seconds, API_DEFAULT_VERSION)
        } else if host.starts_with("tcp://") || host.starts_with("http://") {
            Docker::connect_with_http(&host, seconds, API_DEFAULT_VERSION)
        } else {
            return Err(EngineError::new(
                Kind::Address,
                format!(
                    "`DOCKER_HOST` is `{host}`, which is no way to an engine that is supported"
                ),
            ));
        };
        let docker = docker.map_err(|error| {
            EngineError::new(Kind::Address, format!("`DOCKER_HOST` is `{host}`: {error}"))
        })?;
        let docker = docker.negotiate_version().await.map_err(|error| {
            let error = convert::error(error);
            match error.kind {
                Kind::Other | Kind::NotFound | Kind::Unreachable => EngineError::new(
                    Kind::Unreachable,
                    format!("no Docker engine answers at `{host}`: {error}"),
                ),
                _ => error,
            }
        })?;
        let version = docker.client_version();
        if (version.major_version, version.minor_version) < OLDEST {
            let (major, minor) = OLDEST;
            let message = format!(
                "the Docker engine speaks API {version}, and {major}.{minor} is the oldest that will do"
            );
            return Err(EngineError::new(Kind::TooOld, message));
        }
        Ok(Self {
            docker,
            socket: socket.is_some(),
            calls: Arc::new(Semaphore::new(super::MOST_CALLS)),
        })
    }

    pub(super) async fn read_facts(&self) -> Result<EngineFacts, EngineError> {
        let info = self.docker.info().await.map_err(convert::error)?;
        let desktop = info
            .operating_system
            .as_deref()
            .unwrap_or_default()
            .contains("Docker Desktop");
        let rootless = info
            .security_options
            .unwrap_or_default()
            .iter()
            .any(|option| option.contains("rootless"));
        let local = self.socket && cfg!(target_os = "linux") && !desktop && !rootless;
        Ok(EngineFacts {
            version: info.server_version.unwrap_or_default(),
            local,
        })
    }
}

/// The socket that a local engine listens on: the system's, else the user's own (rootless).
fn default_host() -> String {
    const SYSTEM: &str = "/var/run/docker.sock";
    let own = env::var("XDG_RUNTIME_DIR")
        .ok()
        .map(|folder| format!("{folder}/docker.sock"));
    match own {
        Some(own) if !Path::new(SYSTEM).exists() && Path::new(&own).exists() => {
            format!("unix://{own}")
        }
        _ => format!("unix://{SYSTEM}"),
    }
}

/// Tries the socket, since the library's own error does not tell a missing engine from a forbidden one.
async fn reach(path: &Path) -> Result<(), EngineError> {
    use std::io::ErrorKind;
    let Err(error) = tokio::net::UnixStream::connect(path).await else {
        return Ok(());
    };
    let path = path.display();
    Err(match error.kind() {
        ErrorKind::PermissionDenied => EngineError::new(
            Kind::Forbidden,
            format!("no permission to use the Docker engine's socket `{path}`"),
        ),
        ErrorKind::NotFound => EngineError::new(
            Kind::Unreachable,
            format!("there is no Docker engine: `{path}` does not exist"),
        ),
        _ => EngineError::new(
            Kind::Unreachable,
            format!("no Docker engine listens at `{path}`: {error}"),
        ),
    })
}
