//! Drivers that may not speak as fast as they like: what they say is heard when its turn comes.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mesos_proto::messages::FrameworkErrorMessage;
use mesos_wire::libprocess::Message;
use mesos_wire::pid::Upid;
use tokio::sync::Notify;

use super::node::{Node, clock};
use crate::model::{Limits, Throttle, Turn};

/// What the master hears of others.
#[derive(Debug)]
enum Heard {
    Message(Message),
    /// A peer is gone.
    Exit(Upid),
}

/// What waits for its turn.
#[derive(Debug)]
pub(super) struct Waiting {
    throttle: Mutex<Throttle<Heard>>,
    changed: Notify,
}

impl Waiting {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            throttle: Mutex::new(Throttle::new(limits)),
            changed: Notify::new(),
        }
    }

    fn throttle(&self) -> MutexGuard<'_, Throttle<Heard>> {
        self.throttle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is heard at once of what somebody says; the error is how many wait already.
    fn take(&self, driver: Option<Option<&str>>, heard: Heard) -> Result<Option<Heard>, u64> {
        let Some(principal) = driver else {
            return Ok(Some(heard));
        };
        let counts = matches!(heard, Heard::Message(_));
        match self.throttle().take(principal, clock(), heard, counts) {
            Turn::Now(heard) => Ok(Some(heard)),
            Turn::Later => {
                self.changed.notify_one();
                Ok(None)
            }
            Turn::Full(capacity) => Err(capacity),
        }
    }
}

impl Node {
    /// The principal of the driver at this place, if there is a driver that is subscribed.
    fn driver_at(&self, pid: &Upid) -> Option<Option<String>> {
        self.read_master(|master| {
            let principal = master.driver_at(pid)?;
            Some(principal.map(str::to_string))
        })
    }

    /// A message to the master: it is heard now, later or, where too many wait, never.
    pub(super) fn message_came(&self, message: Message) {
        let from = message.from.clone();
        let name = message.name.clone();
        let driver = self.driver_at(&from);
        if let Some(Some(principal)) = &driver {
            self.count(|master| master.message_received(principal));
        }
        let driver = driver.as_ref().map(Option::as_deref);
        match self.waiting.take(driver, Heard::Message(message)) {
            Ok(heard) => heard.into_iter().for_each(|heard| self.hear(heard)),
            Err(capacity) => {
                tracing::warn!("dropping {name} from {from}: capacity({capacity}) exceeded");
                let mut error = FrameworkErrorMessage::new();
                error.set_message(format!(
                    "Message {name} dropped: capacity({capacity}) exceeded"
                ));
                self.send(&self.pid("master"), &from, &error);
            }
        }
    }

    /// A peer is gone: what it said before is heard before that.
    pub(super) fn peer_left(&self, pid: Upid) {
        let driver = self.driver_at(&pid);
        let driver = driver.as_ref().map(Option::as_deref);
        // What does not count is never refused.
        let heard = self.waiting.take(driver, Heard::Exit(pid));
        heard
            .into_iter()
            .flatten()
            .for_each(|heard| self.hear(heard));
    }

    fn hear(&self, heard: Heard) {
        let message = match heard {
            Heard::Exit(pid) => return self.step(|master| master.exited(&pid)),
            Heard::Message(message) => message,
        };
        let driver = self.driver_at(&message.from);
        self.master_message(&message);
        if let Some(Some(principal)) = driver {
            self.count(|master| master.message_processed(&principal));
        }
    }

    /// Lets everything that waits be heard when its turn comes.
    pub(super) async fn keep_turns(self: Arc<Self>) {
        loop {
            let next = self.waiting.throttle().next();
            match next.map(|at| at.saturating_sub(clock())) {
                None => self.waiting.changed.notified().await,
                Some(wait) if !wait.is_zero() => tokio::select! {
                    () = tokio::time::sleep(wait) => {}
                    () = self.waiting.changed.notified() => {}
                },
                Some(_) => {
                    let due = self.waiting.throttle().due(clock());
                    due.into_iter().for_each(|heard| self.hear(heard));
                }
            }
        }
    }
}
