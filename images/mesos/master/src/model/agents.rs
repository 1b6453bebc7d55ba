//! Agents that register, come back, say what they have, and go (protocol-flows §3).

use mesos_proto::mesos::slave_info::capability::Type as Capability;
use mesos_proto::mesos::{Resource, SlaveInfo, slave_info};
use mesos_proto::messages::{
    CheckpointResourcesMessage, MasterSlaveConnection, RegisterSlaveMessage,
    ReregisterSlaveMessage, ShutdownMessage, SlaveRegisteredMessage, SlaveReregisteredMessage,
    UnregisterSlaveMessage, UpdateFrameworkMessage, UpdateSlaveMessage,
};
use mesos_wire::pid::Upid;
use mesos_wire::resources::operation::with_checkpointed;
use mesos_wire::resources::{Format, Resources};
use protobuf::MessageField;

use super::adopt;
use super::agent::Agent;
use super::effect::Effect;
use super::health::Removal;
use super::id::{AgentId, FrameworkId};
use super::master::{Master, bag};
use super::standing::GONE;
use super::watch::Happening;

/// What agents are told whose machine is worked on.
const MACHINE_DOWN: &str = "Machine is `DOWN`";

impl Master {
    /// A new agent.
    pub fn register_agent(&mut self, from: &Upid, message: RegisterSlaveMessage) {
        self.counters.bump("messages_register_slave");
        if !self.is_known_agent(from) || !self.may_register(from, &message.slave) {
            return;
        }
        if self.is_down(message.slave.hostname(), from) {
            self.shut_down(from, MACHINE_DOWN);
            return;
        }
        let Some(total) = self.admissible(
            from,
            &message.slave,
            message.version(),
            &message.checkpointed_resources,
        ) else {
            return;
        };
        if let Some(id) = self.agents_by_pid.get(from).cloned() {
            if self.agents.get(&id).is_some_and(|a| a.connected) {
                tracing::info!("agent {id} at {from} registered again: telling it its id");
                self.send(from, self.registered_message(&id));
                return;
            }
            self.remove_agent(&id, Removal::Replaced);
        }
        let id = self.next_agent_id();
        let agent = self.new_agent(
            id.clone(),
            from.clone(),
            message.slave.unwrap_or_default(),
            message.version.unwrap_or_default(),
            &message.agent_capabilities,
            total,
        );
        let agent = Agent {
            checkpointed: message.checkpointed_resources,
            resource_version: message.resource_version_uuid.into_option(),
            ..agent
        };
        tracing::info!(
            "agent {id} registered at {from} ({}) with {}",
            agent.info.hostname(),
            agent.total
        );
        self.counters.bump("slave_registrations");
        let info = agent.info.clone();
        self.agents_by_pid.insert(from.clone(), id.clone());
        self.agents.insert(id.clone(), agent);
        self.keep_admitted(&id);
        self.happened(|| Happening::AgentAdded(id.clone()));
        self.effect(Effect::Link(from.clone()));
        self.send(from, self.registered_message(&id));
        self.supersede_expected(&info);
        self.learn_unavailability(&id);
        self.begin_pings(&id);
        self.allocate(&id);
    }

    /// An agent that has an id already: after its own restart, another master's end, or a lost
    /// connection.
    pub fn reregister_agent(&mut self, from: &Upid, message: ReregisterSlaveMessage) {
        self.counters.bump("messages_reregister_slave");
        if !self.is_known_agent(from) || !self.may_register(from, &message.slave) {
            return;
        }
        if self.is_down(message.slave.hostname(), from) {
            self.shut_down(from, MACHINE_DOWN);
            return;
        }
        let id = AgentId::from(message.slave.id.get_or_default());
        if let Some(flaw) = adopt::flaw(&message) {
            tracing::warn!("ignoring agent {id} at {from}, which came back: {flaw}");
            return;
        }
        let Some(total) = self.admissible(
            from,
            &message.slave,
            message.version(),
            &message.checkpointed_resources,
        ) else {
            return;
        };
        if self.gone_agents.contains_key(&id) {
            self.shut_down(from, GONE);
            return;
        }
        let known = match self.agents.get(&id) {
            Some(agent)
                if agent.pid.address.ip() != from.address.ip()
                    || agent.info.hostname() != message.slave.hostname() =>
            {
                self.shut_down(
                    from,
                    "Agent attempted to reregister with different IP / hostname",
                );
                return;
            }
            known => known.is_some(),
        };
        self.counters.bump("slave_reregistrations");
        let answer = if known {
            self.take_back(&id, from, &message, total)
        } else {
            self.readmit(&id, from, &message, total);
            let mut answer = SlaveReregisteredMessage::new();
            answer.slave_id = id.field();
            answer.connection = MessageField::some(self.connection());
            answer
        };
        tracing::info!(
            "agent {id} came back at {from} with {} tasks",
            message.tasks.len()
        );
        self.send(from, answer);
        self.finish_return(&id, from, &message);
        self.learn_unavailability(&id);
        self.tell_to_drain(&id);
        self.begin_pings(&id);
        self.allocate(&id);
    }

    /// An agent that says goodbye.
    pub fn unregister_agent(&mut self, from: &Upid, message: &UnregisterSlaveMessage) {
        self.counters.bump("messages_unregister_slave");
        let id = AgentId::from(message.slave_id.get_or_default());
        if self.agents.get(&id).is_some_and(|a| a.pid == *from) {
            self.remove_agent(&id, Removal::Unregistered);
        } else {
            tracing::warn!(
                "ignoring goodbye of agent {id} from {from}: it is not registered there"
            );
        }
    }

    /// An agent's word on its resources' version and on those it can spare for a while.
    pub fn update_agent(&mut self, message: UpdateSlaveMessage) {
        self.counters.bump("messages_update_slave");
        let id = AgentId::from(message.slave_id.get_or_default());
        let Some(agent) = self.agents.get_mut(&id) else {
            tracing::warn!("ignoring update of unknown agent {id}");
            return;
        };
        if let Some(version) = message.resource_version_uuid.into_option() {
            agent.resource_version = Some(version);
        }
        let mut total = agent.total.clone();
        let operations = message.operations.into_option();
        if message.update_oversubscribed_resources.unwrap_or_default() {
            let spared = message
                .oversubscribed_resources
                .iter()
                .filter(|r| r.revocable.is_some());
            match Resources::from_protos(spared) {
                Ok(spared) => {
                    total = total.filter(|r| r.revocable.is_none());
                    total.add(&spared);
                }
                Err(error) => tracing::warn!("ignoring spared resources of agent {id}: {error}"),
            }
        }
        if total != agent.total {
            agent.total = total;
            // These words come again and again: who was offered firm resources keeps them.
            self.rescind_lent(&id);
            self.allocator.forget_agent(&id);
            self.allocate(&id);
        }
        // One that only says what it lends lists none of its operations.
        if let Some(operations) = operations {
            self.merge_operations(&id, operations.operations);
        }
    }

    /// What is wrong with a (re)registration is logged and not answered; else the agent's resources.
    fn admissible(
        &self,
        from: &Upid,
        info: &SlaveInfo,
        version: &str,
        checkpointed: &[Resource],
    ) -> Option<Resources> {
        let refuse = |why: String| {
            tracing::warn!("ignoring agent at {from} ({}): {why}", info.hostname());
            None
        };
        match major_version(version) {
            None => return refuse(format!("its version `{version}` is not `N.N.N`")),
            Some(0) => return refuse(format!("its version {version} is older than 1.0.0")),
            Some(_) => {}
        }
        if !checkpointed.is_empty() && !info.checkpoint() {
            return refuse("it has checkpointed resources but does not checkpoint".to_string());
        }
        match with_checkpointed(&info.resources, checkpointed) {
            Ok(total) => Some(total),
            Err(error) => refuse(error.to_string()),
        }
    }

    /// The record of an agent at its arrival.
    pub(crate) fn new_agent(
        &mut self,
        id: AgentId,
        pid: Upid,
        mut info: SlaveInfo,
        version: String,
        capabilities: &[slave_info::Capability],
        total: Resources,
    ) -> Agent {
        info.id = id.field();
        info.resources = bag(&info.resources).to_protos(Format::Post);
        let observer = self.next_observer(&id);
        let deactivated = self.deactivated_agents.contains(&id);
        Agent {
            deactivated,
            id,
            info,
            pid,
            version,
            capabilities: capabilities
                .iter()
                .map(slave_info::Capability::type_)
                .collect(),
            connected: true,
            registered: self.now,
            reregistered: None,
            total,
            checkpointed: Vec::new(),
            operations: Default::default(),
            resource_version: None,
            tasks: Default::default(),
            executors: Default::default(),
            used: Default::default(),
            offered: Resources::new(),
            offers: Default::default(),
            killed: Default::default(),
            observer,
            missed: 0,
            pinged: false,
            answered: false,
            epoch: 0,
            unavailability: None,
            maintenance_answers: Default::default(),
            is_doomed: false,
            drain_started: None,
        }
    }

    /// What follows each return: ended frameworks' tasks are shut down, the others' agents learn how
    /// the frameworks are reached, and reservations are said again.
    fn finish_return(&mut self, id: &AgentId, from: &Upid, message: &ReregisterSlaveMessage) {
        for info in &message.frameworks {
            let framework = FrameworkId::from(info.id.get_or_default());
            match self.frameworks.get(&framework) {
                Some(known) if !known.recovered => {
                    let update = UpdateFrameworkMessage {
                        framework_id: framework.field(),
                        pid: Some(known.pid_text()),
                        framework_info: MessageField::some(known.info.clone()),
                        ..Default::default()
                    };
                    self.send(from, update);
                }
                Some(_) => {}
                None => self.send_shutdown_framework(from, &framework),
            }
        }
        let Some(agent) = self.agents.get(id) else {
            return;
        };
        if !agent.can(Capability::RESOURCE_PROVIDER) {
            let mut checkpoint = CheckpointResourcesMessage::new();
            checkpoint.resources = bag(&agent.checkpointed).to_protos(agent.format());
            self.send(from, checkpoint);
        }
    }

    fn registered_message(&self, id: &AgentId) -> SlaveRegisteredMessage {
        let mut message = SlaveRegisteredMessage::new();
        message.slave_id = id.field();
        message.connection = MessageField::some(self.connection());
        message
    }

    /// After how long without a ping an agent is to look for its master again.
    pub(crate) fn connection(&self) -> MasterSlaveConnection {
        let timeout = self
            .config
            .ping_timeout
            .saturating_mul(self.config.max_ping_timeouts);
        let mut connection = MasterSlaveConnection::new();
        connection.set_total_ping_timeout_seconds(timeout.as_secs_f64());
        connection
    }

    fn shut_down(&mut self, pid: &Upid, why: &str) {
        tracing::warn!("telling agent at {pid} to exit: {why}");
        let mut message = ShutdownMessage::new();
        message.set_message(why.to_string());
        self.send(pid, message);
    }
}

/// The first number of `N.N.N`.
fn major_version(version: &str) -> Option<u64> {
    // A suffix such as `-dev` may follow.
    let core = version.split(['-', '+']).next().unwrap_or_default();
    let mut numbers = core.split('.').map(|n| n.parse::<u64>().ok());
    let major = numbers.next().flatten()?;
    numbers.all(|n| n.is_some()).then_some(major)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_versions_with_a_number_are_read() {
        for (text, want) in [
            ("1.12.0", Some(1)),
            ("0.28.3", Some(0)),
            ("1.11.0-dev", Some(1)),
            ("", None),
            ("one", None),
            ("1.x", None),
        ] {
            assert_eq!(major_version(text), want, "case `{text}`");
        }
    }
}
