//! What quotas leave to be given: each role's consumption against its limits, and what is held back
//! of the cluster so that every guarantee can still be met. A role consumes what is reserved to it and
//! those below, and what they use and are offered besides, but for what is revocable.

use std::collections::BTreeMap;

use mesos_proto::mesos::{Resource, value};
use mesos_wire::resources::{Resources, reservation_role};

use crate::model::agent::Agent;
use crate::model::amounts::{Amounts, shrunk};
use crate::model::framework::Framework;
use crate::model::id::{AgentId, FrameworkId};
use crate::model::policy::{Policy, Quota, top_of};

/// The books of one run.
#[derive(Debug, Default)]
pub(super) struct Ledger<'a> {
    quotas: BTreeMap<&'a str, &'a Quota>,
    consumed: BTreeMap<String, Amounts>,
    /// What of guarantees is not met yet.
    required: Amounts,
    /// What could still be given to meet them.
    available: Amounts,
}

/// Whether a resource counts against quotas when it is given away.
pub(super) fn is_counted(resource: &Resource) -> bool {
    resource.type_() == value::Type::SCALAR
        && resource.reservations.is_empty()
        && resource.revocable.is_none()
}

impl<'a> Ledger<'a> {
    pub(super) fn new(
        policy: &'a Policy,
        frameworks: &BTreeMap<FrameworkId, Framework>,
        agents: &BTreeMap<AgentId, Agent>,
    ) -> Self {
        let mut ledger = Self::default();
        if policy.quotas.is_empty() {
            return ledger;
        }
        ledger.quotas = policy.quotas.iter().map(|(r, q)| (r.as_str(), q)).collect();
        ledger.consumed = consumed(frameworks, agents, true);
        for (role, quota) in &ledger.quotas {
            let missing = match ledger.consumed.get(*role) {
                Some(consumed) => quota.guarantees.minus(consumed),
                None => quota.guarantees.clone(),
            };
            ledger.required.add(&missing);
        }
        if !ledger.required.is_empty() {
            let open = agents
                .values()
                .filter(|a| a.is_active() && policy.admits(a.info.hostname()));
            for agent in open {
                for resource in agent.available().iter().filter(|r| is_counted(r)) {
                    ledger.available.count(resource);
                }
            }
        }
        ledger
    }

    /// Whether any guarantee is not met.
    pub(super) fn has_missing(&self) -> bool {
        !self.required.is_empty()
    }

    /// What a role, or the one at its top, is promised and does not have.
    pub(super) fn missing(&self, role: &str) -> Amounts {
        let top = top_of(role);
        match (self.quotas.get(top), self.consumed.get(top)) {
            (Some(quota), Some(consumed)) => quota.guarantees.minus(consumed),
            (Some(quota), None) => quota.guarantees.clone(),
            (None, _) => Amounts::new(),
        }
    }

    /// As much of `wanted` as the role's limits and the others' guarantees allow, besides `given`,
    /// which it is given to meet its guarantees.
    pub(super) fn allowed(&self, role: &str, wanted: &Resources, given: &Resources) -> Resources {
        let top = top_of(role);
        let Some(quota) = self.quotas.get(top) else {
            return self.within_headroom(wanted);
        };
        let mut consumed = self.consumed.get(top).cloned().unwrap_or_default();
        consumed.add(&Amounts::of(given));
        let within = shrunk(wanted, |name| {
            let limit = quota.limit(name)?;
            Some(limit.saturating_sub(consumed.thousandths(name)))
        });
        self.within_headroom(&within)
    }

    fn within_headroom(&self, wanted: &Resources) -> Resources {
        if self.required.is_empty() {
            return wanted.clone();
        }
        let surplus = self.available.minus(&self.required);
        shrunk(wanted, |name| Some(surplus.thousandths(name)))
    }

    /// Notes what was given: `given` to meet guarantees, `more` besides.
    pub(super) fn note(&mut self, role: &str, given: &Resources, more: &Resources) {
        if self.quotas.is_empty() {
            return;
        }
        let given = Amounts::of(given);
        let more = Amounts::of(more);
        let consumed = self.consumed.entry(top_of(role).to_string()).or_default();
        consumed.add(&given);
        consumed.add(&more);
        self.required.subtract(&given);
        self.available.subtract(&given);
        self.available.subtract(&more);
    }
}

/// What each top-level role consumes of its quota, with or without what it is only offered.
pub fn consumed(
    frameworks: &BTreeMap<FrameworkId, Framework>,
    agents: &BTreeMap<AgentId, Agent>,
    with_offers: bool,
) -> BTreeMap<String, Amounts> {
    let mut all: BTreeMap<String, Amounts> = BTreeMap::new();
    let mut count = |role: &str, resource: &Resource| {
        all.entry(top_of(role).to_string())
            .or_default()
            .count(resource);
    };
    for resource in agents.values().flat_map(|agent| agent.total.iter()) {
        if let Some(role) = reservation_role(resource) {
            count(role, resource);
        }
    }
    for framework in frameworks.values() {
        let offered = framework.offered.values().filter(|_| with_offers);
        let bags = framework.used.values().chain(offered);
        for resource in bags.flat_map(|bag| bag.iter()).filter(|r| is_counted(r)) {
            count(resource.allocation_info.role(), resource);
        }
    }
    all
}
