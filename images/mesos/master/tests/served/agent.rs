//! An agent that says what a test wants it to say, over libprocess.

use std::sync::{Arc, Mutex};

use mesos_proto::mesos::task_status::Source;
use mesos_proto::mesos::{
    FrameworkInfo, Resource, SlaveInfo, Task, TaskState, TaskStatus, UUID, slave_info,
};
use mesos_proto::messages::{
    PingSlaveMessage, PongSlaveMessage, RegisterSlaveMessage, ReregisterSlaveMessage,
    SlaveRegisteredMessage, SlaveReregisteredMessage, StatusUpdate, StatusUpdateMessage,
};
use mesos_wire::http::{Request, Response};
use mesos_wire::libprocess::{BoxFuture, Handler, Message, Process};
use mesos_wire::pid::Upid;
use protobuf::{Message as _, MessageField, MessageFull};
use tokio::sync::mpsc;

/// A fake agent that is registered.
pub(crate) struct Agent {
    process: Process,
    master: Upid,
    pub(crate) id: String,
    inbox: mpsc::UnboundedReceiver<Message>,
    serving: tokio::task::JoinHandle<()>,
    uuids: u8,
}

/// What an agent has checkpointed, and what runs on it.
#[derive(Default)]
pub(crate) struct Belongings {
    pub(crate) checkpointed: Vec<Resource>,
    pub(crate) frameworks: Vec<FrameworkInfo>,
    pub(crate) tasks: Vec<Task>,
}

struct Inbox {
    process: Process,
    sender: mpsc::UnboundedSender<Message>,
    pongs: Mutex<u32>,
}

impl Handler for Inbox {
    fn delegate(&self) -> &str {
        "slave(1)"
    }

    fn has(&self, id: &str) -> bool {
        id == "slave(1)"
    }

    fn message(&self, message: Message) {
        if message.name == "mesos.internal.PingSlaveMessage" {
            assert!(PingSlaveMessage::parse_from_bytes(&message.body).is_ok());
            let own = self.process.pid("slave(1)");
            self.process
                .send(&own, &message.from, &PongSlaveMessage::new());
            *self.pongs.lock().expect("no panic elsewhere") += 1;
        } else {
            // The test may be over.
            let _ = self.sender.send(message);
        }
    }

    fn exited(&self, _: Upid) {}

    fn http(self: Arc<Self>, _: Request) -> BoxFuture<Response> {
        Box::pin(async { Response::status(hyper::StatusCode::NOT_FOUND) })
    }
}

impl Agent {
    /// Registers with the resources and attributes of the recordings.
    pub(crate) async fn register(master: &Upid) -> Self {
        let any = "127.0.0.1:0".parse().expect("an address");
        let (process, listener) = Process::bind(any, None).await.expect("a free port");
        let (sender, inbox) = mpsc::unbounded_channel();
        let handler = Inbox {
            process: process.clone(),
            sender,
            pongs: Mutex::new(0),
        };
        let serving = tokio::spawn(listener.serve(Arc::new(handler), std::future::pending()));
        let mut agent = Self {
            process,
            master: master.clone(),
            id: String::new(),
            inbox,
            serving,
            uuids: 0,
        };
        agent.send(&registration(agent.process.address().port()));
        let registered: SlaveRegisteredMessage = agent.next().await;
        agent.id = registered.slave_id.value().to_string();
        agent
    }

    /// Comes back to another master with all that it has, and waits until it is let in.
    pub(crate) async fn reregister(&mut self, master: &Upid, belongings: &Belongings) {
        self.master = master.clone();
        let first = registration(self.process.address().port());
        let mut slave = first.slave.unwrap_or_default();
        slave.id.mut_or_insert_default().set_value(self.id.clone());
        self.send(&ReregisterSlaveMessage {
            slave: MessageField::some(slave),
            version: first.version,
            agent_capabilities: first.agent_capabilities,
            resource_version_uuid: first.resource_version_uuid,
            checkpointed_resources: belongings.checkpointed.clone(),
            frameworks: belongings.frameworks.clone(),
            tasks: belongings.tasks.clone(),
            ..Default::default()
        });
        let _: SlaveReregisteredMessage = self.next().await;
    }

    pub(crate) fn send<M: MessageFull>(&self, message: &M) {
        self.process
            .send(&self.process.pid("slave(1)"), &self.master, message);
    }

    /// The next message, which must be of this type.
    pub(crate) async fn next<M: MessageFull>(&mut self) -> M {
        let wanted = M::descriptor().full_name().to_string();
        loop {
            let message = self.inbox.recv().await.expect("a message");
            // Said to all agents whenever a framework comes: tests do not wait for it.
            if message.name == "mesos.internal.UpdateFrameworkMessage" && message.name != wanted {
                continue;
            }
            assert_eq!(message.name, wanted);
            return M::parse_from_bytes(&message.body).expect("a whole message");
        }
    }

    /// Says that a task is in this state, as the recorded agent did.
    pub(crate) fn update(&mut self, framework: &str, task: &str, state: TaskState) {
        self.update_with(framework, task, state, Vec::new());
    }

    /// The same, with data of the executor's.
    pub(crate) fn update_with(
        &mut self,
        framework: &str,
        task: &str,
        state: TaskState,
        data: Vec<u8>,
    ) {
        self.uuids = self.uuids.wrapping_add(1);
        let mut uuid = vec![self.uuids; 16];
        // A UUID says of which version it is.
        uuid[6] = 0x40;
        let mut status = TaskStatus::new();
        status
            .task_id
            .mut_or_insert_default()
            .set_value(task.into());
        status
            .executor_id
            .mut_or_insert_default()
            .set_value(task.into());
        status
            .slave_id
            .mut_or_insert_default()
            .set_value(self.id.clone());
        status.set_state(state);
        status.set_source(Source::SOURCE_EXECUTOR);
        status.set_timestamp(1_795_258_714.173_732);
        status.set_uuid(uuid.clone());
        if state == TaskState::TASK_KILLED || state == TaskState::TASK_FINISHED {
            status.set_message("Command exited with status 0".into());
        }
        if !data.is_empty() {
            status.set_data(data);
        }
        let container = status.container_status.mut_or_insert_default();
        container
            .container_id
            .mut_or_insert_default()
            .set_value("c".into());
        container.set_executor_pid(1);
        let mut address = mesos_proto::mesos::network_info::IPAddress::new();
        address.set_ip_address("127.0.0.1".into());
        let mut network = mesos_proto::mesos::NetworkInfo::new();
        network.ip_addresses.push(address);
        container.network_infos.push(network);
        let mut message = StatusUpdateMessage::new();
        message.set_pid(self.process.pid("slave(1)").to_string());
        let update = StatusUpdate {
            executor_id: status.executor_id.clone(),
            slave_id: status.slave_id.clone(),
            timestamp: Some(status.timestamp()),
            uuid: Some(uuid),
            latest_state: Some(state.into()),
            status: MessageField::some(status),
            ..Default::default()
        };
        message.update = MessageField::some(update);
        message
            .update
            .mut_or_insert_default()
            .framework_id
            .mut_or_insert_default()
            .set_value(framework.into());
        self.send(&message);
    }

    /// Vanishes: its port and all its connections are closed.
    pub(crate) fn vanish(self) {
        self.serving.abort();
    }
}

fn registration(port: u16) -> RegisterSlaveMessage {
    use mesos_proto::mesos::slave_info::capability::Type::*;
    let mut info = SlaveInfo::new();
    info.set_hostname("localhost".into());
    info.set_port(port.into());
    info.set_checkpoint(true);
    let resources = "cpus:4;mem:4096;disk:20480;ports:[31000-32000]";
    info.resources = mesos_wire::resources::parse(resources, "*")
        .expect("resources")
        .to_protos(mesos_wire::resources::Format::Pre);
    info.attributes = mesos_wire::attributes::parse("rack:a;level:3").expect("attributes");
    RegisterSlaveMessage {
        slave: MessageField::some(info),
        version: Some("1.12.0".into()),
        agent_capabilities: [
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
        .to_vec(),
        resource_version_uuid: MessageField::some(UUID {
            value: Some(vec![9; 16]),
            ..Default::default()
        }),
        ..Default::default()
    }
}
