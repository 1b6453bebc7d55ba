//! A launch as Mesos' `TaskInfo` (task-lifecycle.md, "What is launched on Mesos").

use aurora_api::{Container, Image, Protocol, TASK_FILESYSTEM_MOUNT_POINT};
use mesos_proto::mesos::container_info::{self, DockerInfo, MesosInfo};
use mesos_proto::mesos::{
    CommandInfo, ContainerInfo, DiscoveryInfo, ExecutorInfo, Label, Labels, Parameter, Port,
    TaskInfo, Volume, command_info, discovery_info, image, volume,
};
use protobuf::MessageField;

use super::executors::{Executor, mount};
use super::{Launcher, agent};
use crate::model::effect::Launch;
use crate::model::task::Task;

fn label(key: &str, value: &str) -> Label {
    let mut label = Label::new();
    label.set_key(key.to_string());
    label.set_value(value.to_string());
    label
}

fn labels(labels: Vec<Label>) -> MessageField<Labels> {
    let mut message = Labels::new();
    message.labels = labels;
    MessageField::some(message)
}

impl Launcher {
    /// The task as it is handed to the agent; `None` if it cannot be serialized, or if its executor is
    /// none of those that are configured now.
    pub(super) fn task_info(&self, launch: &Launch) -> Option<TaskInfo> {
        let task = launch.task.as_ref();
        let mut info = TaskInfo::new();
        info.set_name(task.job.to_string());
        info.task_id
            .mut_or_insert_default()
            .set_value(task.id.clone());
        info.slave_id = agent(task.agent_id.as_deref().unwrap_or_default());
        info.resources.clone_from(&launch.resources);
        info.labels = labels(task_labels(task));
        if self.populate_discovery_info {
            info.discovery = MessageField::some(self.discovery(task));
        }
        if let Some(wanted) = &task.config.executor_config {
            let executor = self.executors.get(wanted.name.as_deref()?)?;
            let container = container(task, &executor.mounts);
            let mut executor = executor_info(executor, task);
            executor.resources.clone_from(&launch.executor_resources);
            executor.container = container.into();
            info.executor = MessageField::some(executor);
            let assigned = task.to_scheduled().assigned_task;
            info.set_data(Protocol::Binary.encode(&assigned).ok()?);
        } else {
            let mut command = CommandInfo::new();
            command.set_shell(false);
            info.command = MessageField::some(command);
            info.container = container(task, &[]).into();
        }
        Some(info)
    }

    fn discovery(&self, task: &Task) -> DiscoveryInfo {
        let mut discovery = DiscoveryInfo::new();
        let key = &task.job;
        discovery.set_visibility(discovery_info::Visibility::CLUSTER);
        discovery.set_name(format!("{}.{}.{}", key.name, key.environment, key.role));
        discovery.set_environment(key.environment.clone());
        discovery.set_location(self.cluster_name.clone());
        let ports = discovery.ports.mut_or_insert_default();
        for (name, number) in &task.ports {
            let mut port = Port::new();
            port.set_name(name.clone());
            port.set_number(u32::try_from(*number).unwrap_or(0));
            port.set_protocol("TCP".to_string());
            ports.ports.push(port);
        }
        discovery
    }
}

fn executor_info(executor: &Executor, task: &Task) -> ExecutorInfo {
    let mut info = executor.info.clone();
    let key = &task.job;
    let source = format!(
        "{}.{}.{}.{}",
        key.role, key.environment, key.name, task.instance
    );
    info.executor_id
        .mut_or_insert_default()
        .set_value(format!("{}{}", executor.prefix, task.id));
    info.labels = labels(vec![label("source", &source)]);
    info.set_source(source);
    if let Some(command) = &executor.in_place
        && !matches!(task.config.container, Some(Container::Docker(_)))
    {
        info.command = MessageField::some(command.clone());
    }
    let fetched = task.config.mesos_fetcher_uris.iter().flatten();
    let command = info.command.mut_or_insert_default();
    command.uris.extend(fetched.map(|wanted| {
        let mut uri = command_info::URI::new();
        uri.set_value(wanted.value.clone());
        uri.set_executable(false);
        uri.extract = wanted.extract.or(uri.extract);
        uri.cache = wanted.cache;
        uri.output_file.clone_from(&wanted.output_file);
        uri
    }));
    info
}

/// The container a task's image asks for. Without an image there is none, and no volumes either.
fn container(task: &Task, mounts: &[Volume]) -> Option<ContainerInfo> {
    let mut info = ContainerInfo::new();
    match task.config.container.as_ref()? {
        Container::Docker(docker) => {
            info.set_type(container_info::Type::DOCKER);
            let mut wanted = DockerInfo::new();
            wanted.set_image(docker.image.clone().unwrap_or_default());
            for parameter in docker.parameters.iter().flatten() {
                let mut argument = Parameter::new();
                argument.set_key(parameter.name.clone());
                argument.set_value(parameter.value.clone());
                wanted.parameters.push(argument);
            }
            info.docker = MessageField::some(wanted);
            info.volumes = mounts.to_vec();
        }
        Container::Mesos(mesos) => {
            let root = root_image(mesos.image.as_ref()?)?;
            info.set_type(container_info::Type::MESOS);
            info.mesos = MessageField::some(MesosInfo::new());
            info.volumes = mounts.to_vec();
            info.volumes
                .extend(mesos.volumes.iter().flatten().map(mount));
            info.volumes.push(root);
        }
        Container::Unset => return None,
    }
    Some(info)
}

/// The tier first, then the metadata.
fn task_labels(task: &Task) -> Vec<Label> {
    let tier = task.config.tier.iter();
    let metadata = task.config.metadata.iter().flatten();
    tier.map(|tier| label("org.apache.aurora.tier", tier))
        .chain(metadata.map(|m| label(&format!("org.apache.aurora.metadata.{}", m.key), &m.value)))
        .collect()
}

/// A task's own file system: a read-only volume made from its image.
fn root_image(wanted: &Image) -> Option<Volume> {
    let mut source = mesos_proto::mesos::Image::new();
    match wanted {
        Image::Docker(docker) => {
            source.set_type(image::Type::DOCKER);
            let name = format!("{}:{}", docker.name, docker.tag);
            source.docker.mut_or_insert_default().set_name(name);
        }
        Image::Appc(appc) => {
            source.set_type(image::Type::APPC);
            let wanted = source.appc.mut_or_insert_default();
            wanted.set_name(appc.name.clone());
            wanted.set_id(appc.image_id.clone());
        }
        Image::Unset => return None,
    }
    let mut volume = Volume::new();
    volume.set_container_path(TASK_FILESYSTEM_MOUNT_POINT.to_string());
    volume.image = MessageField::some(source);
    volume.set_mode(volume::Mode::RO);
    Some(volume)
}

#[cfg(test)]
mod tests;
