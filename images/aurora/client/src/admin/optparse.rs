//! Command lines as Python's optparse takes them: options and words in any order, `--name=value`,
//! `-nvalue`, and a long option's beginning where it can mean only one.

use std::collections::BTreeMap;

use super::grammar::{Command, GLOBAL};
use crate::argparse::{Kind, Opt, Rejected, repr};

/// A command line, understood.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Parsed {
    pub(super) words: Vec<String>,
    /// By the first spelling of each option; the last value given counts.
    values: BTreeMap<&'static str, String>,
}

impl Parsed {
    /// The value of an option.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// The value of an option, unless it is empty.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.value(name).filter(|value| !value.is_empty())
    }

    /// Whether a flag was given.
    pub(super) fn flag(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    /// A whole number that the option has been checked to be.
    pub(super) fn number(&self, name: &str) -> Option<i64> {
        self.value(name)?.trim().parse().ok()
    }
}

/// Why reading stopped.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Stop {
    Help,
    Error(String),
}

/// Understands the words after a command's name.
pub(super) fn parse(command: &Command, words: &[String]) -> Result<Parsed, Stop> {
    let mut parsed = Parsed::default();
    let mut rest = words.iter();
    while let Some(word) = rest.next() {
        if word == "--" {
            parsed.words.extend(rest.cloned());
            break;
        }
        if let Some(long) = word.strip_prefix("--") {
            let (name, given) = match long.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (long, None),
            };
            let (flag, option) = find_long(command, &format!("--{name}"))?;
            let value = match (takes_value(option), given) {
                (false, Some(_)) => {
                    return Err(Stop::Error(format!("{flag} option does not take a value")));
                }
                (false, None) => String::new(),
                (true, Some(value)) => value,
                (true, None) => next_value(&mut rest, flag)?,
            };
            keep(&mut parsed, option, flag, value)?;
        } else if word.len() > 1 && word.starts_with('-') {
            short(command, word, &mut rest, &mut parsed)?;
        } else {
            parsed.words.push(word.clone());
        }
    }
    Ok(parsed)
}

/// One word of short options: `-v`, `-vq`, `-lFORMAT`.
fn short(
    command: &Command,
    word: &str,
    rest: &mut std::slice::Iter<'_, String>,
    parsed: &mut Parsed,
) -> Result<(), Stop> {
    let mut letters = word.chars().skip(1);
    while let Some(letter) = letters.next() {
        let flag = format!("-{letter}");
        let found = options(command)
            .find_map(|option| Some((*option.flags.iter().find(|known| **known == flag)?, option)));
        let (flag, option) = found.ok_or_else(|| Stop::Error(format!("no such option: {flag}")))?;
        if !takes_value(option) {
            keep(parsed, option, flag, String::new())?;
            continue;
        }
        let joined: String = letters.by_ref().collect();
        let value = if joined.is_empty() {
            next_value(rest, flag)?
        } else {
            joined
        };
        keep(parsed, option, flag, value)?;
    }
    Ok(())
}

pub(super) fn options(command: &Command) -> impl Iterator<Item = &'static Opt> + Clone {
    command.options.iter().chain(GLOBAL)
}

fn takes_value(option: &Opt) -> bool {
    matches!(option.kind, Kind::Value(_) | Kind::Choice(_))
}

fn next_value(rest: &mut std::slice::Iter<'_, String>, flag: &str) -> Result<String, Stop> {
    rest.next()
        .cloned()
        .ok_or_else(|| Stop::Error(format!("{flag} option requires 1 argument")))
}

fn find_long(command: &Command, name: &str) -> Result<(&'static str, &'static Opt), Stop> {
    let all = options(command)
        .flat_map(|option| option.flags.iter().map(move |flag| (*flag, option)))
        .filter(|(flag, _)| flag.starts_with("--"));
    if let Some(exact) = all.clone().find(|(flag, _)| *flag == name) {
        return Ok(exact);
    }
    let matches: Vec<_> = all.filter(|(flag, _)| flag.starts_with(name)).collect();
    match matches.as_slice() {
        [] => Err(Stop::Error(format!("no such option: {name}"))),
        [one] => Ok(*one),
        several => {
            let names: Vec<&str> = several.iter().map(|(flag, _)| *flag).collect();
            Err(Stop::Error(format!(
                "ambiguous option: {name} ({}?)",
                names.join(", ")
            )))
        }
    }
}

fn keep(parsed: &mut Parsed, option: &Opt, flag: &str, value: String) -> Result<(), Stop> {
    match option.kind {
        Kind::Help => return Err(Stop::Help),
        Kind::Value(check) => check(&value).map_err(|why| {
            Stop::Error(match why {
                Rejected::Type("int") => {
                    format!("option {flag}: invalid integer value: {}", repr(&value))
                }
                Rejected::Type(ty) => {
                    format!("option {flag}: invalid {ty} value: {}", repr(&value))
                }
                Rejected::Because(why) => why,
            })
        })?,
        Kind::Choice(choices) if !choices.contains(&value.as_str()) => {
            let names: Vec<String> = choices.iter().map(|choice| repr(choice)).collect();
            return Err(Stop::Error(format!(
                "option {flag}: invalid choice: {} (choose from {})",
                repr(&value),
                names.join(", ")
            )));
        }
        _ => {}
    }
    if let Some(name) = option.flags.first() {
        parsed.values.insert(name, value);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::grammar;
    use super::*;

    fn parsed(command: &str, words: &[&str]) -> Result<Parsed, Stop> {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        parse(grammar::find(command).unwrap(), &words)
    }

    #[test]
    fn options_and_words_come_in_any_order() {
        let found = parsed(
            "query",
            &[
                "c",
                "-l%taskId%",
                "r",
                "--shards=0,1",
                "--sta",
                "RUNNING",
                "j",
                "-v",
            ],
        )
        .unwrap();
        assert_eq!(found.words, ["c", "r", "j"]);
        assert_eq!(found.value("-l"), Some("%taskId%"));
        assert_eq!(found.value("--shards"), Some("0,1"));
        assert_eq!(found.value("--states"), Some("RUNNING"));
        assert!(found.flag("-v"));
        assert!(!found.flag("-q"));
        let found = parsed("query", &["--", "-l"]).unwrap();
        assert_eq!(found.words, ["-l"]);
    }

    #[test]
    fn what_is_wrong_is_told_as_optparse_tells_it() {
        for (command, words, expected) in [
            ("query", &["--nosuch"][..], "no such option: --nosuch"),
            ("query", &["-z"], "no such option: -z"),
            ("query", &["-l"], "-l option requires 1 argument"),
            (
                "query",
                &["--force=1"],
                "--force option does not take a value",
            ),
            (
                "prune_tasks",
                &["--limit=x"],
                "option --limit: invalid integer value: 'x'",
            ),
            (
                "reconcile_tasks",
                &["-t", "x"],
                "option -t: invalid choice: 'x' (choose from 'implicit', 'explicit')",
            ),
            (
                "sla_list_safe_domain",
                &["--exclude=x"],
                "ambiguous option: --exclude (--exclude_file, --exclude_hosts?)",
            ),
        ] {
            let expected = Err(Stop::Error(expected.to_owned()));
            assert_eq!(parsed(command, words), expected);
        }
        assert_eq!(parsed("query", &["-h"]), Err(Stop::Help));
    }

    proptest! {
        #[test]
        fn any_command_line_is_understood_or_refused(
            words in prop::collection::vec(prop_oneof![
                prop::sample::select(vec!["-", "--", "-l", "-lé", "--é=", "-é", "--list"])
                    .prop_map(str::to_owned),
                any::<String>(),
            ], 0..6),
        ) {
            let _ = parse(grammar::find("query").unwrap(), &words);
        }
    }
}
