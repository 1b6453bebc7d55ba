//! Events as lines, for pipes and logs.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::cluster::{Event, NodeStep};
use crate::image::ImageEvent;

/// Lines of what happens, each once.
pub(super) struct Plain {
    verbose: bool,
    /// What every node answered last: the same answer is not told again.
    told: Mutex<HashMap<String, String>>,
}

impl Plain {
    pub(super) fn new(verbose: bool) -> Self {
        Self {
            verbose,
            told: Mutex::default(),
        }
    }

    pub(super) fn line(&self, event: &Event) -> Option<String> {
        match event {
            Event::Planned {
                cluster,
                subnet,
                tiers,
            } => {
                let nodes: usize = tiers.iter().map(|(_, count)| count).sum();
                Some(format!("cluster `{cluster}`: {nodes} nodes on {subnet}"))
            }
            Event::Image(ImageEvent::Waiting) => {
                Some("images: waiting for another devcluster that makes them".to_owned())
            }
            Event::Image(ImageEvent::Building { image }) => {
                Some(format!("image `{image}`: making it"))
            }
            Event::Image(ImageEvent::Line { image, line }) => {
                self.verbose.then(|| format!("image `{image}`: {line}"))
            }
            Event::Image(ImageEvent::Built { image, took }) => {
                Some(format!("image `{image}`: made in {}", seconds(*took)))
            }
            Event::Node { node, step, .. } => self.step(node.as_str(), step),
            Event::TierReady { tier, after } => {
                Some(format!("{tier}: ready after {}", seconds(*after)))
            }
            Event::InPlace { nodes } => Some(in_place(*nodes)),
            Event::Removed { kind, name } => Some(format!("removed {kind} `{name}`")),
            Event::Note(text) => Some(format!("note: {text}")),
            Event::Done { after } => Some(format!("ready after {}", seconds(*after))),
        }
    }

    fn step(&self, node: &str, step: &NodeStep) -> Option<String> {
        match step {
            NodeStep::Replaced { why } => Some(format!("{node}: made anew, since {why}")),
            NodeStep::Awaited { command } => Some(format!("{node}: start it yourself: {command}")),
            NodeStep::NotYet { why } if self.verbose => {
                let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
                let before = told.insert(node.to_owned(), why.clone());
                (before.as_ref() != Some(why)).then(|| format!("{node}: not yet: {why}"))
            }
            NodeStep::Kept
            | NodeStep::Created
            | NodeStep::Started
            | NodeStep::Ready
            | NodeStep::NotYet { .. } => None,
        }
    }
}

pub(super) fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

pub(super) fn in_place(nodes: usize) -> String {
    format!("everything is in place: {nodes} nodes, nothing to do")
}
