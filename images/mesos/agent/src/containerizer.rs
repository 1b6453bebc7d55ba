//! Containers as plain processes: a sandbox, an environment, a session, and a sure end.
//!
//! What a task uses is measured (`usage`), and limited where control groups can be written and are asked
//! for (`cgroups`).

pub mod appc;
pub mod cgroups;
pub mod docker;
pub mod environment;
pub mod fetcher;
pub mod images;
mod memory;
mod prepare;
pub mod sandbox;
mod starter;
pub mod terminal;
pub mod usage;
pub mod volumes;

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mesos_proto::mesos::{ContainerInfo, Resource};
use tokio::process::Child;
use tokio::sync::Notify;

use crate::model::{Launch, Limitation, Place, Share};
use crate::proc;
use crate::tree::{self, Root};
use environment::Contribution;
use starter::Starter;

/// How often an executor that is not this agent's child is looked for.
const ADOPTED_POLL: Duration = Duration::from_millis(100);

/// Is told of what becomes of containers.
pub trait Watcher: Send + Sync + 'static {
    /// The executor runs as this process, which started at this tick.
    fn started(&self, container: &str, process: u32, start: Option<u64>);
    /// It could not be started; nothing of it runs.
    fn failed(&self, container: &str, text: &str);
    /// It has ended, with all of its processes.
    fn exited(&self, container: &str, status: Option<i32>);
    /// All of an executor's URIs were fetched, or one was not.
    fn fetched(&self, all: bool);
    /// It has used more than it may, and is to be destroyed.
    fn limited(&self, container: &str, limitation: Limitation);
    /// Some of a container's processes cannot be killed.
    fn stuck(&self, container: &str);
}

/// How containers are made.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What goes into every environment.
    pub contribution: Contribution,
    /// How URIs are fetched.
    pub fetcher: fetcher::Settings,
    /// What executors on terminals take.
    pub terminals: terminal::Settings,
    /// `--containerizers`, for messages.
    pub containerizers: String,
    /// `--work_dir`, where persistent volumes are.
    pub work_dir: PathBuf,
}

/// What a container may use, and who is to be told.
#[derive(Debug, Clone, Default)]
struct Room {
    share: Share,
    docker: Option<Arc<docker::Docker>>,
    /// Whether it has control groups.
    is_grouped: bool,
}

/// All containers.
pub struct Containers {
    settings: Settings,
    watcher: Arc<dyn Watcher>,
    docker: Option<Arc<docker::Docker>>,
    cgroups: Option<cgroups::Cgroups>,
    destroys: Mutex<HashMap<String, Arc<Notify>>>,
    rooms: Mutex<HashMap<String, Room>>,
    starter: Starter,
}

impl Containers {
    /// No containers yet. Needs a runtime, and starts a thread.
    pub fn new(
        settings: Settings,
        watcher: Arc<dyn Watcher>,
        docker: Option<docker::Docker>,
        cgroups: Option<cgroups::Cgroups>,
    ) -> io::Result<Self> {
        Ok(Self {
            settings,
            watcher,
            docker: docker.map(Arc::new),
            cgroups,
            destroys: Mutex::default(),
            rooms: Mutex::default(),
            starter: Starter::new()?,
        })
    }

    /// Starts an executor of `agent`.
    pub fn launch(self: &Arc<Self>, agent: String, launch: Launch) {
        let destroy = self.enter(&launch.place);
        let this = self.clone();
        tokio::spawn(async move {
            let container = launch.place.container.clone();
            let prepared = tokio::select! {
                command = this.prepare(&agent, &launch) => command,
                () = destroy.notified() => Err("Container was destroyed while it was prepared".to_string()),
            };
            // What is being started cannot be given up any more: it is destroyed once it runs.
            let started = match prepared {
                Ok(command) => this.start(command).await,
                Err(text) => Err(text),
            };
            match started {
                Ok(child) => this.attend(&launch, child, &destroy).await,
                Err(text) => {
                    let docker = this.docker_for(launch.info.container.as_ref());
                    this.end(docker, &container).await;
                    this.ungroup(&container).await;
                    this.watcher
                        .failed(&container, &format!("Failed to launch container: {text}"));
                }
            }
            this.leave(&container);
        });
    }

    /// Watches an executor that an earlier life of this agent has started. `start` proves that the
    /// process is that executor.
    pub fn adopt(
        self: &Arc<Self>,
        place: &Place,
        info: Option<&ContainerInfo>,
        directory: &std::path::Path,
        pid: i32,
        start: u64,
    ) {
        let destroy = self.enter(place);
        let (this, container) = (self.clone(), place.container.clone());
        let docker = self.docker_for(info);
        let root = Root {
            pid,
            start: Some(start),
            mark: Some(environment::mark(directory)),
        };
        tokio::spawn(async move {
            let gone = async {
                while proc::same_process(pid, start).is_some_and(|p| p.state != 'Z') {
                    tokio::time::sleep(ADOPTED_POLL).await;
                }
            };
            if docker.is_none() {
                this.keep_grouped(&container, Share::default());
            }
            tokio::select! {
                () = gone => {}
                () = destroy.notified() => { tree::destroy(&root).await; }
                never = this.watch_memory(&container) => match never {},
            }
            this.clear(&container, tree::clear(&root)).await;
            this.end(docker, &container).await;
            this.ungroup(&container).await;
            this.watcher.exited(&container, None);
            this.leave(&container);
        });
    }

    /// Notes what a container may use, and has it told if it runs already.
    pub fn resize(&self, container: &str, share: Share) {
        let Some(room) = self.rooms().get_mut(container).map(|room| {
            room.share = share;
            room.clone()
        }) else {
            return;
        };
        if room.is_grouped {
            self.limit(container, share);
        }
        if let Some(docker) = room.docker {
            let container = container.to_string();
            tokio::spawn(async move { docker.resize(&container, share).await });
        }
    }

    fn rooms(&self) -> std::sync::MutexGuard<'_, HashMap<String, Room>> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn share(&self, container: &str) -> Share {
        self.rooms()
            .get(container)
            .map(|room| room.share)
            .unwrap_or_default()
    }

    /// From now on the engine is told of changes; one that came while the container was made, at once.
    fn keep_sized(&self, docker: Arc<docker::Docker>, container: &str, made_with: Share) {
        let changed = self.rooms().get_mut(container).and_then(|room| {
            room.docker = Some(docker);
            (room.share != made_with).then_some(room.share)
        });
        if let Some(share) = changed {
            self.resize(container, share);
        }
    }

    fn docker_for(&self, info: Option<&ContainerInfo>) -> Option<Arc<docker::Docker>> {
        self.docker.clone().filter(|docker| docker.takes(info))
    }

    /// Ends the engine's container, and has it removed in time.
    async fn end(&self, docker: Option<Arc<docker::Docker>>, container: &str) {
        let Some(docker) = docker else {
            return;
        };
        if !docker.end(container).await {
            self.watcher.stuck(container);
        }
        let container = container.to_string();
        tokio::spawn(async move { docker.remove_later(&container).await });
    }

    /// What a container of the engine uses; `None` if the engine does not run it.
    pub fn engine_usage(
        &self,
        info: Option<&ContainerInfo>,
        container: &str,
    ) -> Option<impl Future<Output = Option<usage::Usage>> + Send + use<>> {
        let (docker, container) = (self.docker_for(info)?, container.to_string());
        Some(async move { docker.usage(&container).await })
    }

    /// Removes the engine's containers of an earlier life, but for those of these executors.
    pub async fn clear_orphans(&self, known: &[String]) {
        if let Some(docker) = self.docker.clone() {
            let orphans = docker.orphans(known).await;
            tokio::spawn(async move { docker.clear(orphans).await });
        }
    }

    /// The fetcher's cache: bytes in all, and in use.
    pub fn cache_sizes(&self) -> (u64, u64) {
        let cache = self.settings.fetcher.cache.as_ref();
        cache.map_or((0, 0), |cache| cache.sizes())
    }

    /// Ends a container and everything in it.
    pub fn destroy(&self, container: &str) {
        if let Some(destroy) = self.lock().get(container) {
            destroy.notify_one();
        }
    }

    /// Takes persistent volumes out of a sandbox.
    pub fn detach(&self, directory: &Path, volumes: &[Resource]) {
        for volume in volumes {
            volumes::detach(&self.settings.work_dir, directory, volume);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<Notify>>> {
        self.destroys.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(&self, place: &Place) -> Arc<Notify> {
        self.rooms()
            .insert(place.container.clone(), Room::default());
        self.lock()
            .entry(place.container.clone())
            .or_default()
            .clone()
    }

    fn leave(&self, container: &str) {
        self.lock().remove(container);
        self.rooms().remove(container);
    }

    async fn attend(&self, launch: &Launch, mut child: Child, destroy: &Notify) {
        let container = &launch.place.container;
        let pid = child
            .id()
            .and_then(|pid| i32::try_from(pid).ok())
            .unwrap_or_default();
        let root = Root {
            pid,
            start: proc::process(pid).map(|process| process.start),
            mark: Some(environment::mark(&launch.directory)),
        };
        self.watcher
            .started(container, child.id().unwrap_or_default(), root.start);
        let status = tokio::select! {
            status = child.wait() => status,
            never = self.watch_memory(container) => match never {},
            () = destroy.notified() => {
                // The executor is reaped while its tree is being killed.
                let (_, status) = tokio::join!(tree::destroy(&root), child.wait());
                status
            }
        };
        self.clear(container, tree::clear(&root)).await;
        self.end(self.docker_for(launch.info.container.as_ref()), container)
            .await;
        self.ungroup(container).await;
        use std::os::unix::process::ExitStatusExt as _;
        self.watcher
            .exited(container, status.ok().map(|status| status.into_raw()));
    }

    async fn clear(&self, container: &str, cleared: impl Future<Output = bool>) {
        if !cleared.await {
            self.watcher.stuck(container);
        }
    }
}
