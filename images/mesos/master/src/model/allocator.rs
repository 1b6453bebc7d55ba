//! Who is offered what. Dominant resource fairness over roles and, within a role, over frameworks
//! (protocol-flows §6). Knows shares, filters and suppression; the master owns all else.

use std::collections::{BTreeMap, BTreeSet};

use mesos_wire::resources::{Resources, reservation_role};

use super::agent::Agent;
use super::config::{Config, Quantities};
use super::effect::Moment;
use super::framework::Framework;
use super::id::{AgentId, FrameworkId};

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

    /// Forgets what a framework refused, for these roles or, if there are none, for all.
    pub fn revive(&mut self, framework: &FrameworkId, roles: &BTreeSet<String>) {
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
    }

    fn is_refused(
        &self,
        framework: &FrameworkId,
        role: &str,
        agent: &AgentId,
        offer: &Resources,
    ) -> bool {
        self.filters
            .get(framework)
            .and_then(|filters| filters.get(&(role.to_string(), agent.clone())))
            .is_some_and(|list| list.iter().any(|filter| filter.refused.contains(offer)))
    }

    /// One run over `candidates`: what to offer to whom.
    pub fn run(
        &mut self,
        now: Moment,
        config: &Config,
        frameworks: &BTreeMap<FrameworkId, Framework>,
        agents: &BTreeMap<AgentId, Agent>,
        candidates: impl IntoIterator<Item = AgentId>,
    ) -> Vec<Grant> {
        self.runs += 1;
        self.expire(now);
        let totals = Totals::of(agents.values(), config);
        let mut takers = takers(frameworks, &totals);
        if takers.is_empty() {
            return Vec::new();
        }
        let mut roles: BTreeMap<&str, f64> = takers.iter().map(|t| (t.role, 0.0)).collect();
        for (role, share) in &mut roles {
            *share = totals.share(&role_scalars(frameworks, role)) / weight(config, role);
        }
        let mut candidates: Vec<AgentId> = candidates.into_iter().collect();
        self.shuffle(&mut candidates);
        let mut grants = Vec::new();
        for agent in candidates
            .iter()
            .filter_map(|id| agents.get(id))
            .filter(|a| a.is_active())
        {
            let mut available = agent.available();
            if available.is_empty() {
                continue;
            }
            // Who has least comes first, so the order is made anew for each agent.
            takers.sort_by(|a, b| {
                let role = |t: &Taker<'_>| roles.get(t.role).copied().unwrap_or_default();
                role(a)
                    .total_cmp(&role(b))
                    .then_with(|| a.role.cmp(b.role))
                    .then_with(|| a.share.total_cmp(&b.share))
                    .then_with(|| a.grants.cmp(&b.grants))
                    .then_with(|| a.framework.id.cmp(&b.framework.id))
            });
            for taker in &mut takers {
                let offer = fitting(&available, taker);
                if !is_worth(&offer, taker, config)
                    || is_kept_for_gpus(agent, taker, config)
                    || is_elsewhere(agent, taker)
                    || self.is_refused(&taker.framework.id, taker.role, &agent.id, &offer)
                {
                    continue;
                }
                available.subtract(&offer);
                add_scalars(&mut taker.has, &offer);
                taker.share = totals.share(&taker.has);
                taker.grants += 1;
                if let Some(share) = roles.get_mut(taker.role) {
                    *share += totals.share(&scalars(&offer)) / weight(config, taker.role);
                }
                grants.push(Grant {
                    framework: taker.framework.id.clone(),
                    role: taker.role.to_string(),
                    agent: agent.id.clone(),
                    resources: offer.allocated(taker.role),
                });
            }
        }
        grants
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

/// One framework in one of its roles.
struct Taker<'a> {
    framework: &'a Framework,
    role: &'a str,
    has: Quantities,
    share: f64,
    grants: usize,
}

fn takers<'a>(frameworks: &'a BTreeMap<FrameworkId, Framework>, totals: &Totals) -> Vec<Taker<'a>> {
    let active = frameworks.values().filter(|f| f.active && f.is_connected());
    active
        .flat_map(|framework| {
            let wanted = framework.roles.difference(&framework.suppressed);
            wanted.map(move |role| {
                let has = allocated_scalars(framework, role);
                Taker {
                    framework,
                    role,
                    share: totals.share(&has),
                    has,
                    grants: framework.offers.len(),
                }
            })
        })
        .collect()
}

/// What of an agent's resources a framework may have in a role: what is nobody's, and what is
/// reserved to the role or to one above it, without what the framework does not know.
fn fitting(available: &Resources, taker: &Taker<'_>) -> Resources {
    let capabilities = taker.framework.capabilities;
    available.filter(|resource| {
        let is_its = match reservation_role(resource) {
            None => true,
            Some(owner) => {
                owner == taker.role
                    || taker
                        .role
                        .strip_prefix(owner)
                        .is_some_and(|rest| rest.starts_with('/'))
            }
        };
        is_its
            && (capabilities.revocable_resources || resource.revocable.is_none())
            && (capabilities.shared_resources || resource.shared.is_none())
            && (capabilities.reservation_refinement || resource.reservations.len() < 2)
    })
}

/// Whether an offer is large enough to be made.
fn is_worth(offer: &Resources, taker: &Taker<'_>, config: &Config) -> bool {
    if offer.is_empty() {
        return false;
    }
    let reaches = |wanted: &Quantities| {
        wanted
            .iter()
            .all(|(name, amount)| offer.scalar(name) + 1e-9 >= *amount)
    };
    let own = taker.framework.info.offer_filters.get(taker.role);
    match own.and_then(|filters| filters.min_allocatable_resources.as_ref()) {
        Some(own) => {
            own.quantities.is_empty()
                || own.quantities.iter().any(|set| {
                    set.quantities
                        .iter()
                        .all(|(name, q)| offer.scalar(name) + 1e-9 >= q.value())
                })
        }
        None => config.min_allocatable.is_empty() || config.min_allocatable.iter().any(reaches),
    }
}

fn is_kept_for_gpus(agent: &Agent, taker: &Taker<'_>, config: &Config) -> bool {
    config.filter_gpu_resources
        && !taker.framework.capabilities.gpu_resources
        && agent.total.scalar("gpus") > 0.0
}

/// An agent that names its region stands apart from a master that names none.
fn is_elsewhere(agent: &Agent, taker: &Taker<'_>) -> bool {
    agent.info.domain.is_some() && !taker.framework.capabilities.region_aware
}

/// The cluster's scalars, against which shares are measured.
struct Totals(Quantities);

impl Totals {
    fn of<'a>(agents: impl Iterator<Item = &'a Agent>, config: &Config) -> Self {
        let mut totals = Quantities::new();
        for agent in agents {
            add_scalars(&mut totals, &agent.total);
        }
        totals.retain(|name, _| !config.unshared_names.contains(name));
        Self(totals)
    }

    /// The largest part of any one resource.
    fn share(&self, has: &Quantities) -> f64 {
        has.iter()
            .filter_map(|(name, amount)| self.0.get(name).map(|total| amount / total))
            .filter(|part| part.is_finite())
            .fold(0.0, f64::max)
    }
}

/// A role's dominant share of the cluster, as its metric shows it.
pub fn dominant_share(
    role: &str,
    config: &Config,
    frameworks: &BTreeMap<FrameworkId, Framework>,
    agents: &BTreeMap<AgentId, Agent>,
) -> f64 {
    Totals::of(agents.values(), config).share(&role_scalars(frameworks, role))
}

fn role_scalars(frameworks: &BTreeMap<FrameworkId, Framework>, role: &str) -> Quantities {
    let mut sum = Quantities::new();
    for framework in frameworks.values() {
        for (name, amount) in allocated_scalars(framework, role) {
            *sum.entry(name).or_default() += amount;
        }
    }
    sum
}

fn allocated_scalars(framework: &Framework, role: &str) -> Quantities {
    let mut sum = Quantities::new();
    for bag in framework.used.values().chain(framework.offered.values()) {
        add_scalars(&mut sum, &bag.filter(|r| r.allocation_info.role() == role));
    }
    sum
}

fn scalars(bag: &Resources) -> Quantities {
    let mut sum = Quantities::new();
    add_scalars(&mut sum, bag);
    sum
}

fn add_scalars(sum: &mut Quantities, bag: &Resources) {
    for name in bag.scalar_names() {
        *sum.entry(name.to_string()).or_default() += bag.scalar(name);
    }
}

fn weight(config: &Config, role: &str) -> f64 {
    config.weights.get(role).copied().unwrap_or(1.0)
}
