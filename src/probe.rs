//! Runs one check once. What to check is data in the plan; how often, and how long, is the cluster's business.

mod ask;
mod judge;

use std::collections::HashMap;
use std::net::SocketAddr;

use async_trait::async_trait;

use crate::engine::ContainerId;
use crate::plan::{Ask, Check, NodeName, Probe, Where};

pub use ask::HostAsker;

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The answer is the one wanted.
    Ready,
    /// It is not, yet; what was answered instead.
    NotYet(String),
}

/// What somebody answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// An HTTP status or a command's exit code; 0 for a four-letter word.
    pub status: i64,
    /// What was said.
    pub text: String,
}

/// Where a node can be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Its name.
    pub node: NodeName,
    /// Its tier's name.
    pub tier: String,
    /// Its container, if it has one.
    pub container: Option<ContainerId>,
    /// Where the host reaches its ports.
    pub ports: HashMap<u16, SocketAddr>,
}

/// Asks questions of nodes. The real one uses the host's network and the engine; a test's one answers by a script.
#[async_trait]
pub trait Asker: Send + Sync {
    /// The answer of a node, or why there is none.
    async fn ask(&self, target: &Target, ask: &Ask) -> Result<Answer, String>;
}

/// Which checks are run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// All.
    Full,
    /// Those that run no command in a container, which costs a tenth of a second each.
    Quick,
}

/// Runs a node's probe once against a cluster's targets.
pub async fn run(
    asker: &dyn Asker,
    probe: &Probe,
    own: &Target,
    all: &[Target],
    depth: Depth,
) -> Verdict {
    for check in &probe.checks {
        if depth == Depth::Quick && matches!(check.ask, Ask::Exec { .. }) {
            continue;
        }
        let verdict = match &check.at {
            Where::Own => one(asker, check, own, all).await,
            Where::AnyOf(tier) => any(asker, check, tier, all).await,
        };
        if verdict != Verdict::Ready {
            return verdict;
        }
    }
    Verdict::Ready
}

async fn any(asker: &dyn Asker, check: &Check, tier: &str, all: &[Target]) -> Verdict {
    let mut last = Verdict::NotYet(format!("there is no node of tier `{tier}`"));
    for target in all.iter().filter(|target| target.tier == tier) {
        match one(asker, check, target, all).await {
            Verdict::Ready => return Verdict::Ready,
            not_yet @ Verdict::NotYet(_) => last = not_yet,
        }
    }
    last
}

async fn one(asker: &dyn Asker, check: &Check, target: &Target, all: &[Target]) -> Verdict {
    let question = || format!("{} of `{}`", check.ask, target.node);
    match asker.ask(target, &check.ask).await {
        Err(why) => Verdict::NotYet(format!("{}: {why}", question())),
        Ok(answer) => {
            let count = |tier: &str| all.iter().filter(|target| target.tier == tier).count();
            match judge::judge(&check.want, &answer, count) {
                Ok(()) => Verdict::Ready,
                Err(why) => Verdict::NotYet(format!("{}: {why}", question())),
            }
        }
    }
}
