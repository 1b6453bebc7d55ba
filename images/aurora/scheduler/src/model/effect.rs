//! What the model wants done outside: records to store, and calls to Mesos.

use aurora_api::{
    HostAttributes, JobConfiguration, JobInstanceUpdateEvent, JobKey, JobUpdate, JobUpdateEvent,
    JobUpdateKey, ResourceAggregate,
};
use mesos_proto::mesos::{Resource, TaskID};

use super::task::Task;

/// A change of a record. All changes of one command are stored in one transaction.
#[derive(Debug, Clone)]
pub enum Record {
    /// The task as it is now.
    SaveTask(Box<Task>),
    /// The task is gone.
    RemoveTask(String),
    /// A new update, without events.
    SaveUpdate(Box<JobUpdate>),
    /// One more event of an update.
    AddUpdateEvent(JobUpdateKey, JobUpdateEvent),
    /// One more event of an instance under an update.
    AddInstanceEvent(JobUpdateKey, JobInstanceUpdateEvent),
    /// The update and its events are gone.
    RemoveUpdate(JobUpdateKey),
    /// What is known of a host.
    SaveHost(HostAttributes),
    /// A role's quota.
    SaveQuota(String, ResourceAggregate),
    /// A cron job, new or changed.
    SaveCronJob(Box<JobConfiguration>),
    /// The cron job is gone.
    RemoveCronJob(JobKey),
    /// Our name with the master; empty if it takes us no longer.
    SaveFrameworkId(String),
}

/// A task to launch, with the resources taken from the offers for it.
#[derive(Debug, Clone)]
pub struct Launch {
    /// The task, assigned.
    pub task: Box<Task>,
    /// For the task itself.
    pub resources: Vec<Resource>,
    /// For its executor.
    pub executor_resources: Vec<Resource>,
}

/// A call to Mesos, made after the records are stored.
#[derive(Debug, Clone)]
pub enum Request {
    /// Launch on these offers, which are all of one agent.
    Accept {
        offers: Vec<String>,
        launches: Vec<Launch>,
    },
    /// Give offers back. `refuse_secs` as the flag says if `None`.
    Decline {
        offers: Vec<String>,
        refuse_secs: Option<f64>,
    },
    /// Kill a task.
    Kill {
        task: String,
        agent_id: Option<String>,
    },
    /// Ask about these tasks (id, agent); about all when empty.
    Reconcile {
        tasks: Vec<(TaskID, Option<String>)>,
    },
}

/// Everything a command led to.
#[derive(Debug, Default)]
pub struct Effects {
    /// To be stored first, together.
    pub records: Vec<Record>,
    /// To be sent then, in this order.
    pub requests: Vec<Request>,
}
