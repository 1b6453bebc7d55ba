//! Agents of the simulated cluster that cannot be reached for a while, and what the tasks there are.

use aurora_api::{JobKey, PartitionPolicy, Resource, ResourceAggregate, TaskConfig};
use aurora_scheduler::model::chance::Chance;
use mesos_proto::mesos::TaskState;

use super::World;
use crate::support::jobs;

const ROLE: &str = "www-data";

impl World {
    /// A job's configuration: its name says the tier, its version how partitions are borne.
    pub(crate) fn shape(&self, key: &JobKey, version: i32) -> TaskConfig {
        let tier = match key.name.as_bytes().last() {
            Some(b'0') => "preferred",
            Some(b'1') => "preemptible",
            _ => "revocable",
        };
        let policy = |reschedule, delay_secs| PartitionPolicy {
            reschedule,
            delay_secs,
        };
        TaskConfig {
            tier: Some(tier.to_string()),
            partition_policy: match version {
                0 => None,
                1 => Some(policy(true, Some(20))),
                _ => Some(policy(false, None)),
            },
            ..jobs::config(key, version)
        }
    }

    /// Sets the role's quota; refused if the role uses more.
    pub(crate) fn set_quota(&mut self, cpus: f64) -> String {
        let quota = ResourceAggregate {
            resources: [
                Resource::NumCpus(cpus.into()),
                Resource::RamMb(10_000),
                Resource::DiskMb(10_000),
            ]
            .into(),
        };
        let set = self.command(|model| model.set_quota(ROLE, &quota));
        format!("{set:?}")
    }

    /// No role's production jobs use more than its quota.
    pub(crate) fn check_quota(&self, context: &str) {
        let quota = self.model.quota(ROLE).unwrap();
        let cores = |aggregate: &ResourceAggregate| {
            let cores = aggregate
                .resources
                .iter()
                .filter_map(|resource| match resource {
                    Resource::NumCpus(cpus) => Some(cpus.0),
                    _ => None,
                });
            cores.sum::<f64>()
        };
        let used = quota.prod_shared_consumption.as_ref().map_or(0.0, cores);
        let allowed = cores(&quota.quota);
        assert!(
            used <= allowed + 1e-6,
            "{context}: {used} cores of {allowed}"
        );
    }

    pub(super) fn is_cut_off(&self, task: &str) -> bool {
        let task = self.remote.get(task);
        task.is_some_and(|task| self.unreachable.contains(&task.agent))
    }

    /// An agent cannot be reached; its tasks go on.
    pub(crate) fn cut_off_agent(&mut self, dice: &mut Chance) {
        let agent = usize::try_from(dice.below(self.agents as u64)).unwrap_or(0);
        if !self.unreachable.insert(agent) {
            return;
        }
        let tasks = self.remote.iter();
        let there = tasks.filter(|(_, task)| task.agent == agent && Self::is_live(task.state));
        let ids: Vec<String> = there.map(|(id, _)| id.clone()).collect();
        for id in ids {
            self.reports.push_back((id, TaskState::TASK_UNREACHABLE));
        }
        self.rescind(agent);
    }

    /// All agents can be reached again, and say what has become of their tasks.
    pub(crate) fn heal(&mut self) {
        for agent in std::mem::take(&mut self.unreachable) {
            let tasks = self.remote.iter().filter(|(_, task)| task.agent == agent);
            let states: Vec<_> = tasks.map(|(id, task)| (id.clone(), task.state)).collect();
            self.reports.extend(states);
        }
    }

    /// The master takes back what an agent offered.
    pub(super) fn rescind(&mut self, agent: usize) {
        let offers = self.offers.iter().filter(|(_, a)| **a == agent);
        let gone: Vec<String> = offers.map(|(id, _)| id.clone()).collect();
        for id in gone {
            self.offers.remove(&id);
            self.command(|model| model.rescinded(&id));
        }
    }
}
