//! Hosts taken out of service and back, as `aurora_admin` asks for it and tells of it.

use super::*;

fn hosts(modes: &[(&str, MaintenanceMode)]) -> BTreeSet<HostStatus> {
    modes
        .iter()
        .map(|(host, mode)| HostStatus {
            host: (*host).to_owned(),
            mode: *mode,
        })
        .collect()
}

fn status(modes: &[(&str, MaintenanceMode)]) -> (&'static str, Response) {
    let statuses = hosts(modes);
    let result = CallResult::MaintenanceStatus(MaintenanceStatusResult { statuses });
    ("maintenanceStatus", ok(result))
}

fn started(modes: &[(&str, MaintenanceMode)]) -> (&'static str, Response) {
    let statuses = hosts(modes);
    let result = CallResult::StartMaintenance(StartMaintenanceResult { statuses });
    ("startMaintenance", ok(result))
}

#[test]
fn hosts_go_into_and_out_of_maintenance() {
    use MaintenanceMode::{Draining, None as No, Scheduled};
    let marked = told(
        &["host_deactivate", "--hosts=a, b", "direct"],
        vec![started(&[("a", Scheduled)])],
    );
    assert_eq!(
        marked.stderr,
        format!(
            " INFO] Starting maintenance for: {{'a', 'b'}}\n{OK} WARN] Skipping maintenance for unknown hosts: {{'b'}}\n"
        )
    );
    let over = told(
        &["host_activate", "--hosts=a", "direct"],
        vec![("endMaintenance", done()), status(&[("a", Draining)])],
    );
    assert_eq!(
        over.stderr,
        format!(
            " INFO] Ending maintenance for: {{'a'}}\n{OK} INFO] Maintenance status for: {{'a'}}\n WARN] a is DRAINING or in DRAINED\n"
        )
    );
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("hosts");
    std::fs::write(&file, "a\n\nb\n").unwrap();
    let shown = told(
        &[
            "host_status",
            "--filename",
            file.to_str().unwrap(),
            "direct",
        ],
        vec![status(&[("a", No), ("b", Draining)])],
    );
    assert_eq!(
        shown.stderr,
        format!(
            " INFO] Maintenance status for: {{'a', 'b'}}\n{OK} INFO] a is in state: NONE\n INFO] b is in state: DRAINING\n"
        )
    );
    // Scripts take the sixth word of the last line.
    let last = shown.stderr.lines().last().unwrap();
    assert_eq!(last.split_whitespace().nth(5), Some("DRAINING"));
}

#[test]
fn an_sla_aware_drain_hands_its_defaults_over() {
    let drained = told(
        &[
            "sla_host_drain",
            "--force_drain_timeout=0s",
            "--hosts=a",
            "direct",
        ],
        vec![("slaDrainHosts", done())],
    );
    let policy = PercentageSlaPolicy {
        percentage: 95.0.into(),
        duration_secs: 1800,
    };
    let call = Call::SlaDrainHosts(SlaDrainHostsArgs {
        hosts: Some(Hosts {
            host_names: BTreeSet::from(["a".to_owned()]),
        }),
        default_sla_policy: Some(SlaPolicy::Percentage(policy)),
        timeout_secs: Some(0),
    });
    assert_eq!(drained.calls, [call]);
    assert_eq!(drained.code, 0);
}

#[test]
fn a_drain_spares_hosts_that_jobs_need_and_waits_for_the_others() {
    use MaintenanceMode::{Drained, Scheduled};
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("unsafe");
    let twenty: Vec<i64> = (0..20).map(|_| 3600).collect();
    let answers = || {
        vec![
            started(&[("host-0", Scheduled), ("idle", Scheduled)]),
            ("getTasksWithoutConfigs", up_for(&twenty[..1])),
            ("getTasksWithoutConfigs", up_for(&twenty)),
            ("getTasksWithoutConfigs", up_for(&[])),
            ("drainHosts", done()),
            status(&[("idle", Drained)]),
        ]
    };
    let args = [
        "host_drain",
        "--hosts=host-0,idle",
        "--override_percentage=100",
        "--override_duration=30m",
        "--override_reason=why",
        "--unsafe_hosts_file",
        file.to_str().unwrap(),
        "--post_drain_script=bin/after",
        "direct",
    ];
    let told = converse_as(&args, answers(), |url| {
        let client = admin(url).with_programs(&[("after", "echo \"after $1\"")]);
        Client {
            folder: client.home().to_owned(),
            ..client
        }
    });
    assert_eq!(
        told.stdout, "host-0\tdirect/www-data/prod/hello\t95.00\tFalse\tn/a\nafter idle\nhost-0\n",
        "{}",
        told.stderr
    );
    for line in [
        " INFO] Beginning SLA check for {'host-0'}\n",
        " WARN] Some hosts did not pass SLA check and will not be drained! Skipping hosts: {'host-0'}\n",
        " INFO] All hosts passed SLA check.\n",
        " INFO] Waiting for hosts to be in DRAINED: {'idle'}\n",
    ] {
        assert!(told.stderr.contains(line), "{line} {}", told.stderr);
    }
    assert_eq!(std::fs::read_to_string(file).unwrap(), "host-0\n");
    assert_eq!(told.code, 0);
}

#[test]
fn safe_hosts_are_listed_and_probed() {
    let both = || {
        vec![
            ("getTasksWithoutConfigs", up_for(&[3600, 60])),
            ("getTasksWithoutConfigs", up_for(&[3600, 60])),
        ]
    };
    let all = || vec![("getTasksWithoutConfigs", up_for(&[3600, 60]))];
    let args = |more: &[&'static str]| {
        let mut args = vec!["sla_list_safe_domain", "--min_job_instance_count=2"];
        args.extend(more);
        args.extend(["direct", "50", "30m"]);
        args
    };
    for (more, answers, expected) in [
        (&[][..], all(), "host-1\n"),
        (
            &["-l"],
            all(),
            "host-1\tdirect/www-data/prod/hello\t50.00\t1800\n",
        ),
        (&["-x", "host-1"], all(), ""),
        (&["-i", "host-1"], both(), "host-1\n"),
        (&["--grouping=none"], all(), ""),
    ] {
        let told = told(&args(more), answers);
        assert_eq!((told.stdout.as_str(), told.code), (expected, 0), "{more:?}");
    }
    let probed = told(
        &[
            "sla_probe_hosts",
            "--hosts=host-1",
            "--min_job_instance_count=1",
            "direct",
            "50",
            "30m",
        ],
        both(),
    );
    assert_eq!(
        probed.stdout,
        "host-1\tdirect/www-data/prod/hello\t50.00\tTrue\t0\n"
    );
}
