//! Judges nodes, tier by tier in dependency order, and watches for deaths meanwhile.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::StreamExt;

use super::bring::Bringing;
use super::{ClusterError, Event, Evidence, Launcher, NodeStep, labels, targets};
use crate::engine::{ContainerId, Death, EngineStream};
use crate::plan::{NodeName, NodePlan, Probe, TierPlan};
use crate::probe::{self, Depth, Target, Verdict};
use crate::profile::Managed;

/// The time between two looks at a node: short at first, since our tiers are ready within milliseconds.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(250);
/// How long the engine's list may lag behind a start.
const LISTED_WITHIN: Duration = Duration::from_secs(5);
/// Lines of a failed node's output that a message shows.
const LINES: u32 = 20;

/// What every node answered last, for messages.
pub(super) type Answers = Mutex<HashMap<NodeName, String>>;

impl Bringing<'_> {
    /// Waits until every tier is ready.
    pub(super) async fn verdicts(&self, answers: &Answers) -> Result<(), ClusterError> {
        let mut known: Vec<Target> = Vec::new();
        let mut progress = self.progress.subscribe();
        for tier in &self.plan.tiers {
            // The sender lives as long as `self`, so this ends only well.
            if progress
                .wait_for(|progress| progress.runs(&tier.tier))
                .await
                .is_err()
            {
                return Ok(());
            }
            let missing = |known: &[Target]| {
                let mut nodes = self.plan.nodes_of(&tier.tier);
                nodes.any(|node| !known.iter().any(|target| is_whole(target, node)))
            };
            // The engine chose some ports only when the containers started, and its list may lag behind that.
            let began = Instant::now();
            let mut pause = FIRST_PAUSE;
            while missing(&known) && began.elapsed() < LISTED_WITHIN {
                known = self.targets().await?;
                if missing(&known) {
                    tokio::time::sleep(pause).await;
                    pause = (pause * 3 / 2).min(LONGEST_PAUSE);
                }
            }
            let nodes = self
                .plan
                .nodes_of(&tier.tier)
                .map(|node| self.verdict(node, tier, &known, answers));
            futures_util::future::try_join_all(nodes).await?;
            self.progress
                .send_modify(|progress| progress.set_ready(&tier.tier));
            self.events.emit(Event::TierReady {
                tier: tier.tier.clone(),
                after: self.began.elapsed(),
            });
        }
        Ok(())
    }

    /// Where the nodes that run can be asked, and those of the user.
    async fn targets(&self) -> Result<Vec<Target>, ClusterError> {
        // Who runs is read before the list: of a node that starts in between, the list may lack the ports.
        let running: Vec<&NodeName> = {
            let progress = self.progress.borrow();
            let nodes = self.plan.nodes.iter();
            nodes
                .filter(|node| progress.runs(&node.tier))
                .map(|node| &node.name)
                .collect()
        };
        let own = [(labels::CLUSTER, self.plan.cluster.as_str())];
        let found = self
            .launcher
            .engine
            .containers(&own)
            .await
            .map_err(ClusterError::engine("ask the engine for the nodes' ports"))?;
        let containers = found
            .iter()
            .filter_map(targets::of_container)
            .filter(|target| running.contains(&&target.node));
        let users = self
            .plan
            .nodes
            .iter()
            .filter(|node| node.managed == Managed::User)
            .map(targets::of_user);
        Ok(containers.chain(users).collect())
    }

    async fn verdict(
        &self,
        node: &NodePlan,
        tier: &TierPlan,
        known: &[Target],
        answers: &Answers,
    ) -> Result<(), ClusterError> {
        let began = Instant::now();
        let within = if node.managed == Managed::User {
            Duration::MAX
        } else {
            tier.probe.within()
        };
        let mut pause = FIRST_PAUSE;
        loop {
            let why = match self.look(node, &tier.probe, known).await {
                Verdict::Ready => {
                    self.step(node, NodeStep::Ready);
                    return Ok(());
                }
                Verdict::NotYet(why) => why,
            };
            answers
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .insert(node.name.clone(), why.clone());
            self.step(node, NodeStep::NotYet { why: why.clone() });
            if began.elapsed() >= within {
                let container = known
                    .iter()
                    .find(|target| target.node == node.name)
                    .and_then(|target| target.container.as_ref());
                let lines = tail(self.launcher, container).await;
                let evidence = Evidence {
                    last_answer: Some(why),
                    lines,
                };
                return Err(ClusterError::NotReady {
                    node: node.name.clone(),
                    within,
                    evidence,
                });
            }
            tokio::time::sleep(pause.min(within.saturating_sub(began.elapsed()))).await;
            pause = (pause * 3 / 2).min(LONGEST_PAUSE);
        }
    }

    async fn look(&self, node: &NodePlan, probe: &Probe, known: &[Target]) -> Verdict {
        match known.iter().find(|target| target.node == node.name) {
            Some(own) => {
                probe::run(self.launcher.asker.as_ref(), probe, own, known, Depth::Full).await
            }
            None => Verdict::NotYet("the engine does not list it".to_owned()),
        }
    }

    /// Ends when a container that must live dies; never otherwise.
    pub(super) async fn deaths(
        &self,
        mut deaths: EngineStream<Death>,
        answers: &Answers,
    ) -> ClusterError {
        let mut early: Vec<Death> = Vec::new();
        let mut progress = self.progress.subscribe();
        loop {
            tokio::select! {
                death = deaths.next() => match death {
                    Some(Ok(death)) => early.push(death),
                    // Without a watch a dead node is still found: its probe will not pass.
                    Some(Err(_)) | None => std::future::pending().await,
                },
                // A container can die between its start and the engine's answer to that, before it is known as ours.
                changed = progress.changed() => if changed.is_err() { std::future::pending().await },
            }
            let ours = early.iter().find_map(|death| {
                let alive = self.alive.lock().unwrap_or_else(PoisonError::into_inner);
                alive
                    .get(&death.container)
                    .map(|node| (node.clone(), death.clone()))
            });
            if let Some((node, death)) = ours {
                let last_answer = answers
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .get(&node)
                    .cloned();
                let lines = tail(self.launcher, Some(&death.container)).await;
                return ClusterError::Died {
                    node,
                    exit_code: death.exit_code,
                    evidence: Evidence { last_answer, lines },
                };
            }
        }
    }
}

/// Whether it is known where all of a node's ports are.
fn is_whole(target: &Target, node: &NodePlan) -> bool {
    target.node == node.name
        && node
            .ports
            .iter()
            .all(|port| target.ports.contains_key(&port.container))
}

/// The last lines that a container printed; none if the engine will not say.
async fn tail(launcher: &Launcher, container: Option<&ContainerId>) -> Vec<String> {
    let Some(container) = container else {
        return Vec::new();
    };
    let read = async {
        let mut pieces = launcher.engine.logs(container, Some(LINES), false);
        let mut text = Vec::new();
        while let Some(Ok(piece)) = pieces.next().await {
            text.extend_from_slice(piece.bytes());
        }
        text
    };
    // Evidence is worth a moment, not a wait.
    let text = tokio::time::timeout(Duration::from_secs(2), read)
        .await
        .unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    let skip = lines
        .len()
        .saturating_sub(usize::try_from(LINES).unwrap_or(usize::MAX));
    lines.into_iter().skip(skip).map(str::to_owned).collect()
}
