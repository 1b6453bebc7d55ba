//! Events as bars that move: one for each tier and each image at work. Without colours, so that none need be turned off.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::plain::{in_place, seconds};
use crate::cluster::{Event, NodeStep};
use crate::image::ImageEvent;

pub(super) struct Bars {
    screen: MultiProgress,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    tiers: HashMap<String, Tier>,
    images: HashMap<String, ProgressBar>,
    /// Of another launcher's work on images.
    wait: Option<ProgressBar>,
}

impl State {
    fn end_wait(&mut self) {
        if let Some(bar) = self.wait.take() {
            bar.finish_and_clear();
        }
    }
}

struct Tier {
    bar: ProgressBar,
    nodes: usize,
    started: usize,
}

impl Bars {
    pub(super) fn new() -> Self {
        Self {
            screen: MultiProgress::new(),
            state: Mutex::default(),
        }
    }

    /// Leaves what is drawn where it is.
    pub(super) fn finish(&self) {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let tiers = state.tiers.values().map(|tier| &tier.bar);
        tiers
            .chain(state.images.values())
            .chain(&state.wait)
            .filter(|bar| !bar.is_finished())
            .for_each(ProgressBar::abandon);
    }

    fn bar(&self, name: &str) -> ProgressBar {
        let bar = self.screen.add(ProgressBar::new_spinner());
        let style = ProgressStyle::with_template("{spinner} {prefix:<18} {wide_msg}")
            .unwrap_or_else(|_| ProgressStyle::default_spinner());
        bar.set_style(style.tick_strings(&["-", "\\", "|", "/", " "]));
        bar.set_prefix(name.to_owned());
        bar.enable_steady_tick(Duration::from_millis(120));
        bar
    }

    pub(super) fn draw(&self, event: &Event) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Planned { tiers, .. } => {
                for (tier, nodes) in tiers {
                    let bar = self.bar(tier.name());
                    bar.set_message("waiting");
                    state.tiers.insert(
                        tier.name().to_owned(),
                        Tier {
                            bar,
                            nodes: *nodes,
                            started: 0,
                        },
                    );
                }
            }
            Event::Image(ImageEvent::Waiting) => {
                let bar = self.bar("images");
                bar.set_message("waiting for another devcluster that makes them");
                state.wait = Some(bar);
            }
            Event::Image(ImageEvent::Building { image }) => {
                state.end_wait();
                let bar = self.bar(&format!("image {image}"));
                bar.set_message("making it");
                state.images.insert(image.clone(), bar);
            }
            Event::Image(ImageEvent::Line { image, line }) => {
                if let Some(bar) = state.images.get(image) {
                    bar.set_message(line.clone());
                }
            }
            Event::Image(ImageEvent::Built { image, took }) => {
                if let Some(bar) = state.images.get(image) {
                    bar.finish_with_message(format!("made in {}", seconds(*took)));
                }
            }
            Event::Node { node, tier, step } => {
                state.end_wait();
                if let Some(tier) = state.tiers.get_mut(tier.name()) {
                    tier.step(node.as_str(), step);
                }
            }
            Event::TierReady { tier, after } => {
                if let Some(tier) = state.tiers.get(tier.name()) {
                    tier.bar
                        .finish_with_message(format!("ready after {}", seconds(*after)));
                }
            }
            Event::InPlace { nodes } => self.say(&in_place(*nodes)),
            Event::Note(text) => self.say(&format!("note: {text}")),
            Event::Removed { kind, name } => self.say(&format!("removed {kind} `{name}`")),
            Event::Done { .. } => {}
        }
    }

    /// A line above the bars.
    fn say(&self, line: &str) {
        // A screen that cannot be drawn on has nothing to say it to.
        let _ = self.screen.println(line);
    }
}

impl Tier {
    fn step(&mut self, node: &str, step: &NodeStep) {
        match step {
            NodeStep::Started | NodeStep::Kept => {
                self.started += 1;
                self.bar
                    .set_message(format!("{} of {} running", self.started, self.nodes));
            }
            NodeStep::Replaced { why } => self
                .bar
                .set_message(format!("{node} is made anew, since {why}")),
            NodeStep::Awaited { command } => self
                .bar
                .set_message(format!("start it yourself: {command}")),
            NodeStep::NotYet { why } => self.bar.set_message(why.clone()),
            NodeStep::Created | NodeStep::Ready => {}
        }
    }
}
