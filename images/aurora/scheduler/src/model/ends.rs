//! Counts of tasks that ended badly, as `/vars` shows them: by job, and by what their hosts are known for.

use aurora_api::ScheduleStatus;

use super::Model;
use super::constraints::DEDICATED;

impl Model {
    /// Counts what became of a task, by its job and by its host.
    pub(super) fn count_end(&mut self, id: &str) {
        use ScheduleStatus as S;
        let Some(task) = self.tasks.get(id) else {
            return;
        };
        let (status, host) = (task.status, task.host.clone());
        if matches!(status, S::Lost | S::Failed) {
            let name = format!("tasks_{status}_{}", task.job);
            self.stats.count(&name);
        }
        if let Some(host) = host {
            self.count_lost(&host, status == S::Lost);
        }
    }

    /// Counts a task that is, or is not, lost by what its host is known for. So there is a count, if only of none, as
    /// soon as anything has happened there.
    fn count_lost(&mut self, host: &str, is_lost: bool) {
        let Some(host) = self.hosts.get(host) else {
            return;
        };
        for attribute in &host.attributes {
            if ["rack", DEDICATED].contains(&attribute.name.as_str()) {
                for value in &attribute.values {
                    let value = value.replace('*', "_");
                    let name = format!("tasks_lost_{}_{value}", attribute.name);
                    self.stats.add(&name, usize::from(is_lost));
                }
            }
        }
    }
}
