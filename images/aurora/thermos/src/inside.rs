//! Running a shell command as another user, and in another root, with nothing of this process around
//! it: this executable again, which becomes the user and then the shell.

use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use serde::{Deserialize, Serialize};

use crate::shell;
use crate::users::User;

/// The first argument that makes this executable such a command.
pub(crate) const INSIDE: &str = "__inside";
/// What a shell that cannot be started ends with.
const CANNOT_RUN: u8 = 126;

/// What is run, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Inside {
    pub(crate) cmdline: String,
    /// Whom to become; `None`: nobody else.
    pub(crate) user: Option<User>,
    /// The root; `None`: this process's.
    pub(crate) root: Option<PathBuf>,
    /// The working directory, in that root.
    pub(crate) folder: PathBuf,
}

impl Inside {
    /// The command that does it.
    pub(crate) fn command(&self) -> std::io::Result<Command> {
        if self.user.is_none() && self.root.is_none() {
            let mut shell = shell::command(&self.cmdline);
            shell.current_dir(&self.folder);
            return Ok(shell);
        }
        let mut command = crate::runner::this_program(INSIDE);
        command.arg(serde_json::to_string(self)?);
        Ok(command)
    }

    fn become_shell(&self) -> std::io::Error {
        // The groups are those that this file system knows.
        let groups = self.user.as_ref().map(User::groups);
        if let Some(root) = &self.root
            && let Err(errno) = nix::unistd::chroot(root)
        {
            return errno.into();
        }
        if let (Some(user), Some(groups)) = (&self.user, groups)
            && let Err(error) = user.become_with(&groups)
        {
            return error;
        }
        if let Err(error) = std::env::set_current_dir(&self.folder) {
            return error;
        }
        shell::command(&self.cmdline).exec()
    }
}

/// Carries out what the next argument says.
pub(crate) fn main(order: Option<&str>) -> ExitCode {
    match order.map(serde_json::from_str::<Inside>) {
        Some(Ok(inside)) => {
            let error = inside.become_shell();
            eprintln!("cannot run `{}`: {error}", inside.cmdline);
        }
        Some(Err(error)) => eprintln!("not an order: {error}"),
        None => eprintln!("no order"),
    }
    ExitCode::from(CANNOT_RUN)
}
