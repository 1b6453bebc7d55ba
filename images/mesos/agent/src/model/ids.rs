//! Mesos wraps every id in a message of its own.

use mesos_proto::mesos::{ExecutorID, FrameworkID, SlaveID, TaskID};
use protobuf::MessageField;

/// A `FrameworkID`.
pub fn framework_id(value: &str) -> MessageField<FrameworkID> {
    let mut id = FrameworkID::new();
    id.set_value(value.to_string());
    MessageField::some(id)
}

/// An `ExecutorID`.
pub fn executor_id(value: &str) -> MessageField<ExecutorID> {
    let mut id = ExecutorID::new();
    id.set_value(value.to_string());
    MessageField::some(id)
}

/// A `TaskID`.
pub fn task_id(value: &str) -> MessageField<TaskID> {
    let mut id = TaskID::new();
    id.set_value(value.to_string());
    MessageField::some(id)
}

/// A `SlaveID`.
pub fn slave_id(value: &str) -> MessageField<SlaveID> {
    let mut id = SlaveID::new();
    id.set_value(value.to_string());
    MessageField::some(id)
}
