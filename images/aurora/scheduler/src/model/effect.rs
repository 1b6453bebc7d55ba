//! What the model wants done outside: records to store, and calls to Mesos.

use aurora_api::{
    HostAttributes, HostMaintenanceRequest, JobConfiguration, JobInstanceUpdateEvent, JobKey,
    JobUpdate, JobUpdateEvent, JobUpdateKey, ResourceAggregate, ScheduleStatus,
};
use mesos_proto::mesos::{Resource, TaskID};

use super::sla::Ask;
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
    /// How a host is to be drained.
    SaveMaintenance(HostMaintenanceRequest),
    /// The host is not to be drained any more.
    RemoveMaintenance(String),
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
    /// Let the master have an agent back.
    AcceptInverse { offer: String },
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

/// A task that has just changed its state.
#[derive(Debug, Clone)]
pub struct StateChange {
    /// The task in its new state.
    pub task: Box<Task>,
    /// The state before; INIT for a new task.
    pub from: ScheduleStatus,
}

/// Everything a command led to.
#[derive(Debug, Default)]
pub struct Effects {
    /// To be stored first, together.
    pub records: Vec<Record>,
    /// To be sent then, in this order.
    pub requests: Vec<Request>,
    /// Questions to coordinators.
    pub asks: Vec<Ask>,
    /// Changes that the webhook tells of; none if there is no webhook.
    pub changes: Vec<StateChange>,
}
