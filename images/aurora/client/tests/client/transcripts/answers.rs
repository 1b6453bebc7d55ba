//! A scheduler's answers about one job, at times that do not pass.

use std::collections::{BTreeMap, BTreeSet};

use aurora_api::{
    AssignedTask, CallResult, GetJobUpdateDetailsResult, GetJobUpdateSummariesResult,
    GetJobsResult, GetTierConfigResult, JobConfiguration, JobInstanceUpdateEvent, JobKey,
    JobUpdate, JobUpdateAction, JobUpdateDetails, JobUpdateEvent, JobUpdateKey, JobUpdateState,
    JobUpdateStatus, JobUpdateSummary, Metadata, Resource, Response, ScheduleStatus,
    ScheduleStatusResult, ScheduledTask, TaskConfig, TaskEvent,
};

use crate::support::ok;

pub(super) const TASKS: &str = "getTasksWithoutConfigs";
pub(super) const SUMMARIES: &str = "getJobUpdateSummaries";

type Answer = (&'static str, Response);

fn job() -> JobKey {
    JobKey::new("www-data", "devel", "hello_world")
}

pub(super) fn tiers() -> Answer {
    let tiers = GetTierConfigResult::default();
    ("getTierConfigs", ok(CallResult::GetTierConfig(tiers)))
}

/// Tasks with all that `job status` shows, by instance and state.
pub(super) fn tasks(states: &[(i32, ScheduleStatus)]) -> Answer {
    let event = |timestamp, status, message: Option<&str>| TaskEvent {
        timestamp,
        status,
        message: message.map(str::to_owned),
        scheduler: Some("scheduler".to_owned()),
    };
    let tasks = states
        .iter()
        .map(|(instance, status)| ScheduledTask {
            assigned_task: AssignedTask {
                task_id: format!("www-data-devel-hello_world-{instance}-id"),
                slave_host: Some("agent-1".to_owned()),
                instance_id: *instance,
                assigned_ports: BTreeMap::from([("http".to_owned(), 31000 + instance)]),
                task: TaskConfig {
                    job: Some(job()),
                    resources: BTreeSet::from([
                        Resource::NumCpus(0.5.into()),
                        Resource::RamMb(64),
                        Resource::DiskMb(128),
                        Resource::NamedPort("http".to_owned()),
                    ]),
                    max_task_failures: 1,
                    metadata: Some(BTreeSet::from([metadata()])),
                    ..TaskConfig::default()
                },
                ..AssignedTask::default()
            },
            status: *status,
            failure_count: 2,
            task_events: vec![
                event(1_000, ScheduleStatus::Pending, None),
                event(61_000, *status, Some("as it happened")),
            ],
            ..ScheduledTask::default()
        })
        .collect();
    let result = ScheduleStatusResult { tasks };
    (TASKS, ok(CallResult::ScheduleStatus(result)))
}

/// The same, asked for with their configurations.
pub(super) fn whole(states: &[(i32, ScheduleStatus)]) -> Answer {
    ("getTasksStatus", tasks(states).1)
}

fn metadata() -> Metadata {
    Metadata {
        key: "owner".to_owned(),
        value: "somebody".to_owned(),
    }
}

/// The role's jobs: by name, with the schedules of those that have one.
pub(super) fn jobs(jobs: &[(&str, Option<&str>)]) -> Answer {
    let configs = jobs
        .iter()
        .map(|(name, schedule)| JobConfiguration {
            key: Some(JobKey::new("www-data", "devel", *name)),
            cron_schedule: schedule.map(str::to_owned),
            ..JobConfiguration::default()
        })
        .collect();
    let result = GetJobsResult { configs };
    ("getJobs", ok(CallResult::GetJobs(result)))
}

fn summary(id: &str, status: JobUpdateStatus) -> JobUpdateSummary {
    JobUpdateSummary {
        key: JobUpdateKey {
            job: job(),
            id: id.to_owned(),
        },
        user: "somebody".to_owned(),
        state: Some(JobUpdateState {
            status,
            created_timestamp_ms: 1_000,
            last_modified_timestamp_ms: 3_661_000,
        }),
        metadata: Some(BTreeSet::from([metadata()])),
    }
}

/// Updates of the job, by state.
pub(super) fn updates(statuses: &[JobUpdateStatus]) -> Answer {
    let update_summaries = (1..)
        .zip(statuses)
        .map(|(number, status)| summary(&format!("update-{number}"), *status))
        .collect();
    let result = GetJobUpdateSummariesResult { update_summaries };
    (SUMMARIES, ok(CallResult::GetJobUpdateSummaries(result)))
}

/// One update with its history.
pub(super) fn details(status: JobUpdateStatus) -> Answer {
    let details = JobUpdateDetails {
        update: JobUpdate {
            summary: summary("update-1", status),
            ..JobUpdate::default()
        },
        update_events: vec![
            JobUpdateEvent {
                status: JobUpdateStatus::RollingForward,
                timestamp_ms: 1_000,
                user: Some("somebody".to_owned()),
                message: Some("why".to_owned()),
            },
            JobUpdateEvent {
                status,
                timestamp_ms: 3_661_000,
                user: None,
                message: None,
            },
        ],
        instance_events: vec![JobInstanceUpdateEvent {
            instance_id: 0,
            timestamp_ms: 2_000,
            action: JobUpdateAction::InstanceUpdating,
            message: None,
        }],
    };
    let result = GetJobUpdateDetailsResult {
        details: None,
        details_list: Some(vec![details]),
    };
    let method = "getJobUpdateDetails";
    (method, ok(CallResult::GetJobUpdateDetails(result)))
}
