//! libprocess messages to the master's processes.

use std::sync::Arc;

use mesos_proto::messages::{
    DeactivateFrameworkMessage, LaunchTasksMessage, SubmitSchedulerResponse,
};
use mesos_wire::http::{Request, Response};
use mesos_wire::libprocess::{BoxFuture, Handler, Message};
use mesos_wire::pid::Upid;

use super::endpoints;
use super::node::Node;
use super::whole;
use crate::model::{FrameworkId, Master};

/// Processes that answer plain requests, besides `master`.
pub(super) const GLOBALS: [&str; 10] = [
    "files",
    "metrics",
    "system",
    "logging",
    "version",
    "help",
    "profiler",
    "__processes__",
    "registrar(1)",
    "allocator",
];

/// What waits while its sender proves who it is.
const WAITS: [&str; 5] = [
    "mesos.internal.RegisterSlaveMessage",
    "mesos.internal.ReregisterSlaveMessage",
    "mesos.internal.RegisterFrameworkMessage",
    "mesos.internal.ReregisterFrameworkMessage",
    "mesos.scheduler.Call",
];

impl Handler for Node {
    fn delegate(&self) -> &str {
        "master"
    }

    fn has(&self, id: &str) -> bool {
        id == "master"
            || GLOBALS.contains(&id)
            || id == "log-replica(1)"
            || self.sessions.has(id)
            || observer(id).is_some_and(|number| self.read_observer(number))
    }

    fn message(&self, message: Message) {
        if let Some(number) = observer(&message.to) {
            if message.name == "mesos.internal.PongSlaveMessage" {
                self.step(|master| master.pong(number));
            }
        } else if self.sessions.has(&message.to) {
            self.go_on_authenticating(&message);
        } else if message.to == "master" {
            self.message_came(message);
        }
    }

    fn exited(&self, pid: Upid) {
        self.peer_left(pid);
    }

    fn http(self: Arc<Self>, request: Request) -> BoxFuture<Response> {
        Box::pin(async move {
            let response = endpoints::answer(self.clone(), request).await;
            if self.is_silent() {
                // It ends at once, and its connections with it.
                std::future::pending::<()>().await;
            }
            response
        })
    }
}

impl Node {
    fn read_observer(&self, number: u64) -> bool {
        self.read_master(|master| master.has_observer(number))
    }

    pub(super) fn master_message(&self, message: &Message) {
        if !self.is_leading() {
            self.step(|master| master.counters.bump("dropped_messages"));
            return;
        }
        let from = &message.from;
        if WAITS.contains(&message.name.as_str()) && self.sessions.hold(message) {
            return;
        }
        let Some(name) = message.name.strip_prefix("mesos.internal.") else {
            if message.name == "mesos.scheduler.Call"
                && let Some(call) = decode(message)
                && is_whole(message, whole::is_whole_message(&call))
            {
                self.step(|master| master.driver_call(from, call));
            }
            return;
        };
        /// Hands a decoded message to one of the state machine's methods.
        macro_rules! step {
            ($method:ident) => {
                if let Some(body) = decode(message) {
                    self.step(|master| Master::$method(master, from, body));
                }
            };
            (alone $method:ident) => {
                if let Some(body) = decode(message) {
                    self.step(|master| Master::$method(master, body));
                }
            };
        }
        match name {
            "RegisterSlaveMessage" => step!(register_agent),
            "ReregisterSlaveMessage" => step!(reregister_agent),
            "UnregisterSlaveMessage" => {
                if let Some(body) = decode(message) {
                    self.step(|master| master.unregister_agent(from, &body));
                }
            }
            "UpdateSlaveMessage" => step!(alone update_agent),
            "StatusUpdateMessage" => step!(status_update),
            "ExitedExecutorMessage" => step!(alone exited_executor),
            "ExecutorToFrameworkMessage" => step!(alone executor_message),
            "UpdateOperationStatusMessage" => {
                if let Some(body) = decode(message) {
                    self.step(|master| master.operation_update(&body));
                }
            }
            "RegisterFrameworkMessage" => step!(register_framework),
            "ReregisterFrameworkMessage" => step!(reregister_framework),
            "UnregisterFrameworkMessage" => step!(unregister_framework),
            "LaunchTasksMessage" => {
                if let Some(body) = decode::<LaunchTasksMessage>(message)
                    && is_whole(message, whole::tasks(&body.tasks))
                {
                    self.step(|master| master.launch_tasks(from, body));
                }
            }
            "ReviveOffersMessage" => step!(revive_offers),
            "ResourceRequestMessage" => step!(resource_request),
            "StatusUpdateAcknowledgementMessage" => step!(acknowledge_update),
            "ReconcileTasksMessage" => step!(reconcile_tasks),
            "FrameworkToExecutorMessage" => step!(framework_message),
            "DeactivateFrameworkMessage" => {
                if let Some(body) = decode::<DeactivateFrameworkMessage>(message) {
                    let id = FrameworkId::from(body.framework_id.get_or_default());
                    self.step(|master| master.deactivate_framework(from, &id));
                }
            }
            "SubmitSchedulerRequest" => {
                let mut answer = SubmitSchedulerResponse::new();
                answer.set_okay(false);
                self.send(&self.pid("master"), from, &answer);
            }
            "AuthenticateMessage" => {
                if let Some(body) = decode(message) {
                    self.begin_authentication(from, &body);
                }
            }
            // Unknown messages are dropped without a word, as the original does.
            _ => tracing::debug!("dropping {name} from {from}"),
        }
    }
}

/// The number in `slave-observer(N)`.
fn observer(id: &str) -> Option<u64> {
    id.strip_prefix("slave-observer(")?
        .strip_suffix(')')?
        .parse()
        .ok()
}

/// A message that lacks something where the decoder does not look is dropped and logged, too.
fn is_whole(message: &Message, is_whole: bool) -> bool {
    if !is_whole {
        let (name, from) = (&message.name, &message.from);
        tracing::warn!("dropping {name} from {from}: an entry of a map has no value");
    }
    is_whole
}

/// A message that does not parse, or lacks what is required, is dropped and logged.
fn decode<M: protobuf::MessageFull>(message: &Message) -> Option<M> {
    match M::parse_from_bytes(&message.body) {
        Ok(body) => Some(body),
        Err(error) => {
            tracing::warn!("dropping {} from {}: {error}", message.name, message.from);
            None
        }
    }
}
