//! What is to be done about each node: the plan against what is there. Pure.

use std::collections::HashMap;

use super::labels;
use crate::engine::{ContainerId, FoundContainer, RunState};
use crate::plan::{NodeName, Plan};
use crate::profile::Managed;

/// What is to be done about a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Action {
    /// Nothing.
    Keep(ContainerId),
    /// It is as planned, but does not run.
    Start(ContainerId),
    /// It is as planned, but frozen.
    Thaw(ContainerId),
    /// It is not there.
    Create,
    /// It is there and must be made anew.
    Replace {
        /// What is there.
        old: ContainerId,
        /// Why it will not do.
        why: String,
        /// What becomes of its storage.
        storage: Storage,
    },
    /// The user starts it.
    Await,
}

/// What becomes of a replaced node's storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Storage {
    /// The new node goes on with it.
    Kept,
    /// The new node begins anew: an agent whose flags changed would refuse what it finds, and its tasks are gone anyway.
    Dropped,
}

/// Why every node is to be made anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Everything {
    /// It is not.
    Converge,
    /// The user asked for it.
    Asked,
    /// The network is another.
    NewNetwork,
}

/// Everything that is to be done.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Changes {
    /// Per node of the plan.
    pub(super) nodes: HashMap<NodeName, Action>,
    /// Containers of the cluster that the plan has not.
    pub(super) surplus: Vec<FoundContainer>,
}

impl Changes {
    /// Whether all is as planned.
    pub(super) fn is_nothing(&self) -> bool {
        self.surplus.is_empty()
            && self
                .nodes
                .values()
                .all(|action| matches!(action, Action::Keep(_) | Action::Await))
    }

    /// The nodes whose containers are to be made.
    pub(super) fn makes(&self, node: &NodeName) -> bool {
        matches!(
            self.nodes.get(node),
            Some(Action::Create | Action::Replace { .. })
        )
    }
}

pub(super) fn changes(plan: &Plan, found: &[FoundContainer], everything: Everything) -> Changes {
    // The container of a task is its agent's to remove, for as long as the cluster has that agent.
    let is_nodes = |found: &&FoundContainer| {
        found
            .labels
            .get(labels::TASKS_OF)
            .is_none_or(|of| !plan.nodes.iter().any(|node| node.name.as_str() == of))
    };
    let mut surplus: Vec<FoundContainer> = found.iter().filter(is_nodes).cloned().collect();
    let mut nodes = HashMap::new();
    for node in &plan.nodes {
        if node.managed == Managed::User {
            nodes.insert(node.name.clone(), Action::Await);
            continue;
        }
        let place = surplus.iter().position(|found| {
            labels::read(&found.labels).is_some_and(|described| described.node == node.name)
        });
        let action = match place.map(|place| surplus.swap_remove(place)) {
            None => Action::Create,
            Some(found) => action(
                &found,
                &node.hash,
                everything,
                node.tier == crate::profile::Tier::MesosAgent,
            ),
        };
        nodes.insert(node.name.clone(), action);
    }
    Changes { nodes, surplus }
}

fn action(found: &FoundContainer, hash: &str, everything: Everything, agent: bool) -> Action {
    let known = found.labels.get(labels::HASH).map(String::as_str);
    let replace = |why: &str, storage| Action::Replace {
        old: found.id.clone(),
        why: why.to_owned(),
        storage,
    };
    let dropped = if agent {
        Storage::Dropped
    } else {
        Storage::Kept
    };
    match (everything, known, found.state) {
        (Everything::Asked, ..) => replace("asked to", dropped),
        (Everything::NewNetwork, ..) => replace("the network is another", dropped),
        (_, known, _) if known != Some(hash) => {
            replace("the profile describes it otherwise", dropped)
        }
        // It may lack its files: whoever made it was stopped before it could start it.
        (_, _, RunState::Created) => replace("it was left half made", Storage::Kept),
        (_, _, RunState::Dead) => replace("it is half removed", Storage::Kept),
        (_, _, RunState::Exited) => Action::Start(found.id.clone()),
        (_, _, RunState::Paused) => Action::Thaw(found.id.clone()),
        (_, _, RunState::Running | RunState::Restarting) => Action::Keep(found.id.clone()),
    }
}
