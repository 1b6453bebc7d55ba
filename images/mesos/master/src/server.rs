//! The running master: its port, its streams, its clock and its election, around the state machine.

mod authentication;
mod election;
mod endpoints;
pub(crate) mod files;
mod globals;
mod help;
mod identity;
mod messages;
mod node;
mod operations;
mod operator;
mod policies;
mod records;
mod registry;
mod scheduler;
mod system;
mod throttle;
mod watchers;
mod whitelist;
mod whole;

use std::io;
use std::sync::Arc;

use mesos_proto::mesos::MasterInfo;
use mesos_wire::libprocess::Process;
use thiserror::Error;

use crate::flags::Settings;
use registry::Registry;

pub use node::Node;
pub use registry::{Epoch, RegistryError};

/// Why a master ends by itself.
#[derive(Debug, Error)]
pub enum ServeError {
    /// Its port cannot be had.
    #[error("cannot listen on {address}")]
    Bind {
        /// The address and port.
        address: std::net::SocketAddrV4,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// ZooKeeper's address is of no use.
    #[error("cannot look for the leading master")]
    Address(#[from] mesos_wire::zk::MasterAddressError),
    /// What outlives it cannot be kept.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// It led, and does not lead any more: what it knows may be wrong from now on.
    #[error("lost leadership: {0}")]
    Leadership(String),
}

/// A master that listens, before it serves.
pub struct Server {
    node: Arc<Node>,
    listener: mesos_wire::libprocess::Listener,
    settings: Settings,
}

impl Server {
    /// Takes the port.
    pub async fn bind(settings: Settings) -> Result<Self, ServeError> {
        let bound = Process::bind(settings.listen, settings.advertise).await;
        let (process, listener) = bound.map_err(|source| ServeError::Bind {
            address: settings.listen,
            source,
        })?;
        for flag in settings.without_effect() {
            tracing::warn!("`--{flag}` is taken but has no effect on this master");
        }
        for name in settings
            .security
            .acls
            .iter()
            .flat_map(|acls| acls.strange())
        {
            tracing::warn!("`--acls` has no list `{name}`: what it says is without effect");
        }
        let info = identity::describe(&settings, process.address());
        let folder = settings.flags.text("work_dir").map(std::path::Path::new);
        let is_kept = settings.flags.text("registry") == Some("replicated_log");
        let registry = folder.filter(|_| is_kept).map(Registry::open).transpose()?;
        let node = Node::new(process, &settings, info, registry);
        Ok(Self {
            node,
            listener,
            settings,
        })
    }

    /// What this master says of itself.
    pub fn info(&self) -> MasterInfo {
        self.node.info()
    }

    /// The port that it listens on.
    pub fn address(&self) -> std::net::SocketAddrV4 {
        self.node.address()
    }

    /// Serves until `stop` is done, or leadership is lost.
    pub async fn serve(self, stop: impl Future<Output = ()>) -> Result<(), ServeError> {
        let Self {
            node,
            listener,
            settings,
        } = self;
        tracing::info!(
            "mesos-master {} listens as {}",
            crate::view::VERSION,
            node.info().pid()
        );
        let serving = listener.serve(node.clone(), std::future::pending());
        tokio::select! {
            () = serving => Ok(()),
            () = node.clone().keep_time() => Ok(()),
            () = node.clone().keep_turns() => Ok(()),
            () = whitelist::follow(&node, settings.whitelist.as_deref()) => Ok(()),
            error = node.registry_failed() => Err(error.into()),
            ended = election::run(&node, &settings, stop) => ended,
        }
    }
}
