//! Launches, compared with what the original sends.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aurora_api::{
    AURORA_EXECUTOR_NAME, AppcImage, AssignedTask, DockerContainer, DockerImage, DockerParameter,
    ExecutorConfig, JobKey, MesosContainer, MesosFetcherUri, Metadata, Mode, ScheduleStatus,
    ScheduledTask, TaskConfig,
};

use super::*;
use crate::framework::executors::Thermos;
use crate::model::resources::scalar;

fn thermos() -> Thermos {
    Thermos {
        path: "/usr/bin/thermos_executor".to_string(),
        flags: "--flag".to_string(),
        resources: vec!["/etc/more".to_string()],
        home_in_sandbox: true,
        user: "root".to_string(),
        in_place: false,
        mounts: vec![aurora_api::Volume {
            container_path: "/c".to_string(),
            host_path: "/h".to_string(),
            mode: Mode::ReadOnly,
        }],
    }
}

fn launcher() -> Launcher {
    Launcher {
        cluster_name: "devcluster".to_string(),
        executors: BTreeMap::from([(AURORA_EXECUTOR_NAME.to_string(), thermos().executor())]),
        populate_discovery_info: true,
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
            ("org.apache.aurora.tier", "preemptible"),
            ("org.apache.aurora.metadata.k", "v")
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
    assert!(info.executor.is_none() && !info.command.shell() && !info.has_data());
    assert!(info.container.volumes.is_empty());
    assert_eq!(info.container.docker.image(), "busybox");
}

fn paths(volumes: &[Volume]) -> Vec<(&str, &str)> {
    volumes
        .iter()
        .map(|volume| (volume.host_path(), volume.container_path()))
        .collect()
}

#[test]
fn a_docker_task_with_an_executor_runs_it_in_the_image() {
    let docker = DockerContainer {
        image: Some("busybox".to_string()),
        parameters: Some(vec![DockerParameter {
            name: "label".to_string(),
            value: "x".to_string(),
        }]),
    };
    let config = TaskConfig {
        container: Some(Container::Docker(docker)),
        ..config()
    };
    // Only the sandbox is seen in the container, so the executor is always fetched into it.
    let mut launcher = launcher();
    let thermos = Thermos {
        in_place: true,
        ..thermos()
    };
    launcher
        .executors
        .insert(AURORA_EXECUTOR_NAME.to_string(), thermos.executor());
    let info = launcher.task_info(&launch(config)).unwrap();
    assert!(info.container.is_none() && info.has_data());
    let container = &info.executor.container;
    assert_eq!(container.type_(), container_info::Type::DOCKER);
    assert_eq!(container.docker.image(), "busybox");
    let parameter = &container.docker.parameters[0];
    assert_eq!((parameter.key(), parameter.value()), ("label", "x"));
    assert_eq!(paths(&container.volumes), [("/h", "/c")]);
    assert_eq!(info.executor.command.uris.len(), 2);
}

#[test]
fn an_executor_on_the_agent_is_not_fetched() {
    let mut launcher = launcher();
    let thermos = Thermos {
        in_place: true,
        ..thermos()
    };
    launcher
        .executors
        .insert(AURORA_EXECUTOR_NAME.to_string(), thermos.executor());
    let info = launcher.task_info(&launch(config())).unwrap();
    let command = &info.executor.command;
    assert_eq!(
        command.value(),
        "HOME=${MESOS_SANDBOX=.} /usr/bin/thermos_executor --flag"
    );
    let uris: Vec<_> = command.uris.iter().map(|uri| uri.value()).collect();
    assert_eq!(uris, ["/etc/more"]);
}

#[test]
fn images_become_a_volume_after_the_mounts() {
    let docker = Image::Docker(DockerImage {
        name: "img".to_string(),
        tag: "1".to_string(),
    });
    let appc = Image::Appc(AppcImage {
        name: "img".to_string(),
        image_id: "sha512-1".to_string(),
    });
    for image in [docker, appc] {
        let config = TaskConfig {
            container: Some(Container::Mesos(MesosContainer {
                image: Some(image.clone()),
                volumes: Some(vec![aurora_api::Volume {
                    container_path: "own".to_string(),
                    host_path: "/own".to_string(),
                    mode: Mode::ReadWrite,
                }]),
            })),
            ..config()
        };
        let info = launcher().task_info(&launch(config)).unwrap();
        let container = &info.executor.container;
        assert_eq!(container.type_(), container_info::Type::MESOS);
        assert!(container.mesos.is_some());
        assert_eq!(
            paths(&container.volumes),
            [("/h", "/c"), ("/own", "own"), ("", "taskfs")]
        );
        let root = &container.volumes[2];
        assert_eq!(root.mode(), volume::Mode::RO);
        match image {
            Image::Docker(_) => assert_eq!(root.image.docker.name(), "img:1"),
            _ => assert_eq!(
                (root.image.appc.name(), root.image.appc.id()),
                ("img", "sha512-1")
            ),
        }
    }
}

#[test]
fn volumes_without_an_image_make_no_container() {
    let config = TaskConfig {
        container: Some(Container::Mesos(MesosContainer {
            image: None,
            volumes: Some(vec![aurora_api::Volume::default()]),
        })),
        ..config()
    };
    let info = launcher().task_info(&launch(config)).unwrap();
    assert!(info.executor.container.is_none() && info.container.is_none());
}

#[test]
fn a_task_s_own_files_are_fetched_after_the_executor_s() {
    let config = TaskConfig {
        mesos_fetcher_uris: Some(BTreeSet::from([MesosFetcherUri {
            value: "http://host/file".to_string(),
            extract: Some(false),
            cache: Some(true),
            output_file: None,
        }])),
        ..config()
    };
    let info = launcher().task_info(&launch(config)).unwrap();
    let uri = &info.executor.command.uris[2];
    assert_eq!(uri.value(), "http://host/file");
    assert!(!uri.executable() && !uri.extract() && uri.cache());
}

#[test]
fn a_custom_executor_is_launched_as_its_file_says() {
    let mut launcher = launcher();
    let mut executor = Executor {
        prefix: "my-".to_string(),
        ..Executor::default()
    };
    executor.info.set_name("mine".to_string());
    let command = executor.info.command.mut_or_insert_default();
    command.set_value("run".to_string());
    launcher.executors.insert("mine".to_string(), executor);
    let named = |name: &str| TaskConfig {
        executor_config: Some(ExecutorConfig {
            name: Some(name.to_string()),
            data: None,
        }),
        ..config()
    };
    let info = launcher.task_info(&launch(named("mine"))).unwrap();
    assert_eq!(info.executor.executor_id.value(), "my-id-1");
    assert_eq!(info.executor.name(), "mine");
    assert_eq!(info.executor.command.value(), "run");
    assert!(info.has_data());
    assert!(launcher.task_info(&launch(named("other"))).is_none());
}
