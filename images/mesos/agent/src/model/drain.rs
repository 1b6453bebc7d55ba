//! Draining: the master has everything here killed before the machine is worked on, and nothing new
//! is started meanwhile (protocol-flows.md, section 11).

use mesos_proto::mesos::{DrainConfig, KillPolicy, TaskState, task_status};
use mesos_proto::messages::{DrainSlaveMessage, KillTaskMessage, StatusUpdate};

use super::effect::{Checkpoint, Effect};
use super::ids::{framework_id, task_id};
use super::{Model, Now, State};

/// What is going on, and since when.
#[derive(Debug, Clone)]
pub struct Drain {
    /// How it is to be done.
    pub config: DrainConfig,
    /// Seconds since 1970.
    pub since: f64,
}

impl Model {
    /// DrainSlaveMessage from the master. It says it again whenever this agent comes back.
    pub fn drain(&mut self, now: Now, mut message: DrainSlaveMessage) {
        if self.state != State::Running {
            tracing::warn!(
                "ignoring that this agent is to drain: it is {:?}",
                self.state
            );
            return;
        }
        let config = message.config.take().unwrap_or_default();
        tracing::info!("draining {} frameworks", self.frameworks.len());
        let checkpoint = Checkpoint::Drain(Some(Box::new(config.clone())));
        self.effects.push(Effect::Checkpoint(checkpoint));
        let since = self.drain.as_ref().map_or(now.wall, |drain| drain.since);
        self.drain = Some(Drain {
            config: config.clone(),
            since,
        });
        for (framework, task, policy) in self.all_tasks() {
            let mut kill = KillTaskMessage::new();
            kill.framework_id = framework_id(&framework);
            kill.task_id = task_id(&task);
            kill.kill_policy = shorter(&config, policy).into();
            self.kill_task(now, kill);
        }
        self.settle_drain();
    }

    /// Every task that has not ended, with how it wants to be killed.
    fn all_tasks(&self) -> Vec<(String, String, Option<KillPolicy>)> {
        let mut all = Vec::new();
        for (framework, executor) in self.executors() {
            let launched = executor
                .launched
                .values()
                .map(|task| (&task.task_id, &task.kill_policy));
            let queued = executor
                .queued_tasks()
                .map(|task| (&task.task_id, &task.kill_policy));
            for (id, policy) in launched.chain(queued) {
                all.push((
                    framework.id().to_string(),
                    id.value().to_string(),
                    policy.as_ref().cloned(),
                ));
            }
        }
        all
    }

    /// Takes up what a former life was told.
    pub fn restore_drain(&mut self, now: Now, config: DrainConfig) {
        self.drain = Some(Drain {
            config,
            since: now.wall,
        });
    }

    /// What is going on, if this agent drains.
    pub fn draining(&self) -> Option<&Drain> {
        self.drain.as_ref()
    }

    /// With nothing left, the agent has drained, and takes what it is given again: from now on it is the
    /// master that gives it nothing.
    pub(super) fn settle_drain(&mut self) {
        let is_idle = self.frameworks.is_empty() && self.operations().next().is_none();
        if self.drain.is_some() && is_idle {
            tracing::info!("this agent has drained");
            self.drain = None;
            self.effects
                .push(Effect::Checkpoint(Checkpoint::Drain(None)));
        }
    }

    /// An end that draining brought about says so.
    pub(super) fn mark_drained(&self, update: &mut StatusUpdate) {
        let Some(drain) = &self.drain else {
            return;
        };
        let is_aware = self
            .frameworks
            .get(update.framework_id.value())
            .is_some_and(|f| f.lost_state(TaskState::TASK_DROPPED) == TaskState::TASK_DROPPED);
        let Some(status) = update.status.as_mut() else {
            return;
        };
        match status.state() {
            TaskState::TASK_KILLED if drain.config.mark_gone() && is_aware => {
                status.set_state(TaskState::TASK_GONE_BY_OPERATOR);
            }
            TaskState::TASK_KILLED | TaskState::TASK_KILLING => {}
            _ => return,
        }
        status.set_reason(task_status::Reason::REASON_SLAVE_DRAINING);
        let state = status.state();
        if update.has_latest_state() {
            update.set_latest_state(state);
        }
    }
}

/// The policy that gives a task no more time than the operator allows, if its own may give more.
fn shorter(config: &DrainConfig, own: Option<KillPolicy>) -> Option<KillPolicy> {
    let most = config.max_grace_period.as_ref()?;
    let wanted = own.as_ref().and_then(|own| own.grace_period.as_ref());
    if wanted.is_some_and(|wanted| wanted.nanoseconds() <= most.nanoseconds()) {
        return None;
    }
    let mut policy = KillPolicy::new();
    policy.grace_period = Some(most.clone()).into();
    Some(policy)
}

#[cfg(test)]
mod tests {
    use mesos_proto::mesos::DurationInfo;

    use super::*;

    #[test]
    fn a_task_gets_no_more_time_than_it_and_the_operator_want() {
        let period = |seconds: i64| {
            let mut info = DurationInfo::new();
            info.set_nanoseconds(seconds * 1_000_000_000);
            info
        };
        for (most, own, want) in [
            (None, Some(5), None),
            (Some(10), None, Some(10)),
            (Some(10), Some(5), None),
            (Some(10), Some(60), Some(10)),
            (Some(0), Some(60), Some(0)),
        ] {
            let mut config = DrainConfig::new();
            config.max_grace_period = most.map(period).into();
            let own = own.map(|seconds| {
                let mut policy = KillPolicy::new();
                policy.grace_period = Some(period(seconds)).into();
                policy
            });
            let got = shorter(&config, own).map(|policy| policy.grace_period.nanoseconds());
            assert_eq!(got, want.map(|s| s * 1_000_000_000), "at most {most:?}");
        }
    }
}
