//! The flat commands of 2014 (`apache/aurora/client/commands/core.py` of that time): `aurora create`,
//! `aurora kill`, … Options are taken in that time's spelling and in today's;
//! `status` and `list_jobs` print what today's verbs print.

mod today;

use crate::VERSION;
use crate::argparse::{
    Child, Children, Kind, Opt, Outcome, Parser, Positional, any, help, integer,
};
use crate::console::Console;
use crate::grammar::{self, JOB, PATHNAME, ROLE, VERBOSE, WILDCARD};
use crate::keys::parse_instances;
use crate::{argparse, exit};

/// The version of the API that `aurora version` tells; the number has long been out of use.
const API_VERSION: u32 = 3;

const HELP: Opt = Opt {
    flags: &["-h", "--help"],
    kind: Kind::Help,
    metavar: "",
    help: "show this help message and exit",
};
const BIND: Opt = Opt {
    flags: &["--bind", "-E"],
    ..grammar::BIND
};
const JSON: Opt = Opt {
    flags: &["--read-json", "--json", "-j"],
    ..grammar::READ_JSON
};
const OPEN_BROWSER: Opt = Opt {
    flags: &["--open-browser", "--open_browser", "-o"],
    ..grammar::OPEN_BROWSER
};
const WAIT_UNTIL: Opt = Opt {
    flags: &["--wait-until", "--wait_until"],
    ..grammar::WAIT_UNTIL
};
const BATCH_SIZE: Opt = Opt {
    flags: &["--batch-size", "--batch_size"],
    ..grammar::BATCH_SIZE
};
const MAX_TOTAL_FAILURES: Opt = Opt {
    flags: &["--max-total-failures", "--max_total_failures"],
    kind: Kind::Value(integer),
    ..grammar::MAX_TOTAL_FAILURES
};
/// Which instances `kill` ends.
pub(crate) const SHARDS: Opt = Opt {
    flags: &["--shards"],
    kind: Kind::Value(shards),
    metavar: "SHARDS",
    help: "Instances to act on, such as 0-2,5; all of them if it is left out",
};
const CLUSTER: Opt = Opt {
    flags: &["--cluster"],
    kind: Kind::Value(any),
    metavar: "CLUSTER",
    help: "The job's cluster, as its key has it",
};
const ENVIRONMENT: Opt = Opt {
    flags: &["--env"],
    kind: Kind::Value(any),
    metavar: "ENV",
    help: "The job's environment, as its key has it",
};
const NO_HOOKS: Opt = Opt {
    flags: &["--disable_all_hooks_reason"],
    kind: Kind::Value(any),
    metavar: "REASON",
    help: "Why no hooks are to run",
};

fn shards(text: &str) -> Result<(), argparse::Rejected> {
    parse_instances(text)
        .map(|_| ())
        .ok_or(argparse::Rejected::Type("shards"))
}

/// A command line of that time in the words of today, for what a verb of today does; `None` if it is none.
pub fn today(words: &[String]) -> Option<Vec<String>> {
    today::today(words)
}

/// What a command line of that time comes to; `None` if it is none.
pub fn parse(words: &[String], width: usize) -> Option<Outcome> {
    let parser = program();
    let known = parser
        .children
        .iter()
        .flat_map(|children| &children.parsers);
    let first = words.first()?;
    known
        .into_iter()
        .any(|child| child.name == first)
        .then(|| argparse::parse(&parser, words, width))
}

fn program() -> Parser {
    let commands: [(&'static str, &'static str, &[Opt], &[Positional]); 5] = [
        (
            "create",
            "Create a job",
            &[
                BIND,
                OPEN_BROWSER,
                CLUSTER,
                ENVIRONMENT,
                JSON,
                WAIT_UNTIL,
                NO_HOOKS,
            ],
            &[JOB, PATHNAME],
        ),
        (
            "kill",
            "Kill a job, or some of its instances",
            &[
                SHARDS,
                BATCH_SIZE,
                MAX_TOTAL_FAILURES,
                OPEN_BROWSER,
                NO_HOOKS,
            ],
            &[JOB],
        ),
        (
            "killall",
            "Kill a job",
            &[BATCH_SIZE, MAX_TOTAL_FAILURES, OPEN_BROWSER, NO_HOOKS],
            &[JOB],
        ),
        ("status", "Show a job's tasks", &[], &[WILDCARD]),
        ("list_jobs", "List a role's jobs", &[], &[ROLE]),
    ];
    let parsers = commands
        .into_iter()
        .map(|(name, about, options, words)| {
            let mut all = vec![HELP];
            all.extend(options);
            all.push(VERBOSE);
            let parser = Parser {
                prog: format!("aurora {name}"),
                options: all,
                positionals: words.to_vec(),
                children: None,
            };
            Child {
                name,
                help: about,
                parser,
            }
        })
        .collect();
    Parser {
        prog: "aurora".to_owned(),
        options: vec![HELP],
        positionals: Vec::new(),
        children: Some(Children {
            dest: "command",
            title: "commands",
            parsers,
        }),
    }
}

/// Answers `aurora version` and `aurora help [word…]`, which ask nobody.
pub fn plain(words: &[String], width: usize, console: &Console) -> Option<u8> {
    let (first, rest) = words.split_first()?;
    match first.as_str() {
        "version" => {
            console.out("Aurora client build info:");
            console.out(&format!("\tversion: {VERSION}"));
            console.out(&format!("Aurora API version: {API_VERSION}"));
            Some(exit::OK)
        }
        "help" => {
            let found = [grammar::program(), program()]
                .iter()
                .find_map(|program| Some(help(descend(program, rest)?, width)));
            match found {
                Some(text) => {
                    console.out(&text);
                    Some(exit::OK)
                }
                None => {
                    console.err(&format!("Unknown command: {}", rest.join(" ")));
                    Some(exit::DIED)
                }
            }
        }
        _ => None,
    }
}

fn descend<'p>(parser: &'p Parser, words: &[String]) -> Option<&'p Parser> {
    let Some((first, rest)) = words.split_first() else {
        return Some(parser);
    };
    let child = parser
        .children
        .as_ref()?
        .parsers
        .iter()
        .find(|child| child.name == first)?;
    descend(&child.parser, rest)
}
