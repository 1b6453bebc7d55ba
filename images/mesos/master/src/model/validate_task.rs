//! What a task may be, in Mesos' words where it may not (protocol-flows §7, "Task validation").

use std::collections::BTreeSet;

use mesos_proto::mesos::{
    CommandInfo, ContainerInfo, ExecutorInfo, HealthCheck, TaskInfo, container_info, executor_info,
    health_check,
};
use mesos_wire::resources::Resources;

use super::agent::Agent;
use super::framework::Framework;
use super::id::{ExecutorId, TaskId, flaw};
use super::validate_resources;

/// Less than this and an executor hardly starts: refused for groups, suffered otherwise.
const LEAST_EXECUTOR_CPUS: f64 = 0.01;
const LEAST_EXECUTOR_MEM: f64 = 32.0;

/// Where a task is to be launched, and with what.
pub(crate) struct Place<'a> {
    pub(crate) framework: &'a Framework,
    pub(crate) agent: &'a Agent,
    /// What of the offers is not used yet.
    pub(crate) offered: &'a Resources,
}

/// What launching a task takes of the offers, its executor's needs included if that is new; or why
/// it cannot be.
pub(crate) fn check(place: &Place<'_>, task: &TaskInfo) -> Result<Resources, String> {
    let mut needs = check_task(place, task)?;
    match (task.command.as_ref(), task.executor.as_ref()) {
        (Some(_), Some(_)) | (None, None) => {
            return Err(
                "Task should have at least one (but not both) of CommandInfo or ExecutorInfo present"
                    .to_string(),
            );
        }
        (Some(command), None) => check_command(command)?,
        (None, Some(executor)) => {
            if executor.type_() != executor_info::Type::CUSTOM {
                return Err("'ExecutorInfo.type' must be 'CUSTOM'".to_string());
            }
            needs.add(&check_executor(place, executor)?);
        }
    }
    enough(place, &needs, "task and its executor")?;
    Ok(needs)
}

/// The same for a group of tasks and its executor.
pub(crate) fn check_group(
    place: &Place<'_>,
    executor: &ExecutorInfo,
    tasks: &[TaskInfo],
) -> Result<Resources, String> {
    if tasks.is_empty() {
        return Err("Task group cannot be empty".to_string());
    }
    let mut seen = BTreeSet::new();
    let mut needs = Resources::new();
    for task in tasks {
        let id = task.task_id.value();
        let prefix = |text: String| format!("Task '{id}' is invalid: {text}");
        if !seen.insert(id) {
            return Err(format!("Task group has duplicate ID: {id}"));
        }
        needs.add(&check_task(place, task).map_err(prefix)?);
        check_member(task).map_err(prefix)?;
    }
    for task in tasks {
        if task.executor.as_ref().is_some_and(|own| own != executor) {
            return Err(format!(
                "The `ExecutorInfo` of task '{}' is different from executor '{}'",
                task.task_id.value(),
                executor.executor_id.value()
            ));
        }
    }
    needs.add(&check_executor(place, executor)?);
    check_group_executor(executor)?;
    check_whole_group(executor, tasks)?;
    if !place.offered.contains(&needs) {
        return Err(format!(
            "Total resources {needs} required by task group and its executor are more than available {}",
            place.offered
        ));
    }
    Ok(needs)
}

/// What only tasks of groups may not have.
fn check_member(task: &TaskInfo) -> Result<(), String> {
    if let Some(command) = task.command.as_ref() {
        check_command(command)?;
    }
    let Some(container) = task.container.as_ref() else {
        return Ok(());
    };
    if !container.network_infos.is_empty() {
        return Err("NetworkInfos must not be set on the task".to_string());
    }
    if container.type_() == container_info::Type::DOCKER {
        return Err("Docker ContainerInfo is not supported on the task".to_string());
    }
    Ok(())
}

/// What the executor of a group has to have.
fn check_group_executor(executor: &ExecutorInfo) -> Result<(), String> {
    let id = executor.executor_id.value();
    let own = Resources::from_protos(&executor.resources).map_err(|e| e.to_string())?;
    let shown = |has: f64| {
        if has > 0.0 {
            has.to_string()
        } else {
            "None".to_string()
        }
    };
    let (cpus, mem) = (own.scalar("cpus"), own.scalar("mem"));
    if cpus < LEAST_EXECUTOR_CPUS {
        return Err(format!(
            "Executor '{id}' uses less CPUs ({}) than the minimum required ({LEAST_EXECUTOR_CPUS})",
            shown(cpus)
        ));
    }
    if mem < LEAST_EXECUTOR_MEM {
        return Err(format!(
            "Executor '{id}' uses less memory ({}) than the minimum required ({LEAST_EXECUTOR_MEM}MB)",
            shown(mem)
        ));
    }
    if own.scalar("disk") <= 0.0 {
        return Err(format!("Executor '{id}' uses no disk"));
    }
    Ok(())
}

/// What the tasks and the executor may not use together.
fn check_whole_group(executor: &ExecutorInfo, tasks: &[TaskInfo]) -> Result<(), String> {
    let mut volumes = BTreeSet::new();
    let mut names = BTreeSet::new();
    let of_tasks = tasks.iter().flat_map(|task| &task.resources);
    for resource in executor.resources.iter().chain(of_tasks) {
        let volume = resource.disk.persistence.id();
        if !volume.is_empty() && resource.shared.is_none() && !volumes.insert(volume) {
            return Err(format!(
                "Task group and executor use duplicate persistence ID: Persistence ID '{volume}' is not unique"
            ));
        }
        names.insert((resource.name(), resource.revocable.is_some()));
    }
    let mixed = names
        .iter()
        .find(|(name, revocable)| *revocable && names.contains(&(*name, false)));
    mixed.map_or(Ok(()), |(name, _)| {
        Err(format!(
            "Task group and executor mix revocable and non-revocable resources: Cannot use both \
             revocable and non-revocable '{name}' at the same time"
        ))
    })
}

fn enough(place: &Place<'_>, needs: &Resources, whose: &str) -> Result<(), String> {
    if place.offered.contains(needs) {
        Ok(())
    } else {
        Err(format!(
            "Total resources {needs} required by {whose} is more than available {}",
            place.offered
        ))
    }
}

fn check_task(place: &Place<'_>, task: &TaskInfo) -> Result<Resources, String> {
    let id = task.task_id.value();
    if let Some(flaw) = flaw(id) {
        return Err(format!("Task ID '{id}' is invalid: {flaw}"));
    }
    let key = TaskId::new(id);
    if place.framework.tasks.contains_key(&key) {
        return Err(format!("Task has duplicate ID: {id}"));
    }
    if place.framework.unreachable.contains_key(&key) {
        return Err(format!("Task reuses the ID of an unreachable task: {id}"));
    }
    if task.slave_id.value() != place.agent.id.as_str() {
        return Err(format!(
            "Task uses invalid agent {} while agent {} is expected",
            task.slave_id.value(),
            place.agent.id
        ));
    }
    if task.kill_policy.grace_period.nanoseconds() < 0 {
        return Err("Task's 'kill_policy.grace_period' must be non-negative".to_string());
    }
    if task.max_completion_time.nanoseconds() < 0 {
        return Err("Task's 'max_completion_time' must be non-negative".to_string());
    }
    if let Some(check) = task.health_check.as_ref() {
        check_health(check)?;
    }
    if let Some(container) = task.container.as_ref() {
        check_container(container)?;
    }
    check_limits(task)?;
    let resources = check_resources(&task.resources)
        .map_err(|text| format!("Task uses invalid resources: {text}"))?;
    if resources.is_empty() {
        return Err("Task uses no resources".to_string());
    }
    Ok(resources)
}

fn check_executor(place: &Place<'_>, executor: &ExecutorInfo) -> Result<Resources, String> {
    let id = executor.executor_id.value();
    if let Some(flaw) = flaw(id) {
        return Err(format!("Executor ID '{id}' is invalid: {flaw}"));
    }
    match executor.type_() {
        executor_info::Type::CUSTOM if executor.command.is_none() => {
            return Err("'ExecutorInfo.command' must be set for 'CUSTOM' executor".to_string());
        }
        executor_info::Type::DEFAULT if executor.command.is_some() => {
            return Err(
                "'ExecutorInfo.command' must not be set for 'DEFAULT' executor".to_string(),
            );
        }
        executor_info::Type::UNKNOWN => {
            return Err("'ExecutorInfo.type' must be set to 'DEFAULT' or 'CUSTOM'".to_string());
        }
        executor_info::Type::CUSTOM | executor_info::Type::DEFAULT => {}
    }
    if executor.framework_id.value() != place.framework.id.as_str() {
        return Err(format!(
            "ExecutorInfo has an invalid FrameworkID (Actual: {} vs Expected: {})",
            executor.framework_id.value(),
            place.framework.id
        ));
    }
    if executor.shutdown_grace_period.nanoseconds() < 0 {
        return Err("ExecutorInfo's 'shutdown_grace_period' must be non-negative".to_string());
    }
    if let Some(command) = executor.command.as_ref() {
        check_command(command)?;
    }
    if let Some(container) = executor.container.as_ref() {
        check_container(container)?;
    }
    let resources = check_resources(&executor.resources)
        .map_err(|text| format!("Executor uses invalid resources: {text}"))?;
    let executors = place.agent.executors.get(&place.framework.id);
    match executors.and_then(|executors| executors.get(&ExecutorId::new(id))) {
        Some(known) if known == executor => Ok(Resources::new()),
        Some(_) => Err(format!(
            "ExecutorInfo is not compatible with existing ExecutorInfo with same ExecutorID '{id}'"
        )),
        None => Ok(resources),
    }
}

fn check_resources(protos: &[mesos_proto::mesos::Resource]) -> Result<Resources, String> {
    let resources = validate_resources::check(protos)?;
    validate_resources::check_unique_volumes(resources.iter().filter(|r| r.shared.is_none()))?;
    let roles: BTreeSet<&str> = resources.iter().map(|r| r.allocation_info.role()).collect();
    if roles.len() > 1 {
        return Err("The resources have multiple allocation roles".to_string());
    }
    let names: BTreeSet<(&str, bool)> = resources
        .iter()
        .map(|resource| (resource.name(), resource.revocable.is_some()))
        .collect();
    for (name, revocable) in &names {
        if *revocable && names.contains(&(*name, false)) {
            return Err(format!(
                "Cannot use both revocable and non-revocable '{name}' at the same time"
            ));
        }
    }
    Ok(resources)
}

fn check_command(command: &CommandInfo) -> Result<(), String> {
    if command.shell() && !command.has_value() {
        return Err("'CommandInfo.value' must be set when 'CommandInfo.shell' is true".to_string());
    }
    for variable in &command.environment.variables {
        let name = variable.name();
        let is_secret = variable.type_() == mesos_proto::mesos::environment::variable::Type::SECRET;
        if is_secret != variable.secret.is_some() {
            return Err(format!(
                "Environment variable '{name}' must have a secret if and only if its type is 'SECRET'"
            ));
        }
        if !is_secret && !variable.has_value() {
            return Err(format!(
                "Environment variable '{name}' of type 'VALUE' must have a value set"
            ));
        }
        if variable.value().contains('\0') || name.contains('\0') {
            return Err(format!(
                "Environment variable '{name}' contains a null byte"
            ));
        }
    }
    Ok(())
}

fn check_container(container: &ContainerInfo) -> Result<(), String> {
    if container.type_() == container_info::Type::DOCKER && container.docker.is_none() {
        return Err("DockerInfo 'docker' is not set for DOCKER typed ContainerInfo".to_string());
    }
    for volume in &container.volumes {
        if volume.has_host_path() && volume.source.is_some() {
            return Err("'host_path' and 'source' cannot be set at the same time".to_string());
        }
    }
    Ok(())
}

fn check_health(check: &HealthCheck) -> Result<(), String> {
    let missing = match check.type_() {
        health_check::Type::COMMAND => check.command.is_none().then_some("command"),
        health_check::Type::HTTP => check.http.is_none().then_some("http"),
        health_check::Type::TCP => check.tcp.is_none().then_some("tcp"),
        health_check::Type::UNKNOWN => {
            return Err(
                "Health check is invalid: 'UNKNOWN' is not a valid health check type".into(),
            );
        }
    };
    if let Some(missing) = missing {
        return Err(format!(
            "Health check is invalid: Expecting '{missing}' to be set for {:?} health check",
            check.type_()
        ));
    }
    if let Some(command) = check.command.as_ref() {
        check_command(command)?;
    }
    for (name, value) in [
        ("delay_seconds", check.delay_seconds()),
        ("grace_period_seconds", check.grace_period_seconds()),
        ("interval_seconds", check.interval_seconds()),
        ("timeout_seconds", check.timeout_seconds()),
    ] {
        if value < 0.0 {
            return Err(format!(
                "Health check is invalid: Expecting '{name}' to be non-negative"
            ));
        }
    }
    Ok(())
}

fn check_limits(task: &TaskInfo) -> Result<(), String> {
    let resources = Resources::from_protos(&task.resources).map_err(|e| e.to_string())?;
    for (name, limit) in &task.limits {
        if name != "cpus" && name != "mem" {
            return Err(format!("Resource limits for '{name}' are not supported"));
        }
        let request = resources.scalar(name);
        if limit.value() < request {
            return Err(format!(
                "Task {name} limit {} is less than its {name} request {request}",
                limit.value()
            ));
        }
    }
    Ok(())
}
