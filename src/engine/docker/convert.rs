//! From the API's errors and states to the launcher's.

use bollard::errors::Error;
use bollard::models::ContainerSummaryStateEnum as Summary;

use crate::engine::{EngineError, Kind, RunState};

pub(super) fn error(error: Error) -> EngineError {
    match error {
        Error::DockerResponseServerError {
            status_code,
            message,
        } => EngineError::answered(status_code, &message),
        Error::DockerStreamError { error } => EngineError::answered(500, &error),
        Error::RequestTimeoutError => {
            EngineError::new(Kind::Other, "the Docker engine did not answer in time")
        }
        Error::IOError { err } => {
            let kind = match err.kind() {
                std::io::ErrorKind::PermissionDenied => Kind::Forbidden,
                std::io::ErrorKind::NotFound | std::io::ErrorKind::ConnectionRefused => {
                    Kind::Unreachable
                }
                _ => Kind::Other,
            };
            EngineError::new(kind, chain(&err))
        }
        other => {
            let text = chain(&other);
            let gone = [
                "Connection refused",
                "No such file",
                "error trying to connect",
                "client error (Connect)",
            ];
            let kind = if gone.iter().any(|sign| text.contains(sign)) {
                Kind::Unreachable
            } else {
                Kind::Other
            };
            EngineError::new(kind, text)
        }
    }
}

/// An error with its causes, each once.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}

pub(super) fn state(state: Option<Summary>) -> RunState {
    match state {
        Some(Summary::CREATED) => RunState::Created,
        Some(Summary::RUNNING) => RunState::Running,
        Some(Summary::PAUSED) => RunState::Paused,
        Some(Summary::RESTARTING) => RunState::Restarting,
        Some(Summary::REMOVING | Summary::DEAD) => RunState::Dead,
        Some(Summary::EXITED | Summary::STOPPING | Summary::EMPTY) | None => RunState::Exited,
    }
}
