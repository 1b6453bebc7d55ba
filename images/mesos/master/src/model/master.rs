//! The master's state, and the few steps that everything else is made of.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use mesos_proto::mesos::{DrainInfo, ExecutorInfo, MasterInfo, SlaveInfo};
use mesos_wire::pid::Upid;
use mesos_wire::resources::Resources;
use protobuf::MessageFull;

use super::agent::Agent;
use super::allocator::Allocator;
use super::config::Config;
use super::counters::Counters;
use super::effect::{Effect, Moment, Sender, StreamId, Timer, Timers};
use super::framework::{Framework, put, take_out};
use super::id::{AgentId, ExecutorId, FrameworkId, OfferId, TaskId};
use super::inverse::InverseOffer;
use super::maintenance::Maintenance;
use super::offer::Offer;
use super::policy::Policy;
use super::traffic::Traffic;

/// A master and all that it knows.
#[derive(Debug)]
pub struct Master {
    /// What decides how it behaves.
    pub config: Config,
    /// What it says of itself.
    pub info: MasterInfo,
    /// When it started.
    pub started: Moment,
    /// When it was elected; a master that is not leading does nothing.
    pub elected: Option<Moment>,
    /// The registered agents.
    pub agents: BTreeMap<AgentId, Agent>,
    /// Agents that a former master had and that have not come back yet.
    pub recovered_agents: BTreeMap<AgentId, SlaveInfo>,
    /// Agents that operators have set aside, whether they are here or not.
    pub deactivated_agents: BTreeSet<AgentId>,
    /// When each unreachable agent was lost.
    pub unreachable_agents: BTreeMap<AgentId, Moment>,
    /// When each agent that will never come back was given up.
    pub gone_agents: BTreeMap<AgentId, Moment>,
    /// The frameworks that have not ended.
    pub frameworks: BTreeMap<FrameworkId, Framework>,
    /// Those that have, oldest first.
    pub completed_frameworks: VecDeque<Framework>,
    /// The unanswered offers.
    pub offers: BTreeMap<OfferId, Offer>,
    /// Shares and filters.
    pub allocator: Allocator,
    /// Weights and quotas.
    pub policy: Policy,
    /// Which machines are worked on, and when.
    pub maintenance: Maintenance,
    /// The unanswered inverse offers.
    pub inverse_offers: BTreeMap<OfferId, InverseOffer>,
    /// Agents that are drained, or are to be, whether they are here or not.
    pub draining: BTreeMap<AgentId, DrainInfo>,
    /// What was counted.
    pub counters: Counters,
    /// The messages of each principal's drivers.
    pub traffic: BTreeMap<String, Traffic>,
    pub(crate) now: Moment,
    /// Whether what a former master had is known.
    pub(crate) has_registry: bool,
    /// Whether operators watch.
    pub(crate) watched: bool,
    pub(crate) agents_by_pid: HashMap<Upid, AgentId>,
    pub(crate) observers: HashMap<u64, AgentId>,
    pub(crate) frameworks_by_stream: HashMap<StreamId, FrameworkId>,
    pub(crate) frameworks_by_pid: HashMap<Upid, FrameworkId>,
    /// The peers that have proved who they are.
    pub(crate) principals: HashMap<Upid, String>,
    pub(crate) timers: Timers,
    /// Agents to allocate at the end of this step.
    pub(crate) due: BTreeSet<AgentId>,
    /// Whether the interval's run is due, even if there are no agents.
    pub(crate) run_due: bool,
    /// Agents whose resources were freed, to allocate a moment later.
    pub(crate) freed: BTreeSet<AgentId>,
    /// When the next agent may become unreachable, where that is limited.
    pub(crate) next_removal: Moment,
    /// How many agents a former master had.
    pub(crate) expected_agents: usize,
    /// How many agents must be there before anything is allocated.
    pub(crate) awaited_agents: usize,
    next_framework: u64,
    next_agent: u64,
    next_offer: u64,
    next_observer: u64,
    effects: Vec<Effect>,
}

impl Master {
    /// A master that has just started and leads nothing.
    pub fn new(config: Config, info: MasterInfo, now: Moment) -> Self {
        Self {
            config,
            info,
            started: now,
            elected: None,
            agents: BTreeMap::new(),
            recovered_agents: BTreeMap::new(),
            deactivated_agents: BTreeSet::new(),
            unreachable_agents: BTreeMap::new(),
            gone_agents: BTreeMap::new(),
            frameworks: BTreeMap::new(),
            completed_frameworks: VecDeque::new(),
            offers: BTreeMap::new(),
            allocator: Allocator::default(),
            policy: Policy::default(),
            maintenance: Maintenance::default(),
            inverse_offers: BTreeMap::new(),
            draining: BTreeMap::new(),
            counters: Counters::default(),
            traffic: BTreeMap::new(),
            now,
            has_registry: false,
            watched: false,
            agents_by_pid: HashMap::new(),
            observers: HashMap::new(),
            frameworks_by_stream: HashMap::new(),
            frameworks_by_pid: HashMap::new(),
            principals: HashMap::new(),
            timers: Timers::default(),
            due: BTreeSet::new(),
            run_due: false,
            freed: BTreeSet::new(),
            next_removal: Moment::ZERO,
            expected_agents: 0,
            awaited_agents: 0,
            next_framework: 0,
            next_agent: 0,
            next_offer: 0,
            next_observer: 0,
            effects: Vec::new(),
        }
    }

    /// Says what time it is, for what is done next.
    pub fn at(&mut self, now: Moment) -> &mut Self {
        self.now = now;
        self
    }

    /// Lets the state machine begin: this master leads.
    pub fn elect(&mut self) {
        let now = self.now;
        if self.elected.is_none() {
            self.elected = Some(now);
            self.run_due = true;
            self.begin_weights();
            self.timers.set(
                now.saturating_add(self.config.allocation_interval),
                Timer::Allocation,
            );
            tracing::info!("elected as the leading master {}", self.info.pid());
        }
    }

    /// When something is due that [`Master::tick`] must be called for.
    pub fn next_due(&self) -> Option<Moment> {
        self.timers.next()
    }

    /// Does what is due.
    pub fn tick(&mut self) {
        let now = self.now;
        while let Some(timer) = self.timers.due(now) {
            match timer {
                Timer::Allocation => {
                    self.due.extend(self.agents.keys().cloned());
                    self.run_due = true;
                    self.freed.clear();
                    self.timers.set(
                        now.saturating_add(self.config.allocation_interval),
                        Timer::Allocation,
                    );
                    self.forget_old_agents();
                }
                Timer::Freed => {
                    let freed = std::mem::take(&mut self.freed);
                    self.due.extend(freed);
                }
                Timer::Ping { agent, observer } => self.ping_is_over(&agent, observer),
                Timer::Removal { agent, observer } => self.removal_is_due(&agent, observer),
                Timer::GiveUp(agent) => self.give_up_unless_back(&agent),
                Timer::Reregister { agent, epoch } => self.reregistration_is_over(&agent, epoch),
                Timer::Failover { framework, epoch } => self.failover_is_over(&framework, epoch),
                Timer::Recovery => self.recovery_is_over(),
                Timer::Allocate => self.awaited_agents = 0,
                Timer::Offer(offer) => self.rescind(&offer),
                Timer::InverseOffer(offer) => self.rescind_inverse(&offer),
                Timer::Heartbeat { framework, stream } => self.heartbeat(&framework, stream),
            }
        }
    }

    /// What is to be done since this was last asked. Makes the offers that became possible first.
    pub fn take_effects(&mut self) -> Vec<Effect> {
        self.settle_drains();
        self.allocate_due();
        std::mem::take(&mut self.effects)
    }

    pub(crate) fn next_framework_id(&mut self) -> FrameworkId {
        let id = FrameworkId::new(format!("{}-{:04}", self.info.id(), self.next_framework));
        self.next_framework += 1;
        id
    }

    pub(crate) fn next_agent_id(&mut self) -> AgentId {
        let id = AgentId::new(format!("{}-S{}", self.info.id(), self.next_agent));
        self.next_agent += 1;
        id
    }

    pub(crate) fn next_offer_id(&mut self) -> OfferId {
        let id = OfferId::new(format!("{}-O{}", self.info.id(), self.next_offer));
        self.next_offer += 1;
        id
    }

    /// Observers are numbered from 1, as libprocess numbers the processes of one name.
    pub(crate) fn next_observer(&mut self, agent: &AgentId) -> u64 {
        self.next_observer += 1;
        self.observers.insert(self.next_observer, agent.clone());
        self.next_observer
    }

    pub(crate) fn effect(&mut self, effect: Effect) {
        self.effects.push(effect);
    }

    pub(crate) fn send(&mut self, to: &Upid, message: impl MessageFull) {
        self.effect(Effect::Send {
            from: Sender::Master,
            to: to.clone(),
            message: Box::new(message),
        });
    }

    pub(crate) fn send_to_agent(&mut self, agent: &AgentId, message: impl MessageFull) {
        if let Some(pid) = self.agents.get(agent).map(|a| a.pid.clone()) {
            self.send(&pid, message);
        }
    }

    /// Whether this is the number of an agent's observer.
    pub fn has_observer(&self, observer: u64) -> bool {
        self.observers.contains_key(&observer)
    }

    /// The numbers of all agents' observers.
    pub fn observers(&self) -> BTreeSet<u64> {
        self.observers.keys().copied().collect()
    }

    /// Whether a framework of this name has ended.
    pub fn is_completed(&self, framework: &FrameworkId) -> bool {
        self.completed_frameworks.iter().any(|f| f.id == *framework)
    }

    /// Counts resources as used.
    pub(crate) fn take(
        &mut self,
        framework: &FrameworkId,
        agent_id: &AgentId,
        resources: &Resources,
    ) {
        if let Some(agent) = self.agents.get_mut(agent_id) {
            agent.take(framework, resources);
        }
        if let Some(framework) = self.frameworks.get_mut(framework) {
            put(&mut framework.used, agent_id, resources);
        }
    }

    /// Counts resources as free again, and has them offered a moment later.
    pub(crate) fn release(
        &mut self,
        framework: &FrameworkId,
        agent_id: &AgentId,
        resources: &Resources,
    ) {
        if let Some(agent) = self.agents.get_mut(agent_id) {
            agent.release(framework, resources);
        }
        if let Some(framework) = self.frameworks.get_mut(framework) {
            take_out(&mut framework.used, agent_id, resources);
        }
        self.free(agent_id);
    }

    /// Remembers an executor on an agent, and its resources as used.
    pub(crate) fn add_executor(
        &mut self,
        framework: &FrameworkId,
        agent_id: &AgentId,
        executor: ExecutorInfo,
    ) {
        let resources = bag(&executor.resources);
        let Some(agent) = self.agents.get_mut(agent_id) else {
            return;
        };
        let id = ExecutorId::from(executor.executor_id.get_or_default());
        agent
            .executors
            .entry(framework.clone())
            .or_default()
            .insert(id, executor);
        self.take(framework, agent_id, &resources);
    }

    /// Forgets an executor and frees what it used; says whether it was known.
    pub(crate) fn remove_executor(
        &mut self,
        framework: &FrameworkId,
        agent_id: &AgentId,
        id: &ExecutorId,
    ) -> bool {
        let Some(agent) = self.agents.get_mut(agent_id) else {
            return false;
        };
        let Some(executors) = agent.executors.get_mut(framework) else {
            return false;
        };
        let Some(executor) = executors.remove(id) else {
            return false;
        };
        if executors.is_empty() {
            agent.executors.remove(framework);
        }
        self.release(framework, agent_id, &bag(&executor.resources));
        true
    }

    /// The agent that a task of this name is on, if the framework has such a task.
    pub(crate) fn agent_of(&self, framework: &FrameworkId, task: &TaskId) -> Option<AgentId> {
        let task = self.frameworks.get(framework)?.tasks.get(task)?;
        Some(AgentId::from(task.slave_id.get_or_default()))
    }
}

/// The sum of a message's resources; what is invalid in it counts for nothing, and was refused before.
pub(crate) fn bag(resources: &[mesos_proto::mesos::Resource]) -> Resources {
    Resources::from_protos(resources).unwrap_or_default()
}
