//! Frameworks that subscribe, come back, disconnect and end (protocol-flows §5).

use mesos_proto::mesos::task_status::{Reason, Source};
use mesos_proto::mesos::{FrameworkInfo, TaskState, TaskStatus};
use mesos_proto::messages::{
    FrameworkErrorMessage, FrameworkReregisteredMessage, ShutdownFrameworkMessage,
    UpdateFrameworkMessage,
};
use mesos_proto::scheduler::{OfferConstraints, call};
use mesos_wire::pid::Upid;
use protobuf::MessageField;

use super::calls::CallError;
use super::config::Config;
use super::counters::is_terminal;
use super::effect::{Effect, StreamId, Timer};
use super::framework::{Capabilities, Connection, Framework, roles_of};
use super::id::{AgentId, FrameworkId, TaskId};
use super::master::{Master, bag};
use super::notify::error_event;
use super::offers::Tell;
use super::status::record;
use super::validate_framework::{self, Subscription};
use super::watch::Happening;
use super::wishes::Wishes;

impl Master {
    /// A framework that wants events on a stream of the v1 API. A refusal is an event, too.
    pub fn subscribe_http(&mut self, stream: StreamId, call: call::Subscribe) {
        let id = FrameworkId::from(call.framework_info.id.get_or_default());
        if let Some(error) = self.subscription_flaw(&call, &id) {
            tracing::warn!(
                "refusing framework `{}`: {error}",
                call.framework_info.name()
            );
            self.effect(Effect::Event {
                stream,
                event: Box::new(error_event(&error)),
            });
            self.effect(Effect::Close(stream));
            return;
        }
        let id = self.accept_subscription(id, call, Connection::Http(stream));
        self.welcome(&id);
        self.announce_framework(&id);
        self.allocate_all();
    }

    /// A framework that wants messages sent to its v0 driver.
    pub fn subscribe_driver(&mut self, from: &Upid, mut call: call::Subscribe) {
        let claimed = match call.framework_info.as_mut() {
            Some(info) => self.claim_framework(from, info),
            None => Ok(()),
        };
        if let Err(error) = claimed {
            tracing::warn!("refusing the framework at {from}: {error}");
            self.send_framework_error(from, &error);
            return;
        }
        let id = FrameworkId::from(call.framework_info.id.get_or_default());
        if let Some(error) = self.subscription_flaw(&call, &id) {
            tracing::warn!(
                "refusing framework `{}` at {from}: {error}",
                call.framework_info.name()
            );
            self.send_framework_error(from, &error);
            return;
        }
        if let Some(known) = self.frameworks_by_pid.get(from).cloned()
            && id.as_str().is_empty()
        {
            self.welcome(&known);
            return;
        }
        let is_known = self.frameworks.get(&id).is_some_and(|f| !f.recovered);
        let is_forced = call.force();
        // A driver that lost its connection comes back from where it was: nobody else has taken over.
        let was_here = self.last_pid(&id) == Some(from.to_string());
        if is_known && !is_forced && !was_here {
            self.send_framework_error(from, "Framework failed over");
            return;
        }
        let id = self.accept_subscription(id, call, Connection::Driver(from.clone()));
        self.effect(Effect::Link(from.clone()));
        if is_known && !is_forced {
            let mut message = FrameworkReregisteredMessage::new();
            message.framework_id = id.field();
            message.master_info = MessageField::some(self.info.clone());
            self.send(from, message);
        } else {
            self.welcome(&id);
        }
        self.announce_framework(&id);
        self.allocate_all();
    }

    fn last_pid(&self, id: &FrameworkId) -> Option<String> {
        self.frameworks.get(id)?.last_pid.clone()
    }

    fn subscription_flaw(&self, call: &call::Subscribe, id: &FrameworkId) -> Option<String> {
        if self.is_completed(id) {
            return Some("Framework has been removed".to_string());
        }
        let known = self.frameworks.get(id);
        let config = &self.config;
        let constraints =
            || constraints_flaw(config, &call.framework_info, &call.offer_constraints);
        validate_framework::flaw(
            &self.config,
            Subscription {
                info: &call.framework_info,
                suppressed: &call.suppressed_roles,
            },
        )
        .or_else(constraints)
        .or_else(|| self.registration_denied(&call.framework_info))
        .or_else(|| {
            let known = known.filter(|f| !f.recovered)?;
            validate_framework::principal_flaw(&known.info, &call.framework_info)
        })
    }

    /// Makes the framework, or gives a known one its new connection.
    fn accept_subscription(
        &mut self,
        id: FrameworkId,
        call: call::Subscribe,
        connection: Connection,
    ) -> FrameworkId {
        let info = call.framework_info.unwrap_or_default();
        let id = if id.as_str().is_empty() {
            self.counters.bump("messages_register_framework");
            self.next_framework_id()
        } else {
            self.counters.bump("messages_reregister_framework");
            id
        };
        let is_new = !self.frameworks.contains_key(&id);
        self.begin_traffic(&info);
        if let Some(known) = self.frameworks.get(&id) {
            // Only who is still there under the same connection knows of offers to be taken back.
            let tell = if known.connection == connection {
                Tell::Framework
            } else {
                Tell::Nobody
            };
            self.recall_offers(&id, tell);
            self.kick_out(&id, &connection);
        } else {
            self.frameworks.insert(
                id.clone(),
                Framework::new(id.clone(), info.clone(), self.now),
            );
        }
        match &connection {
            Connection::Http(stream) => {
                self.frameworks_by_stream.insert(*stream, id.clone());
            }
            Connection::Driver(pid) => {
                self.frameworks_by_pid.insert(pid.clone(), id.clone());
            }
            Connection::None => {}
        }
        let now = self.now;
        if let Some(framework) = self.frameworks.get_mut(&id) {
            tracing::info!(
                "framework {id} `{}` subscribed through {connection}",
                info.name()
            );
            framework.last_pid = match &connection {
                Connection::Driver(pid) => Some(pid.to_string()),
                Connection::None | Connection::Http(_) => None,
            };
            if framework.recovered {
                framework.recovered = false;
                framework.registered = now;
            }
            framework.connection = connection;
            framework.active = true;
            framework.reregistered = now;
            framework.epoch += 1;
            framework.counters.call(call::Type::SUBSCRIBE);
            describe(
                framework,
                info,
                call.suppressed_roles,
                call.offer_constraints.into_option(),
                self.config.pattern_memory,
            );
        }
        self.allocator.revive(&id, &Default::default());
        self.happened(|| {
            if is_new {
                Happening::FrameworkAdded(id.clone())
            } else {
                Happening::FrameworkUpdated(id.clone())
            }
        });
        id
    }

    /// Ends the connection that a framework had before.
    fn kick_out(&mut self, id: &FrameworkId, successor: &Connection) {
        let Some(framework) = self.frameworks.get_mut(id) else {
            return;
        };
        let old = std::mem::replace(&mut framework.connection, Connection::None);
        if old == *successor {
            return;
        }
        match old {
            Connection::None => {}
            Connection::Http(stream) => {
                self.frameworks_by_stream.remove(&stream);
                self.effect(Effect::Event {
                    stream,
                    event: Box::new(error_event("Framework failed over")),
                });
                self.effect(Effect::Close(stream));
            }
            Connection::Driver(pid) => {
                self.frameworks_by_pid.remove(&pid);
                self.send_framework_error(&pid, "Framework failed over");
            }
        }
    }

    pub(crate) fn send_framework_error(&mut self, to: &Upid, text: &str) {
        let mut message = FrameworkErrorMessage::new();
        message.set_message(text.to_string());
        self.send(to, message);
    }

    /// Tells the agents how a framework is reached now.
    pub(crate) fn announce_framework(&mut self, id: &FrameworkId) {
        let Some(framework) = self.frameworks.get(id) else {
            return;
        };
        let message = UpdateFrameworkMessage {
            framework_id: id.field(),
            pid: Some(framework.pid_text()),
            framework_info: MessageField::some(framework.info.clone()),
            ..Default::default()
        };
        let pids: Vec<Upid> = self.agents.values().map(|a| a.pid.clone()).collect();
        for pid in pids {
            self.send(&pid, message.clone());
        }
    }

    /// A framework describes itself anew. Refused with a text where it may not.
    pub fn update_framework(
        &mut self,
        id: &FrameworkId,
        call: call::UpdateFramework,
    ) -> Result<(), CallError> {
        let refuse = |text: String| Err(CallError::new(400, text));
        let Some(known) = self.frameworks.get(id) else {
            return refuse("Framework cannot be found".to_string());
        };
        let info = call.framework_info.get_or_default();
        let wanted = Subscription {
            info,
            suppressed: &call.suppressed_roles,
        };
        if let Some(flaw) = validate_framework::flaw(&self.config, wanted) {
            return refuse(format!("Supplied FrameworkInfo is not valid: {flaw}"));
        }
        if let Some(flaw) = validate_framework::change_flaw(&known.info, info) {
            return refuse(format!("FrameworkInfo update is not valid: {flaw}"));
        }
        if let Some(flaw) = constraints_flaw(&self.config, info, &call.offer_constraints) {
            return refuse(flaw);
        }
        if let Some(text) = self.registration_denied(info) {
            return Err(CallError::new(403, text));
        }
        if let Some(framework) = self.frameworks.get_mut(id) {
            framework.counters.call(call::Type::UPDATE_FRAMEWORK);
            let constraints = call.offer_constraints.into_option();
            describe(
                framework,
                call.framework_info.unwrap_or_default(),
                call.suppressed_roles,
                constraints,
                self.config.pattern_memory,
            );
        }
        self.happened(|| Happening::FrameworkUpdated(id.clone()));
        self.rescind_lost_roles(id);
        self.announce_framework(id);
        self.allocate_all();
        Ok(())
    }

    fn rescind_lost_roles(&mut self, id: &FrameworkId) {
        let Some(framework) = self.frameworks.get(id) else {
            return;
        };
        let lost: Vec<_> = framework
            .offers
            .iter()
            .filter(|offer| {
                self.offers
                    .get(*offer)
                    .is_some_and(|o| !framework.roles.contains(&o.role))
            })
            .cloned()
            .collect();
        for offer in lost {
            self.rescind(&offer);
        }
    }

    /// A framework's event stream was closed by its other end.
    pub fn stream_closed(&mut self, stream: StreamId) {
        if let Some(id) = self.frameworks_by_stream.get(&stream).cloned() {
            self.disconnect_framework(&id);
        }
    }

    /// A framework is not reached any more: it has its failover timeout to come back.
    pub(crate) fn disconnect_framework(&mut self, id: &FrameworkId) {
        self.recall_offers(id, Tell::Nobody);
        let Some(framework) = self.frameworks.get_mut(id) else {
            return;
        };
        let old = std::mem::replace(&mut framework.connection, Connection::None);
        framework.active = false;
        framework.epoch += 1;
        let (epoch, timeout) = (framework.epoch, framework.failover_timeout());
        tracing::warn!("framework {id} disconnected; it may come back within {timeout:?}");
        match old {
            Connection::None => return,
            Connection::Http(stream) => {
                self.frameworks_by_stream.remove(&stream);
            }
            Connection::Driver(pid) => {
                self.frameworks_by_pid.remove(&pid);
                self.send_framework_error(&pid, "Framework disconnected");
            }
        }
        if timeout.is_zero() {
            self.remove_framework(id);
        } else {
            let timer = Timer::Failover {
                framework: id.clone(),
                epoch,
            };
            self.timers.set(self.now.saturating_add(timeout), timer);
        }
    }

    pub(crate) fn failover_is_over(&mut self, id: &FrameworkId, epoch: u64) {
        if self
            .frameworks
            .get(id)
            .is_some_and(|f| !f.is_connected() && f.epoch == epoch)
        {
            self.remove_framework(id);
        }
    }

    /// A driver that aborted: it gets no more offers, but stays.
    pub fn deactivate_framework(&mut self, from: &Upid, id: &FrameworkId) {
        self.counters.bump("messages_deactivate_framework");
        if self
            .frameworks
            .get(id)
            .is_some_and(|f| f.pid() == Some(from))
        {
            self.recall_offers(id, Tell::Framework);
            if let Some(framework) = self.frameworks.get_mut(id) {
                framework.active = false;
            }
        }
    }

    pub(crate) fn send_shutdown_framework(&mut self, agent: &Upid, id: &FrameworkId) {
        let mut message = ShutdownFrameworkMessage::new();
        message.framework_id = id.field();
        self.send(agent, message);
    }

    /// Ends a framework and all that it runs.
    pub fn remove_framework(&mut self, id: &FrameworkId) {
        if !self.frameworks.contains_key(id) {
            return;
        }
        tracing::info!("framework {id} is removed");
        self.recall_offers(id, Tell::Nobody);
        let pids: Vec<Upid> = self.agents.values().map(|a| a.pid.clone()).collect();
        for pid in pids {
            self.send_shutdown_framework(&pid, id);
        }
        self.end_frameworks_tasks(id);
        let agents: Vec<AgentId> = self.agents.keys().cloned().collect();
        for agent_id in agents {
            let Some(agent) = self.agents.get_mut(&agent_id) else {
                continue;
            };
            agent.executors.remove(id);
            agent.killed.remove(id);
            if agent.used.remove(id).is_some() {
                self.free(&agent_id);
            }
        }
        let Some(mut framework) = self.frameworks.remove(id) else {
            return;
        };
        match std::mem::replace(&mut framework.connection, Connection::None) {
            Connection::None => {}
            Connection::Http(stream) => {
                self.frameworks_by_stream.remove(&stream);
                self.effect(Effect::Close(stream));
            }
            Connection::Driver(pid) => {
                self.frameworks_by_pid.remove(&pid);
            }
        }
        framework.active = false;
        framework.used = Default::default();
        framework.unregistered = Some(self.now);
        self.happened(|| Happening::FrameworkRemoved(Box::new(framework.info.clone())));
        self.allocator.forget_framework(id);
        self.forget_traffic(&framework);
        self.completed_frameworks.push_back(framework);
        while self.completed_frameworks.len() > self.config.max_completed_frameworks {
            self.completed_frameworks.pop_front();
        }
    }

    /// In the master's books the tasks of an ended framework are killed; nobody is told.
    fn end_frameworks_tasks(&mut self, id: &FrameworkId) {
        let tasks: Vec<TaskId> = self
            .frameworks
            .get(id)
            .into_iter()
            .flat_map(|f| f.tasks.keys().cloned())
            .collect();
        for task_id in tasks {
            let Some(mut task) = self.unindex_task(id, &task_id) else {
                continue;
            };
            if !is_terminal(task.state()) {
                let agent = AgentId::from(task.slave_id.get_or_default());
                self.release(id, &agent, &bag(&task.resources));
                let mut status = TaskStatus::new();
                status.task_id = task.task_id.clone();
                status.slave_id = task.slave_id.clone();
                status.set_state(TaskState::TASK_KILLED);
                status.set_source(Source::SOURCE_MASTER);
                status.set_reason(Reason::REASON_FRAMEWORK_REMOVED);
                status.set_message(format!("Framework {id} removed"));
                status.set_timestamp(self.now.as_secs_f64());
                task.set_state(TaskState::TASK_KILLED);
                record(&mut task, &status);
                self.task_happened(id, None, &status, TaskState::TASK_KILLED);
                self.count_end(id, &status);
            }
            let most = self.config.max_completed_tasks;
            if let Some(framework) = self.frameworks.get_mut(id) {
                framework.complete(task, most);
            }
        }
    }
}

/// What is wrong with what a framework wants of agents, if anything.
fn constraints_flaw(
    config: &Config,
    info: &FrameworkInfo,
    constraints: &OfferConstraints,
) -> Option<String> {
    let roles = roles_of(info);
    let mut named: Vec<&String> = constraints.role_constraints.keys().collect();
    named.sort();
    if let Some(role) = named.into_iter().find(|role| !roles.contains(*role)) {
        return Some(format!(
            "Offer constraints specify `role_constraints` for a role '{role}'not contained in the set of roles"
        ));
    }
    let flaw = Wishes::new(constraints, config.pattern_memory).err()?;
    Some(format!("Offer constraints are not valid: {flaw}"))
}

/// Takes over a framework's description, but for what it may not change.
fn describe(
    framework: &mut Framework,
    mut info: FrameworkInfo,
    suppressed: Vec<String>,
    constraints: Option<OfferConstraints>,
    memory: usize,
) {
    info.id = framework.id.field();
    info.user = framework.info.user.clone();
    info.checkpoint = framework.info.checkpoint;
    framework.capabilities = Capabilities::of(&info);
    framework.roles = roles_of(&info);
    framework.suppressed = suppressed.into_iter().collect();
    framework.offer_constraints = constraints.unwrap_or_default();
    // They were found to be valid before.
    framework.wishes = Wishes::new(&framework.offer_constraints, memory).unwrap_or_default();
    framework.info = info;
}
