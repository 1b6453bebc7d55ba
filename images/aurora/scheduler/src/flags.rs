//! The scheduler's flags, in the original's manner: `-name=value`, `-name value`, `--name=value`.

mod callers;
mod executors;
mod outside;
mod scheduling;
mod settings;
mod table;
mod units;

use std::collections::BTreeMap;
use std::time::Duration;

use thiserror::Error;

pub use settings::Configuration;
pub use table::FLAGS;

/// What a flag's value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `true` or `false`; the name alone is `true`.
    Bool,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// A time such as `5secs`: `ns`, `us`, `ms`, `secs`, `mins`, `hrs`, `days`.
    Time,
    /// An amount of data such as `128MB`: `B`, `KB`, `MB`, `GB`, `TB`.
    Data,
    /// Anything.
    Text,
}

/// What giving a flag does here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// What it does in the original.
    Full,
    /// Nothing: it tunes a part that works differently here.
    None,
    /// It asks for what this scheduler cannot do, unless it has its default value.
    Refused,
}

/// A flag.
#[derive(Debug, Clone, Copy)]
pub struct Flag {
    /// Without dashes.
    pub name: &'static str,
    /// What its value is.
    pub kind: Kind,
    /// Its value when it is not given; `None` is no value.
    pub default: Option<&'static str>,
    /// What giving it does.
    pub effect: Effect,
    /// For `-help`.
    pub help: &'static str,
}

/// Why the command line cannot be used.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum FlagError {
    /// There is no such flag.
    #[error("unknown flag `-{name}`{}", suggestion.map(|s| format!("; did you mean `-{s}`?")).unwrap_or_default())]
    Unknown {
        /// As given.
        name: String,
        /// The most similar one, if any is similar.
        suggestion: Option<&'static str>,
    },
    /// Something that is no flag.
    #[error("unexpected argument `{0}`: flags are given as `-name=value`")]
    Argument(String),
    /// The flag needs a value.
    #[error("flag `-{0}` needs a value")]
    Missing(&'static str),
    /// The value does not suit.
    #[error("flag `-{name}` cannot be `{value}`: {expected} is expected")]
    Value {
        /// The flag.
        name: &'static str,
        /// Its value.
        value: String,
        /// What it may be.
        expected: String,
    },
    /// A flag that must be given was not.
    #[error("flag `-{0}` is required")]
    Required(&'static str),
    /// The flag asks for what this scheduler cannot do.
    #[error("flag `-{name}` cannot be `{value}`: this scheduler does not support it")]
    Unsupported {
        /// The flag.
        name: &'static str,
        /// Its value.
        value: String,
    },
}

/// The flags as they were given, checked, with the defaults of the others.
#[derive(Debug, Clone, Default)]
pub struct Values {
    given: BTreeMap<&'static str, String>,
}

/// What the command line asks for.
#[derive(Debug)]
pub enum Request {
    /// To run.
    Run(Values),
    /// To be told what flags there are.
    Help,
}

impl Values {
    /// Reads arguments, the program's name left out.
    pub fn parse(arguments: &[String]) -> Result<Request, FlagError> {
        let mut values = Self::default();
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            let Some(body) = argument
                .strip_prefix("--")
                .or_else(|| argument.strip_prefix('-'))
            else {
                return Err(FlagError::Argument(argument.clone()));
            };
            let (name, value) = match body.split_once('=') {
                Some((name, value)) => (name, Some(value.to_string())),
                None => (body, None),
            };
            if matches!(name, "help" | "h") {
                return Ok(Request::Help);
            }
            let flag = find(name)?;
            let value = match value {
                Some(value) => value,
                None if flag.kind == Kind::Bool => "true".to_string(),
                None => rest.next().cloned().ok_or(FlagError::Missing(flag.name))?,
            };
            check(flag, &value)?;
            values.given.insert(flag.name, value);
        }
        Ok(Request::Run(values))
    }

    /// A flag's value, its default if it was not given.
    pub fn text(&self, name: &str) -> Option<&str> {
        let default = || FLAGS.iter().find(|flag| flag.name == name)?.default;
        self.given.get(name).map(String::as_str).or_else(default)
    }

    /// Whether a flag was given.
    pub fn is_given(&self, name: &str) -> bool {
        self.given.contains_key(name)
    }

    /// A flag that must be given.
    pub fn required(&self, name: &'static str) -> Result<&str, FlagError> {
        self.text(name)
            .filter(|text| !text.is_empty())
            .ok_or(FlagError::Required(name))
    }

    /// A flag's truth.
    pub fn is_on(&self, name: &str) -> bool {
        self.text(name)
            .is_some_and(|text| text.eq_ignore_ascii_case("true"))
    }

    /// A whole number; 0 where there is none.
    pub fn integer(&self, name: &str) -> i64 {
        self.text(name)
            .and_then(|text| text.parse().ok())
            .unwrap_or(0)
    }

    /// A number; 0 where there is none.
    pub fn number(&self, name: &str) -> f64 {
        self.text(name)
            .and_then(|text| text.parse().ok())
            .unwrap_or(0.0)
    }

    /// A time.
    pub fn time(&self, name: &str) -> Duration {
        self.text(name).and_then(units::time).unwrap_or_default()
    }

    /// A time in milliseconds.
    pub fn millis(&self, name: &str) -> i64 {
        i64::try_from(self.time(name).as_millis()).unwrap_or(i64::MAX)
    }

    /// An amount of data in bytes.
    pub fn bytes(&self, name: &str) -> u64 {
        self.text(name).and_then(units::data).unwrap_or(0)
    }

    /// A list with commas.
    pub fn list(&self, name: &str) -> Vec<String> {
        let parts = self.text(name).unwrap_or_default().split(',');
        parts
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .map(str::to_string)
            .collect()
    }

    /// The given flags that have no effect here.
    pub fn without_effect(&self) -> Vec<&'static str> {
        let idle = |name: &&'static str| {
            FLAGS
                .iter()
                .any(|flag| flag.name == *name && flag.effect == Effect::None)
        };
        self.given.keys().copied().filter(idle).collect()
    }
}

fn find(name: &str) -> Result<&'static Flag, FlagError> {
    FLAGS
        .iter()
        .find(|flag| flag.name == name)
        .ok_or_else(|| FlagError::Unknown {
            name: name.to_string(),
            suggestion: FLAGS
                .iter()
                .map(|flag| (distance(flag.name, name), flag.name))
                .min()
                .filter(|(distance, candidate)| *distance * 3 <= candidate.len())
                .map(|(_, candidate)| candidate),
        })
}

fn check(flag: &'static Flag, value: &str) -> Result<(), FlagError> {
    let (good, expected) = match flag.kind {
        Kind::Bool => {
            let good = ["true", "false"]
                .iter()
                .any(|word| value.eq_ignore_ascii_case(word));
            (good, "`true` or `false`")
        }
        Kind::Integer => (value.parse::<i64>().is_ok(), "a whole number"),
        Kind::Number => (value.parse::<f64>().is_ok_and(f64::is_finite), "a number"),
        Kind::Time => (
            units::time(value).is_some(),
            "a time such as `5secs` or `1mins`",
        ),
        Kind::Data => (
            units::data(value).is_some(),
            "an amount of data such as `128MB`",
        ),
        Kind::Text => (true, ""),
    };
    if !good {
        let (value, expected) = (value.to_string(), expected.to_string());
        return Err(FlagError::Value {
            name: flag.name,
            value,
            expected,
        });
    }
    let is_default = flag.default.unwrap_or_default().eq_ignore_ascii_case(value);
    if flag.effect == Effect::Refused && !is_default {
        return Err(FlagError::Unsupported {
            name: flag.name,
            value: value.to_string(),
        });
    }
    Ok(())
}

/// A value that passed its own check and still makes no sense.
fn bad(name: &'static str, value: &str, expected: impl Into<String>) -> FlagError {
    FlagError::Value {
        name,
        value: value.to_string(),
        expected: expected.into(),
    }
}

/// How many letters differ, by insertion, deletion and replacement.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        let mut next = vec![left];
        for (j, y) in b.iter().enumerate() {
            let above = row.get(j + 1).copied().unwrap_or(usize::MAX - 1);
            let cost = (diagonal + usize::from(x != *y))
                .min(above + 1)
                .min(left + 1);
            diagonal = above;
            left = cost;
            next.push(cost);
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

/// The text for `-help`.
pub fn usage() -> String {
    let mut text = String::from("Usage: aurora-scheduler -flag=value …\n\n");
    for flag in FLAGS {
        let default = flag
            .default
            .map(|value| format!(" (default: {value})"))
            .unwrap_or_default();
        text.push_str(&format!("  -{}\n      {}{default}\n", flag.name, flag.help));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Values, FlagError> {
        let arguments: Vec<String> = arguments.iter().map(|a| a.to_string()).collect();
        match Values::parse(&arguments)? {
            Request::Run(values) => Ok(values),
            Request::Help => panic!("no help was asked for"),
        }
    }

    #[test]
    fn flags_are_read_in_every_form() {
        let values = parse(&[
            "-cluster_name=a",
            "--http_port=1",
            "-partition_aware",
            "-hostname",
            "h",
        ])
        .unwrap();
        assert_eq!(values.text("cluster_name"), Some("a"));
        assert_eq!(values.integer("http_port"), 1);
        assert!(values.is_on("partition_aware") && !values.is_on("populate_discovery_info"));
        assert_eq!(values.text("hostname"), Some("h"));
        assert_eq!(values.millis("min_offer_hold_time"), 300_000);
        assert_eq!(values.bytes("thermos_executor_ram"), 128 << 20);
    }

    #[test]
    fn every_default_passes_its_own_check() {
        for flag in FLAGS {
            if let Some(default) = flag.default {
                assert_eq!(check(flag, default), Ok(()), "{}", flag.name);
            }
        }
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        let cases = [
            (
                vec!["-cluster_nam=a"],
                "unknown flag `-cluster_nam`; did you mean `-cluster_name`?",
            ),
            (vec!["-xyzzy=a"], "unknown flag `-xyzzy`"),
            (
                vec!["cluster_name"],
                "unexpected argument `cluster_name`: flags are given as `-name=value`",
            ),
            (vec!["-hostname"], "flag `-hostname` needs a value"),
            (
                vec!["-http_port=x"],
                "flag `-http_port` cannot be `x`: a whole number is expected",
            ),
            (
                vec!["-shiro_after_auth_filter=x.Y"],
                "flag `-shiro_after_auth_filter` cannot be `x.Y`: this scheduler does not support it",
            ),
        ];
        for (arguments, want) in cases {
            assert_eq!(parse(&arguments).unwrap_err().to_string(), want);
        }
    }
}
