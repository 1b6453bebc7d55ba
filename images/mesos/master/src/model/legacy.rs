//! The messages of v0 drivers, those of before the calls included (messages.md §1.2).

use mesos_proto::mesos::FrameworkID;
use mesos_proto::mesos::offer::{Operation, operation};
use mesos_proto::messages::{
    FrameworkToExecutorMessage, LaunchTasksMessage, ReconcileTasksMessage,
    RegisterFrameworkMessage, ReregisterFrameworkMessage, ResourceRequestMessage,
    ReviveOffersMessage, StatusUpdateAcknowledgementMessage, UnregisterFrameworkMessage,
};
use mesos_proto::scheduler::{Call, call};
use mesos_wire::pid::Upid;
use protobuf::MessageField;

use super::calls::Caller;
use super::master::Master;

impl Master {
    /// A call of a driver. What is wrong with it is logged: drivers get no answer to a call.
    pub fn driver_call(&mut self, from: &Upid, call: Call) {
        if call.type_() == call::Type::SUBSCRIBE {
            self.subscribe_driver(from, call.subscribe.unwrap_or_default());
            return;
        }
        let kind = call.type_();
        if let Err(error) = self.call(Caller::Driver(from), call) {
            tracing::warn!(
                "ignoring {kind:?} of the framework at {from}: {}",
                error.text
            );
        }
    }

    /// SUBSCRIBE, as drivers before 0.24 said it.
    pub fn register_framework(&mut self, from: &Upid, message: RegisterFrameworkMessage) {
        if !message.framework.id.value().is_empty() {
            self.send_framework_error(from, "Registering with 'id' already set");
            return;
        }
        let mut subscribe = call::Subscribe::new();
        subscribe.framework_info = message.framework;
        self.subscribe_driver(from, subscribe);
    }

    /// SUBSCRIBE with an id, as drivers before 0.24 said it.
    pub fn reregister_framework(&mut self, from: &Upid, message: ReregisterFrameworkMessage) {
        if message.framework.id.value().is_empty() {
            self.send_framework_error(from, "Re-registering without an 'id'");
            return;
        }
        let mut subscribe = call::Subscribe::new();
        subscribe.framework_info = message.framework;
        subscribe.force = message.failover;
        self.subscribe_driver(from, subscribe);
    }

    /// TEARDOWN, as drivers before 0.24 said it.
    pub fn unregister_framework(&mut self, from: &Upid, message: UnregisterFrameworkMessage) {
        self.driver_call(from, legacy(call::Type::TEARDOWN, message.framework_id));
    }

    /// ACCEPT with one LAUNCH, as drivers before 0.24 said it; without tasks it declines.
    pub fn launch_tasks(&mut self, from: &Upid, message: LaunchTasksMessage) {
        let mut call = legacy(call::Type::ACCEPT, message.framework_id);
        let mut launch = Operation::new();
        launch.set_type(operation::Type::LAUNCH);
        launch.launch.mut_or_insert_default().task_infos = message.tasks;
        let accept = call.accept.mut_or_insert_default();
        accept.offer_ids = message.offer_ids;
        accept.filters = message.filters;
        accept.operations.push(launch);
        self.driver_call(from, call);
    }

    /// REVIVE, as drivers before 0.24 said it.
    pub fn revive_offers(&mut self, from: &Upid, message: ReviveOffersMessage) {
        let mut call = legacy(call::Type::REVIVE, message.framework_id);
        call.revive.mut_or_insert_default().roles = message.roles;
        self.driver_call(from, call);
    }

    /// REQUEST, as drivers before 0.24 said it.
    pub fn resource_request(&mut self, from: &Upid, message: ResourceRequestMessage) {
        let mut call = legacy(call::Type::REQUEST, message.framework_id);
        call.request.mut_or_insert_default().requests = message.requests;
        self.driver_call(from, call);
    }

    /// ACKNOWLEDGE, as drivers before 0.24 said it.
    pub fn acknowledge_update(&mut self, from: &Upid, message: StatusUpdateAcknowledgementMessage) {
        let mut call = legacy(call::Type::ACKNOWLEDGE, message.framework_id);
        let acknowledge = call.acknowledge.mut_or_insert_default();
        acknowledge.slave_id = message.slave_id;
        acknowledge.task_id = message.task_id;
        acknowledge.uuid = message.uuid;
        self.driver_call(from, call);
    }

    /// RECONCILE, as drivers before 0.24 said it.
    pub fn reconcile_tasks(&mut self, from: &Upid, message: ReconcileTasksMessage) {
        let mut call = legacy(call::Type::RECONCILE, message.framework_id);
        let tasks = message
            .statuses
            .into_iter()
            .map(|status| call::reconcile::Task {
                task_id: status.task_id,
                slave_id: status.slave_id,
                ..Default::default()
            });
        call.reconcile.mut_or_insert_default().tasks = tasks.collect();
        self.driver_call(from, call);
    }

    /// MESSAGE, as drivers before 0.24 said it.
    pub fn framework_message(&mut self, from: &Upid, message: FrameworkToExecutorMessage) {
        let mut call = legacy(call::Type::MESSAGE, message.framework_id);
        call.message = MessageField::some(call::Message {
            slave_id: message.slave_id,
            executor_id: message.executor_id,
            data: message.data,
            ..Default::default()
        });
        self.driver_call(from, call);
    }
}

fn legacy(kind: call::Type, framework: MessageField<FrameworkID>) -> Call {
    let mut call = Call::new();
    call.set_type(kind);
    call.framework_id = framework;
    call
}
