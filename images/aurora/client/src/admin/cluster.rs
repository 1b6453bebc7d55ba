//! `get_cluster_config` and `get_scheduler`.

use serde_json::Value as Json;

use super::session::Session;
use crate::exit::Result;
use crate::pretty;

const PREFIX: &str = "AURORA_CLUSTER_";

/// A cluster's entry in `clusters.json`, as JSON or as assignments for a shell.
pub(super) fn config(session: &Session) -> Result<()> {
    let fields = session.cluster()?.fields;
    if !session.args.flag("--sh") {
        session.console.raw(&pretty::dumps(&Json::Object(fields)));
        return Ok(());
    }
    let export = if session.args.flag("--export") {
        "export "
    } else {
        ""
    };
    for (name, value) in fields {
        let name: String = name
            .to_uppercase()
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
            .collect();
        let value = match value {
            Json::String(text) => text,
            other => pretty::dumps(&other),
        };
        session
            .console
            .out(&format!("{export}{PREFIX}{name}={}", quoted(&value)));
    }
    Ok(())
}

/// A word that a shell takes as it is.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "@%_-+=:,./".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\"'\"'"))
    }
}

/// Where the leading scheduler is.
pub(super) async fn scheduler(session: &Session) -> Result<()> {
    let url = session.scheduler()?.raw_url().await?;
    session
        .console
        .out(&format!("Found leading scheduler at: {url}"));
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn values_are_quoted_for_a_shell() {
        for (text, expected) in [
            ("http://h:1/x", "http://h:1/x"),
            ("", "''"),
            ("a b", "'a b'"),
            ("it's", "'it'\"'\"'s'"),
            ("$(x)", "'$(x)'"),
        ] {
            assert_eq!(super::quoted(text), expected);
        }
    }
}
