//! From a profile to nodes: names, addresses, ports, mounts, commands, files, probes and the order of starting.
//!
//! Pure: the same profile and [`Surroundings`] give the same plan. What only the machine knows (which network is free,
//! what the host can reach) comes in as `Surroundings`; what only the engine decides (host ports, image ids) is not in a plan.

mod address;
mod build;
mod check;
mod clusters_json;
mod flags;
mod hash;
mod network;
mod node;
mod template;
mod tiers;

#[cfg(test)]
mod tests;

pub use address::AddressError;
pub use check::{Ask, Check, Probe, Want, Where};
pub use network::{NoFreeSubnet, choose_subnet};
pub use node::{
    BindMount, CLUSTER_LABEL, File, HostPort, Image, Link, NodeName, NodePlan, OwnImage, Plan,
    Port, Surroundings, TASKS_OF_LABEL, TierPlan, Volume, VolumeOf,
};
pub use template::TemplateError;

/// A profile that cannot become a plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// A node finds no address in the network.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// A value has a placeholder that means nothing.
    #[error(transparent)]
    Template(#[from] TemplateError),
}

impl PlanError {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Address(_) => Some(
                "ask for fewer nodes, or for a larger network with `network.subnet`".to_owned(),
            ),
            Self::Template(error) => Some(error.hint()),
        }
    }
}
