//! `--whitelist`: a file of the hosts to make offers of, one a line, which is read again and again.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use super::node::Node;

/// Between two looks at the file (flags.md §2).
const INTERVAL: Duration = Duration::from_secs(5);

/// Keeps the master's list as the file is. Never ends.
pub(super) async fn follow(node: &Node, file: Option<&Path>) {
    let Some(file) = file else {
        return std::future::pending().await;
    };
    // Until it can be read, nobody is on the list.
    node.step(|master| master.set_whitelist(Some(BTreeSet::new())));
    loop {
        match tokio::fs::read_to_string(file).await {
            Ok(text) => {
                let hosts = hosts(&text);
                node.step(|master| master.set_whitelist(Some(hosts)));
            }
            Err(error) => {
                tracing::error!("cannot read the whitelist `{}`: {error}", file.display());
            }
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

fn hosts(text: &str) -> BTreeSet<String> {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(str::to_string)
        .collect()
}
