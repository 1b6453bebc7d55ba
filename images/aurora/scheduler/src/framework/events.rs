//! The master's events, in batches: many status updates that come at once are stored at once, and
//! acknowledged only then.

use mesos_driver::scheduler::{Driver, DriverEvent};
use mesos_proto::mesos::TaskStatus;
use mesos_proto::scheduler::{Event, call, event};
use mesos_proto::v1_scheduler::Call;
use protobuf::MessageField;

use super::agent;
use crate::engine::Engine;
use crate::model::{Model, StatusReport};

/// So many events are carried out in one command.
const BATCH: usize = 1000;

/// What the master says of a framework that it will never have again.
const REMOVED: &[&str] = &[
    "Framework has been removed",
    "Completed framework attempted to re-register",
];

/// Serves a driver until it ends. `registered` is called at each subscription.
pub async fn serve(engine: &Engine, mut driver: Driver, registered: impl Fn()) {
    let mut batch = Vec::new();
    while driver.events.recv_many(&mut batch, BATCH).await > 0 {
        let subscribed = batch.iter().any(is_subscribed);
        let mut acknowledgements = Vec::new();
        let mut fatal = None;
        let run = |model: &mut Model| {
            for event in batch.drain(..) {
                apply(model, event, &mut acknowledgements, &mut fatal);
            }
        };
        // Our name with the master must not be lost: what runs under it would be nobody's.
        let done = match subscribed {
            true => engine.promise(run),
            false => engine.command(run),
        };
        batch.clear();
        if let Some(reason) = fatal {
            engine.fail(&reason);
        }
        if done.is_err() {
            return;
        }
        for call in acknowledgements {
            driver.calls.send(call);
        }
        if subscribed {
            registered();
        }
    }
}

fn is_subscribed(event: &DriverEvent) -> bool {
    matches!(event, DriverEvent::Api(event) if event.type_() == event::Type::SUBSCRIBED)
}

fn apply(
    model: &mut Model,
    event: DriverEvent,
    acknowledgements: &mut Vec<Call>,
    fatal: &mut Option<String>,
) {
    match event {
        DriverEvent::Api(event) => {
            model_event(model, *event, acknowledgements, fatal);
        }
        DriverEvent::Disconnected { reason } => {
            tracing::warn!("disconnected from Mesos: {reason}");
            model.disconnected();
        }
        DriverEvent::CallFailed { call, reason } => {
            tracing::warn!(
                "the master did not take a call {:?}: {reason}",
                call.type_()
            );
            if call.type_() == call::Type::ACCEPT {
                let operations = call.accept.operations.iter();
                let tasks: Vec<String> = operations
                    .flat_map(|operation| &operation.launch.task_infos)
                    .map(|task| task.task_id.value().to_string())
                    .collect();
                model.launch_failed(&tasks);
            }
        }
    }
}

fn model_event(
    model: &mut Model,
    event: Event,
    acknowledgements: &mut Vec<Call>,
    fatal: &mut Option<String>,
) {
    let kind = event.type_();
    match kind {
        event::Type::SUBSCRIBED => {
            let id = event.subscribed.framework_id.value();
            tracing::info!("registered with Mesos as framework {id}");
            model.registered(id);
        }
        event::Type::OFFERS => {
            model.offered(event.offers.into_option().unwrap_or_default().offers);
        }
        event::Type::INVERSE_OFFERS => {
            let offers = event.inverse_offers.into_option().unwrap_or_default();
            model.inverse_offered(offers.inverse_offers);
        }
        event::Type::RESCIND => model.rescinded(event.rescind.offer_id.value()),
        event::Type::UPDATE => {
            let status = &event.update.status;
            if status.has_source() && status.has_timestamp() {
                model.note_delivery(status.source(), status.timestamp());
            }
            model.reported(&StatusReport::of(status));
            acknowledgements.extend(acknowledge(status));
        }
        event::Type::MESSAGE => model.framework_message(),
        event::Type::FAILURE if event.failure.executor_id.is_some() => {
            model.executor_ended(event.failure.status());
        }
        event::Type::FAILURE => model.agent_lost(),
        event::Type::ERROR => {
            let message = event.error.message();
            if REMOVED.iter().any(|text| message.contains(text)) {
                // Under its old name it would be turned away for ever.
                model.forget_framework();
            }
            // Whatever it is, to go on would be wrong: another may have taken this one's place, which would take it back,
            // and so on.
            *fatal = Some(format!(
                "the master will not have this framework: {message}"
            ));
        }
        event::Type::UNKNOWN
        | event::Type::HEARTBEAT
        | event::Type::RESCIND_INVERSE_OFFER
        | event::Type::UPDATE_OPERATION_STATUS => {}
    }
}

/// The acknowledgement of a status; one without a uuid wants none.
fn acknowledge(status: &TaskStatus) -> Option<Call> {
    let uuid = status.uuid.as_ref().filter(|uuid| !uuid.is_empty())?;
    let mut call = Call::new();
    call.set_type(call::Type::ACKNOWLEDGE);
    let acknowledge = call.acknowledge.mut_or_insert_default();
    acknowledge.slave_id = agent(status.slave_id.value());
    acknowledge.task_id = MessageField::some(status.task_id.clone().unwrap_or_default());
    acknowledge.set_uuid(uuid.clone());
    Some(call)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Stored;
    use crate::model::settings::Settings;

    #[test]
    fn any_error_of_the_masters_ends_the_process() {
        // (what the master says, whether our name is still good)
        for (message, keeps_name) in [
            ("Framework failed over", true),
            ("Not authorized to use role 'x'", true),
            ("Framework has been removed", false),
            ("Completed framework attempted to re-register", false),
        ] {
            let mut model = Model::new(Settings::default(), Stored::default(), 1, 0);
            model.registered("F");
            let mut event = Event::new();
            event.set_type(event::Type::ERROR);
            let error = event.error.mut_or_insert_default();
            error.set_message(message.to_string());
            let (mut acknowledgements, mut fatal) = (Vec::new(), None);
            let event = DriverEvent::Api(Box::new(event));
            apply(&mut model, event, &mut acknowledgements, &mut fatal);
            let want = format!("the master will not have this framework: {message}");
            assert_eq!(fatal, Some(want));
            assert_eq!(model.framework_id().is_some(), keeps_name, "{message}");
        }
    }
}
