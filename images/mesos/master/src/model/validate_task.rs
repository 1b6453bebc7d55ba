//! What a task may be, in Mesos' words where it may not (protocol-flows §7, "Task validation").

use std::collections::BTreeSet;

use mesos_proto::mesos::{Resource, TaskInfo};
use mesos_wire::resources::Resources;

use super::agent::Agent;
use super::framework::Framework;
use super::id::{TaskId, flaw};
use super::validate_command::{check_command, check_container};
use super::{validate_checks, validate_executor, validate_resources};

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
    if task.command.is_some() == task.executor.is_some() {
        return Err(
            "Task should have at least one (but not both) of CommandInfo or ExecutorInfo present"
                .to_string(),
        );
    }
    if !task.container.linux_info.share_cgroups() {
        return Err(
            "Only tasks in a task group may have 'share_cgroups' set to 'false'".to_string(),
        );
    }
    if let Some(executor) = task.executor.as_ref() {
        let of_executor = validate_executor::check_custom(place, executor)?;
        let all: Vec<Resource> = task
            .resources
            .iter()
            .chain(&executor.resources)
            .cloned()
            .collect();
        let together = sums(&all)?;
        together.unique().map_err(|text| {
            format!("Task and its executor use duplicate persistence ID: {text}")
        })?;
        together.unmixed().map_err(|text| {
            format!("Task and its executor mix revocable and non-revocable resources: {text}")
        })?;
        needs.add(&of_executor);
    }
    if place.offered.contains(&needs) {
        Ok(needs)
    } else {
        Err(format!(
            "Total resources {needs} required by task and its executor is more than available {}",
            place.offered
        ))
    }
}

/// What holds of every task; what it needs for itself.
pub(crate) fn check_task(place: &Place<'_>, task: &TaskInfo) -> Result<Resources, String> {
    let id = task.task_id.value();
    if let Some(flaw) = flaw(id) {
        return Err(flaw);
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
        return Err("Task's `max_completion_time` must be non-negative".to_string());
    }
    if let Some(check) = task.check.as_ref() {
        validate_checks::check(check).map_err(|flaw| format!("Task uses invalid check: {flaw}"))?;
    }
    if let Some(check) = task.health_check.as_ref() {
        validate_checks::health(check)
            .map_err(|flaw| format!("Task uses invalid health check: {flaw}"))?;
    }
    if task.resources.is_empty() {
        return Err("Task uses no resources".to_string());
    }
    let resources = check_resources(&task.resources, "Task")?;
    if let Some(command) = task.command.as_ref() {
        check_command(command)
            .map_err(|flaw| format!("Task's `CommandInfo` is invalid: {flaw}"))?;
    }
    if let Some(container) = task.container.as_ref() {
        check_container(container)
            .map_err(|flaw| format!("Task's `ContainerInfo` is invalid: {flaw}"))?;
    }
    check_limits(task, &resources)?;
    Ok(resources)
}

/// What the resources of one task or executor may be; `whose` begins a sentence.
pub(crate) fn check_resources(resources: &[Resource], whose: &str) -> Result<Resources, String> {
    let bag = validate_resources::check(resources)
        .map_err(|text| format!("{whose} uses invalid resources: {text}"))?;
    let sums = sums(resources)?;
    sums.unique()
        .map_err(|text| format!("{whose} uses duplicate persistence ID: {text}"))?;
    validate_resources::check_one_role(resources).map_err(|text| {
        let whose = whose.to_ascii_lowercase();
        format!("Invalid {whose} resources: {text}")
    })?;
    sums.unmixed()
        .map_err(|text| format!("{whose} mixes revocable and non-revocable resources: {text}"))?;
    Ok(bag)
}

/// Resources that are used together.
pub(crate) struct Together(Vec<Resource>);

/// They must be in the normal form.
pub(crate) fn sums(resources: &[Resource]) -> Result<Together, String> {
    let bag = Resources::from_protos(resources).map_err(|error| error.to_string())?;
    Ok(Together(bag.iter().cloned().collect()))
}

impl Together {
    /// A volume is used once, unless it is shared.
    pub(crate) fn unique(&self) -> Result<(), String> {
        validate_resources::check_unique_volumes(self.0.iter().filter(|r| r.shared.is_none()))
    }

    /// What can be taken away is not mixed with what cannot.
    pub(crate) fn unmixed(&self) -> Result<(), String> {
        let names: BTreeSet<(&str, bool)> = self
            .0
            .iter()
            .map(|resource| (resource.name(), resource.revocable.is_some()))
            .collect();
        let mixed = names
            .iter()
            .find(|(name, revocable)| *revocable && names.contains(&(*name, false)));
        mixed.map_or(Ok(()), |(name, _)| {
            Err(format!(
                "Cannot use both revocable and non-revocable '{name}' at the same time"
            ))
        })
    }
}

fn check_limits(task: &TaskInfo, resources: &Resources) -> Result<(), String> {
    let is_known = |name: &String| matches!(name.as_str(), "cpus" | "mem");
    if !task.limits.keys().all(is_known) {
        return Err("Only cpus and mem may be included in a task's resource limits".to_string());
    }
    for (name, short, long) in [("cpus", "cpu", "CPU"), ("mem", "memory", "memory")] {
        let Some(limit) = task.limits.get(name) else {
            continue;
        };
        let request = resources.scalar(name);
        if request <= 0.0 {
            return Err(format!(
                "When a {long} limit is specified, a {long} request must also be specified"
            ));
        }
        // What is no number is no limit either.
        if limit.value().is_nan() || limit.value() < request {
            return Err(format!(
                "The {short} limit must be greater than or equal to the {short} request"
            ));
        }
    }
    Ok(())
}
