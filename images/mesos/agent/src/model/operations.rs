//! Operations on the agent's resources, and the word on each until it is acknowledged
//! (protocol-flows.md, section 7; messages.md, section 1.1).

use std::collections::BTreeMap;
use std::time::Duration;

use mesos_proto::mesos::slave_info::capability::Type as Capability;
use mesos_proto::mesos::{Operation, OperationState, OperationStatus, Resource, UUID};
use mesos_proto::messages::{
    AcknowledgeOperationStatusMessage, ApplyOperationMessage, ReconcileOperationsMessage,
    UpdateOperationStatusMessage, UpdateSlaveMessage,
};
use mesos_wire::resources::operation::{
    conversions, resources_of, unallocated, upgraded, with_checkpointed,
};
use mesos_wire::resources::{Format, Resources};

use super::effect::{Checkpoint, Effect};
use super::ids::slave_id;
use super::{Model, Now, State};

/// The pause before a word is said a second time; doubled each time.
const RETRY_MIN: Duration = Duration::from_secs(10);
/// The longest pause.
const RETRY_MAX: Duration = Duration::from_secs(600);

/// The operations that a master has not heard the end of, or has not said so.
#[derive(Debug, Default)]
pub(super) struct Operations {
    known: BTreeMap<Vec<u8>, Known>,
}

#[derive(Debug)]
struct Known {
    record: Operation,
    retry_at: Duration,
    pause: Duration,
}

impl Operations {
    pub(super) fn next_deadline(&self) -> Option<Duration> {
        self.known.values().map(|known| known.retry_at).min()
    }

    fn records(&self) -> Vec<Operation> {
        self.known.values().map(|k| k.record.clone()).collect()
    }
}

impl Model {
    /// All its resources: its own, as operators and frameworks have made them.
    pub fn total(&self) -> Resources {
        let own = &self.config.info.resources;
        with_checkpointed(own, &self.checkpointed_resources)
            .or_else(|_| Resources::from_protos(own))
            .unwrap_or_default()
    }

    /// Operations whose end is not acknowledged.
    pub fn operations(&self) -> impl Iterator<Item = &Operation> {
        self.operations.known.values().map(|known| &known.record)
    }

    /// What the master says that the agent's resources have become.
    pub fn checkpoint_resources(&mut self, resources: &[Resource]) {
        match Resources::from_protos(resources) {
            Ok(resources) => {
                self.checkpointed_resources = resources.to_protos(Format::Post);
                self.checkpoint_resource_state();
            }
            Err(error) => tracing::error!("ignoring resources to checkpoint: {error}"),
        }
    }

    fn checkpoint_resource_state(&mut self) {
        self.effects.push(Effect::Checkpoint(Checkpoint::Resources {
            resources: self.checkpointed_resources.clone(),
            operations: self.operations.records(),
        }));
    }

    /// Its resources and operations from a former life.
    pub fn restore_resources(&mut self, resources: Vec<Resource>, operations: Vec<Operation>) {
        self.checkpointed_resources = resources;
        for record in operations {
            let known = Known {
                record,
                retry_at: Duration::ZERO,
                pause: RETRY_MIN,
            };
            let uuid = known.record.uuid.value().to_vec();
            self.operations.known.insert(uuid, known);
        }
    }

    /// An operation from the master: done at once, kept, and told of until that is acknowledged.
    pub fn apply_operation(&mut self, now: Now, message: ApplyOperationMessage) {
        let uuid = message.operation_uuid.value().to_vec();
        if uuid.len() != 16 {
            tracing::error!("ignoring an operation whose uuid is none");
            return;
        }
        if self.operations.known.contains_key(&uuid) {
            tracing::warn!("ignoring an operation that was sent twice");
            return;
        }
        let info = message.operation_info.unwrap_or_default();
        let mut status = OperationStatus::new();
        status.operation_id = info.id.clone();
        status.slave_id = slave_id(self.id.as_deref().unwrap_or_default());
        status.uuid = uuid_of(uuid::Uuid::new_v4().as_bytes());
        let done = self.converted(&info);
        match &done {
            Ok(_) => {
                tracing::info!("{:?} is done", info.type_());
                status.set_state(OperationState::OPERATION_FINISHED);
            }
            Err(error) => {
                tracing::error!("{:?} cannot be done: {error}", info.type_());
                status.set_state(OperationState::OPERATION_DROPPED);
                status.set_message(error.clone());
            }
        }
        let mut record = Operation::new();
        record.framework_id = message.framework_id;
        record.slave_id = status.slave_id.clone();
        record.info = Some(info).into();
        record.latest_status = Some(status.clone()).into();
        record.statuses = vec![status];
        record.uuid = uuid_of(&uuid);
        let known = Known {
            record,
            retry_at: now.at,
            pause: RETRY_MIN,
        };
        self.operations.known.insert(uuid, known);
        match done {
            Ok(total) => {
                self.checkpointed_resources = total.checkpointed().to_protos(Format::Post);
                self.checkpoint_resource_state();
                self.flush_operations(now);
            }
            Err(_) => {
                self.checkpoint_resource_state();
                self.flush_operations(now);
                // The master counts with other resources than there are: it is to hear of these.
                self.register_anew(now);
            }
        }
    }

    fn converted(&self, info: &mesos_proto::mesos::offer::Operation) -> Result<Resources, String> {
        let mut operation = info.clone();
        for resource in resources_of(&mut operation) {
            *resource = upgraded(resource).map_err(|error| error.to_string())?;
        }
        let steps = conversions(&unallocated(&operation)).map_err(|error| error.to_string())?;
        let mut total = self.total();
        total.apply(&steps).map_err(|error| error.to_string())?;
        Ok(total)
    }

    /// The word on an operation has been heard.
    pub fn operation_acknowledged(&mut self, message: &AcknowledgeOperationStatusMessage) {
        let uuid = message.operation_uuid.value();
        let is_heard = self.operations.known.get(uuid).is_some_and(|known| {
            known.record.latest_status.uuid.value() == message.status_uuid.value()
        });
        if !is_heard {
            tracing::warn!("dropping the acknowledgement of a state that no operation here is in");
            return;
        }
        self.operations.known.remove(uuid);
        self.checkpoint_resource_state();
        self.settle_drain();
    }

    /// The master misses the word on these operations. Those that never came are dropped.
    pub fn reconcile_operations(&mut self, now: Now, message: &ReconcileOperationsMessage) {
        for wanted in &message.operations {
            let uuid = wanted.operation_uuid.value();
            if let Some(known) = self.operations.known.get_mut(uuid) {
                known.retry_at = now.at;
                known.pause = RETRY_MIN;
                continue;
            }
            let mut status = OperationStatus::new();
            status.operation_id = wanted.operation_id.clone();
            status.slave_id = slave_id(self.id.as_deref().unwrap_or_default());
            status.set_state(OperationState::OPERATION_DROPPED);
            let mut update = UpdateOperationStatusMessage::new();
            update.framework_id = message.framework_id.clone();
            update.slave_id = status.slave_id.clone();
            update.status = Some(status).into();
            update.operation_uuid = wanted.operation_uuid.clone();
            self.send_to_master(update);
        }
        self.flush_operations(now);
    }

    /// Says what is due, if there is a master to say it to.
    pub(super) fn flush_operations(&mut self, now: Now) {
        if self.state != State::Running {
            return;
        }
        let mut updates = Vec::new();
        for known in self.operations.known.values_mut() {
            if known.retry_at > now.at {
                continue;
            }
            known.retry_at = now.at + known.pause;
            known.pause = (known.pause * 2).min(RETRY_MAX);
            let record = &known.record;
            let mut update = UpdateOperationStatusMessage::new();
            update.framework_id = record.framework_id.clone();
            update.slave_id = record.slave_id.clone();
            update.status = record.latest_status.clone();
            update.latest_status = record.latest_status.clone();
            update.operation_uuid = record.uuid.clone();
            updates.push(update);
        }
        for update in updates {
            self.send_to_master(update);
        }
    }

    /// What a master that has just taken the agent in is to know of its operations, and of what it lends.
    pub(super) fn announce_operations(&mut self, now: Now) {
        let capabilities = &self.config.capabilities;
        let has_operations = capabilities.contains(&Capability::RESOURCE_PROVIDER);
        let mut message = UpdateSlaveMessage::new();
        message.slave_id = slave_id(self.id.as_deref().unwrap_or_default());
        let lends = self.estimate.tell(&mut message);
        if has_operations {
            message.resource_version_uuid = self.resource_version();
            message.operations.mut_or_insert_default().operations = self.operations.records();
            message.resource_providers.mut_or_insert_default();
        }
        if has_operations || lends {
            self.send_to_master(message);
        }
        if !has_operations {
            return;
        }
        for known in self.operations.known.values_mut() {
            known.retry_at = now.at;
            known.pause = RETRY_MIN;
        }
        self.flush_operations(now);
    }

    pub(super) fn send_to_master(&mut self, message: impl protobuf::MessageFull) {
        if let Some(master) = &self.master {
            let effect = Effect::Send(master.pid.clone(), Box::new(message));
            self.effects.push(effect);
        }
    }
}

fn uuid_of(bytes: &[u8]) -> protobuf::MessageField<UUID> {
    let mut uuid = UUID::new();
    uuid.set_value(bytes.to_vec());
    Some(uuid).into()
}
