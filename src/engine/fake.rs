//! An engine in memory: keeps what it is told, records the calls, and fails where a test asks it to.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use tokio::sync::broadcast;

use super::{
    BuildSpec, ContainerId, ContainerSpec, Death, Engine, EngineError, EngineFacts, EngineStream,
    ExecSession, ExecSpec, FoundContainer, FoundImage, FoundNetwork, Kind, Labels, NetworkSpec,
    Output, PublishedPort, RunState, Story, Terminal,
};

/// A call that changed something, and to what: `("start", "devcluster-zookeeper-1")`.
pub type Call = (&'static str, String);

/// The engine in memory.
pub struct FakeEngine {
    state: Mutex<State>,
    deaths: broadcast::Sender<Death>,
}

#[derive(Default)]
struct State {
    networks: Vec<FoundNetwork>,
    volumes: BTreeMap<String, Labels>,
    containers: Vec<(FoundContainer, ContainerSpec)>,
    images: BTreeMap<String, Labels>,
    uploads: Vec<(ContainerId, Bytes)>,
    calls: Vec<Call>,
    failures: HashMap<Call, EngineError>,
    logs: HashMap<String, String>,
    listings_without_ports: u32,
    made: u32,
}

impl Default for FakeEngine {
    fn default() -> Self {
        Self {
            state: Mutex::default(),
            deaths: broadcast::channel(64).0,
        }
    }
}

impl FakeEngine {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes one call of that name on that thing fail, once.
    pub fn fail(&self, call: &'static str, thing: &str, error: EngineError) {
        self.lock().failures.insert((call, thing.to_owned()), error);
    }

    /// The calls that changed something, in order.
    pub fn calls(&self) -> Vec<Call> {
        self.lock().calls.clone()
    }

    /// Forgets the calls so far.
    pub fn forget_calls(&self) {
        self.lock().calls.clear();
    }

    /// The containers' specifications by name.
    pub fn specs(&self) -> BTreeMap<String, ContainerSpec> {
        self.lock()
            .containers
            .iter()
            .map(|(found, spec)| (found.name.clone(), spec.clone()))
            .collect()
    }

    /// How many archives were unpacked in containers.
    pub fn uploads(&self) -> usize {
        self.lock().uploads.len()
    }

    /// A network that others made.
    pub fn add_network(&self, network: FoundNetwork) {
        self.lock().networks.push(network);
    }

    /// An image that is there.
    pub fn add_image(&self, name: &str) {
        self.lock().images.insert(name.to_owned(), Labels::new());
    }

    /// An image that an agent of a cluster has made.
    pub fn add_image_of(&self, cluster: &str, name: &str) {
        let labels = Labels::from([(crate::plan::CLUSTER_LABEL.to_owned(), cluster.to_owned())]);
        self.lock().images.insert(name.to_owned(), labels);
    }

    /// What a build that was interrupted left: an image of ours with an id (`sha256:…`) and no name.
    pub fn add_leftover(&self, id: &str) {
        let labels = Labels::from([("devcluster.image".to_owned(), String::new())]);
        self.lock().images.insert(id.to_owned(), labels);
    }

    /// What a container prints.
    pub fn set_logs(&self, container: &str, text: &str) {
        self.lock()
            .logs
            .insert(container.to_owned(), text.to_owned());
    }

    /// The next so many listings of containers lack their ports, as a busy engine's may.
    pub fn list_without_ports(&self, times: u32) {
        self.lock().listings_without_ports = times;
    }

    /// A container's program ends.
    pub fn die(&self, container: &str, exit_code: i64) {
        let mut state = self.lock();
        let Some((found, _)) = state
            .containers
            .iter_mut()
            .find(|(found, _)| found.name == container)
        else {
            return;
        };
        found.state = RunState::Exited;
        let death = Death {
            container: found.id.clone(),
            exit_code: Some(exit_code),
        };
        // Nobody watching is fine.
        let _ = self.deaths.send(death);
    }

    fn call(&self, call: &'static str, thing: &str) -> Result<MutexGuard<'_, State>, EngineError> {
        let mut state = self.lock();
        let key = (call, thing.to_owned());
        if let Some(error) = state.failures.remove(&key) {
            return Err(error);
        }
        state.calls.push(key);
        Ok(state)
    }

    fn name_of(&self, id: &ContainerId) -> Result<String, EngineError> {
        let state = self.lock();
        let found = state.containers.iter().find(|(found, _)| found.id == *id);
        found
            .map(|(found, _)| found.name.clone())
            .ok_or_else(|| missing(&id.0))
    }

    fn change(
        &self,
        call: &'static str,
        id: &ContainerId,
        change: impl FnOnce(&mut FoundContainer),
    ) -> Result<(), EngineError> {
        let name = self.name_of(id)?;
        let mut state = self.call(call, &name)?;
        let (found, _) = state
            .containers
            .iter_mut()
            .find(|(found, _)| found.id == *id)
            .ok_or_else(|| missing(&id.0))?;
        change(found);
        Ok(())
    }
}

fn missing(thing: &str) -> EngineError {
    EngineError::new(Kind::NotFound, format!("No such container: {thing}"))
}

fn matches(labels: &Labels, wanted: &[(&str, &str)]) -> bool {
    wanted.iter().all(|(name, value)| {
        labels
            .get(*name)
            .is_some_and(|found| value.is_empty() || found == value)
    })
}

#[async_trait]
impl Engine for FakeEngine {
    async fn facts(&self) -> Result<EngineFacts, EngineError> {
        Ok(EngineFacts {
            version: "fake".to_owned(),
            local: true,
        })
    }

    async fn settle(&self) {}

    async fn networks(&self) -> Result<Vec<FoundNetwork>, EngineError> {
        Ok(self.lock().networks.clone())
    }

    async fn create_network(&self, spec: &NetworkSpec) -> Result<(), EngineError> {
        let mut state = self.call("create network", &spec.name)?;
        let network = FoundNetwork {
            id: spec.name.clone(),
            name: spec.name.clone(),
            subnets: vec![spec.subnet],
            labels: spec.labels.clone(),
        };
        state.networks.push(network);
        Ok(())
    }

    async fn remove_network(&self, name: &str) -> Result<(), EngineError> {
        self.call("remove network", name)?
            .networks
            .retain(|network| network.name != name && network.id != name);
        Ok(())
    }

    async fn volumes(&self, labels: &[(&str, &str)]) -> Result<Vec<(String, Labels)>, EngineError> {
        let state = self.lock();
        let found = state
            .volumes
            .iter()
            .filter(|(_, found)| matches(found, labels));
        Ok(found
            .map(|(name, labels)| (name.clone(), labels.clone()))
            .collect())
    }

    async fn create_volume(&self, name: &str, labels: &Labels) -> Result<(), EngineError> {
        self.call("create volume", name)?
            .volumes
            .entry(name.to_owned())
            .or_insert_with(|| labels.clone());
        Ok(())
    }

    async fn remove_volume(&self, name: &str) -> Result<(), EngineError> {
        self.call("remove volume", name)?.volumes.remove(name);
        Ok(())
    }

    async fn containers(
        &self,
        labels: &[(&str, &str)],
    ) -> Result<Vec<FoundContainer>, EngineError> {
        let mut state = self.lock();
        let mut found: Vec<FoundContainer> = state
            .containers
            .iter()
            .filter(|(found, _)| matches(&found.labels, labels))
            .map(|(found, _)| found.clone())
            .collect();
        let runs = found.iter().any(|c| c.state == RunState::Running);
        if runs && state.listings_without_ports > 0 {
            state.listings_without_ports -= 1;
            found.iter_mut().for_each(|c| c.ports.clear());
        }
        Ok(found)
    }

    async fn create_container(&self, spec: &ContainerSpec) -> Result<ContainerId, EngineError> {
        let mut state = self.call("create", &spec.name)?;
        if state
            .containers
            .iter()
            .any(|(found, _)| found.name == spec.name)
        {
            return Err(EngineError::new(
                Kind::Conflict,
                format!("the name `{}` is taken", spec.name),
            ));
        }
        state.made += 1;
        let id = ContainerId(format!("id-{}", state.made));
        let chosen = 40_000 + u16::try_from(state.made).unwrap_or(0) * 8;
        let ports = spec
            .ports
            .iter()
            .zip(0u16..)
            .map(|((container, host), place)| PublishedPort {
                container: *container,
                host: if *host == 0 { chosen + place } else { *host },
                address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            });
        for volume in &spec.volumes {
            state
                .volumes
                .entry(volume.name.clone())
                .or_insert_with(|| volume.labels.clone());
        }
        let found = FoundContainer {
            id: id.clone(),
            name: spec.name.clone(),
            state: RunState::Created,
            status: "Created".to_owned(),
            labels: spec.labels.clone(),
            address: Some(IpAddr::V4(spec.address)),
            ports: ports.collect(),
            image: spec.image.clone(),
        };
        state.containers.push((found, spec.clone()));
        Ok(id)
    }

    async fn upload(&self, container: &ContainerId, archive: Bytes) -> Result<(), EngineError> {
        self.lock().uploads.push((container.clone(), archive));
        Ok(())
    }

    async fn start_container(&self, container: &ContainerId) -> Result<(), EngineError> {
        self.change("start", container, |found| found.state = RunState::Running)
    }

    async fn unpause_container(&self, container: &ContainerId) -> Result<(), EngineError> {
        self.change("unpause", container, |found| {
            found.state = RunState::Running
        })
    }

    async fn kill_container(&self, container: &ContainerId) -> Result<(), EngineError> {
        self.change("kill", container, |found| found.state = RunState::Exited)
    }

    async fn remove_container(&self, container: &ContainerId) -> Result<(), EngineError> {
        let Ok(name) = self.name_of(container) else {
            return Ok(());
        };
        self.call("remove", &name)?
            .containers
            .retain(|(found, _)| found.id != *container);
        Ok(())
    }

    fn logs(
        &self,
        container: &ContainerId,
        tail: Option<u32>,
        _follow: bool,
    ) -> EngineStream<Output> {
        let name = self.name_of(container).unwrap_or_default();
        let text = self.lock().logs.get(&name).cloned().unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        let skip = tail.map_or(0, |tail| {
            lines
                .len()
                .saturating_sub(usize::try_from(tail).unwrap_or(usize::MAX))
        });
        let pieces: Vec<_> = lines
            .into_iter()
            .skip(skip)
            .map(|line| Ok(Output::Out(Bytes::from(format!("{line}\n")))))
            .collect();
        Box::pin(stream::iter(pieces))
    }

    fn deaths(&self, _label: (&str, &str)) -> EngineStream<Death> {
        let receiver = self.deaths.subscribe();
        let next = |mut receiver: broadcast::Receiver<Death>| async move {
            receiver
                .recv()
                .await
                .ok()
                .map(|death| (Ok(death), receiver))
        };
        Box::pin(stream::unfold(receiver, next))
    }

    async fn exec(
        &self,
        container: &ContainerId,
        _spec: &ExecSpec,
    ) -> Result<ExecSession, EngineError> {
        let name = self.name_of(container)?;
        drop(self.call("exec", &name)?);
        Ok(ExecSession {
            id: name,
            output: Box::pin(stream::empty()),
            input: Box::pin(tokio::io::sink()),
        })
    }

    async fn resize_exec(&self, _id: &str, _size: Terminal) -> Result<(), EngineError> {
        Ok(())
    }

    async fn exec_exit(&self, _id: &str) -> Result<Option<i64>, EngineError> {
        Ok(Some(0))
    }

    async fn images(&self, label: &str) -> Result<Vec<FoundImage>, EngineError> {
        let state = self.lock();
        let found = state
            .images
            .iter()
            .filter(|(_, labels)| labels.contains_key(label));
        Ok(found
            .map(|(name, labels)| FoundImage {
                id: name.clone(),
                names: Some(name)
                    .filter(|name| !name.starts_with("sha256:"))
                    .cloned()
                    .into_iter()
                    .collect(),
                labels: labels.clone(),
                made: std::time::UNIX_EPOCH,
            })
            .collect())
    }

    async fn has_image(&self, name: &str) -> Result<bool, EngineError> {
        Ok(self.lock().images.contains_key(name))
    }

    async fn build_image(&self, spec: BuildSpec, story: &Story) -> Result<(), EngineError> {
        story("Step 1/1 : FROM nothing".to_owned());
        // As every Dockerfile under images/ labels its image.
        let labels = Labels::from([("devcluster.image".to_owned(), String::new())]);
        self.call("build", &spec.name)?
            .images
            .insert(spec.name.clone(), labels);
        Ok(())
    }

    async fn import_image(
        &self,
        name: &str,
        changes: &[String],
        mut archive: EngineStream<Bytes>,
    ) -> Result<(), EngineError> {
        while let Some(piece) = archive.next().await {
            piece?;
        }
        let labels = changes
            .iter()
            .filter_map(|change| change.strip_prefix("LABEL ")?.split_once('='));
        let labels = labels
            .map(|(name, value)| (name.to_owned(), value.trim_matches('"').to_owned()))
            .collect();
        self.call("import", name)?
            .images
            .insert(name.to_owned(), labels);
        Ok(())
    }

    async fn pull_image(&self, name: &str, _story: &Story) -> Result<(), EngineError> {
        self.call("pull", name)?
            .images
            .insert(name.to_owned(), Labels::new());
        Ok(())
    }

    async fn tag_image(&self, _name: &str, repository: &str, tag: &str) -> Result<(), EngineError> {
        let name = format!("{repository}:{tag}");
        self.call("tag", &name)?
            .images
            .insert(name.clone(), Labels::new());
        Ok(())
    }

    async fn remove_image(&self, name: &str) -> Result<(), EngineError> {
        self.call("remove image", name)?.images.remove(name);
        Ok(())
    }
}
