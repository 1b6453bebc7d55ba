//! Status updates on their way to the master: one stream a task, the head again and again until it
//! is acknowledged (protocol-flows.md, "status update chain").

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::time::Duration;

use mesos_proto::mesos::TaskState;
use mesos_proto::messages::StatusUpdate;

use super::effect::Place;
use super::record::is_terminal;

/// The pause before an update is sent a second time; doubled each time.
const RETRY_MIN: Duration = Duration::from_secs(10);
/// The longest pause.
const RETRY_MAX: Duration = Duration::from_secs(600);

/// Framework and task id.
type Key = (String, String);

#[derive(Debug, Default)]
struct Stream {
    pending: VecDeque<StatusUpdate>,
    seen: HashSet<Vec<u8>>,
    is_over: bool,
    retry_at: Duration,
    pause: Duration,
    place: Option<Place>,
}

/// What became of an acknowledgement.
#[derive(Debug, PartialEq)]
pub enum Acknowledged {
    /// No update of that task waits.
    Unknown,
    /// Another update is the one that waits.
    Unexpected,
    /// The update is delivered.
    Delivered {
        /// The state it told of.
        state: TaskState,
        /// Where the stream is checkpointed.
        place: Option<Place>,
    },
}

/// The streams of all tasks.
#[derive(Debug, Default)]
pub struct Streams {
    streams: BTreeMap<Key, Stream>,
    due: BTreeSet<(Duration, Key)>,
}

impl Streams {
    /// Adds an update to its task's stream. `false` if it adds nothing: it is here already, or the
    /// task had ended before. `place` is where the stream is checkpointed.
    pub fn add(&mut self, now: Duration, update: StatusUpdate, place: Option<Place>) -> bool {
        let key = (
            update.framework_id.value().to_string(),
            update.status.task_id.value().to_string(),
        );
        let stream = self.streams.entry(key.clone()).or_default();
        if stream.is_over || !stream.seen.insert(update.uuid().to_vec()) {
            return false;
        }
        stream.place = stream.place.take().or(place);
        stream.is_over = is_terminal(update.status.state());
        stream.pending.push_back(update);
        if stream.pending.len() == 1 {
            self.schedule(now, &key);
        }
        true
    }

    /// Makes the head of a stream due now, as if it had never been sent.
    fn schedule(&mut self, now: Duration, key: &Key) {
        if let Some(stream) = self.streams.get_mut(key) {
            self.due.remove(&(stream.retry_at, key.clone()));
            stream.retry_at = now;
            stream.pause = RETRY_MIN;
            if !stream.pending.is_empty() {
                self.due.insert((now, key.clone()));
            }
        }
    }

    /// Drops the head of a stream, if it has this uuid. A stream ends with its terminal update.
    pub fn acknowledge(
        &mut self,
        now: Duration,
        framework: &str,
        task: &str,
        uuid: &[u8],
    ) -> Acknowledged {
        let key = (framework.to_string(), task.to_string());
        let Some(stream) = self.streams.get_mut(&key) else {
            return Acknowledged::Unknown;
        };
        match stream.pending.front() {
            None => return Acknowledged::Unknown,
            Some(head) if head.uuid() != uuid => return Acknowledged::Unexpected,
            Some(_) => {}
        }
        let state = stream
            .pending
            .pop_front()
            .map_or(TaskState::TASK_STAGING, |head| head.status.state());
        let place = stream.place.clone();
        self.schedule(now, &key);
        if is_terminal(state) {
            self.streams.remove(&key);
        }
        Acknowledged::Delivered { state, place }
    }

    /// The heads that are due, each with the latest state of its task; they are due again later.
    pub fn due(&mut self, now: Duration) -> Vec<StatusUpdate> {
        let mut heads = Vec::new();
        while let Some((_, key)) = self.due.first().filter(|(at, _)| *at <= now).cloned() {
            self.due.pop_first();
            let Some(stream) = self.streams.get_mut(&key) else {
                continue;
            };
            let latest = stream.pending.back().map(|update| update.status.state());
            if let (Some(head), Some(latest)) = (stream.pending.front(), latest) {
                let mut head = head.clone();
                head.set_latest_state(latest);
                heads.push(head);
                stream.retry_at = now + stream.pause;
                stream.pause = (stream.pause * 2).min(RETRY_MAX);
                self.due.insert((stream.retry_at, key));
            }
        }
        heads
    }

    /// Makes every head due now; or those of one framework.
    pub fn resume(&mut self, now: Duration, framework: Option<&str>) {
        let keys: Vec<Key> = self
            .streams
            .keys()
            .filter(|(of, _)| framework.is_none_or(|framework| framework == of))
            .cloned()
            .collect();
        for key in keys {
            self.schedule(now, &key);
        }
    }

    /// When the next head is due.
    pub fn next_deadline(&self) -> Option<Duration> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Forgets a framework that is told nothing more.
    pub fn forget(&mut self, framework: &str) {
        self.streams.retain(|(of, _), _| of != framework);
        self.due.retain(|(_, (of, _))| of != framework);
    }

    /// Whether updates of a task wait.
    pub fn waits(&self, framework: &str, task: &str) -> bool {
        self.streams
            .get(&(framework.to_string(), task.to_string()))
            .is_some_and(|stream| !stream.pending.is_empty())
    }

    /// Puts a stream back as its checkpoint has it: every update, and the uuids that were
    /// acknowledged.
    pub fn restore(
        &mut self,
        now: Duration,
        updates: Vec<StatusUpdate>,
        acknowledged: &HashSet<Vec<u8>>,
        place: &Place,
    ) {
        for update in updates {
            let (framework, task, uuid) = (
                update.framework_id.value().to_string(),
                update.status.task_id.value().to_string(),
                update.uuid().to_vec(),
            );
            let is_new = self.add(now, update, Some(place.clone()));
            if is_new && acknowledged.contains(&uuid) {
                self.acknowledge(now, &framework, &task, &uuid);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::ids::{framework_id, task_id};
    use super::*;

    fn update(task: &str, uuid: u8, state: TaskState) -> StatusUpdate {
        let mut update = StatusUpdate::new();
        update.framework_id = framework_id("f");
        update.set_uuid(vec![uuid]);
        let status = update.status.mut_or_insert_default();
        status.task_id = task_id(task);
        status.set_state(state);
        update
    }

    fn secs(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    fn uuids(updates: &[StatusUpdate]) -> Vec<u8> {
        updates
            .iter()
            .filter_map(|u| u.uuid().first().copied())
            .collect()
    }

    #[test]
    fn the_head_is_repeated_after_10_s_doubling_to_10_min() {
        let mut streams = Streams::default();
        streams.add(secs(0), update("t", 1, TaskState::TASK_RUNNING), None);
        streams.add(secs(0), update("t", 2, TaskState::TASK_FINISHED), None);
        let first = streams.due(secs(0));
        assert_eq!(uuids(&first), [1]);
        assert_eq!(first[0].latest_state(), TaskState::TASK_FINISHED);
        let mut at = 0;
        for pause in [10, 20, 40, 80, 160, 320, 600, 600] {
            assert_eq!(streams.next_deadline(), Some(secs(at + pause)));
            assert!(streams.due(secs(at + pause - 1)).is_empty());
            at += pause;
            assert_eq!(uuids(&streams.due(secs(at))), [1]);
        }
        streams.resume(secs(at + 1), Some("f"));
        assert_eq!(uuids(&streams.due(secs(at + 1))), [1]);
        streams.resume(secs(at + 2), Some("g"));
        assert!(streams.due(secs(at + 2)).is_empty());
    }

    #[test]
    fn an_acknowledgement_moves_its_stream_on_and_others_do_not() {
        let mut streams = Streams::default();
        streams.add(secs(0), update("t", 1, TaskState::TASK_RUNNING), None);
        streams.add(secs(0), update("t", 2, TaskState::TASK_FINISHED), None);
        assert!(!streams.add(secs(0), update("t", 1, TaskState::TASK_RUNNING), None));
        assert!(!streams.add(secs(0), update("t", 3, TaskState::TASK_KILLED), None));
        streams.due(secs(0));
        assert_eq!(
            streams.acknowledge(secs(1), "f", "t", &[2]),
            Acknowledged::Unexpected
        );
        assert_eq!(
            streams.acknowledge(secs(1), "f", "u", &[1]),
            Acknowledged::Unknown
        );
        let running = Acknowledged::Delivered {
            state: TaskState::TASK_RUNNING,
            place: None,
        };
        assert_eq!(streams.acknowledge(secs(1), "f", "t", &[1]), running);
        assert_eq!(
            streams.acknowledge(secs(1), "f", "t", &[1]),
            Acknowledged::Unexpected
        );
        assert_eq!(uuids(&streams.due(secs(1))), [2]);
        let done = Acknowledged::Delivered {
            state: TaskState::TASK_FINISHED,
            place: None,
        };
        assert_eq!(streams.acknowledge(secs(1), "f", "t", &[2]), done);
        assert_eq!(streams.next_deadline(), None);
        assert!(!streams.waits("f", "t"));
    }

    proptest! {
        /// Whatever is lost, repeated or late: each stream arrives whole, in order, and once.
        #[test]
        fn every_update_arrives_once_and_in_order(
            tasks in prop::collection::vec(1usize..5, 1..4),
            drops in prop::collection::vec(any::<bool>(), 0..60),
        ) {
            let mut streams = Streams::default();
            for (task, count) in tasks.iter().enumerate() {
                for n in 0..*count {
                    let state = if n + 1 == *count { TaskState::TASK_FINISHED } else { TaskState::TASK_RUNNING };
                    let uuid = (task * 16 + n) as u8;
                    streams.add(secs(0), update(&task.to_string(), uuid, state), None);
                    streams.add(secs(0), update(&task.to_string(), uuid, state), None);
                }
            }
            let mut drops = drops.into_iter();
            let mut arrived: Vec<u8> = Vec::new();
            let mut now = secs(0);
            while let Some(at) = streams.next_deadline() {
                now = now.max(at);
                for head in streams.due(now) {
                    if drops.next() == Some(true) { continue; }
                    let uuid = head.uuid().to_vec();
                    if arrived.last() != uuid.first() { arrived.extend(&uuid); }
                    // The acknowledgement may be lost as well, or come twice.
                    if drops.next() == Some(true) { continue; }
                    let task = head.status.task_id.value().to_string();
                    streams.acknowledge(now, "f", &task, &uuid);
                    let again = streams.acknowledge(now, "f", &task, &uuid);
                    let is_again = matches!(again, Acknowledged::Delivered { .. });
                    prop_assert!(!is_again, "an acknowledgement counts twice");
                }
            }
            for (task, count) in tasks.iter().enumerate() {
                let mut got: Vec<u8> = arrived.iter().copied().filter(|u| usize::from(*u) / 16 == task).collect();
                got.dedup();
                let want: Vec<u8> = (0..*count).map(|n| (task * 16 + n) as u8).collect();
                prop_assert_eq!(got, want);
            }
        }
    }
}
