//! Probes as data: what to ask whom, and which answer means ready.
//!
//! A probe travels in a node's labels, so that `status` can run it without knowing the profile.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// When a tier is ready.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Probe {
    /// All must hold.
    pub checks: Vec<Check>,
    /// How long the tier may take, in milliseconds.
    pub within_ms: u64,
}

impl Probe {
    /// How long the tier may take.
    pub fn within(&self) -> Duration {
        Duration::from_millis(self.within_ms)
    }
}

/// One question and the answer wanted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Check {
    /// Who is asked.
    pub at: Where,
    /// What is asked.
    pub ask: Ask,
    /// What the answer must be.
    pub want: Want,
}

/// Who is asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Where {
    /// The node itself.
    Own,
    /// Every node of that tier, until one gives the answer wanted: a leader, say.
    AnyOf(String),
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Ask {
    /// `GET` of a path.
    Http {
        /// Port in the container.
        port: u16,
        /// Path and query.
        path: String,
    },
    /// A four-letter word of ZooKeeper's.
    Word {
        /// Port in the container.
        port: u16,
        /// `ruok`, `srvr` …
        word: String,
    },
    /// A command in the container. `status` does not run these.
    Exec {
        /// The command and its arguments.
        command: Vec<String>,
    },
}

/// What an answer must be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Want {
    /// This HTTP status.
    Status(u16),
    /// This number under a key of a flat JSON object.
    Number {
        /// The key.
        key: String,
        /// The number.
        value: f64,
    },
    /// Under a key of a flat JSON object, the number of nodes of a tier.
    Count {
        /// The key.
        key: String,
        /// The tier counted.
        tier: String,
    },
    /// A line of the answer is this one.
    Line(String),
    /// The answer has one of these texts in it.
    Contains(Vec<String>),
    /// The command exits with 0.
    Success,
}

impl Check {
    pub(super) fn own_http(port: u16, path: &str, want: Want) -> Self {
        Self {
            at: Where::Own,
            ask: Ask::Http {
                port,
                path: path.to_owned(),
            },
            want,
        }
    }

    pub(super) fn any_http(tier: &str, port: u16, path: &str, want: Want) -> Self {
        Self {
            at: Where::AnyOf(tier.to_owned()),
            ask: Ask::Http {
                port,
                path: path.to_owned(),
            },
            want,
        }
    }

    pub(super) fn word(port: u16, word: &str, want: Want) -> Self {
        Self {
            at: Where::Own,
            ask: Ask::Word {
                port,
                word: word.to_owned(),
            },
            want,
        }
    }
}

impl std::fmt::Display for Ask {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Http { port, path } => write!(f, "GET :{port}{path}"),
            Self::Word { port, word } => write!(f, "`{word}` on :{port}"),
            Self::Exec { command } => write!(f, "`{}`", command.join(" ")),
        }
    }
}
