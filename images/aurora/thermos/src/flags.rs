//! Command lines as the original's programs read them: `--name=value`, `--name value`, `--switch`;
//! `-` and `_` are the same in names.

use std::collections::BTreeMap;
use std::ffi::OsString;

use thiserror::Error;

/// One flag that a program takes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Flag {
    /// Its name, with underscores.
    pub(crate) name: &'static str,
    /// Whether a value follows.
    pub(crate) takes_value: bool,
}

/// A flag with a value.
pub(crate) const fn value(name: &'static str) -> Flag {
    Flag {
        name,
        takes_value: true,
    }
}

/// A flag that is there or not.
pub(crate) const fn switch(name: &'static str) -> Flag {
    Flag {
        name,
        takes_value: false,
    }
}

/// Why a command line cannot be used.
#[derive(Debug, Error, PartialEq, Eq)]
pub(crate) enum FlagError {
    /// No flag has this name.
    #[error("no such option: --{0}")]
    Unknown(String),
    /// A flag without the value that it needs.
    #[error("--{0} option requires 1 argument")]
    MissingValue(&'static str),
    /// A switch with a value that says neither yes nor no.
    #[error("--{name} is on or off: `{value}` is neither `true` nor `false`")]
    NotASwitch {
        /// The switch.
        name: &'static str,
        /// What was given.
        value: String,
    },
    /// Something that is not a flag.
    #[error("unexpected argument `{0}`: options are written `--name=value`")]
    Positional(String),
    /// A value that the flag cannot have.
    #[error("option --{name}: invalid value `{value}`: {allowed} is allowed")]
    Invalid {
        /// The flag.
        name: &'static str,
        /// What was given.
        value: String,
        /// What may be.
        allowed: &'static str,
    },
    /// A flag that has to be given.
    #[error("option --{0} is required")]
    Required(&'static str),
}

/// The flags given, each with its values in the order given.
#[derive(Debug, Default, Clone)]
pub(crate) struct Given(BTreeMap<&'static str, Vec<String>>);

impl Given {
    /// Reads `args`, without the program's name. Logging options of the original's programs
    /// (`--log_to_disk`, `--log_to_stderr`, …) are taken and have no effect: all goes to stderr.
    pub(crate) fn parse(
        specs: &[Flag],
        args: impl IntoIterator<Item = OsString>,
    ) -> Result<Self, FlagError> {
        let mut given = Self::default();
        let mut args = args
            .into_iter()
            .map(|arg| arg.to_string_lossy().into_owned());
        while let Some(arg) = args.next() {
            let Some(body) = arg.strip_prefix("--").filter(|body| !body.is_empty()) else {
                return Err(FlagError::Positional(arg));
            };
            let (name, inline) = match body.split_once('=') {
                Some((name, value)) => (name.replace('-', "_"), Some(value.to_string())),
                None => (body.replace('-', "_"), None),
            };
            const LOGGING: [Flag; 4] = [
                value("log_to_disk"),
                value("log_to_stderr"),
                value("log_dir"),
                switch("log_simple"),
            ];
            let spec = specs
                .iter()
                .chain(&LOGGING)
                .find(|spec| spec.name == name)
                .ok_or(FlagError::Unknown(name))?;
            let value = match inline {
                Some(value) if spec.takes_value => value,
                Some(value) => match value.to_lowercase().as_str() {
                    "true" | "1" => "true".to_string(),
                    "false" | "0" => continue,
                    _ => {
                        return Err(FlagError::NotASwitch {
                            name: spec.name,
                            value,
                        });
                    }
                },
                None if spec.takes_value => {
                    args.next().ok_or(FlagError::MissingValue(spec.name))?
                }
                None => "true".to_string(),
            };
            given.0.entry(spec.name).or_default().push(value);
        }
        Ok(given)
    }

    /// The last value given.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0
            .get(name)
            .and_then(|values| values.last())
            .map(String::as_str)
    }

    /// All values given.
    pub(crate) fn all(&self, name: &str) -> &[String] {
        self.0.get(name).map_or(&[], Vec::as_slice)
    }

    /// Whether a switch is on.
    pub(crate) fn is_on(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// The last value, as `read` understands it.
    pub(crate) fn parsed<T>(
        &self,
        name: &'static str,
        allowed: &'static str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>, FlagError> {
        match self.text(name) {
            None => Ok(None),
            Some(value) => read(value).map(Some).ok_or_else(|| FlagError::Invalid {
                name,
                value: value.to_string(),
                allowed,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPECS: &[Flag] = &[value("mesos_root"), value("port"), switch("nosetuid")];

    fn parse(args: &[&str]) -> Result<Given, FlagError> {
        Given::parse(SPECS, args.iter().map(OsString::from))
    }

    #[test]
    fn flags_are_written_in_many_ways() {
        let given = parse(&[
            "--mesos-root=/a",
            "--port",
            "1",
            "--port=2",
            "--nosetuid",
            "--log_to_stderr=google:INFO",
        ])
        .unwrap();
        assert_eq!(given.text("mesos_root"), Some("/a"));
        assert_eq!(given.all("port"), ["1", "2"]);
        assert!(given.is_on("nosetuid"));
        assert!(!parse(&["--nosetuid=False"]).unwrap().is_on("nosetuid"));
    }

    #[test]
    fn wrong_command_lines_say_what_is_wrong() {
        let cases: [(&[&str], &str); 4] = [
            (&["--nope"], "no such option: --nope"),
            (&["--port"], "--port option requires 1 argument"),
            (
                &["x"],
                "unexpected argument `x`: options are written `--name=value`",
            ),
            (
                &["--nosetuid=maybe"],
                "--nosetuid is on or off: `maybe` is neither `true` nor `false`",
            ),
        ];
        for (args, want) in cases {
            assert_eq!(parse(args).unwrap_err().to_string(), want);
        }
    }
}
