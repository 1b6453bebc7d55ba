//! How a verb fails: a message, the evidence, a hint and an exit code.

use std::error::Error;
use std::process::ExitCode;

use crate::cluster::{ClusterError, Evidence};
use crate::engine::EngineError;
use crate::profile::ProfileError;
use crate::report;

/// The documented exit codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Code {
    NotAsAsked = 1,
    Usage = 2,
    Engine = 3,
    Interrupted = 130,
}

/// A verb that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    message: String,
    evidence: Evidence,
    hint: Option<String>,
    code: Code,
}

impl Failure {
    pub(super) fn other(message: String) -> Self {
        Self {
            message,
            evidence: Evidence::default(),
            hint: None,
            code: Code::NotAsAsked,
        }
    }

    pub(super) fn usage(message: String) -> Self {
        let hint = Some("`devcluster --help` shows what there is".to_owned());
        Self {
            message,
            evidence: Evidence::default(),
            hint,
            code: Code::Usage,
        }
    }

    pub(super) fn interrupted(hint: &str) -> Self {
        let hint = (!hint.is_empty()).then(|| hint.to_owned());
        Self {
            message: "interrupted".to_owned(),
            evidence: Evidence::default(),
            hint,
            code: Code::Interrupted,
        }
    }

    /// The same, with the commands of its hint called as `program` has it.
    pub(super) fn called(mut self, program: &str) -> Self {
        self.hint = self
            .hint
            .map(|hint| hint.replace("`devcluster ", &format!("`{program} ")));
        self
    }

    /// Prints this and gives its exit code.
    pub(super) fn print(&self) -> ExitCode {
        report::error(&self.message, &self.evidence, self.hint.as_deref());
        ExitCode::from(self.code as u8)
    }
}

/// Prints what clap has to say: help and version are data, mistakes are not.
pub(super) fn print_usage(error: &clap::Error) -> ExitCode {
    // A closed pipe is no reason to fail in another way.
    let _ = error.print();
    if error.use_stderr() {
        ExitCode::from(Code::Usage as u8)
    } else {
        ExitCode::SUCCESS
    }
}

impl From<ClusterError> for Failure {
    fn from(error: ClusterError) -> Self {
        let unusable = error.engine_error().is_some_and(EngineError::is_unusable);
        let code = match &error {
            _ if unusable => Code::Engine,
            ClusterError::Plan(_) | ClusterError::NoSource { .. } | ClusterError::NoNode { .. } => {
                Code::Usage
            }
            _ => Code::NotAsAsked,
        };
        let evidence = error.evidence().cloned().unwrap_or_default();
        Self {
            message: chain(&error),
            evidence,
            hint: error.hint(),
            code,
        }
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        let code = if error.is_unusable() {
            Code::Engine
        } else {
            Code::NotAsAsked
        };
        Self {
            message: error.to_string(),
            evidence: Evidence::default(),
            hint: error.hint().map(str::to_owned),
            code,
        }
    }
}

impl From<ProfileError> for Failure {
    fn from(error: ProfileError) -> Self {
        Self {
            message: error.to_string(),
            evidence: Evidence::default(),
            hint: error.remedy,
            code: Code::Usage,
        }
    }
}

/// An error and its causes on one line.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.ends_with(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect::<Vec<_>>()
        .join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Kind;

    #[test]
    fn failures_have_the_documented_codes_and_a_hint() {
        let engine = |kind| ClusterError::Engine {
            what: "do it".to_owned(),
            source: EngineError::new(kind, "no"),
        };
        let cases = [
            (engine(Kind::Unreachable), 3),
            (engine(Kind::Forbidden), 3),
            (engine(Kind::TooOld), 3),
            (engine(Kind::DiskFull), 1),
            (engine(Kind::PortTaken), 1),
            (ClusterError::NoCluster("x".parse().unwrap()), 1),
            (
                ClusterError::NoNode {
                    found: "a".to_owned(),
                    cluster: "x".parse().unwrap(),
                    known: String::new(),
                    nearest: None,
                },
                2,
            ),
        ];
        for (error, code) in cases {
            let text = error.to_string();
            let failure = Failure::from(error);
            assert_eq!(failure.code as u8, code, "case {text}");
            assert!(failure.hint.is_some(), "case {text}");
        }
    }

    #[test]
    fn the_cause_follows_on_the_same_line() {
        let error = ClusterError::Engine {
            what: "make it".to_owned(),
            source: EngineError::new(Kind::Other, "no\nreally"),
        };
        assert_eq!(Failure::from(error).message, "cannot make it: no; really");
    }
}
