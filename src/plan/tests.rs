//! What profiles become.

use std::collections::HashSet;

use super::*;
use crate::profile::{Managed, Overrides, Profile, StartOrder, Tier};

fn plan_of(text: &str) -> Plan {
    try_plan(text).unwrap()
}

fn try_plan(text: &str) -> Result<Plan, PlanError> {
    let profile = Profile::parse("p", text, &Overrides::default()).unwrap();
    Plan::new(&profile, &surroundings())
}

fn surroundings() -> Surroundings {
    Surroundings {
        subnet: "192.168.33.0/24".parse().unwrap(),
        addresses_reachable: true,
        folder: "/home/me".into(),
    }
}

fn node<'a>(plan: &'a Plan, name: &str) -> &'a NodePlan {
    plan.nodes
        .iter()
        .find(|node| node.name.as_str() == name)
        .unwrap()
}

#[test]
fn waves_follow_the_order_of_tiers() {
    let cases = [
        (
            "",
            "zookeeper | mesos-master | mesos-agent aurora-scheduler | devtools",
        ),
        (
            "[aurora-scheduler]\ncount = 0\n[devtools]\ncount = 0",
            "zookeeper | mesos-master | mesos-agent",
        ),
        (
            "[[service]]\nname = 'm'\nimage = 'i'\nafter = ['mesos-master']\n[[service]]\nname = 'n'\nimage = 'i'\nafter = ['m']\n\
             [[service]]\nname = 'o'\nimage = 'i'",
            "zookeeper o | mesos-master | mesos-agent aurora-scheduler m | devtools n",
        ),
    ];
    for (profile, want) in cases {
        let plan = plan_of(profile);
        let waves: Vec<String> = plan
            .waves()
            .iter()
            .map(|wave| {
                wave.iter()
                    .map(|tier| tier.name())
                    .collect::<Vec<_>>()
                    .join(" ")
            })
            .collect();
        assert_eq!(waves.join(" | "), want, "case `{profile}`");
    }
}

#[test]
fn the_default_cluster_has_the_tutorials_names_addresses_and_ports() {
    let plan = plan_of("");
    let show = |node: &NodePlan| {
        let ports: Vec<String> = node
            .ports
            .iter()
            .map(|port| match port.host {
                HostPort::Preferred(host) => format!("{host}:{}", port.container),
                HostPort::Any => format!("*:{}", port.container),
                HostPort::Fixed(host) => format!("={host}:{}", port.container),
            })
            .collect();
        format!(
            "{} {} {} {}",
            node.name,
            node.address,
            node.aliases.join(","),
            ports.join(",")
        )
    };
    let nodes: Vec<String> = plan.nodes.iter().map(show).collect();
    let want = [
        "zookeeper-1 192.168.33.2 zookeeper 2181:2181",
        "mesos-master-1 192.168.33.3 mesos-master 5050:5050",
        "mesos-agent-1 192.168.33.10 mesos-agent 5051:5051,1338:1338",
        "mesos-agent-2 192.168.33.11  *:5051,*:1338",
        "mesos-agent-3 192.168.33.12  *:5051,*:1338",
        "aurora-scheduler-1 192.168.33.7 aurora-scheduler 8081:8081",
        "devtools 192.168.33.200  ",
    ];
    assert_eq!(nodes, want);
    assert_eq!(
        node(&plan, "devtools").binds[0].source,
        std::path::Path::new("/home/me")
    );
}

#[test]
fn agents_get_the_engines_socket_only_where_the_profile_says_so() {
    let plain = plan_of("");
    let docker = plan_of("[mesos-agent]\ndocker_tasks = true");
    let sockets = |plan: &Plan| -> Vec<String> {
        let has = |node: &&NodePlan| {
            node.binds
                .iter()
                .any(|bind| bind.target == "/var/run/docker.sock")
        };
        plan.nodes
            .iter()
            .filter(has)
            .map(|node| node.name.to_string())
            .collect()
    };
    assert!(sockets(&plain).is_empty());
    assert_eq!(
        sockets(&docker),
        ["mesos-agent-1", "mesos-agent-2", "mesos-agent-3"]
    );
    let agent = node(&docker, "mesos-agent-2");
    let command = agent.command.join(" ");
    assert!(
        command.contains("--containerizers=docker,mesos --image_providers=docker,appc"),
        "{command}"
    );
    let labels: serde_json::Value =
        serde_json::from_str(&agent.env["MESOS_DOCKER_CONTAINER_LABELS"]).unwrap();
    assert_eq!(labels["devcluster.cluster"], "devcluster");
    assert_eq!(labels["devcluster.tasks-of"], "mesos-agent-2");
    let allows = |plan: &Plan| {
        let command = node(plan, "aurora-scheduler-1").command.join(" ");
        command.contains("-allowed_container_types=MESOS,DOCKER")
    };
    assert!(allows(&docker) && !allows(&plain));
    let agent = node(&plain, "mesos-agent-2");
    assert!(!agent.command.join(" ").contains("docker") && agent.env.is_empty());
}

#[test]
fn commands_have_the_tiers_flags_and_the_profiles_win() {
    let plan = plan_of(
        "[mesos-agent]\ncount = 2\n[mesos-agent.flags]\nregistration_backoff_factor = '1secs'\nswitch_user = false",
    );
    let master = node(&plan, "mesos-master-1").command.join(" ");
    assert!(
        master.starts_with("mesos-master --zk=zk://zookeeper:2181/mesos --quorum=1 "),
        "{master}"
    );
    assert!(
        master.contains("--advertise_ip=192.168.33.3 --port=5050 --hostname=192.168.33.3"),
        "{master}"
    );
    let agent = node(&plan, "mesos-agent-2").command.join(" ");
    for part in [
        "--attributes=rack:2",
        "--registration_backoff_factor=1secs",
        "--no-switch_user",
        " --- thermos_observer ",
        " --- /usr/share/devcluster/ssh/serve",
    ] {
        assert!(agent.contains(part), "{part}: {agent}");
    }
    assert!(!agent.contains("10ms"), "{agent}");
    let scheduler = node(&plan, "aurora-scheduler-1").command.join(" ");
    assert!(
        scheduler.contains("-zk_endpoints=zookeeper:2181 -serverset_path=/aurora/scheduler"),
        "{scheduler}"
    );
    assert_eq!(
        node(&plan, "zookeeper-1").entrypoint.as_deref(),
        Some(&["/sbin/node-init".to_owned()][..])
    );
}

#[test]
fn an_ensemble_is_reached_by_its_members_names() {
    let plan = plan_of("[zookeeper]\ncount = 3\n[mesos-master]\ncount = 3");
    let master = node(&plan, "mesos-master-2").command.join(" ");
    assert!(
        master.contains(
            "--zk=zk://zookeeper-1:2181,zookeeper-2:2181,zookeeper-3:2181/mesos --quorum=2"
        ),
        "{master}"
    );
    let member = &node(&plan, "zookeeper-3").env;
    assert_eq!(member["ZOO_MY_ID"], "3");
    assert!(
        member["ZOO_SERVERS"].starts_with("server.1=zookeeper-1:2888:3888;2181 "),
        "{member:?}"
    );
}

#[test]
fn names_are_advertised_where_addresses_do_not_reach() {
    let profile = Profile::default();
    let plan = Plan::new(
        &profile,
        &Surroundings {
            addresses_reachable: false,
            ..surroundings()
        },
    )
    .unwrap();
    assert_eq!(node(&plan, "mesos-agent-2").advertised, "mesos-agent-2");
    let plan = plan_of("[network]\nadvertise = 'name'");
    assert!(
        node(&plan, "mesos-master-1")
            .command
            .contains(&"--hostname=mesos-master-1".to_owned())
    );
}

#[test]
fn clusters_json_names_the_cluster_and_those_of_the_tutorials() {
    let plan = plan_of("name = 'mine'");
    let file = &node(&plan, "devtools").files[0];
    assert_eq!(file.path, "/etc/aurora/clusters.json");
    let clusters: serde_json::Value = serde_json::from_str(&file.content).unwrap();
    let names: Vec<&str> = clusters
        .as_array()
        .unwrap()
        .iter()
        .map(|cluster| cluster["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["mine", "devcluster", "example"]);
    assert_eq!(clusters[0]["scheduler_zk_path"], "/aurora/scheduler");
    assert_eq!(clusters[0]["auth_mechanism"], "UNAUTHENTICATED");
    assert_eq!(
        node(&plan, "aurora-scheduler-1").files,
        node(&plan, "devtools").files
    );
}

#[test]
fn clients_show_tickets_where_schedulers_ask_for_them() {
    for (asked, want) in [("NEGOTIATE", "KERBEROS"), ("BASIC", "UNAUTHENTICATED")] {
        let flag = format!("http_authentication_mechanism = '{asked}'");
        let plan = plan_of(&format!("[aurora-scheduler.flags]\n{flag}"));
        let file = &node(&plan, "devtools").files[0];
        let clusters: serde_json::Value = serde_json::from_str(&file.content).unwrap();
        let names = clusters.as_array().unwrap().iter();
        assert!(
            names
                .clone()
                .all(|cluster| cluster["auth_mechanism"] == want)
        );
    }
}

#[test]
fn services_get_templates_and_a_gated_start() {
    let plan = plan_of(
        "[[service]]\nname = 'm'\nimage = 'i:1'\nafter = ['mesos-master']\nargs = ['{mesos-master.zk}', '{zookeeper.url}/m', '{address}']\nports = [8080]",
    );
    assert_eq!(
        node(&plan, "m").command,
        [
            "zk://zookeeper:2181/mesos",
            "zk://zookeeper:2181/m",
            "192.168.33.230"
        ]
    );
    assert_eq!(plan.tiers.last().unwrap().start, StartOrder::Gated);
    let error =
        try_plan("[[service]]\nname = 'm'\nimage = 'i'\nargs = ['{mesos-mastr.zk}']").unwrap_err();
    assert_eq!(
        error.hint().as_deref(),
        Some("did you mean `{mesos-master.zk}`?")
    );
}

#[test]
fn a_program_of_the_users_is_run_in_place_of_the_images() {
    let plan = plan_of("[mesos-agent]\ncount = 1\nbinary = 'target/agent'");
    let agent = node(&plan, "mesos-agent-1");
    assert_eq!(agent.command[0], "/opt/devcluster/mesos-agent");
    let bind = agent
        .binds
        .iter()
        .find(|bind| bind.target == agent.command[0])
        .unwrap();
    assert_eq!(bind.source, std::path::Path::new("/home/me/target/agent"));
    assert!(bind.read_only);
}

#[test]
fn a_node_of_the_users_own_is_the_host_as_the_others_see_it() {
    let plan = plan_of("[aurora-scheduler]\nmanaged = 'user'");
    let scheduler = node(&plan, "aurora-scheduler-1");
    assert_eq!(scheduler.managed, Managed::User);
    assert_eq!(scheduler.address, plan.gateway);
    assert!(
        node(&plan, "devtools")
            .hosts
            .contains(&("aurora-scheduler".to_owned(), plan.gateway))
    );
    let told = scheduler.command.join(" ");
    assert!(
        told.contains("-zk_endpoints=192.168.33.2:2181 ")
            && told.contains("-mesos_master_address=zk://192.168.33.2:2181/mesos "),
        "the host knows no node by its name: {told}"
    );
}

#[test]
fn an_original_image_runs_its_own_program_without_our_init() {
    let plan = plan_of("[mesos-master]\nimage = 'mesos:1.12'");
    let master = node(&plan, "mesos-master-1");
    assert_eq!(
        master.entrypoint.as_deref(),
        Some(&["mesos-master".to_owned()][..])
    );
    assert!(
        master.command[0].starts_with("--zk="),
        "{:?}",
        master.command
    );
}

#[test]
fn the_hash_follows_what_a_node_is_and_nothing_else() {
    let hashes = |plan: &Plan| {
        plan.nodes
            .iter()
            .map(|node| (node.name.clone(), node.hash.clone()))
            .collect::<HashSet<_>>()
    };
    let plan = plan_of("");
    let elsewhere = Plan::new(
        &Profile::default(),
        &Surroundings {
            folder: "/tmp".into(),
            ..surroundings()
        },
    )
    .unwrap();
    assert_eq!(hashes(&plan), hashes(&elsewhere));
    let changed = plan_of("[mesos-agent]\ncpus = 1");
    let other: Vec<&Tier> = changed
        .nodes
        .iter()
        .filter(|node| !hashes(&plan).contains(&(node.name.clone(), node.hash.clone())))
        .map(|node| &node.tier)
        .collect();
    assert_eq!(other, [&Tier::MesosAgent; 3]);
    // Another agent changes none of those that are there.
    let more = plan_of("[mesos-agent]\ncount = 4");
    assert!(hashes(&plan).is_subset(&hashes(&more)));
}

#[test]
fn probes_travel_as_json() {
    for tier in plan_of("[[service]]\nname = 's'\nimage = 'i'\nprobe = { exec = ['true'] }").tiers {
        let text = serde_json::to_string(&tier.probe).unwrap();
        assert_eq!(
            serde_json::from_str::<Probe>(&text).unwrap(),
            tier.probe,
            "case {}",
            tier.tier
        );
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(16))]
    #[test]
    fn no_two_nodes_share_a_name_or_an_address(masters in 1u16..=7, agents in 0u16..=190, schedulers in 1u16..=5) {
        let plan = plan_of(&format!("[mesos-master]\ncount={masters}\n[mesos-agent]\ncount={agents}\n[aurora-scheduler]\ncount={schedulers}"));
        let names: HashSet<_> = plan.nodes.iter().map(|node| &node.name).collect();
        let addresses: HashSet<_> = plan.nodes.iter().map(|node| node.address).collect();
        proptest::prop_assert_eq!(names.len(), plan.nodes.len());
        proptest::prop_assert_eq!(addresses.len(), plan.nodes.len());
    }
}

#[test]
fn masters_and_schedulers_share_their_tiers_storage() {
    let plan = plan_of("[mesos-master]\ncount = 3\n[aurora-scheduler]\ncount = 2");
    let cases = [
        ("mesos-master-1", "devcluster-mesos-master"),
        ("mesos-master-3", "devcluster-mesos-master"),
        ("aurora-scheduler-2", "devcluster-aurora-scheduler"),
        ("mesos-agent-2", "devcluster-mesos-agent-2"),
        ("zookeeper-1", "devcluster-zookeeper-1"),
    ];
    for (name, volume) in cases {
        assert_eq!(node(&plan, name).volumes[0].name, volume, "case `{name}`");
    }
}

#[test]
fn agents_and_nodes_with_a_client_share_the_clusters_keys() {
    let plan = plan_of("[mesos-agent]\ncount = 2");
    let keys = |name: &str| {
        let volumes = &node(&plan, name).volumes;
        volumes
            .iter()
            .find(|volume| volume.of == super::VolumeOf::Cluster)
            .map(|volume| (volume.name.clone(), volume.target.clone()))
    };
    let shared = Some((
        "devcluster-keys".to_owned(),
        "/etc/devcluster/keys".to_owned(),
    ));
    for name in [
        "mesos-agent-1",
        "mesos-agent-2",
        "aurora-scheduler-1",
        "devtools",
    ] {
        assert_eq!(keys(name), shared, "case `{name}`");
    }
    assert_eq!(keys("mesos-master-1"), None);
    let foreign = plan_of("[mesos-agent]\nimage = \"x\"");
    assert_eq!(node(&foreign, "mesos-agent-1").volumes.len(), 1);
}
