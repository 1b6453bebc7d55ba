//! The table of nodes.

use std::fmt::Write;

use crate::cluster::{ClusterStatus, Health};

/// The nodes with their health, addresses and pages, a line each.
pub fn table_text(status: &ClusterStatus) -> String {
    let mut rows = vec![["NODE", "HEALTH", "ADDRESS", "URLS"].map(str::to_owned)];
    for node in &status.nodes {
        let address = node.address.clone().unwrap_or_else(|| "-".to_owned());
        let urls = if node.urls.is_empty() {
            "-".to_owned()
        } else {
            node.urls.join("  ")
        };
        rows.push([
            node.name.to_string(),
            word(&node.health).to_owned(),
            address,
            urls,
        ]);
    }
    let width = |column: usize| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count())
            .max()
            .unwrap_or(0)
    };
    let (name, health, address) = (width(0), width(1), width(2));
    let mut text = String::new();
    for [first, second, third, fourth] in &rows {
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{first:<name$}  {second:<health$}  {third:<address$}  {fourth}"
        );
    }
    text
}

/// A line for each node that is not ready.
pub(super) fn troubles(status: &ClusterStatus) -> Vec<String> {
    let line = |node: &crate::cluster::NodeStatus| match &node.health {
        Health::Ready => None,
        Health::NotReady(why) => Some(format!("{}: not ready: {why}", node.name)),
        Health::Stopped(why) => Some(format!("{}: stopped: {why}", node.name)),
        Health::Missing => Some(format!("{}: it was asked for and is not there", node.name)),
    };
    status.nodes.iter().filter_map(line).collect()
}

fn word(health: &Health) -> &'static str {
    match health {
        Health::Ready => "ready",
        Health::NotReady(_) => "not ready",
        Health::Stopped(_) => "stopped",
        Health::Missing => "missing",
    }
}
