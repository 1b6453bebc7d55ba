//! What administrators do: quotas, forced states, pruning, maintenance.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use aurora_api::calls::{
    AddInstancesArgs, CreateJobArgs, DrainHostsArgs, EndMaintenanceArgs, ForceTaskStateArgs,
    GetQuotaArgs, MaintenanceStatusArgs, PruneTasksArgs, SetQuotaArgs, StartJobUpdateArgs,
    StartMaintenanceArgs, TriggerExplicitTaskReconciliationArgs,
};
use aurora_api::{
    Call, CallResult, DrainHostsResult, ExplicitReconciliationSettings, GetQuotaResult, Hosts,
    InstanceKey, JobConfiguration, JobKey, JobUpdateSettings, MaintenanceMode, Protocol, Resource,
    ResourceAggregate, ResponseCode, ScheduleStatus, TaskQuery,
};
use mesos_proto::mesos::TaskState;
use mesos_proto::scheduler::call::Type;

use crate::http::{create, key, offer, report, run_all};
use crate::support::jobs;
use crate::support::server::Server;

const OK: (ResponseCode, &str) = (ResponseCode::Ok, "");

/// Calls, and gives the answer's code and messages.
async fn told(server: &Server, call: Call) -> (ResponseCode, String) {
    let response = server.call(Protocol::Binary, &call).await;
    (response.response_code, response.message())
}

fn amounts(cpus: f64, ram_mb: i64, disk_mb: i64) -> ResourceAggregate {
    let resources = [
        Resource::NumCpus(cpus.into()),
        Resource::RamMb(ram_mb),
        Resource::DiskMb(disk_mb),
    ];
    ResourceAggregate {
        resources: BTreeSet::from(resources),
    }
}

fn set_quota(role: &str, quota: ResourceAggregate) -> Call {
    Call::SetQuota(SetQuotaArgs {
        owner_role: Some(role.to_string()),
        quota: Some(quota),
    })
}

async fn get_quota(server: &Server) -> GetQuotaResult {
    let owner_role = Some(key().role);
    let call = Call::GetQuota(GetQuotaArgs { owner_role });
    match server.call(Protocol::Json, &call).await.result {
        Some(CallResult::GetQuota(quota)) => quota,
        other => panic!("no quota: {other:?}"),
    }
}

/// A production job; each instance uses 0.25 cores, 64 MB of RAM and 8 MB of disk.
fn production(name: &str, instances: i32) -> JobConfiguration {
    let key = JobKey::new("www-data", "prod", name);
    let mut job = jobs::job(&key, 1, instances);
    if let Some(config) = &mut job.task_config {
        config.tier = Some("preferred".to_string());
    }
    job
}

fn create_job(job: JobConfiguration) -> Call {
    let description = Some(job);
    Call::CreateJob(CreateJobArgs { description })
}

#[tokio::test]
async fn production_jobs_are_held_to_their_quota() {
    let server = Server::start().await;
    let invalid = |text: &str| (ResponseCode::InvalidRequest, text.to_string());
    let ok = || (OK.0, OK.1.to_string());
    let none = told(&server, create_job(production("web", 2))).await;
    assert_eq!(
        none,
        invalid(
            "Insufficient resource quota: CPU quota exceeded by 0.50 core(s); \
             RAM quota exceeded by 128.00 MB; disk quota exceeded by 16.00 MB"
        )
    );
    assert_eq!(told(&server, create(9)).await, ok(), "not production");
    let quota = amounts(0.5, 128, 16);
    assert_eq!(
        told(&server, set_quota("www-data", quota.clone())).await,
        ok()
    );
    assert_eq!(told(&server, create_job(production("web", 2))).await, ok());
    let shown = get_quota(&server).await;
    assert_eq!(shown.quota, quota);
    assert_eq!(shown.prod_shared_consumption, Some(quota));
    assert_eq!(
        shown.non_prod_shared_consumption,
        Some(amounts(2.25, 576, 72))
    );
    assert_eq!(shown.prod_dedicated_consumption, Some(amounts(0.0, 0, 0)));
    let web = JobKey::new("www-data", "prod", "web");
    let add = Call::AddInstances(AddInstancesArgs {
        key: Some(InstanceKey {
            job_key: Some(web.clone()),
            instance_id: 0,
        }),
        count: Some(1),
    });
    let refused = "Insufficient resource quota: CPU quota exceeded by 0.25 core(s); \
                   RAM quota exceeded by 64.00 MB; disk quota exceeded by 8.00 MB";
    assert_eq!(told(&server, add).await, invalid(refused));
    let settings = JobUpdateSettings {
        update_group_size: 1,
        ..JobUpdateSettings::default()
    };
    let update = |instances| {
        let mut request = jobs::update(&web, 2, instances, settings.clone());
        if let Some(config) = &mut request.task_config {
            config.tier = Some("preferred".to_string());
        }
        Call::StartJobUpdate(StartJobUpdateArgs {
            request: Some(request),
            message: None,
        })
    };
    assert_eq!(told(&server, update(3)).await, invalid(refused));
    assert_eq!(told(&server, update(2)).await, ok(), "replaced one for one");
    let less = told(&server, set_quota("www-data", amounts(0.25, 128, 16))).await;
    assert_eq!(
        less,
        invalid(
            "Quota: {CPUS=0.25, RAM_MB=128.0, DISK_MB=16.0} is less then current prod \
             reservation: {CPUS=0.5, RAM_MB=128.0, DISK_MB=16.0}"
        )
    );
}

#[tokio::test]
async fn quotas_that_make_no_sense_are_refused() {
    let server = Server::start().await;
    let without_disk = ResourceAggregate {
        resources: BTreeSet::from([Resource::NumCpus(1.0.into()), Resource::RamMb(1)]),
    };
    let mut four = amounts(1.0, 1, 1);
    four.resources.insert(Resource::RamMb(2));
    let cases = [
        (
            "r",
            four,
            ResponseCode::Error,
            "Too many resource values in quota.",
        ),
        (
            "r",
            without_disk,
            ResponseCode::Error,
            "Quota resources must be exactly: [CPUS, RAM_MB, DISK_MB]",
        ),
        (
            "r",
            amounts(-1.0, 1, 1),
            ResponseCode::InvalidRequest,
            "Negative values in: {CPUS=-1.0, RAM_MB=1.0, DISK_MB=1.0}",
        ),
        (
            " ",
            amounts(1.0, 1, 1),
            ResponseCode::Error,
            "Argument cannot be blank",
        ),
    ];
    for (role, quota, code, text) in cases {
        assert_eq!(
            told(&server, set_quota(role, quota)).await,
            (code, text.to_string())
        );
    }
}

#[tokio::test]
async fn a_forced_state_and_pruning_change_tasks() {
    let mut server = Server::start().await;
    server.call(Protocol::Binary, &create(2)).await;
    let ids = run_all(&mut server, "O1").await;
    let force = |task: &str, status| {
        Call::ForceTaskState(ForceTaskStateArgs {
            task_id: Some(task.to_string()),
            status: Some(status),
        })
    };
    let ok = (OK.0, OK.1.to_string());
    let lost = force(&ids[0], ScheduleStatus::Lost);
    assert_eq!(told(&server, lost).await, ok);
    let refused = force(&ids[1], ScheduleStatus::Pending);
    assert_eq!(told(&server, refused).await, ok, "refused, but not said so");
    let status_of = |id: &String| {
        let look = server.engine.read(|model| {
            let task = model.tasks().get(id)?;
            let message = task.events.last()?.message.clone();
            Some((task.status, message))
        });
        look.unwrap()
    };
    let said = Some("Transition forced by UNSECURE".to_string());
    assert_eq!(status_of(&ids[0]), Some((ScheduleStatus::Lost, said)));
    assert_eq!(status_of(&ids[1]), Some((ScheduleStatus::Running, None)));
    let prune = |query| Call::PruneTasks(PruneTasksArgs { query: Some(query) });
    let active = TaskQuery {
        statuses: Some(BTreeSet::from([ScheduleStatus::Running])),
        ..TaskQuery::default()
    };
    assert_eq!(
        told(&server, prune(active)).await,
        (
            ResponseCode::Error,
            "Tasks in non-terminal state cannot be pruned.".to_string()
        )
    );
    report(&server, &ids[1], TaskState::TASK_FAILED);
    let one = TaskQuery {
        role: Some(key().role),
        limit: Some(1),
        ..TaskQuery::default()
    };
    assert_eq!(told(&server, prune(one.clone())).await, ok);
    let left = |server: &Server| {
        let over = server
            .engine
            .read(|model| model.tasks().over(&key()).count());
        over.unwrap()
    };
    assert_eq!(left(&server), 1, "no more than the limit");
    assert_eq!(told(&server, prune(one)).await, ok);
    assert_eq!(left(&server), 0);
    let (_, vars) = server.get("/vars").await;
    for line in [
        "thrift_workload_createJob 2",
        "thrift_workload_pruneTasks 2",
        "tasks_pruned 2",
    ] {
        assert!(vars.lines().any(|l| l == line), "{line} in {vars}");
    }
}

/// The modes that a call about hosts answers.
async fn modes(server: &Server, call: Call) -> Vec<(String, MaintenanceMode)> {
    let response = server.call(Protocol::Json, &call).await;
    let statuses = match response.result {
        Some(CallResult::StartMaintenance(result)) => result.statuses,
        Some(CallResult::DrainHosts(result)) => result.statuses,
        Some(CallResult::MaintenanceStatus(result)) => result.statuses,
        Some(CallResult::EndMaintenance(result)) => result.statuses,
        other => panic!("no modes: {other:?}"),
    };
    statuses.into_iter().map(|s| (s.host, s.mode)).collect()
}

#[tokio::test]
async fn a_host_is_drained_and_taken_back() {
    const HOST: &str = "10.0.0.9";
    let mut server = Server::start().await;
    server.call(Protocol::Binary, &create(1)).await;
    let ids = run_all(&mut server, "O1").await;
    // A host that was never offered is left out of every answer.
    let hosts = Some(Hosts {
        host_names: BTreeSet::from([HOST.to_string(), "unknown".to_string()]),
    });
    let is = |mode| vec![(HOST.to_string(), mode)];
    let status = Call::MaintenanceStatus(MaintenanceStatusArgs {
        hosts: hosts.clone(),
    });
    assert_eq!(
        modes(&server, status.clone()).await,
        is(MaintenanceMode::None)
    );
    let start = Call::StartMaintenance(StartMaintenanceArgs {
        hosts: hosts.clone(),
    });
    assert_eq!(modes(&server, start).await, is(MaintenanceMode::Scheduled));
    let drain = Call::DrainHosts(DrainHostsArgs {
        hosts: hosts.clone(),
    });
    assert_eq!(
        modes(&server, drain.clone()).await,
        is(MaintenanceMode::Draining)
    );
    let last = server.engine.read(|model| {
        let task = model.tasks().get(&ids[0])?;
        let message = task.events.last()?.message.clone();
        Some((task.status, message))
    });
    let said = Some("Draining machine for maintenance.".to_string());
    assert_eq!(last.unwrap(), Some((ScheduleStatus::Draining, said)));
    let (_, document) = server.get("/maintenance").await;
    assert_eq!(
        document,
        format!(
            r#"{{"DRAINED":[],"SCHEDULED":[],"DRAINING":{{"{HOST}":["{}"]}}}}"#,
            ids[0]
        )
    );
    report(&server, &ids[0], TaskState::TASK_KILLED);
    assert_eq!(
        modes(&server, status.clone()).await,
        is(MaintenanceMode::Drained)
    );
    let offered = |model: &mut aurora_scheduler::model::Model| model.offered(vec![offer("O2")]);
    server.engine.command(offered).unwrap();
    let waiting = |server: &Server| {
        let pending = |model: &aurora_scheduler::model::Model| {
            let tasks = model.tasks().iter();
            let pending = tasks.filter(|task| task.status == ScheduleStatus::Pending);
            pending
                .map(|task| model.pending_reason(task))
                .collect::<Vec<_>>()
        };
        server.engine.read(pending).unwrap()
    };
    // It is looked at again when its turn comes.
    let began = Instant::now();
    while waiting(&server) != ["Host drained for maintenance"] {
        assert!(
            began.elapsed() < Duration::from_secs(30),
            "{:?}",
            waiting(&server)
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let end = Call::EndMaintenance(EndMaintenanceArgs { hosts });
    assert_eq!(modes(&server, end).await, is(MaintenanceMode::None));
    assert!(waiting(&server).is_empty(), "it runs there again");
    let nobody = Call::DrainHosts(DrainHostsArgs {
        hosts: Some(Hosts::default()),
    });
    let response = server.call(Protocol::Binary, &nobody).await;
    assert_eq!(response.response_code, ResponseCode::Ok, "nothing to do");
    let nothing = CallResult::DrainHosts(DrainHostsResult::default());
    assert_eq!(response.result, Some(nothing));
}

#[tokio::test]
async fn tasks_are_asked_about_so_many_at_a_time_as_the_caller_says() {
    let mut server = Server::start().await;
    assert_eq!(told(&server, create(3)).await.0, ResponseCode::Ok);
    assert_eq!(run_all(&mut server, "O1").await.len(), 3);
    let ask = |batch_size| {
        let settings = Some(ExplicitReconciliationSettings { batch_size });
        Call::TriggerExplicitTaskReconciliation(TriggerExplicitTaskReconciliationArgs { settings })
    };
    for (batch_size, at_once) in [(Some(2), 2), (None, 3)] {
        assert_eq!(told(&server, ask(batch_size)).await.0, ResponseCode::Ok);
        let asked = loop {
            let call = server.mesos.recv().await.unwrap();
            if call.type_() == Type::RECONCILE {
                break call.reconcile.tasks.len();
            }
        };
        assert_eq!(asked, at_once);
    }
    let refused = "Batch size must be greater than zero.".to_string();
    let none = told(&server, ask(Some(0))).await;
    assert_eq!(none, (ResponseCode::InvalidRequest, refused));
}
