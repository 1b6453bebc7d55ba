//! Inverse offers: frameworks with something on a machine that is to be worked on are asked to leave,
//! and what they say is remembered (protocol-flows §11).

use std::collections::{BTreeMap, BTreeSet};

use mesos_proto::allocator::InverseOfferStatus;
use mesos_proto::allocator::inverse_offer_status::Status;
use mesos_proto::mesos;
use mesos_proto::scheduler::{Event, call, event};
use protobuf::MessageField;

use super::agent::{Agent, time_info};
use super::effect::Timer;
use super::framework::Connection;
use super::id::{AgentId, FrameworkId, OfferId};
use super::master::Master;

/// A request to leave an agent that has not been answered.
#[derive(Debug, Clone)]
pub struct InverseOffer {
    /// Whom it was made to.
    pub framework: FrameworkId,
    /// Which agent is to be left.
    pub agent: AgentId,
}

impl InverseOffer {
    /// As it is sent and shown.
    pub(crate) fn proto(&self, id: &OfferId, agent: &Agent) -> mesos::InverseOffer {
        mesos::InverseOffer {
            id: id.field(),
            url: MessageField::some(agent.url()),
            framework_id: self.framework.field(),
            slave_id: self.agent.field(),
            unavailability: agent.unavailability.clone().into(),
            ..Default::default()
        }
    }
}

impl Master {
    /// Asks frameworks to leave these agents, where that was not asked and not answered lately.
    pub(crate) fn make_inverse_offers<'a>(&mut self, agents: impl Iterator<Item = &'a AgentId>) {
        let mut asked: BTreeMap<FrameworkId, Vec<mesos::InverseOffer>> = BTreeMap::new();
        for id in agents {
            let Some(agent) = self.agents.get(id) else {
                continue;
            };
            if agent.unavailability.is_none() {
                continue;
            }
            let mut holders: BTreeSet<FrameworkId> = agent.used.keys().cloned().collect();
            let offers = agent.offers.iter().filter_map(|id| self.offers.get(id));
            holders.extend(offers.map(|offer| offer.framework.clone()));
            for framework in holders {
                if !self.may_ask(&framework, id) {
                    continue;
                }
                let offer = self.next_offer_id();
                self.inverse_offers.insert(
                    offer.clone(),
                    InverseOffer {
                        framework: framework.clone(),
                        agent: id.clone(),
                    },
                );
                if let Some(timeout) = self.config.offer_timeout {
                    let timer = Timer::InverseOffer(offer.clone());
                    self.timers.set(self.now.saturating_add(timeout), timer);
                }
                let made = self.inverse_offers.get(&offer).zip(self.agents.get(id));
                let message = made.map(|(made, agent)| made.proto(&offer, agent));
                asked.entry(framework.clone()).or_default().extend(message);
            }
        }
        for (framework, offers) in asked {
            tracing::info!(
                "asking framework {framework} to leave {} agents",
                offers.len()
            );
            let mut event = Event::new();
            event.set_type(event::Type::INVERSE_OFFERS);
            event.inverse_offers.mut_or_insert_default().inverse_offers = offers;
            self.notify(&framework, event);
        }
    }

    /// Drivers of the v0 API do not know inverse offers.
    fn may_ask(&self, framework: &FrameworkId, agent: &AgentId) -> bool {
        let is_reached = self
            .frameworks
            .get(framework)
            .is_some_and(|f| f.active && matches!(f.connection, Connection::Http(_)));
        is_reached
            && !self
                .inverse_offers
                .values()
                .any(|o| o.framework == *framework && o.agent == *agent)
            && !self
                .allocator
                .is_inverse_refused(self.now, framework, agent)
    }

    pub(crate) fn accept_inverse(&mut self, id: &FrameworkId, call: &call::AcceptInverseOffers) {
        let seconds = call.filters.get_or_default().refuse_seconds();
        for offer in &call.inverse_offer_ids {
            self.answer_inverse(id, &OfferId::from(offer), Status::ACCEPT, seconds);
        }
    }

    pub(crate) fn decline_inverse(&mut self, id: &FrameworkId, call: &call::DeclineInverseOffers) {
        let seconds = call.filters.get_or_default().refuse_seconds();
        for offer in &call.inverse_offer_ids {
            self.answer_inverse(id, &OfferId::from(offer), Status::DECLINE, seconds);
        }
    }

    fn answer_inverse(&mut self, id: &FrameworkId, offer: &OfferId, word: Status, seconds: f64) {
        if self
            .inverse_offers
            .get(offer)
            .is_none_or(|known| known.framework != *id)
        {
            tracing::warn!(
                "framework {id} answers inverse offer {offer}, which is no longer valid"
            );
            return;
        }
        let Some(known) = self.inverse_offers.remove(offer) else {
            return;
        };
        let mut status = InverseOfferStatus::new();
        status.set_status(word);
        status.framework_id = id.field();
        status.timestamp = MessageField::some(time_info(self.now));
        if let Some(agent) = self.agents.get_mut(&known.agent) {
            agent.maintenance_answers.insert(id.clone(), status);
        }
        if let Some(time) = self.refusal(seconds) {
            let until = self.now.saturating_add(time);
            self.allocator.refuse_inverse(id, &known.agent, until);
        }
    }

    /// Takes an inverse offer back and tells its framework.
    pub(crate) fn rescind_inverse(&mut self, id: &OfferId) {
        let Some(offer) = self.inverse_offers.remove(id) else {
            return;
        };
        let mut event = Event::new();
        event.set_type(event::Type::RESCIND_INVERSE_OFFER);
        event
            .rescind_inverse_offer
            .mut_or_insert_default()
            .inverse_offer_id = id.field();
        self.notify(&offer.framework, event);
    }

    /// Takes back all inverse offers of an agent.
    pub(crate) fn rescind_inverse_of(&mut self, agent: &AgentId) {
        let offers: Vec<OfferId> = self
            .inverse_offers
            .iter()
            .filter(|(_, offer)| offer.agent == *agent)
            .map(|(id, _)| id.clone())
            .collect();
        for offer in offers {
            self.rescind_inverse(&offer);
        }
    }

    /// Takes back all inverse offers to a framework.
    pub(crate) fn rescind_inverse_to(&mut self, framework: &FrameworkId) {
        let offers: Vec<OfferId> = self
            .inverse_offers
            .iter()
            .filter(|(_, offer)| offer.framework == *framework)
            .map(|(id, _)| id.clone())
            .collect();
        for offer in offers {
            self.rescind_inverse(&offer);
        }
    }

    /// Forgets the inverse offers of a framework that is not reached any more.
    pub(crate) fn forget_inverse_to(&mut self, framework: &FrameworkId) {
        self.inverse_offers
            .retain(|_, offer| offer.framework != *framework);
    }
}
