//! How events reach a framework, whichever way it is connected.

use std::time::Duration;

use mesos_proto::scheduler::{Event, event};
use protobuf::MessageField;

use super::driver;
use super::effect::{Effect, StreamId, Timer};
use super::framework::Connection;
use super::id::{AgentId, FrameworkId};
use super::master::Master;

/// Between two heartbeats of an event stream (v1-api §5).
pub(crate) const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(15);

impl Master {
    /// Tells a framework something, if it is connected; says whether it is.
    pub(crate) fn notify(&mut self, framework: &FrameworkId, event: Event) -> bool {
        let Some(known) = self.frameworks.get_mut(framework) else {
            return false;
        };
        match known.connection.clone() {
            Connection::None => false,
            Connection::Http(stream) => {
                known.counters.event(event.type_());
                self.effect(Effect::Event {
                    stream,
                    event: Box::new(event),
                });
                true
            }
            Connection::Driver(pid) => {
                known.counters.event(event.type_());
                let messages = driver::messages(framework, event, |agent| {
                    self.agents.get(agent).map(|a| a.pid.to_string())
                });
                for message in messages {
                    self.effect(Effect::Send {
                        from: super::effect::Sender::Master,
                        to: pid.clone(),
                        message,
                    });
                }
                true
            }
        }
    }

    /// Tells a framework that it is subscribed, and starts its heartbeat if it has a stream.
    pub(crate) fn welcome(&mut self, framework: &FrameworkId) {
        let mut event = Event::new();
        event.set_type(event::Type::SUBSCRIBED);
        event.subscribed = MessageField::some(event::Subscribed {
            framework_id: framework.field(),
            heartbeat_interval_seconds: Some(HEARTBEAT_INTERVAL.as_secs_f64()),
            master_info: MessageField::some(self.info.clone()),
            ..Default::default()
        });
        self.notify(framework, event);
        if let Some(Connection::Http(stream)) =
            self.frameworks.get(framework).map(|f| f.connection.clone())
        {
            self.heartbeat(framework, stream);
        }
    }

    /// Sends a heartbeat if this is still the framework's stream, and sets the next one.
    pub(crate) fn heartbeat(&mut self, framework: &FrameworkId, stream: StreamId) {
        let current = self.frameworks.get(framework).map(|f| &f.connection);
        if current != Some(&Connection::Http(stream)) {
            return;
        }
        let mut event = Event::new();
        event.set_type(event::Type::HEARTBEAT);
        self.notify(framework, event);
        self.timers.set(
            self.now + HEARTBEAT_INTERVAL,
            Timer::Heartbeat {
                framework: framework.clone(),
                stream,
            },
        );
    }

    /// Tells every connected framework that an agent is lost.
    pub(crate) fn announce_loss(&mut self, agent: &AgentId) {
        let frameworks: Vec<FrameworkId> = self.frameworks.keys().cloned().collect();
        for framework in frameworks {
            let mut event = Event::new();
            event.set_type(event::Type::FAILURE);
            event.failure.mut_or_insert_default().slave_id = agent.field();
            self.notify(&framework, event);
        }
    }
}

/// An ERROR event: the last that a framework gets.
pub(crate) fn error_event(text: &str) -> Event {
    let mut event = Event::new();
    event.set_type(event::Type::ERROR);
    event
        .error
        .mut_or_insert_default()
        .set_message(text.to_string());
    event
}
