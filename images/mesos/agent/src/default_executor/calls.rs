//! The agent calls that the default executor makes.

use mesos_proto::mesos::environment::Variable;
use mesos_proto::mesos::volume::source::{self, sandbox_path};
use mesos_proto::mesos::{ContainerID, TaskInfo, Volume, container_info};
use mesos_proto::v1_agent::{Call, call};
use protobuf::MessageField;

/// Launches a task's container.
pub(super) fn launch(task: &TaskInfo, container: &ContainerID, ip: &str) -> Call {
    let mut launch = call::LaunchContainer::new();
    launch.container_id = MessageField::some(container.clone());
    launch.command = task.command.clone();
    launch.container = task.container.clone();
    // Where the executor's control group is shared, it has the resources of all tasks.
    if !task.container.linux_info.get_or_default().share_cgroups() {
        launch.resources.clone_from(&task.resources);
        launch.limits.clone_from(&task.limits);
    }
    for resource in &task.resources {
        // Persistent volumes are in the executor's sandbox, and shared with the task from there.
        if let Some(volume) = resource.disk.as_ref().and_then(|disk| disk.volume.as_ref()) {
            let container = launch.container.mut_or_insert_default();
            if !container.has_type() {
                container.set_type(container_info::Type::MESOS);
            }
            container.volumes.push(of_parent(volume));
        }
    }
    let role = task
        .resources
        .first()
        .map(|r| r.allocation_info.role().to_string());
    let variables = &mut launch.command.mut_or_insert_default().environment;
    let variables = &mut variables.mut_or_insert_default().variables;
    variables.push(variable("MESOS_CONTAINER_IP", ip));
    variables.extend(role.map(|role| variable("MESOS_ALLOCATION_ROLE", &role)));
    let mut call = Call::new();
    call.set_type(call::Type::LAUNCH_CONTAINER);
    call.launch_container = MessageField::some(launch);
    call
}

fn of_parent(volume: &Volume) -> Volume {
    let mut shared = Volume::new();
    shared.set_mode(volume.mode());
    shared.set_container_path(volume.container_path().to_string());
    let source = shared.source.mut_or_insert_default();
    source.set_type(source::Type::SANDBOX_PATH);
    let path = source.sandbox_path.mut_or_insert_default();
    path.set_type(sandbox_path::Type::PARENT);
    path.set_path(volume.container_path().to_string());
    shared
}

fn variable(name: &str, value: &str) -> Variable {
    let mut variable = Variable::new();
    variable.set_name(name.to_string());
    variable.set_value(value.to_string());
    variable
}

/// Waits for a container's end.
pub(super) fn wait(container: &ContainerID) -> Call {
    let mut wait = call::WaitContainer::new();
    wait.container_id = MessageField::some(container.clone());
    let mut call = Call::new();
    call.set_type(call::Type::WAIT_CONTAINER);
    call.wait_container = MessageField::some(wait);
    call
}

/// Sends a container a signal.
pub(super) fn kill(container: &ContainerID, signal: i32) -> Call {
    let mut kill = call::KillContainer::new();
    kill.container_id = MessageField::some(container.clone());
    kill.set_signal(signal);
    let mut call = Call::new();
    call.set_type(call::Type::KILL_CONTAINER);
    call.kill_container = MessageField::some(kill);
    call
}
