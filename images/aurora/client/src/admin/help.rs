//! Help and usage (`apache/aurora/admin/help.py`, laid out as optparse does).

use std::process::ExitCode;

use super::NAME;
use super::grammar::{COMMANDS, Command, GLOBAL};
use super::optparse::options;
use crate::argparse::{Kind, Opt, row};
use crate::complete;
use crate::console::Console;
use crate::exit;

const MAX_POSITION: usize = 24;

/// What the last of the words may become: a command, one of its options, or a cluster.
pub(super) fn candidates(words: &[String]) -> Vec<String> {
    let Some((last, before)) = words.split_last() else {
        return Vec::new();
    };
    let command = before.iter().find_map(|word| super::grammar::find(word));
    match command {
        Some(command) if last.starts_with('-') => {
            complete::starting(complete::long_flags(options(command)), last)
        }
        Some(command) => {
            let flag = before.last().map_or("", String::as_str);
            match complete::choices(options(command), flag) {
                Some(choices) => {
                    complete::starting(choices.iter().map(|choice| (*choice).to_owned()), last)
                }
                None => complete::starting(complete::cluster_names(), last),
            }
        }
        None => {
            let names = COMMANDS.iter().map(|command| command.name.to_owned());
            complete::starting(names.chain(["help".to_owned()]), last)
        }
    }
}

/// A command's usage and what it does.
pub(super) fn usage(command: &Command) -> String {
    format!("Usage: {}\n", command.usage)
}

/// A command's whole help.
pub(super) fn of(command: &Command, width: usize) -> String {
    let all: Vec<&Opt> = options(command).collect();
    format!("{}\n{}", usage(command), options_text(&all, width))
}

/// All commands by name.
pub(super) fn terse() -> String {
    let mut names: Vec<&str> = COMMANDS.iter().map(|command| command.name).collect();
    names.push("help");
    names.sort_unstable();
    format!(
        "Usage: \nAvailable commands:\n    {}\n\nFor more help on an individual command:\n    {NAME} help <command>\n",
        names.join("\n    ")
    )
}

/// What is said where no command is given: `--version`, or the list.
pub(super) fn without_command(words: &[String], width: usize, console: Console) -> ExitCode {
    let asked = words.iter().any(|word| {
        matches!(
            word.as_str(),
            "-h" | "--help" | "--short-help" | "--long-help"
        )
    });
    if words.iter().any(|word| word == "--version") && !asked {
        console.out(crate::VERSION);
        return ExitCode::SUCCESS;
    }
    let globals: Vec<&Opt> = GLOBAL.iter().collect();
    console.out(&format!("{}\n{}", terse(), options_text(&globals, width)));
    if asked {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(exit::DIED)
    }
}

/// `help [command]`.
pub(super) fn command(words: &[String], width: usize, console: Console) -> ExitCode {
    let words: Vec<&String> = words.iter().filter(|word| !word.starts_with('-')).collect();
    match words.as_slice() {
        [] => console.out(&full()),
        [name] => match super::grammar::find(name) {
            Some(command) => console.out(&of(command, width)),
            None => {
                console.out(&format!("Subcommand {name} not found."));
                return ExitCode::from(exit::DIED);
            }
        },
        _ => {
            console.out("Please specify at most one subcommand.");
            return ExitCode::from(exit::DIED);
        }
    }
    ExitCode::SUCCESS
}

fn full() -> String {
    let mut commands: Vec<&Command> = COMMANDS.iter().collect();
    commands.sort_by_key(|command| command.name);
    let mut text = "Available commands:\n".to_owned();
    for command in commands {
        text.push_str(&format!("\n{}\n", command.name));
        for line in command.usage.lines() {
            let line = format!("    {}", line.trim_start());
            text.push_str(line.trim_end());
            text.push('\n');
        }
    }
    text.trim_end().to_owned()
}

fn options_text(options: &[&Opt], width: usize) -> String {
    let rows: Vec<(String, &str)> = options
        .iter()
        .map(|option| (spelled(option), option.help))
        .collect();
    let longest = rows.iter().map(|(spelled, _)| spelled.len() + 2).max();
    let position = (longest.unwrap_or_default() + 2).min(MAX_POSITION);
    let lines: Vec<String> = rows
        .iter()
        .map(|(spelled, help)| row(2, spelled, help, position, width))
        .collect();
    format!("Options:\n{}", lines.join("\n"))
}

fn spelled(option: &Opt) -> String {
    let flags: Vec<String> = option
        .flags
        .iter()
        .map(|flag| match option.kind {
            Kind::Value(_) | Kind::Choice(_) if flag.starts_with("--") => {
                format!("{flag}={}", option.metavar)
            }
            Kind::Value(_) | Kind::Choice(_) => format!("{flag} {}", option.metavar),
            _ => (*flag).to_owned(),
        })
        .collect();
    flags.join(", ")
}
