//! Events as the v0 driver is told them: the messages of before the v1 API (messages.md §1.2).

use mesos_proto::messages::{
    ExecutorToFrameworkMessage, ExitedExecutorMessage, FrameworkErrorMessage,
    FrameworkRegisteredMessage, LostSlaveMessage, RescindResourceOfferMessage,
    ResourceOffersMessage, StatusUpdate, StatusUpdateMessage,
};
use mesos_proto::scheduler::{Event, event};
use mesos_wire::libprocess::Outgoing;
use protobuf::MessageField;

use super::id::{AgentId, FrameworkId};

/// The messages that say what `event` says. `pid_of` knows where an agent is. Heartbeats and events
/// that drivers do not know make none.
pub(crate) fn messages(
    framework: &FrameworkId,
    event: Event,
    pid_of: impl Fn(&AgentId) -> Option<String>,
) -> Vec<Box<dyn Outgoing>> {
    match event.type_() {
        event::Type::SUBSCRIBED => vec![Box::new(FrameworkRegisteredMessage {
            framework_id: framework.field(),
            master_info: event.subscribed.get_or_default().master_info.clone(),
            ..Default::default()
        })],
        event::Type::OFFERS => {
            let offers = event.offers.unwrap_or_default().offers;
            let pids = offers
                .iter()
                .map(|offer| {
                    pid_of(&AgentId::from(offer.slave_id.get_or_default())).unwrap_or_default()
                })
                .collect();
            vec![Box::new(ResourceOffersMessage {
                offers,
                pids,
                ..Default::default()
            })]
        }
        event::Type::RESCIND => vec![Box::new(RescindResourceOfferMessage {
            offer_id: event.rescind.unwrap_or_default().offer_id,
            ..Default::default()
        })],
        event::Type::UPDATE => {
            let status = event.update.unwrap_or_default().status.unwrap_or_default();
            let mut message = StatusUpdateMessage::new();
            // Only what is to be acknowledged says by whom: drivers acknowledge what names a sender.
            if status.has_uuid() {
                message.pid = pid_of(&AgentId::from(status.slave_id.get_or_default()));
            }
            message.update = MessageField::some(StatusUpdate {
                framework_id: framework.field(),
                executor_id: status.executor_id.clone(),
                slave_id: status.slave_id.clone(),
                timestamp: Some(status.timestamp()),
                uuid: status.uuid.clone(),
                latest_state: status.state,
                status: MessageField::some(status),
                ..Default::default()
            });
            vec![Box::new(message)]
        }
        event::Type::MESSAGE => {
            let data = event.message.unwrap_or_default();
            vec![Box::new(ExecutorToFrameworkMessage {
                slave_id: data.slave_id,
                framework_id: framework.field(),
                executor_id: data.executor_id,
                data: data.data,
                ..Default::default()
            })]
        }
        event::Type::FAILURE => {
            let failure = event.failure.unwrap_or_default();
            if failure.executor_id.is_some() {
                vec![Box::new(ExitedExecutorMessage {
                    slave_id: failure.slave_id,
                    framework_id: framework.field(),
                    executor_id: failure.executor_id,
                    status: Some(failure.status.unwrap_or(-1)),
                    ..Default::default()
                })]
            } else {
                vec![Box::new(LostSlaveMessage {
                    slave_id: failure.slave_id,
                    ..Default::default()
                })]
            }
        }
        event::Type::ERROR => vec![Box::new(FrameworkErrorMessage {
            message: event.error.unwrap_or_default().message,
            ..Default::default()
        })],
        // The driver takes this one as an event (messages.md §1.2).
        event::Type::UPDATE_OPERATION_STATUS => vec![Box::new(event)],
        event::Type::UNKNOWN
        | event::Type::HEARTBEAT
        | event::Type::INVERSE_OFFERS
        | event::Type::RESCIND_INVERSE_OFFER => Vec::new(),
    }
}
