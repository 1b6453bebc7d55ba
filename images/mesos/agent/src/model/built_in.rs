//! The executors that the agent brings along.

use mesos_proto::mesos::{
    CommandInfo, DurationInfo, ExecutorInfo, FrameworkInfo, Resource, TaskInfo, executor_info,
    value,
};

use super::ids::executor_id;

/// What a command executor needs beside its task.
const EXECUTOR_CPUS: f64 = 0.1;
/// In MB.
const EXECUTOR_MEM: f64 = 32.0;
/// How much of a shell command its executor's name shows.
const SHOWN_COMMAND: usize = 12;
/// Nanoseconds that a command executor is given beyond its task's grace period.
const EXTRA_GRACE_NANOS: i64 = 2_000_000_000;

/// The executor that runs a command task.
pub(super) fn command_executor(
    launcher_dir: &str,
    framework: &FrameworkInfo,
    task: &TaskInfo,
) -> ExecutorInfo {
    let id = task.task_id.value();
    let mut command = built_in(launcher_dir, "mesos-executor");
    command.uris.clone_from(&task.command.uris);
    command.environment = task.command.environment.clone();
    if task.command.has_user() {
        command.set_user(task.command.user().to_string());
    }
    let mut executor = ExecutorInfo::new();
    executor.executor_id = executor_id(id);
    executor.framework_id = framework.id.clone();
    executor.set_name(format!(
        "Command Executor (Task: {id}) (Command: {})",
        shown_command(&task.command)
    ));
    executor.set_source(id.to_string());
    executor.command = Some(command).into();
    executor.container = task.container.clone();
    executor.labels = task.labels.clone();
    executor.discovery = task.discovery.clone();
    let role = task
        .resources
        .first()
        .and_then(|r| r.allocation_info.as_ref());
    let extra = [("cpus", EXECUTOR_CPUS), ("mem", EXECUTOR_MEM)];
    executor.resources = extra
        .into_iter()
        .map(|(name, amount)| {
            let mut resource = Resource::new();
            resource.set_name(name.to_string());
            resource.set_type(value::Type::SCALAR);
            resource.scalar.mut_or_insert_default().set_value(amount);
            resource.allocation_info = role.cloned().into();
            resource
        })
        .collect();
    if let Some(grace) = task.kill_policy.grace_period.as_ref() {
        let mut period = DurationInfo::new();
        period.set_nanoseconds(grace.nanoseconds().saturating_add(EXTRA_GRACE_NANOS));
        executor.shutdown_grace_period = Some(period).into();
    }
    executor
}

/// An executor with what starts it. A default executor's command is the agent's own business: a master
/// refuses agents that report one.
pub(super) fn completed_executor(launcher_dir: &str, mut executor: ExecutorInfo) -> ExecutorInfo {
    if executor.type_() == executor_info::Type::DEFAULT && executor.command.is_none() {
        executor.command = Some(built_in(launcher_dir, "mesos-default-executor")).into();
    }
    executor
}

fn built_in(launcher_dir: &str, program: &str) -> CommandInfo {
    let folder = launcher_dir.trim_end_matches('/');
    let mut command = CommandInfo::new();
    command.set_shell(false);
    command.set_value(format!("{folder}/{program}"));
    command.arguments = vec![program.to_string(), format!("--launcher_dir={folder}")];
    command
}

/// A command as the names of command executors show it.
fn shown_command(command: &CommandInfo) -> String {
    let value = command.value();
    if command.shell() {
        let shown: String = value.chars().take(SHOWN_COMMAND).collect();
        let dots = if shown.len() < value.len() { "..." } else { "" };
        return format!("sh -c '{shown}{dots}'");
    }
    let arguments: Vec<&str> = command
        .arguments
        .iter()
        .skip(1)
        .map(String::as_str)
        .collect();
    format!("[{}]", [&[value], arguments.as_slice()].concat().join(", "))
}
