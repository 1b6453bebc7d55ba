//! PID 1 of every node: starts what the node runs, starts again what ends, reaps orphans, forwards signals, and stops
//! everything in order when the node is asked to stop.
//!
//! It knows nothing of the programs it runs, opens no file and no port, and keeps nothing between two runs. What opens a port
//! is [`listen`], a program of its own.

use std::ffi::OsString;
use std::process::ExitCode;

mod children;
mod command_line;
pub mod listen;
mod restart;
mod supervisor;

use command_line::Request;

const HELP: &str = "\
PID 1 of a node: runs programs, starts them again when they end, and stops them in order.

usage: node-init [--grace=SECONDS] PROGRAM [ARG]... [--- PROGRAM [ARG]...]...

Programs start in the order given and stop in the reverse order, on SIGTERM or SIGINT: each gets the signal, and SIGKILL
when its share of the grace (8 seconds for all) is over; a second signal ends the waiting. SIGHUP, SIGQUIT, SIGUSR1 and
SIGUSR2 go to every program. When a program ends three times in a row within a second of its start, the others are stopped.

exit codes: the first program's status after a signal; the status of a program that cannot stay up (128 + N for signal N,
127 not found, 126 not executable); 2 bad usage; 1 no signals to be had from the system.
";

/// Runs node-init with `args`, of which the first is the program's own name, until every program has ended.
pub fn main(args: Vec<OsString>) -> ExitCode {
    match command_line::parse(args.into_iter().skip(1)) {
        Ok(Request::Help) => {
            print(HELP);
            ExitCode::SUCCESS
        }
        Ok(Request::Version) => {
            print(&format!("node-init {}\n", env!("CARGO_PKG_VERSION")));
            ExitCode::SUCCESS
        }
        Ok(Request::Run { programs, grace }) => match supervisor::run(programs, grace) {
            Ok(status) => ExitCode::from(status),
            Err(error) => {
                say(format_args!("cannot listen for signals: {error}"));
                ExitCode::FAILURE
            }
        },
        Err(error) => {
            say(format_args!("{error}"));
            say(format_args!("hint: `node-init --help` shows the usage"));
            ExitCode::from(2)
        }
    }
}

/// A line on stderr. A closed stderr is no reason for PID 1 to end.
fn say(line: std::fmt::Arguments<'_>) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "node-init: {line}");
}

fn print(text: &str) {
    use std::io::Write;
    let _ = std::io::stdout().write_all(text.as_bytes());
}
