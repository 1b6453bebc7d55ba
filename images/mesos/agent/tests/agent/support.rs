//! A master that does what a test tells it, and the agent as a program.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use mesos_proto::mesos::{
    FrameworkID, FrameworkInfo, Resource, SlaveID, TaskID, TaskInfo, TaskState, framework_info,
    value,
};
use mesos_proto::messages::{
    KillTaskMessage, PingSlaveMessage, RegisterSlaveMessage, ReregisterSlaveMessage,
    RunTaskMessage, SlaveRegisteredMessage, SlaveReregisteredMessage, StatusUpdate,
    StatusUpdateAcknowledgementMessage, StatusUpdateMessage,
};
use mesos_wire::http::{Request, Response};
use mesos_wire::libprocess::{BoxFuture, Handler, Message, Process};
use mesos_wire::pid::Upid;
use protobuf::MessageFull;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpSocket;
use tokio::process::{Child, Command};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Longer than anything takes that works.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

struct Ears(mpsc::UnboundedSender<Message>);

impl Handler for Ears {
    fn delegate(&self) -> &str {
        "master"
    }
    fn has(&self, id: &str) -> bool {
        id == "master" || id.starts_with("slave-observer")
    }
    fn message(&self, message: Message) {
        let _ = self.0.send(message);
    }
    fn exited(&self, _pid: Upid) {}
    fn http(self: Arc<Self>, _request: Request) -> BoxFuture<Response> {
        Box::pin(async { Response::text(404.try_into().expect("a status"), "") })
    }
}

/// The master.
pub(crate) struct Master {
    pub(crate) process: Process,
    heard: mpsc::UnboundedReceiver<Message>,
    /// Ends of executors that were passed over: one may be told of before the last updates of its tasks.
    exits: VecDeque<Message>,
}

impl Master {
    pub(crate) async fn start() -> Self {
        let any = "127.0.0.1:0".parse().expect("an address");
        let (process, listener) = Process::bind(any, None).await.expect("a port");
        let (sender, heard) = mpsc::unbounded_channel();
        tokio::spawn(listener.serve(Arc::new(Ears(sender)), std::future::pending()));
        Self {
            process,
            heard,
            exits: VecDeque::new(),
        }
    }

    pub(crate) fn address(&self) -> String {
        self.process.address().to_string()
    }

    pub(crate) fn send<M: MessageFull>(&self, agent: &Upid, message: &M) {
        self.process
            .send(&self.process.pid("master"), agent, message);
    }

    /// The next message of this type, and its sender. Others are passed over.
    pub(crate) async fn hear<M: MessageFull>(&mut self) -> (Upid, M) {
        let wanted = M::descriptor().full_name().to_string();
        let hearing = async {
            loop {
                let is_passed = self.exits.front().is_some_and(|exit| exit.name == wanted);
                let message = match is_passed {
                    true => self.exits.pop_front(),
                    false => self.heard.recv().await,
                };
                let message = message.expect("the agent speaks");
                if message.name == wanted {
                    let body = M::parse_from_bytes(&message.body).expect("it parses");
                    return (message.from, body);
                }
                if message.name == "mesos.internal.ExitedExecutorMessage" {
                    self.exits.push_back(message);
                }
            }
        };
        timeout(PATIENCE, hearing)
            .await
            .unwrap_or_else(|_| panic!("no {wanted} came"))
    }

    /// Registers the agent that asks for it, under this id.
    pub(crate) async fn register(&mut self, id: &str) -> Upid {
        let (agent, asked): (_, RegisterSlaveMessage) = self.hear().await;
        assert!(asked.slave.id.is_none());
        let mut answer = SlaveRegisteredMessage::new();
        answer.slave_id = slave_id(id);
        answer
            .connection
            .mut_or_insert_default()
            .set_total_ping_timeout_seconds(75.0);
        self.send(&agent, &answer);
        let mut ping = PingSlaveMessage::new();
        ping.set_connected(true);
        self.send(&agent, &ping);
        agent
    }

    /// Takes an agent back; what it reported.
    pub(crate) async fn reregister(&mut self, id: &str) -> (Upid, ReregisterSlaveMessage) {
        let (agent, asked): (_, ReregisterSlaveMessage) = self.hear().await;
        assert_eq!(asked.slave.id.value(), id);
        let mut answer = SlaveReregisteredMessage::new();
        answer.slave_id = slave_id(id);
        self.send(&agent, &answer);
        (agent, asked)
    }

    /// The next update, acknowledged.
    pub(crate) async fn update(&mut self, agent: &Upid) -> StatusUpdate {
        let (_, message): (_, StatusUpdateMessage) = self.hear().await;
        assert_eq!(message.pid(), agent.to_string());
        let update = message.update.clone().into_option().expect("an update");
        self.acknowledge(agent, &update);
        update
    }

    pub(crate) fn acknowledge(&self, agent: &Upid, update: &StatusUpdate) {
        let mut ack = StatusUpdateAcknowledgementMessage::new();
        ack.slave_id = update.slave_id.clone();
        ack.framework_id = update.framework_id.clone();
        ack.task_id = update.status.task_id.clone();
        ack.set_uuid(update.uuid().to_vec());
        self.send(agent, &ack);
    }

    /// The next update that tells of another state than the last, acknowledged.
    pub(crate) async fn state(&mut self, agent: &Upid) -> (TaskState, String) {
        let update = self.update(agent).await;
        (update.status.state(), update.status.message().to_string())
    }

    /// Waits until a task runs; the container that it runs in.
    pub(crate) async fn running_in(&mut self, agent: &Upid) -> String {
        loop {
            let update = self.update(agent).await;
            if update.status.state() == TaskState::TASK_RUNNING {
                let container = &update.status.container_status.container_id;
                return container.value().to_string();
            }
        }
    }

    pub(crate) fn kill(&self, agent: &Upid, task: &str) {
        let mut kill = KillTaskMessage::new();
        kill.framework_id = framework_id();
        kill.task_id = task_id(task);
        self.send(agent, &kill);
    }
}

pub(crate) fn slave_id(id: &str) -> protobuf::MessageField<SlaveID> {
    let mut message = SlaveID::new();
    message.set_value(id.to_string());
    Some(message).into()
}

pub(crate) fn framework_id() -> protobuf::MessageField<FrameworkID> {
    let mut message = FrameworkID::new();
    message.set_value("M-0000".to_string());
    Some(message).into()
}

pub(crate) fn task_id(id: &str) -> protobuf::MessageField<TaskID> {
    let mut message = TaskID::new();
    message.set_value(id.to_string());
    Some(message).into()
}

/// A shell command as a task with half a processor and 64 MB.
pub(crate) fn task(agent: &str, id: &str, command: &str) -> TaskInfo {
    let mut task = TaskInfo::new();
    task.set_name(id.to_string());
    task.task_id = task_id(id);
    task.slave_id = slave_id(agent);
    task.command
        .mut_or_insert_default()
        .set_value(command.to_string());
    for (name, amount) in [("cpus", 0.5), ("mem", 64.0)] {
        let mut resource = Resource::new();
        resource.set_name(name.to_string());
        resource.set_type(value::Type::SCALAR);
        resource.scalar.mut_or_insert_default().set_value(amount);
        resource
            .allocation_info
            .mut_or_insert_default()
            .set_role("*".to_string());
        task.resources.push(resource);
    }
    task
}

/// The message that runs a task.
pub(crate) fn run(task: TaskInfo, checkpoint: bool) -> RunTaskMessage {
    use framework_info::capability::Type;
    let mut framework = FrameworkInfo::new();
    framework.set_user("root".to_string());
    framework.set_name("a framework".to_string());
    framework.id = framework_id();
    framework.set_checkpoint(checkpoint);
    // Masters fill in the role of frameworks that name none.
    framework.set_role("*".to_string());
    for kind in [Type::PARTITION_AWARE, Type::TASK_KILLING_STATE] {
        let mut capability = framework_info::Capability::new();
        capability.set_type(kind);
        framework.capabilities.push(capability);
    }
    let mut message = RunTaskMessage::new();
    message.framework = Some(framework).into();
    message.task = Some(task).into();
    message.set_pid(Upid::empty().to_string());
    message.set_launch_executor(true);
    message
}

/// Starts the agent as a program. It dies with the test.
pub(crate) fn agent(master: &str, work_dir: &Path) -> Child {
    agent_flagged(master, work_dir, &[] as &[&str])
}

/// A port for an agent that is started again, which has to be where it was. It is bound here, and nobody listens: the agent
/// may do so at any time, and no other program is given it, not even while the agent is gone.
pub(crate) struct Port(TcpSocket);

impl Port {
    pub(crate) fn reserve() -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_reuseaddr(true).expect("it may be shared");
        let any = "127.0.0.1:0".parse().expect("an address");
        socket.bind(any).expect("a free port");
        Self(socket)
    }

    fn number(&self) -> u16 {
        self.0.local_addr().expect("bound").port()
    }

    /// The flag that says so, and one with which its executors may take as long as they can be allowed to find it again.
    pub(crate) fn flags(&self) -> [String; 2] {
        [
            format!("--port={}", self.number()),
            "--executor_reregistration_timeout=15secs".to_string(),
        ]
    }
}

/// The same at a port.
pub(crate) fn agent_at(master: &str, work_dir: &Path, port: &Port) -> Child {
    let resources = "cpus:4;mem:4096;disk:20480;ports:[31000-32000]";
    command(master, work_dir, resources)
        .args(port.flags())
        .spawn()
        .expect("the agent starts")
}

/// The same with these resources; what it says is kept.
pub(crate) fn agent_with(master: &str, work_dir: &Path, port: &Port, resources: &str) -> Child {
    command(master, work_dir, resources)
        .args(port.flags())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the agent starts")
}

/// The same with more flags.
pub(crate) fn agent_flagged(master: &str, work_dir: &Path, flags: &[impl AsRef<OsStr>]) -> Child {
    let resources = "cpus:4;mem:4096;disk:20480;ports:[31000-32000]";
    command(master, work_dir, resources)
        .args(flags)
        .spawn()
        .expect("the agent starts")
}

/// The agent with what every test gives it, at any port.
pub(crate) fn command(master: &str, work_dir: &Path, resources: &str) -> Command {
    let programs = Path::new(env!("CARGO_BIN_EXE_mesos-executor"))
        .parent()
        .expect("a folder");
    let mut command = Command::new(env!("CARGO_BIN_EXE_mesos-agent"));
    command
        .arg(format!("--master={master}"))
        .arg(format!("--work_dir={}", work_dir.display()))
        .arg(format!("--launcher_dir={}", programs.display()))
        // By its variable, so that a flag may say which one.
        .env("MESOS_PORT", "0")
        .arg(format!(
            "--fetcher_cache_dir={}",
            work_dir.join("fetch").display()
        ))
        .arg(format!("--runtime_dir={}", work_dir.join("run").display()))
        .args(["--ip=127.0.0.1", "--no-switch_user", "--hostname=localhost"])
        .args([
            "--registration_backoff_factor=10ms",
            "--attributes=rack:a;level:3",
        ])
        .arg(format!("--resources={resources}"))
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

/// Status and body of a plain request.
pub(crate) async fn http(agent: &Upid, request: &str) -> (u16, String) {
    let answer = whole(agent, request).await;
    let status = answer
        .split(' ')
        .nth(1)
        .expect("a status")
        .parse()
        .expect("a number");
    let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
    (status, body.to_string())
}

/// The whole answer to a plain request.
pub(crate) async fn whole(agent: &Upid, request: &str) -> String {
    let talk = async {
        let mut stream = tokio::net::TcpStream::connect(agent.address)
            .await
            .expect("it listens");
        stream
            .write_all(request.as_bytes())
            .await
            .expect("it reads");
        let mut answer = String::new();
        stream
            .read_to_string(&mut answer)
            .await
            .expect("it answers");
        answer
    };
    timeout(PATIENCE, talk).await.expect("in time")
}

pub(crate) async fn get(agent: &Upid, path: &str) -> (u16, String) {
    http(
        agent,
        &format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"),
    )
    .await
}

pub(crate) async fn post(agent: &Upid, path: &str, json: &str) -> (u16, String) {
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{json}",
        json.len()
    );
    http(agent, &request).await
}

/// Waits until a process has ended.
pub(crate) async fn ended(pid: &str) {
    let process = format!("/proc/{pid}/cwd");
    let gone = async {
        while Path::new(&process).exists() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, gone).await.expect("it ends");
}

/// Waits until something is so.
pub(crate) async fn eventually(is_so: impl Fn() -> bool) {
    let so = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(PATIENCE, so).await.expect("it becomes so");
}
