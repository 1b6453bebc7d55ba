//! The process between the runner and a command line: it becomes the task's user in a session of
//! its own, starts `/bin/bash`, waits, and writes down what happened.

use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitCode, ExitStatus};

use nix::sys::signal::{SigHandler, Signal, signal};

use crate::checkpoint::{ProcessState, ProcessStatus, Record, StreamError, Writer};
use crate::clock;
use crate::shell;
use crate::users::User;

use super::launch::Order;
use super::logs::{Output, Pumps, nothing, stdio};

/// The longest order that is read, in bytes.
const MAX_ORDER: u64 = 64 * 1024 * 1024;
/// What a process that could not be started ends with, as a shell says it.
const CANNOT_RUN: i32 = 126;

/// Reads its order from standard input and carries it out. Without an order it ends at once: the
/// runner died before it could give one.
pub(crate) fn main() -> ExitCode {
    let mut text = Vec::new();
    if std::io::stdin()
        .take(MAX_ORDER)
        .read_to_end(&mut text)
        .is_err()
    {
        return ExitCode::FAILURE;
    }
    let Ok(order) = serde_json::from_slice::<Order>(&text) else {
        return ExitCode::FAILURE;
    };
    match carry_out(&order) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("process `{}`: {error}", order.process);
            ExitCode::FAILURE
        }
    }
}

fn carry_out(order: &Order) -> Result<(), StreamError> {
    // It fails only for a leader of a process group, which a child of the runner is not.
    let _ = nix::unistd::setsid();
    ignore_interrupts();
    // Opened while this is still the user that may write it.
    let mut writer = Writer::open(&order.checkpoint)?;
    let own_pid = i32::try_from(std::process::id()).ok();

    let mut running = ProcessStatus::new(&order.process, order.seq, ProcessState::Running);
    match start(order) {
        Ok((mut child, pumps)) => {
            running.start_time = Some(clock::now());
            running.pid = i32::try_from(child.id()).ok();
            writer.append(&Record::Process(running))?;
            let ended = child.wait();
            pumps.drain();
            let (state, code) = match ended {
                Ok(status) => outcome(status),
                Err(_) => (ProcessState::Failed, CANNOT_RUN),
            };
            end(&mut writer, order, state, code)
        }
        Err(error) => {
            // Counted as a failed run, so that the limits apply to it.
            tracing::error!("process `{}` cannot be started: {error}", order.process);
            running.start_time = Some(clock::now());
            running.pid = own_pid;
            writer.append(&Record::Process(running))?;
            end(&mut writer, order, ProcessState::Failed, CANNOT_RUN)
        }
    }
}

fn start(order: &Order) -> std::io::Result<(std::process::Child, Pumps)> {
    // Asked of the file system that this process may leave.
    let groups = order.user.as_ref().map(User::groups);
    let outputs = || {
        Ok((
            stdio(&order.logs, Output::Stdout)?,
            stdio(&order.logs, Output::Stderr)?,
        ))
    };
    let (stdout, stderr) = match (&order.user, &groups) {
        // The logs are in the user's folders, where only the user's own rights lead.
        (Some(user), Some(groups)) => user.on_behalf(groups, outputs)?,
        _ => outputs()?,
    };
    let stdin = nothing()?;
    if let Some(root) = &order.root {
        nix::unistd::chroot(root)?;
    }
    if let (Some(user), Some(groups)) = (&order.user, &groups) {
        user.become_with(groups)?;
    }
    let mut child = shell::command(&order.cmdline)
        .current_dir(&order.home)
        .env_clear()
        .envs(order.environment.iter().map(|(name, value)| (name, value)))
        .stdin(stdin)
        .stdout(stdout)
        .stderr(stderr)
        .spawn()?;
    let mut pumps = Pumps::new();
    if let Some(stdout) = child.stdout.take() {
        pumps.add(&order.logs, Output::Stdout, stdout)?;
    }
    if let Some(stderr) = child.stderr.take() {
        pumps.add(&order.logs, Output::Stderr, stderr)?;
    }
    Ok((child, pumps))
}

fn end(
    writer: &mut Writer,
    order: &Order,
    state: ProcessState,
    code: i32,
) -> Result<(), StreamError> {
    let mut ended = ProcessStatus::new(&order.process, order.seq + 1, state);
    ended.stop_time = Some(clock::now());
    ended.return_code = Some(code);
    writer.append(&Record::Process(ended))
}

/// The state and return code of an exit status.
fn outcome(status: ExitStatus) -> (ProcessState, i32) {
    match (status.code(), status.signal()) {
        (Some(0), _) => (ProcessState::Success, 0),
        (Some(code), _) => (ProcessState::Failed, code),
        (None, Some(signal)) => (ProcessState::Killed, -signal),
        (None, None) => (ProcessState::Failed, CANNOT_RUN),
    }
}

/// The original's processes ignore SIGINT, and what is ignored stays so in children.
#[expect(
    unsafe_code,
    reason = "ignoring a signal runs no handler; nix has no safe call for it"
)]
fn ignore_interrupts() {
    // SAFETY: SIG_IGN installs no handler, so nothing can run at a bad moment.
    let _ = unsafe { signal(Signal::SIGINT, SigHandler::SigIgn) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exit_status_says_how_a_run_ended() {
        let cases = [
            (0, (ProcessState::Success, 0)),
            (7 << 8, (ProcessState::Failed, 7)),
            (15, (ProcessState::Killed, -15)),
            (9 | 0x80, (ProcessState::Killed, -9)),
        ];
        for (raw, want) in cases {
            assert_eq!(outcome(ExitStatus::from_raw(raw)), want, "case {raw}");
        }
    }
}
