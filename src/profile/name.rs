//! A cluster's name.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

/// Longest name that still leaves room for a node's name in a host name of 63 characters.
const LONGEST: usize = 32;

/// The name of a cluster: in job keys, in `clusters.json`, in the names of containers, volumes and the network.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct ClusterName(String);

/// Why a text is no cluster name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{found}` is not a cluster's name; allowed are 1 to {LONGEST} lower-case letters, digits and `-`, beginning and ending \
     with a letter or a digit"
)]
pub struct NameError {
    found: String,
}

impl ClusterName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for ClusterName {
    fn default() -> Self {
        Self("devcluster".to_owned())
    }
}

impl fmt::Display for ClusterName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for ClusterName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        if is_label(text) && text.len() <= LONGEST {
            Ok(Self(text.to_owned()))
        } else {
            Err(NameError {
                found: text.to_owned(),
            })
        }
    }
}

/// Whether a text can be a label of a host name: lower-case letters, digits, and `-` between them.
pub(super) fn is_label(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    !text.is_empty()
        && text.len() <= 63
        && text.starts_with(plain)
        && text.ends_with(plain)
        && text.chars().all(|c| plain(c) || c == '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_can_be_host_names_pass_and_others_do_not() {
        for good in ["devcluster", "a", "ci-7", "3x"] {
            assert!(good.parse::<ClusterName>().is_ok(), "case `{good}`");
        }
        for bad in [
            "",
            "-a",
            "a-",
            "A",
            "a b",
            "a/b",
            "a_b",
            "ä",
            "abcdefghijklmnopqrstuvwxyz0123456",
        ] {
            assert!(bad.parse::<ClusterName>().is_err(), "case `{bad}`");
        }
    }
}
