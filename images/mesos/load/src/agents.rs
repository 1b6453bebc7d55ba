//! Simulated agents: each with a port of its own, registered over libprocess. A task that reaches one
//! runs at once, without a process, and has finished at once where its command is `true`.

use std::net::SocketAddrV4;
use std::sync::Arc;
use std::time::Instant;

use mesos_proto::mesos::task_status::Source;
use mesos_proto::mesos::{SlaveInfo, TaskState, TaskStatus, UUID, slave_info};
use mesos_proto::messages::{
    PongSlaveMessage, RegisterSlaveMessage, RunTaskMessage, SlaveRegisteredMessage, StatusUpdate,
    StatusUpdateMessage,
};
use mesos_wire::http::{Request, Response};
use mesos_wire::libprocess::{BoxFuture, Handler, Message, Process};
use mesos_wire::pid::Upid;
use protobuf::{Message as _, MessageField};
use serde_json::json;
use thiserror::Error;
use tokio::io::AsyncReadExt as _;
use tokio::sync::mpsc;

const ID: &str = "slave(1)";

/// How many agents, and where.
#[derive(clap::Args)]
pub(crate) struct Plan {
    /// The master, as HOST:PORT; its host an IPv4 address.
    #[arg(long)]
    master: SocketAddrV4,
    /// How many agents.
    #[arg(long, default_value_t = 1000)]
    count: usize,
    /// What each has.
    #[arg(long, default_value = "cpus:4;mem:4096;disk:20480;ports:[31000-32000]")]
    resources: String,
    /// Exits when all are registered. Otherwise they stay until standard input ends.
    #[arg(long)]
    no_wait: bool,
}

/// Why the agents could not be made.
#[derive(Debug, Error)]
pub(crate) enum AgentsError {
    #[error("resources: {0}")]
    Resources(#[from] mesos_wire::resources::ResourceError),
    #[error("no port for an agent: {0}")]
    Port(std::io::Error),
}

struct Agent {
    process: Process,
    master: Upid,
    registered: mpsc::UnboundedSender<()>,
}

/// Registers them, prints how long that took, and keeps them.
pub(crate) async fn run(plan: &Plan) -> Result<(), AgentsError> {
    let master = Upid::new("master", plan.master);
    let resources = mesos_wire::resources::parse(&plan.resources, "*")?
        .to_protos(mesos_wire::resources::Format::Pre);
    let (sender, mut registered) = mpsc::unbounded_channel();
    let start = Instant::now();
    for number in 0..plan.count {
        let any = SocketAddrV4::new(*plan.master.ip(), 0);
        let (process, listener) = Process::bind(any, None).await.map_err(AgentsError::Port)?;
        let agent = Agent {
            process: process.clone(),
            master: master.clone(),
            registered: sender.clone(),
        };
        tokio::spawn(listener.serve(Arc::new(agent), std::future::pending()));
        let mut info = SlaveInfo::new();
        info.set_hostname(format!("simulated-{number}"));
        info.set_port(process.address().port().into());
        info.resources.clone_from(&resources);
        process.send(&process.pid(ID), &master, &registration(info));
    }
    for _ in 0..plan.count {
        // This function holds a sender: it cannot be none.
        let _ = registered.recv().await;
    }
    let seconds = start.elapsed().as_secs_f64();
    println!("{}", json!({"agents": plan.count, "seconds": seconds}));
    if !plan.no_wait {
        let mut rest = Vec::new();
        // Whatever ends standard input, an error too, ends the agents.
        let _ = tokio::io::stdin().read_to_end(&mut rest).await;
    }
    Ok(())
}

impl Agent {
    fn send<M: protobuf::MessageFull>(&self, message: &M) {
        self.process
            .send(&self.process.pid(ID), &self.master, message);
    }

    fn ran(&self, message: &RunTaskMessage, state: TaskState) {
        let uuid = uuid::Uuid::new_v4().as_bytes().to_vec();
        let task = &message.task;
        let mut status = TaskStatus::new();
        status.task_id = task.task_id.clone();
        status.slave_id = task.slave_id.clone();
        status.set_state(state);
        status.set_source(Source::SOURCE_EXECUTOR);
        status.set_uuid(uuid.clone());
        let update = StatusUpdate {
            framework_id: message.framework.id.clone(),
            slave_id: task.slave_id.clone(),
            timestamp: Some(0.0),
            uuid: Some(uuid),
            latest_state: Some(state.into()),
            status: MessageField::some(status),
            ..Default::default()
        };
        self.send(&StatusUpdateMessage {
            update: MessageField::some(update),
            pid: Some(self.process.pid(ID).to_string()),
            ..Default::default()
        });
    }
}

impl Handler for Agent {
    fn delegate(&self) -> &str {
        ID
    }

    fn has(&self, id: &str) -> bool {
        id == ID
    }

    fn message(&self, message: Message) {
        match message.name.as_str() {
            // It is an observer of the master's that pings, and waits.
            "mesos.internal.PingSlaveMessage" => {
                let own = self.process.pid(ID);
                self.process
                    .send(&own, &message.from, &PongSlaveMessage::new());
            }
            "mesos.internal.SlaveRegisteredMessage"
                if SlaveRegisteredMessage::parse_from_bytes(&message.body).is_ok() =>
            {
                // Nobody counts any more when the program ends.
                let _ = self.registered.send(());
            }
            "mesos.internal.RunTaskMessage" => {
                if let Ok(run) = RunTaskMessage::parse_from_bytes(&message.body) {
                    self.ran(&run, TaskState::TASK_RUNNING);
                    if run.task.command.value() == "true" {
                        self.ran(&run, TaskState::TASK_FINISHED);
                    }
                }
            }
            _ => {}
        }
    }

    fn exited(&self, _: Upid) {}

    fn http(self: Arc<Self>, _: Request) -> BoxFuture<Response> {
        Box::pin(async { Response::status(hyper::StatusCode::NOT_FOUND) })
    }
}

fn registration(info: SlaveInfo) -> RegisterSlaveMessage {
    use slave_info::capability::Type::{HIERARCHICAL_ROLE, MULTI_ROLE, RESERVATION_REFINEMENT};
    let capabilities = [MULTI_ROLE, HIERARCHICAL_ROLE, RESERVATION_REFINEMENT].map(|kind| {
        let mut capability = slave_info::Capability::new();
        capability.set_type(kind);
        capability
    });
    RegisterSlaveMessage {
        slave: MessageField::some(info),
        version: Some("1.12.0".into()),
        agent_capabilities: capabilities.to_vec(),
        resource_version_uuid: MessageField::some(UUID {
            value: Some(uuid::Uuid::new_v4().as_bytes().to_vec()),
            ..Default::default()
        }),
        ..Default::default()
    }
}
