//! Starts a container's first process, passes signals on to it, and notes how it ends.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use super::info::{Io, LaunchInfo, write_private};
use super::switchboard::{self, Ends};
use super::terminal;
use crate::proc;
use crate::spawn::{Identity, Spawn};
use crate::tree::{self, Root};

/// Holds the process's id and when it started, in clock ticks since boot.
pub(crate) const PID_FILE: &str = "pid";
/// Holds its wait status once it has ended.
pub(crate) const STATUS_FILE: &str = "status";

/// What the kernel sends when the agent has gone with which the container ends. Nobody else sends it.
const ORPHANED: Signal = Signal::SIGPWR;

/// The wait status of a command that could not be executed, as the original's launcher leaves it.
const NOT_EXECUTED: i32 = 1 << 8;

/// Runs the container to its end; the exit code that tells the same as the status.
pub(super) fn run(info: &LaunchInfo) -> io::Result<u8> {
    // What loses its parent comes to this process, and so cannot leave the container.
    nix::sys::prctl::set_child_subreaper(true)?;
    let signals = SigSet::all();
    signals.thread_block()?;
    if let Some(keeper) = info.keeper {
        nix::sys::prctl::set_pdeathsig(ORPHANED)?;
        // It may have gone before that was heard.
        if nix::unistd::getppid().as_raw() != keeper {
            return Err(io::Error::other("the agent that it belongs to is gone"));
        }
    }
    let (ends, streams) = open(&info.io)?;
    let has_terminal = info.is_controlled && matches!(info.io, Io::Terminal { .. });
    let child = start(info, streams, has_terminal);
    let board = ends.map(|ends| switchboard::serve(&info.io, ends));
    let status = match child {
        Ok(child) => {
            let pid = i32::try_from(child.id()).map_err(io::Error::other)?;
            note_process(&info.runtime, pid)?;
            drop(child);
            attend(Pid::from_raw(pid), &signals)?
        }
        Err(error) => {
            report(&format!("Failed to execute command: {}", text_of(&error)));
            note_process(&info.runtime, 0)?;
            NOT_EXECUTED
        }
    };
    write_private(
        &info.runtime.join(STATUS_FILE),
        status.to_string().as_bytes(),
    )?;
    clear();
    if let Some(board) = board {
        board?.finish();
    }
    let code = match status & 0x7f {
        0 => (status >> 8) & 0xff,
        signal => 128 + signal,
    };
    Ok(u8::try_from(code).unwrap_or(u8::MAX))
}

/// What a process is given as its standard streams.
struct Streams {
    input: Stdio,
    output: Option<(File, File)>,
}

fn open(io: &Io) -> io::Result<(Option<Ends>, Streams)> {
    match io {
        Io::Inherit => {
            let streams = Streams {
                input: Stdio::null(),
                output: None,
            };
            Ok((None, streams))
        }
        Io::Pipes(_) => {
            let (input, to_input) = io::pipe()?;
            let (from_output, output) = io::pipe()?;
            let (from_error, error) = io::pipe()?;
            let ends = Ends {
                input: File::from(OwnedFd::from(to_input)),
                output: File::from(OwnedFd::from(from_output)),
                error: Some(File::from(OwnedFd::from(from_error))),
            };
            let streams = Streams {
                input: input.into(),
                output: Some((
                    File::from(OwnedFd::from(output)),
                    File::from(OwnedFd::from(error)),
                )),
            };
            Ok((Some(ends), streams))
        }
        Io::Terminal { size, .. } => {
            let (attached, given) = terminal::open(*size)?;
            let attached = File::from(attached);
            let ends = Ends {
                input: attached.try_clone()?,
                output: attached,
                error: None,
            };
            let given = File::from(given);
            let streams = Streams {
                input: given.try_clone()?.into(),
                output: Some((given.try_clone()?, given)),
            };
            Ok((Some(ends), streams))
        }
    }
}

#[expect(
    unsafe_code,
    reason = "what is done between fork and exec has no safe form in std"
)]
fn start(info: &LaunchInfo, streams: Streams, has_terminal: bool) -> io::Result<Child> {
    let (name, arguments) = info.words();
    let identity = info.user.as_deref().map(Identity::of).transpose();
    let spawn = Spawn {
        program: info.program.clone(),
        name,
        arguments,
        environment: info.environment.clone(),
        directory: info.directory.clone(),
        identity: identity.map_err(io::Error::other)?,
        output: streams.output,
    };
    let mut command: Command = spawn.into_command()?;
    command.stdin(streams.input);
    // SAFETY: system calls are made between fork and exec, and nothing else; the session was made before.
    unsafe {
        command.pre_exec(move || {
            // What this process holds back is not held back from the command.
            SigSet::empty().thread_set_mask()?;
            match has_terminal {
                true => terminal::take_control(),
                false => Ok(()),
            }
        });
    }
    command.spawn()
}

/// Written where the command's own complaints would be.
fn report(text: &str) {
    use std::io::Write as _;
    // There is nobody else to tell.
    let _ = writeln!(io::stderr(), "{text}");
}

fn text_of(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(code) => nix::errno::Errno::from_raw(code).desc().to_string(),
        None => error.to_string(),
    }
}

fn note_process(runtime: &Path, pid: i32) -> io::Result<()> {
    let start = proc::process(pid).map_or(0, |process| process.start);
    write_private(&runtime.join(PID_FILE), format!("{pid} {start}").as_bytes())
}

/// Passes signals on until the process ends; its wait status.
fn attend(child: Pid, signals: &SigSet) -> io::Result<i32> {
    loop {
        if let Some(status) = reap(child)? {
            return Ok(status);
        }
        match signals.wait()? {
            Signal::SIGCHLD => {}
            ORPHANED => drop(kill(child, Signal::SIGKILL)),
            // One that has ended meanwhile needs none.
            signal => drop(kill(child, signal)),
        }
    }
}

/// Reaps what has ended; the status of the first process once it is among them.
fn reap(child: Pid) -> io::Result<Option<i32>> {
    let mut found = None;
    loop {
        match waitpid(None::<Pid>, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(pid, code)) if pid == child => found = Some((code & 0xff) << 8),
            Ok(WaitStatus::Signaled(pid, signal, core)) if pid == child => {
                found = Some(signal as i32 | if core { 0x80 } else { 0 });
            }
            Ok(WaitStatus::StillAlive) | Err(nix::errno::Errno::ECHILD) => return Ok(found),
            Ok(_) | Err(nix::errno::Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Ends what the first process has left behind. Where nothing is left there is nothing to look for:
/// everything that lost its parent is a child of this process.
fn clear() {
    let own = Root {
        pid: i32::try_from(std::process::id()).unwrap_or_default(),
        start: None,
        mark: None,
    };
    loop {
        match waitpid(None::<Pid>, Some(WaitPidFlag::WNOHANG)) {
            Err(nix::errno::Errno::ECHILD) => return,
            Ok(WaitStatus::StillAlive) => {
                tree::signal(&own, Signal::SIGKILL);
                std::thread::sleep(Duration::from_millis(1));
            }
            _ => {}
        }
    }
}
