//! Clusters for tests, ours and other projects': each with a name, a network and ports of its own, so that tests run side by
//! side, and removed whatever becomes of the test.
//!
//! ```no_run
//! # async fn test() -> Result<(), devcluster::fixture::FixtureError> {
//! let cluster = devcluster::fixture::Cluster::builder().profile("tiny").start().await?;
//! let state = format!("http://{}/state", cluster.address("mesos-master", 5050)?);
//! let jobs = cluster.exec("devtools", ["aurora", "job", "list", cluster.name()]).await?;
//! assert_eq!(jobs.code, 0);
//! cluster.kill("mesos-agent").await?;
//! cluster.stop().await?;
//! # drop(state);
//! # Ok(())
//! # }
//! ```
//!
//! [`Cluster::stop`] removes the cluster and tells of what went wrong. A cluster that is dropped instead, by a panic or an early
//! return, is removed all the same; so are all of a process's on SIGINT, SIGTERM and SIGHUP. What a killed process left is
//! swept by the next one that starts a cluster: every container, network and volume carries its owner.

mod builder;
mod cleanup;
mod owner;
mod sweep;

use std::net::{IpAddr, SocketAddr};

pub use builder::Builder;
pub use sweep::sweep;

use crate::cluster::{self, ClusterError, Launcher};
pub use crate::cluster::{ClusterStatus, ExecOutput, Health, NodeStatus};
use crate::engine::EngineError;
use crate::profile::{ClusterName, ProfileError};

/// A fixture that could not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum FixtureError {
    /// The engine cannot be used.
    #[error("cannot use the engine")]
    Engine(#[from] EngineError),
    /// The profile cannot be read.
    #[error("cannot read profile `{file}`")]
    File {
        /// The file.
        file: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The profile is wrong.
    #[error(transparent)]
    Profile(#[from] ProfileError),
    /// The cluster could not do something. Its evidence is in the text, since a test's output is all that is left of it.
    #[error("{0}{evidence}", evidence = evidence(.0))]
    Cluster(#[from] ClusterError),
    /// A node has no such port.
    #[error("node `{node}` publishes no port {port}")]
    NoPort {
        /// The node.
        node: String,
        /// The port in the container.
        port: u16,
    },
}

fn evidence(error: &ClusterError) -> String {
    let mut text = String::new();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    if let Some(evidence) = error.evidence() {
        if let Some(answer) = &evidence.last_answer {
            text.push_str(&format!("; last answer: {answer}"));
        }
        for line in &evidence.lines {
            text.push_str(&format!("\n    {line}"));
        }
    }
    text
}

/// A running cluster that belongs to a test.
pub struct Cluster {
    launcher: Launcher,
    name: ClusterName,
    status: ClusterStatus,
    /// Whether somebody has taken its removal upon himself.
    stopped: bool,
}

impl Cluster {
    /// Describes a cluster to start.
    pub fn builder() -> Builder {
        Builder::default()
    }

    fn new(launcher: Launcher, name: ClusterName, status: ClusterStatus) -> Self {
        Self {
            launcher,
            name,
            status,
            stopped: false,
        }
    }

    /// Its name, which is also its name in `clusters.json` and in job keys.
    pub fn name(&self) -> &str {
        self.name.as_str()
    }

    /// Its nodes as they were when it was started.
    pub fn nodes(&self) -> &[NodeStatus] {
        &self.status.nodes
    }

    /// Where this host reaches a port of a node: the published one, on the loopback address. A tier's name is its first node.
    ///
    /// # Errors
    /// When there is no such node, or it does not publish that port.
    pub fn address(&self, node: &str, port: u16) -> Result<SocketAddr, FixtureError> {
        let missing = || FixtureError::NoPort {
            node: node.to_owned(),
            port,
        };
        let found = self
            .status
            .nodes
            .iter()
            .find(|found| found.name.as_str() == node || found.tier == node)
            .ok_or_else(missing)?;
        let host = found.ports.get(&port).ok_or_else(missing)?;
        Ok(SocketAddr::from(([127, 0, 0, 1], *host)))
    }

    /// The address of a node in the cluster's network, which this host reaches where the engine is a local one on Linux.
    pub fn inner_address(&self, node: &str) -> Option<IpAddr> {
        let found = self
            .status
            .nodes
            .iter()
            .find(|found| found.name.as_str() == node || found.tier == node)?;
        found.address.as_ref()?.parse().ok()
    }

    /// Runs a command in a node, in the folder shared with the host, and gathers what it prints.
    ///
    /// # Errors
    /// When there is no such node, or the engine cannot run it. An exit code other than 0 is no error.
    pub async fn exec<W: Into<String>>(
        &self,
        node: &str,
        command: impl IntoIterator<Item = W>,
    ) -> Result<ExecOutput, FixtureError> {
        let found = cluster::find_node(&self.launcher, &self.name, node).await?;
        let command: Vec<String> = command.into_iter().map(Into::into).collect();
        Ok(cluster::exec(&self.launcher, &found, &command).await?)
    }

    /// Kills a node; its restart policy does not bring it back.
    ///
    /// # Errors
    /// When there is no such node, or the engine cannot kill it.
    pub async fn kill(&self, node: &str) -> Result<(), FixtureError> {
        let found = cluster::find_node(&self.launcher, &self.name, node).await?;
        Ok(self
            .launcher
            .engine
            .kill_container(&found.id)
            .await
            .map_err(ClusterError::engine(format!("kill node `{node}`")))?)
    }

    /// Starts a node that was killed. It need not be ready when this returns; its published ports may be others.
    ///
    /// # Errors
    /// When there is no such node, or the engine cannot start it.
    pub async fn restart(&mut self, node: &str) -> Result<(), FixtureError> {
        let found = cluster::find_node(&self.launcher, &self.name, node).await?;
        self.launcher
            .engine
            .start_container(&found.id)
            .await
            .map_err(ClusterError::engine(format!("start node `{node}`")))?;
        self.status = self.status().await?;
        Ok(())
    }

    /// Looks at the cluster.
    ///
    /// # Errors
    /// When the engine cannot be asked, or the cluster is gone.
    pub async fn status(&self) -> Result<ClusterStatus, FixtureError> {
        Ok(cluster::status(&self.launcher, &self.name).await?)
    }

    /// Removes the cluster: every container, network and volume.
    ///
    /// # Errors
    /// When the engine refuses to remove something.
    pub async fn stop(mut self) -> Result<(), FixtureError> {
        let removed = cluster::down(&self.launcher, &self.name, &|_| {}).await;
        // What could not be removed now is tried once more when this is dropped.
        self.stopped = removed.is_ok();
        if self.stopped {
            cleanup::forget(&self.name);
        }
        removed?;
        Ok(())
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if !self.stopped {
            cleanup::remove_now(&self.name);
        }
    }
}
