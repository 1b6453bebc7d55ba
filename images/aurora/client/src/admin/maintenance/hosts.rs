//! The hosts that a command line names.

use std::collections::BTreeSet;

use crate::admin::session::{Session, die};
use crate::argparse::repr;
use crate::exit::Result;

/// The hosts of `--hosts` or of the file of `--filename`, of which there must be one.
pub(in crate::admin) fn needed(session: &Session) -> Result<BTreeSet<String>> {
    let (file, list) = (
        session.args.text("--filename"),
        session.args.text("--hosts"),
    );
    if file.is_some() == list.is_some() {
        return Err(die("Please specify either --filename or --hosts"));
    }
    Ok(optional(list, file)?.unwrap_or_default())
}

/// Hosts from a list separated by commas, or from a file with one a line.
pub(in crate::admin) fn optional(
    list: Option<&str>,
    file: Option<&str>,
) -> Result<Option<BTreeSet<String>>> {
    match (list, file) {
        (Some(_), Some(_)) => Err(die(
            "Cannot specify both filename and list for the same option.",
        )),
        (None, None) => Ok(None),
        (Some(list), None) => names(list.split(','), "No valid hosts found."),
        (None, Some(file)) => {
            let text =
                std::fs::read_to_string(file).map_err(|error| die(format!("{file}: {error}")))?;
            names(text.lines(), &format!("No valid hosts found in {file}."))
        }
    }
}

fn names<'t>(texts: impl Iterator<Item = &'t str>, none: &str) -> Result<Option<BTreeSet<String>>> {
    let names: BTreeSet<String> = texts
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
        .collect();
    if names.is_empty() {
        return Err(die(none));
    }
    Ok(Some(names))
}

/// Hosts as Python shows a set of them.
pub(in crate::admin) fn shown(hosts: &BTreeSet<String>) -> String {
    if hosts.is_empty() {
        return "set()".to_owned();
    }
    let names: Vec<String> = hosts.iter().map(|host| repr(host)).collect();
    format!("{{{}}}", names.join(", "))
}
