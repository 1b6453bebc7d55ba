//! Shares of the cluster, and what everybody has of it.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::agent::Agent;
use crate::model::amounts::Amounts;
use crate::model::framework::Framework;
use crate::model::id::{AgentId, FrameworkId};

/// The cluster's scalars, against which shares are measured.
#[derive(Debug)]
pub(super) struct Totals(BTreeMap<String, f64>);

impl Totals {
    pub(super) fn new(all: Amounts, unshared: &BTreeSet<String>) -> Self {
        Self(
            all.iter()
                .filter(|(name, _)| !unshared.contains(*name))
                .map(|(name, amount)| (name.to_string(), amount))
                .collect(),
        )
    }

    pub(super) fn of<'a>(
        agents: impl Iterator<Item = &'a Agent>,
        unshared: &BTreeSet<String>,
    ) -> Self {
        let mut all = Amounts::new();
        for resource in agents.flat_map(|agent| agent.total.iter()) {
            all.count(resource);
        }
        Self::new(all, unshared)
    }

    /// The largest part of any one resource.
    pub(super) fn share(&self, has: &Amounts) -> f64 {
        has.iter()
            .filter_map(|(name, amount)| self.0.get(name).map(|total| amount / total))
            .filter(|part| part.is_finite())
            .fold(0.0, f64::max)
    }
}

/// What each framework uses and is offered, by role.
pub(super) type Holdings<'a> = BTreeMap<(&'a FrameworkId, &'a str), Amounts>;

pub(super) fn holdings(frameworks: &BTreeMap<FrameworkId, Framework>) -> Holdings<'_> {
    let mut all = Holdings::new();
    for framework in frameworks.values() {
        let bags = framework.used.values().chain(framework.offered.values());
        for resource in bags.flat_map(|bag| bag.iter()) {
            let role = resource.allocation_info.as_ref().map_or("*", |a| a.role());
            all.entry((&framework.id, role))
                .or_default()
                .count(resource);
        }
    }
    all
}

/// A role's dominant share of the cluster, as its metric shows it.
pub fn dominant_share(
    role: &str,
    unshared: &BTreeSet<String>,
    frameworks: &BTreeMap<FrameworkId, Framework>,
    agents: &BTreeMap<AgentId, Agent>,
) -> f64 {
    let mut has = Amounts::new();
    for ((_, of), amounts) in holdings(frameworks) {
        if of == role {
            has.add(&amounts);
        }
    }
    Totals::of(agents.values(), unshared).share(&has)
}
