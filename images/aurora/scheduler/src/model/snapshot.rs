//! Everything the model knows as one struct, in the original's form, and back.

use aurora_api::storage::{
    QuotaConfiguration, SchedulerMetadata, Snapshot, StoredCronJob, StoredJobUpdateDetails,
};
use aurora_api::{JobUpdateDetails, ScheduledTask, TaskQuery};

use super::query;
use super::table::Table;
use super::task::Task;
use super::{Model, Stored};

impl Model {
    /// What a backup holds.
    pub fn snapshot(&self) -> Snapshot {
        let details = |update: &super::Update| StoredJobUpdateDetails {
            details: JobUpdateDetails {
                update: update.update.clone(),
                update_events: update.events.clone(),
                instance_events: update.instance_events.clone(),
            },
        };
        let crons = self.crons.values().map(|cron| StoredCronJob {
            job_configuration: cron.config.clone(),
        });
        let quotas = self.quotas.iter().map(|(role, quota)| QuotaConfiguration {
            role: role.clone(),
            quota: quota.clone(),
        });
        Snapshot {
            timestamp: self.now,
            host_attributes: self.hosts.values().cloned().collect(),
            tasks: self.tasks.iter().map(Task::to_scheduled).collect(),
            cron_jobs: crons.collect(),
            scheduler_metadata: SchedulerMetadata {
                framework_id: self.framework_id.clone(),
                ..SchedulerMetadata::default()
            },
            quota_configurations: quotas.collect(),
            job_update_details: self.updates.values().map(details).collect(),
            host_maintenance_requests: self.maintenance.values().cloned().collect(),
        }
    }
}

impl From<Snapshot> for Stored {
    fn from(snapshot: Snapshot) -> Self {
        let quotas = snapshot.quota_configurations.into_iter();
        let updates = snapshot.job_update_details.into_iter();
        let crons = snapshot.cron_jobs.into_iter();
        Self {
            tasks: snapshot.tasks.into_iter().collect(),
            updates: updates.map(|stored| stored.details).collect(),
            hosts: snapshot.host_attributes.into_iter().collect(),
            maintenance: snapshot.host_maintenance_requests.into_iter().collect(),
            quotas: quotas.map(|stored| (stored.role, stored.quota)).collect(),
            crons: crons.map(|stored| stored.job_configuration).collect(),
            framework_id: snapshot.scheduler_metadata.framework_id,
        }
    }
}

/// The tasks of a snapshot that a query means.
pub fn select(snapshot: &Snapshot, asked: &TaskQuery) -> Vec<ScheduledTask> {
    let mut table = Table::default();
    for scheduled in &snapshot.tasks {
        let config = table.intern(scheduled.assigned_task.task.clone());
        if let Some(task) = Task::from_scheduled(scheduled.clone(), config) {
            table.insert(task);
        }
    }
    let found = query::select(&table, asked);
    found.into_iter().map(Task::to_scheduled).collect()
}
