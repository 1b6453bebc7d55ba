//! The verbs against an engine in memory.

mod failures;
mod other_verbs;
mod up;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;

use super::*;
use crate::engine::{EngineError, FakeEngine, FoundNetwork, Kind, Labels, RunState};
use crate::plan::Ask;
use crate::probe::{Answer, Target};
use crate::profile::{ClusterName, Overrides, Profile};

/// Answers as healthy nodes do, unless a test said otherwise for a node.
#[derive(Default)]
struct Healthy {
    agents: Mutex<usize>,
    sick: Mutex<HashMap<String, String>>,
}

#[async_trait]
impl Asker for Healthy {
    async fn ask(&self, target: &Target, ask: &Ask) -> Result<Answer, String> {
        if let Some(why) = self.sick.lock().unwrap().get(target.node.as_str()) {
            return Err(why.clone());
        }
        if let Ask::Http { port, .. } | Ask::Word { port, .. } = ask
            && !target.ports.contains_key(port)
        {
            return Err(format!("port {port} is not published"));
        }
        let ok = |text: String| Ok(Answer { status: 200, text });
        match ask {
            Ask::Http { path, .. } if path == "/metrics/snapshot" => {
                let agents = *self.agents.lock().unwrap();
                ok(format!(
                    r#"{{"master/elected": 1.0, "slave/registered": 1.0, "master/slaves_active": {agents}}}"#
                ))
            }
            Ask::Http { path, .. } if path == "/vars" => ok("framework_registered 1\n".to_owned()),
            Ask::Http { .. } => ok(String::new()),
            Ask::Word { word, .. } if word == "ruok" => Ok(Answer {
                status: 0,
                text: "imok".to_owned(),
            }),
            Ask::Word { .. } => Ok(Answer {
                status: 0,
                text: "Mode: standalone\n".to_owned(),
            }),
            Ask::Exec { .. } => Ok(Answer {
                status: 0,
                text: String::new(),
            }),
        }
    }
}

/// An engine in memory, healthy nodes, and what was told.
struct World {
    engine: Arc<FakeEngine>,
    nodes: Arc<Healthy>,
    events: Arc<Mutex<Vec<Event>>>,
    product: tempfile::NamedTempFile,
    taken: Arc<Mutex<Vec<u16>>>,
}

impl World {
    fn new() -> Self {
        let engine = FakeEngine::default();
        engine.add_image("debian:bookworm-slim");
        let product = tempfile::NamedTempFile::new().unwrap();
        let mut header = vec![0u8; 64];
        header[..6].copy_from_slice(b"\x7fELF\x02\x01");
        std::fs::write(product.path(), header).unwrap();
        Self {
            engine: Arc::new(engine),
            nodes: Arc::default(),
            events: Arc::default(),
            product,
            taken: Arc::default(),
        }
    }

    fn launcher(&self) -> Launcher {
        let taken = Arc::clone(&self.taken);
        let host = Host {
            routes: Arc::new(Vec::new),
            port_is_free: Arc::new(move |port| !taken.lock().unwrap().contains(&port)),
            path_exists: Arc::new(|path| !path.starts_with("/gone")),
            folder: PathBuf::from("/home/me"),
        };
        Launcher {
            engine: Arc::<FakeEngine>::clone(&self.engine),
            asker: Arc::<Healthy>::clone(&self.nodes),
            host,
        }
    }

    async fn up(&self, text: &str) -> Result<ClusterStatus, ClusterError> {
        self.up_with(text, Recreate::No).await
    }

    async fn up_with(&self, text: &str, recreate: Recreate) -> Result<ClusterStatus, ClusterError> {
        let profile = Profile::parse("p", text, &Overrides::default()).unwrap();
        *self.nodes.agents.lock().unwrap() =
            usize::from(profile.count(&crate::profile::Tier::MesosAgent));
        let options = UpOptions {
            recreate,
            product: Some(self.product.path().to_owned()),
            ..UpOptions::default()
        };
        let told = Arc::clone(&self.events);
        told.lock().unwrap().clear();
        self.engine.forget_calls();
        up(
            &self.launcher(),
            &profile,
            &options,
            Arc::new(move |event| told.lock().unwrap().push(event)),
        )
        .await
    }

    /// The calls of that name, by what they were about.
    fn calls(&self, call: &str) -> Vec<String> {
        self.engine
            .calls()
            .into_iter()
            .filter(|(found, _)| *found == call)
            .map(|(_, thing)| thing)
            .collect()
    }

    /// Waits until a node was found not to be ready.
    async fn until_not_yet(&self, wanted: &str) {
        let is_it = |event: &Event| matches!(event, Event::Node { node, step: NodeStep::NotYet { .. }, .. } if node.as_str() == wanted);
        while !self.told(is_it) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    fn told(&self, wanted: impl Fn(&Event) -> bool) -> bool {
        self.events.lock().unwrap().iter().any(wanted)
    }

    async fn state(&self, name: &str) -> RunState {
        let found = self.launcher().engine.containers(&[]).await.unwrap();
        found
            .into_iter()
            .find(|found| found.name == name)
            .unwrap()
            .state
    }
}

fn cluster() -> ClusterName {
    ClusterName::default()
}
