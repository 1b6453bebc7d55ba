//! Command lines as Python's `argparse` (3.11) takes and explains them.
//!
//! Only what the client uses: one word per positional, flags, options with one value, choices,
//! abbreviations, and parsers below parsers. Sources: CPython's `Lib/argparse.py` and the recorded
//! runs of the original client.

mod help;
mod parse;

use std::collections::BTreeMap;

pub(crate) use help::row;
pub use help::{help, usage};
pub use parse::{parse, repr};

/// What becomes of an option's text.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// No value.
    Flag,
    /// Prints the help and ends.
    Help,
    /// Prints a text and ends.
    Version(&'static str),
    /// One value, which must pass the check.
    Value(Check),
    /// One of these.
    Choice(&'static [&'static str]),
}

/// Whether a text may be a value.
pub type Check = fn(&str) -> Result<(), Rejected>;

/// Why a text may not be a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rejected {
    /// Shown as `invalid <name> value: '<text>'`.
    Type(&'static str),
    /// Shown as it is.
    Because(String),
}

/// Takes any text.
pub fn any(_: &str) -> Result<(), Rejected> {
    Ok(())
}

/// Takes a whole number.
pub fn integer(text: &str) -> Result<(), Rejected> {
    text.trim()
        .parse::<i64>()
        .map(|_| ())
        .map_err(|_| Rejected::Type("int"))
}

/// An option. It may be repeated; each value is kept.
#[derive(Clone, Copy, Debug)]
pub struct Opt {
    /// All its spellings, the one shown in usage first.
    pub flags: &'static [&'static str],
    pub kind: Kind,
    /// How its value is shown.
    pub metavar: &'static str,
    pub help: &'static str,
}

/// A word in a fixed place.
#[derive(Clone, Copy, Debug)]
pub struct Positional {
    /// How it is shown, and how it is looked up.
    pub metavar: &'static str,
    pub check: Check,
    pub help: &'static str,
    pub arity: Arity,
}

/// How many words a positional takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arity {
    One,
    Optional,
    /// At least one; the positionals after it get theirs first.
    Some,
}

/// A parser: a verb's, a noun's or the program's.
#[derive(Clone, Debug)]
pub struct Parser {
    /// All words up to here, as in `aurora job create`.
    pub prog: String,
    pub options: Vec<Opt>,
    pub positionals: Vec<Positional>,
    pub children: Option<Children>,
}

/// The parsers below a parser.
#[derive(Clone, Debug)]
pub struct Children {
    /// How the choice among them is called in errors.
    pub dest: &'static str,
    /// The heading of their list in the help.
    pub title: &'static str,
    pub parsers: Vec<Child>,
}

/// A parser below another.
#[derive(Clone, Debug)]
pub struct Child {
    pub name: &'static str,
    pub help: &'static str,
    pub parser: Parser,
}

/// A command line, understood.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parsed {
    /// The chosen children, outermost first.
    pub path: Vec<&'static str>,
    values: BTreeMap<&'static str, Vec<String>>,
}

impl Parsed {
    /// The last value of the option or positional called `name` (an option by its first spelling).
    pub fn value(&self, name: &str) -> Option<&str> {
        self.values.get(name)?.last().map(String::as_str)
    }

    /// All values of an option.
    pub fn values(&self, name: &str) -> &[String] {
        self.values.get(name).map_or(&[], Vec::as_slice)
    }

    /// Whether a flag was given.
    pub fn flag(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    /// A positional's word. The parser has seen to it that there is one.
    pub fn word(&self, name: &str) -> &str {
        self.value(name).unwrap_or_default()
    }

    /// An integer option's value, or its default.
    pub fn integer(&self, name: &str, default: i64) -> i64 {
        self.value(name)
            .and_then(|text| text.trim().parse().ok())
            .unwrap_or(default)
    }
}

/// What a command line comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Parsed(Parsed),
    /// Help or a version, for stdout, exit code 0.
    Print(String),
    /// Usage and an error, for stderr, exit code 2.
    Usage(String),
}

/// The width that usage and help are laid out for: `COLUMNS`, else 80, less two as argparse does.
pub fn terminal_width() -> usize {
    const DEFAULT: usize = 80;
    let columns = std::env::var("COLUMNS")
        .ok()
        .and_then(|columns| columns.parse().ok());
    columns.filter(|columns| *columns > 2).unwrap_or(DEFAULT) - 2
}
