//! What the simulated store is told, looked at as it comes.

use aurora_api::{ScheduleStatus, SlaPolicy};
use aurora_scheduler::model::effect::Record;
use aurora_scheduler::model::sla::Said;
use aurora_scheduler::model::task::Task;

use super::World;

impl World {
    pub(super) fn watch(&mut self, record: &Record) {
        match record {
            Record::AddUpdateEvent(key, event) => {
                self.wanted.update_is(key, event.status);
                self.left_over.update_is(event.status);
            }
            Record::SaveTask(task) if task.status == ScheduleStatus::Preempting => {
                self.check_preempted(task);
            }
            Record::SaveTask(task) if task.status == ScheduleStatus::Draining => {
                let policy = self.policy_in_force(task);
                self.drained.push((Task::clone(task), policy));
            }
            // It went for another reason.
            Record::SaveTask(task) if task.status != ScheduleStatus::Running => {
                self.drained.push((Task::clone(task), None));
            }
            _ => {}
        }
    }

    /// Only what may be displaced is, and only by what may displace it.
    fn check_preempted(&self, victim: &Task) {
        let message = victim.events.last().and_then(|event| event.message.clone());
        let message = message.unwrap_or_default();
        let Some(id) = message.strip_prefix("Preempting in favor of ") else {
            return;
        };
        let settings = self.model.settings();
        let by = self.model.tasks().get(id).unwrap();
        let (ours, theirs) = (
            settings.tier_of(&by.config).preemptible,
            settings.tier_of(&victim.config).preemptible,
        );
        assert!(
            !ours && theirs || ours == theirs && by.config.priority > victim.config.priority,
            "{} is displaced by {id}",
            victim.id
        );
    }

    /// Coordinators answer, while anything may fail not always with a yes.
    pub(super) fn answer_coordinators(&mut self) {
        while let Some(ask) = self.asks.pop_front() {
            let said = match self.dice.below(4) {
                _ if !self.failing => Said::Allowed(true),
                0 => Said::Allowed(false),
                1 => [Said::BadStatus, Said::Failed][usize::from(self.dice.below(2) == 0)],
                _ => Said::Allowed(true),
            };
            let may_wait = self.failing && self.dice.below(3) == 0;
            if may_wait {
                self.asks.push_front(ask);
                return;
            }
            self.answering = true;
            self.command(|model| model.coordinator_said(&ask, said));
            self.answering = false;
        }
    }

    /// The policy that a task's host is drained by; none once the time for it is over, and when a coordinator that
    /// was asked earlier permits it.
    fn policy_in_force(&self, task: &Task) -> Option<SlaPolicy> {
        if self.answering {
            return None;
        }
        let request = self.store.maintenance.get(task.host.as_ref()?)?;
        let elapsed = self.now - request.created_timestamp_ms;
        let own = task.config.sla_policy.clone();
        own.or(request.default_sla_policy.clone())
            .filter(|_| elapsed < request.timeout_secs * 1000)
    }

    /// As many instances of a job as its policy promised are up, unless others of it went for another reason.
    pub(super) fn check_protected(&mut self) {
        let drained = std::mem::take(&mut self.drained);
        let forced = |task: &Task| {
            let mut same = drained.iter().filter(|(other, _)| other.job == task.job);
            same.any(|(_, policy)| policy.is_none())
        };
        for (task, policy) in &drained {
            let Some(SlaPolicy::Count(count)) = policy else {
                continue;
            };
            let tasks = self.model.tasks();
            let total = tasks.active(&task.job).count();
            let runs = |other: &&Task| other.status == ScheduleStatus::Running;
            let up = tasks.active(&task.job).filter(runs).count();
            let promised = usize::try_from(count.count)
                .unwrap()
                .min(total.saturating_sub(1));
            assert!(
                total < 2 || up >= promised || forced(task),
                "{up} of {total} instances of {} are up, and {} is drained",
                task.job,
                task.id
            );
        }
    }
}
