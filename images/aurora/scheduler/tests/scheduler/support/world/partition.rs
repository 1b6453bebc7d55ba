//! Agents of the simulated cluster that cannot be reached for a while.

use aurora_scheduler::model::chance::Chance;
use mesos_proto::mesos::TaskState;

use super::World;

impl World {
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
