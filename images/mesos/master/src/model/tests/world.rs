//! A master with a clock of the test's own, and the agents and frameworks that talk to it.

use std::collections::BTreeMap;
use std::time::Duration;

use mesos_proto::mesos::framework_info::{Capability, capability::Type};
use mesos_proto::mesos::offer::{Operation, operation};
use mesos_proto::mesos::slave_info;
use mesos_proto::mesos::{
    FrameworkInfo, MasterInfo, Resource, SlaveInfo, Task, TaskInfo, TaskState, TaskStatus, UUID,
};
use mesos_proto::messages::{
    RegisterSlaveMessage, ReregisterSlaveMessage, StatusUpdate, StatusUpdateMessage,
};
use mesos_proto::scheduler::{Call, Event, call, event};
use mesos_wire::pid::Upid;
use mesos_wire::resources::{Format, parse};
use protobuf::{MessageDyn, MessageField, MessageFull};

use crate::model::{
    AgentId, CallError, Caller, Config, Effect, FrameworkId, Master, Moment, OfferId, Record,
    Standing, StreamId,
};

/// The world of one test.
pub(crate) struct World {
    pub(crate) master: Master,
    pub(crate) now: Moment,
    streams: u128,
    uuids: u128,
    last_update: Option<StatusUpdateMessage>,
    /// What the agents have checkpointed: all that the master told them.
    pub(crate) kept: BTreeMap<AgentId, Vec<Resource>>,
}

impl World {
    pub(crate) fn new(config: Config) -> Self {
        Self::led(config, |_| {})
    }

    /// The world after another master, which has kept this.
    pub(crate) fn recovered(
        config: Config,
        kept: impl IntoIterator<Item = (AgentId, Standing)>,
    ) -> Self {
        Self::led(config, |master| master.recover(kept, []))
    }

    /// The world after another master, whose operators have decided this.
    pub(crate) fn recalling(config: Config, kept: impl IntoIterator<Item = Record>) -> Self {
        Self::led(config, |master| master.recall(kept))
    }

    /// The world after another master that had these agents, and whose operators have decided this.
    pub(crate) fn succeeding(
        config: Config,
        records: impl IntoIterator<Item = Record>,
        kept: impl IntoIterator<Item = (AgentId, Standing)>,
    ) -> Self {
        Self::led(config, |master| {
            master.recall(records);
            master.recover(kept, []);
        })
    }

    fn led(config: Config, begin: impl FnOnce(&mut Master)) -> Self {
        let now = Duration::from_secs(1_000_000);
        let mut info = MasterInfo::new();
        info.set_id("m".into());
        info.set_ip(16_777_343);
        info.set_port(5050);
        info.set_pid("master@127.0.0.1:5050".into());
        info.set_hostname("localhost".into());
        let mut master = Master::new(config, info, now);
        begin(master.at(now));
        master.elect();
        master.take_effects();
        Self {
            master,
            now,
            streams: 0,
            uuids: 0,
            last_update: None,
            kept: BTreeMap::new(),
        }
    }

    /// What the last step asks for.
    pub(crate) fn effects(&mut self) -> Vec<Effect> {
        for (id, agent) in &self.master.agents {
            self.kept.insert(id.clone(), agent.checkpointed.clone());
        }
        self.master.take_effects()
    }

    /// Accepts offers with operations.
    pub(crate) fn accept(
        &mut self,
        id: &FrameworkId,
        stream: StreamId,
        offers: &[OfferId],
        operations: Vec<Operation>,
    ) {
        self.call(id, stream, call::Type::ACCEPT, |call| {
            let accept = call.accept.mut_or_insert_default();
            accept.offer_ids = offers.iter().map(OfferId::proto).collect();
            accept.operations = operations;
        })
        .expect("accepting is allowed");
    }

    /// Lets time pass, doing what is due on the way.
    pub(crate) fn pass(&mut self, time: Duration) -> Vec<Effect> {
        let end = self.now + time;
        let mut effects = Vec::new();
        while let Some(due) = self.master.next_due().filter(|due| *due <= end) {
            self.now = due.max(self.now);
            self.master.at(self.now).tick();
            effects.extend(self.master.take_effects());
        }
        self.now = end;
        self.master.at(end);
        effects
    }

    pub(crate) fn agent(&mut self, port: u16, resources: &str) -> AgentId {
        let message = RegisterSlaveMessage {
            slave: MessageField::some(slave_info(resources)),
            version: Some("1.12.0".into()),
            agent_capabilities: capabilities(),
            resource_version_uuid: MessageField::some(UUID {
                value: Some(vec![7; 16]),
                ..Default::default()
            }),
            ..Default::default()
        };
        self.master.register_agent(&agent_pid(port), message);
        self.master
            .agents_by_pid
            .get(&agent_pid(port))
            .cloned()
            .expect("it is registered")
    }

    /// The agent comes back, with the tasks and frameworks that it is given.
    pub(crate) fn agent_returns(
        &mut self,
        id: &AgentId,
        port: u16,
        resources: &str,
        tasks: Vec<Task>,
        frameworks: Vec<FrameworkInfo>,
    ) {
        let mut slave = slave_info(resources);
        slave.id = id.field();
        let message = ReregisterSlaveMessage {
            slave: MessageField::some(slave),
            version: Some("1.12.0".into()),
            agent_capabilities: capabilities(),
            tasks,
            frameworks,
            checkpointed_resources: self.kept.get(id).cloned().unwrap_or_default(),
            ..Default::default()
        };
        self.master.reregister_agent(&agent_pid(port), message);
    }

    pub(crate) fn framework(&mut self, info: FrameworkInfo) -> (FrameworkId, StreamId) {
        self.streams += 1;
        let stream = StreamId(uuid::Uuid::from_u128(self.streams));
        let mut subscribe = call::Subscribe::new();
        subscribe.framework_info = MessageField::some(info);
        self.master.subscribe_http(stream, subscribe);
        let id = self.master.frameworks_by_stream.get(&stream).cloned();
        (id.expect("it is subscribed"), stream)
    }

    pub(crate) fn call(
        &mut self,
        id: &FrameworkId,
        stream: StreamId,
        kind: call::Type,
        fill: impl FnOnce(&mut Call),
    ) -> Result<(), CallError> {
        let mut call = Call::new();
        call.framework_id = id.field();
        call.set_type(kind);
        fill(&mut call);
        let stream = stream.0.to_string();
        self.master.call(Caller::Http(Some(&stream)), call)
    }

    pub(crate) fn decline(
        &mut self,
        id: &FrameworkId,
        stream: StreamId,
        offers: &[OfferId],
        seconds: f64,
    ) {
        self.call(id, stream, call::Type::DECLINE, |call| {
            let decline = call.decline.mut_or_insert_default();
            decline.offer_ids = offers.iter().map(OfferId::proto).collect();
            decline
                .filters
                .mut_or_insert_default()
                .set_refuse_seconds(seconds);
        })
        .expect("declining is allowed");
    }

    pub(crate) fn launch(
        &mut self,
        id: &FrameworkId,
        stream: StreamId,
        offers: &[OfferId],
        tasks: Vec<TaskInfo>,
    ) {
        self.call(id, stream, call::Type::ACCEPT, |call| {
            let accept = call.accept.mut_or_insert_default();
            accept.offer_ids = offers.iter().map(OfferId::proto).collect();
            let mut operation = Operation::new();
            operation.set_type(operation::Type::LAUNCH);
            operation.launch.mut_or_insert_default().task_infos = tasks;
            accept.operations.push(operation);
        })
        .expect("launching is allowed");
    }

    /// The agent's word on a task; the uuid that comes with it.
    pub(crate) fn update(
        &mut self,
        id: &FrameworkId,
        agent: &AgentId,
        task: &str,
        state: TaskState,
    ) -> Vec<u8> {
        self.uuids += 1;
        let uuid = self.uuids.to_be_bytes().to_vec();
        let mut status = TaskStatus::new();
        status
            .task_id
            .mut_or_insert_default()
            .set_value(task.into());
        status.set_state(state);
        status.slave_id = agent.field();
        status.set_uuid(uuid.clone());
        status.set_timestamp(self.now.as_secs_f64());
        status.set_source(mesos_proto::mesos::task_status::Source::SOURCE_EXECUTOR);
        let mut message = StatusUpdateMessage::new();
        message.set_pid("slave(1)@127.0.0.1:1".into());
        message.update = MessageField::some(StatusUpdate {
            framework_id: id.field(),
            slave_id: agent.field(),
            status: MessageField::some(status),
            timestamp: Some(self.now.as_secs_f64()),
            uuid: Some(uuid.clone()),
            latest_state: Some(state.into()),
            ..Default::default()
        });
        self.last_update = Some(message.clone());
        self.master.status_update(&agent_pid(1), message);
        uuid
    }

    /// The last update once more, as an agent says it that heard of no acknowledgement.
    pub(crate) fn repeat_update(&mut self) {
        if let Some(message) = self.last_update.clone() {
            self.master.status_update(&agent_pid(1), message);
        }
    }

    pub(crate) fn acknowledge(
        &mut self,
        id: &FrameworkId,
        stream: StreamId,
        agent: &AgentId,
        task: &str,
        uuid: Vec<u8>,
    ) {
        self.call(id, stream, call::Type::ACKNOWLEDGE, |call| {
            let acknowledge = call.acknowledge.mut_or_insert_default();
            acknowledge.slave_id = agent.field();
            acknowledge
                .task_id
                .mut_or_insert_default()
                .set_value(task.into());
            acknowledge.set_uuid(uuid);
        })
        .expect("acknowledging is allowed");
    }
}

pub(crate) fn agent_pid(port: u16) -> Upid {
    format!("slave(1)@127.0.0.1:{port}").parse().expect("a pid")
}

pub(crate) fn slave_info(resources: &str) -> SlaveInfo {
    let mut info = SlaveInfo::new();
    info.set_hostname("localhost".into());
    info.set_port(5051);
    info.set_checkpoint(true);
    info.resources = parse(resources, "*")
        .expect(resources)
        .to_protos(Format::Pre);
    info.attributes = mesos_wire::attributes::parse("rack:a;level:3").expect("attributes");
    info
}

fn capabilities() -> Vec<slave_info::Capability> {
    use slave_info::capability::Type::*;
    [
        MULTI_ROLE,
        HIERARCHICAL_ROLE,
        RESERVATION_REFINEMENT,
        RESOURCE_PROVIDER,
        RESIZE_VOLUME,
        AGENT_OPERATION_FEEDBACK,
        AGENT_DRAINING,
        TASK_RESOURCE_LIMITS,
    ]
    .map(|kind| {
        let mut capability = slave_info::Capability::new();
        capability.set_type(kind);
        capability
    })
    .to_vec()
}

pub(crate) fn framework_info(name: &str, capabilities: &[Type]) -> FrameworkInfo {
    let mut info = FrameworkInfo::new();
    info.set_user("root".into());
    info.set_name(name.into());
    for kind in capabilities {
        let mut capability = Capability::new();
        capability.set_type(*kind);
        info.capabilities.push(capability);
    }
    if capabilities.contains(&Type::MULTI_ROLE) {
        info.roles = vec!["*".into()];
    }
    info
}

pub(crate) fn task(id: &str, agent: &AgentId, resources: &str) -> TaskInfo {
    let mut task = TaskInfo::new();
    task.set_name(id.into());
    task.task_id.mut_or_insert_default().set_value(id.into());
    task.slave_id = agent.field();
    task.resources = parse(resources, "*")
        .expect(resources)
        .to_protos(Format::Pre);
    task.command
        .mut_or_insert_default()
        .set_value("true".into());
    task
}

/// The same task on an executor of its framework's own.
pub(crate) fn task_with_executor(
    id: &str,
    agent: &AgentId,
    resources: &str,
    executor: &str,
) -> TaskInfo {
    let mut task = task(id, agent, resources);
    let command = task.command.take();
    let own = task.executor.mut_or_insert_default();
    own.executor_id
        .mut_or_insert_default()
        .set_value(executor.into());
    own.command = command.into();
    own.resources = parse("cpus:0.1;mem:32", "*")
        .expect("resources")
        .to_protos(Format::Pre);
    task
}

/// The events that a framework gets, in order.
pub(crate) fn events(effects: &[Effect], to: StreamId) -> Vec<Event> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Event { stream, event } if *stream == to => Some((**event).clone()),
            _ => None,
        })
        .collect()
}

/// The offers that a framework gets.
pub(crate) fn offers(effects: &[Effect], to: StreamId) -> Vec<mesos_proto::mesos::Offer> {
    let events = events(effects, to).into_iter();
    events
        .filter(|event| event.type_() == event::Type::OFFERS)
        .flat_map(|event| event.offers.unwrap_or_default().offers)
        .collect()
}

pub(crate) fn offer_ids(effects: &[Effect], to: StreamId) -> Vec<OfferId> {
    offers(effects, to)
        .iter()
        .map(|offer| OfferId::from(offer.id.get_or_default()))
        .collect()
}

/// The statuses that a framework gets.
pub(crate) fn statuses(effects: &[Effect], to: StreamId) -> Vec<TaskStatus> {
    let events = events(effects, to).into_iter();
    events
        .filter(|event| event.type_() == event::Type::UPDATE)
        .map(|event| event.update.unwrap_or_default().status.unwrap_or_default())
        .collect()
}

/// The messages of one type that are sent.
pub(crate) fn sent<M: MessageFull>(effects: &[Effect]) -> Vec<M> {
    effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Send { message, .. } => {
                <dyn MessageDyn>::downcast_ref::<M>(&**message).cloned()
            }
            _ => None,
        })
        .collect()
}
