//! A store in memory.

use std::collections::{BTreeMap, HashMap};

use aurora_api::{
    HostAttributes, HostMaintenanceRequest, JobConfiguration, JobKey, JobUpdateDetails,
    JobUpdateKey, ResourceAggregate, ScheduledTask,
};
use aurora_scheduler::model::effect::Record;
use aurora_scheduler::model::task::Task;

#[derive(Default)]
pub(crate) struct FakeStore {
    pub(crate) tasks: HashMap<String, Task>,
    pub(crate) updates: BTreeMap<JobUpdateKey, JobUpdateDetails>,
    pub(crate) crons: BTreeMap<JobKey, JobConfiguration>,
    pub(crate) hosts: BTreeMap<String, HostAttributes>,
    pub(crate) maintenance: BTreeMap<String, HostMaintenanceRequest>,
    pub(crate) quotas: BTreeMap<String, ResourceAggregate>,
    pub(crate) framework_id: Option<String>,
}

impl FakeStore {
    /// The tasks as a scheduler that starts finds them, in an order that does not change from run to run.
    pub(crate) fn scheduled(&self) -> Vec<ScheduledTask> {
        let mut tasks: Vec<&Task> = self.tasks.values().collect();
        tasks.sort_by(|a, b| a.id.cmp(&b.id));
        tasks.into_iter().map(Task::to_scheduled).collect()
    }

    pub(crate) fn apply(&mut self, record: Record) {
        match record {
            Record::SaveTask(task) => {
                self.tasks.insert(task.id.clone(), *task);
            }
            Record::RemoveTask(id) => {
                self.tasks.remove(&id);
            }
            Record::SaveUpdate(update) => {
                let key = update.summary.key.clone();
                let details = JobUpdateDetails {
                    update: *update,
                    ..JobUpdateDetails::default()
                };
                self.updates.insert(key, details);
            }
            Record::AddUpdateEvent(key, event) => {
                self.updates
                    .get_mut(&key)
                    .expect("the update was saved")
                    .update_events
                    .push(event);
            }
            Record::AddInstanceEvent(key, event) => {
                let details = self.updates.get_mut(&key).expect("the update was saved");
                details.instance_events.push(event);
            }
            Record::RemoveUpdate(key) => {
                self.updates.remove(&key);
            }
            Record::SaveFrameworkId(id) => self.framework_id = Some(id),
            Record::SaveCronJob(config) => {
                let key = config.key.clone().expect("a cron job has a key");
                self.crons.insert(key, *config);
            }
            Record::RemoveCronJob(key) => {
                self.crons.remove(&key);
            }
            Record::SaveHost(host) => {
                self.hosts.insert(host.host.clone(), host);
            }
            Record::SaveMaintenance(request) => {
                self.maintenance.insert(request.host.clone(), request);
            }
            Record::RemoveMaintenance(host) => {
                self.maintenance.remove(&host);
            }
            Record::SaveQuota(role, quota) => {
                self.quotas.insert(role, quota);
            }
        }
    }
}
