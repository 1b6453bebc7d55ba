//! The command line, as Python's `optparse` reads it: options before and after arguments, short and
//! long, `--name=value` or `--name value`, any unambiguous beginning of a name, `--` ends them.

use std::collections::BTreeMap;

use super::Failure;
use super::grammar::{COMMANDS, Command, Opt, options};

/// Options and arguments as given.
#[derive(Debug, Default)]
pub(super) struct Given {
    options: BTreeMap<&'static str, Vec<String>>,
    /// In the order of switches that undo each other.
    order: Vec<&'static str>,
    /// What is no option.
    pub(super) args: Vec<String>,
}

impl Given {
    /// The last value of an option.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.all(name).last().map(String::as_str)
    }

    /// All values of an option.
    pub(super) fn all(&self, name: &str) -> &[String] {
        self.options.get(name).map_or(&[], Vec::as_slice)
    }

    /// Whether a switch is on.
    pub(super) fn is_on(&self, name: &str) -> bool {
        self.options.contains_key(name)
    }

    /// Which of two switches was given last; `usual` where none was.
    pub(super) fn either(&self, yes: &str, no: &str, usual: bool) -> bool {
        self.order
            .iter()
            .rev()
            .find(|name| **name == yes || **name == no)
            .map_or(usual, |name| *name == yes)
    }

    /// An option's value as `read` understands it.
    pub(super) fn parsed<T>(
        &self,
        name: &str,
        allowed: &str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>, Failure> {
        self.text(name)
            .map(|text| {
                read(text).ok_or_else(|| {
                    Failure::Usage(format!(
                        "option --{name}: invalid value: '{text}' ({allowed} is allowed)"
                    ))
                })
            })
            .transpose()
    }
}

/// What a command line asks for.
#[derive(Debug)]
pub(super) enum Parsed {
    Help(Option<&'static Command>),
    Command(&'static Command, Given),
}

/// Reads a command line without the program's name. The error is told with the usage.
pub(super) fn parse(words: Vec<String>) -> Result<Parsed, String> {
    let mut given = Given::default();
    let mut command: Option<&'static Command> = None;
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        if word == "--" {
            given.args.extend(words.by_ref());
        } else if let Some(body) = word.strip_prefix("--") {
            let (name, inline) = match body.split_once('=') {
                Some((name, value)) => (name, Some(value.to_string())),
                None => (body, None),
            };
            let (option, name) = long(command, name)?;
            let value = match (option.metavar, inline) {
                (Some(_), Some(value)) => value,
                (Some(_), None) => words
                    .next()
                    .ok_or_else(|| format!("--{name} option requires 1 argument"))?,
                (None, Some(_)) => return Err(format!("--{name} option does not take a value")),
                (None, None) => String::new(),
            };
            take(&mut given, option, value);
        } else if let Some(letters) = word.strip_prefix('-').filter(|rest| !rest.is_empty()) {
            short(command, letters, &mut given, &mut words)?;
        } else if command.is_none() {
            command = Some(named(&word)?);
        } else {
            given.args.push(word);
        }
    }
    if given.is_on("help") {
        return Ok(Parsed::Help(command));
    }
    match command {
        Some(command) => Ok(Parsed::Command(command, given)),
        None => Err(must_supply()),
    }
}

fn named(word: &str) -> Result<&'static Command, String> {
    COMMANDS
        .iter()
        .find(|command| command.name == word)
        .ok_or_else(must_supply)
}

fn must_supply() -> String {
    let names: Vec<&str> = COMMANDS.iter().map(|command| command.name).collect();
    format!(
        "Must supply one of the following commands: {}",
        names.join(", ")
    )
}

/// The option of this name, or the only one that begins with it.
fn long(
    command: Option<&'static Command>,
    name: &str,
) -> Result<(&'static Opt, &'static str), String> {
    let all: Vec<(&'static Opt, &'static str)> = options(command)
        .flat_map(|option| option.names.iter().map(move |name| (option, *name)))
        .collect();
    if let Some(found) = all.iter().find(|(_, full)| *full == name) {
        return Ok(*found);
    }
    let mut matching: Vec<(&'static Opt, &'static str)> = all
        .into_iter()
        .filter(|(_, full)| full.starts_with(name))
        .collect();
    matching.sort_by_key(|(_, full)| *full);
    match matching.as_slice() {
        [found] => Ok(*found),
        [] => Err(format!("no such option: --{name}")),
        many => {
            let names: Vec<String> = many.iter().map(|(_, full)| format!("--{full}")).collect();
            Err(format!(
                "ambiguous option: --{name} ({}?)",
                names.join(", ")
            ))
        }
    }
}

fn short(
    command: Option<&'static Command>,
    letters: &str,
    given: &mut Given,
    words: &mut impl Iterator<Item = String>,
) -> Result<(), String> {
    let mut rest = letters.chars();
    while let Some(letter) = rest.next() {
        let option = options(command)
            .find(|option| option.short == Some(letter))
            .ok_or_else(|| format!("no such option: -{letter}"))?;
        if option.metavar.is_none() {
            take(given, option, String::new());
            continue;
        }
        let value = match rest.as_str() {
            "" => words
                .next()
                .ok_or_else(|| format!("-{letter} option requires 1 argument"))?,
            value => value.to_string(),
        };
        take(given, option, value);
        break;
    }
    Ok(())
}

fn take(given: &mut Given, option: &'static Opt, value: String) {
    if let Some(name) = option.names.first() {
        given.options.entry(name).or_default().push(value);
        given.order.push(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(words: &[&str]) -> Result<Given, String> {
        match parse(words.iter().map(|word| word.to_string()).collect())? {
            Parsed::Command(_, given) => Ok(given),
            Parsed::Help(_) => Err("help".into()),
        }
    }

    #[test]
    fn options_stand_before_and_after_arguments_until_two_dashes() {
        let given = given(&[
            "--root=/r",
            "simplerun",
            "-Phttp:80",
            "echo",
            "--name",
            "x",
            "-P",
            "a:1",
            "--",
            "-n",
            "--name",
        ])
        .unwrap();
        assert_eq!(given.args, ["echo", "-n", "--name"]);
        assert_eq!(given.all("port"), ["http:80", "a:1"]);
        assert_eq!(
            (given.text("root"), given.text("name")),
            (Some("/r"), Some("x"))
        );
    }

    #[test]
    fn the_last_of_two_switches_counts() {
        let given = given(&["gc", "--delete-logs", "--keep-logs", "--delete-data"]).unwrap();
        assert!(given.either("keep-logs", "delete-logs", true));
        assert!(!given.either("keep-data", "delete-data", true));
        assert!(given.either("keep-metadata", "delete-metadata", true));
    }

    #[test]
    fn wrong_command_lines_are_told_as_optparse_does() {
        let must = "Must supply one of the following commands: gc, help, inspect, kill, read, run, simplerun, status, tail";
        for (words, want) in [
            (vec![], must),
            (vec!["nope"], must),
            (vec!["status", "--nope"], "no such option: --nope"),
            (vec!["status", "-x"], "no such option: -x"),
            (
                vec!["status", "--only"],
                "--only option requires 1 argument",
            ),
            (
                vec!["read", "--simple=1"],
                "--simple option does not take a value",
            ),
            (
                vec!["gc", "--max"],
                "ambiguous option: --max (--max_age, --max_space, --max_tasks?)",
            ),
            (vec!["status", "--help"], "help"),
        ] {
            assert_eq!(given(&words).unwrap_err(), want, "case {words:?}");
        }
        assert_eq!(
            given(&["status", "--verb=2"]).unwrap().text("verbosity"),
            Some("2")
        );
    }
}
