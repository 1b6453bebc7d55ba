//! The scheduler is killed at any moment, and what it acknowledged is still there.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use aurora_api::calls::{
    CreateJobArgs, GetJobUpdateSummariesArgs, GetTasksStatusArgs, KillTasksArgs, SetQuotaArgs,
    StartJobUpdateArgs,
};
use aurora_api::{
    Call, CallResult, JobKey, JobUpdateKey, JobUpdateQuery, JobUpdateSettings, Resource,
    ResourceAggregate, ResponseCode, ScheduleStatus, ScheduledTask, TaskQuery,
};
use aurora_scheduler::model::chance::Chance;
use zookeeper_for_tests::ZooKeeper;

use crate::support::fake_master::FakeMaster;
use crate::support::jobs;
use crate::support::process::{Process, free_port};

/// How long what must come may take on a machine that has much else to do.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often the scheduler is killed.
fn rounds() -> u64 {
    let rounds = std::env::var("AURORA_SCHEDULER_KILLS").ok();
    rounds.and_then(|text| text.parse().ok()).unwrap_or(10)
}

/// What was acknowledged.
#[derive(Default)]
struct Promised {
    next: i32,
    jobs: BTreeMap<JobKey, i32>,
    killed: BTreeSet<JobKey>,
    updates: BTreeSet<JobUpdateKey>,
    quotas: BTreeMap<String, i64>,
}

fn quota(mb: i64) -> ResourceAggregate {
    ResourceAggregate {
        resources: [
            Resource::NumCpus(1.0.into()),
            Resource::RamMb(mb),
            Resource::DiskMb(mb),
        ]
        .into(),
    }
}

impl Promised {
    /// Asks for something. `None` if no answer came: then it may have been done or not.
    async fn ask(&mut self, scheduler: &Process, dice: &mut Chance) -> Option<()> {
        self.next += 1;
        let nth = self.next;
        let some = |jobs: &BTreeMap<JobKey, i32>, dice: &mut Chance| {
            let nth = usize::try_from(dice.below(jobs.len() as u64)).unwrap();
            jobs.keys().nth(nth).cloned()
        };
        match dice.below(6) {
            0 if !self.jobs.is_empty() => {
                let job = some(&self.jobs, dice).unwrap();
                // Whatever comes of it, the job is no more what it was.
                self.jobs.remove(&job);
                let call = Call::KillTasks(KillTasksArgs {
                    job: Some(job.clone()),
                    ..KillTasksArgs::default()
                });
                let response = scheduler.call(&call).await?;
                assert_eq!(
                    response.response_code,
                    ResponseCode::Ok,
                    "{}",
                    response.message()
                );
                self.killed.insert(job);
            }
            1 if !self.jobs.is_empty() => {
                let job = some(&self.jobs, dice).unwrap();
                self.jobs.remove(&job);
                let settings = JobUpdateSettings {
                    update_group_size: 1,
                    ..JobUpdateSettings::default()
                };
                let call = Call::StartJobUpdate(StartJobUpdateArgs {
                    request: Some(jobs::update(&job, nth, 2, settings)),
                    message: None,
                });
                let response = scheduler.call(&call).await?;
                assert_eq!(
                    response.response_code,
                    ResponseCode::Ok,
                    "{}",
                    response.message()
                );
                let Some(CallResult::StartJobUpdate(started)) = response.result else {
                    panic!("no update was started");
                };
                self.updates.insert(started.key);
            }
            2 => {
                let role = format!("role{nth}");
                let call = Call::SetQuota(SetQuotaArgs {
                    owner_role: Some(role.clone()),
                    quota: Some(quota(nth.into())),
                });
                let response = scheduler.call(&call).await?;
                assert_eq!(
                    response.response_code,
                    ResponseCode::Ok,
                    "{}",
                    response.message()
                );
                self.quotas.insert(role, nth.into());
            }
            _ => {
                let job = JobKey::new("www", "devel", format!("job{nth}"));
                let instances = 1 + nth % 3;
                let call = Call::CreateJob(CreateJobArgs {
                    description: Some(jobs::job(&job, 1, instances)),
                });
                let response = scheduler.call(&call).await?;
                assert_eq!(
                    response.response_code,
                    ResponseCode::Ok,
                    "{}",
                    response.message()
                );
                self.jobs.insert(job, instances);
            }
        }
        Some(())
    }

    /// What is missing; empty if nothing is.
    async fn missing(&self, scheduler: &Process) -> Vec<String> {
        let mut missing = Vec::new();
        let mut active: BTreeMap<JobKey, Vec<i32>> = BTreeMap::new();
        for task in tasks(scheduler).await {
            if task.status.is_active() && task.status != ScheduleStatus::Killing {
                let assigned = task.assigned_task;
                let job = assigned.task.job.unwrap();
                active.entry(job).or_default().push(assigned.instance_id);
            }
        }
        active
            .values_mut()
            .for_each(|instances| instances.sort_unstable());
        for (job, instances) in &self.jobs {
            let want: Vec<i32> = (0..*instances).collect();
            let found = active.get(job);
            if found != Some(&want) {
                missing.push(format!("{job}: {found:?} instead of {want:?}"));
            }
        }
        for job in &self.killed {
            if let Some(found) = active.get(job) {
                missing.push(format!("{job} was killed and has {found:?}"));
            }
        }
        let call = Call::GetJobUpdateSummaries(GetJobUpdateSummariesArgs {
            job_update_query: Some(JobUpdateQuery::default()),
        });
        let Some(CallResult::GetJobUpdateSummaries(found)) = ask(scheduler, &call).await else {
            panic!("no updates");
        };
        let found: BTreeSet<&JobUpdateKey> = found
            .update_summaries
            .iter()
            .map(|summary| &summary.key)
            .collect();
        for key in self.updates.iter().filter(|key| !found.contains(key)) {
            missing.push(format!("the update {key:?}"));
        }
        let quotas = scheduler.page("/quotas").await;
        for (role, mb) in &self.quotas {
            if quotas[role]["ram_mb"] != *mb {
                missing.push(format!("the quota of {role}: {}", quotas[role]));
            }
        }
        missing
    }

    /// Waits until nothing is missing.
    async fn check(&self, scheduler: &Process, context: &str) {
        let began = Instant::now();
        loop {
            let missing = self.missing(scheduler).await;
            if missing.is_empty() {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "{context}: {missing:#?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

async fn ask(scheduler: &Process, call: &Call) -> Option<CallResult> {
    // Until it has announced itself anew, a restarted leader knows of none.
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        if let Some(response) = scheduler.call(call).await {
            return response.result;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("no answer");
}

async fn tasks(scheduler: &Process) -> Vec<ScheduledTask> {
    let call = Call::GetTasksStatus(GetTasksStatusArgs {
        query: Some(TaskQuery::default()),
    });
    match ask(scheduler, &call).await {
        Some(CallResult::ScheduleStatus(result)) => result.tasks.into_iter().collect(),
        other => panic!("no tasks: {other:?}"),
    }
}

/// Every task that runs is one that the scheduler has, and each instance runs once.
async fn check_running(scheduler: &Process, master: &FakeMaster) {
    let began = Instant::now();
    loop {
        let tasks = tasks(scheduler).await;
        let running = tasks
            .iter()
            .filter(|task| task.status == ScheduleStatus::Running);
        let known: BTreeSet<String> = running.map(|t| t.assigned_task.task_id.clone()).collect();
        let settled = tasks
            .iter()
            .all(|task| task.status.is_terminal() || task.status == ScheduleStatus::Running);
        let remote: BTreeSet<String> = master.running().into_keys().collect();
        if settled && remote == known {
            let running = tasks
                .iter()
                .filter(|task| task.status == ScheduleStatus::Running);
            let mut seen = BTreeSet::new();
            for task in running {
                let assigned = &task.assigned_task;
                let instance = (assigned.task.job.clone(), assigned.instance_id);
                assert!(seen.insert(instance.clone()), "{instance:?} runs twice");
            }
            return;
        }
        let lost: Vec<_> = remote.symmetric_difference(&known).collect();
        assert!(began.elapsed() < PATIENCE, "not settled: {lost:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_kill_nine_at_any_moment() {
    let (zookeeper, master) = (ZooKeeper::start(), FakeMaster::start().await);
    zookeeper.end_sessions_with_connections();
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let mut promised = Promised::default();
    let mut dice = Chance::new(4711);
    for round in 0..rounds() {
        let mut scheduler = Process::start(&zookeeper, &master, folder.path(), port);
        scheduler.until_leading().await;
        promised.check(&scheduler, &format!("round {round}")).await;
        let pause = Duration::from_millis(20 + dice.below(300));
        let load = async {
            loop {
                if promised.ask(&scheduler, &mut dice).await.is_none() {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            }
        };
        // The call that is under way is given up without an answer, like its caller would be.
        tokio::select! {
            () = load => {}
            () = tokio::time::sleep(pause) => {}
        }
        scheduler.kill();
    }
    let scheduler = Process::start(&zookeeper, &master, folder.path(), port);
    scheduler.until_leading().await;
    promised.check(&scheduler, "at the end").await;
    check_running(&scheduler, &master).await;
    assert!(promised.next >= 10, "only {} requests", promised.next);
    println!(
        "{} kills, {} requests, {} jobs, {} killed, {} updates, {} quotas",
        rounds(),
        promised.next,
        promised.jobs.len(),
        promised.killed.len(),
        promised.updates.len(),
        promised.quotas.len()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_scheduler_takes_over_without_doubling_or_forgetting() {
    let (zookeeper, master) = (ZooKeeper::start(), FakeMaster::start().await);
    zookeeper.end_sessions_with_connections();
    let folder = tempfile::tempdir().unwrap();
    let mut first = Process::start(&zookeeper, &master, folder.path(), free_port());
    first.until_leading().await;
    let second = Process::start(&zookeeper, &master, folder.path(), free_port());
    second.until("/leaderhealth", 503).await;
    let to_first = Some((307, Some(format!("{}/quotas?role=a", first.url))));
    assert_eq!(second.get("/quotas?role=a").await, to_first);
    let mut promised = Promised::default();
    let mut dice = Chance::new(7);
    for _ in 0..20 {
        promised.ask(&first, &mut dice).await.expect("an answer");
    }
    first.kill();
    second.until_leading().await;
    promised.check(&second, "after the take-over").await;
    for _ in 0..5 {
        promised.ask(&second, &mut dice).await.expect("an answer");
    }
    promised.check(&second, "at the end").await;
    check_running(&second, &master).await;
}
