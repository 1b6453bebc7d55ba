//! The API and the pages over real HTTP.

use std::collections::BTreeSet;

use crate::support::jobs;
use crate::support::server::Server;
use aurora_api::calls::{
    AbortJobUpdateArgs, AddInstancesArgs, CreateJobArgs, GetJobUpdateDetailsArgs,
    GetPendingReasonArgs, GetQuotaArgs, GetTasksStatusArgs, KillTasksArgs, PauseJobUpdateArgs,
    PopulateJobConfigArgs, PulseJobUpdateArgs, RestartShardsArgs, ResumeJobUpdateArgs,
    RollbackJobUpdateArgs, SlaDrainHostsArgs, StartJobUpdateArgs,
};
use aurora_api::envelope::decode_call;
use aurora_api::{
    Call, CallResult, InstanceKey, JobKey, JobUpdateKey, JobUpdateQuery, JobUpdateRequest,
    JobUpdateSettings, JobUpdateStatus, Protocol, Response, ResponseCode, ScheduleStatus,
    ServerInfo, TaskQuery,
};
use aurora_scheduler::api::Api;
use aurora_scheduler::engine::Engine;
use aurora_scheduler::model::StatusReport;
use aurora_scheduler::model::resources::{ports, scalar};
use mesos_proto::mesos::{Offer, TaskState};
use mesos_proto::scheduler::call::Type;
use reqwest::Method;
use serde_json::Value as Json;

pub(crate) fn key() -> JobKey {
    JobKey::new("www-data", "devel", "hello_world")
}

pub(crate) fn create(instances: i32) -> Call {
    Call::CreateJob(CreateJobArgs {
        description: Some(jobs::job(&key(), 1, instances)),
    })
}

fn tasks(query: TaskQuery) -> Call {
    Call::GetTasksStatus(GetTasksStatusArgs { query: Some(query) })
}

fn statuses(response: Response) -> Vec<ScheduleStatus> {
    match response.result {
        Some(CallResult::ScheduleStatus(result)) => result.tasks.iter().map(|t| t.status).collect(),
        other => panic!("no tasks: {other:?}"),
    }
}

pub(crate) fn offer(id: &str) -> Offer {
    let mut offer = Offer::new();
    offer.id.mut_or_insert_default().set_value(id.to_string());
    offer
        .slave_id
        .mut_or_insert_default()
        .set_value("S0".to_string());
    offer.set_hostname("10.0.0.9".to_string());
    offer.resources = vec![
        scalar("cpus", 4.0),
        scalar("mem", 4096.0),
        scalar("disk", 9999.0),
        ports(31000, 31999),
    ];
    offer
}

/// Lets all pending tasks run on one agent, and gives their ids.
pub(crate) async fn run_all(server: &mut Server, offer_id: &str) -> Vec<String> {
    server
        .engine
        .command(|model| model.offered(vec![offer(offer_id)]))
        .unwrap();
    loop {
        let call = server.mesos.recv().await.expect("a launch");
        if call.type_() == Type::ACCEPT {
            let infos = call
                .accept
                .operations
                .iter()
                .flat_map(|o| &o.launch.task_infos);
            let ids: Vec<String> = infos.map(|info| info.task_id.value().to_string()).collect();
            for task in &ids {
                report(server, task, TaskState::TASK_RUNNING);
            }
            return ids;
        }
    }
}

pub(crate) fn report(server: &Server, task: &str, state: TaskState) {
    let report = StatusReport {
        task: task.to_string(),
        state,
        message: None,
        reason: None,
        source: None,
    };
    server
        .engine
        .command(|model| model.reported(&report))
        .unwrap();
}

#[tokio::test]
async fn the_recorded_requests_of_the_original_client_are_answered() {
    let server = Server::start().await;
    let mut answered = 0;
    for line in include_str!("data/client-requests.jsonl").lines() {
        let recorded: Json = serde_json::from_str(line).unwrap();
        let hex = recorded["request_hex"].as_str().unwrap();
        let digits = |i: usize| u8::from_str_radix(&hex[i..i + 2], 16).unwrap();
        let body: Vec<u8> = (0..hex.len()).step_by(2).map(digits).collect();
        let call = decode_call(Protocol::Binary, &body).unwrap().call;
        assert_eq!(call.name(), recorded["method"].as_str().unwrap());
        let response = server.send(Protocol::Binary, &call, body).await;
        let message = response.message();
        assert_eq!(
            response.response_code,
            ResponseCode::Ok,
            "{}: {message}",
            call.name()
        );
        let info = response.server_info.expect("every answer says whose it is");
        assert_eq!(info.cluster_name, "test");
        answered += 1;
    }
    assert!(answered >= 8, "{answered} requests");
}

#[tokio::test]
async fn a_job_lives_through_both_protocols() {
    let mut server = Server::start().await;
    for protocol in [Protocol::Json, Protocol::Binary] {
        let made = server.call(protocol, &create(2)).await;
        assert_eq!(
            (made.response_code, made.message()),
            (ResponseCode::Ok, String::new())
        );
        let again = server.call(protocol, &create(2)).await;
        assert_eq!(again.response_code, ResponseCode::InvalidRequest);
        assert_eq!(
            again.message(),
            "Job www-data/devel/hello_world already exists"
        );
        assert_eq!(
            run_all(&mut server, &format!("{protocol:?}")).await.len(),
            2
        );
        let running = TaskQuery {
            statuses: Some(BTreeSet::from([ScheduleStatus::Running])),
            ..TaskQuery::default()
        };
        let found = statuses(server.call(protocol, &tasks(running)).await);
        assert_eq!(found, [ScheduleStatus::Running; 2]);
        let kill = Call::KillTasks(KillTasksArgs {
            job: Some(key()),
            message: Some("enough".to_string()),
            ..KillTasksArgs::default()
        });
        let killed = server.call(protocol, &kill).await;
        assert_eq!(
            (killed.response_code, killed.message()),
            (ResponseCode::Ok, String::new())
        );
        for _ in 0..2 {
            let call = server.mesos.recv().await.unwrap();
            assert_eq!(call.type_(), Type::KILL);
            report(&server, call.kill.task_id.value(), TaskState::TASK_KILLED);
        }
        let nothing = server.call(protocol, &kill).await;
        assert_eq!(
            (nothing.response_code, nothing.message()),
            (ResponseCode::Ok, "No tasks to kill.".into())
        );
    }
    let events = server
        .engine
        .read(|model| model.tasks().iter().map(|task| task.events.clone()).next())
        .unwrap()
        .unwrap();
    let said: Vec<_> = events
        .iter()
        .map(|e| (e.status, e.message.clone()))
        .collect();
    assert!(
        said.contains(&(
            ScheduleStatus::Killing,
            Some("Killed by UNSECURE.\nenough".to_string())
        )),
        "{said:?}"
    );
}

#[tokio::test]
async fn refusals_are_in_the_original_words() {
    let server = Server::start().await;
    let update = |request| {
        Call::StartJobUpdate(StartJobUpdateArgs {
            request,
            message: None,
        })
    };
    let query = TaskQuery {
        statuses: Some(BTreeSet::from([ScheduleStatus::Pending])),
        ..TaskQuery::default()
    };
    let unknown = JobUpdateKey {
        job: key(),
        id: "u".to_string(),
    };
    let shown =
        "IJobUpdateKey{job=IJobKey{role=www-data, environment=devel, name=hello_world}, id=u}";
    let mut bad_environment = jobs::job(&key(), 1, 1);
    bad_environment.key = Some(JobKey::new("www-data", "qa", "x"));
    let mut not_a_service = jobs::update(&key(), 1, 1, JobUpdateSettings::default());
    not_a_service.task_config.as_mut().unwrap().is_service = false;
    let none_at_all = jobs::update(&key(), 1, 1, JobUpdateSettings::default());
    let cases: Vec<(Call, ResponseCode, String)> = vec![
        (create(0), ResponseCode::InvalidRequest, "Instance count must be positive.".into()),
        (create(4001), ResponseCode::InvalidRequest, "Instance count must be between 1 and 4000 inclusive.".into()),
        (Call::PopulateJobConfig(PopulateJobConfigArgs { description: Some(bad_environment) }),
         ResponseCode::InvalidRequest,
         r"Invalid configuration: Job environment qa doesn't match: ^(prod|devel|test|staging\d*)$".into()),
        (Call::RestartShards(RestartShardsArgs { job: Some(key()), shard_ids: Some(BTreeSet::from([0])) }),
         ResponseCode::InvalidRequest, "Not all requested shards are active.".into()),
        (Call::AddInstances(AddInstancesArgs {
            key: Some(InstanceKey { job_key: Some(key()), instance_id: 0 }), count: Some(0) }),
         ResponseCode::InvalidRequest, "Instance count must be positive.".into()),
        (Call::GetPendingReason(GetPendingReasonArgs { query: Some(query) }),
         ResponseCode::InvalidRequest, "Statuses is not supported in TaskQuery(statuses:[PENDING])".into()),
        (update(Some(not_a_service)), ResponseCode::InvalidRequest,
         "Updates are not supported for non-service tasks.".into()),
        (update(Some(none_at_all)), ResponseCode::InvalidRequest,
         "Update results in no instance being modified.".into()),
        (Call::PauseJobUpdate(PauseJobUpdateArgs { key: Some(unknown.clone()), message: None }),
         ResponseCode::InvalidRequest, format!("Update does not exist {shown}")),
        (Call::ResumeJobUpdate(ResumeJobUpdateArgs { key: Some(unknown.clone()), message: None }),
         ResponseCode::InvalidRequest, format!("Update does not exist: {shown}")),
        (Call::GetJobUpdateDetails(GetJobUpdateDetailsArgs { key: Some(unknown), query: None }),
         ResponseCode::InvalidRequest, format!("Invalid update: {shown}")),
        (Call::GetJobUpdateDetails(GetJobUpdateDetailsArgs::default()),
         ResponseCode::Error, "Either key or query must be set.".into()),
        (Call::SlaDrainHosts(SlaDrainHostsArgs::default()), ResponseCode::Error,
         "a required argument is missing".into()),
    ];
    for (call, code, message) in cases {
        let response = server.call(Protocol::Binary, &call).await;
        assert_eq!(
            (response.response_code, response.message()),
            (code, message),
            "{}",
            call.name()
        );
    }
}

#[tokio::test]
async fn an_update_rolls_over_the_wire() {
    let mut server = Server::start().await;
    server.call(Protocol::Binary, &create(1)).await;
    let old = run_all(&mut server, "O1").await;
    let settings = JobUpdateSettings {
        update_group_size: 1,
        ..JobUpdateSettings::default()
    };
    let request = jobs::update(&key(), 2, 1, settings);
    let start = Call::StartJobUpdate(StartJobUpdateArgs {
        request: Some(request),
        message: Some("why".to_string()),
    });
    let started = server.call(Protocol::Binary, &start).await;
    assert_eq!(
        started.response_code,
        ResponseCode::Ok,
        "{}",
        started.message()
    );
    let Some(CallResult::StartJobUpdate(started)) = started.result else {
        panic!("no key")
    };
    let busy = server.call(Protocol::Binary, &start).await;
    assert_eq!(busy.response_code, ResponseCode::InvalidRequest);
    assert!(
        busy.message()
            .starts_with("An active update already exists for this job")
    );
    assert!(matches!(busy.result, Some(CallResult::StartJobUpdate(r)) if r.key == started.key));
    let locked = server.call(Protocol::Binary, &create(1)).await;
    assert_eq!(locked.response_code, ResponseCode::JobUpdatingError);
    report(&server, &old[0], TaskState::TASK_KILLED);
    run_all(&mut server, "O2").await;
    let query = JobUpdateQuery {
        key: Some(started.key.clone()),
        ..JobUpdateQuery::default()
    };
    let details = Call::GetJobUpdateDetails(GetJobUpdateDetailsArgs {
        key: None,
        query: Some(query),
    });
    let details = server.call(Protocol::Json, &details).await;
    let Some(CallResult::GetJobUpdateDetails(details)) = details.result else {
        panic!("no details")
    };
    let details = &details.details_list.unwrap()[0];
    let state = details.update.summary.state.as_ref().unwrap();
    assert_eq!(state.status, JobUpdateStatus::RolledForward);
    let said: Vec<_> = details
        .update_events
        .iter()
        .map(|e| (e.status, e.message.as_deref()))
        .collect();
    assert_eq!(
        said,
        [
            (JobUpdateStatus::RollingForward, Some("why")),
            (JobUpdateStatus::RolledForward, None)
        ]
    );
    let again = server.call(Protocol::Binary, &start).await;
    assert_eq!(
        (again.response_code, again.message()),
        (
            ResponseCode::Ok,
            "Job is unchanged by proposed update.".to_string()
        )
    );
    let page = format!("/scheduler/{}/update/{}", key(), started.key.id);
    let (status, html) = server.get(&page).await;
    assert!(
        status == 200 && html.contains("Update Successful"),
        "{html}"
    );
}

#[tokio::test]
async fn an_update_that_is_where_it_is_wanted_stays_without_an_event() {
    let mut server = Server::start().await;
    server.call(Protocol::Binary, &create(1)).await;
    run_all(&mut server, "O1").await;
    let settings = JobUpdateSettings {
        update_group_size: 1,
        ..JobUpdateSettings::default()
    };
    let start = Call::StartJobUpdate(StartJobUpdateArgs {
        request: Some(jobs::update(&key(), 2, 1, settings)),
        message: None,
    });
    let started = server.call(Protocol::Binary, &start).await;
    let Some(CallResult::StartJobUpdate(started)) = started.result else {
        panic!("no key")
    };
    let key = Some(started.key.clone());
    let message = None;
    let pause = || {
        Call::PauseJobUpdate(PauseJobUpdateArgs {
            key: key.clone(),
            message: message.clone(),
        })
    };
    let resume = || {
        Call::ResumeJobUpdate(ResumeJobUpdateArgs {
            key: key.clone(),
            message: message.clone(),
        })
    };
    let back = || {
        Call::RollbackJobUpdate(RollbackJobUpdateArgs {
            key: key.clone(),
            message: message.clone(),
        })
    };
    let abort = || {
        Call::AbortJobUpdate(AbortJobUpdateArgs {
            key: key.clone(),
            message: message.clone(),
        })
    };
    let ok = (ResponseCode::Ok, String::new());
    let calls = [
        resume(),
        pause(),
        pause(),
        resume(),
        back(),
        back(),
        abort(),
        abort(),
    ];
    for call in calls {
        let told = server.call(Protocol::Binary, &call).await;
        let name = call.name();
        assert_eq!((told.response_code, told.message()), ok, "{name}");
    }
    let events = server.engine.read(|model| {
        let update = model.update(&started.key)?;
        Some(update.events.iter().map(|e| e.status).collect::<Vec<_>>())
    });
    use JobUpdateStatus as S;
    let want = [
        S::RollingForward,
        S::RollForwardPaused,
        S::RollingForward,
        S::RollingBack,
        S::Aborted,
    ];
    assert_eq!(events.unwrap().as_deref(), Some(&want[..]));
    // What an update that is over cannot be told at all has no name in the original.
    for (call, to) in [
        (resume(), "null"),
        (pause(), "null"),
        (back(), "ROLLING_BACK"),
    ] {
        let refused = server.call(Protocol::Binary, &call).await;
        let text = format!("Cannot transition update from ABORTED to {to}");
        let told = (refused.response_code, refused.message());
        assert_eq!(told, (ResponseCode::InvalidRequest, text));
    }
}

#[tokio::test]
async fn keys_that_cannot_be_and_arguments_that_are_blank_are_errors() {
    let server = Server::start().await;
    let nowhere = JobUpdateKey {
        job: JobKey::new("www data", "devel", "x"),
        id: "u".to_string(),
    };
    let nameless = JobUpdateKey {
        job: key(),
        id: " ".to_string(),
    };
    let invalid = "Job key IJobKey{role=www data, environment=devel, name=x} is invalid.";
    let blank = "Argument cannot be blank";
    let pulse = |key: &JobUpdateKey| {
        let key = Some(key.clone());
        Call::PulseJobUpdate(PulseJobUpdateArgs { key })
    };
    let cases = [
        (
            Call::PauseJobUpdate(PauseJobUpdateArgs {
                key: Some(nowhere.clone()),
                message: None,
            }),
            invalid,
        ),
        (pulse(&nowhere), invalid),
        (pulse(&nameless), blank),
        (
            Call::RestartShards(RestartShardsArgs {
                job: Some(key()),
                shard_ids: Some(BTreeSet::new()),
            }),
            blank,
        ),
        (
            Call::GetQuota(GetQuotaArgs {
                owner_role: Some(" ".to_string()),
            }),
            blank,
        ),
    ];
    for (call, text) in cases {
        let told = server.call(Protocol::Binary, &call).await;
        let told = (told.response_code, told.message());
        let want = (ResponseCode::Error, text.to_string());
        assert_eq!(told, want, "{}", call.name());
    }
}

#[tokio::test]
async fn an_updates_instances_are_counted_by_what_a_job_may_have() {
    let server = Server::start().await;
    assert_eq!(
        server
            .call(Protocol::Binary, &create(1))
            .await
            .response_code,
        ResponseCode::Ok
    );
    let settings = || JobUpdateSettings {
        update_group_size: 1,
        ..JobUpdateSettings::default()
    };
    let between = "Instance count must be between 1 and 4000 inclusive.";
    let missing = "a required argument is missing";
    let whole = |count| jobs::update(&key(), 2, count, settings());
    let elsewhere = JobKey::new("www-data", "anywhere", "hello_world");
    let cases = [
        (whole(0), ResponseCode::InvalidRequest, between),
        (whole(-1), ResponseCode::InvalidRequest, between),
        (whole(4001), ResponseCode::InvalidRequest, between),
        (whole(i32::MAX), ResponseCode::InvalidRequest, between),
        (
            JobUpdateRequest {
                settings: None,
                ..whole(1)
            },
            ResponseCode::Error,
            missing,
        ),
        (
            JobUpdateRequest {
                task_config: None,
                ..whole(1)
            },
            ResponseCode::Error,
            missing,
        ),
        // Which environments there may be is asked of new jobs only.
        (
            jobs::update(&elsewhere, 2, 1, settings()),
            ResponseCode::Ok,
            "",
        ),
    ];
    for (request, code, text) in cases {
        let start = Call::StartJobUpdate(StartJobUpdateArgs {
            request: Some(request),
            message: None,
        });
        let told = server.call(Protocol::Binary, &start).await;
        assert_eq!((told.response_code, told.message().as_str()), (code, text));
    }
}

#[tokio::test]
async fn messages_that_are_no_calls_get_the_protocols_own_error() {
    let server = Server::start().await;
    let post = |body: &'static str, media: &'static str| {
        server
            .request(Method::POST, "/api")
            .header("Content-Type", media)
            .body(body)
            .send()
    };
    let unknown = post(r#"[1,"acquireLock",1,7,{}]"#, "application/json")
        .await
        .unwrap();
    assert_eq!(unknown.status().as_u16(), 200);
    assert_eq!(
        unknown.text().await.unwrap(),
        r#"[1,"acquireLock",3,7,{"1":{"str":"Invalid method name: 'acquireLock'"},"2":{"i32":1}}]"#
    );
    let curl = post(
        r#"[1,"getRoleSummary",1,0,{}]"#,
        "application/vnd.apache.thrift.json",
    )
    .await
    .unwrap();
    assert_eq!(curl.headers()["Access-Control-Allow-Origin"], "*");
    assert!(
        curl.text()
            .await
            .unwrap()
            .starts_with(r#"[1,"getRoleSummary",2,0,"#)
    );
    let wrong = post("{}", "text/plain").await.unwrap();
    assert_eq!(wrong.status().as_u16(), 415);
    assert_eq!(
        wrong.text().await.unwrap(),
        "Unsupported Content-Type: text/plain"
    );
    let garbage = post("garbage", "application/json").await.unwrap();
    assert_eq!(garbage.status().as_u16(), 500);
    let beta = |path: &'static str, body: &'static str| {
        server.request(Method::POST, path).body(body).send()
    };
    let found = beta("/apibeta/getJobs", r#"{"ownerRole":"www-data"}"#)
        .await
        .unwrap();
    let found: Json = serde_json::from_str(&found.text().await.unwrap()).unwrap();
    assert_eq!(found["responseCode"], "OK");
    let missing = beta("/apibeta/nothing", "").await.unwrap();
    assert_eq!(missing.status().as_u16(), 404);
    assert!(
        missing
            .text()
            .await
            .unwrap()
            .contains("Method nothing does not exist.")
    );
    let array = beta("/apibeta/getJobs", "[]").await.unwrap();
    assert_eq!(array.status().as_u16(), 400);
}

#[tokio::test]
async fn a_failed_scheduler_says_so() {
    let server = Server::start().await;
    server.engine.fail("a test");
    assert_eq!(server.get("/health").await.0, 503);
    assert!(server.engine.failure().await.contains("a test"));
}

#[test]
fn a_scheduler_that_does_not_lead_asks_for_patience() {
    let engine = Engine::default();
    let server_info = ServerInfo::default();
    let api = Api {
        engine: &engine,
        server_info: &server_info,
        user: "me",
    };
    for call in [create(1), tasks(TaskQuery::default())] {
        assert_eq!(api.answer(call).response_code, ResponseCode::ErrorTransient);
    }
}
