//! `thermos`: looks at tasks on this machine, ends them, and runs some without any agent
//! (`apache/thermos/cli`).

/// Like `print!`, but ends the program when nobody reads any more, as in `thermos status | head`.
macro_rules! say {
    ($($argument:tt)*) => { $crate::cli::write(format_args!($($argument)*)) };
}

/// Like `println!`, in the same way.
macro_rules! sayln {
    () => { say!("\n") };
    ($($argument:tt)*) => { say!("{}\n", format_args!($($argument)*)) };
}

mod config;
mod gc;
mod grammar;
mod kill;
mod options;
mod read;
mod roots;
mod run;
mod status;
mod tail;
mod times;

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use crate::runner;

use grammar::{COMMANDS, Command};
use options::{Given, Parsed};
use roots::Roots;

/// Why a command ended without doing what was asked.
#[derive(Debug)]
enum Failure {
    /// The command line is wrong: told with the usage.
    Usage(String),
    /// Something else went wrong.
    Other(String),
    /// Everything has been said.
    Silent,
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Other(error.to_string())
    }
}

#[expect(clippy::exit, reason = "what is left to do is only to say more")]
fn write(text: std::fmt::Arguments<'_>) {
    if std::io::stdout().write_fmt(text).is_err() {
        std::process::exit(1);
    }
}

/// Runs `thermos`. `args[0]` is the program's name.
pub fn main(args: Vec<OsString>) -> ExitCode {
    // A runner that this program starts is this program, too.
    if let Some(runner::RUNNER | runner::COORDINATOR) = args.get(1).and_then(|arg| arg.to_str()) {
        return crate::executor_main(args);
    }
    mesos_wire::log::init("warn");
    let words = args
        .into_iter()
        .skip(1)
        .map(|arg| arg.to_string_lossy().into_owned())
        .collect();
    let parsed = match options::parse(words) {
        Ok(parsed) => parsed,
        Err(text) => return complain(None, Failure::Usage(text)),
    };
    match parsed {
        Parsed::Help(command) => {
            say!("{}", grammar::help(command));
            ExitCode::SUCCESS
        }
        Parsed::Command(command, given) => match perform(command, &given) {
            Ok(()) => ExitCode::SUCCESS,
            Err(failure) => complain(Some(command), failure),
        },
    }
}

fn perform(command: &'static Command, given: &Given) -> Result<(), Failure> {
    let roots = Roots::of(given);
    match command.name {
        "status" => status::status(&roots, given),
        "tail" => tail::tail(&roots, given),
        "kill" => kill::kill(&roots, given),
        "read" => read::read(given),
        "gc" => gc::gc(&roots, given),
        "run" => run::run(given),
        "simplerun" => run::simplerun(given),
        "inspect" => run::inspect(given),
        _ => explain(given),
    }
}

/// `thermos help [command]`.
fn explain(given: &Given) -> Result<(), Failure> {
    let Some(name) = given.args.first() else {
        say!("{}", grammar::help(None));
        return Ok(());
    };
    match COMMANDS.iter().find(|command| command.name == name) {
        Some(command) => {
            sayln!("command {}:", command.name);
            sayln!("{}\n\n    {}\n", command.about, command.usage);
        }
        None => eprintln!("unknown command: {name}"),
    }
    Ok(())
}

fn complain(command: Option<&'static Command>, failure: Failure) -> ExitCode {
    match failure {
        Failure::Usage(text) => {
            eprint!("{}", grammar::usage(command));
            eprintln!("thermos: error: {text}");
        }
        Failure::Other(text) => eprintln!("{text}"),
        Failure::Silent => {}
    }
    ExitCode::FAILURE
}
