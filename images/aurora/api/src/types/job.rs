//! Jobs: their keys, their configuration, and what the scheduler sums up of them.

use std::collections::BTreeSet;
use std::fmt;

use super::task::TaskConfig;
use crate::enums::CronCollisionPolicy;

thrift_struct! {
    /// Who owns a job.
    Identity {
        2 "user" => user: Option<String>,
    }

    /// A job's name within its cluster. Displays as `role/environment/name`.
    JobKey {
        1 "role" => role: String,
        2 "environment" => environment: String,
        3 "name" => name: String,
    }

    /// One instance of a job.
    InstanceKey {
        1 "jobKey" => job_key: Option<JobKey>,
        2 "instanceId" => instance_id: i32,
    }

    /// A package (unused since long, still declared).
    Package {
        1 "role" => role: String,
        2 "name" => name: String,
        3 "version" => version: i32,
    }

    /// A client-side lock on a job (deprecated).
    Lock {
        1 "key" => key: LockKey,
        2 "token" => token: String,
        3 "user" => user: String,
        4 "timestampMs" => timestamp_ms: i64,
        5 "message" => message: Option<String>,
    }

    /// A job as it is created.
    JobConfiguration {
        4 "cronSchedule" => cron_schedule: Option<String>,
        5 "cronCollisionPolicy" => cron_collision_policy: Option<CronCollisionPolicy>,
        6 "taskConfig" => task_config: Option<TaskConfig>,
        7 "owner" => owner: Option<Identity>,
        8 "instanceCount" => instance_count: i32,
        9 "key" => key: Option<JobKey>,
    }

    /// A job's tasks, counted by kind of state.
    JobStats {
        1 "activeTaskCount" => active_task_count: i32,
        2 "finishedTaskCount" => finished_task_count: i32,
        3 "failedTaskCount" => failed_task_count: i32,
        4 "pendingTaskCount" => pending_task_count: i32,
    }

    /// A job, summed up.
    JobSummary {
        1 "job" => job: JobConfiguration,
        2 "stats" => stats: JobStats,
        3 "nextCronRunMs" => next_cron_run_ms: Option<i64>,
    }

    /// Instance numbers from `first` to `last`, both included.
    Range {
        1 "first" => first: i32,
        2 "last" => last: i32,
    }

    /// Instances that share a configuration.
    ConfigGroup {
        1 "config" => config: TaskConfig,
        3 "instances" => instances: BTreeSet<Range>,
    }

    /// A job's configurations.
    ConfigSummary {
        1 "key" => key: JobKey,
        2 "groups" => groups: BTreeSet<ConfigGroup>,
    }

    /// A role's number of jobs.
    RoleSummary {
        1 "role" => role: String,
        2 "jobCount" => job_count: i32,
        3 "cronJobCount" => cron_job_count: i32,
    }
}

thrift_union! {
    /// What a lock is on (deprecated).
    LockKey {
        1 "job" => Job(JobKey),
    }
}

impl JobKey {
    /// A key from its three parts.
    pub fn new(
        role: impl Into<String>,
        environment: impl Into<String>,
        name: impl Into<String>,
    ) -> Self {
        Self {
            role: role.into(),
            environment: environment.into(),
            name: name.into(),
        }
    }
}

impl fmt::Display for JobKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.role, self.environment, self.name)
    }
}

impl Range {
    /// Sorted or unsorted instance numbers as the fewest ranges.
    pub fn cover(instances: impl IntoIterator<Item = i32>) -> BTreeSet<Self> {
        let sorted: BTreeSet<i32> = instances.into_iter().collect();
        let mut ranges: Vec<Self> = Vec::new();
        for instance in sorted {
            match ranges.last_mut() {
                Some(range) if range.last.checked_add(1) == Some(instance) => range.last = instance,
                _ => ranges.push(Self {
                    first: instance,
                    last: instance,
                }),
            }
        }
        ranges.into_iter().collect()
    }
}
