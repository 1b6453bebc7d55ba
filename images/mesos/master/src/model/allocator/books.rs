//! The books of one run: who has what, who is to be asked in which order, and what is given.

use std::collections::BTreeMap;

use mesos_wire::resources::{Resources, reservation_role};

use super::fit::{fitting, is_for, is_worth};
use super::ledger::{Ledger, is_counted};
use super::shares::{Totals, holdings};
use super::tree::Node;
use super::{Allocator, Rules};
use crate::model::agent::Agent;
use crate::model::amounts::{Amounts, shrunk};
use crate::model::framework::Framework;
use crate::model::id::{AgentId, FrameworkId};

/// Who wants offers, by role.
pub(super) struct Wanted<'a>(BTreeMap<&'a str, Vec<Taker<'a>>>);

impl<'a> Wanted<'a> {
    pub(super) fn new(frameworks: &'a BTreeMap<FrameworkId, Framework>) -> Self {
        let mut roles: BTreeMap<&str, Vec<Taker<'a>>> = BTreeMap::new();
        for framework in frameworks.values().filter(|f| f.active && f.is_connected()) {
            for role in framework.roles.difference(&framework.suppressed) {
                roles.entry(role).or_default().push(Taker {
                    framework,
                    has: Amounts::new(),
                    share: 0.0,
                    count: 0,
                });
            }
        }
        Self(roles)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// One framework in one of its roles.
struct Taker<'a> {
    framework: &'a Framework,
    has: Amounts,
    share: f64,
    count: u64,
}

/// Whom something is given: framework, role and agent.
type Key = (FrameworkId, String, AgentId);

pub(super) struct Books<'a> {
    rules: Rules<'a>,
    totals: Totals,
    roles: Node,
    wanted: Wanted<'a>,
    pub(super) ledger: Ledger<'a>,
    /// What is left of agents that something was given of.
    left: BTreeMap<&'a AgentId, Resources>,
    pub(super) grants: BTreeMap<Key, Resources>,
}

/// What is offered on an agent: what counts against quotas apart from what does not.
struct Parts {
    free: Resources,
    towards: Resources,
    more: Resources,
}

impl<'a> Books<'a> {
    pub(super) fn new(
        allocator: &Allocator,
        rules: Rules<'a>,
        frameworks: &'a BTreeMap<FrameworkId, Framework>,
        agents: &BTreeMap<AgentId, Agent>,
        mut wanted: Wanted<'a>,
    ) -> Self {
        let totals = Totals::of(agents.values(), &rules.config.unshared_names);
        let holdings = holdings(frameworks);
        let mut roles = Node::default();
        for ((_, role), amounts) in &holdings {
            roles.add(role, amounts, 0);
        }
        for ((_, role), count) in &allocator.given {
            roles.add(role, &Amounts::new(), *count);
        }
        for (role, takers) in &mut wanted.0 {
            roles.activate(role);
            for taker in takers {
                let id = &taker.framework.id;
                if let Some(has) = holdings.get(&(id, *role)) {
                    taker.has = has.clone();
                    taker.share = totals.share(has);
                }
                let key = (id.clone(), (*role).to_string());
                taker.count = allocator.given.get(&key).copied().unwrap_or_default();
            }
        }
        Self {
            ledger: Ledger::new(rules.policy, frameworks, agents),
            rules,
            totals,
            roles,
            wanted,
            left: BTreeMap::new(),
            grants: BTreeMap::new(),
        }
    }

    /// Gives of an agent to roles that do not have what they are promised. A role that gets something
    /// of that gets the rest of the agent too, within bounds: ports alone, say, are of no use to others.
    pub(super) fn meet_guarantees(&mut self, allocator: &Allocator, agent: &'a Agent) {
        self.visit(allocator, agent, |ledger, role, available| {
            let missing = ledger.missing(role);
            let towards = shrunk(&available.filter(is_counted), |name| {
                Some(missing.thousandths(name))
            });
            if towards.is_empty() {
                return None;
            }
            // What is reserved to roles above is shared out with everything else.
            let free = available.filter(|r| {
                !is_counted(r) && reservation_role(r).is_none_or(|owner| owner == role)
            });
            let rest = available.filter(is_counted).minus(&towards);
            let more = ledger.allowed(role, &rest, &towards);
            Some(Parts {
                free,
                towards,
                more,
            })
        });
    }

    /// Gives what is left of an agent, fairly.
    pub(super) fn share(&mut self, allocator: &Allocator, agent: &'a Agent) {
        self.visit(allocator, agent, |ledger, role, available| {
            let none = Resources::new();
            let more = ledger.allowed(role, &available.filter(is_counted), &none);
            Some(Parts {
                free: available.filter(|r| !is_counted(r)),
                towards: none,
                more,
            })
        });
    }

    /// Asks everybody in order what of an agent they are to get.
    fn visit(
        &mut self,
        allocator: &Allocator,
        agent: &'a Agent,
        choose: impl Fn(&Ledger<'a>, &str, &Resources) -> Option<Parts>,
    ) {
        let mut available = match self.left.get(&agent.id) {
            Some(left) => left.clone(),
            None => agent.available(),
        };
        if available.is_empty() {
            return;
        }
        // Who has least comes first, so the order is made anew for each agent.
        for role in self.roles.order(self.rules.policy, &self.totals) {
            let Some(takers) = self.wanted.0.get_mut(role.as_str()) else {
                continue;
            };
            takers.sort_by(|a, b| {
                a.share
                    .total_cmp(&b.share)
                    .then(a.count.cmp(&b.count))
                    .then_with(|| a.framework.id.cmp(&b.framework.id))
            });
            for taker in takers {
                let framework = taker.framework;
                if !is_for(agent, framework, &role, self.rules.config) {
                    continue;
                }
                let fitting = fitting(&available, framework, &role);
                if fitting.is_empty() {
                    continue;
                }
                let Some(parts) = choose(&self.ledger, &role, &fitting) else {
                    continue;
                };
                let mut offer = parts.free;
                offer.add(&parts.towards);
                offer.add(&parts.more);
                if !is_worth(&offer, framework, &role, self.rules.config)
                    || allocator.is_refused(&framework.id, &role, &agent.id, &offer)
                {
                    continue;
                }
                available.subtract(&offer);
                self.ledger.note(&role, &parts.towards, &parts.more);
                let amounts = Amounts::of(&offer);
                taker.has.add(&amounts);
                taker.share = self.totals.share(&taker.has);
                taker.count += 1;
                self.roles.add(&role, &amounts, 1);
                self.grants
                    .entry((framework.id.clone(), role.clone(), agent.id.clone()))
                    .or_default()
                    .add(&offer);
            }
        }
        self.left.insert(&agent.id, available);
    }
}
