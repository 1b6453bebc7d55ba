//! Tasks: what to run, and what became of it.

use std::collections::{BTreeMap, BTreeSet};

use super::container::{Container, MesosContainer, MesosFetcherUri};
use super::job::{Identity, JobKey};
use super::sla::SlaPolicy;
use crate::enums::ScheduleStatus;
use crate::value::Double;

thrift_struct! {
    /// A host's attribute must (or, negated, must not) have one of these values.
    ValueConstraint {
        1 "negated" => negated: bool,
        2 "values" => values: BTreeSet<String>,
    }

    /// At most so many of the job's tasks share a value of the attribute.
    LimitConstraint {
        1 "limit" => limit: i32,
    }

    /// A constraint on one attribute.
    Constraint {
        1 "name" => name: String,
        2 "constraint" => constraint: TaskConstraint,
    }

    /// A label.
    Metadata {
        1 "key" => key: String,
        2 "value" => value: String,
    }

    /// The executor of a task, and what it is given: for `AuroraExecutor`, the job in JSON.
    ExecutorConfig {
        1 "name" => name: Option<String>,
        2 "data" => data: Option<String>,
    }

    /// What happens to a task whose agent is cut off.
    PartitionPolicy {
        1 "reschedule" => reschedule: bool,
        2 "delaySecs" => delay_secs: Option<i64>,
    }

    /// What every instance of a job runs.
    TaskConfig {
        7 "isService" => is_service: bool,
        11 "priority" => priority: i32,
        13 "maxTaskFailures" => max_task_failures: i32,
        17 "owner" => owner: Option<Identity>,
        18 "production" => production: Option<bool>,
        20 "constraints" => constraints: BTreeSet<Constraint>,
        22 "taskLinks" => task_links: Option<BTreeMap<String, String>>,
        23 "contactEmail" => contact_email: Option<String>,
        25 "executorConfig" => executor_config: Option<ExecutorConfig>,
        27 "metadata" => metadata: Option<BTreeSet<Metadata>>,
        28 "job" => job: Option<JobKey>,
        /// A Mesos container without an image when it is missing on the wire.
        29 "container" => container: Option<Container> = Some(Container::Mesos(MesosContainer::default())),
        30 "tier" => tier: Option<String>,
        32 "resources" => resources: BTreeSet<Resource>,
        33 "mesosFetcherUris" => mesos_fetcher_uris: Option<BTreeSet<MesosFetcherUri>>,
        34 "partitionPolicy" => partition_policy: Option<PartitionPolicy>,
        35 "slaPolicy" => sla_policy: Option<SlaPolicy>,
    }

    /// A sum of resources.
    ResourceAggregate {
        4 "resources" => resources: BTreeSet<Resource>,
    }

    /// A step in a task's life.
    TaskEvent {
        /// Milliseconds since the epoch.
        1 "timestamp" => timestamp: i64,
        2 "status" => status: ScheduleStatus,
        3 "message" => message: Option<String>,
        /// Host name of the scheduler that took the step.
        4 "scheduler" => scheduler: Option<String>,
    }

    /// A task and its place, if it has one yet.
    AssignedTask {
        1 "taskId" => task_id: String,
        2 "slaveId" => slave_id: Option<String>,
        3 "slaveHost" => slave_host: Option<String>,
        4 "task" => task: TaskConfig,
        5 "assignedPorts" => assigned_ports: BTreeMap<String, i32>,
        6 "instanceId" => instance_id: i32,
    }

    /// A task as the scheduler keeps it.
    ScheduledTask {
        1 "assignedTask" => assigned_task: AssignedTask,
        2 "status" => status: ScheduleStatus,
        3 "failureCount" => failure_count: i32,
        4 "taskEvents" => task_events: Vec<TaskEvent>,
        5 "ancestorId" => ancestor_id: Option<String>,
        6 "timesPartitioned" => times_partitioned: i32,
    }

    /// Why a task is still pending.
    PendingReason {
        1 "taskId" => task_id: String,
        2 "reason" => reason: String,
    }

    /// A tier and its settings (`preemptible`, `revocable`; both `true` or `false`).
    TierConfig {
        1 "name" => name: String,
        2 "settings" => settings: BTreeMap<String, String>,
    }
}

thrift_union! {
    /// A constraint's condition.
    TaskConstraint {
        1 "value" => Value(ValueConstraint),
        2 "limit" => Limit(LimitConstraint),
    }

    /// An amount of one resource.
    Resource {
        1 "numCpus" => NumCpus(Double),
        2 "ramMb" => RamMb(i64),
        3 "diskMb" => DiskMb(i64),
        4 "namedPort" => NamedPort(String),
        5 "numGpus" => NumGpus(i64),
    }
}
