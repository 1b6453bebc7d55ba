//! What quotas promise while jobs are updated.

use std::collections::BTreeSet;

use aurora_api::{
    BatchJobUpdateStrategy, JobConfiguration, JobKey, JobUpdateKey, JobUpdateSettings,
    JobUpdateStatus, JobUpdateStrategy, Resource, ResourceAggregate, ResponseCode, ScheduleStatus,
    TaskConfig,
};
use aurora_scheduler::model::settings::Settings;
use aurora_scheduler::model::update::Started;
use aurora_scheduler::model::{Model, Refusal, validate};
use mesos_proto::mesos::TaskState;

use crate::support::desk::Desk;
use crate::support::jobs;

fn key() -> JobKey {
    JobKey::new("www-data", "prod", "app")
}

fn of_cores(cpus: f64) -> ResourceAggregate {
    ResourceAggregate {
        resources: BTreeSet::from([
            Resource::NumCpus(cpus.into()),
            Resource::RamMb(10_000),
            Resource::DiskMb(10_000),
        ]),
    }
}

fn production(version: i32) -> TaskConfig {
    TaskConfig {
        tier: Some("preferred".to_string()),
        ..jobs::config(&key(), version)
    }
}

fn used(desk: &Desk) -> ResourceAggregate {
    let quota = desk.model.quota(&key().role).unwrap();
    quota.prod_shared_consumption.unwrap()
}

fn cores(desk: &Desk) -> f64 {
    let used = used(desk).resources;
    let mut used = used.iter().filter_map(|resource| match resource {
        Resource::NumCpus(cpus) => Some(cpus.0),
        _ => None,
    });
    used.next().unwrap()
}

/// Updates the job to so many instances, the new ones together before the old ones go.
fn update(desk: &mut Desk, version: i32, instances: i32) -> Result<JobUpdateKey, Refusal> {
    let strategy = JobUpdateStrategy::Batch(BatchJobUpdateStrategy {
        group_size: instances,
        ..BatchJobUpdateStrategy::default()
    });
    let settings = JobUpdateSettings {
        update_strategy: Some(strategy),
        ..JobUpdateSettings::default()
    };
    let mut request = jobs::update(&key(), version, instances, settings);
    request.task_config = Some(production(version));
    let check = |model: &Model, request: &_| validate::update_request(model.settings(), request);
    match desk.run(|model| model.start_update(request, check, "me", None))? {
        Started::Rolling(summary) => Ok(summary.key),
        other => panic!("{other:?}"),
    }
}

/// A job whose only instance is its third one, under a quota for two: an update to two instances adds
/// the first two, and then removes the third.
fn two_for_one() -> (Desk, JobUpdateKey) {
    let mut desk = Desk::new(Settings::default());
    let role = key().role;
    assert_eq!(desk.run(|m| m.set_quota(&role, &of_cores(0.75))), Ok(()));
    desk.create(&production(0), 3);
    let two = BTreeSet::from([0, 1]);
    let killed = desk.run(|model| model.kill_tasks(&key(), Some(&two), "me", None));
    assert_eq!(killed, Ok(2));
    assert_eq!(desk.run(|m| m.set_quota(&role, &of_cores(0.5))), Ok(()));
    let key = update(&mut desk, 1, 2).unwrap();
    (desk, key)
}

#[test]
fn an_update_counts_as_the_larger_of_both_its_sides_until_it_is_over() {
    let (mut desk, update) = two_for_one();
    assert_eq!(desk.model.tasks().active(&key()).count(), 3);
    assert_eq!(cores(&desk), 0.5);
    let third = desk.model.tasks().active_instance(&key(), 2).unwrap();
    let third = third.id.clone();
    desk.keep_offering(1000, "a", 10.0);
    assert_eq!(desk.status(&third), Some(ScheduleStatus::Killing));
    desk.report(&third, TaskState::TASK_KILLED);
    let status = desk.model.update(&update).map(|update| update.status());
    assert_eq!(status, Some(JobUpdateStatus::RolledForward));
    assert_eq!(desk.model.tasks().active(&key()).count(), 2);
    assert_eq!(cores(&desk), 0.5);
}

#[test]
fn an_update_aborted_half_way_may_leave_more_than_the_quota_and_then_nothing_is_added() {
    let (mut desk, aborted) = two_for_one();
    assert_eq!(
        desk.run(|model| model.abort_update(&aborted, "me", None)),
        Ok(())
    );
    assert_eq!(cores(&desk), 0.75, "every instance counts as what it is");
    let refused = |by: &str| {
        let message = format!("Insufficient resource quota: CPU quota exceeded by {by} core(s)");
        let code = ResponseCode::InvalidRequest;
        Refusal { code, message }
    };
    let added = desk.run(|model| model.add_instances(&key(), 0, 1));
    assert_eq!(added, Err(refused("0.50")));
    // An update that adds nothing is refused, too: it is the whole that is checked.
    let grown = update(&mut desk, 2, 3);
    assert_eq!(grown.map(|_| ()), Err(refused("0.25")));
    let all = BTreeSet::from([0, 1, 2]);
    let killed = desk.run(|model| model.kill_tasks(&key(), Some(&all), "me", None));
    assert_eq!(killed, Ok(3));
    desk.create(&production(2), 2);
    assert_eq!(cores(&desk), 0.5);
}

/// A cron job of so many instances, in production or not.
fn cron(tier: &str, instances: i32) -> JobConfiguration {
    let mut job = jobs::job(&key(), 0, instances);
    job.cron_schedule = Some("0 0 1 1 *".to_string());
    let config = job.task_config.as_mut().unwrap();
    config.tier = Some(tier.to_string());
    config.is_service = false;
    job
}

fn schedule(desk: &mut Desk, job: &JobConfiguration) -> Result<(), Refusal> {
    desk.run(|model| {
        let job = model.sanitize(job)?;
        model.schedule_cron(job, false)
    })
}

#[test]
fn a_run_counts_for_what_it_is_whatever_becomes_of_its_cron_jobs_template() {
    let mut desk = Desk::new(Settings::default());
    let role = key().role;
    assert_eq!(desk.run(|m| m.set_quota(&role, &of_cores(0.75))), Ok(()));
    assert_eq!(schedule(&mut desk, &cron("preferred", 3)), Ok(()));
    assert_eq!(desk.run(|model| model.start_cron(&key())), Ok(()));
    assert_eq!(schedule(&mut desk, &cron("preemptible", 3)), Ok(()));
    assert_eq!(cores(&desk), 0.75, "the run goes on");
    let other = TaskConfig {
        job: Some(JobKey::new("www-data", "prod", "other")),
        ..production(0)
    };
    let made = desk.run(|model| {
        let job = model.sanitize(&JobConfiguration {
            key: other.job.clone(),
            task_config: Some(other.clone()),
            instance_count: 1,
            ..JobConfiguration::default()
        })?;
        model.create_job(job)
    });
    assert!(made.is_err(), "what is left is less than nothing");
    // The run has what a template of its size needs.
    assert_eq!(schedule(&mut desk, &cron("preferred", 3)), Ok(()));
    assert_eq!(cores(&desk), 0.75);
}
