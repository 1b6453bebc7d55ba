//! `node-listen`: runs a program for each connection to a port, with the connection as its standard input and output,
//! as inetd does. So a service that is seldom asked for costs no memory until it is.

use std::ffi::{OsStr, OsString};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

const HELP: &str = "\
Runs a program for each connection to a port, with the connection as its input and output.

usage: node-listen PORT PROGRAM [ARG]...

At most 64 connections are served at once; more are closed.

exit codes: 1 the port cannot be had; 2 bad usage.
";

/// Connections served at once.
const MOST: usize = 64;
/// A thread only waits for its program.
const STACK: usize = 64 << 10;
/// Pause after a connection that could not be accepted, so that a lasting failure does not spin.
const AFTER_FAILURE: Duration = Duration::from_millis(100);

/// Runs node-listen with `args`, of which the first is the program's own name.
pub fn main(args: Vec<OsString>) -> ExitCode {
    let mut words = args.into_iter().skip(1);
    let first = words.next();
    if first
        .as_deref()
        .is_some_and(|word| word == "--help" || word == "-h")
    {
        crate::print(HELP);
        return ExitCode::SUCCESS;
    }
    let port = first
        .as_deref()
        .and_then(OsStr::to_str)
        .and_then(|text| text.parse().ok());
    let (Some(port), Some(program)) = (port, words.next()) else {
        say(format_args!("expected a port and a program"));
        say(format_args!("hint: `node-listen --help` shows the usage"));
        return ExitCode::from(2);
    };
    let listener = match TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)) {
        Ok(listener) => listener,
        Err(error) => {
            say(format_args!("cannot listen on port {port}: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let program = Arc::new((program, words.collect::<Vec<OsString>>()));
    serve(&listener, &program)
}

fn serve(listener: &TcpListener, program: &Arc<(OsString, Vec<OsString>)>) -> ! {
    let served = Arc::new(AtomicUsize::new(0));
    loop {
        let connection = match listener.accept() {
            Ok((connection, _)) => connection,
            Err(error) => {
                say(format_args!("cannot accept a connection: {error}"));
                std::thread::sleep(AFTER_FAILURE);
                continue;
            }
        };
        if served.fetch_add(1, Ordering::AcqRel) >= MOST {
            served.fetch_sub(1, Ordering::AcqRel);
            say(format_args!("more than {MOST} connections; one is closed"));
            continue;
        }
        let (program, counted) = (Arc::clone(program), Arc::clone(&served));
        let thread = std::thread::Builder::new()
            .stack_size(STACK)
            .spawn(move || {
                if let Err(error) = run(&program, connection) {
                    say(format_args!("cannot run {}: {error}", program.0.display()));
                }
                counted.fetch_sub(1, Ordering::AcqRel);
            });
        if let Err(error) = thread {
            served.fetch_sub(1, Ordering::AcqRel);
            say(format_args!("cannot serve a connection: {error}"));
        }
    }
}

fn run((program, args): &(OsString, Vec<OsString>), connection: TcpStream) -> std::io::Result<()> {
    let input = OwnedFd::from(connection);
    let output = input.try_clone()?;
    let mut command = Command::new(program);
    command
        .args(args)
        .stdin(Stdio::from(input))
        .stdout(Stdio::from(output));
    let mut child = command.spawn()?;
    // The command holds the connection, which would stay open after the program's end.
    drop(command);
    child.wait().map(|_| ())
}

fn say(line: std::fmt::Arguments<'_>) {
    use std::io::Write;
    // A closed stderr is no reason to end.
    let _ = writeln!(std::io::stderr(), "node-listen: {line}");
}
