//! Operators who watch: each has an event stream, which begins with all that there is.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use mesos_proto::v1_master::{Event, event};
use mesos_wire::authorization::Rights;
use mesos_wire::http::{Feed, Media, Response};
use mesos_wire::recordio;

use super::node::Node;
use crate::view;

/// Between two heartbeats (v1-api §9).
const HEARTBEAT: Duration = Duration::from_secs(15);

/// How many events may wait for an operator who does not read.
const CAPACITY: usize = 16 * 1024;

/// One who watches, and what that one may see.
#[derive(Debug)]
struct Watcher {
    id: u64,
    media: Media,
    sender: Feed,
    rights: Rights,
}

/// All who watch, who came first before the others.
#[derive(Debug, Default)]
pub(super) struct Watchers {
    streams: VecDeque<Watcher>,
    next: u64,
}

impl Watchers {
    pub(super) fn len(&self) -> usize {
        self.streams.len()
    }

    /// Tells everybody what each may see of an event; whoever is gone, or does not read, is forgotten.
    pub(super) fn tell(&mut self, visible: impl Fn(&Rights) -> Option<Event>) {
        self.streams.retain(|one| match visible(&one.rights) {
            Some(event) => one.sender.try_send(record(one.media, &event)).is_ok(),
            None => true,
        });
    }

    /// Adds one who is told `first` alone; where there are `most`, the oldest has to go.
    fn add(
        &mut self,
        most: usize,
        media: Media,
        sender: Feed,
        rights: Rights,
        first: &Event,
    ) -> u64 {
        while self.streams.len() >= most.max(1) {
            self.streams.pop_front();
        }
        self.next += 1;
        // An empty stream has room for one.
        let _ = sender.try_send(record(media, first));
        let id = self.next;
        self.streams.push_back(Watcher {
            id,
            media,
            sender,
            rights,
        });
        id
    }

    fn remove(&mut self, id: u64) {
        self.streams.retain(|one| one.id != id);
    }

    /// Tells one that all is well; whether that one is still there.
    fn beat(&mut self, id: u64) -> bool {
        let mut heartbeat = Event::new();
        heartbeat.set_type(event::Type::HEARTBEAT);
        let mut own = self.streams.iter().filter(|one| one.id == id);
        own.any(|one| one.sender.try_send(record(one.media, &heartbeat)).is_ok())
    }
}

fn record(media: Media, event: &Event) -> Bytes {
    recordio::encode(&match media {
        Media::Json => view::event_to_json(event).to_string().into_bytes(),
        Media::Protobuf => media.encode(event),
    })
}

/// SUBSCRIBE: a stream of what happens from now on.
pub(super) fn watch(node: &Arc<Node>, media: Media, rights: Rights) -> Response {
    let (sender, response) = Response::stream(media.name(), CAPACITY);
    let gone = sender.downgrade();
    let id = node.watched(|watchers, most, snapshot| {
        let mut first = Event::new();
        first.set_type(event::Type::SUBSCRIBED);
        let subscribed = first.subscribed.mut_or_insert_default();
        subscribed.get_state = Some(snapshot(&rights)).into();
        subscribed.set_heartbeat_interval_seconds(HEARTBEAT.as_secs_f64());
        let id = watchers.add(most, media, sender, rights, &first);
        watchers.beat(id);
        id
    });
    let node = node.clone();
    tokio::spawn(async move {
        let mut beats = tokio::time::interval(HEARTBEAT);
        beats.tick().await;
        loop {
            let Some(sender) = gone.upgrade() else { break };
            tokio::select! {
                () = sender.closed() => break,
                _ = beats.tick() => {
                    drop(sender);
                    if !node.watched(|watchers, _, _| watchers.beat(id)) {
                        break;
                    }
                }
            }
        }
        node.watched(|watchers, _, _| watchers.remove(id));
    });
    response
}
