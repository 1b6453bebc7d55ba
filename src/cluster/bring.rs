//! Brings nodes up: makes and starts their containers, all at once, each as soon as the tiers it needs are far enough.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use tokio::sync::watch;

use super::containers::{self, HostPorts, PortChooser, has_fixed_port};
use super::converge::{Action, Changes, Storage};
use super::labels::{self, Reach};
use super::{ClusterError, Event, Events, Launcher, NodeStep};
use crate::engine::{ContainerId, ContainerSpec, EngineError, FoundContainer, Kind, Labels};
use crate::image::References;
use crate::plan::{NodePlan, Plan, TierPlan, VolumeOf};
use crate::profile::{StartOrder, Tier};

/// How far the tiers are.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// Nodes of a tier that do not run yet.
    waiting: BTreeMap<Tier, usize>,
    ready: BTreeSet<Tier>,
}

impl Progress {
    pub(super) fn of(plan: &Plan) -> Self {
        let waiting = plan
            .tiers
            .iter()
            .map(|tier| (tier.tier.clone(), plan.nodes_of(&tier.tier).count()))
            .collect();
        Self {
            waiting,
            ready: BTreeSet::new(),
        }
    }

    /// Whether all nodes of a tier run; a tier that is not there holds nobody up.
    pub(super) fn runs(&self, tier: &Tier) -> bool {
        self.waiting.get(tier).is_none_or(|left| *left == 0)
    }

    fn is_ready(&self, tier: &Tier) -> bool {
        self.ready.contains(tier) || !self.waiting.contains_key(tier)
    }

    pub(super) fn set_ready(&mut self, tier: &Tier) {
        self.ready.insert(tier.clone());
    }
}

/// One bringing-up, shared by the tasks that make nodes, judge them and watch for deaths.
pub(super) struct Bringing<'a> {
    pub(super) launcher: &'a Launcher,
    pub(super) plan: &'a Plan,
    pub(super) changes: &'a Changes,
    pub(super) images: &'a References,
    pub(super) common: Labels,
    pub(super) reach: Reach,
    pub(super) ports: HostPorts,
    pub(super) events: &'a dyn Events,
    pub(super) began: Instant,
    pub(super) progress: watch::Sender<Progress>,
    /// The containers that must live, by node.
    pub(super) alive: Mutex<HashMap<ContainerId, crate::plan::NodeName>>,
}

impl Bringing<'_> {
    pub(super) fn step(&self, node: &NodePlan, step: NodeStep) {
        self.events.emit(Event::Node {
            node: node.name.clone(),
            tier: node.tier.clone(),
            step,
        });
    }

    /// Makes and starts every node.
    pub(super) async fn nodes(&self) -> Result<(), ClusterError> {
        let mut chooser = PortChooser::new(&self.launcher.host, self.ports);
        let mut work = Vec::new();
        for node in &self.plan.nodes {
            let Some(tier) = self.plan.tiers.iter().find(|tier| tier.tier == node.tier) else {
                continue;
            };
            let ports = if self.changes.makes(&node.name) {
                chooser.choose(node)?
            } else {
                Vec::new()
            };
            let spec = containers::spec(
                node,
                self.plan,
                &tier.probe,
                self.reach,
                &self.common,
                self.images,
                ports,
            );
            work.push(self.node(node, tier, spec));
        }
        futures_util::future::try_join_all(work).await.map(drop)
    }

    async fn node(
        &self,
        node: &NodePlan,
        tier: &TierPlan,
        spec: ContainerSpec,
    ) -> Result<(), ClusterError> {
        let engine = self.launcher.engine.as_ref();
        let action = self
            .changes
            .nodes
            .get(&node.name)
            .unwrap_or(&Action::Create);
        let id = match action {
            Action::Keep(id) => {
                self.step(node, NodeStep::Kept);
                id.clone()
            }
            Action::Thaw(id) => {
                engine
                    .unpause_container(id)
                    .await
                    .map_err(ClusterError::engine(format!("thaw node `{}`", node.name)))?;
                id.clone()
            }
            Action::Start(id) => self.start(node, tier, spec, id.clone()).await?,
            Action::Create => {
                let id = self.create(node, &spec).await?;
                self.start(node, tier, spec, id).await?
            }
            Action::Replace { old, why, storage } => {
                self.step(node, NodeStep::Replaced { why: why.clone() });
                engine
                    .remove_container(old)
                    .await
                    .map_err(ClusterError::engine(format!(
                        "remove the old `{}`",
                        node.name
                    )))?;
                if *storage == Storage::Dropped {
                    for volume in node
                        .volumes
                        .iter()
                        .filter(|volume| volume.of == VolumeOf::Node)
                    {
                        let what = format!("remove volume `{}`", volume.name);
                        engine
                            .remove_volume(&volume.name)
                            .await
                            .map_err(ClusterError::engine(what))?;
                    }
                }
                let id = self.create(node, &spec).await?;
                self.start(node, tier, spec, id).await?
            }
            Action::Await => {
                let command = command_line(node);
                self.step(node, NodeStep::Awaited { command });
                self.count(node);
                return Ok(());
            }
        };
        self.alive
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(id, node.name.clone());
        if !matches!(action, Action::Keep(_)) {
            self.step(node, NodeStep::Started);
        }
        self.count(node);
        Ok(())
    }

    fn count(&self, node: &NodePlan) {
        self.progress.send_modify(|progress| {
            if let Some(left) = progress.waiting.get_mut(&node.tier) {
                *left = left.saturating_sub(1);
            }
        });
    }

    async fn create(
        &self,
        node: &NodePlan,
        spec: &ContainerSpec,
    ) -> Result<ContainerId, ClusterError> {
        let engine = self.launcher.engine.as_ref();
        let id = match engine.create_container(spec).await {
            Err(error) if error.kind == Kind::Conflict => {
                return Err(self.name_taken(node, &spec.name, error).await);
            }
            result => result.map_err(ClusterError::engine(format!("make node `{}`", node.name)))?,
        };
        let archive = containers::files(node).map_err(|error| {
            let source = EngineError::new(Kind::Other, error.to_string());
            ClusterError::Engine {
                what: format!("pack the files of node `{}`", node.name),
                source,
            }
        })?;
        if let Some(archive) = archive {
            engine
                .upload(&id, archive)
                .await
                .map_err(ClusterError::engine(format!(
                    "put files into node `{}`",
                    node.name
                )))?;
        }
        self.step(node, NodeStep::Created);
        Ok(id)
    }

    /// Whose container has the name that a node wants: another launcher's that is at work on this cluster, or a stranger's.
    ///
    /// A name that nothing in the engine's list has is that of a container which is being made at this moment.
    async fn name_taken(&self, node: &NodePlan, name: &str, error: EngineError) -> ClusterError {
        let cluster = &self.plan.cluster;
        let is_strange = |found: &FoundContainer| {
            found.name == name
                && found.labels.get(labels::CLUSTER).map(String::as_str) != Some(cluster.as_str())
        };
        match self.launcher.engine.containers(&[]).await {
            Ok(found) if found.iter().any(is_strange) => ClusterError::Stranger {
                name: name.to_owned(),
                cluster: cluster.clone(),
            },
            _ => ClusterError::engine(format!("make node `{}`", node.name))(error),
        }
    }

    /// Starts a container once the tiers that it needs run, or are ready if its start is gated.
    async fn start(
        &self,
        node: &NodePlan,
        tier: &TierPlan,
        spec: ContainerSpec,
        id: ContainerId,
    ) -> Result<ContainerId, ClusterError> {
        let mut progress = self.progress.subscribe();
        let far_enough = |progress: &Progress| {
            tier.starts_after.iter().all(|needed| match tier.start {
                StartOrder::Eager => progress.runs(needed),
                StartOrder::Gated => progress.is_ready(needed),
            })
        };
        // The sender lives as long as `self`, so this ends only well.
        if progress.wait_for(far_enough).await.is_err() {
            return Ok(id);
        }
        let engine = self.launcher.engine.as_ref();
        match engine.start_container(&id).await {
            Ok(()) => Ok(id),
            // Somebody took the port since we looked: any other will do, and only a new container can have it.
            Err(error) if error.kind == Kind::PortTaken && !has_fixed_port(node) => {
                let ports = node.ports.iter().map(|port| (port.container, 0)).collect();
                let spec = ContainerSpec { ports, ..spec };
                engine
                    .remove_container(&id)
                    .await
                    .map_err(ClusterError::engine(format!(
                        "remove the old `{}`",
                        node.name
                    )))?;
                let id = self.create(node, &spec).await?;
                engine
                    .start_container(&id)
                    .await
                    .map_err(ClusterError::engine(format!("start node `{}`", node.name)))?;
                Ok(id)
            }
            Err(error) => Err(ClusterError::engine(format!("start node `{}`", node.name))(
                error,
            )),
        }
    }
}

/// How the user starts a node's own program on the host, as a shell reads it. What devcluster runs beside it in a
/// container is left to the user.
fn command_line(node: &NodePlan) -> String {
    let words = node.command.iter().take_while(|word| *word != "---");
    let variables = node.env.iter().map(|(name, value)| (name.as_str(), value));
    let variables = variables.map(|(name, value)| format!("{name}={}", quoted(value)));
    let words = words.map(|word| quoted(word));
    variables.chain(words).collect::<Vec<_>>().join(" ")
}

/// A word as a shell reads it. No profile can hold a NUL byte, which no shell could read.
fn quoted(word: &str) -> String {
    shlex::try_quote(word).map_or_else(|_| word.to_owned(), Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Plan, Surroundings};
    use crate::profile::{Overrides, Profile};

    #[test]
    fn a_node_of_the_users_own_is_told_as_a_shell_reads_it() {
        let profile = "[mesos-agent]\ncount = 1\nmanaged = 'user'\nresources = 'cpus:1;mem:64'\n\
            [mesos-agent.env]\nGREETING = 'a b'";
        let profile = Profile::parse("p", profile, &Overrides::default()).unwrap();
        let surroundings = Surroundings {
            subnet: "10.0.0.0/24".parse().unwrap(),
            addresses_reachable: true,
            folder: "/home/me".into(),
        };
        let plan = Plan::new(&profile, &surroundings).unwrap();
        let agent = |node: &&NodePlan| node.name.as_str() == "mesos-agent-1";
        let told = command_line(plan.nodes.iter().find(agent).unwrap());
        let begin = "GREETING='a b' mesos-agent '--master=zk://10.0.0.2:2181/mesos' ";
        let end = " '--resources=cpus:1;mem:64' '--attributes=rack:1'";
        assert!(told.starts_with(begin) && told.ends_with(end), "{told}");
    }
}
