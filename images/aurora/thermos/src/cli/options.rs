//! The command line, as Python's `optparse` reads it: options before and after arguments, short and
//! long, `--name=value` or `--name value`, any unambiguous beginning of a name, `--` ends them.

use std::collections::BTreeMap;

use super::Failure;

/// An option.
#[derive(Debug)]
pub(super) struct Opt {
    /// `--name`, without the dashes; the first is its key.
    names: &'static [&'static str],
    short: Option<char>,
    /// What stands for its value in the help; `None`: it is a switch.
    metavar: Option<&'static str>,
    help: &'static str,
}

const fn value(name: &'static [&'static str], metavar: &'static str, help: &'static str) -> Opt {
    Opt {
        names: name,
        short: None,
        metavar: Some(metavar),
        help,
    }
}

const fn switch(name: &'static [&'static str], help: &'static str) -> Opt {
    Opt {
        names: name,
        short: None,
        metavar: None,
        help,
    }
}

/// A command.
#[derive(Debug)]
pub(super) struct Command {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    pub(super) usage: &'static str,
    options: &'static [Opt],
}

const GLOBAL: &[Opt] = &[
    Opt {
        names: &["help", "short-help", "long-help"],
        short: Some('h'),
        metavar: None,
        help: "show this help message and exit.",
    },
    value(&["root"], "PATH", "the thermos config root"),
    value(
        &["mesos-root"],
        "PATH",
        "The mesos root directory to search for Thermos executor sandboxes [default: /var/lib/mesos]",
    ),
];

const PORT: Opt = Opt {
    names: &["port"],
    short: Some('P'),
    metavar: Some("NAME:PORT"),
    help: "bind named PORT to NAME.",
};
const ENVIRONMENT: Opt = Opt {
    names: &["environment"],
    short: Some('E'),
    metavar: Some("NAME=VALUE"),
    help: "bind the configuration environment variable NAME to VALUE.",
};
const USER: Opt = value(
    &["user"],
    "USER",
    "run as this user.  if not $USER, must have setuid privilege.",
);
const TASK_ID: Opt = value(
    &["task_id"],
    "STRING",
    "The id to which this task should be bound, synthesized from the task name if none provided.",
);
const DAEMON: Opt = switch(&["daemon"], "fork and daemonize the thermos runner.");
const TASK: Opt = value(
    &["task"],
    "TASKNAME",
    "The thermos task within the config to take. Only required if there are several tasks exported from the thermos configuration.",
);
const JSON: Opt = switch(&["json"], "Read the source file in json format.");

/// Every command, by name.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "gc",
        about: "Garbage collect task(s) and task metadata.",
        usage: "Usage: thermos gc [options] [task_id1 task_id2 ...]",
        options: &[
            value(
                &["max_age"],
                "AGE",
                "Max age in human readable form, e.g. 2d5h or 7200s",
            ),
            value(&["max_tasks"], "NUM", "Max number of tasks to keep."),
            value(
                &["max_space"],
                "SPACE",
                "Max space to allow for tasks, e.g. 20G.",
            ),
            switch(&["keep-data"], "Keep data (the default)."),
            switch(&["delete-data"], "Delete data."),
            switch(&["keep-logs"], "Keep logs (the default)."),
            switch(&["delete-logs"], "Delete logs."),
            switch(&["keep-metadata"], "Keep metadata (the default)."),
            switch(&["delete-metadata"], "Delete metadata."),
            switch(
                &["force"],
                "Perform garbage collection without confirmation",
            ),
            switch(&["dryrun"], "Don't actually run garbage collection."),
        ],
    },
    Command {
        name: "help",
        about: "Get help about a specific command.",
        usage: "Usage: thermos help [command]",
        options: &[],
    },
    Command {
        name: "inspect",
        about: "Inspect a thermos config and display the evaluated task",
        usage: "Usage: thermos inspect [options] config",
        options: &[TASK, JSON, PORT, ENVIRONMENT],
    },
    Command {
        name: "kill",
        about: "Kill task(s)",
        usage: "Usage: thermos kill task_id1 [task_id2 ...]",
        options: &[],
    },
    Command {
        name: "read",
        about: "Replay a thermos checkpoint.",
        usage: "Usage: thermos read [options] checkpoint_filename",
        options: &[switch(
            &["simple"],
            "Only print the checkpoint records, do not replay them.",
        )],
    },
    Command {
        name: "run",
        about: "Run a thermos task.",
        usage: "Usage: thermos run [options] config",
        options: &[
            USER,
            switch(
                &["enable_chroot"],
                "chroot tasks to the sandbox before executing them, requires root privileges.",
            ),
            TASK,
            TASK_ID,
            JSON,
            value(
                &["sandbox"],
                "PATH",
                "The sandbox in which to run the task.",
            ),
            PORT,
            ENVIRONMENT,
            DAEMON,
        ],
    },
    Command {
        name: "simplerun",
        about: "Run a simple command line as a thermos task.",
        usage: "Usage: thermos simplerun [options] [--] commandline",
        options: &[
            USER,
            value(&["name"], "STRING", "The name to give this task."),
            TASK_ID,
            PORT,
            ENVIRONMENT,
            DAEMON,
        ],
    },
    Command {
        name: "status",
        about: "Get the status of task(s).",
        usage: "Usage: thermos status [options] [task_name(s) or task_regexp(s)]",
        options: &[
            value(&["verbosity"], "VERBOSE", "Display more verbosity"),
            value(&["only"], "ONLY", "Display only tasks of this type."),
        ],
    },
    Command {
        name: "tail",
        about: "Tail the logs of a task process.",
        usage: "Usage: thermos tail task_name [process_name]",
        options: &[switch(&["stderr"], "Tail stderr instead of stdout")],
    },
];

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

fn options(command: Option<&'static Command>) -> impl Iterator<Item = &'static Opt> {
    GLOBAL
        .iter()
        .chain(command.map_or(&[][..], |command| command.options))
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

/// The usage of the program, or of one of its commands.
pub(super) fn usage(command: Option<&'static Command>) -> String {
    if let Some(command) = command {
        return format!("{}\n\n", command.usage);
    }
    let mut text = String::from("Usage: \nthermos\n\ncommands:\n");
    for command in COMMANDS {
        text.push_str(&format!("    {:<10}\t{}\n", command.name, command.about));
    }
    text.push('\n');
    text
}

/// The usage with all options.
pub(super) fn help(command: Option<&'static Command>) -> String {
    let mut text = usage(command);
    text.push_str("Options:\n");
    for option in options(command) {
        let metavar = |name: String, glue: &str| match option.metavar {
            Some(metavar) => format!("{name}{glue}{metavar}"),
            None => name,
        };
        let forms: Vec<String> = option
            .short
            .map(|letter| metavar(format!("-{letter}"), " "))
            .into_iter()
            .chain(
                option
                    .names
                    .iter()
                    .map(|name| metavar(format!("--{name}"), "=")),
            )
            .collect();
        let forms = forms.join(", ");
        let mut lines = wrapped(option.help).into_iter();
        if forms.len() <= 20 {
            let first = lines.next().unwrap_or_default();
            text.push_str(&format!("  {forms:<20}  {first}\n"));
        } else {
            text.push_str(&format!("  {forms}\n"));
        }
        for line in lines {
            text.push_str(&format!("{:24}{line}\n", ""));
        }
    }
    text
}

/// A text in lines of at most 54 characters, as `optparse` has beside its options.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.len() + 1 + word.len() <= 54 => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_string()),
        }
    }
    lines
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

    #[test]
    fn every_option_is_explained() {
        for command in COMMANDS {
            let text = help(Some(command));
            for option in options(Some(command)) {
                assert!(text.contains(option.names[0]), "{}: {text}", command.name);
            }
        }
        assert!(help(None).contains("    simplerun \tRun a simple command line"));
    }
}
