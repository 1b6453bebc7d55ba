//! Who is offered what. Dominant resource fairness over the tree of roles and, within a role, over
//! frameworks, after quotas (protocol-flows §6). Knows shares and filters; the master owns all else.

mod books;
mod fit;
mod ledger;
mod shares;
mod tree;

use std::collections::{BTreeMap, BTreeSet};

use mesos_wire::resources::Resources;

use super::agent::Agent;
use super::config::Config;
use super::effect::Moment;
use super::framework::Framework;
use super::id::{AgentId, FrameworkId};
use super::policy::Policy;

use books::{Books, Wanted};
pub use ledger::consumed;
pub use shares::dominant_share;

/// What decides besides who has what.
#[derive(Debug, Clone, Copy)]
pub struct Rules<'a> {
    /// The settings.
    pub config: &'a Config,
    /// What operators decide.
    pub policy: &'a Policy,
}

/// What a framework refused on one agent for one role, and until when.
#[derive(Debug, Clone)]
struct Filter {
    refused: Resources,
    until: Moment,
}

/// What to offer next: all that one framework may have of one agent for one role.
#[derive(Debug, Clone, PartialEq)]
pub struct Grant {
    /// Who gets it.
    pub framework: FrameworkId,
    /// For which role.
    pub role: String,
    /// Where.
    pub agent: AgentId,
    /// What, allocated to the role.
    pub resources: Resources,
}

/// The allocator's own memory.
#[derive(Debug, Default)]
pub struct Allocator {
    filters: BTreeMap<FrameworkId, BTreeMap<(String, AgentId), Vec<Filter>>>,
    /// Until when each framework is not asked again to leave an agent.
    inverse: BTreeMap<(FrameworkId, AgentId), Moment>,
    /// How often each framework was given something in each of its roles.
    given: BTreeMap<(FrameworkId, String), u64>,
    /// How many runs there were.
    pub runs: u64,
    seed: u64,
}

impl Allocator {
    /// Remembers that `resources` were refused until `until`.
    pub fn refuse(&mut self, grant: &Grant, until: Moment) {
        self.filters
            .entry(grant.framework.clone())
            .or_default()
            .entry((grant.role.clone(), grant.agent.clone()))
            .or_default()
            .push(Filter {
                refused: grant.resources.unallocated(),
                until,
            });
    }

    /// Remembers that a framework answered the request to leave an agent.
    pub fn refuse_inverse(&mut self, framework: &FrameworkId, agent: &AgentId, until: Moment) {
        self.inverse
            .insert((framework.clone(), agent.clone()), until);
    }

    /// Whether a framework is not to be asked yet to leave an agent.
    pub fn is_inverse_refused(
        &self,
        now: Moment,
        framework: &FrameworkId,
        agent: &AgentId,
    ) -> bool {
        let key = (framework.clone(), agent.clone());
        self.inverse.get(&key).is_some_and(|until| *until > now)
    }

    /// Forgets all answers to requests to leave an agent.
    pub fn forget_inverse(&mut self, agent: &AgentId) {
        self.inverse.retain(|(_, of), _| of != agent);
    }

    /// Forgets what a framework refused, for these roles or, if there are none, for all.
    pub fn revive(&mut self, framework: &FrameworkId, roles: &BTreeSet<String>) {
        self.inverse.retain(|(of, _), _| of != framework);
        if roles.is_empty() {
            self.filters.remove(framework);
        } else if let Some(filters) = self.filters.get_mut(framework) {
            filters.retain(|(role, _), _| !roles.contains(role));
        }
    }

    /// Forgets what was refused of an agent.
    pub fn forget_agent(&mut self, agent: &AgentId) {
        for filters in self.filters.values_mut() {
            filters.retain(|(_, of), _| of != agent);
        }
        self.forget_inverse(agent);
    }

    /// How many agents are filtered for a role.
    pub fn active_filters(&self, role: &str) -> usize {
        let keys = self.filters.values().flat_map(BTreeMap::keys);
        keys.filter(|(of, _)| of == role).count()
    }

    /// The roles that have filters.
    pub fn filtered_roles(&self) -> BTreeSet<&str> {
        let keys = self.filters.values().flat_map(BTreeMap::keys);
        keys.map(|(role, _)| role.as_str()).collect()
    }

    /// Forgets refusals whose time is over.
    fn expire(&mut self, now: Moment) {
        for filters in self.filters.values_mut() {
            filters.retain(|_, list| {
                list.retain(|filter| filter.until > now);
                !list.is_empty()
            });
        }
        self.filters.retain(|_, filters| !filters.is_empty());
        self.inverse.retain(|_, until| *until > now);
    }

    fn is_refused(
        &self,
        framework: &FrameworkId,
        role: &str,
        agent: &AgentId,
        offer: &Resources,
    ) -> bool {
        let Some(filters) = self.filters.get(framework) else {
            return false;
        };
        filters
            .get(&(role.to_string(), agent.clone()))
            .is_some_and(|list| list.iter().any(|filter| filter.refused.contains(offer)))
    }

    /// One run over `candidates`: what to offer to whom. First what roles are promised and do not
    /// have, then everything else by fair shares, within limits, and without what must be held back so
    /// that promises can be kept.
    pub fn run(
        &mut self,
        now: Moment,
        rules: Rules<'_>,
        frameworks: &BTreeMap<FrameworkId, Framework>,
        agents: &BTreeMap<AgentId, Agent>,
        candidates: impl IntoIterator<Item = AgentId>,
    ) -> Vec<Grant> {
        self.runs += 1;
        self.expire(now);
        let wanted = Wanted::new(frameworks);
        if wanted.is_empty() {
            return Vec::new();
        }
        let mut candidates: Vec<AgentId> = candidates
            .into_iter()
            .filter(|id| {
                agents
                    .get(id)
                    .is_some_and(|a| a.is_active() && rules.policy.admits(a.info.hostname()))
            })
            .collect();
        let mut books = Books::new(self, rules, frameworks, agents, wanted);
        self.shuffle(&mut candidates);
        if books.ledger.has_missing() {
            for agent in candidates.iter().filter_map(|id| agents.get(id)) {
                books.meet_guarantees(self, agent);
            }
            self.shuffle(&mut candidates);
        }
        for agent in candidates.iter().filter_map(|id| agents.get(id)) {
            books.share(self, agent);
        }
        let grants = books.grants;
        for (framework, role, _) in grants.keys() {
            let key = (framework.clone(), role.clone());
            *self.given.entry(key).or_default() += 1;
        }
        grants
            .into_iter()
            .map(|((framework, role, agent), resources)| Grant {
                resources: resources.allocated(&role),
                framework,
                role,
                agent,
            })
            .collect()
    }

    /// Forgets all of a framework that has ended.
    pub fn forget_framework(&mut self, framework: &FrameworkId) {
        self.filters.remove(framework);
        self.inverse.retain(|(of, _), _| of != framework);
        self.given.retain(|(of, _), _| of != framework);
    }

    /// Xorshift: so that it is not always the same agent that is given away first.
    fn shuffle(&mut self, agents: &mut [AgentId]) {
        for last in (1..agents.len()).rev() {
            self.seed = (self.seed | 1)
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let pick = (self.seed >> 33) as usize % (last + 1);
            agents.swap(last, pick);
        }
    }
}
