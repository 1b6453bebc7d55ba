//! What a group of tasks may be, in Mesos' words where it may not (protocol-flows §7).

use std::collections::BTreeSet;

use mesos_proto::mesos::{
    ExecutorInfo, Resource, TaskInfo, container_info, executor_info, health_check,
};
use mesos_wire::resources::Resources;

use super::validate_executor;
use super::validate_task::{Place, check_task, sums};

/// Less than this and an executor hardly starts: refused for groups, suffered otherwise.
const LEAST_EXECUTOR_CPUS: f64 = 0.01;
const LEAST_EXECUTOR_MEM: f64 = 32.0;

/// What launching a group takes of the offers, its executor's needs included if that is new; or why
/// it cannot be.
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
    if tasks
        .windows(2)
        .any(|pair| matches!(pair, [a, b] if shares_cgroups(a) != shares_cgroups(b)))
    {
        return Err("If set, the value of 'share_cgroups' must be the same for all tasks in each task group and under a single executor".to_string());
    }
    let of_executor = validate_executor::check(place, executor)?;
    check_group_executor(executor)?;
    for task in tasks {
        if task.executor.as_ref().is_some_and(|own| own != executor) {
            return Err(format!(
                "The `ExecutorInfo` of task '{}' is different from executor '{}'",
                task.task_id.value(),
                executor.executor_id.value()
            ));
        }
    }
    check_least(executor)?;
    check_whole_group(executor, tasks)?;
    needs.add(&of_executor);
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
    if !task.limits.is_empty() && shares_cgroups(task) {
        return Err("Resource limits may only be set for tasks within a task group when the 'share_cgroups' field is set to 'false'.".to_string());
    }
    let Some(container) = task.container.as_ref() else {
        return Ok(());
    };
    if container.type_() == container_info::Type::DOCKER {
        return Err("Docker ContainerInfo is not supported on the task".to_string());
    }
    // The executor looks from its own network, where such a task is not.
    let from_outside = matches!(
        task.health_check.type_(),
        health_check::Type::HTTP | health_check::Type::TCP
    );
    if !container.network_infos.is_empty() && from_outside {
        return Err("HTTP and TCP health checks are not supported for nested containers not joining parent's network".to_string());
    }
    Ok(())
}

/// Whether a task's limits are its executor's, which is so where nothing is said.
fn shares_cgroups(task: &TaskInfo) -> bool {
    task.container.linux_info.share_cgroups()
}

fn check_group_executor(executor: &ExecutorInfo) -> Result<(), String> {
    let is_docker = executor
        .container
        .as_ref()
        .is_some_and(|container| container.type_() == container_info::Type::DOCKER);
    if !executor.has_type() {
        Err("'ExecutorInfo.type' must be set".to_string())
    } else if executor.type_() == executor_info::Type::UNKNOWN {
        Err("Unknown executor type".to_string())
    } else if is_docker {
        Err("Docker ContainerInfo is not supported on the executor".to_string())
    } else {
        Ok(())
    }
}

/// What the executor of a group has to have.
fn check_least(executor: &ExecutorInfo) -> Result<(), String> {
    let id = executor.executor_id.value();
    let own = Resources::from_protos(&executor.resources).map_err(|e| e.to_string())?;
    let shown = |has: f64, unit: &str| {
        if has > 0.0 {
            format!("{has}{unit}")
        } else {
            "None".to_string()
        }
    };
    let (cpus, mem) = (own.scalar("cpus"), own.scalar("mem"));
    if cpus < LEAST_EXECUTOR_CPUS {
        return Err(format!(
            "Executor '{id}' uses less CPUs ({}) than the minimum required ({LEAST_EXECUTOR_CPUS})",
            shown(cpus, "")
        ));
    }
    if mem < LEAST_EXECUTOR_MEM {
        return Err(format!(
            "Executor '{id}' uses less memory ({}) than the minimum required ({LEAST_EXECUTOR_MEM}MB)",
            shown(mem.trunc(), "MB")
        ));
    }
    if own.scalar("disk") <= 0.0 {
        return Err(format!("Executor '{id}' uses no disk"));
    }
    Ok(())
}

/// What the tasks and the executor may not use together.
fn check_whole_group(executor: &ExecutorInfo, tasks: &[TaskInfo]) -> Result<(), String> {
    let of_tasks = tasks.iter().flat_map(|task| &task.resources);
    let all: Vec<Resource> = executor.resources.iter().chain(of_tasks).cloned().collect();
    let together = sums(&all)?;
    together
        .unique()
        .map_err(|text| format!("Task group and executor use duplicate persistence ID: {text}"))?;
    together.unmixed().map_err(|text| {
        format!("Task group and executor mix revocable and non-revocable resources: {text}")
    })
}
