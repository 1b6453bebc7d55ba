//! Which tasks or updates a call is about. All conditions given must hold; `None` is no condition,
//! and neither is an empty set.

use std::collections::BTreeSet;

use super::job::JobKey;
use super::update::JobUpdateKey;
use crate::enums::{JobUpdateStatus, ScheduleStatus};

thrift_struct! {
    /// Which tasks.
    TaskQuery {
        2 "jobName" => job_name: Option<String>,
        4 "taskIds" => task_ids: Option<BTreeSet<String>>,
        5 "statuses" => statuses: Option<BTreeSet<ScheduleStatus>>,
        7 "instanceIds" => instance_ids: Option<BTreeSet<i32>>,
        9 "environment" => environment: Option<String>,
        10 "slaveHosts" => slave_hosts: Option<BTreeSet<String>>,
        11 "jobKeys" => job_keys: Option<BTreeSet<JobKey>>,
        12 "offset" => offset: Option<i32>,
        13 "limit" => limit: Option<i32>,
        14 "role" => role: Option<String>,
    }

    /// Which job updates.
    JobUpdateQuery {
        2 "role" => role: Option<String>,
        3 "jobKey" => job_key: Option<JobKey>,
        4 "user" => user: Option<String>,
        5 "updateStatuses" => update_statuses: Option<BTreeSet<JobUpdateStatus>>,
        6 "offset" => offset: Option<i32>,
        7 "limit" => limit: Option<i32>,
        8 "key" => key: Option<JobUpdateKey>,
    }

    /// How explicit reconciliation is done.
    ExplicitReconciliationSettings {
        1 "batchSize" => batch_size: Option<i32>,
    }
}
