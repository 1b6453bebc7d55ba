//! Starts a process as another user, at the head of a session of its own.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use nix::unistd::{Gid, Uid, setgid, setgroups, setsid, setuid};
use thiserror::Error;

use crate::users;

/// A user with all of its groups, looked up before any fork.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Its name.
    pub name: String,
    /// Its user id.
    pub uid: Uid,
    /// Its main group.
    pub gid: Gid,
    groups: Vec<Gid>,
}

/// Why a user cannot be used.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum UserError {
    /// The machine does not know it.
    #[error("Failed to get user information for '{0}': No such user")]
    Unknown(String),
}

impl Identity {
    /// Looks a user up.
    pub fn of(name: &str) -> Result<Self, UserError> {
        let user = users::user(name).ok_or_else(|| UserError::Unknown(name.to_string()))?;
        Ok(Self {
            name: name.to_string(),
            uid: Uid::from_raw(user.uid),
            gid: Gid::from_raw(user.gid),
            groups: user.groups.into_iter().map(Gid::from_raw).collect(),
        })
    }

    /// Whether this process is that user already.
    pub fn is_current(&self) -> bool {
        Uid::effective() == self.uid && Gid::effective() == self.gid
    }
}

/// A process to start.
#[derive(Debug)]
pub struct Spawn {
    /// The file to run; looked up on `PATH` if it has no slash.
    pub program: PathBuf,
    /// What it is told that it is called; the program itself if `None`.
    pub name: Option<OsString>,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// Its whole environment.
    pub environment: Vec<(String, String)>,
    /// Where it starts.
    pub directory: PathBuf,
    /// Whom it runs as; `None` for this process's user.
    pub identity: Option<Identity>,
    /// Where its output goes; this process's own if `None`.
    pub output: Option<(File, File)>,
}

impl Spawn {
    /// The command, ready to be started.
    pub fn into_command(self) -> io::Result<Command> {
        self.into_command_in(Vec::new())
    }

    /// The same, in the control groups that are entered by writing `0` to these files.
    #[expect(
        unsafe_code,
        reason = "what is done between fork and exec has no safe form in std"
    )]
    pub fn into_command_in(self, groups: Vec<File>) -> io::Result<Command> {
        let mut command = Command::new(&self.program);
        if let Some(name) = self.name {
            command.arg0(name);
        }
        command
            .args(self.arguments)
            .env_clear()
            .envs(self.environment)
            .current_dir(self.directory)
            .stdin(Stdio::null());
        if let Some((stdout, stderr)) = self.output {
            command.stdout(stdout).stderr(stderr);
        }
        let identity = self.identity.filter(|identity| !identity.is_current());
        // SAFETY: between fork and exec only system calls are made; nothing is allocated, and the
        // lists were made before.
        unsafe {
            command.pre_exec(move || {
                setsid()?;
                for group in &groups {
                    nix::unistd::write(group, b"0")?;
                }
                if let Some(identity) = &identity {
                    setgroups(&identity.groups)?;
                    setgid(identity.gid)?;
                    setuid(identity.uid)?;
                }
                Ok(())
            });
        }
        Ok(command)
    }
}

/// How a `CommandInfo` is run: by the shell, or as it is.
pub fn program(
    command: &mesos_proto::mesos::CommandInfo,
) -> Result<(PathBuf, Option<OsString>, Vec<OsString>), &'static str> {
    if command.shell() {
        if !command.has_value() {
            return Err("Shell command is not specified");
        }
        let arguments = vec!["-c".into(), command.value().into()];
        return Ok(("/bin/sh".into(), Some("sh".into()), arguments));
    }
    if !command.has_value() {
        return Err("Executable path is not specified");
    }
    // The first of the arguments is the name that the program is told, as for execve(2).
    let mut arguments = command.arguments.iter().map(OsString::from);
    let name = arguments.next();
    Ok((command.value().into(), name, arguments.collect()))
}

#[cfg(test)]
mod tests {
    use mesos_proto::mesos::CommandInfo;

    use super::*;

    #[test]
    fn a_command_is_run_by_the_shell_or_as_it_is() {
        let mut command = CommandInfo::new();
        assert!(program(&command).is_err());
        command.set_value("echo $A".into());
        let (path, name, arguments) = program(&command).expect("a shell command");
        assert_eq!((path, name), ("/bin/sh".into(), Some("sh".into())));
        assert_eq!(arguments, ["-c", "echo $A"]);
        command.set_shell(false);
        command.set_value("/bin/echo".into());
        command.arguments = vec!["echo".into(), "a b".into()];
        let (path, name, arguments) = program(&command).expect("a program");
        assert_eq!((path, name), ("/bin/echo".into(), Some("echo".into())));
        assert_eq!(arguments, ["a b"]);
    }

    #[test]
    fn a_process_leads_its_own_session() {
        let dir = tempfile::tempdir().expect("a folder");
        let file = |name: &str| File::create(dir.path().join(name)).expect("a file");
        let command = Spawn {
            program: "/bin/sh".into(),
            name: Some("sh".into()),
            arguments: vec![
                "-c".into(),
                "echo $A; read -r x < /proc/self/stat; echo $x; pwd".into(),
            ],
            environment: vec![("A".into(), "b".into())],
            directory: dir.path().into(),
            identity: None,
            output: Some((file("out"), file("err"))),
        };
        let mut child = command
            .into_command()
            .expect("ready")
            .spawn()
            .expect("runs");
        let pid = child.id().to_string();
        assert!(child.wait().expect("ends").success());
        let out = std::fs::read_to_string(dir.path().join("out")).expect("output");
        let lines: Vec<&str> = out.lines().collect();
        assert_eq!(lines[0], "b");
        let session = lines[1]
            .rsplit_once(") ")
            .expect("a stat line")
            .1
            .split(' ')
            .nth(3);
        assert_eq!(session, Some(pid.as_str()));
        assert_eq!(
            lines[2],
            dir.path()
                .canonicalize()
                .expect("it is there")
                .to_str()
                .expect("UTF-8")
        );
    }

    #[test]
    fn an_unknown_user_is_named() {
        let error = Identity::of("no-such-user-here").expect_err("unknown");
        assert_eq!(
            error.to_string(),
            "Failed to get user information for 'no-such-user-here': No such user"
        );
        assert_eq!(
            Identity::of("root")
                .expect("everybody knows it")
                .uid
                .as_raw(),
            0
        );
    }
}
