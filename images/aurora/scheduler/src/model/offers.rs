//! The offers we hold, by agent.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};

use mesos_proto::mesos::Offer;

use super::effect::Launch;
use super::resources::{Pool, Revocable};
use super::settings::scheduling::OfferOrder;

/// Everything one agent offers at the moment. A second offer of the same agent joins the first: the
/// call that accepts names them both.
#[derive(Debug, Default)]
pub struct Held {
    /// The agent's id.
    pub agent_id: String,
    /// Its host.
    pub host: String,
    /// The offers, oldest first.
    pub offers: Vec<Offer>,
    /// When the agent goes away, in milliseconds since the epoch, if that is planned.
    pub unavailable_from: Option<i64>,
    /// What is left of them.
    pub pool: Pool,
    /// What is to be launched on them.
    pub launches: Vec<Launch>,
    /// Grows with every change of what is offered, over all agents.
    pub generation: u64,
    /// Decides among agents that suit equally well.
    pub rank: u64,
    /// Tells whether the host's attributes are those of an earlier look.
    pub attributes: u64,
}

impl Held {
    /// Which of two agents is tried first, their hosts' modes aside.
    pub fn order(&self, other: &Self, by: &[OfferOrder]) -> Ordering {
        let plain = Revocable::default();
        let (mine, theirs) = (self.pool.available(plain), other.pool.available(plain));
        // Whoever goes away later, or never, comes first.
        let leaving = |held: &Self| held.unavailable_from.unwrap_or(i64::MAX);
        // Who lends nothing is not filled with what is lent.
        let lent = |held: &Self| match held.pool.cpus(true) {
            0.0 => f64::MAX,
            cpus => cpus,
        };
        let mut order = leaving(other).cmp(&leaving(self));
        for rule in by {
            order = order.then_with(|| match rule {
                OfferOrder::Cpu => mine.cpus.total_cmp(&theirs.cpus),
                OfferOrder::Memory => mine.ram_mb.total_cmp(&theirs.ram_mb),
                OfferOrder::Disk => mine.disk_mb.total_cmp(&theirs.disk_mb),
                OfferOrder::RevocableCpu => lent(self).total_cmp(&lent(other)),
                OfferOrder::Random => self
                    .launches
                    .len()
                    .cmp(&other.launches.len())
                    .then(self.rank.cmp(&other.rank)),
            });
        }
        order
            .then(self.rank.cmp(&other.rank))
            .then_with(|| self.agent_id.cmp(&other.agent_id))
    }
}

/// All held offers.
#[derive(Debug, Default)]
pub struct Offers {
    agents: BTreeMap<String, Held>,
    agent_of: HashMap<String, String>,
    generation: u64,
}

impl Offers {
    /// Takes an offer in.
    pub fn add(&mut self, offer: Offer, rank: u64, attributes: u64) {
        self.generation += 1;
        let agent = offer.slave_id.value().to_string();
        self.agent_of
            .insert(offer.id.value().to_string(), agent.clone());
        let held = self.agents.entry(agent.clone()).or_default();
        held.agent_id = agent;
        held.host = offer.hostname().to_string();
        held.generation = self.generation;
        held.rank = rank;
        held.unavailable_from = offer
            .unavailability
            .as_ref()
            .map(|window| window.start.nanoseconds() / 1_000_000);
        held.attributes = attributes;
        held.offers.push(offer);
        held.pool = Pool::new(held.offers.iter().flat_map(|offer| &offer.resources));
    }

    /// Forgets an offer that is no longer good. Says whether it was held.
    pub fn remove(&mut self, id: &str) -> bool {
        let Some(agent) = self.agent_of.remove(id) else {
            return false;
        };
        if let Some(held) = self.agents.get_mut(&agent) {
            held.offers.retain(|offer| offer.id.value() != id);
            held.pool = Pool::new(held.offers.iter().flat_map(|offer| &offer.resources));
            if held.offers.is_empty() {
                self.agents.remove(&agent);
            }
        }
        true
    }

    /// Forgets all: the connection they belonged to is gone.
    pub fn clear(&mut self) {
        self.agents.clear();
        self.agent_of.clear();
    }

    /// Takes out the agents on which something is to be launched.
    pub fn take_used(&mut self) -> Vec<Held> {
        let used: Vec<String> = self
            .agents
            .values()
            .filter(|held| !held.launches.is_empty())
            .map(|held| held.agent_id.clone())
            .collect();
        used.iter().filter_map(|agent| self.take(agent)).collect()
    }

    /// Takes out all offers of an agent.
    fn take(&mut self, agent: &str) -> Option<Held> {
        let held = self.agents.remove(agent)?;
        for offer in &held.offers {
            self.agent_of.remove(offer.id.value());
        }
        Some(held)
    }

    /// The agents that offer something.
    pub fn iter(&self) -> impl Iterator<Item = &Held> {
        self.agents.values()
    }

    /// One agent's offers.
    pub fn get(&self, agent: &str) -> Option<&Held> {
        self.agents.get(agent)
    }

    /// One agent's offers, to take from.
    pub fn get_mut(&mut self, agent: &str) -> Option<&mut Held> {
        self.agents.get_mut(agent)
    }

    /// How many offers there are.
    pub fn len(&self) -> usize {
        self.agent_of.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.agent_of.is_empty()
    }
}
