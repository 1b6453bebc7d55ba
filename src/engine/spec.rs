//! What goes to and comes from an engine, in the launcher's own words.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::SystemTime;

use bytes::Bytes;

use crate::profile::Subnet;

/// Labels of a container, network, volume or image.
pub type Labels = BTreeMap<String, String>;

/// The engine's name for a container.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ContainerId(pub String);

/// What an engine is and where it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineFacts {
    /// Its version.
    pub version: String,
    /// Whether it runs on this host, in this host's network: then containers' addresses can be reached.
    pub local: bool,
}

/// A network to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkSpec {
    /// Its name.
    pub name: String,
    /// Its addresses.
    pub subnet: Subnet,
    /// Where the engine takes addresses from that nobody asks for, if not from all.
    pub range: Option<Subnet>,
    /// The host's address in it.
    pub gateway: Ipv4Addr,
    /// Its labels.
    pub labels: Labels,
}

/// A network of the engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundNetwork {
    /// The engine's id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its IPv4 addresses.
    pub subnets: Vec<Subnet>,
    /// Its labels.
    pub labels: Labels,
}

/// A container to make.
#[derive(Debug, Clone, PartialEq)]
pub struct ContainerSpec {
    /// Its name.
    pub name: String,
    /// Its host name.
    pub hostname: String,
    /// Its image.
    pub image: String,
    /// In place of the image's entry point.
    pub entrypoint: Option<Vec<String>>,
    /// Arguments; empty for the image's own.
    pub command: Vec<String>,
    /// Environment.
    pub env: BTreeMap<String, String>,
    /// Labels.
    pub labels: Labels,
    /// Its network.
    pub network: String,
    /// Its address there.
    pub address: Ipv4Addr,
    /// Its other names there.
    pub aliases: Vec<String>,
    /// Lines of its hosts file.
    pub hosts: Vec<(String, Ipv4Addr)>,
    /// Published ports: the container's, and the host's or 0 for the engine's choice. On the loopback address.
    pub ports: Vec<(u16, u16)>,
    /// Folders and files of the host: source, target, read only.
    pub binds: Vec<(PathBuf, String, bool)>,
    /// Volumes.
    pub volumes: Vec<VolumeMount>,
    /// Limit in processors.
    pub cpus: Option<f64>,
    /// Limit in bytes.
    pub memory: Option<u64>,
}

/// A volume in a container; the engine makes it when it is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VolumeMount {
    /// The volume.
    pub name: String,
    /// Where the container sees it.
    pub target: String,
    /// The labels that a new volume gets.
    pub labels: Labels,
}

/// A container of the engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundContainer {
    /// The engine's id.
    pub id: ContainerId,
    /// Its name.
    pub name: String,
    /// What it does.
    pub state: RunState,
    /// The engine's words for that: `Up 5 minutes`, `Exited (1) 3 seconds ago`.
    pub status: String,
    /// Its labels.
    pub labels: Labels,
    /// Its address in the first network that gave it one.
    pub address: Option<IpAddr>,
    /// Its published ports.
    pub ports: Vec<PublishedPort>,
    /// The image it was made of.
    pub image: String,
}

/// What a container does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunState {
    /// Made, never started.
    Created,
    /// Running.
    Running,
    /// Frozen.
    Paused,
    /// Between an end and the next start.
    Restarting,
    /// Ended.
    Exited,
    /// Being removed, or half removed.
    Dead,
}

/// A port of a container that the host has too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublishedPort {
    /// In the container.
    pub container: u16,
    /// On the host.
    pub host: u16,
    /// The host's address.
    pub address: IpAddr,
}

/// A container that died.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Death {
    /// Which.
    pub container: ContainerId,
    /// What its first process exited with, if the engine said.
    pub exit_code: Option<i64>,
}

/// A command to run in a container.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ExecSpec {
    /// The command and its arguments.
    pub command: Vec<String>,
    /// Environment besides the container's, `NAME=value`.
    pub env: Vec<String>,
    /// Where it runs; none for the container's own folder.
    pub folder: Option<String>,
    /// Whether it reads what the caller writes.
    pub input: bool,
    /// The size of the terminal that it gets, if it gets one.
    pub terminal: Option<Terminal>,
}

/// The size of a terminal in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terminal {
    /// Columns.
    pub width: u16,
    /// Lines.
    pub height: u16,
}

/// A piece of what a program printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// To its standard output, or to its terminal.
    Out(Bytes),
    /// To its standard error.
    Err(Bytes),
}

impl Output {
    /// The bytes, wherever they went.
    pub fn bytes(&self) -> &Bytes {
        match self {
            Self::Out(bytes) | Self::Err(bytes) => bytes,
        }
    }
}

/// An image to build.
pub struct BuildSpec {
    /// The name it gets.
    pub name: String,
    /// The tar archive with the Dockerfile and its files.
    pub context: Bytes,
    /// `ARG`s.
    pub args: BTreeMap<String, String>,
}

/// An image of the engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundImage {
    /// The engine's id.
    pub id: String,
    /// Its names; none for what a build left behind.
    pub names: Vec<String>,
    /// Its labels.
    pub labels: Labels,
    /// When it was made.
    pub made: SystemTime,
}
