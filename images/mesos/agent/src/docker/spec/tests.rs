use mesos_proto::mesos::container_info::docker_info::PortMapping;

use super::*;
use crate::docker::host::Own;
use crate::docker::{Source, source};

fn container(change: impl FnOnce(&mut ContainerInfo)) -> ContainerInfo {
    let mut info = ContainerInfo::new();
    info.set_type(container_info::Type::DOCKER);
    info.docker
        .mut_or_insert_default()
        .set_image("busybox".into());
    change(&mut info);
    info
}

fn mapped(network: Network, ports: &[(u32, u32)]) -> ContainerInfo {
    container(|info| {
        let docker = info.docker.mut_or_insert_default();
        docker.set_network(network);
        for (host, inside) in ports {
            let mut mapping = PortMapping::new();
            mapping.set_host_port(*host);
            mapping.set_container_port(*inside);
            docker.port_mappings.push(mapping);
        }
    })
}

fn command(value: Option<&str>, shell: bool, arguments: &[&str]) -> CommandInfo {
    let mut command = CommandInfo::new();
    command.set_shell(shell);
    if let Some(value) = value {
        command.set_value(value.into());
    }
    command.arguments = arguments.iter().map(ToString::to_string).collect();
    command
}

fn made_on(
    container: &ContainerInfo,
    command: &CommandInfo,
    host: &Host,
) -> Result<Spec, SpecError> {
    let labels = BTreeMap::new();
    let image = match source(container) {
        Some(Source::Docker(name)) => name,
        _ => "",
    };
    let wanted = Wanted {
        image,
        working_directory: None,
        container,
        command,
        environment: vec![("A".into(), "1".into())],
        name: "mesos-c",
        sandbox: Path::new("/w/c"),
        mapped: "/mnt/mesos/sandbox",
        share: Share {
            cpus: 0.5,
            mem: 16.0,
            ..Share::default()
        },
        ports: Some(vec![(31000, 31001)]),
        has_quota: false,
        labels: &labels,
    };
    spec(&wanted, host)
}

fn made(container: &ContainerInfo, command: &CommandInfo) -> Result<Spec, SpecError> {
    made_on(container, command, &Host::default())
}

fn in_container() -> Host {
    Host {
        own: Some(Own {
            id: "agent".into(),
            mounts: vec![("/w".into(), "/vol".into())],
            network: Some("cluster".into()),
        }),
    }
}

#[test]
fn a_command_is_run_as_docker_run_would() {
    let list = |texts: &[&str]| Some(texts.iter().map(ToString::to_string).collect::<Vec<_>>());
    let sh = list(&["/bin/sh"]);
    let cases = [
        (
            "shell",
            command(Some("echo $A"), true, &["x"]),
            sh,
            list(&["-c", "echo $A"]),
        ),
        ("the image's own", command(None, false, &[]), None, None),
        (
            "arguments of the image's",
            command(None, false, &["a", "b"]),
            None,
            list(&["a", "b"]),
        ),
        (
            "value and arguments",
            command(Some("v"), false, &["a"]),
            None,
            list(&["v", "a"]),
        ),
    ];
    for (name, command, entrypoint, cmd) in cases {
        let body = made(&container(|_| {}), &command).unwrap().body;
        assert_eq!(
            (body.entrypoint, body.cmd),
            (entrypoint, cmd),
            "case `{name}`"
        );
    }
    let mesos = {
        let mut info = ContainerInfo::new();
        info.set_type(container_info::Type::MESOS);
        let image = info
            .mesos
            .mut_or_insert_default()
            .image
            .mut_or_insert_default();
        image.set_type(mesos_proto::mesos::image::Type::DOCKER);
        image
            .docker
            .mut_or_insert_default()
            .set_name("busybox".into());
        info
    };
    let body = made(&mesos, &command(Some("/bin/echo"), false, &["echo", "a"]))
        .unwrap()
        .body;
    assert_eq!(
        (body.entrypoint, body.cmd),
        (list(&["/bin/echo"]), list(&["a"]))
    );
}

#[test]
fn resources_become_shares_and_a_memory_limit_of_at_least_32_mb() {
    let body = made(&container(|_| {}), &command(None, false, &[]))
        .unwrap()
        .body;
    let host = body.host_config.unwrap();
    assert_eq!(
        (host.cpu_shares, host.cpu_quota, host.memory),
        (Some(512), None, Some(33_554_432))
    );
    let mut config = HostConfig::default();
    let share = Share {
        cpus: 0.001,
        mem: 64.0,
        cpus_limit: Some(2.0),
        mem_limit: Some(128.0),
        disk: 0.0,
        is_lent: false,
    };
    limit(&mut config, share, false);
    assert_eq!(
        (config.cpu_shares, config.cpu_quota),
        (Some(2), Some(200_000))
    );
    assert_eq!(
        (config.memory_reservation, config.memory),
        (Some(67_108_864), Some(134_217_728))
    );
    let mut config = HostConfig::default();
    let share = Share {
        cpus_limit: Some(f64::INFINITY),
        mem_limit: Some(f64::INFINITY),
        ..share
    };
    limit(&mut config, share, true);
    assert_eq!((config.cpu_quota, config.memory), (None, None));
}

#[test]
fn the_sandbox_is_mounted_and_its_place_told() {
    let body = made_on(
        &container(|_| {}),
        &command(None, false, &[]),
        &in_container(),
    )
    .unwrap()
    .body;
    let env = body.env.unwrap();
    assert_eq!(
        env,
        [
            "A=1",
            "MESOS_SANDBOX=/mnt/mesos/sandbox",
            "MESOS_CONTAINER_NAME=mesos-c"
        ]
    );
    let mounts = body.host_config.unwrap().mounts.unwrap();
    assert_eq!(mounts.len(), 1);
    assert_eq!(mounts[0].source.as_deref(), Some("/vol/c"));
    assert_eq!(mounts[0].target.as_deref(), Some("/mnt/mesos/sandbox"));
}

#[test]
fn volumes_are_relative_to_the_sandbox_on_both_sides() {
    let volume = |host: Option<&str>, inside: &str, mode| {
        let mut volume = Volume::new();
        if let Some(host) = host {
            volume.set_host_path(host.into());
        }
        volume.set_container_path(inside.into());
        volume.set_mode(mode);
        volume
    };
    let all = vec![
        volume(Some("/w/data"), "data", volume::Mode::RO),
        volume(Some("cache"), "/cache", volume::Mode::RW),
        volume(None, "/scratch", volume::Mode::RW),
    ];
    let info = container(|info| info.volumes = all);
    let spec = made_on(&info, &command(None, false, &[]), &in_container()).unwrap();
    let mounts = spec.body.host_config.unwrap().mounts.unwrap();
    let seen: Vec<_> = mounts
        .iter()
        .map(|m| {
            (
                m.source.as_deref().unwrap(),
                m.target.as_deref().unwrap(),
                m.read_only.unwrap(),
            )
        })
        .collect();
    assert_eq!(
        seen,
        [
            ("/vol/data", "/mnt/mesos/sandbox/data", true),
            ("/vol/c/cache", "/cache", false),
            ("/vol/c", "/mnt/mesos/sandbox", false),
        ]
    );
    assert_eq!(spec.folders, [PathBuf::from("/w/c/cache")]);
    assert_eq!(spec.body.volumes, Some(vec!["/scratch".to_string()]));
    let outside =
        container(|info| info.volumes = vec![volume(Some("/etc"), "/x", volume::Mode::RO)]);
    let error = made_on(&outside, &command(None, false, &[]), &in_container()).unwrap_err();
    assert!(
        error.to_string().contains("'/etc' is not on a volume"),
        "{error}"
    );
}

#[test]
fn the_host_of_an_agent_in_a_container_is_that_container() {
    let plain = Host::default();
    let own = in_container();
    let named = |name: &str| {
        container(|info| {
            info.docker
                .mut_or_insert_default()
                .set_network(Network::USER);
            let mut network = mesos_proto::mesos::NetworkInfo::new();
            network.set_name(name.into());
            info.network_infos.push(network);
        })
    };
    let cases = [
        (
            "host",
            mapped(Network::HOST, &[]),
            "host",
            "container:agent",
        ),
        ("bridge", mapped(Network::BRIDGE, &[]), "bridge", "cluster"),
        ("none", mapped(Network::NONE, &[]), "none", "none"),
        ("user", named("blue"), "blue", "blue"),
    ];
    for (name, info, outside, inside) in cases {
        for (host, want) in [(&plain, outside), (&own, inside)] {
            let body = made_on(&info, &command(None, false, &[]), host)
                .unwrap()
                .body;
            assert_eq!(
                body.host_config.unwrap().network_mode.as_deref(),
                Some(want),
                "case `{name}`"
            );
        }
    }
}

#[test]
fn ports_are_published_by_the_engine_or_led_on_by_the_agent() {
    let info = mapped(Network::BRIDGE, &[(31000, 80)]);
    let spec = made(&info, &command(None, false, &[])).unwrap();
    assert!(spec.forwards.is_empty());
    let bindings = spec.body.host_config.unwrap().port_bindings.unwrap();
    assert_eq!(
        bindings["80/tcp"].as_ref().unwrap()[0].host_port.as_deref(),
        Some("31000")
    );
    let spec = made_on(&info, &command(None, false, &[]), &in_container()).unwrap();
    assert_eq!(
        spec.forwards,
        [Forward {
            from: 31000,
            to: 80,
            is_udp: false
        }]
    );
    assert!(spec.body.host_config.unwrap().port_bindings.is_none());
}

#[test]
fn what_makes_no_sense_is_refused_in_the_originals_words() {
    let hostname = container(|info| info.set_hostname("h".into()));
    let user = container(|info| {
        info.docker
            .mut_or_insert_default()
            .set_network(Network::USER)
    });
    let cases = [
        (
            mapped(Network::BRIDGE, &[(80, 80)]),
            "Port [80] not included in resources",
        ),
        (
            mapped(Network::HOST, &[(31000, 80)]),
            "Port mappings are only supported for bridge and user-defined networks",
        ),
        (hostname, "Unable to set hostname with host network mode"),
        (user, "No network info found in container info"),
    ];
    for (info, want) in cases {
        let error = made(&info, &command(None, false, &[])).unwrap_err();
        assert_eq!(error.to_string(), want);
    }
}
