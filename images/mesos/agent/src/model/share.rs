//! How much of the machine an executor was given, with its tasks.

use mesos_proto::mesos::{Task, TaskInfo};

use super::framework::{Executor, ExecutorState};
use super::{Effect, Model};

/// CPUs and memory; a limit of infinity is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Share {
    /// CPUs.
    pub cpus: f64,
    /// In MB.
    pub mem: f64,
    /// The most CPUs, if that is not what it was given.
    pub cpus_limit: Option<f64>,
    /// The most memory, in MB, as above.
    pub mem_limit: Option<f64>,
    /// In MB.
    pub disk: f64,
    /// Whether it has CPUs that are lent.
    pub is_lent: bool,
}

impl Executor {
    /// What it and its tasks were given, and may use.
    pub fn share(&self) -> Share {
        let allocated = self.allocated();
        Share {
            cpus: allocated.scalar("cpus"),
            mem: allocated.scalar("mem"),
            cpus_limit: self.declared("cpus"),
            mem_limit: self.declared("mem"),
            disk: allocated.scalar("disk"),
            is_lent: allocated
                .iter()
                .any(|r| r.name() == "cpus" && r.revocable.is_some()),
        }
    }

    /// The limits that all its tasks declare, added up; `None` if one has none.
    pub fn declared(&self, name: &str) -> Option<f64> {
        let launched = self
            .launched
            .values()
            .map(|task: &Task| task.limits.get(name));
        let queued = self
            .queued_tasks()
            .map(|task: &TaskInfo| task.limits.get(name));
        let limits: Option<Vec<f64>> = launched
            .chain(queued)
            .map(|limit| Some(limit?.value()))
            .collect();
        limits
            .filter(|all| !all.is_empty())
            .map(|all| all.iter().sum())
    }
}

impl Model {
    /// Has an executor's container told what it may use now.
    pub(super) fn resize(&mut self, framework: &str, executor: &str) {
        let Some(executor) = self.executor_mut(framework, executor) else {
            return;
        };
        if executor.state == ExecutorState::Terminated {
            return;
        }
        let resize = Effect::Resize(executor.container_id.clone(), executor.share());
        self.effects.push(resize);
    }
}
