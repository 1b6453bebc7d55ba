//! Containers that a Docker engine makes: tasks of type `DOCKER`, and those of type `MESOS` with a Docker
//! or appc image (protocol-flows.md, section 14).
//!
//! `spec` and `parameters` say what is asked of the engine, without effects; `engine` asks it; `attend` is
//! what `docker run` is beside it: it starts a container, copies its output and waits for its end.

pub mod attend;
pub mod engine;
pub mod forward;
pub mod host;
pub mod parameters;
pub mod spec;

pub use engine::Engine;
pub use host::Host;

use mesos_proto::mesos::{ContainerInfo, Image, Resource, container_info, image};

/// Where the sandbox is inside of a container with an image, unless `--sandbox_directory` says otherwise.
pub const SANDBOX: &str = "/mnt/mesos/sandbox";
/// The label by which an agent knows its containers: where its work directory is on the engine's host.
pub const WORK_DIR_LABEL: &str = "org.apache.mesos.agent.work_dir";

/// The name of the engine's container that runs one of Mesos'.
pub fn container_name(container: &str) -> String {
    format!("mesos-{container}")
}

/// What a container or a volume is made from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Source<'a> {
    /// An image of the engine's, by its name.
    Docker(&'a str),
    /// An image of the agent's appc store.
    Appc(&'a image::Appc),
}

impl<'a> Source<'a> {
    /// What an image of a framework's says; nothing if it says nothing of its own kind.
    pub fn of(image: &'a Image) -> Option<Self> {
        match image.type_() {
            image::Type::DOCKER => Some(Self::Docker(image.docker.as_ref()?.name())),
            image::Type::APPC => image.appc.as_ref().map(Self::Appc),
        }
    }
}

/// What a container is made from, if it is made from an image.
pub fn source(container: &ContainerInfo) -> Option<Source<'_>> {
    match container.type_() {
        container_info::Type::DOCKER => Some(Source::Docker(container.docker.as_ref()?.image())),
        container_info::Type::MESOS => Source::of(container.mesos.as_ref()?.image.as_ref()?),
    }
}

/// An image's name with its tag: `latest` where it has none and no digest.
pub fn tagged(image: &str) -> String {
    let last = image.rsplit('/').next().unwrap_or_default();
    if last.contains([':', '@']) {
        image.to_string()
    } else {
        format!("{image}:latest")
    }
}

/// Whether the image is asked for again although it is there.
pub fn is_pull_forced(container: &ContainerInfo) -> bool {
    match container.type_() {
        container_info::Type::DOCKER => container.docker.force_pull_image(),
        container_info::Type::MESOS => !container.mesos.image.cached(),
    }
}

/// The ports among resources, both ends of each range included; `None` if there are none.
pub fn ports(resources: &[Resource]) -> Option<Vec<(u64, u64)>> {
    let ranges: Vec<(u64, u64)> = resources
        .iter()
        .filter(|resource| resource.name() == "ports")
        .flat_map(|resource| resource.ranges.range.iter().map(|r| (r.begin(), r.end())))
        .collect();
    (!ranges.is_empty()).then_some(ranges)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_without_a_tag_is_the_latest() {
        for (name, want) in [
            ("a", "a:latest"),
            ("r:5000/a/b", "r:5000/a/b:latest"),
            ("a:1", "a:1"),
            ("r/a@sha256:00", "r/a@sha256:00"),
        ] {
            assert_eq!(tagged(name), want);
        }
    }
}
