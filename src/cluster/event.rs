//! What happens while a verb works, as data.

use std::time::Duration;

use crate::image::ImageEvent;
use crate::plan::NodeName;
use crate::profile::{ClusterName, Subnet, Tier};

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The plan is made; these tiers and nodes will be brought up.
    Planned {
        /// The cluster.
        cluster: ClusterName,
        /// Its network.
        subnet: Subnet,
        /// The tiers in order, each with its number of nodes.
        tiers: Vec<(Tier, usize)>,
    },
    /// An image.
    Image(ImageEvent),
    /// A node took a step.
    Node {
        /// Which.
        node: NodeName,
        /// Its tier.
        tier: Tier,
        /// The step.
        step: NodeStep,
    },
    /// A tier is ready.
    TierReady {
        /// Which.
        tier: Tier,
        /// Since the verb began.
        after: Duration,
    },
    /// Nothing had to be done.
    InPlace {
        /// How many nodes there are.
        nodes: usize,
    },
    /// Something was removed.
    Removed {
        /// What: `container`, `network` or `volume`.
        kind: &'static str,
        /// Its name.
        name: String,
    },
    /// Something that the user should know.
    Note(String),
    /// The verb did what it was asked for.
    Done {
        /// Since the verb began.
        after: Duration,
    },
}

/// A step of a node on its way up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NodeStep {
    /// It is there and as it should be.
    Kept,
    /// It is not as it should be, so it is made anew.
    Replaced {
        /// Why.
        why: String,
    },
    /// Its container is made.
    Created,
    /// Its container runs.
    Started,
    /// The user is to start it, like this.
    Awaited {
        /// The command.
        command: String,
    },
    /// It was asked and is not ready yet.
    NotYet {
        /// What it answered.
        why: String,
    },
    /// Its probe passed.
    Ready,
}

/// Takes events.
pub trait Events: Send + Sync {
    /// Takes one.
    fn emit(&self, event: Event);
}

impl<F: Fn(Event) + Send + Sync> Events for F {
    fn emit(&self, event: Event) {
        self(event);
    }
}
