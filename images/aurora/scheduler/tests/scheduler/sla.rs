//! Tasks leave hosts and are replaced only as their jobs' policies permit.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aurora_api::calls::{CreateJobArgs, SlaDrainHostsArgs, StartJobUpdateArgs};
use aurora_api::{
    Call, CallResult, CoordinatorSlaPolicy, CountSlaPolicy, Hosts, JobUpdateSettings,
    MaintenanceMode, PercentageSlaPolicy, Protocol, ScheduleStatus as S, SlaPolicy,
};
use aurora_scheduler::engine::now_ms;
use aurora_scheduler::model::Model;
use aurora_scheduler::store::{Epoch, Store};
use mesos_proto::mesos::{InverseOffer, TaskState};
use mesos_proto::scheduler::call::Type;
use serde_json::Value as Json;

use crate::http::{key, offer, report, run_all};
use crate::support::jobs;
use crate::support::server::Server;

const HOST: &str = "10.0.0.9";

fn hosts() -> BTreeSet<String> {
    BTreeSet::from([HOST.to_string()])
}

fn count(count: i64) -> SlaPolicy {
    SlaPolicy::Count(CountSlaPolicy {
        count,
        duration_secs: 0,
    })
}

fn share(percentage: f64) -> SlaPolicy {
    SlaPolicy::Percentage(PercentageSlaPolicy {
        percentage: percentage.into(),
        duration_secs: 0,
    })
}

/// A running production job of two instances, all on one host, with this policy.
async fn running(flags: &[&str], policy: Option<SlaPolicy>) -> (Server, Vec<String>) {
    let mut all = vec!["-min_required_instances_for_sla_check=2".to_string()];
    all.extend(flags.iter().map(|flag| flag.to_string()));
    let mut server = Server::with(&all).await;
    let mut job = jobs::job(&key(), 1, 2);
    let config = job.task_config.as_mut().unwrap();
    config.tier = Some("preferred".to_string());
    config.sla_policy = policy;
    server
        .engine
        .command(|model| {
            let quota = aurora_api::ResourceAggregate {
                resources: [
                    aurora_api::Resource::NumCpus(9.0.into()),
                    aurora_api::Resource::RamMb(9999),
                    aurora_api::Resource::DiskMb(9999),
                ]
                .into(),
            };
            model.set_quota("www-data", &quota)
        })
        .unwrap()
        .unwrap();
    let created = Call::CreateJob(CreateJobArgs {
        description: Some(job),
    });
    let response = server.call(Protocol::Binary, &created).await;
    assert_eq!(response.message(), "");
    let ids = run_all(&mut server, "O1").await;
    // A duration of nothing is over a moment later.
    tokio::time::sleep(Duration::from_millis(5)).await;
    (server, ids)
}

async fn sla_drain(server: &Server, policy: SlaPolicy, timeout_secs: i64) -> MaintenanceMode {
    let call = Call::SlaDrainHosts(SlaDrainHostsArgs {
        hosts: Some(Hosts {
            host_names: hosts(),
        }),
        default_sla_policy: Some(policy),
        timeout_secs: Some(timeout_secs),
    });
    match server.call(Protocol::Binary, &call).await.result {
        Some(CallResult::DrainHosts(result)) => result.statuses.first().unwrap().mode,
        other => panic!("no statuses: {other:?}"),
    }
}

fn mode(server: &Server) -> Option<MaintenanceMode> {
    let look = |model: &Model| model.hosts().get(HOST).and_then(|host| host.mode);
    server.engine.read(look).unwrap()
}

fn in_state(server: &Server, status: S) -> usize {
    let count = |model: &Model| model.tasks().count(status);
    server.engine.read(count).unwrap()
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    for _ in 0..6000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it never came to this: {what}");
}

#[tokio::test]
async fn a_policy_lets_one_task_go_and_a_timeout_all() {
    for own in [Some(count(1)), Some(share(50.0)), None] {
        let flags = ["-host_maintenance_polling_interval=1secs"];
        let (server, _) = running(&flags, own.clone()).await;
        let default = share(50.0);
        assert_eq!(mode(&server), Some(MaintenanceMode::None));
        let answered = sla_drain(&server, default.clone(), 7200).await;
        assert_eq!(answered, MaintenanceMode::Draining, "{own:?}");
        assert_eq!(in_state(&server, S::Draining), 1, "{own:?}");
        assert_eq!(in_state(&server, S::Running), 1, "{own:?}");
        // Without time it leaves no choice once a second has begun.
        sla_drain(&server, default, 0).await;
        assert_eq!(in_state(&server, S::Draining), 1, "{own:?}");
        let engine = Arc::clone(&server.engine);
        let timers = tokio::spawn(async move { engine.run_timers().await });
        until("both drain", || in_state(&server, S::Draining) == 2).await;
        timers.abort();
        assert_eq!(mode(&server), Some(MaintenanceMode::Draining));
    }
}

#[tokio::test]
async fn a_plain_drain_heeds_a_jobs_own_policy_once() {
    for (own, at_once) in [(Some(count(1)), 1), (Some(share(50.0)), 1), (None, 2)] {
        let flags = ["-host_maintenance_polling_interval=1secs"];
        let (server, _) = running(&flags, own.clone()).await;
        let drained = server.engine.command(|model| model.drain_hosts(&hosts()));
        let modes: Vec<MaintenanceMode> = drained.unwrap().iter().map(|s| s.mode).collect();
        assert_eq!(modes, [MaintenanceMode::Draining], "{own:?}");
        assert_eq!(in_state(&server, S::Draining), at_once, "{own:?}");
        let engine = Arc::clone(&server.engine);
        let timers = tokio::spawn(async move { engine.run_timers().await });
        until("both drain", || in_state(&server, S::Draining) == 2).await;
        timers.abort();
    }
}

#[tokio::test]
async fn jobs_that_are_small_or_not_in_production_are_not_protected() {
    let (server, _) = running(&["-min_required_instances_for_sla_check=3"], None).await;
    sla_drain(&server, share(100.0), 7200).await;
    assert_eq!(in_state(&server, S::Draining), 2);
}

#[tokio::test]
async fn a_drain_goes_on_after_a_restart() {
    let (server, ids) = running(&[], Some(count(1))).await;
    sla_drain(&server, share(0.0), 7200).await;
    let gone = server
        .engine
        .read(|model| {
            let draining = |id: &&String| {
                let task = model.tasks().get(id);
                task.is_some_and(|task| task.status == S::Draining)
            };
            ids.iter().find(draining).unwrap().clone()
        })
        .unwrap();
    let settings = server
        .engine
        .read(|model| model.settings().clone())
        .unwrap();
    let mut store = Store::open(server.folder.path()).unwrap();
    let stored = store.take_over(Epoch { era: 1, zxid: 2 }, "next").unwrap();
    assert_eq!(stored.maintenance.len(), 1);
    let mut model = Model::new(settings, stored, 7, now_ms());
    assert_eq!(model.maintenance_requests()[HOST].timeout_secs, 7200);
    model.at(now_ms());
    model.finish();
    assert_eq!(model.tasks().count(S::Draining), 1, "still one only");
    // The one that left runs elsewhere, and a minute later the other may go.
    let later = now_ms() + 1000;
    model.at(later);
    model.reported(&aurora_scheduler::model::StatusReport {
        task: gone.clone(),
        state: TaskState::TASK_KILLED,
        message: None,
        reason: None,
        source: None,
    });
    let mut elsewhere = offer("O9");
    elsewhere.set_hostname("10.0.0.8".to_string());
    elsewhere
        .slave_id
        .mut_or_insert_default()
        .set_value("S8".to_string());
    model.offered(vec![elsewhere]);
    model.finish();
    let moved: Vec<String> = model
        .tasks()
        .active(&key())
        .filter(|task| task.status == S::Assigned)
        .map(|task| task.id.clone())
        .collect();
    assert_eq!(moved.len(), 1);
    model.reported(&aurora_scheduler::model::StatusReport {
        task: moved[0].clone(),
        state: TaskState::TASK_RUNNING,
        message: None,
        reason: None,
        source: None,
    });
    model.finish();
    model.at(later + 61_000);
    model.finish();
    assert_eq!(model.tasks().count(S::Draining), 1, "the other one goes");
    let other = ids.iter().find(|id| **id != gone).unwrap();
    assert_eq!(model.tasks().get(other).unwrap().status, S::Draining);
}

type Seen = Arc<Mutex<Vec<(String, Json)>>>;

/// A coordinator that lets only instance 0 go, in the words of Aurora's own test server.
async fn coordinator() -> (String, Seen) {
    let seen: Seen = Arc::default();
    let noted = Arc::clone(&seen);
    let answer = move |uri: axum::http::Uri, body: String| {
        let noted = Arc::clone(&noted);
        async move {
            let body: Json = serde_json::from_str(&body).unwrap();
            let task = body["task"].as_str().unwrap().to_string();
            noted
                .lock()
                .unwrap()
                .push((uri.query().unwrap_or_default().to_string(), body));
            match task.ends_with("/0") {
                true => r#"{"drain":True}"#,
                false => r#"{"drain":False}"#,
            }
        }
    };
    let app = axum::Router::new().route("/", axum::routing::post(answer));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    (url, seen)
}

fn coordinated(url: &str) -> SlaPolicy {
    SlaPolicy::Coordinator(CoordinatorSlaPolicy {
        coordinator_url: url.to_string(),
        status_key: "drain".to_string(),
    })
}

#[tokio::test]
async fn a_coordinator_is_asked_about_each_task() {
    let (url, seen) = coordinator().await;
    let flags = ["-host_maintenance_polling_interval=1secs"];
    let (server, _) = running(&flags, Some(coordinated(&url))).await;
    let engine = Arc::clone(&server.engine);
    let timers = tokio::spawn(async move { engine.run_timers().await });
    sla_drain(&server, share(0.0), 7200).await;
    until("instance 0 drains", || in_state(&server, S::Draining) == 1).await;
    until("both were asked about", || {
        let seen = seen.lock().unwrap();
        let tasks: BTreeSet<String> = seen
            .iter()
            .map(|(_, body)| body["task"].as_str().unwrap().to_string())
            .collect();
        tasks.len() == 2
    })
    .await;
    assert_eq!(in_state(&server, S::Running), 1);
    let drained = server.engine.read(|model| {
        let job = key();
        let mut active = model.tasks().active(&job);
        active
            .find(|task| task.status == S::Draining)
            .map(|task| task.instance)
    });
    assert_eq!(drained.unwrap(), Some(0));
    let (query, body) = seen.lock().unwrap()[0].clone();
    assert!(
        query.starts_with("task=test%2Fwww-data%2Fdevel%2Fhello_world%2F"),
        "{query}"
    );
    assert_eq!(body["taskConfig"]["status"], 2, "enums are numbers: {body}");
    let countdown = body["forceMaintenanceCountdownMs"].as_str().unwrap();
    assert!(countdown.parse::<i64>().unwrap() > 7_000_000, "{countdown}");
    let (_, vars) = server.get("/vars").await;
    assert!(vars.contains("maintenance_countdown_ms_www-data/devel/hello_world/0 "));
    timers.abort();
}

#[tokio::test]
async fn a_coordinator_that_does_not_answer_permits_nothing() {
    let flags = ["-host_maintenance_polling_interval=1secs"];
    let policy = coordinated("http://127.0.0.1:1/");
    let (server, _) = running(&flags, Some(policy)).await;
    sla_drain(&server, share(0.0), 7200).await;
    let errors = |model: &Model| {
        let mut stats = model.stats().iter();
        stats
            .find(|(name, _)| *name == "sla_coordinator_errors")
            .unwrap()
            .1
    };
    until("the error counts", || {
        server.engine.read(errors).unwrap() == 1
    })
    .await;
    let starved = |model: &Model| {
        let mut stats = model.stats().iter();
        let name = "sla_coordinator_lock_starvation";
        stats.find(|(found, _)| *found == name).unwrap().1
    };
    assert_eq!(
        server.engine.read(starved).unwrap(),
        1,
        "one is asked at a time"
    );
    assert_eq!(in_state(&server, S::Running), 2);
    sla_drain(&server, share(0.0), 0).await;
    let engine = Arc::clone(&server.engine);
    let timers = tokio::spawn(async move { engine.run_timers().await });
    until("both are forced", || in_state(&server, S::Draining) == 2).await;
    timers.abort();
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_is_an_answer_and_permits_nothing() {
    for text in ["", "true", "{\"drain\":", "{}", "{\"drain\":false}"] {
        let app = axum::Router::new().route("/", axum::routing::post(move || async move { text }));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await });
        let (server, _) = running(&[], Some(coordinated(&url))).await;
        sla_drain(&server, share(0.0), 7200).await;
        let stat = |name: &str| {
            let look = |model: &Model| {
                let mut stats = model.stats().iter();
                stats.find(|(found, _)| *found == name).unwrap().1
            };
            server.engine.read(look).unwrap()
        };
        until("the answer counts", || stat("sla_coordinator_success") == 1).await;
        assert_eq!(stat("sla_coordinator_errors"), 0, "{text}");
        assert_eq!(in_state(&server, S::Running), 2, "{text}");
    }
}

#[tokio::test]
async fn an_sla_aware_update_waits_for_the_policy() {
    let flags = [
        "-sla_aware_kill_retry_min_delay=50ms",
        "-sla_aware_kill_retry_max_delay=50ms",
    ];
    let (server, ids) = running(&flags, Some(count(1))).await;
    let mut request = jobs::update(
        &key(),
        2,
        2,
        JobUpdateSettings {
            update_group_size: 2,
            sla_aware: Some(true),
            ..JobUpdateSettings::default()
        },
    );
    let config = request.task_config.as_mut().unwrap();
    config.tier = Some("preferred".to_string());
    config.sla_policy = Some(count(1));
    let call = Call::StartJobUpdate(StartJobUpdateArgs {
        request: Some(request),
        message: None,
    });
    let response = server.call(Protocol::Binary, &call).await;
    assert_eq!(response.message(), "");
    assert_eq!(
        in_state(&server, S::Killing),
        1,
        "the policy protects the other"
    );
    let events = |server: &Server| -> Vec<(i32, Option<String>)> {
        let look = |model: &Model| {
            let update = model.active_update(&key()).unwrap();
            let events = update.instance_events.iter();
            events.map(|e| (e.instance_id, e.message.clone())).collect()
        };
        server.engine.read(look).unwrap()
    };
    let checking = Some("Checking SLA before continuing.".to_string());
    let passed = Some("SLA check passed, continuing.".to_string());
    let seen = events(&server);
    assert_eq!(
        seen.iter().filter(|(_, m)| *m == checking).count(),
        2,
        "{seen:?}"
    );
    assert_eq!(
        seen.iter().filter(|(_, m)| *m == passed).count(),
        1,
        "{seen:?}"
    );
    // The first is replaced, and comes to run: now the second may go.
    let engine = Arc::clone(&server.engine);
    let timers = tokio::spawn(async move { engine.run_timers().await });
    let first = server.engine.read(|model| {
        let task = |id: &&String| model.tasks().get(id).unwrap().status == S::Killing;
        ids.iter().find(task).unwrap().clone()
    });
    report(&server, &first.unwrap(), TaskState::TASK_KILLED);
    server
        .engine
        .command(|model| model.offered(vec![offer("O2")]))
        .unwrap();
    let new = server.engine.read(|model| {
        let job = key();
        let mut active = model.tasks().active(&job);
        active
            .find(|task| task.status == S::Assigned)
            .unwrap()
            .id
            .clone()
    });
    report(&server, &new.unwrap(), TaskState::TASK_RUNNING);
    until("the second is killed", || {
        in_state(&server, S::Killing) == 1
    })
    .await;
    assert_eq!(
        events(&server).iter().filter(|(_, m)| *m == passed).count(),
        2
    );
    timers.abort();
}

fn inverse(start_ms: i64) -> InverseOffer {
    let mut inverse = InverseOffer::new();
    inverse
        .id
        .mut_or_insert_default()
        .set_value("I1".to_string());
    inverse
        .slave_id
        .mut_or_insert_default()
        .set_value("S0".to_string());
    let start = inverse
        .unavailability
        .mut_or_insert_default()
        .start
        .mut_or_insert_default();
    start.set_nanoseconds(start_ms * 1_000_000);
    inverse
}

#[tokio::test]
async fn an_agent_that_goes_away_soon_is_drained() {
    let (mut server, _) = running(&["-unavailability_threshold=1mins"], None).await;
    let far = inverse(now_ms() + 120_000);
    server
        .engine
        .command(|model| model.inverse_offered(vec![far]))
        .unwrap();
    assert_eq!(in_state(&server, S::Running), 2, "two minutes are long");
    let near = inverse(now_ms() + 50_000);
    server
        .engine
        .command(|model| model.inverse_offered(vec![near]))
        .unwrap();
    assert_eq!(in_state(&server, S::Draining), 2);
    assert_eq!(mode(&server), Some(MaintenanceMode::None));
    let mut accepted = 0;
    while let Ok(call) = server.mesos.try_recv() {
        if call.type_() == Type::ACCEPT_INVERSE_OFFERS {
            let ids = &call.accept_inverse_offers.inverse_offer_ids;
            assert_eq!(ids[0].value(), "I1");
            accepted += 1;
        }
    }
    assert_eq!(accepted, 2);
}

#[tokio::test]
async fn an_agent_that_goes_away_is_used_last_and_then_not_at_all() {
    let server = Server::with(&["-unavailability_threshold=1mins".to_string()]).await;
    let leaving = |id: &str, agent: &str, start_ms: Option<i64>| {
        let mut offer = offer(id);
        offer
            .slave_id
            .mut_or_insert_default()
            .set_value(agent.to_string());
        offer.set_hostname(agent.to_string());
        if let Some(start) = start_ms {
            let window = offer.unavailability.mut_or_insert_default();
            window
                .start
                .mut_or_insert_default()
                .set_nanoseconds(start * 1_000_000);
        }
        offer
    };
    let soon = leaving("O1", "soon", Some(now_ms() + 30_000));
    server
        .engine
        .command(|model| model.offered(vec![soon]))
        .unwrap();
    let created = server.call(Protocol::Binary, &crate::http::create(1)).await;
    assert_eq!(created.message(), "");
    assert_eq!(in_state(&server, S::Pending), 1);
    let reason = Call::GetPendingReason(aurora_api::calls::GetPendingReasonArgs {
        query: Some(aurora_api::TaskQuery::default()),
    });
    let response = server.call(Protocol::Binary, &reason).await;
    let Some(CallResult::GetPendingReason(result)) = response.result else {
        panic!("no reasons");
    };
    let reasons: Vec<&str> = result.reasons.iter().map(|r| r.reason.as_str()).collect();
    assert_eq!(reasons, ["Host draining for maintenance"]);
    let later = leaving("O2", "later", Some(now_ms() + 3_600_000));
    let never = leaving("O3", "never", None);
    server
        .engine
        .command(|model| model.offered(vec![later, never]))
        .unwrap();
    let host = server.engine.read(|model| {
        let job = key();
        let mut active = model.tasks().active(&job);
        active.next().unwrap().host.clone()
    });
    assert_eq!(host.unwrap().as_deref(), Some("never"));
}
