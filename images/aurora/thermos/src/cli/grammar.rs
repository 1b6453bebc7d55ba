//! What `thermos` can be told: its commands, their options, and the help that tells of them.

/// An option.
#[derive(Debug)]
pub(super) struct Opt {
    /// `--name`, without the dashes; the first is its key.
    pub(super) names: &'static [&'static str],
    pub(super) short: Option<char>,
    /// What stands for its value in the help; `None`: it is a switch.
    pub(super) metavar: Option<&'static str>,
    pub(super) help: &'static str,
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

/// The options of a command and those that all have.
pub(super) fn options(command: Option<&'static Command>) -> impl Iterator<Item = &'static Opt> {
    GLOBAL
        .iter()
        .chain(command.map_or(&[][..], |command| command.options))
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
