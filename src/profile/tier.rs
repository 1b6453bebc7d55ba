//! The kinds of node that a cluster is made of.

use std::fmt;

use serde::{Serialize, Serializer};

/// A tier: nodes that do the same work.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tier {
    /// Apache ZooKeeper.
    Zookeeper,
    /// Mesos masters.
    MesosMaster,
    /// Mesos agents, each with a Thermos observer.
    MesosAgent,
    /// Aurora schedulers.
    AuroraScheduler,
    /// The container with the clients.
    Devtools,
    /// A container of the user's own.
    Service(String),
}

impl Tier {
    /// The tiers that every cluster may have, in the order in which they become ready.
    pub const BUILT_IN: [Tier; 5] = [
        Tier::Zookeeper,
        Tier::MesosMaster,
        Tier::MesosAgent,
        Tier::AuroraScheduler,
        Tier::Devtools,
    ];

    /// The tier's name: in profiles, in labels and as the alias of its first node.
    pub fn name(&self) -> &str {
        match self {
            Self::Zookeeper => "zookeeper",
            Self::MesosMaster => "mesos-master",
            Self::MesosAgent => "mesos-agent",
            Self::AuroraScheduler => "aurora-scheduler",
            Self::Devtools => "devtools",
            Self::Service(name) => name,
        }
    }

    /// The tier of that name; any name that is not built in is a service's.
    pub fn named(name: &str) -> Self {
        Self::BUILT_IN
            .into_iter()
            .find(|tier| tier.name() == name)
            .unwrap_or_else(|| Self::Service(name.to_owned()))
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Tier {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}
