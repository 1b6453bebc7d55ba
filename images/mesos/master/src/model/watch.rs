//! What operators who watch the master are told (v1-api §9, "Event stream").

use mesos_proto::mesos::task_status::Reason;
use mesos_proto::mesos::{FrameworkInfo, Task, TaskState, TaskStatus};

use super::effect::Effect;
use super::id::{AgentId, FrameworkId};
use super::master::Master;

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Happening {
    /// A task was accepted or learnt of.
    TaskAdded(Box<Task>),
    /// A task's state or health changed.
    TaskUpdated {
        /// Its framework.
        framework: FrameworkId,
        /// What was said of it.
        status: Box<TaskStatus>,
        /// The latest state that is known.
        state: TaskState,
    },
    /// An agent registered or was admitted again.
    AgentAdded(AgentId),
    /// An agent was removed; not for one that is unreachable or gone.
    AgentRemoved(AgentId),
    /// A framework subscribed for the first time, or was learnt of.
    FrameworkAdded(FrameworkId),
    /// A framework subscribed again or describes itself anew.
    FrameworkUpdated(FrameworkId),
    /// A framework has ended.
    FrameworkRemoved(Box<FrameworkInfo>),
}

impl Master {
    /// Says whether anybody watches; nothing is told while nobody does.
    pub fn set_watched(&mut self, watched: bool) {
        self.watched = watched;
    }

    pub(crate) fn happened(&mut self, happening: impl FnOnce() -> Happening) {
        if self.watched {
            self.effect(Effect::Tell(happening()));
        }
    }

    /// Tells of a task's status, if it says more than the one before.
    pub(crate) fn task_happened(
        &mut self,
        framework: &FrameworkId,
        before: Option<TaskState>,
        status: &TaskStatus,
        state: TaskState,
    ) {
        let is_check = status.has_reason()
            && matches!(
                status.reason(),
                Reason::REASON_TASK_CHECK_STATUS_UPDATED
                    | Reason::REASON_TASK_HEALTH_CHECK_STATUS_UPDATED
            );
        if is_check || before != Some(status.state()) {
            self.happened(|| Happening::TaskUpdated {
                framework: framework.clone(),
                status: Box::new(status.clone()),
                state,
            });
        }
    }
}
