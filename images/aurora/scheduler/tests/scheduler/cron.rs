//! Cron jobs: their schedules, their collisions, and what the API says of them.

use std::collections::BTreeSet;

use aurora_api::calls::{
    AddInstancesArgs, DescheduleCronJobArgs, GetJobSummaryArgs, GetJobsArgs,
    ReplaceCronTemplateArgs, ScheduleCronJobArgs, StartCronJobArgs, StartJobUpdateArgs,
};
use aurora_api::{
    Call, CallResult, CronCollisionPolicy, InstanceKey, JobConfiguration, JobKey,
    JobUpdateSettings, Protocol, ResponseCode, ScheduleStatus,
};
use aurora_scheduler::model::resources::{ports, scalar};
use aurora_scheduler::model::settings::Settings;
use aurora_scheduler::model::{Model, StatusReport, Stored};
use mesos_proto::mesos::{Offer, TaskState};

use crate::support::fake_store::FakeStore;
use crate::support::jobs;
use crate::support::server::Server;

const MINUTE: i64 = 60_000;
const PENDING: ScheduleStatus = ScheduleStatus::Pending;
const KILLING: ScheduleStatus = ScheduleStatus::Killing;

fn key() -> JobKey {
    JobKey::new("www-data", "test", "cron_hello_world")
}

fn cron(schedule: &str, policy: CronCollisionPolicy, instances: i32) -> JobConfiguration {
    let mut job = jobs::job(&key(), 1, instances);
    job.cron_schedule = Some(schedule.to_string());
    job.cron_collision_policy = Some(policy);
    if let Some(config) = &mut job.task_config {
        config.is_service = false;
    }
    job
}

/// A model under a clock that only the test moves.
struct Clock {
    model: Model,
    store: FakeStore,
    now: i64,
}

impl Clock {
    fn new(stored: Stored) -> Self {
        let now = 30_000;
        Self {
            model: Model::new(Settings::default(), stored, 1, now),
            store: FakeStore::default(),
            now,
        }
    }

    fn scheduled(policy: CronCollisionPolicy) -> Self {
        let mut clock = Self::new(Stored::default());
        let job = clock
            .model
            .sanitize(&cron("*/5 * * * *", policy, 2))
            .unwrap();
        clock.model.schedule_cron(job, false).unwrap();
        clock.pass(0);
        clock
    }

    fn pass(&mut self, ms: i64) {
        self.now += ms;
        self.model.at(self.now);
        for record in self.model.finish().records {
            self.store.apply(record);
        }
    }

    /// Lets everything pending run.
    fn run_all(&mut self) {
        let mut offer = Offer::new();
        let id = format!("O{}", self.now);
        offer.id.mut_or_insert_default().set_value(id);
        offer
            .slave_id
            .mut_or_insert_default()
            .set_value("S0".to_string());
        offer.set_hostname("h".to_string());
        offer.resources = vec![
            scalar("cpus", 9.0),
            scalar("mem", 9999.0),
            scalar("disk", 9999.0),
            ports(31000, 31999),
        ];
        self.model.offered(vec![offer]);
        self.pass(1);
        self.report_all(TaskState::TASK_RUNNING);
    }

    fn report_all(&mut self, state: TaskState) {
        let ids: Vec<String> = self
            .model
            .tasks()
            .active(&key())
            .map(|t| t.id.clone())
            .collect();
        for task in ids {
            self.model.reported(&StatusReport {
                task,
                state,
                message: None,
                reason: None,
                source: None,
            });
        }
        self.pass(1);
    }

    fn active(&self) -> Vec<ScheduleStatus> {
        self.model
            .tasks()
            .active(&key())
            .map(|task| task.status)
            .collect()
    }

    fn count(&self, name: &str) -> i64 {
        let found = self.model.stats().iter().find(|(n, _)| *n == name);
        found.map_or(0, |(_, count)| count)
    }
}

#[test]
fn a_run_makes_the_jobs_tasks_at_each_match() {
    let mut clock = Clock::scheduled(CronCollisionPolicy::KillExisting);
    assert_eq!(clock.active(), []);
    clock.pass(5 * MINUTE - 30_001);
    assert_eq!(clock.active(), [], "a millisecond early");
    clock.pass(1);
    assert_eq!(clock.active(), [PENDING; 2]);
    clock.run_all();
    clock.report_all(TaskState::TASK_FINISHED);
    assert_eq!(clock.active(), [], "no service: it is over");
    clock.pass(5 * MINUTE);
    assert_eq!(clock.active(), [PENDING; 2]);
    assert_eq!(clock.count("cron_job_triggers"), 2);
}

#[test]
fn an_earlier_run_is_killed_first() {
    let mut clock = Clock::scheduled(CronCollisionPolicy::KillExisting);
    clock.model.start_cron(&key()).unwrap();
    clock.run_all();
    clock.model.start_cron(&key()).unwrap();
    clock.pass(0);
    assert_eq!(clock.active(), [KILLING; 2]);
    let said: BTreeSet<_> = clock
        .model
        .tasks()
        .active(&key())
        .filter_map(|task| task.events.last()?.message.clone())
        .collect();
    assert_eq!(
        said,
        BTreeSet::from(["Killed by cronScheduler".to_string()])
    );
    clock.model.start_cron(&key()).unwrap();
    assert_eq!(clock.count("cron_job_concurrent_runs"), 1);
    clock.pass(5_000);
    assert_eq!(
        clock.active(),
        [KILLING; 2],
        "still there: looked at again in 10 s"
    );
    clock.report_all(TaskState::TASK_KILLED);
    assert_eq!(clock.active(), []);
    clock.pass(10_000);
    assert_eq!(clock.active(), [PENDING; 2]);
    assert_eq!(clock.count("cron_job_collisions"), 1);
}

#[test]
fn a_pending_earlier_run_is_replaced_at_once() {
    let mut clock = Clock::scheduled(CronCollisionPolicy::KillExisting);
    let ids = |clock: &Clock| -> BTreeSet<String> {
        clock
            .model
            .tasks()
            .active(&key())
            .map(|t| t.id.clone())
            .collect()
    };
    clock.model.start_cron(&key()).unwrap();
    let first = ids(&clock);
    clock.model.start_cron(&key()).unwrap();
    assert_eq!(clock.active(), [PENDING; 2]);
    assert!(first.is_disjoint(&ids(&clock)));
}

#[test]
fn other_policies_skip_a_run_while_an_earlier_one_is_active() {
    let mut clock = Clock::scheduled(CronCollisionPolicy::CancelNew);
    clock.model.start_cron(&key()).unwrap();
    clock.run_all();
    clock.pass(5 * MINUTE);
    assert_eq!(clock.active(), [ScheduleStatus::Running; 2]);
    assert_eq!(clock.count("cron_job_collisions"), 1);
    // An entry of old, which could not be scheduled today.
    let stored = Stored {
        crons: vec![cron("*/5 * * * *", CronCollisionPolicy::RunOverlap, 1)],
        ..Stored::default()
    };
    let mut clock = Clock::new(stored);
    assert_eq!(clock.count("cron_jobs_loaded"), 1);
    clock.pass(5 * MINUTE);
    clock.run_all();
    clock.pass(5 * MINUTE);
    assert_eq!(clock.active(), [ScheduleStatus::Running]);
}

#[test]
fn a_restart_forgets_no_cron_job_and_makes_up_for_no_run() {
    let clock = Clock::scheduled(CronCollisionPolicy::KillExisting);
    let crons: Vec<_> = clock.store.crons.values().cloned().collect();
    assert_eq!(crons.len(), 1);
    let stored = Stored {
        crons,
        ..Stored::default()
    };
    let hour_later = 60 * MINUTE + 30_000;
    let mut model = Model::new(Settings::default(), stored, 2, hour_later);
    model.at(hour_later);
    assert_eq!(model.tasks().len(), 0);
    model.at(65 * MINUTE);
    assert_eq!(model.tasks().len(), 2);
}

#[tokio::test]
async fn the_api_speaks_of_cron_jobs_as_the_original() {
    let server = Server::start().await;
    let tell = async |call: Call| {
        let response = server.call(Protocol::Binary, &call).await;
        (response.response_code, response.message())
    };
    let schedule = |job: JobConfiguration| {
        let description = Some(job);
        Call::ScheduleCronJob(ScheduleCronJobArgs { description })
    };
    let replace = |job: JobConfiguration| {
        let config = Some(job);
        Call::ReplaceCronTemplate(ReplaceCronTemplateArgs { config })
    };
    let deschedule = || Call::DescheduleCronJob(DescheduleCronJobArgs { job: Some(key()) });
    let start = || Call::StartCronJob(StartCronJobArgs { job: Some(key()) });
    let good = || cron("0-59/5 * * * *", CronCollisionPolicy::KillExisting, 1);
    let invalid = |text: &str| (ResponseCode::InvalidRequest, text.to_string());
    let ok = || (ResponseCode::Ok, String::new());
    const NAME: &str = "www-data/test/cron_hello_world";
    assert_eq!(
        tell(schedule(cron("", CronCollisionPolicy::KillExisting, 1))).await,
        invalid(&format!("Job {NAME} has no cron schedule"))
    );
    assert_eq!(
        tell(schedule(cron("x", CronCollisionPolicy::KillExisting, 1))).await,
        invalid("Invalid cron schedule: x")
    );
    assert_eq!(
        tell(schedule(cron(
            "* * * * *",
            CronCollisionPolicy::RunOverlap,
            1
        )))
        .await,
        invalid("The RUN_OVERLAP collision policy has been removed (AURORA-38).")
    );
    let mut service = good();
    service.task_config.as_mut().unwrap().is_service = true;
    let (code, text) = tell(schedule(service)).await;
    assert_eq!(code, ResponseCode::InvalidRequest);
    let shown = "A service task may not be run on a cron schedule: \
                 JobConfiguration(key:JobKey(role:www-data, environment:test, name:cron_hello_world), \
                 owner:Identity(user:www-data), cronSchedule:0-59/5 * * * *, \
                 cronCollisionPolicy:KILL_EXISTING, taskConfig:TaskConfig(job:";
    assert!(text.starts_with(shown), "{text}");
    let unknown = format!("No cron job found for {NAME}.");
    assert_eq!(tell(replace(good())).await, invalid(&unknown));
    assert_eq!(
        tell(start()).await,
        invalid(&format!("Failed to start cron job - {unknown}"))
    );
    assert_eq!(
        tell(deschedule()).await,
        (
            ResponseCode::Ok,
            format!("Job {NAME} is not scheduled with cron")
        )
    );
    assert_eq!(tell(schedule(good())).await, ok());
    assert_eq!(tell(schedule(good())).await, ok(), "replaced");
    assert_eq!(tell(replace(good())).await, ok());
    let mut plain = jobs::job(&key(), 1, 1);
    let create = |job: &JobConfiguration| {
        let description = Some(job.clone());
        Call::CreateJob(aurora_api::calls::CreateJobArgs { description })
    };
    assert_eq!(
        tell(create(&plain)).await,
        invalid(&format!("Job {NAME} already exists"))
    );
    plain.cron_schedule = Some("* * * * *".to_string());
    plain.task_config.as_mut().unwrap().is_service = false;
    let not_for_cron = "Cron jobs may only be created/updated by calling scheduleCronJob.";
    assert_eq!(tell(create(&plain)).await, invalid(not_for_cron));
    let settings = JobUpdateSettings {
        update_group_size: 1,
        ..JobUpdateSettings::default()
    };
    let update = Call::StartJobUpdate(StartJobUpdateArgs {
        request: Some(jobs::update(&key(), 2, 1, settings)),
        message: None,
    });
    assert_eq!(tell(update).await, invalid(not_for_cron));
    let add = Call::AddInstances(AddInstancesArgs {
        key: Some(InstanceKey {
            job_key: Some(key()),
            instance_id: 0,
        }),
        count: Some(1),
    });
    assert_eq!(
        tell(add).await,
        invalid("Instances may not be added to cron jobs.")
    );
    let get = Call::GetJobs(GetJobsArgs { owner_role: None });
    let Some(CallResult::GetJobs(found)) = server.call(Protocol::Json, &get).await.result else {
        panic!("no jobs")
    };
    let found: Vec<_> = found
        .configs
        .iter()
        .map(|job| job.cron_schedule.clone())
        .collect();
    assert_eq!(found, [Some("0-59/5 * * * *".to_string())]);
    let role = Some("www-data".to_string());
    let get = Call::GetJobSummary(GetJobSummaryArgs { role });
    let Some(CallResult::JobSummary(found)) = server.call(Protocol::Json, &get).await.result else {
        panic!("no summaries")
    };
    let next: Vec<_> = found
        .summaries
        .iter()
        .map(|job| job.next_cron_run_ms)
        .collect();
    assert!(
        matches!(next.as_slice(), [Some(at)] if at % (5 * MINUTE) == 0),
        "{next:?}"
    );
    for (path, text) in [
        (
            "/cron",
            r#"{"scheduled":{"www-data/test/cron_hello_world":"*/5 * * * *"}}"#,
        ),
        (
            "/structdump/cron/www-data/test/cron_hello_world",
            "Cron job www-data/test/cron_hello_world",
        ),
        ("/scheduler/www-data", "<td>cron</td>"),
        (
            "/scheduler/www-data/test/cron_hello_world",
            "Cron job, next run will be at ",
        ),
        ("/vars", "mem_storage_cron_size 1\n"),
    ] {
        let (status, body) = server.get(path).await;
        assert!(
            status == 200 && body.contains(text),
            "{path}: {status} {body}"
        );
    }
    assert_eq!(tell(start()).await, ok());
    let pending = server.engine.read(|model| model.tasks().count(PENDING));
    assert_eq!(pending, Ok(1));
    assert_eq!(tell(deschedule()).await, ok());
    let pending = server.engine.read(|model| model.tasks().count(PENDING));
    assert_eq!(pending, Ok(1), "its tasks go on");
    assert_eq!(server.get("/cron").await.1, r#"{"scheduled":{}}"#);
}
