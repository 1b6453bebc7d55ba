//! What the store promises: all that was acknowledged is there again, and only the leader writes.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use crate::support::jobs;
use aurora_api::{
    HostAttributes, JobKey, JobUpdate, JobUpdateEvent, JobUpdateKey, JobUpdateStatus,
    JobUpdateSummary, Resource, ResourceAggregate,
};
use aurora_scheduler::model::effect::Record;
use aurora_scheduler::model::settings::Settings;
use aurora_scheduler::model::{Model, Stored};
use aurora_scheduler::store::{Epoch, FILE_NAME, Lasting, Store, StoreError};

/// In a child process, the folder to write into.
const CHILD: &str = "STORE_TEST_FOLDER";
const ENOUGH: usize = 200;

fn epoch(zxid: i64) -> Epoch {
    Epoch { era: 1, zxid }
}

/// The records of a new job.
fn records_of(name: &str, instances: i32) -> Vec<Record> {
    let key = JobKey::new("www-data", "devel", name);
    let seed = name.bytes().fold(7, |seed, b| seed * 31 + u64::from(b));
    let mut model = Model::new(Settings::default(), Stored::default(), seed, 1000);
    let job = model.sanitize(&jobs::job(&key, 1, instances)).unwrap();
    model.create_job(job).unwrap();
    model.finish().records
}

#[test]
fn an_older_store_is_brought_up_to_date() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(folder.path()).unwrap();
    store.take_over(epoch(1), "a").unwrap();
    store
        .commit(&records_of("job", 1), Lasting::Process)
        .unwrap();
    drop(store);
    // As version 1 left it: without a table for cron jobs.
    let database = rusqlite::Connection::open(folder.path().join(FILE_NAME)).unwrap();
    let older = "DROP TABLE crons; PRAGMA user_version = 1;";
    database.execute_batch(older).unwrap();
    drop(database);
    let mut store = Store::open(folder.path()).unwrap();
    assert_eq!(store.take_over(epoch(2), "b").unwrap().tasks.len(), 1);
    let cron = jobs::job(&JobKey::new("r", "e", "cron"), 1, 2);
    let save = Record::SaveCronJob(Box::new(cron.clone()));
    store.commit(&[save], Lasting::Process).unwrap();
    drop(store);
    let mut store = Store::open(folder.path()).unwrap();
    let stored = store.take_over(epoch(3), "c").unwrap();
    assert_eq!((stored.tasks.len(), stored.crons), (1, vec![cron]));
}

#[test]
fn everything_is_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(folder.path()).unwrap();
    let empty = store.take_over(epoch(1), "a").unwrap();
    assert!(empty.tasks.is_empty() && empty.framework_id.is_none());
    let key = JobUpdateKey {
        job: JobKey::new("r", "e", "n"),
        id: "u".to_string(),
    };
    let update = JobUpdate {
        summary: JobUpdateSummary {
            key: key.clone(),
            ..JobUpdateSummary::default()
        },
        ..JobUpdate::default()
    };
    let event = |status, timestamp_ms| JobUpdateEvent {
        status,
        timestamp_ms,
        user: None,
        message: None,
    };
    let host = HostAttributes {
        host: "h".to_string(),
        ..HostAttributes::default()
    };
    let quota = ResourceAggregate {
        resources: [Resource::RamMb(5)].into(),
    };
    let cron = jobs::job(&JobKey::new("r", "e", "cron"), 1, 2);
    let gone = jobs::job(&JobKey::new("r", "e", "gone"), 1, 2);
    let mut records = records_of("job", 3);
    records.extend([
        Record::SaveUpdate(Box::new(update)),
        Record::AddUpdateEvent(key.clone(), event(JobUpdateStatus::RollingForward, 1)),
        Record::AddUpdateEvent(key.clone(), event(JobUpdateStatus::Aborted, 2)),
        Record::SaveHost(host.clone()),
        Record::SaveQuota("r".to_string(), quota.clone()),
        Record::SaveCronJob(Box::new(cron.clone())),
        Record::SaveCronJob(Box::new(gone)),
        Record::RemoveCronJob(JobKey::new("r", "e", "gone")),
        Record::SaveFrameworkId("F".to_string()),
    ]);
    store.commit(&records, Lasting::Process).unwrap();
    drop(store);
    let stored = Store::open(folder.path())
        .unwrap()
        .take_over(epoch(2), "b")
        .unwrap();
    assert_eq!(stored.tasks.len(), 3);
    assert_eq!(stored.crons, [cron]);
    let config = jobs::config(&JobKey::new("www-data", "devel", "job"), 1);
    for task in &stored.tasks {
        assert_eq!(task.assigned_task.task.resources, config.resources);
        assert_eq!(task.task_events.len(), 1);
    }
    assert_eq!(stored.hosts, [host]);
    assert_eq!(stored.quotas.get("r"), Some(&quota));
    assert_eq!(stored.framework_id.as_deref(), Some("F"));
    let events: Vec<_> = stored.updates[0]
        .update_events
        .iter()
        .map(|e| e.status)
        .collect();
    assert_eq!(
        events,
        [JobUpdateStatus::RollingForward, JobUpdateStatus::Aborted]
    );
}

#[test]
fn what_is_removed_stays_removed() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(folder.path()).unwrap();
    store.take_over(epoch(1), "a").unwrap();
    let records = records_of("job", 2);
    store.commit(&records, Lasting::Process).unwrap();
    let first = records.iter().find_map(|record| match record {
        Record::SaveTask(task) => Some(task.id.clone()),
        _ => None,
    });
    store
        .commit(&[Record::RemoveTask(first.unwrap())], Lasting::Process)
        .unwrap();
    let stored = Store::open(folder.path())
        .unwrap()
        .take_over(epoch(2), "b")
        .unwrap();
    assert_eq!(stored.tasks.len(), 1);
}

#[test]
fn a_deposed_leader_can_write_nothing_more() {
    let folder = tempfile::tempdir().unwrap();
    let mut old = Store::open(folder.path()).unwrap();
    old.take_over(epoch(1), "old").unwrap();
    let mut new = Store::open(folder.path()).unwrap();
    assert!(
        matches!(
            new.commit(&records_of("x", 1), Lasting::Process),
            Err(StoreError::Deposed)
        ),
        "not yet leading"
    );
    new.take_over(epoch(2), "new").unwrap();
    assert!(matches!(
        old.commit(&records_of("x", 1), Lasting::Process),
        Err(StoreError::Deposed)
    ));
    assert!(
        matches!(old.take_over(epoch(1), "old"), Err(StoreError::Deposed)),
        "it is too late"
    );
    new.commit(&records_of("y", 1), Lasting::Process).unwrap();
    // A new ZooKeeper counts from the beginning, in a new era.
    let mut next = Store::open(folder.path()).unwrap();
    let stored = next.take_over(Epoch { era: 2, zxid: 1 }, "next").unwrap();
    assert_eq!(stored.tasks.len(), 1);
}

#[test]
fn a_folder_that_cannot_be_is_named() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let error = Store::open(&file.path().join("store")).unwrap_err();
    assert!(
        error.to_string().contains("cannot make the folder"),
        "{error}"
    );
}

/// The child: commits job after job, and says so after each.
fn write_until_killed(folder: &str) {
    let mut store = Store::open(folder.as_ref()).unwrap();
    store.take_over(epoch(1), "child").unwrap();
    for n in 0.. {
        store
            .commit(&records_of(&format!("job{n}"), 2), Lasting::Machine)
            .unwrap();
        println!("acknowledged {n}");
    }
}

#[test]
fn what_was_acknowledged_survives_a_kill() {
    if let Ok(folder) = std::env::var(CHILD) {
        return write_until_killed(&folder);
    }
    let folder = tempfile::tempdir().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "store::what_was_acknowledged_survives_a_kill",
            "--exact",
            "--nocapture",
        ])
        .env(CHILD, folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    let acknowledged = output
        .lines()
        .map_while(Result::ok)
        .filter(|line| line.starts_with("acknowledged"))
        .take(ENOUGH)
        .count();
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(acknowledged, ENOUGH);
    let stored = Store::open(folder.path())
        .unwrap()
        .take_over(epoch(2), "next")
        .unwrap();
    assert!(
        stored.tasks.len() >= 2 * ENOUGH,
        "{} tasks",
        stored.tasks.len()
    );
    assert_eq!(stored.tasks.len() % 2, 0, "a transaction was cut in half");
}
