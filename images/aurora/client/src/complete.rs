//! What a word on a command line may become, for a shell that asks.
//!
//! The shell's completion runs the program with `AURORA_COMPLETE` set and the words so far as its
//! arguments, the last one being the word under the cursor, and gets one candidate a line.

use crate::argparse::{Kind, Opt, Parser};
use crate::clusters;

/// The variable that a shell asks with.
pub const VARIABLE: &str = "AURORA_COMPLETE";

/// Whether a shell asks.
pub fn is_asked() -> bool {
    std::env::var_os(VARIABLE).is_some_and(|value| !value.is_empty())
}

/// The candidates for the last of the words, of a program with parsers below parsers.
pub fn candidates(program: &Parser, words: &[String]) -> Vec<String> {
    let Some((last, before)) = words.split_last() else {
        return Vec::new();
    };
    let mut parser = program;
    for word in before {
        let children = parser
            .children
            .iter()
            .flat_map(|children| &children.parsers);
        if let Some(child) = children.into_iter().find(|child| child.name == word) {
            parser = &child.parser;
        }
    }
    if last.starts_with('-') {
        return starting(long_flags(&parser.options), last);
    }
    if let Some(choices) = before
        .last()
        .and_then(|word| choices(&parser.options, word))
    {
        return starting(choices.iter().map(|choice| (*choice).to_owned()), last);
    }
    match &parser.children {
        Some(children) => starting(
            children.parsers.iter().map(|child| child.name.to_owned()),
            last,
        ),
        None => starting(cluster_keys(), last),
    }
}

pub(crate) fn starting(all: impl Iterator<Item = String>, prefix: &str) -> Vec<String> {
    all.filter(|candidate| candidate.starts_with(prefix))
        .collect()
}

pub(crate) fn long_flags<'o>(
    options: impl IntoIterator<Item = &'o Opt>,
) -> impl Iterator<Item = String> {
    options
        .into_iter()
        .flat_map(|option| option.flags)
        .filter(|flag| flag.starts_with("--"))
        .map(|flag| (*flag).to_owned())
}

pub(crate) fn choices<'o>(
    options: impl IntoIterator<Item = &'o Opt>,
    flag: &str,
) -> Option<&'static [&'static str]> {
    let option = options
        .into_iter()
        .find(|option| option.flags.contains(&flag))?;
    match option.kind {
        Kind::Choice(choices) => Some(choices),
        _ => None,
    }
}

/// What job keys begin with.
fn cluster_keys() -> impl Iterator<Item = String> {
    cluster_names().map(|name| format!("{name}/"))
}

/// The clusters that are known. A list that cannot be read offers none.
pub(crate) fn cluster_names() -> impl Iterator<Item = String> {
    clusters::load(&clusters::search_path())
        .unwrap_or_default()
        .into_keys()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nouns_verbs_options_and_choices_are_offered() {
        let program = crate::grammar::program();
        for (words, expected) in [
            (&["jo"][..], &["job"][..]),
            (&["job", "re"], &["restart"]),
            (&["job", "create", "--op"], &["--open-browser"]),
            (&["job", "create", "--wait-until", "R"], &["RUNNING"]),
            (&["nosuch", "x"], &[]),
            (&["--v"], &["--version"]),
            (&[], &[]),
        ] {
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            assert_eq!(candidates(&program, &words), expected, "{words:?}");
        }
    }
}
