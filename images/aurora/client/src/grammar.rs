//! The client's nouns, verbs and options.

mod options;
mod verbs;

use crate::VERSION;
use crate::argparse::{Child, Children, Kind, Opt, Outcome, Parser};

pub use options::*;

const HELP: Opt = Opt {
    flags: &["-h", "--help"],
    kind: Kind::Help,
    metavar: "",
    help: "show this help message and exit",
};

const SHOW_VERSION: Opt = Opt {
    flags: &["--version"],
    kind: Kind::Version(VERSION),
    metavar: "",
    help: "show program's version number and exit",
};

/// A verb: its name, its help, its options, its words.
pub(crate) struct Verb {
    name: &'static str,
    help: &'static str,
    options: Vec<Opt>,
    words: Vec<crate::argparse::Positional>,
}

/// How an option's values are looked up: by its first spelling.
pub fn name(option: &Opt) -> &'static str {
    option.flags.first().copied().unwrap_or_default()
}

/// Understands a command line (without the program's name).
pub fn parse(words: &[String], width: usize) -> Outcome {
    crate::argparse::parse(&program(), words, width)
}

/// The whole program's parser.
pub fn program() -> Parser {
    let nouns = [
        ("cron", "Manage cron jobs", verbs::cron()),
        ("job", "Work with an aurora job", verbs::job()),
        (
            "config",
            "Work with an aurora configuration file",
            verbs::config(),
        ),
        (
            "quota",
            "Work with quota settings for an Apache Aurora cluster",
            verbs::quota(),
        ),
        (
            "sla",
            "Work with SLA data for an Apache Aurora job",
            verbs::sla(),
        ),
        (
            "task",
            "Work with a task running in an Apache Aurora cluster",
            verbs::task(),
        ),
        (
            "update",
            "Interact with the aurora update service.",
            verbs::update(),
        ),
    ];
    let parsers = nouns
        .into_iter()
        .map(|(name, help, verbs)| Child {
            name,
            help,
            parser: noun(name, verbs),
        })
        .collect();
    Parser {
        prog: "aurora".to_owned(),
        options: vec![HELP, SHOW_VERSION],
        positionals: Vec::new(),
        children: Some(Children {
            dest: "noun",
            title: "commands",
            parsers,
        }),
    }
}

fn noun(name: &str, verbs: Vec<Verb>) -> Parser {
    let prog = format!("aurora {name}");
    let parsers = verbs
        .into_iter()
        .map(|verb| {
            let mut options = vec![HELP];
            options.extend(verb.options);
            options.extend([VERBOSE, SKIP_HOOKS]);
            let parser = Parser {
                prog: format!("{prog} {}", verb.name),
                options,
                positionals: verb.words,
                children: None,
            };
            Child {
                name: verb.name,
                help: verb.help,
                parser,
            }
        })
        .collect();
    Parser {
        prog,
        options: vec![HELP],
        positionals: Vec::new(),
        children: Some(Children {
            dest: "verb",
            title: "subcommands",
            parsers,
        }),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const WORDS: &[&str] = &[
        "job",
        "create",
        "kill",
        "update",
        "list",
        "a/b/c/d",
        "a/b/c/d/0-3",
        "-h",
        "-v",
        "-vm",
        "--",
        "--bind",
        "--bind=x=y",
        "--message",
        "--m",
        "-mé",
        "-é",
        "--é=",
        "-",
        "",
        "-1",
        "x y",
        "=",
    ];

    proptest! {
        #[test]
        fn any_command_line_is_understood_or_explained(
            words in prop::collection::vec(
                prop_oneof![prop::sample::select(WORDS).prop_map(str::to_owned), any::<String>()],
                0..8,
            ),
            width in 1usize..200,
        ) {
            if let Outcome::Usage(text) = parse(&words, width) {
                prop_assert!(text.starts_with("usage: aurora"));
                prop_assert!(text.contains(": error: "));
            }
        }
    }
}
