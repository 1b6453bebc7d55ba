//! `mesos-containerizer launch`: stands between the agent and a container's first process. It outlives
//! the agent, so a restarted agent still learns how the container ended, and whoever is attached to a
//! terminal stays attached to the same one.

mod info;
mod stage;
pub(crate) mod switchboard;
pub(crate) mod terminal;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use mesos_wire::flags::{Flag, Flags, Kind, Request, flag, usage};

pub(crate) use info::{Io, LaunchInfo, write_private};
pub(crate) use stage::{PID_FILE, STATUS_FILE};

const FLAGS: [Flag; 1] = [flag(
    "launch_info",
    Kind::Text,
    None,
    "A file that says what to start, as JSON",
)];

/// Runs `mesos-containerizer`; `args` begins with the program's name.
pub fn main(args: Vec<OsString>) -> ExitCode {
    let mut args = args.into_iter().skip(1);
    match args.next().as_deref().and_then(|word| word.to_str()) {
        Some("launch") => {}
        Some("--help" | "help") => return help(),
        _ => {
            complain(&format!(
                "a subcommand is expected: `launch`\n\n{}",
                shown_usage()
            ));
            return ExitCode::FAILURE;
        }
    }
    let file = match Flags::parse(&FLAGS, args, []) {
        Ok(Request::Run(flags)) => flags.text("launch_info").map(PathBuf::from),
        Ok(Request::Help | Request::Version) => return help(),
        Err(error) => {
            complain(&error.to_string());
            return ExitCode::FAILURE;
        }
    };
    let Some(file) = file else {
        complain("flag `launch_info` is missing: it names the file that says what to start");
        return ExitCode::FAILURE;
    };
    match LaunchInfo::read(&file).and_then(|info| stage::run(&info)) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            complain(&format!("cannot launch `{}`: {error}", file.display()));
            ExitCode::FAILURE
        }
    }
}

/// A place for the socket of a container's streams: short, as the names of sockets have to be.
pub(crate) fn new_socket() -> PathBuf {
    let name = format!("mesos-io-switchboard-{}", uuid::Uuid::new_v4());
    std::env::temp_dir().join(name)
}

fn shown_usage() -> String {
    usage("mesos-containerizer launch", &FLAGS)
}

fn help() -> ExitCode {
    use std::io::Write as _;
    match std::io::stdout().write_all(shown_usage().as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn complain(text: &str) {
    use std::io::Write as _;
    // There is nobody left to tell if this fails.
    let _ = writeln!(std::io::stderr(), "{text}");
}
