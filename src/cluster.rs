//! Up, down and status: drives a plan through the engine and the probes. Emits events and prints nothing.
//!
//! There is no state file. What exists is what the engine says exists: everything made carries [`labels`], and is found by them.

mod bring;
mod containers;
mod converge;
mod down;
mod error;
mod event;
mod exec;
mod host;
pub mod labels;
mod ready;
mod status;
mod survey;
mod targets;
mod up;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::engine::{Engine, EngineError};
use crate::probe::{Asker, HostAsker};

pub use containers::HostPorts;
pub use down::{Removed, down};
pub use error::{ClusterError, Evidence};
pub use event::{Event, Events, NodeStep};
pub use exec::{ExecOutput, exec};
pub use host::Host;
pub use status::{ClusterStatus, Health, NodeStatus, find_node, status};
pub use up::{Recreate, UpOptions, up};

/// What the verbs work with: an engine, somebody to ask nodes, and what the host says of itself.
#[derive(Clone)]
pub struct Launcher {
    /// The engine.
    pub engine: Arc<dyn Engine>,
    /// Asks nodes whether they are ready.
    pub asker: Arc<dyn Asker>,
    /// The host.
    pub host: Host,
}

impl Launcher {
    /// A launcher for the engine that `DOCKER_HOST` names, else for the local one.
    ///
    /// # Errors
    /// When there is none, it may not be used, or it is too old.
    pub async fn connect() -> Result<Self, EngineError> {
        let engine: Arc<dyn Engine> = Arc::new(crate::engine::DockerEngine::connect().await?);
        Ok(Self {
            asker: Arc::new(HostAsker::new(Arc::clone(&engine))),
            engine,
            host: Host::real(),
        })
    }
}
