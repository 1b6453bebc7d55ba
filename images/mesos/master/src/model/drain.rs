//! Draining agents: what runs there is killed, with the time that it needs, and nothing new is
//! started until the agent is reactivated, or it is gone for good (protocol-flows §11).

use mesos_proto::mesos::slave_info::capability::Type as Capability;
use mesos_proto::mesos::{DrainConfig, DrainInfo, DrainState, DurationInfo};
use mesos_proto::messages::DrainSlaveMessage;
use protobuf::MessageField;

use super::calls::CallError;
use super::id::AgentId;
use super::master::Master;
use super::records::Record;

impl Master {
    /// Begins to drain an agent, also one that is not here now.
    pub fn drain_agent(
        &mut self,
        id: &AgentId,
        max_grace_period: Option<DurationInfo>,
        mark_gone: bool,
    ) -> Result<(), CallError> {
        let refuse = |text: String| Err(CallError::new(400, text));
        if let Some(agent) = self.agents.get(id) {
            if let Some(machine) = self.scheduled_machine(agent) {
                return refuse(format!(
                    "Agent {id} is part of a maintenance schedule under Machine {machine}"
                ));
            }
            if !agent.can(Capability::AGENT_DRAINING) {
                return refuse(format!("Agent {id} is not capable of draining"));
            }
        }
        if !self.is_known(id) {
            return refuse("Unknown agent".to_string());
        }
        tracing::info!("agent {id} is drained");
        let mut config = DrainConfig::new();
        config.max_grace_period = max_grace_period.into();
        config.set_mark_gone(mark_gone);
        let mut info = DrainInfo::new();
        info.set_state(DrainState::DRAINING);
        info.config = MessageField::some(config);
        self.set_drain(id, Some(info));
        self.set_deactivated(id, true);
        self.rescind_agent(id);
        self.tell_to_drain(id);
        Ok(())
    }

    /// Tells an agent that came back what it is to do, if it is draining.
    pub(crate) fn tell_to_drain(&mut self, id: &AgentId) {
        let now = self.now;
        let Some(info) = self.draining.get(id) else {
            return;
        };
        if info.state() != DrainState::DRAINING {
            return;
        }
        let mut message = DrainSlaveMessage::new();
        message.config = info.config.clone();
        if let Some(agent) = self.agents.get_mut(id) {
            agent.drain_started.get_or_insert(now);
            self.send_to_agent(id, message);
        }
    }

    pub(crate) fn set_drain(&mut self, id: &AgentId, info: Option<DrainInfo>) {
        let known = match &info {
            Some(info) => self.draining.insert(id.clone(), info.clone()),
            None => self.draining.remove(id),
        };
        if info.is_none() {
            if let Some(agent) = self.agents.get_mut(id) {
                agent.drain_started = None;
            }
            if known.is_none() {
                return;
            }
        }
        self.record(Record::Drain(id.clone(), info));
    }

    /// Agents that have nothing left are drained, or gone if that was asked for.
    pub(crate) fn settle_drains(&mut self) {
        let idle: Vec<AgentId> = self
            .draining
            .iter()
            .filter(|(_, info)| info.state() == DrainState::DRAINING)
            .filter(|(id, _)| {
                self.agents
                    .get(*id)
                    .is_some_and(|a| a.connected && a.is_idle())
            })
            .map(|(id, _)| id.clone())
            .collect();
        for id in idle {
            let Some(mut info) = self.draining.get(&id).cloned() else {
                continue;
            };
            if info.config.mark_gone() {
                // It is known, so nothing can be said against it.
                let _ = self.mark_agent_gone(&id);
            } else {
                tracing::info!("agent {id} is drained: nothing runs there");
                info.set_state(DrainState::DRAINED);
                self.set_drain(&id, Some(info));
            }
        }
    }
}
