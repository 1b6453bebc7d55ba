//! Command lines as stout reads them: `--name=value`, `--flag`, `--no-flag`, and `MESOS_NAME` in
//! the environment. `-` and `_` are the same in names; a value `file://…` is read from that file.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::time::Duration;

use thiserror::Error;

use crate::duration;

/// What a flag's value must look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `true`, `false`, `1`, `0`, or no value at all.
    Bool,
    /// A whole number that is not negative.
    Integer,
    /// A decimal number.
    Number,
    /// A duration such as `10secs`.
    Duration,
    /// Any text: names, paths, lists, JSON.
    Text,
}

/// One flag that a program takes.
#[derive(Debug, Clone, Copy)]
pub struct Flag {
    /// Its name, with underscores.
    pub name: &'static str,
    /// What its value must look like.
    pub kind: Kind,
    /// Its value where it is not given.
    pub default: Option<&'static str>,
    /// What it means, for `--help`.
    pub help: &'static str,
    /// The older name that is still taken, if any.
    pub alias: Option<&'static str>,
}

/// A flag without an older name.
pub const fn flag(
    name: &'static str,
    kind: Kind,
    default: Option<&'static str>,
    help: &'static str,
) -> Flag {
    Flag {
        name,
        kind,
        default,
        help,
        alias: None,
    }
}

/// Why a command line cannot be used.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum FlagError {
    /// No flag has this name.
    #[error("Failed to load unknown flag `{name}`{}", nearest.map(|n| format!(": did you mean `--{n}`?")).unwrap_or_default())]
    Unknown {
        /// The name as given.
        name: String,
        /// The allowed name that is most like it.
        nearest: Option<&'static str>,
    },
    /// The value is not of the flag's kind.
    #[error("Failed to load flag `{name}`: {reason}")]
    Value {
        /// The flag.
        name: &'static str,
        /// What is wrong with the value, and what is allowed.
        reason: String,
    },
    /// An argument that is not a flag.
    #[error("unexpected argument `{0}`: flags are written `--name=value`")]
    Positional(String),
}

/// What a command line asks for.
#[derive(Debug)]
pub enum Request {
    /// To run with these flags.
    Run(Flags),
    /// `--help`.
    Help,
    /// `--version`.
    Version,
}

/// The values of a program's flags: given ones, and the defaults of the others.
#[derive(Debug, Clone, Default)]
pub struct Flags {
    values: BTreeMap<&'static str, String>,
}

impl Flags {
    /// Reads `args` (without the program's name), then the variables `MESOS_*` for what is not given.
    pub fn parse(
        specs: &[Flag],
        args: impl IntoIterator<Item = OsString>,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Request, FlagError> {
        let mut values = BTreeMap::new();
        for arg in args {
            let arg = arg.to_string_lossy().into_owned();
            let Some(body) = arg.strip_prefix("--") else {
                return Err(FlagError::Positional(arg));
            };
            let (name, value) = match body.split_once('=') {
                Some((name, value)) => (name, Some(value.to_string())),
                None => (body, None),
            };
            let name = name.replace('-', "_");
            match name.as_str() {
                "help" => return Ok(Request::Help),
                "version" => return Ok(Request::Version),
                _ => {}
            }
            let (spec, value) = match (find(specs, &name), value) {
                (Some(spec), Some(value)) => (spec, value),
                (Some(spec), None) if spec.kind == Kind::Bool => (spec, "true".to_string()),
                (Some(spec), None) => {
                    return Err(FlagError::Value {
                        name: spec.name,
                        reason: "missing value".to_string(),
                    });
                }
                (None, value) => match name.strip_prefix("no_").and_then(|n| find(specs, n)) {
                    Some(spec) if spec.kind == Kind::Bool && value.is_none() => {
                        (spec, "false".to_string())
                    }
                    _ => {
                        let nearest = nearest(specs, &name);
                        return Err(FlagError::Unknown { name, nearest });
                    }
                },
            };
            values.insert(spec.name, checked(spec, value)?);
        }
        for (key, value) in environment {
            let Some(name) = key.strip_prefix("MESOS_") else {
                continue;
            };
            // Unknown variables are others' business: an executor's environment has many.
            if let Some(spec) = find(specs, &name.to_ascii_lowercase())
                && !values.contains_key(spec.name)
            {
                values.insert(spec.name, checked(spec, value)?);
            }
        }
        for spec in specs {
            if let Some(default) = spec.default {
                values
                    .entry(spec.name)
                    .or_insert_with(|| default.to_string());
            }
        }
        Ok(Request::Run(Self { values }))
    }

    /// Every flag that has a value, by name, as `/flags` lists them.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.values
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
    }

    /// Sets a flag that the program works out for itself, such as its host name.
    pub fn set(&mut self, name: &'static str, value: impl Into<String>) {
        self.values.insert(name, value.into());
    }

    /// The value as text, unless it is absent or empty.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.values
            .get(name)
            .map(String::as_str)
            .filter(|v| !v.is_empty())
    }

    /// Whether a boolean flag is on; absent is off.
    pub fn is_on(&self, name: &str) -> bool {
        matches!(self.text(name), Some("true" | "1"))
    }

    /// The value as a whole number.
    pub fn integer(&self, name: &str) -> Option<u64> {
        self.text(name).and_then(|v| v.parse().ok())
    }

    /// The value as a decimal number.
    pub fn number(&self, name: &str) -> Option<f64> {
        self.text(name).and_then(|v| v.parse().ok())
    }

    /// The value as a duration.
    pub fn duration(&self, name: &str) -> Option<Duration> {
        self.text(name).and_then(|v| duration::parse(v).ok())
    }
}

/// What `--help` prints.
pub fn usage(program: &str, specs: &[Flag]) -> String {
    let mut text = format!("Usage: {program} [options]\n\n");
    let builtin = [
        flag("help", Kind::Bool, None, "Prints this help message"),
        flag("version", Kind::Bool, None, "Shows the version and exits"),
    ];
    for spec in builtin.iter().chain(specs) {
        let left = match spec.kind {
            Kind::Bool => format!("  --[no-]{}", spec.name),
            _ => format!("  --{}=VALUE", spec.name),
        };
        let default = spec
            .default
            .map(|d| format!(" (default: {d})"))
            .unwrap_or_default();
        text.push_str(&format!("{left:<52} {}{default}\n", spec.help));
    }
    text
}

fn find<'a>(specs: &'a [Flag], name: &str) -> Option<&'a Flag> {
    specs
        .iter()
        .find(|spec| spec.name == name || spec.alias == Some(name))
}

/// Flags that are shown as the file's name, not as what is in it. A master may itself be named by a
/// file, which its detector reads again and again; so is a whitelist. Secrets are shown to nobody.
const STAYS_PATH: [&str; 5] = [
    "master",
    "whitelist",
    "credential",
    "credentials",
    "http_credentials",
];

fn checked(spec: &Flag, value: String) -> Result<String, FlagError> {
    let wrong = |reason: String| FlagError::Value {
        name: spec.name,
        reason,
    };
    let value = match value.strip_prefix("file://") {
        Some(path) if !STAYS_PATH.contains(&spec.name) => std::fs::read_to_string(path)
            .map_err(|e| wrong(format!("cannot read `{path}`: {e}")))?
            .trim()
            .to_string(),
        _ => value,
    };
    match spec.kind {
        Kind::Bool if !matches!(value.as_str(), "true" | "false" | "1" | "0") => Err(wrong(
            format!("expecting a boolean (`true` or `false`), but got `{value}`"),
        )),
        Kind::Integer if value.parse::<u64>().is_err() => Err(wrong(format!(
            "expecting a whole number, but got `{value}`"
        ))),
        Kind::Number if value.parse::<f64>().is_err() => {
            Err(wrong(format!("expecting a number, but got `{value}`")))
        }
        Kind::Duration => match duration::parse(&value) {
            Ok(_) => Ok(value),
            Err(error) => Err(wrong(error.to_string())),
        },
        _ => Ok(value),
    }
}

/// The allowed name that is most like `name`, if any is near enough to be meant.
fn nearest(specs: &[Flag], name: &str) -> Option<&'static str> {
    specs
        .iter()
        .map(|spec| (distance(spec.name, name), spec.name))
        .min()
        .filter(|(d, _)| *d <= 1 + name.len() / 4)
        .map(|(_, name)| name)
}

/// How many letters must change to make one word of the other (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut above_left = i;
        let mut left = i + 1;
        if let Some(first) = row.first_mut() {
            *first = left;
        }
        for (cell, y) in row.iter_mut().skip(1).zip(&b) {
            let here = (above_left + usize::from(x != *y))
                .min(left + 1)
                .min(*cell + 1);
            above_left = std::mem::replace(cell, here);
            left = here;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPECS: &[Flag] = &[
        flag("work_dir", Kind::Text, None, "where it works"),
        flag("port", Kind::Integer, Some("5050"), "where it listens"),
        flag(
            "switch_user",
            Kind::Bool,
            Some("true"),
            "whether to change users",
        ),
        Flag {
            alias: Some("slave_ping_timeout"),
            ..flag(
                "agent_ping_timeout",
                Kind::Duration,
                Some("15secs"),
                "how often",
            )
        },
    ];

    fn parse(args: &[&str], env: &[(&str, &str)]) -> Result<Request, FlagError> {
        Flags::parse(
            SPECS,
            args.iter().map(OsString::from),
            env.iter().map(|(k, v)| (k.to_string(), v.to_string())),
        )
    }

    fn flags(args: &[&str], env: &[(&str, &str)]) -> Flags {
        match parse(args, env) {
            Ok(Request::Run(flags)) => flags,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_command_line_wins_over_the_environment_and_that_over_defaults() {
        let got = flags(
            &["--work-dir=/a"],
            &[
                ("MESOS_WORK_DIR", "/b"),
                ("MESOS_PORT", "1"),
                ("MESOS_TASK_ID", "x"),
            ],
        );
        assert_eq!(got.text("work_dir"), Some("/a"));
        assert_eq!(got.integer("port"), Some(1));
        assert_eq!(
            got.duration("agent_ping_timeout"),
            Some(Duration::from_secs(15))
        );
    }

    #[test]
    fn booleans_are_said_in_four_ways() {
        for (arg, want) in [
            ("--switch_user", true),
            ("--no-switch_user", false),
            ("--switch_user=0", false),
            ("--switch-user=true", true),
        ] {
            assert_eq!(
                flags(&[arg], &[]).is_on("switch_user"),
                want,
                "case `{arg}`"
            );
        }
    }

    #[test]
    fn older_names_are_taken() {
        assert_eq!(
            flags(&["--slave_ping_timeout=1secs"], &[]).duration("agent_ping_timeout"),
            Some(Duration::from_secs(1))
        );
    }

    #[test]
    fn wrong_command_lines_say_what_is_wrong() {
        let cases = [
            (
                "--work_dri=/a",
                "Failed to load unknown flag `work_dri`: did you mean `--work_dir`?",
            ),
            ("--zzz=1", "Failed to load unknown flag `zzz`"),
            (
                "--port=x",
                "Failed to load flag `port`: expecting a whole number, but got `x`",
            ),
            ("--port", "Failed to load flag `port`: missing value"),
            (
                "--switch_user=maybe",
                "Failed to load flag `switch_user`: expecting a boolean (`true` or `false`), but got `maybe`",
            ),
            (
                "work_dir",
                "unexpected argument `work_dir`: flags are written `--name=value`",
            ),
            ("--no-port", "Failed to load unknown flag `no_port`"),
        ];
        for (arg, want) in cases {
            let error = parse(&[arg], &[]).expect_err(arg);
            assert_eq!(error.to_string(), want, "case `{arg}`");
        }
    }

    #[test]
    fn help_names_every_flag() {
        let text = usage("mesos-master", SPECS);
        for spec in SPECS {
            assert!(text.contains(spec.name), "{text}");
        }
        assert!(matches!(parse(&["--help"], &[]), Ok(Request::Help)));
        assert!(matches!(parse(&["--version"], &[]), Ok(Request::Version)));
    }
}
