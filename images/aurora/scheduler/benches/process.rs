//! What the real scheduler takes: `cargo bench -p aurora-scheduler --bench process`. It runs as a process of
//! its own beside a ZooKeeper and a Mesos master that are simulated, and what it finds in its store was
//! written before. Prints one JSON object; `scripts/bench` shows it.

#![expect(clippy::unwrap_used, reason = "a benchmark may end anywhere")]

#[path = "../tests/scheduler/support"]
#[allow(dead_code, reason = "tests use more of it")]
mod support {
    pub(crate) mod fake_master;
    pub(crate) mod jobs;
    pub(crate) mod process;
}

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aurora_api::calls::CreateJobArgs;
use aurora_api::{
    Call, Constraint, JobKey, Protocol, ResponseCode, ScheduleStatus, ScheduledTask,
    TaskConstraint, TaskEvent, ValueConstraint,
};
use aurora_scheduler::engine::now_ms;
use aurora_scheduler::model::effect::Record;
use aurora_scheduler::model::key;
use aurora_scheduler::model::task::Task;
use aurora_scheduler::store::{Epoch, Lasting, Store};
use zookeeper_for_tests::ZooKeeper;

use support::fake_master::FakeMaster;
use support::jobs;
use support::process::{Process, free_port};

const STORED: i32 = 20_000;
const WAITING: i32 = 10_000;
const ROUNDS: usize = 5;
const JOBS: usize = 21;

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

fn task(job: &JobKey, instance: i32, statuses: &[ScheduleStatus]) -> Task {
    let config = Arc::new(jobs::config(job, 0));
    let events = statuses.iter().zip(0..).map(|(status, at)| TaskEvent {
        timestamp: now_ms() - 10_000 + at,
        status: *status,
        scheduler: Some("192.168.33.7".to_string()),
        ..TaskEvent::default()
    });
    let mut task = Task::from_scheduled(ScheduledTask::default(), config).unwrap();
    task.id = key::task_id(job, instance, uuid::Uuid::new_v4());
    task.instance = instance;
    task.status = *statuses.last().unwrap();
    task.events = events.collect();
    task
}

/// Tasks that run, a thousand to a job.
fn running() -> Vec<Task> {
    use ScheduleStatus as S;
    let tasks = (0..STORED).map(|n| {
        let job = JobKey::new("www-data", "devel", format!("job{}", n / 1000));
        let statuses = [S::Pending, S::Assigned, S::Starting, S::Running];
        let mut task = task(&job, n % 1000, &statuses);
        task.agent_id = Some("S0".to_string());
        task.host = Some(format!("192.168.33.{}", n % 50));
        task.ports.insert("http".to_string(), 31_000 + n % 1000);
        task
    });
    tasks.collect()
}

/// Tasks that fit nowhere, each of a job of its own.
fn waiting() -> Vec<Task> {
    let elsewhere = Constraint {
        name: "rack".to_string(),
        constraint: TaskConstraint::Value(ValueConstraint {
            negated: false,
            values: ["elsewhere".to_string()].into(),
        }),
    };
    let tasks = (0..WAITING).map(|n| {
        let job = JobKey::new("www-data", "devel", format!("waiting{n}"));
        let mut task = task(&job, 0, &[ScheduleStatus::Pending]);
        Arc::make_mut(&mut task.config)
            .constraints
            .insert(elsewhere.clone());
        task
    });
    tasks.collect()
}

fn store(folder: &Path, tasks: &[Task]) {
    let mut store = Store::open(&folder.join("store")).unwrap();
    store.take_over(Epoch { era: 1, zxid: 1 }, "bench").unwrap();
    for chunk in tasks.chunks(1000) {
        let records = chunk.iter().cloned().map(Box::new).map(Record::SaveTask);
        let records: Vec<Record> = records.collect();
        store.commit(&records, Lasting::Process).unwrap();
    }
}

/// A scheduler that leads, with what is simulated around it.
struct Leader {
    process: Process,
    master: FakeMaster,
    /// From the process's start until it was announced and answered.
    after: Duration,
    _zookeeper: ZooKeeper,
}

/// Starts a scheduler on what is stored; the master knows the running ones of these tasks.
async fn lead(folder: &Path, tasks: &[Task]) -> Leader {
    let zookeeper = ZooKeeper::start();
    let master = FakeMaster::start().await;
    let run = |task: &&Task| task.status == ScheduleStatus::Running;
    let known = tasks.iter().filter(run);
    master.has(known.map(|task| (task.id.clone(), task.job.to_string())));
    let flags = ["-max_reschedule_task_delay_on_startup=1ms"];
    let began = Instant::now();
    let process = Process::with(&zookeeper, &master, folder, free_port(), &flags);
    process.until_leading().await;
    Leader {
        after: began.elapsed(),
        process,
        master,
        _zookeeper: zookeeper,
    }
}

/// The seconds until a scheduler leads, and the KB of memory that it holds then.
async fn start_on(tasks: &[Task]) -> (f64, f64) {
    let (mut times, mut memory) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let folder = tempfile::tempdir().unwrap();
        store(folder.path(), tasks);
        let leader = lead(folder.path(), tasks).await;
        times.push(leader.after.as_secs_f64());
        memory.push(leader.process.resident_kb());
    }
    (median(times), median(memory))
}

/// The seconds from calling `createJob` until the task is launched.
async fn new_jobs(leader: &Leader) -> f64 {
    let mut times = Vec::new();
    for n in 0..JOBS {
        let job = JobKey::new("www-data", "devel", format!("new{n}"));
        let description = Some(jobs::job(&job, 0, 1));
        let began = Instant::now();
        let call = Call::CreateJob(CreateJobArgs { description });
        let response = leader.process.call(&call).await.unwrap();
        assert_eq!(response.response_code, ResponseCode::Ok);
        while !leader.master.runs_of(&job.to_string()) {
            tokio::time::sleep(Duration::from_micros(100)).await;
        }
        times.push(began.elapsed().as_secs_f64());
    }
    median(times)
}

/// How many groups a second are looked at in vain, of the time that the scheduler takes for it.
async fn attempts(leader: &Leader) -> f64 {
    loop {
        // Sampled once a second, both at once.
        let variables = leader.process.page("/vars.json").await;
        let variable = |name: &str| variables[name].as_f64().unwrap_or(0.0);
        let events = variable("task_schedule_attempt_events");
        if events >= f64::from(WAITING) {
            return events / (variable("task_schedule_attempt_nanos_total") / 1e9);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn measure() -> serde_json::Value {
    let (empty, least) = start_on(&[]).await;
    let tasks = running();
    let (start, most) = start_on(&tasks).await;
    let record = tasks[0].to_scheduled_without_config();
    let record = Protocol::Binary.encode(&record).unwrap().len();
    let folder = tempfile::tempdir().unwrap();
    let alone = new_jobs(&lead(folder.path(), &[]).await).await;
    let folder = tempfile::tempdir().unwrap();
    let waiting = waiting();
    store(folder.path(), &waiting);
    let leader = lead(folder.path(), &waiting).await;
    let attempts = attempts(&leader).await;
    let beside = new_jobs(&leader).await;
    serde_json::json!({
        "start": start,
        "start_empty": empty,
        "memory_kb": (most - least) / f64::from(STORED),
        "record_kb": record as f64 / 1024.0,
        "attempts_per_second": attempts,
        "new_job": beside,
        "new_job_alone": alone,
    })
}

fn main() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    println!("{}", runtime.block_on(measure()));
}
