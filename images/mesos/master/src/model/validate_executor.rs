//! What an executor may be, in Mesos' words where it may not (protocol-flows §7).

use mesos_proto::mesos::{ExecutorInfo, container_info, executor_info};
use mesos_wire::resources::Resources;
use protobuf::text_format::print_to_string_pretty;

use super::id::{ExecutorId, flaw};
use super::validate_command::{check_command, check_container};
use super::validate_task::{Place, check_resources};

const RULE: &str = "------------------------------------------------------------";

/// The executor of a task of its own; what it needs, which is nothing if it runs already.
pub(crate) fn check_custom(
    place: &Place<'_>,
    executor: &ExecutorInfo,
) -> Result<Resources, String> {
    let needs = check(place, executor)?;
    if executor.has_type() && executor.type_() != executor_info::Type::CUSTOM {
        return Err("'ExecutorInfo.type' must be 'CUSTOM'".to_string());
    }
    if executor.command.is_none() {
        return Err("'ExecutorInfo.command' must be set".to_string());
    }
    let own = Resources::from_protos(&executor.resources).map_err(|error| error.to_string())?;
    if own.iter().any(|resource| resource.shared.is_some()) {
        return Err(format!(
            "Executor resources {own} should not contain any shared resources"
        ));
    }
    Ok(needs)
}

/// What holds of every executor; what it needs, which is nothing if it runs already.
pub(crate) fn check(place: &Place<'_>, executor: &ExecutorInfo) -> Result<Resources, String> {
    let id = executor.executor_id.value();
    if let Some(flaw) = flaw(id) {
        return Err(flaw);
    }
    check_type(executor)?;
    // A launch of single tasks fills it in, one of a group does not.
    if executor.framework_id.is_none() {
        return Err("'ExecutorInfo.framework_id' must be set".to_string());
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
    let resources = check_resources(&executor.resources, "Executor")?;
    if let Some(command) = executor.command.as_ref() {
        check_command(command)
            .map_err(|flaw| format!("Executor's `CommandInfo` is invalid: {flaw}"))?;
    }
    if let Some(container) = executor.container.as_ref() {
        check_container(container)
            .map_err(|flaw| format!("Executor's `ContainerInfo` is invalid: {flaw}"))?;
        if container.linux_info.share_cgroups == Some(true) {
            return Err(
                "The 'share_cgroups' field cannot be set to 'true' on executor containers"
                    .to_string(),
            );
        }
    }
    let executors = place.agent.executors.get(&place.framework.id);
    match executors.and_then(|executors| executors.get(&ExecutorId::new(id))) {
        Some(known) if known == executor => Ok(Resources::new()),
        Some(known) => Err(format!(
            "ExecutorInfo is not compatible with existing ExecutorInfo with same ExecutorID.\n\
             {RULE}\nExisting ExecutorInfo:\n{}\n{RULE}\nExecutorInfo:\n{}\n{RULE}\n",
            print_to_string_pretty(known),
            print_to_string_pretty(executor)
        )),
        None => Ok(resources),
    }
}

fn check_type(executor: &ExecutorInfo) -> Result<(), String> {
    let wrong = |text: &str| Err(text.to_string());
    if !executor.has_type() {
        return Ok(());
    }
    match executor.type_() {
        executor_info::Type::CUSTOM if executor.command.is_none() => {
            wrong("'ExecutorInfo.command' must be set for 'CUSTOM' executor")
        }
        executor_info::Type::DEFAULT if executor.command.is_some() => {
            wrong("'ExecutorInfo.command' must not be set for 'DEFAULT' executor")
        }
        executor_info::Type::DEFAULT => match executor.container.as_ref() {
            Some(container) if container.type_() != container_info::Type::MESOS => {
                wrong("'ExecutorInfo.container.type' must be 'MESOS' for 'DEFAULT' executor")
            }
            Some(container) if container.mesos.image.is_some() => {
                wrong("'ExecutorInfo.container.mesos.image' must not be set for 'DEFAULT' executor")
            }
            _ => Ok(()),
        },
        executor_info::Type::CUSTOM | executor_info::Type::UNKNOWN => Ok(()),
    }
}
