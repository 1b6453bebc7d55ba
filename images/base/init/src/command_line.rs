//! What node-init was asked for. Pure.

use std::ffi::{OsStr, OsString};
use std::time::Duration;

/// Stands between two programs.
const SEPARATOR: &str = "---";

/// How long a node may take to stop when nothing else is said: within the 10 s after which Docker kills it.
const GRACE: Duration = Duration::from_secs(8);

/// A longer grace than this is a typing error.
const LONGEST_GRACE_SECONDS: f64 = 3600.0;

/// One program and its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Program {
    pub(crate) name: OsString,
    pub(crate) args: Vec<OsString>,
}

#[derive(Debug, PartialEq)]
pub(crate) enum Request {
    Run {
        programs: Vec<Program>,
        grace: Duration,
    },
    Help,
    Version,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UsageError {
    #[error("no program to run")]
    NoProgram,
    #[error("a program is missing beside `---`")]
    EmptyProgram,
    #[error("option `{0}` is not known; allowed are `--grace=SECONDS`, `--help` and `--version`")]
    UnknownOption(String),
    #[error("`{0}` is not a grace; allowed is a number of seconds from 0 to 3600")]
    BadGrace(String),
}

/// Reads the arguments after the program's own name. Options are node-init's only before the first program.
pub(crate) fn parse(args: impl Iterator<Item = OsString>) -> Result<Request, UsageError> {
    let mut args = args.peekable();
    let mut grace = GRACE;
    while let Some(option) = args.next_if(|arg| is_option(arg)) {
        let option = option.to_string_lossy();
        if option == "--help" || option == "-h" {
            return Ok(Request::Help);
        }
        if option == "--version" {
            return Ok(Request::Version);
        }
        let Some(seconds) = option.strip_prefix("--grace=") else {
            return Err(UsageError::UnknownOption(option.into_owned()));
        };
        grace = seconds
            .parse::<f64>()
            .ok()
            .filter(|seconds| (0.0..=LONGEST_GRACE_SECONDS).contains(seconds))
            .map(Duration::from_secs_f64)
            .ok_or_else(|| UsageError::BadGrace(seconds.to_owned()))?;
    }
    let words: Vec<OsString> = args.collect();
    if words.is_empty() {
        return Err(UsageError::NoProgram);
    }
    let programs = words
        .split(|word| word == SEPARATOR)
        .map(|words| match words.split_first() {
            Some((name, args)) if !name.is_empty() => Ok(Program {
                name: name.clone(),
                args: args.to_vec(),
            }),
            _ => Err(UsageError::EmptyProgram),
        })
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Request::Run { programs, grace })
}

fn is_option(arg: &OsStr) -> bool {
    arg != SEPARATOR && arg.as_encoded_bytes().starts_with(b"-")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Request, UsageError> {
        parse(line.split_whitespace().map(OsString::from))
    }

    fn shown(line: &str) -> String {
        match parsed(line) {
            Ok(Request::Run { programs, grace }) => {
                let programs: Vec<String> = programs
                    .iter()
                    .map(|program| {
                        let mut words = vec![program.name.to_string_lossy().into_owned()];
                        words.extend(
                            program
                                .args
                                .iter()
                                .map(|arg| arg.to_string_lossy().into_owned()),
                        );
                        words.join(" ")
                    })
                    .collect();
                format!("{} in {grace:?}", programs.join(" | "))
            }
            Ok(other) => format!("{other:?}"),
            Err(error) => format!("error: {error}"),
        }
    }

    #[test]
    fn programs_stand_between_separators_and_keep_their_own_options() {
        let cases = [
            ("sleep infinity", "sleep infinity in 8s"),
            (
                "mesos-agent --port=5051 -- x --- thermos_observer --port=1338",
                "mesos-agent --port=5051 -- x | thermos_observer --port=1338 in 8s",
            ),
            ("--grace=0.25 a --grace=9", "a --grace=9 in 250ms"),
            ("--help a", "Help"),
            ("--version", "Version"),
            ("a --help", "a --help in 8s"),
        ];
        for (line, want) in cases {
            assert_eq!(shown(line), want, "case `{line}`");
        }
    }

    #[test]
    fn bad_usage_says_what_is_allowed() {
        let cases = [
            ("", "error: no program to run"),
            ("--grace=1", "error: no program to run"),
            ("---", "error: a program is missing beside `---`"),
            ("a ---", "error: a program is missing beside `---`"),
            ("--- a", "error: a program is missing beside `---`"),
            ("a --- --- b", "error: a program is missing beside `---`"),
            (
                "--grace=-1 a",
                "error: `-1` is not a grace; allowed is a number of seconds from 0 to 3600",
            ),
            (
                "--grace=NaN a",
                "error: `NaN` is not a grace; allowed is a number of seconds from 0 to 3600",
            ),
            (
                "--wait a",
                "error: option `--wait` is not known; allowed are `--grace=SECONDS`, `--help` and `--version`",
            ),
        ];
        for (line, want) in cases {
            assert_eq!(shown(line), want, "case `{line}`");
        }
    }
}
