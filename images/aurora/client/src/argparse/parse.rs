//! Reading a command line.

use super::help::{help, usage};
use super::{Arity, Kind, Opt, Outcome, Parsed, Parser, Rejected};

/// Why reading stopped.
enum Stop {
    Print(String),
    Error(String),
}

/// Understands `words` (without the program's name).
pub fn parse(parser: &Parser, words: &[String], width: usize) -> Outcome {
    let mut reading = Reading {
        parsed: Parsed::default(),
        unknown: Vec::new(),
        width,
    };
    match reading.parser(parser, words) {
        Ok(()) if reading.unknown.is_empty() => Outcome::Parsed(reading.parsed),
        // Words that nobody knows are reported by the outermost parser.
        Ok(()) => Outcome::Usage(complain(
            parser,
            &format!("unrecognized arguments: {}", reading.unknown.join(" ")),
            width,
        )),
        Err(Stop::Print(text)) => Outcome::Print(text),
        Err(Stop::Error(text)) => Outcome::Usage(text),
    }
}

fn complain(parser: &Parser, error: &str, width: usize) -> String {
    format!("{}\n{}: error: {error}", usage(parser, width), parser.prog)
}

/// A text as Python's `repr` shows it.
pub fn repr(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') {
        '"'
    } else {
        '\''
    };
    let mut shown = String::from(quote);
    for c in text.chars() {
        match c {
            '\\' => shown.push_str("\\\\"),
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push_str("\\t"),
            c if c == quote => shown.extend(['\\', c]),
            c if c.is_control() => shown.push_str(&format!("\\x{:02x}", u32::from(c))),
            c => shown.push(c),
        }
    }
    shown.push(quote);
    shown
}

struct Reading {
    parsed: Parsed,
    unknown: Vec<String>,
    width: usize,
}

impl Reading {
    fn parser(&mut self, parser: &Parser, words: &[String]) -> Result<(), Stop> {
        let mut positionals = parser.positionals.iter();
        let mut rest = words;
        let mut only_words = false;
        // The positional that takes every word, once there is one.
        let mut many = None;
        let mut missing_child = parser.children.is_some();
        while let Some((word, tail)) = rest.split_first() {
            rest = tail;
            if !only_words && word == "--" {
                only_words = true;
                continue;
            }
            if !only_words && self.is_option(parser, word) {
                rest = self.option(parser, word, rest)?;
                continue;
            }
            if let Some(children) = &parser.children {
                let Some(child) = children.parsers.iter().find(|child| child.name == word) else {
                    let names: Vec<String> = children
                        .parsers
                        .iter()
                        .map(|child| repr(child.name))
                        .collect();
                    let error = format!(
                        "argument {}: invalid choice: {} (choose from {})",
                        children.dest,
                        repr(word),
                        names.join(", ")
                    );
                    return Err(self.error(parser, &error));
                };
                self.parsed.path.push(child.name);
                missing_child = false;
                self.parser(&child.parser, rest)?;
                break;
            }
            match many.or_else(|| positionals.next()) {
                Some(positional) => {
                    (positional.check)(word)
                        .map_err(|why| self.reject(parser, positional.metavar, word, &why))?;
                    self.keep(positional.metavar, word);
                    many = (positional.arity == Arity::Some).then_some(positional);
                }
                None => self.unknown.push(word.clone()),
            }
        }
        let mut later = positionals.as_slice();
        while let (Some(many), [rest @ .., last]) = (many, later) {
            let taken = self.parsed.values.get_mut(many.metavar);
            let Some(word) = taken
                .filter(|words| words.len() > later.len())
                .and_then(Vec::pop)
            else {
                break;
            };
            self.keep(last.metavar, &word);
            later = rest;
        }
        let mut missing: Vec<&str> = later
            .iter()
            .filter(|positional| positional.arity != Arity::Optional)
            .map(|positional| positional.metavar)
            .collect();
        if missing_child && let Some(children) = &parser.children {
            missing.push(children.dest);
        }
        if missing.is_empty() {
            return Ok(());
        }
        let error = format!(
            "the following arguments are required: {}",
            missing.join(", ")
        );
        Err(self.error(parser, &error))
    }

    fn error(&self, parser: &Parser, error: &str) -> Stop {
        Stop::Error(complain(parser, error, self.width))
    }

    fn reject(&self, parser: &Parser, name: &str, text: &str, why: &Rejected) -> Stop {
        let why = match why {
            Rejected::Type(ty) => format!("invalid {ty} value: {}", repr(text)),
            Rejected::Because(why) => why.clone(),
        };
        self.error(parser, &format!("argument {name}: {why}"))
    }

    fn keep(&mut self, name: &'static str, value: &str) {
        self.parsed
            .values
            .entry(name)
            .or_default()
            .push(value.to_owned());
    }

    /// Reads one option, and returns the words after it.
    fn option<'w>(
        &mut self,
        parser: &Parser,
        word: &str,
        rest: &'w [String],
    ) -> Result<&'w [String], Stop> {
        let (option, given) = match self.find(parser, word)? {
            Some(found) => found,
            None => {
                self.unknown.push(word.to_owned());
                return Ok(rest);
            }
        };
        let shown = option.flags.join("/");
        let name = option.flags.first().copied().unwrap_or_default();
        if matches!(option.kind, Kind::Flag | Kind::Help | Kind::Version(_)) {
            if let Some(given) = given {
                // `-vh` is `-v -h`; anything else that hangs on a flag is an error.
                let joined = format!("-{given}");
                let short = !word.starts_with("--");
                if short && self.find(parser, &joined)?.is_some() {
                    self.flag(parser, option, name)?;
                    return self.option(parser, &joined, rest);
                }
                let error = format!(
                    "argument {shown}: ignored explicit argument {}",
                    repr(&given)
                );
                return Err(self.error(parser, &error));
            }
            self.flag(parser, option, name)?;
            return Ok(rest);
        }
        let (value, rest) = match given {
            Some(given) => (given, rest),
            None => match rest.split_first() {
                Some((value, tail)) if !self.is_option(parser, value) => (value.clone(), tail),
                _ => {
                    let error = format!("argument {shown}: expected one argument");
                    return Err(self.error(parser, &error));
                }
            },
        };
        match option.kind {
            Kind::Value(check) => {
                check(&value).map_err(|why| self.reject(parser, &shown, &value, &why))?;
            }
            Kind::Choice(choices) if !choices.contains(&value.as_str()) => {
                let names: Vec<String> = choices.iter().map(|choice| repr(choice)).collect();
                let error = format!(
                    "argument {shown}: invalid choice: {} (choose from {})",
                    repr(&value),
                    names.join(", ")
                );
                return Err(self.error(parser, &error));
            }
            _ => {}
        }
        self.keep(name, &value);
        Ok(rest)
    }

    /// Words that begin with a dash are options, but for a dash alone, numbers, and words with blanks that
    /// name no option.
    fn is_option(&self, parser: &Parser, word: &str) -> bool {
        let Some(rest) = word.strip_prefix('-') else {
            return false;
        };
        if rest.is_empty() || rest.parse::<f64>().is_ok() {
            return false;
        }
        !word.contains(' ') || !matches!(self.find(parser, word), Ok(None))
    }

    fn flag(&mut self, parser: &Parser, option: Opt, name: &'static str) -> Result<(), Stop> {
        match option.kind {
            Kind::Help => Err(Stop::Print(help(parser, self.width))),
            Kind::Version(version) => Err(Stop::Print(version.to_owned())),
            _ => {
                self.keep(name, "");
                Ok(())
            }
        }
    }

    /// The option that a word means, and the value it carries: `--name=value`, `-nvalue`, or a
    /// long option's only beginning.
    fn find(&self, parser: &Parser, word: &str) -> Result<Option<(Opt, Option<String>)>, Stop> {
        let by_flag = |flag: &str| {
            parser
                .options
                .iter()
                .find(|option| option.flags.contains(&flag))
                .copied()
        };
        if let Some(option) = by_flag(word) {
            return Ok(Some((option, None)));
        }
        let (stem, value) = match word.split_once('=') {
            Some((stem, value)) => (stem, Some(value.to_owned())),
            None => (word, None),
        };
        if value.is_some()
            && let Some(option) = by_flag(stem)
        {
            return Ok(Some((option, value)));
        }
        if !word.starts_with("--") {
            let mut chars = word.char_indices().skip(2);
            let Some((end, _)) = chars.next() else {
                return Ok(None);
            };
            let (flag, joined) = word.split_at(end);
            return Ok(by_flag(flag).map(|option| {
                (
                    option,
                    Some(joined.strip_prefix('=').unwrap_or(joined).to_owned()),
                )
            }));
        }
        let matches: Vec<(Opt, &str)> = parser
            .options
            .iter()
            .flat_map(|option| option.flags.iter().map(|flag| (*option, *flag)))
            .filter(|(_, flag)| flag.starts_with(stem))
            .collect();
        match matches.as_slice() {
            [] => Ok(None),
            [(option, _)] => Ok(Some((*option, value))),
            several => {
                let names: Vec<&str> = several.iter().map(|(_, flag)| *flag).collect();
                let error = format!("ambiguous option: {word} could match {}", names.join(", "));
                Err(self.error(parser, &error))
            }
        }
    }
}
