//! `task ssh`: a shell, or one command, in a task's sandbox.

use super::{call, first_task, host_of, role_of, sandbox, words};
use crate::context::Context;
use crate::exit::{self, Failure, Result};
use crate::grammar;
use crate::keys::InstanceSpec;

pub(crate) async fn ssh(context: &Context) -> Result {
    let invalid = |text: String| Failure::new(exit::INVALID_PARAMETER, text);
    let spec = InstanceSpec::parse(context.args.word(grammar::SSH_INSTANCE.metavar))
        .map_err(|_| invalid("no job key".to_owned()))?;
    let command = context.text(&grammar::REMOTE_COMMAND);
    if spec.instances.is_none() && command.is_some() {
        return Err(invalid(
            "INSTANCE must be specified when --command option is given".to_owned(),
        ));
    }
    let scheduler = context.scheduler(&spec.key.cluster)?;
    let none = format!("Job {} not found", spec.key);
    let task = first_task(context, &spec.key, spec.instances.as_ref(), none).await?;
    let command = sandbox::command(
        scheduler.cluster(),
        &task.assigned_task,
        context.flag(&grammar::EXECUTOR_SANDBOX),
        command
            .as_deref()
            .filter(|command| !command.is_empty())
            .unwrap_or("bash"),
    )?;
    let host = host_of(&task);
    let mut args = vec!["-t".to_owned()];
    args.extend(words(context, &grammar::SSH_OPTIONS));
    for tunnel in context.args.values(grammar::name(&grammar::TUNNELS)) {
        let parts = tunnel
            .split_once(':')
            .filter(|(_, name)| !name.contains(':'))
            .and_then(|(port, name)| Some((port.trim().parse::<i64>().ok()?, name)));
        let (port, name) = parts.ok_or_else(|| {
            invalid(format!(
                "Could not parse tunnel: {tunnel}.  Must be of form PORT:NAME"
            ))
        })?;
        let assigned = task.assigned_task.assigned_ports.get(name).ok_or_else(|| {
            invalid(format!(
                "Task {} has no port named {name}",
                task.assigned_task.task_id
            ))
        })?;
        args.extend(["-L".to_owned(), format!("{port}:{host}:{assigned}")]);
    }
    let user = context
        .text(&grammar::SSH_USER)
        .unwrap_or_else(|| role_of(&task));
    args.extend([format!("{user}@{host}"), command]);
    if let Some(file) = context.text(&grammar::PID_FILE) {
        return in_background(&args, &file).await;
    }
    call("ssh", &args).await
}

/// Runs `ssh` with its process ID in a file, so that a script can end a tunnel.
async fn in_background(args: &[String], file: &str) -> Result {
    let mut child = tokio::process::Command::new("ssh")
        .args(args)
        .spawn()
        .map_err(|error| super::cannot_run("ssh", &error))?;
    let pid = child.id().map(|pid| pid.to_string()).unwrap_or_default();
    std::fs::write(file, pid).map_err(|error| {
        Failure::new(
            exit::COMMAND_FAILURE,
            format!("cannot write the process ID into `{file}`: {error}"),
        )
    })?;
    let status = child
        .wait()
        .await
        .map_err(|error| super::cannot_run("ssh", &error))?;
    Ok(super::code(status))
}
