//! `aurora_admin`: what is asked, what is said, what the program exits with.

mod hosts;

use std::collections::BTreeSet;

use aurora_api::calls::{
    DeleteRecoveryTasksArgs, PruneTasksArgs, SlaDrainHostsArgs, StageRecoveryArgs,
    TriggerExplicitTaskReconciliationArgs,
};
use aurora_api::{
    Call, CallResult, ExplicitReconciliationSettings, GetQuotaResult, HostStatus, Hosts,
    ListBackupsResult, MaintenanceMode, MaintenanceStatusResult, PercentageSlaPolicy,
    QueryRecoveryResult, Resource, ResourceAggregate, Response, ResponseCode, ScheduleStatus,
    SlaPolicy, StartMaintenanceResult, TaskQuery,
};

use crate::sla::up_for;
use crate::support::{
    Canned, CannedScheduler, Client, Told, converse_as, done, ok, response, tasks, text,
};

const OK: &str = " INFO] Response from scheduler: OK (message: )\n";

fn admin(url: &str) -> Client {
    Client {
        program: env!("CARGO_BIN_EXE_aurora_admin"),
        ..Client::direct(url)
    }
}

fn told(args: &[&str], answers: Vec<(&str, Response)>) -> Told {
    converse_as(args, answers, admin)
}

#[test]
fn simple_orders_log_the_answer_and_exit_by_it() {
    let ids = |ids: &[&str]| {
        Some(TaskQuery {
            task_ids: Some(ids.iter().map(|id| (*id).to_owned()).collect()),
            ..TaskQuery::default()
        })
    };
    let explicit = |batch_size| {
        Call::TriggerExplicitTaskReconciliation(TriggerExplicitTaskReconciliationArgs {
            settings: Some(ExplicitReconciliationSettings { batch_size }),
        })
    };
    for (args, call) in [
        (
            &["scheduler_backup_now", "direct"][..],
            Call::PerformBackup(Default::default()),
        ),
        (
            &["scheduler_snapshot", "direct"],
            Call::Snapshot(Default::default()),
        ),
        (
            &["scheduler_commit_recovery", "direct"],
            Call::CommitRecovery(Default::default()),
        ),
        (
            &["scheduler_unload_recovery", "direct"],
            Call::UnloadRecovery(Default::default()),
        ),
        (
            &["scheduler_stage_recovery", "direct", "b-1"],
            Call::StageRecovery(StageRecoveryArgs {
                backup_id: Some("b-1".to_owned()),
            }),
        ),
        (
            &["scheduler_delete_recovery_tasks", "direct", "a,b"],
            Call::DeleteRecoveryTasks(DeleteRecoveryTasksArgs {
                query: ids(&["a", "b"]),
            }),
        ),
        (&["reconcile_tasks", "direct"], explicit(None)),
        (&["reconcile_tasks", "-b", "7", "direct"], explicit(Some(7))),
        (
            &["reconcile_tasks", "--type=implicit", "direct"],
            Call::TriggerImplicitTaskReconciliation(Default::default()),
        ),
    ] {
        let fine = told(args, vec![(call.name(), done())]);
        assert_eq!(
            (fine.stdout.as_str(), fine.stderr.as_str(), fine.code),
            ("", OK, 0)
        );
        assert_eq!(fine.calls, std::slice::from_ref(&call), "{args:?}");
        let refusal = response(ResponseCode::Error, None, Some("no"));
        let refused = told(args, vec![(call.name(), refusal)]);
        assert_eq!(
            (refused.stderr.as_str(), refused.code),
            (" INFO] Response from scheduler: ERROR (message: no)\n", 1)
        );
    }
}

#[test]
fn quotas_are_set_and_increased() {
    let quota = |cpus: f64, ram, disk| ResourceAggregate {
        resources: BTreeSet::from([
            Resource::NumCpus(cpus.into()),
            Resource::RamMb(ram),
            Resource::DiskMb(disk),
        ]),
    };
    let set = told(
        &["set_quota", "direct", "vagrant", "1.0", "1024m", "2GB"],
        vec![("setQuota", done())],
    );
    assert_eq!(
        set.stderr,
        format!(" INFO] Setting quota for user:vagrant cpu:1.000000 ram:1024 disk: 2048\n{OK}")
    );
    let Call::SetQuota(args) = &set.calls[0] else {
        panic!("{:?}", set.calls)
    };
    assert_eq!(args.owner_role.as_deref(), Some("vagrant"));
    assert_eq!(args.quota, Some(quota(1.0, 1024, 2048)));

    let current = GetQuotaResult {
        quota: quota(1.0, 10, 20),
        ..GetQuotaResult::default()
    };
    let increased = told(
        &["increase_quota", "direct", "vagrant", "1.5", "10m", "50m"],
        vec![
            ("getQuota", ok(CallResult::GetQuota(current))),
            ("setQuota", done()),
        ],
    );
    assert_eq!(
        increased.stderr,
        format!(
            " INFO] Getting quota for: vagrant\n INFO] Current quota for vagrant:\n\tCPU\t1.0 core(s)\n\tRAM\t10 MB\n\tDisk\t20 MB\n \
             INFO] Attempting to update quota for vagrant to\n\tCPU\t2.5\n\tRAM\t20 MB\n\tDisk\t70 MB\n \
             INFO] Setting quota for user:vagrant cpu:2.500000 ram:20 disk: 70\n{OK}"
        )
    );
}

#[test]
fn backups_and_staged_tasks_are_listed() {
    let backups = ["b-1", "b-2"].map(str::to_owned).into();
    let listed = told(
        &["scheduler_list_backups", "direct"],
        vec![(
            "listBackups",
            ok(CallResult::ListBackups(ListBackupsResult { backups })),
        )],
    );
    assert_eq!(listed.stdout, "2 available backups:\nb-1\nb-2\n");

    let Some(CallResult::ScheduleStatus(found)) =
        tasks(&[(0, ScheduleStatus::Running), (3, ScheduleStatus::Pending)]).result
    else {
        panic!("no tasks")
    };
    let staged = QueryRecoveryResult {
        tasks: found.tasks.into_iter().collect(),
    };
    let printed = told(
        &["scheduler_print_recovery_tasks", "direct"],
        vec![("queryRecovery", ok(CallResult::QueryRecovery(staged)))],
    );
    assert_eq!(
        printed.stderr,
        format!(
            "{OK} INFO] Role\tJob\tShard\tStatus\tTask ID\n \
             INFO] www-data\thello\t0\tRUNNING\ttask-0\n \
             INFO] www-data\thello\t3\tPENDING\ttask-3\n"
        )
    );
}

#[test]
fn query_prints_a_line_for_each_task() {
    let answer = || {
        vec![(
            "getTasksStatus",
            tasks(&[(0, ScheduleStatus::Running), (1, ScheduleStatus::Running)]),
        )]
    };
    let plain = told(&["query", "direct", "www-data", "hello"], answer());
    assert_eq!(
        plain.stdout,
        "www-data/hello/0 RUNNING\nwww-data/hello/1 RUNNING\n"
    );
    let ids = told(
        &[
            "query",
            "-l",
            "%taskId% %slaveHost%",
            "--shards=0,1",
            "--states=RUNNING",
            "direct",
            "www-data",
            "hello",
        ],
        answer(),
    );
    assert_eq!(ids.stdout, "task-0 None\ntask-1 None\n");
    let Call::GetTasksStatus(args) = &ids.calls[0] else {
        panic!("{:?}", ids.calls)
    };
    assert_eq!(
        args.query,
        Some(TaskQuery {
            role: Some("www-data".to_owned()),
            job_name: Some("hello".to_owned()),
            instance_ids: Some(BTreeSet::from([0, 1])),
            statuses: Some(BTreeSet::from([ScheduleStatus::Running])),
            ..TaskQuery::default()
        })
    );
    let unknown = told(
        &["query", "-l", "%nosuch%", "direct", "www-data", "hello"],
        answer(),
    );
    assert!(
        unknown.stderr.starts_with(
            "FATAL] Unknown key in format string.  Valid keys are:\nstatus,role,environment,name,"
        ),
        "{}",
        unknown.stderr
    );
    assert_eq!(unknown.code, 1);
}

#[test]
fn prune_asks_for_what_the_options_say() {
    let pruned = told(
        &[
            "prune_tasks",
            "--states=FAILED,LOST",
            "--role=r",
            "--env=e",
            "--limit=5",
            "direct",
        ],
        vec![("pruneTasks", done())],
    );
    assert_eq!(pruned.stdout, "Tasks pruned.\n");
    let query = TaskQuery {
        statuses: Some([ScheduleStatus::Failed, ScheduleStatus::Lost].into()),
        role: Some("r".to_owned()),
        environment: Some("e".to_owned()),
        limit: Some(5),
        ..TaskQuery::default()
    };
    assert_eq!(
        pruned.calls,
        [Call::PruneTasks(PruneTasksArgs { query: Some(query) })]
    );
    let refusal = response(ResponseCode::Error, None, Some("no"));
    let refused = told(&["prune_tasks", "direct"], vec![("pruneTasks", refusal)]);
    assert_eq!(
        (refused.stderr.as_str(), refused.code),
        ("FATAL] Failed to prune tasks: no\n", 1)
    );
}

#[test]
fn the_clusters_entry_and_scheduler_are_shown() {
    let client = admin("http://h:1/");
    let output = client.run(&["get_cluster_config", "direct"]);
    assert_eq!(
        text(&output.stdout),
        r#"{"name": "direct", "scheduler_uri": "http://h:1/"}"#
    );
    let output = client.run(&["get_cluster_config", "--sh", "--export", "direct"]);
    assert_eq!(
        text(&output.stdout),
        "export AURORA_CLUSTER_NAME=direct\nexport AURORA_CLUSTER_SCHEDULER_URI=http://h:1/\n"
    );
    let output = client.run(&["get_scheduler", "direct"]);
    assert_eq!(
        text(&output.stdout),
        "Found leading scheduler at: http://h:1\n"
    );
}

#[test]
fn what_is_wrong_is_fatal() {
    let client = admin("http://127.0.0.1:1");
    for (args, expected) in [
        (
            &["get_scheduler", "x"][..],
            "FATAL] Unknown cluster: x. Known clusters: direct\n",
        ),
        (
            &["get_scheduler"],
            "FATAL] usage: get_scheduler CLUSTER\n\nsee the help subcommand for more details.\n",
        ),
        (
            &["host_status", "direct"],
            "FATAL] Please specify either --filename or --hosts\n",
        ),
        (
            &["host_status", "--hosts=a", "--filename=b", "direct"],
            "FATAL] Please specify either --filename or --hosts\n",
        ),
        (
            &["host_status", "--hosts=,", "direct"],
            "FATAL] No valid hosts found.\n",
        ),
        (
            &[
                "sla_host_drain",
                "--hosts=a",
                "--default_percentage=101",
                "direct",
            ],
            "FATAL] Invalid percentage 101. Must be within (0, 100].\n",
        ),
        (
            &["host_drain", "--hosts=a", "--override_reason=x", "direct"],
            "FATAL] All --override_* options are required when attempting to override default SLA values.\n",
        ),
        (
            &["host_drain", "--hosts=a", "--grouping=rack", "direct"],
            "FATAL] Unknown grouping function rack. Must be one of: ['by_host', 'none']\n",
        ),
        (
            &["query", "direct"],
            "FATAL] --force is required for expensive queries (no role specified)\n",
        ),
        (
            &["query", "direct", "r"],
            "FATAL] --force is required for expensive queries (no job specified)\n",
        ),
        (
            &["query", "--states=FAILED", "direct", "r", "j"],
            "FATAL] --force is required for expensive queries (states outside ACTIVE states\n",
        ),
        (&["query"], "FATAL] Must specify at least cluster.\n"),
        (
            &["set_quota", "direct", "r", "x", "1m", "1m"],
            "FATAL] could not convert string to float: 'x'\n",
        ),
    ] {
        let output = client.run(args);
        assert_eq!(text(&output.stderr), expected, "{args:?}");
        assert_eq!(output.status.code(), Some(1), "{args:?}");
    }
    let output = client.run(&["query", "--states=x", "direct"]);
    assert!(
        text(&output.stderr)
            .starts_with("FATAL] Unknown state 'x' specified.  Valid states are:\n")
    );
}

#[test]
fn help_tells_of_every_command() {
    let client = admin("http://127.0.0.1:1");
    let output = client.run(&["help"]);
    let all = text(&output.stdout);
    assert!(
        all.starts_with("Available commands:\n\nget_cluster_config\n"),
        "{all}"
    );
    let output = client.run(&[""; 0]);
    let terse = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1));
    for name in terse
        .lines()
        .skip(2)
        .take_while(|line| !line.is_empty())
        .map(str::trim)
        .filter(|name| *name != "help")
    {
        assert!(all.contains(&format!("\n{name}\n")), "{name}");
        let asked = client.run(&["help", name]);
        let same = client.run(&[name, "--help"]);
        assert_eq!(asked.status.code(), Some(0));
        assert_eq!(same.status.code(), Some(0));
        assert_eq!(text(&asked.stdout), text(&same.stdout));
        let help = text(&asked.stdout);
        assert!(help.starts_with(&format!("Usage: {name}")), "{help}");
        assert!(help.contains("\nOptions:\n"), "{help}");
    }
    let output = client.run(&["help", "nosuch"]);
    assert_eq!(text(&output.stdout), "Subcommand nosuch not found.\n");
    let output = client.run(&["nosuch"]);
    assert_eq!(output.status.code(), Some(2));
    let output = client.run(&["get_scheduler", "--nosuch", "direct"]);
    assert_eq!(
        text(&output.stderr),
        "Usage: get_scheduler CLUSTER\n\n  Shows the address of the leading scheduler.\n\naurora_admin: error: no such option: --nosuch\n"
    );
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn the_scheduler_is_told_who_asks_and_whether_it_must_lead() {
    for (args, bypass) in [
        (&["scheduler_snapshot", "direct"][..], None),
        (
            &["scheduler_snapshot", "--bypass-leader-redirect", "direct"],
            Some("true"),
        ),
    ] {
        let answer = aurora_api::envelope::encode_reply(
            aurora_api::Protocol::Binary,
            "snapshot",
            0,
            &done(),
        )
        .unwrap();
        let scheduler = CannedScheduler::start(vec![Canned::ok(answer)]);
        let output = admin(&scheduler.url).run(args);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let requests = scheduler.requests();
        assert_eq!(requests[0].header("User-Agent"), Some("Aurora Admin"));
        assert_eq!(requests[0].header("Bypass-Leader-Redirect"), bypass);
    }
}

#[test]
fn quiet_shows_errors_only() {
    let quiet = told(
        &["-q", "scheduler_snapshot", "direct"],
        vec![("snapshot", done())],
    );
    assert_eq!((quiet.stderr.as_str(), quiet.code), ("", 0));
}
