//! How many of a job's tasks are where, by the attributes of their hosts: what limits are about.

use std::collections::HashMap;

use aurora_api::{HostAttributes, JobKey};

use super::Model;

/// Numbers of one job's tasks on hosts whose attribute of a name has a value.
#[derive(Debug, Default)]
pub(super) struct Counts(HashMap<String, HashMap<String, usize>>);

impl Counts {
    /// Counts one more task on a host.
    pub(super) fn add(&mut self, host: &HostAttributes) {
        for attribute in &host.attributes {
            let of_name = self.0.entry(attribute.name.clone()).or_default();
            for value in &attribute.values {
                *of_name.entry(value.clone()).or_default() += 1;
            }
        }
    }

    /// How many there are.
    pub(super) fn of(&self, name: &str, value: &str) -> usize {
        let of_name = self.0.get(name);
        of_name
            .and_then(|values| values.get(value))
            .copied()
            .unwrap_or(0)
    }
}

impl Model {
    /// Counts the tasks of a job that have an agent.
    pub(super) fn count_by_attribute(&self, job: &JobKey) -> Counts {
        let mut counts = Counts::default();
        for task in self.tasks.active(job) {
            if task.status.is_agent_assigned()
                && let Some(host) = task.host.as_ref().and_then(|host| self.hosts.get(host))
            {
                counts.add(host);
            }
        }
        counts
    }
}
