//! What the state machine is told of the command line, in its own units.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use mesos_wire::authorization::Acls;

/// Amounts of scalar resources by name, in their own unit (cpus, megabytes).
pub type Quantities = BTreeMap<String, f64>;

/// The settings of a master that change what it decides.
#[derive(Debug, Clone)]
pub struct Config {
    /// Between two pings of an agent.
    pub ping_timeout: Duration,
    /// How many pings in a row may stay unanswered before the agent is unreachable.
    pub max_ping_timeouts: u32,
    /// How long a disconnected agent may take to come back.
    pub agent_reregister_timeout: Duration,
    /// Between two allocation runs.
    pub allocation_interval: Duration,
    /// Whether drivers must prove who they are before they subscribe.
    pub authenticate_frameworks: bool,
    /// Whether agents must prove who they are before they register.
    pub authenticate_agents: bool,
    /// Who may do what; everybody may do everything without.
    pub acls: Option<Arc<Acls>>,
    /// How long an offer may stay unanswered; `None` is for ever.
    pub offer_timeout: Option<Duration>,
    /// An offer must hold at least one of these; empty allows any offer.
    pub min_allocatable: Vec<Quantities>,
    /// Whether agents with GPUs are kept for frameworks that know GPUs.
    pub filter_gpu_resources: bool,
    /// How many ended frameworks are remembered.
    pub max_completed_frameworks: usize,
    /// How many ended tasks of a framework are remembered.
    pub max_completed_tasks: usize,
    /// How many unreachable tasks of a framework are remembered.
    pub max_unreachable_tasks: usize,
    /// Whether frameworks may run as root.
    pub root_submissions: bool,
    /// The only roles allowed, if given.
    pub roles: Option<BTreeSet<String>>,
    /// Shares of roles; one that is not named has 1.
    pub weights: BTreeMap<String, f64>,
    /// Scalar resources that do not count in a share.
    pub unshared_names: BTreeSet<String>,
    /// How long an agent that is unreachable or gone is remembered.
    pub registry_max_agent_age: Duration,
    /// How many agents that are unreachable or gone are remembered.
    pub registry_max_agent_count: usize,
    /// Between two agents that become unreachable; `None` is no time.
    pub removal_spacing: Option<Duration>,
    /// Which part of the agents of a former master may be lost.
    pub recovery_removal_limit: f64,
    /// Which part of the agents of a former master allocations wait for, where there are quotas.
    pub recovery_factor: f64,
    /// How long they wait for these agents at most.
    pub recovery_timeout: Duration,
    /// The most memory in bytes for a regular expression in an offer constraint.
    pub pattern_memory: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            ping_timeout: Duration::from_secs(15),
            max_ping_timeouts: 5,
            agent_reregister_timeout: Duration::from_secs(600),
            allocation_interval: Duration::from_secs(1),
            authenticate_frameworks: false,
            authenticate_agents: false,
            acls: None,
            offer_timeout: None,
            min_allocatable: vec![
                Quantities::from([("cpus".to_string(), 0.01)]),
                Quantities::from([("mem".to_string(), 32.0)]),
            ],
            filter_gpu_resources: true,
            max_completed_frameworks: 50,
            max_completed_tasks: 1000,
            max_unreachable_tasks: 1000,
            root_submissions: true,
            roles: None,
            weights: BTreeMap::new(),
            unshared_names: BTreeSet::new(),
            registry_max_agent_age: Duration::from_secs(2 * 7 * 24 * 3600),
            registry_max_agent_count: 102_400,
            removal_spacing: None,
            recovery_removal_limit: 1.0,
            recovery_factor: 0.8,
            recovery_timeout: Duration::from_secs(600),
            pattern_memory: 64 * 1024,
        }
    }
}
