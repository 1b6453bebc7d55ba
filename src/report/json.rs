//! Events as JSON, one object a line: for programs.

use serde_json::{Value, json};

use crate::cluster::{Event, NodeStep};
use crate::image::ImageEvent;

pub(super) fn line(event: &Event) -> String {
    value(event).to_string()
}

fn value(event: &Event) -> Value {
    match event {
        Event::Planned {
            cluster,
            subnet,
            tiers,
        } => {
            let tiers: Vec<Value> = tiers
                .iter()
                .map(|(tier, nodes)| json!({"tier": tier, "nodes": nodes}))
                .collect();
            json!({"event": "planned", "cluster": cluster, "subnet": subnet, "tiers": tiers})
        }
        Event::Image(ImageEvent::Waiting) => json!({"event": "image-waiting"}),
        Event::Image(ImageEvent::Building { image }) => {
            json!({"event": "image-building", "image": image})
        }
        Event::Image(ImageEvent::Line { image, line }) => {
            json!({"event": "image-line", "image": image, "line": line})
        }
        Event::Image(ImageEvent::Built { image, took }) => {
            json!({"event": "image-built", "image": image, "seconds": took.as_secs_f64()})
        }
        Event::Node { node, tier, step } => {
            let (step, why) = match step {
                NodeStep::Kept => ("kept", None),
                NodeStep::Replaced { why } => ("replaced", Some(why)),
                NodeStep::Created => ("created", None),
                NodeStep::Started => ("started", None),
                NodeStep::Awaited { command } => ("awaited", Some(command)),
                NodeStep::NotYet { why } => ("not-yet", Some(why)),
                NodeStep::Ready => ("ready", None),
            };
            json!({"event": "node", "node": node, "tier": tier, "step": step, "why": why})
        }
        Event::TierReady { tier, after } => {
            json!({"event": "tier-ready", "tier": tier, "seconds": after.as_secs_f64()})
        }
        Event::InPlace { nodes } => json!({"event": "in-place", "nodes": nodes}),
        Event::Removed { kind, name } => json!({"event": "removed", "kind": kind, "name": name}),
        Event::Note(text) => json!({"event": "note", "text": text}),
        Event::Done { after } => json!({"event": "done", "seconds": after.as_secs_f64()}),
    }
}
