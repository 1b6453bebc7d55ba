//! A launch as Mesos' `TaskInfo` (task-lifecycle.md, "What is launched on Mesos").

use aurora_api::{
    AURORA_EXECUTOR_NAME, Container, Image, Mode, Protocol, TASK_FILESYSTEM_MOUNT_POINT,
};
use mesos_proto::mesos::container_info::{self, DockerInfo};
use mesos_proto::mesos::{
    CommandInfo, ContainerInfo, DiscoveryInfo, ExecutorInfo, Label, Labels, Parameter, Port,
    TaskInfo, Volume, command_info, discovery_info, image, volume,
};
use protobuf::MessageField;

use super::{Launcher, agent};
use crate::model::effect::Launch;
use crate::model::task::Task;

/// Before the task's id, in its executor's.
const EXECUTOR_PREFIX: &str = "thermos-";

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

fn uri(value: &str, executable: bool) -> command_info::URI {
    let mut uri = command_info::URI::new();
    uri.set_value(value.to_string());
    uri.set_executable(executable);
    uri
}

impl Launcher {
    /// The task as it is handed to the agent; `None` if it cannot be serialized.
    pub(super) fn task_info(&self, launch: &Launch) -> Option<TaskInfo> {
        let task = launch.task.as_ref();
        let assigned = task.to_scheduled().assigned_task;
        let data = Protocol::Binary.encode(&assigned).ok()?;
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
        let container = self.container(task);
        if task.config.executor_config.is_some() {
            let mut executor = self.executor(task);
            executor.resources.clone_from(&launch.executor_resources);
            executor.container = container.into();
            info.executor = MessageField::some(executor);
            info.set_data(data);
        } else {
            let mut command = CommandInfo::new();
            command.set_shell(false);
            info.command = MessageField::some(command);
            info.container = container.into();
        }
        Some(info)
    }

    fn executor(&self, task: &Task) -> ExecutorInfo {
        let mut executor = ExecutorInfo::new();
        let source = format!(
            "{}.{}.{}.{}",
            task.job.role, task.job.environment, task.job.name, task.instance
        );
        executor
            .executor_id
            .mut_or_insert_default()
            .set_value(format!("{EXECUTOR_PREFIX}{}", task.id));
        executor.set_name(AURORA_EXECUTOR_NAME.to_string());
        executor.labels = labels(vec![label("source", &source)]);
        executor.set_source(source);
        executor.command = MessageField::some(self.executor_command(task));
        executor
    }

    fn executor_command(&self, task: &Task) -> CommandInfo {
        let program = self.executor_path.rsplit('/').next().unwrap_or_default();
        let home = if self.home_in_sandbox {
            "HOME=${MESOS_SANDBOX=.} "
        } else {
            ""
        };
        let text = format!(
            "{home}${{MESOS_SANDBOX=.}}/{program} {}",
            self.executor_flags
        );
        let mut command = CommandInfo::new();
        command.set_value(text.trim_end().to_string());
        command.set_shell(true);
        command.set_user(self.executor_user.clone());
        command.uris.push(uri(&self.executor_path, true));
        command
            .uris
            .extend(self.executor_resources.iter().map(|path| uri(path, true)));
        for wanted in task.config.mesos_fetcher_uris.iter().flatten() {
            let mut uri = uri(&wanted.value, false);
            uri.extract = wanted.extract.or(uri.extract);
            uri.cache = wanted.cache;
            uri.output_file.clone_from(&wanted.output_file);
            command.uris.push(uri);
        }
        command
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

    fn container(&self, task: &Task) -> Option<ContainerInfo> {
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
                info.volumes = self.container_mounts.iter().map(mount).collect();
            }
            Container::Mesos(mesos) => {
                let root = mesos.image.as_ref().and_then(root_image);
                let own = mesos.volumes.iter().flatten().map(mount);
                let volumes: Vec<Volume> = root.into_iter().chain(own).collect();
                if volumes.is_empty() {
                    return None;
                }
                info.set_type(container_info::Type::MESOS);
                info.volumes = volumes;
                info.volumes.extend(self.container_mounts.iter().map(mount));
            }
            Container::Unset => return None,
        }
        Some(info)
    }
}

fn task_labels(task: &Task) -> Vec<Label> {
    let metadata = task.config.metadata.iter().flatten();
    let mut labels: Vec<Label> = metadata
        .map(|m| label(&format!("org.apache.aurora.metadata.{}", m.key), &m.value))
        .collect();
    if let Some(tier) = &task.config.tier {
        labels.push(label("org.apache.aurora.tier", tier));
    }
    labels
}

fn mount(wanted: &aurora_api::Volume) -> Volume {
    let mut volume = Volume::new();
    volume.set_container_path(wanted.container_path.clone());
    volume.set_host_path(wanted.host_path.clone());
    volume.set_mode(match wanted.mode {
        Mode::ReadWrite => volume::Mode::RW,
        Mode::ReadOnly => volume::Mode::RO,
    });
    volume
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
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::sync::Arc;

    use aurora_api::{
        AssignedTask, ExecutorConfig, JobKey, Metadata, ScheduleStatus, ScheduledTask, TaskConfig,
    };

    use super::*;
    use crate::model::resources::scalar;

    fn launcher() -> Launcher {
        Launcher {
            cluster_name: "devcluster".to_string(),
            executor_path: "/usr/bin/thermos_executor".to_string(),
            executor_flags: "--flag".to_string(),
            executor_resources: vec!["/etc/more".to_string()],
            home_in_sandbox: true,
            executor_user: "root".to_string(),
            populate_discovery_info: true,
            container_mounts: Vec::new(),
            refuse_secs: 5.0,
            accept_refuse_secs: 0.0,
        }
    }

    fn launch(config: TaskConfig) -> Launch {
        let scheduled = ScheduledTask {
            assigned_task: AssignedTask {
                task_id: "id-1".to_string(),
                slave_id: Some("S0".to_string()),
                slave_host: Some("host".to_string()),
                assigned_ports: BTreeMap::from([("http".to_string(), 31_000)]),
                instance_id: 3,
                ..AssignedTask::default()
            },
            status: ScheduleStatus::Assigned,
            ..ScheduledTask::default()
        };
        let task = Task::from_scheduled(scheduled, Arc::new(config)).unwrap();
        Launch {
            task: Box::new(task),
            resources: vec![scalar("cpus", 1.0)],
            executor_resources: vec![scalar("cpus", 0.25), scalar("mem", 128.0)],
        }
    }

    fn config() -> TaskConfig {
        TaskConfig {
            job: Some(JobKey::new("www-data", "devel", "hello")),
            tier: Some("preemptible".to_string()),
            metadata: Some(BTreeSet::from([Metadata {
                key: "k".into(),
                value: "v".into(),
            }])),
            executor_config: Some(ExecutorConfig {
                name: Some(AURORA_EXECUTOR_NAME.to_string()),
                data: Some("{}".to_string()),
            }),
            ..TaskConfig::default()
        }
    }

    #[test]
    fn a_launch_is_the_original_task_info() {
        let launch = launch(config());
        let info = launcher().task_info(&launch).unwrap();
        assert_eq!(info.name(), "www-data/devel/hello");
        assert_eq!(
            (info.task_id.value(), info.slave_id.value()),
            ("id-1", "S0")
        );
        assert_eq!(info.resources, launch.resources);
        let data: AssignedTask = Protocol::Binary.decode(info.data()).unwrap();
        assert_eq!(data, launch.task.to_scheduled().assigned_task);
        let executor = info.executor.as_ref().unwrap();
        assert_eq!(executor.executor_id.value(), "thermos-id-1");
        assert_eq!(executor.name(), "AuroraExecutor");
        assert_eq!(executor.source(), "www-data.devel.hello.3");
        assert_eq!(executor.resources, launch.executor_resources);
        let command = executor.command.as_ref().unwrap();
        assert_eq!(
            command.value(),
            "HOME=${MESOS_SANDBOX=.} ${MESOS_SANDBOX=.}/thermos_executor --flag"
        );
        assert_eq!(command.user(), "root");
        let uris: Vec<_> = command
            .uris
            .iter()
            .map(|u| (u.value(), u.executable()))
            .collect();
        assert_eq!(
            uris,
            [("/usr/bin/thermos_executor", true), ("/etc/more", true)]
        );
        let labels: Vec<_> = info
            .labels
            .labels
            .iter()
            .map(|l| (l.key(), l.value()))
            .collect();
        assert_eq!(
            labels,
            [
                ("org.apache.aurora.metadata.k", "v"),
                ("org.apache.aurora.tier", "preemptible")
            ]
        );
        assert_eq!(info.discovery.name(), "hello.devel.www-data");
        assert_eq!(info.discovery.location(), "devcluster");
        let port = &info.discovery.ports.ports[0];
        assert_eq!(
            (port.name(), port.number(), port.protocol()),
            ("http", 31_000, "TCP")
        );
        assert!(info.container.is_none() && executor.container.is_none());
    }

    #[test]
    fn a_docker_task_without_executor_runs_its_image() {
        let docker = aurora_api::DockerContainer {
            image: Some("busybox".to_string()),
            parameters: None,
        };
        let config = TaskConfig {
            executor_config: None,
            container: Some(Container::Docker(docker)),
            ..config()
        };
        let info = launcher().task_info(&launch(config)).unwrap();
        assert!(info.executor.is_none() && !info.command.shell());
        assert_eq!(info.container.docker.image(), "busybox");
    }
}
