//! The task's process, and how commands are started beside it.

use std::io;
use std::io::IsTerminal as _;
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::PathBuf;

use mesos_driver::executor::Environment;
use mesos_proto::mesos::{CommandInfo, TaskInfo};
use nix::sys::signal::Signal;
use tokio::process::Command;

use super::within::Within;
use crate::containerizer::environment::given;
use crate::launcher::terminal;
use crate::proc;
use crate::spawn::{Identity, Spawn, program};
use crate::tree::{self, Root};

/// What the task's commands have in common.
#[derive(Debug, Clone)]
pub(crate) struct Context {
    pub(crate) variables: Vec<(String, String)>,
    pub(crate) directory: PathBuf,
    pub(crate) identity: Option<Identity>,
    /// The container that commands run in, if it is not this process's own.
    pub(crate) within: Option<Within>,
    /// The task's container, if a Docker engine runs it.
    pub(crate) container: Option<super::docker::Place>,
}

impl Context {
    /// The executor's own environment, the task's variables, and the user if it is another.
    pub(crate) fn new(
        task: &TaskInfo,
        environment: &Environment,
        user: Option<&str>,
    ) -> Result<Self, String> {
        let mut variables: Vec<(String, String)> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        variables.extend(given(task.command.environment.as_ref()));
        if let Some(role) = task.resources.first().map(|r| r.allocation_info.role()) {
            variables.push(("MESOS_ALLOCATION_ROLE".to_string(), role.to_string()));
        }
        Ok(Self {
            variables,
            directory: environment.sandbox.clone(),
            identity: user
                .map(Identity::of)
                .transpose()
                .map_err(|error| error.to_string())?,
            within: None,
            container: None,
        })
    }
}

impl Context {
    /// Where the task's ports are.
    pub(super) fn address(&self) -> IpAddr {
        let own = IpAddr::V4(Ipv4Addr::LOCALHOST);
        self.container.as_ref().map_or(own, |place| place.address)
    }
}

/// Starts a command in a session of its own; one that takes this process's terminal controls it.
#[expect(
    unsafe_code,
    reason = "what is done between fork and exec has no safe form in std"
)]
pub(crate) fn start(
    command: &CommandInfo,
    context: &Context,
    takes_terminal: bool,
) -> Result<(tokio::process::Child, Root), String> {
    let (program, name, arguments) = program(command)?;
    let shown = program.display().to_string();
    let mut environment = context.variables.clone();
    environment.extend(given(command.environment.as_ref()));
    let command = Spawn {
        program,
        name,
        arguments,
        environment,
        directory: context.directory.clone(),
        identity: context.identity.clone(),
        output: None,
    };
    let failed = |error: io::Error| format!("Failed to execute '{shown}': {error}");
    let mut command = command.into_command().map_err(failed)?;
    if takes_terminal {
        command.stdin(std::process::Stdio::inherit());
        // SAFETY: one system call is made between fork and exec; the session was made before.
        unsafe {
            command.pre_exec(terminal::take_control);
        }
    }
    let child = Command::from(command).spawn().map_err(failed)?;
    let pid = child
        .id()
        .and_then(|pid| i32::try_from(pid).ok())
        .unwrap_or_default();
    let start = proc::process(pid).map(|process| process.start);
    Ok((
        child,
        Root {
            pid,
            start,
            mark: None,
        },
    ))
}

/// A running task.
#[derive(Debug)]
pub(crate) struct Child {
    child: tokio::process::Child,
    root: Root,
}

impl Child {
    /// Starts a task's command.
    pub(crate) fn start(task: &TaskInfo, context: &Context) -> Result<Self, String> {
        let command = task.command.as_ref().ok_or("Command is not specified")?;
        let is_asked = task.container.tty_info.is_some();
        let takes = is_asked && std::io::stdin().is_terminal();
        let (child, root) = start(command, context, takes)?;
        Ok(Self { child, root })
    }

    pub(crate) fn pid(&self) -> i32 {
        self.root.pid
    }

    /// Waits for the process to end; its wait status.
    pub(crate) async fn wait(&mut self) -> io::Result<i32> {
        Ok(self.child.wait().await?.into_raw())
    }

    /// Sends a signal to every process of the task.
    pub(crate) fn signal(&self, signal: Signal) {
        let count = tree::signal(&self.root, signal);
        tracing::info!("sent {signal} to {count} processes of the task");
    }
}
