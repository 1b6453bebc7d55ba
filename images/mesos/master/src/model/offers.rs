//! Offers from their making to their answer or recall.

use std::collections::BTreeMap;
use std::time::Duration;

use mesos_proto::scheduler::{Event, event};
use mesos_wire::resources::Resources;
use protobuf::MessageField;

use super::allocator::{Grant, Rules};
use super::effect::Timer;
use super::framework::{put, take_out};
use super::id::{AgentId, FrameworkId, OfferId};
use super::master::Master;
use super::offer::Offer;

/// How long freed resources wait for others, so that a burst of ending tasks makes few offers.
const GATHERING: Duration = Duration::from_millis(5);

/// The longest refusal.
const MAX_REFUSAL: Duration = Duration::from_secs(365 * 24 * 3600);

/// The refusal where a framework gives none, or one that is no time.
const DEFAULT_REFUSAL: Duration = Duration::from_secs(5);

impl Master {
    /// Has an agent's resources offered at the end of this step.
    pub(crate) fn allocate(&mut self, agent: &AgentId) {
        self.due.insert(agent.clone());
    }

    /// Has all agents' resources offered at the end of this step.
    pub(crate) fn allocate_all(&mut self) {
        self.due.extend(self.agents.keys().cloned());
    }

    /// Has an agent's resources offered a moment later.
    pub(crate) fn free(&mut self, agent: &AgentId) {
        if self.freed.is_empty() {
            self.timers.set(self.now + GATHERING, Timer::Freed);
        }
        self.freed.insert(agent.clone());
    }

    pub(crate) fn allocate_due(&mut self) {
        if self.awaits_agents() {
            return;
        }
        let due = std::mem::take(&mut self.due);
        let run_due = std::mem::take(&mut self.run_due);
        if self.elected.is_none() || (due.is_empty() && !run_due) {
            return;
        }
        let candidates = due.clone();
        let rules = Rules {
            config: &self.config,
            policy: &self.policy,
        };
        let grants = self
            .allocator
            .run(self.now, rules, &self.frameworks, &self.agents, due);
        let mut made: BTreeMap<FrameworkId, Vec<OfferId>> = BTreeMap::new();
        for grant in grants {
            let id = self.make_offer(&grant);
            made.entry(grant.framework).or_default().push(id);
        }
        for (framework, offers) in made {
            self.send_offers(&framework, &offers);
        }
        self.make_inverse_offers(candidates.iter());
    }

    fn make_offer(&mut self, grant: &Grant) -> OfferId {
        let id = self.next_offer_id();
        if let Some(agent) = self.agents.get_mut(&grant.agent) {
            agent.offered.add(&grant.resources);
            agent.offers.insert(id.clone());
        }
        if let Some(framework) = self.frameworks.get_mut(&grant.framework) {
            put(&mut framework.offered, &grant.agent, &grant.resources);
            framework.offers.insert(id.clone());
            framework.counters.offers_sent += 1;
        }
        if let Some(timeout) = self.config.offer_timeout {
            self.timers
                .set(self.now.saturating_add(timeout), Timer::Offer(id.clone()));
        }
        self.offers.insert(
            id.clone(),
            Offer {
                id: id.clone(),
                framework: grant.framework.clone(),
                agent: grant.agent.clone(),
                role: grant.role.clone(),
                resources: grant.resources.clone(),
            },
        );
        id
    }

    fn send_offers(&mut self, framework_id: &FrameworkId, ids: &[OfferId]) {
        let Some(framework) = self.frameworks.get(framework_id) else {
            return;
        };
        let offers: Vec<_> = ids
            .iter()
            .filter_map(|id| self.offers.get(id))
            .filter_map(|offer| Some(offer.proto(self.agents.get(&offer.agent)?, framework)))
            .collect();
        tracing::info!(
            "sending {} offers to framework {framework_id}",
            offers.len()
        );
        let mut event = Event::new();
        event.set_type(event::Type::OFFERS);
        event.offers.mut_or_insert_default().offers = offers;
        self.notify(framework_id, event);
    }

    /// Forgets an offer; its resources are neither offered nor used then.
    pub(crate) fn remove_offer(&mut self, id: &OfferId) -> Option<Offer> {
        let offer = self.offers.remove(id)?;
        if let Some(agent) = self.agents.get_mut(&offer.agent) {
            agent.offered.subtract(&offer.resources);
            agent.offers.remove(id);
        }
        if let Some(framework) = self.frameworks.get_mut(&offer.framework) {
            take_out(&mut framework.offered, &offer.agent, &offer.resources);
            framework.offers.remove(id);
        }
        Some(offer)
    }

    /// Takes an offer back and tells its framework.
    pub(crate) fn rescind(&mut self, id: &OfferId) {
        let Some(offer) = self.remove_offer(id) else {
            return;
        };
        tracing::info!("rescinding offer {id} of framework {}", offer.framework);
        if let Some(framework) = self.frameworks.get_mut(&offer.framework) {
            framework.counters.offers_rescinded += 1;
        }
        let mut event = Event::new();
        event.set_type(event::Type::RESCIND);
        event.rescind = MessageField::some(event::Rescind {
            offer_id: id.field(),
            ..Default::default()
        });
        self.notify(&offer.framework, event);
        self.free(&offer.agent);
    }

    /// Takes back all offers of an agent.
    pub(crate) fn rescind_agent(&mut self, agent: &AgentId) {
        let offers: Vec<OfferId> = self
            .agents
            .get(agent)
            .into_iter()
            .flat_map(|a| a.offers.iter().cloned())
            .collect();
        for offer in offers {
            self.rescind(&offer);
        }
    }

    /// Takes back the offers of what an agent lends: those with revocable resources.
    pub(crate) fn rescind_lent(&mut self, agent: &AgentId) {
        let own = self.agents.get(agent).into_iter();
        let lent = own.flat_map(|a| &a.offers).filter(|id| {
            let offer = self.offers.get(*id);
            offer.is_some_and(|o| o.resources.iter().any(|r| r.revocable.is_some()))
        });
        for offer in lent.cloned().collect::<Vec<OfferId>>() {
            self.rescind(&offer);
        }
    }

    /// Takes back all offers of a framework, telling it or not.
    pub(crate) fn recall_offers(&mut self, framework: &FrameworkId, tell: Tell) {
        match tell {
            Tell::Framework => self.rescind_inverse_to(framework),
            Tell::Nobody => self.forget_inverse_to(framework),
        }
        let offers: Vec<OfferId> = self
            .frameworks
            .get(framework)
            .into_iter()
            .flat_map(|f| f.offers.iter().cloned())
            .collect();
        for id in offers {
            match tell {
                Tell::Framework => self.rescind(&id),
                Tell::Nobody => {
                    if let Some(offer) = self.remove_offer(&id) {
                        self.free(&offer.agent);
                    }
                }
            }
        }
    }

    /// Remembers that a framework did not want `resources`, for as long as its answer says
    /// (protocol-flows §6: negative or absent is 5 s, 0 is not at all, at most 365 days).
    pub(crate) fn refuse(
        &mut self,
        framework: &FrameworkId,
        role: &str,
        agent: &AgentId,
        resources: &Resources,
        refuse_seconds: f64,
    ) {
        let Some(time) = self.refusal(refuse_seconds) else {
            return;
        };
        if resources.is_empty() {
            return;
        }
        let grant = Grant {
            framework: framework.clone(),
            role: role.to_string(),
            agent: agent.clone(),
            resources: resources.clone(),
        };
        self.allocator.refuse(&grant, self.now.saturating_add(time));
    }

    /// How long a refusal holds; `None` is not at all.
    pub(crate) fn refusal(&self, seconds: f64) -> Option<Duration> {
        let time = if seconds > MAX_REFUSAL.as_secs_f64() {
            MAX_REFUSAL
        } else {
            Duration::try_from_secs_f64(seconds).unwrap_or(DEFAULT_REFUSAL)
        };
        (!time.is_zero()).then(|| time.max(self.config.allocation_interval))
    }
}

/// Whether a framework is told that its offers are taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tell {
    /// It is.
    Framework,
    /// It is not: it is not there, or it was told otherwise.
    Nobody,
}
