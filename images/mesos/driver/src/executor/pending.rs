//! What the agent has not confirmed: told again with every subscription.

use mesos_proto::executor::{Call, call};
use mesos_proto::mesos::{TaskInfo, TaskStatus};

/// Launched tasks of which no update was acknowledged, and updates that were not, in order.
#[derive(Debug, Default)]
pub(super) struct Pending {
    tasks: Vec<TaskInfo>,
    updates: Vec<TaskStatus>,
}

impl Pending {
    /// A task was handed to the executor.
    pub(super) fn launched(&mut self, task: &TaskInfo) {
        if self.tasks.iter().all(|known| known.task_id != task.task_id) {
            self.tasks.push(task.clone());
        }
    }

    /// An update is about to be sent.
    pub(super) fn sent(&mut self, status: &TaskStatus) {
        self.updates.push(status.clone());
    }

    /// The agent has stored an update, and so knows its task.
    pub(super) fn acknowledged(&mut self, uuid: &[u8]) {
        let Some(at) = self.position(uuid) else {
            return;
        };
        let status = self.updates.remove(at);
        self.tasks.retain(|task| task.task_id != status.task_id);
    }

    /// The agent has refused an update for good.
    pub(super) fn refused(&mut self, uuid: &[u8]) {
        if let Some(at) = self.position(uuid) {
            self.updates.remove(at);
        }
    }

    /// Whether every update is acknowledged.
    pub(super) fn is_settled(&self) -> bool {
        self.updates.is_empty()
    }

    /// The body of a SUBSCRIBE call.
    pub(super) fn subscribe(&self) -> call::Subscribe {
        let mut subscribe = call::Subscribe::new();
        subscribe.unacknowledged_tasks.clone_from(&self.tasks);
        subscribe.unacknowledged_updates = self.updates.iter().map(update).collect();
        subscribe
    }

    fn position(&self, uuid: &[u8]) -> Option<usize> {
        self.updates.iter().position(|status| status.uuid() == uuid)
    }
}

/// The body of an UPDATE call.
pub(super) fn update(status: &TaskStatus) -> call::Update {
    let mut update = call::Update::new();
    update.status = Some(status.clone()).into();
    update
}

/// The uuid of the update that a call carries.
pub(super) fn update_uuid(call: &Call) -> Option<&[u8]> {
    let uuid = call.update.as_ref()?.status.as_ref()?.uuid();
    (!uuid.is_empty()).then_some(uuid)
}

#[cfg(test)]
mod tests {
    use mesos_proto::mesos::TaskID;

    use super::*;

    fn id(text: &str) -> protobuf::MessageField<TaskID> {
        let mut id = TaskID::new();
        id.set_value(text.to_string());
        Some(id).into()
    }

    fn status(task: &str, uuid: &[u8]) -> TaskStatus {
        let mut status = TaskStatus::new();
        status.task_id = id(task);
        status.set_uuid(uuid.to_vec());
        status
    }

    #[test]
    fn a_subscription_repeats_what_was_not_acknowledged_in_order() {
        let mut pending = Pending::default();
        for name in ["a", "b"] {
            let mut task = TaskInfo::new();
            task.task_id = id(name);
            pending.launched(&task);
            pending.launched(&task);
        }
        pending.sent(&status("a", b"1"));
        pending.sent(&status("a", b"2"));
        pending.sent(&status("b", b"3"));
        pending.acknowledged(b"1");
        pending.acknowledged(b"1");
        let subscribe = pending.subscribe();
        let tasks: Vec<&str> = subscribe
            .unacknowledged_tasks
            .iter()
            .map(|task| task.task_id.value())
            .collect();
        let updates: Vec<&[u8]> = subscribe
            .unacknowledged_updates
            .iter()
            .map(|update| update.status.uuid())
            .collect();
        assert_eq!(tasks, ["b"]);
        assert_eq!(updates, [b"2", b"3"]);
        pending.refused(b"2");
        pending.acknowledged(b"3");
        assert!(pending.is_settled());
        assert!(pending.subscribe().unacknowledged_tasks.is_empty());
    }
}
