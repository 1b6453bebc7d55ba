//! What profiles mean, and what they are told when they mean nothing.

use super::*;

fn parse(text: &str) -> Result<Profile, ProfileError> {
    Profile::parse("p.toml", text, &Overrides::default())
}

#[test]
fn the_built_in_default_is_the_default() {
    let text = builtin("default").unwrap();
    let mut profile = Profile::parse("default", text, &Overrides::default()).unwrap();
    // The file spells out flags that the plan gives by itself.
    profile
        .tiers
        .iter_mut()
        .for_each(|tier| tier.node.flags.clear());
    assert_eq!(profile, Profile::default());
    assert_eq!(parse("").unwrap(), Profile::default());
}

#[test]
fn every_built_in_profile_is_sound() {
    for name in builtin_names() {
        Profile::parse(name, builtin(name).unwrap(), &Overrides::default()).unwrap();
    }
}

#[test]
fn flags_win_over_the_file_and_the_file_over_defaults() {
    let overrides = Overrides {
        name: Some("b".parse().unwrap()),
        subnet: None,
        agents: Some(5),
    };
    let profile = Profile::parse(
        "p",
        "name = 'a'\n[network]\nsubnet = '10.1.0.0/16'\n[mesos-agent]\ncount = 2",
        &overrides,
    )
    .unwrap();
    assert_eq!(profile.name.as_str(), "b");
    assert_eq!(profile.network.subnet.unwrap().to_string(), "10.1.0.0/16");
    assert_eq!(profile.count(&Tier::MesosAgent), 5);
    assert_eq!(profile.count(&Tier::MesosMaster), 1);
}

#[test]
fn a_service_says_all_that_the_design_shows() {
    let profile = parse(
        r#"
        [[service]]
        name = "marathon"
        image = "mesosphere/marathon:v1.11.24"
        after = ["mesos-master"]
        args = ["--master", "{mesos-master.zk}", "--zk", "{zookeeper.url}/marathon"]
        ports = [8080, "9090:80"]
        env = { A = "b", N = 3 }
        cpus = 0.5
        memory = "512MB"
        probe = { http = "/ping", port = 8080, within = "90s" }
        "#,
    )
    .unwrap();
    let service = &profile.services[0];
    assert_eq!(service.after, [Tier::MesosMaster]);
    assert_eq!(
        service.node.ports,
        [
            PortSetting {
                container: 8080,
                host: None
            },
            PortSetting {
                container: 80,
                host: Some(9090)
            }
        ]
    );
    assert_eq!(service.node.env["N"], "3");
    assert_eq!(service.node.memory, Some(512 << 20));
    assert_eq!(
        service.node.probe,
        Some(ProbeSetting::Http {
            port: 8080,
            path: "/ping".to_owned(),
            status: 200
        })
    );
    assert_eq!(
        service.node.ready_within,
        Some(std::time::Duration::from_secs(90))
    );
}

#[test]
fn mistakes_name_their_place_what_was_found_and_what_is_allowed() {
    let cases = [
        (
            "\n[mesos-agent]\ncuont = 3",
            "`p.toml` line 3: unknown key `cuont` in `mesos-agent`; allowed are `count`, `resources`, ",
            "did you mean `count`?",
        ),
        (
            "nmae = 'x'",
            "`p.toml` line 1: unknown key `nmae`; allowed are `name`, ",
            "did you mean `name`?",
        ),
        (
            "[mesos-agents]\ncount = 1",
            "line 1: unknown key `mesos-agents`; allowed are",
            "did you mean `mesos-agent`?",
        ),
        (
            "[mesos-agent]\ncount = \"3\"",
            "line 2: `mesos-agent.count` is the string `\"3\"`; allowed is a whole number from 0 to 190",
            "",
        ),
        (
            "[mesos-agent]\ncount = 191",
            "`mesos-agent.count` is `191`; allowed is a whole number from 0 to 190",
            "",
        ),
        (
            "[zookeeper]\ncount = 2",
            "`zookeeper.count` is `2`; allowed is 1, or 3 for an ensemble",
            "",
        ),
        (
            "[mesos-master]\ncount = 0",
            "`mesos-master.count` is `0`; allowed is a whole number from 1 to 7",
            "",
        ),
        (
            "name = 'A b'",
            "line 1: `name`: `A b` is not a cluster's name; allowed are",
            "",
        ),
        (
            "[network]\nsubnet = '192.168.33.7/24'",
            "line 2: `network.subnet`: `192.168.33.7/24` has bits behind its prefix",
            "",
        ),
        (
            "[network]\nadvertise = 'adress'",
            "`network.advertise` is the string `\"adress\"`; allowed is one of `address`, `name`",
            "did you mean `\"address\"`?",
        ),
        (
            "[devtools]\nresources = 'x'",
            "unknown key `resources` in `devtools`",
            "",
        ),
        (
            "[mesos-agent]\nmemory = '1MB'",
            "`mesos-agent.memory` is the string `\"1MB\"`; allowed is an amount",
            "",
        ),
        (
            "[mesos-agent]\nports = [0]",
            "`mesos-agent.ports` is `0`; allowed is a port from 1 to 65535",
            "",
        ),
        (
            "[mesos-agent]\ndocker = true",
            "key `docker` in `mesos-agent` is not supported by this version",
            "remove `docker`",
        ),
        (
            "secure = true",
            "key `secure` is not supported by this version",
            "remove `secure`",
        ),
        ("[[service]]\nname = 'x'", "service `x` has no `image`", ""),
        (
            "[[service]]\nname = 'devtools'\nimage = 'x'",
            "`devtools` is the name of a built-in tier",
            "",
        ),
        (
            "[[service]]\nname = 'x'\nimage = 'y'\nafter = ['mesos-mastre']",
            "is the string `\"mesos-mastre\"`; allowed is one of",
            "did you mean `\"mesos-master\"`?",
        ),
        ("[[mount]]\nsource = '.'", "has no `target`", ""),
        (
            "[[mount]]\nsource = '.'\ntarget = 'x'",
            "`mount.target` is the string `\"x\"`; allowed is an absolute path",
            "",
        ),
        (
            "[mesos-agent]\nprobe = { http = '/x' }",
            "an `http` probe needs a `port`",
            "",
        ),
        ("name = ", "`p.toml` line 1: is not TOML", ""),
        (
            "name = 'a'\nname = 'b'",
            "line 2: is not TOML: duplicate key",
            "",
        ),
        (
            "[aurora-scheduler]\ncount = 0",
            "there are devtools",
            "set `devtools.count = 0` too",
        ),
        (
            "[mesos-agent]\nmanaged = 'user'",
            "`mesos-agent.managed` is `user` with 3 nodes",
            "set `mesos-agent.count = 1`",
        ),
        (
            "[mesos-agent]\nports = ['8080:80']",
            "`mesos-agent` has 3 nodes, which cannot share port 8080",
            "",
        ),
        ("[zookeeper]\nbinary = 'x'", "`zookeeper.binary` is set", ""),
    ];
    for (text, problem, remedy) in cases {
        let error = parse(text).unwrap_err();
        assert!(
            error.to_string().contains(problem),
            "case `{text}`: {error}"
        );
        assert!(
            error.remedy.as_deref().unwrap_or_default().contains(remedy),
            "case `{text}`: {:?}",
            error.remedy
        );
    }
}

#[test]
fn overrides_are_checked_like_the_file() {
    let error = Profile::parse(
        "p",
        "",
        &Overrides {
            agents: Some(500),
            ..Overrides::default()
        },
    )
    .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("there are 500 agents; allowed are at most 190"),
        "{error}"
    );
}

proptest::proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "[a-z\\[\\]=.'\"\n{}0-9, -]{0,120}") {
        let _ = parse(&text);
    }
}
