//! From what the agent hands over to the job: `TaskInfo.data` is an `AssignedTask` in Thrift's
//! binary protocol, and that has the job in JSON.

use aurora_api::{AssignedTask, Container, Protocol};
use mesos_proto::mesos::{TaskInfo, volume};

use crate::task::{Assignment, Job};

use super::taskfs::Volume;

/// Why a task cannot be run, as it is reported.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AssignError {
    /// It is no Aurora task.
    #[error("Could not deserialize task.")]
    NotAnAssignedTask(#[source] Option<thrift::Error>),
    /// Its job cannot be read or resolved.
    #[error("Task initialization failed: {0}")]
    Job(String),
}

/// A task, ready to be run.
#[derive(Debug, Clone)]
pub(crate) struct Assigned {
    pub(crate) task_id: String,
    pub(crate) instance: i32,
    pub(crate) hostname: String,
    pub(crate) job: Job,
    /// Runs inside a Docker container, as the container's user.
    pub(crate) in_docker: bool,
    /// What it sees of the agent besides its sandbox, where an image is its file system.
    pub(crate) image: Option<Vec<Volume>>,
}

impl Assigned {
    /// Reads a task. `hostname` is the agent's, for a task that does not name it.
    pub(crate) fn read(task: &TaskInfo, hostname: &str) -> Result<Self, AssignError> {
        let assigned: AssignedTask = Protocol::Binary
            .decode(task.data())
            .map_err(|error| AssignError::NotAnAssignedTask(Some(error)))?;
        let data = assigned
            .task
            .executor_config
            .as_ref()
            .and_then(|config| config.data.as_deref());
        let data = data.ok_or(AssignError::NotAnAssignedTask(None))?;
        let (in_docker, image) = match &assigned.task.container {
            Some(Container::Docker(_)) => (true, None),
            Some(Container::Mesos(container)) if container.image.is_some() => {
                (false, Some(volumes(task)))
            }
            _ => (false, None),
        };
        let hostname = assigned
            .slave_host
            .clone()
            .unwrap_or_else(|| hostname.to_string());
        let assignment = Assignment {
            task_id: assigned.task_id.clone(),
            job: assigned.task.job.clone(),
            instance: assigned.instance_id,
            hostname: hostname.clone(),
            ports: assigned
                .assigned_ports
                .iter()
                .map(|(name, port)| (name.clone(), i64::from(*port)))
                .collect(),
        };
        let job = Job::from_executor_data(data, &assignment)
            .map_err(|error| AssignError::Job(error.to_string()))?;
        Ok(Self {
            task_id: assigned.task_id,
            instance: assigned.instance_id,
            hostname,
            job,
            in_docker,
            image,
        })
    }
}

/// The agent's folders that the task's container names: those of the job, and those that the scheduler
/// adds to every container.
fn volumes(task: &TaskInfo) -> Vec<Volume> {
    let Some(container) = task.executor.as_ref().and_then(|e| e.container.as_ref()) else {
        return Vec::new();
    };
    container
        .volumes
        .iter()
        .filter(|volume| volume.has_host_path())
        .map(|volume| Volume {
            host_path: volume.host_path().into(),
            container_path: volume.container_path().into(),
            read_only: volume.mode() == volume::Mode::RO,
        })
        .collect()
}
