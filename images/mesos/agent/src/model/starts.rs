//! Executors that start, few at a time. Each is a program to load and a conversation to begin; hundreds at
//! once would leave nothing of the machine to those that run, nor to the agent that the master pings.
//! Tasks are accepted at once all the same: they stage until it is their executor's turn.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::effect::{Effect, Launch};
use super::framework::ExecutorState;
use super::{Model, Now};

/// How many executors may be about to subscribe at one time.
pub(super) const MOST_AT_ONCE: usize = 8;
/// One that takes longer is not waited for: it fetches, or its image is pulled.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);

/// Who starts, and who is next.
#[derive(Debug, Default)]
pub(super) struct Starts {
    waiting: VecDeque<Launch>,
    /// Containers, and when each is not waited for any more.
    starting: BTreeMap<String, Duration>,
    /// Containers that were to end before it was their turn.
    cancelled: Vec<String>,
}

impl Starts {
    /// When there is something to do.
    pub(super) fn next_deadline(&self) -> Option<Duration> {
        if !self.cancelled.is_empty() {
            return Some(Duration::ZERO);
        }
        let next = self.starting.values().min();
        next.filter(|_| !self.waiting.is_empty()).copied()
    }

    fn next(&mut self, now: Duration) -> Option<Launch> {
        self.starting.retain(|_, until| *until > now);
        if self.starting.len() >= MOST_AT_ONCE {
            return None;
        }
        let launch = self.waiting.pop_front()?;
        let container = launch.place.container.clone();
        self.starting.insert(container, now + PATIENCE);
        Some(launch)
    }

    fn forget(&mut self, container: &str) -> bool {
        let before = self.waiting.len();
        self.waiting.retain(|one| one.place.container != container);
        self.starting.remove(container);
        self.waiting.len() < before
    }
}

impl Model {
    /// Has an executor started when it is its turn.
    pub(super) fn start_in_turn(&mut self, now: Now, launch: Launch) {
        self.starts.waiting.push_back(launch);
        self.start_next(now);
    }

    /// An executor has subscribed, or is gone: it is the next one's turn.
    pub(super) fn has_started(&mut self, now: Now, container: &str) {
        if self.starts.forget(container) {
            tracing::info!("container {container} ends before it was started");
        }
        self.start_next(now);
    }

    /// Ends a container: it is killed, or never started.
    pub(super) fn destroy(&mut self, container: &str) {
        if self.starts.forget(container) {
            self.starts.cancelled.push(container.to_string());
        } else {
            self.effects.push(Effect::Destroy(container.to_string()));
        }
    }

    /// Whether it is not an executor's turn yet.
    pub(super) fn waits_for_start(&self, container: &str) -> bool {
        let mut waiting = self.starts.waiting.iter();
        waiting.any(|launch| launch.place.container == container)
    }

    pub(super) fn tick_starts(&mut self, now: Now) {
        for container in std::mem::take(&mut self.starts.cancelled) {
            self.container_exited(now, &container, None);
        }
        self.start_next(now);
    }

    fn start_next(&mut self, now: Now) {
        // Its time begins only now.
        let deadline = now.at + self.config.executor_registration_timeout;
        while let Some(launch) = self.starts.next(now.at) {
            let (framework, id) = (
                launch.place.framework.clone(),
                launch.place.executor.clone(),
            );
            let Some(executor) = self.executor_mut(&framework, &id) else {
                continue;
            };
            if executor.state == ExecutorState::Registering {
                executor.deadline = Some(deadline);
            }
            executor.is_forking = true;
            self.effects.push(Effect::Launch(Box::new(launch)));
            self.resize(&framework, &id);
        }
    }
}
