//! The calls of frameworks, from either API (v1-api §5).

use mesos_proto::mesos::offer::operation;
use mesos_proto::messages::{FrameworkToExecutorMessage, KillTaskMessage, ShutdownExecutorMessage};
use mesos_proto::scheduler::{Call, call};
use mesos_wire::pid::Upid;

use super::framework::Connection;
use super::id::{AgentId, FrameworkId, TaskId};
use super::master::Master;

/// Who makes a call.
#[derive(Debug, Clone, Copy)]
pub enum Caller<'a> {
    /// A client of the v1 API, with the stream id that it sent.
    Http(Option<&'a str>),
    /// A v0 driver.
    Driver(&'a Upid),
}

/// Why a call is refused: an HTTP status and a text.
#[derive(Debug, PartialEq, Eq)]
pub struct CallError {
    /// The HTTP status.
    pub status: u16,
    /// What is wrong.
    pub text: String,
}

impl CallError {
    pub(crate) fn new(status: u16, text: impl Into<String>) -> Self {
        Self {
            status,
            text: text.into(),
        }
    }

    /// What whoever may not do it is told.
    pub fn forbidden() -> Self {
        Self::new(403, "403 Forbidden.")
    }
}

impl Master {
    /// Whether a framework, if there is such a one, is this principal's.
    pub fn check_principal(&self, id: &FrameworkId, proved: &str) -> Result<(), CallError> {
        match self.frameworks.get(id).map(|known| known.info.principal()) {
            Some(own) if own != proved => Err(CallError::new(
                400,
                format!(
                    "Authenticated principal '{proved}' does not match principal '{own}' set in `FrameworkInfo`"
                ),
            )),
            _ => Ok(()),
        }
    }

    /// Whether a call other than SUBSCRIBE may be made (v1-api §5; drivers are known by their pid).
    fn check_caller(&self, id: &FrameworkId, caller: Caller<'_>) -> Result<(), CallError> {
        let Some(framework) = self.frameworks.get(id) else {
            return Err(CallError::new(400, "Framework cannot be found"));
        };
        match (&framework.connection, caller) {
            (Connection::None, _) => Err(CallError::new(403, "Framework is not subscribed")),
            (Connection::Driver(_), Caller::Http(_)) => {
                Err(CallError::new(403, "Framework is not connected via HTTP"))
            }
            (Connection::Http(_), Caller::Http(None)) => Err(CallError::new(
                400,
                "All non-subscribe calls should include the 'Mesos-Stream-Id' header",
            )),
            (Connection::Http(stream), Caller::Http(Some(text))) => {
                if stream.0.to_string().eq_ignore_ascii_case(text) {
                    Ok(())
                } else {
                    Err(CallError::new(
                        400,
                        format!(
                            "The stream ID '{text}' included in this request didn't match the stream ID currently associated with framework ID {id}"
                        ),
                    ))
                }
            }
            (Connection::Driver(pid), Caller::Driver(from)) if pid == from => Ok(()),
            (_, Caller::Driver(_)) => Err(CallError::new(403, "Framework is not subscribed")),
        }
    }

    /// Makes a call other than SUBSCRIBE. What the call itself may run into comes back as events; an
    /// error is for a caller who may not call at all.
    pub fn call(&mut self, caller: Caller<'_>, call: Call) -> Result<(), CallError> {
        let id = FrameworkId::from(call.framework_id.get_or_default());
        if let Err(error) = self.check_caller(&id, caller) {
            if let Caller::Driver(pid) = caller
                && self.frameworks.get(&id).is_some_and(|f| !f.is_connected())
            {
                self.send_framework_error(pid, "Framework disconnected");
            }
            return Err(error);
        }
        if call.type_() == call::Type::UNKNOWN {
            return Err(CallError::new(501, "501 Not Implemented."));
        }
        if call.type_() == call::Type::UPDATE_FRAMEWORK {
            let update = call.update_framework.unwrap_or_default();
            let updated = self.update_framework(&id, update);
            if let (Err(error), Caller::Driver(pid)) = (&updated, caller) {
                self.send_framework_error(pid, &error.text);
            }
            return updated;
        }
        if let Some(framework) = self.frameworks.get_mut(&id) {
            framework.counters.call(call.type_());
        }
        match call.type_() {
            call::Type::TEARDOWN => {
                self.counters.bump("messages_unregister_framework");
                self.remove_framework(&id);
            }
            call::Type::ACCEPT => self.accept_call(&id, call.accept.unwrap_or_default()),
            call::Type::DECLINE => {
                self.counters.bump("messages_decline_offers");
                self.decline(&id, &call.decline.unwrap_or_default());
            }
            call::Type::REVIVE => {
                self.counters.bump("messages_revive_offers");
                self.revive(&id, call.revive.unwrap_or_default().roles);
            }
            call::Type::SUPPRESS => {
                self.counters.bump("messages_suppress_offers");
                self.suppress(&id, call.suppress.unwrap_or_default().roles);
            }
            call::Type::KILL => self.kill(&id, call.kill.unwrap_or_default()),
            call::Type::SHUTDOWN => self.shutdown_executor(&id, call.shutdown.unwrap_or_default()),
            call::Type::ACKNOWLEDGE => self.acknowledge(&id, call.acknowledge.unwrap_or_default()),
            call::Type::RECONCILE => self.reconcile(&id, &call.reconcile.unwrap_or_default()),
            call::Type::MESSAGE => self.message(&id, call.message.unwrap_or_default()),
            // The allocator of Mesos has no use for requests either.
            call::Type::REQUEST => self.counters.bump("messages_resource_request"),
            call::Type::RECONCILE_OPERATIONS => {
                self.reconcile_operations(&id, &call.reconcile_operations.unwrap_or_default());
            }
            call::Type::ACKNOWLEDGE_OPERATION_STATUS => {
                let call = call.acknowledge_operation_status.unwrap_or_default();
                self.acknowledge_operation(&id, &call);
            }
            call::Type::ACCEPT_INVERSE_OFFERS => {
                self.accept_inverse(&id, &call.accept_inverse_offers.unwrap_or_default());
            }
            call::Type::DECLINE_INVERSE_OFFERS => {
                self.decline_inverse(&id, &call.decline_inverse_offers.unwrap_or_default());
            }
            call::Type::SUBSCRIBE | call::Type::UPDATE_FRAMEWORK | call::Type::UNKNOWN => {}
        }
        Ok(())
    }

    fn accept_call(&mut self, id: &FrameworkId, accept: call::Accept) {
        let launches = accept.operations.iter().any(|operation| {
            matches!(
                operation.type_(),
                operation::Type::LAUNCH | operation::Type::LAUNCH_GROUP
            )
        });
        self.counters.bump(if launches {
            "messages_launch_tasks"
        } else {
            "messages_decline_offers"
        });
        self.accept(id, accept);
    }

    fn decline(&mut self, id: &FrameworkId, decline: &call::Decline) {
        let seconds = decline.filters.get_or_default().refuse_seconds();
        for offer_id in &decline.offer_ids {
            let offer_id = super::id::OfferId::from(offer_id);
            if self
                .offers
                .get(&offer_id)
                .is_none_or(|offer| offer.framework != *id)
            {
                tracing::warn!(
                    "framework {id} declines offer {offer_id}, which is no longer valid"
                );
                continue;
            }
            let Some(offer) = self.remove_offer(&offer_id) else {
                continue;
            };
            if let Some(framework) = self.frameworks.get_mut(id) {
                framework.counters.offers_declined += 1;
            }
            // What was declined waits for the next interval, so that a framework that refuses for no
            // time at all is not asked without end.
            self.refuse(id, &offer.role, &offer.agent, &offer.resources, seconds);
        }
    }

    fn revive(&mut self, id: &FrameworkId, roles: Vec<String>) {
        let Some(framework) = self.frameworks.get_mut(id) else {
            return;
        };
        let roles = roles.into_iter().collect();
        if framework.roles.is_disjoint(&roles) && !roles.is_empty() {
            tracing::warn!("framework {id} revives roles that it does not have");
            return;
        }
        if roles.is_empty() {
            framework.suppressed.clear();
        } else {
            framework.suppressed.retain(|role| !roles.contains(role));
        }
        self.allocator.revive(id, &roles);
        self.allocate_all();
    }

    fn suppress(&mut self, id: &FrameworkId, roles: Vec<String>) {
        let Some(framework) = self.frameworks.get_mut(id) else {
            return;
        };
        if roles.is_empty() {
            framework.suppressed = framework.roles.clone();
        } else {
            let own = roles
                .into_iter()
                .filter(|role| framework.roles.contains(role));
            framework.suppressed.extend(own);
        }
    }

    fn kill(&mut self, id: &FrameworkId, kill: call::Kill) {
        self.counters.bump("messages_kill_task");
        let task = TaskId::from(kill.task_id.get_or_default());
        let named = kill.slave_id.as_ref().map(AgentId::from);
        tracing::info!("framework {id} kills task {task}");
        let Some(agent_id) = self.agent_of(id, &task) else {
            self.reconcile_one(id, &task, named.as_ref());
            return;
        };
        if named.is_some_and(|named| named != agent_id) {
            tracing::warn!("task {task} of framework {id} is not on the agent that its kill names");
            return;
        }
        let Some(agent) = self.agents.get_mut(&agent_id) else {
            return;
        };
        agent
            .killed
            .entry(id.clone())
            .or_default()
            .insert(task.clone());
        // A disconnected agent hears of it when it comes back.
        if agent.connected {
            let message = KillTaskMessage {
                framework_id: id.field(),
                task_id: task.field(),
                kill_policy: kill.kill_policy,
                ..Default::default()
            };
            self.send_to_agent(&agent_id, message);
        }
    }

    fn shutdown_executor(&mut self, id: &FrameworkId, shutdown: call::Shutdown) {
        let agent = AgentId::from(shutdown.slave_id.get_or_default());
        if !self.agents.get(&agent).is_some_and(|a| a.connected) {
            tracing::warn!(
                "framework {id} shuts an executor down on agent {agent}, which is not connected"
            );
            return;
        }
        let message = ShutdownExecutorMessage {
            executor_id: shutdown.executor_id,
            framework_id: id.field(),
            ..Default::default()
        };
        self.send_to_agent(&agent, message);
    }

    fn message(&mut self, id: &FrameworkId, message: call::Message) {
        self.counters.bump("messages_framework_to_executor");
        let agent = AgentId::from(message.slave_id.get_or_default());
        let valid = self.agents.get(&agent).is_some_and(|a| a.connected);
        self.counters
            .bump_valid(valid, "framework_to_executor_messages");
        if valid {
            let message = FrameworkToExecutorMessage {
                slave_id: message.slave_id,
                framework_id: id.field(),
                executor_id: message.executor_id,
                data: message.data,
                ..Default::default()
            };
            self.send_to_agent(&agent, message);
        }
    }
}
