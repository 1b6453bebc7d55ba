//! `task run`: a command on every agent that has a task of the job.

use std::process::Stdio;

use tokio::process::Command;
use tokio::task::JoinSet;

use super::{cannot_run, host_of, live_tasks, sandbox, words};
use crate::context::Context;
use crate::exit::{self, Failure, Result};
use crate::grammar;

/// An `ssh` to be made: its arguments, and the host its lines are marked with.
struct Remote {
    host: String,
    args: Vec<String>,
}

pub(crate) async fn run(context: &Context) -> Result {
    let spec = context.instances()?;
    let scheduler = context.scheduler(&spec.key.cluster)?;
    let text = context.args.word(grammar::COMMAND_LINE.metavar).to_owned();
    let user = context
        .text(&grammar::SSH_USER)
        .unwrap_or_else(|| spec.key.job.role.clone());
    let options = words(context, &grammar::SSH_OPTIONS);
    let of_executor = context.flag(&grammar::EXECUTOR_SANDBOX);
    let mut waiting = Vec::new();
    for task in live_tasks(context, &spec.key, spec.instances.as_ref()).await? {
        let command =
            sandbox::command(scheduler.cluster(), &task.assigned_task, of_executor, &text)?;
        let host = host_of(&task).to_owned();
        let mut args = vec!["-n".to_owned(), "-q".to_owned()];
        args.extend(options.iter().cloned());
        args.extend([format!("{user}@{host}"), command]);
        waiting.push(Remote { host, args });
    }
    let at_once = usize::try_from(context.number(&grammar::THREADS, 1))
        .ok()
        .filter(|threads| *threads > 0)
        .ok_or_else(|| {
            Failure::new(
                exit::INVALID_PARAMETER,
                "Number of processes must be at least 1",
            )
        })?;
    let mut waiting = waiting.into_iter();
    let mut running = JoinSet::new();
    for remote in waiting.by_ref().take(at_once) {
        running.spawn(execute(remote));
    }
    while let Some(done) = running.join_next().await {
        let output = done.map_err(|error| Failure::new(exit::UNKNOWN_ERROR, error.to_string()))?;
        context.console.out(&output?);
        if let Some(remote) = waiting.next() {
            running.spawn(execute(remote));
        }
    }
    Ok(exit::OK)
}

/// What the command prints on either stream, each line behind the host's name.
async fn execute(remote: Remote) -> Result<String> {
    let failed = |error: std::io::Error| cannot_run("ssh", &error);
    let (mut reader, writer) = std::io::pipe().map_err(failed)?;
    let mut command = Command::new("ssh");
    command
        .args(&remote.args)
        .stdin(Stdio::null())
        .stdout(writer.try_clone().map_err(failed)?)
        .stderr(writer)
        .kill_on_drop(true);
    let mut child = command.spawn().map_err(failed)?;
    // The command holds the pipe's other end, and the output would never end.
    drop(command);
    let reading = tokio::task::spawn_blocking(move || {
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut reader, &mut bytes).map(|_| bytes)
    });
    let bytes = reading
        .await
        .map_err(|error| Failure::new(exit::UNKNOWN_ERROR, error.to_string()))?
        .map_err(failed)?;
    child.wait().await.map_err(failed)?;
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<String> = text
        .lines()
        .map(|line| format!("{}:  {line}", remote.host))
        .collect();
    Ok(lines.join("\n"))
}
