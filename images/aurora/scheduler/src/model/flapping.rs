//! What tasks that end again and again cost: their successors wait.

use aurora_api::ScheduleStatus;

use super::Model;
use super::task::{Task, flapped};

impl Model {
    /// How long a task must wait because its ancestors flapped. Asked about a task that has just ended it decides
    /// whether its successor is throttled, so that a first failure costs nothing; asked about that successor, for
    /// which the ended task is one more ancestor, it is the time that the successor is throttled for.
    pub(super) fn flapping_penalty(&self, task: &Task) -> i64 {
        let mut penalty = 0;
        let mut next = task.ancestor.as_deref();
        while let Some(task) = next.and_then(|id| self.tasks.get(id)) {
            if !flapped(task, self.settings.flapping_threshold) {
                break;
            }
            let longer = match penalty {
                0 => self.settings.initial_flapping_delay,
                penalty => penalty * 2,
            };
            let longer = longer.min(self.settings.max_flapping_delay);
            if longer == penalty {
                break;
            }
            penalty = longer;
            next = task.ancestor.as_deref();
        }
        penalty
    }

    /// After a start, pending tasks are looked at in some random order over some time, those that flap
    /// later still.
    pub(super) fn wait_after_start(&mut self) {
        let pending = self
            .tasks
            .iter()
            .filter(|task| task.status == ScheduleStatus::Pending);
        let mut pending: Vec<(String, i64)> = pending
            .map(|task| (task.id.clone(), self.flapping_penalty(task)))
            .collect();
        // The table has no order, and chance must give the same to the same.
        pending.sort();
        let spread = u64::try_from(self.settings.scheduling.startup_delay).unwrap_or(0);
        for (id, penalty) in pending {
            let random = i64::try_from(self.chance.below(spread)).unwrap_or(0);
            self.wait_for_agent(&id, random.saturating_add(penalty));
        }
    }
}
