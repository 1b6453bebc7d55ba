//! Executors of the v0 API: the same events, in libprocess messages (messages.md, section 1.3).

use mesos_proto::executor::{Event, event};
use mesos_proto::mesos::FrameworkInfo;
use mesos_proto::messages::{
    ExecutorRegisteredMessage, ExecutorReregisteredMessage, FrameworkToExecutorMessage,
    KillTaskMessage, RunTaskMessage, ShutdownExecutorMessage, StatusUpdateAcknowledgementMessage,
};
use mesos_wire::libprocess::Outgoing;
use mesos_wire::pid::Upid;

use crate::model::{Place, executor_id, framework_id, slave_id};

/// The message that says what `event` says; `None` for events that v0 has no message for. `again` tells
/// an executor that it was known before.
pub(crate) fn message(
    mut event: Event,
    place: &Place,
    agent: &str,
    again: bool,
) -> Option<Box<dyn Outgoing>> {
    use event::Type;
    match event.type_() {
        Type::SUBSCRIBED if again => {
            let mut subscribed = event.subscribed.take()?;
            let mut message = ExecutorReregisteredMessage::new();
            message.slave_id = slave_id(agent);
            message.slave_info = subscribed.slave_info.take().into();
            Some(Box::new(message))
        }
        Type::SUBSCRIBED => {
            let mut subscribed = event.subscribed.take()?;
            let mut message = ExecutorRegisteredMessage::new();
            message.executor_info = subscribed.executor_info.take().into();
            message.framework_id = framework_id(&place.framework);
            message.framework_info = subscribed.framework_info.take().into();
            message.slave_id = slave_id(agent);
            message.slave_info = subscribed.slave_info.take().into();
            Some(Box::new(message))
        }
        Type::LAUNCH => {
            let mut framework = FrameworkInfo::new();
            framework.id = framework_id(&place.framework);
            framework.set_name(String::new());
            framework.set_user(String::new());
            let mut message = RunTaskMessage::new();
            message.framework_id = framework_id(&place.framework);
            message.framework = Some(framework).into();
            message.task = event.launch.take()?.task.take().into();
            message.set_pid(Upid::empty().to_string());
            Some(Box::new(message))
        }
        Type::KILL => {
            let mut kill = event.kill.take()?;
            let mut message = KillTaskMessage::new();
            message.framework_id = framework_id(&place.framework);
            message.task_id = kill.task_id.take().into();
            message.kill_policy = kill.kill_policy.take().into();
            Some(Box::new(message))
        }
        Type::ACKNOWLEDGED => {
            let mut acknowledged = event.acknowledged.take()?;
            let mut message = StatusUpdateAcknowledgementMessage::new();
            message.slave_id = slave_id(agent);
            message.framework_id = framework_id(&place.framework);
            message.task_id = acknowledged.task_id.take().into();
            message.set_uuid(acknowledged.take_uuid());
            Some(Box::new(message))
        }
        Type::MESSAGE => {
            let mut message = FrameworkToExecutorMessage::new();
            message.slave_id = slave_id(agent);
            message.framework_id = framework_id(&place.framework);
            message.executor_id = executor_id(&place.executor);
            message.set_data(event.message.as_mut()?.take_data());
            Some(Box::new(message))
        }
        Type::SHUTDOWN => Some(Box::new(ShutdownExecutorMessage::new())),
        // Task groups need an executor of the v1 API.
        Type::LAUNCH_GROUP | Type::ERROR | Type::HEARTBEAT | Type::UNKNOWN => None,
    }
}
