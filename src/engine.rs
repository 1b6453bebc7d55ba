//! The only place that talks to Docker: one trait, the implementation over its API, and one in memory for tests.

mod docker;
mod error;
mod fake;
mod spec;

use std::pin::Pin;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::Stream;
use tokio::io::AsyncWrite;

pub use docker::DockerEngine;
pub use error::{EngineError, Kind};
pub use fake::{Call, FakeEngine};
pub use spec::{
    BuildSpec, ContainerId, ContainerSpec, Death, EngineFacts, ExecSpec, FoundContainer,
    FoundImage, FoundNetwork, Labels, NetworkSpec, Output, PublishedPort, RunState, Terminal,
    VolumeMount,
};

/// A stream that the engine feeds.
pub type EngineStream<T> = Pin<Box<dyn Stream<Item = Result<T, EngineError>> + Send>>;

/// Takes the lines that the engine tells while it works.
pub type Story = dyn Fn(String) + Send + Sync;

/// A command running in a container.
pub struct ExecSession {
    /// The engine's name for it.
    pub id: String,
    /// What it prints.
    pub output: EngineStream<Output>,
    /// What it reads; shutting it down is the end of its input.
    pub input: Pin<Box<dyn AsyncWrite + Send>>,
}

/// What the launcher needs of a container engine.
///
/// Removing what is not there succeeds, and so does stopping what does not run.
#[async_trait]
pub trait Engine: Send + Sync {
    /// What the engine is and where it runs.
    async fn facts(&self) -> Result<EngineFacts, EngineError>;

    /// Waits for calls that nobody waits for any more: the engine does what it was asked for, whoever goes away meanwhile.
    async fn settle(&self);

    /// Every network of the engine.
    async fn networks(&self) -> Result<Vec<FoundNetwork>, EngineError>;
    /// Makes a network.
    async fn create_network(&self, spec: &NetworkSpec) -> Result<(), EngineError>;
    /// Removes a network.
    async fn remove_network(&self, name: &str) -> Result<(), EngineError>;

    /// The names and labels of the volumes that carry all of these labels; an empty value matches any.
    async fn volumes(&self, labels: &[(&str, &str)]) -> Result<Vec<(String, Labels)>, EngineError>;
    /// Makes a volume.
    async fn create_volume(&self, name: &str, labels: &Labels) -> Result<(), EngineError>;
    /// Removes a volume.
    async fn remove_volume(&self, name: &str) -> Result<(), EngineError>;

    /// The containers, running or not, that carry all of these labels; an empty value matches any.
    async fn containers(&self, labels: &[(&str, &str)])
    -> Result<Vec<FoundContainer>, EngineError>;
    /// Makes a container without starting it.
    async fn create_container(&self, spec: &ContainerSpec) -> Result<ContainerId, EngineError>;
    /// Unpacks a tar archive at `/` of a container.
    async fn upload(&self, container: &ContainerId, archive: Bytes) -> Result<(), EngineError>;
    /// Starts a container.
    async fn start_container(&self, container: &ContainerId) -> Result<(), EngineError>;
    /// Thaws a paused container.
    async fn unpause_container(&self, container: &ContainerId) -> Result<(), EngineError>;
    /// Kills a container.
    async fn kill_container(&self, container: &ContainerId) -> Result<(), EngineError>;
    /// Kills and removes a container and its anonymous volumes.
    async fn remove_container(&self, container: &ContainerId) -> Result<(), EngineError>;
    /// What a container printed: its last `tail` lines (all if none), then what follows if `follow`.
    fn logs(
        &self,
        container: &ContainerId,
        tail: Option<u32>,
        follow: bool,
    ) -> EngineStream<Output>;
    /// The containers with this label that die from the time of this call on.
    fn deaths(&self, label: (&str, &str)) -> EngineStream<Death>;

    /// Runs a command in a container.
    async fn exec(
        &self,
        container: &ContainerId,
        spec: &ExecSpec,
    ) -> Result<ExecSession, EngineError>;
    /// Tells a command's terminal its size.
    async fn resize_exec(&self, id: &str, size: Terminal) -> Result<(), EngineError>;
    /// The exit code of a command, if it ended.
    async fn exec_exit(&self, id: &str) -> Result<Option<i64>, EngineError>;

    /// The images that carry a label.
    async fn images(&self, label: &str) -> Result<Vec<FoundImage>, EngineError>;
    /// Whether an image is there.
    async fn has_image(&self, name: &str) -> Result<bool, EngineError>;
    /// Builds an image; every line of its story goes to `story`.
    async fn build_image(&self, spec: BuildSpec, story: &Story) -> Result<(), EngineError>;
    /// Makes an image of a root file system's tar archive.
    async fn import_image(
        &self,
        name: &str,
        changes: &[String],
        archive: EngineStream<Bytes>,
    ) -> Result<(), EngineError>;
    /// Fetches an image from its registry.
    async fn pull_image(&self, name: &str, story: &Story) -> Result<(), EngineError>;
    /// Gives an image another name.
    async fn tag_image(&self, name: &str, repository: &str, tag: &str) -> Result<(), EngineError>;
    /// Removes an image's name, and the image with its last name. One in use stays.
    async fn remove_image(&self, name: &str) -> Result<(), EngineError>;
}
