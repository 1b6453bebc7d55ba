//! Keeps one executor subscribed for as long as its agent may come back.

use std::collections::VecDeque;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use mesos_proto::executor::{self as api, Call, call};
use mesos_proto::mesos::{
    ExecutorID, FrameworkID, KillPolicy, SlaveID, TaskGroupInfo, TaskID, TaskInfo, TaskStatus,
    task_status,
};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until};
use uuid::Uuid;

use super::connection::{Caller, ConnectionError, Stream};
use super::environment::Environment;
use super::pending::{Pending, update, update_uuid};

/// How long an agent that does not checkpoint may take to answer the very first subscription.
const FIRST_SUBSCRIPTION: Duration = Duration::from_secs(5);
/// The first pause between two attempts; doubled up to `MESOS_SUBSCRIPTION_BACKOFF_MAX`.
const FIRST_BACKOFF: Duration = Duration::from_millis(10);
/// Keeps middle boxes from dropping the connection (the original's interval).
const HEARTBEAT: Duration = Duration::from_secs(30 * 60);

/// What an executor is told.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The agent knows this executor. Comes again after each interruption.
    Subscribed(Box<api::event::Subscribed>),
    /// Run this task.
    Launch(Box<TaskInfo>),
    /// Run these tasks, all or none.
    LaunchGroup(Box<TaskGroupInfo>),
    /// End a task.
    Kill {
        /// The task.
        task_id: TaskID,
        /// Replaces the task's own policy if given.
        kill_policy: Option<KillPolicy>,
    },
    /// Bytes from the framework.
    Message(Vec<u8>),
    /// The agent will have nothing more to do with this executor. [`Event::Shutdown`] follows.
    Error(String),
    /// End every task and exit. The last event. Updates can still be sent, until the agent has had
    /// enough. Also comes when the agent is gone for good.
    Shutdown,
}

enum Command {
    Update(Box<TaskStatus>),
    Message(Vec<u8>),
}

/// Speaks to the agent. Clones speak for the same executor. The subscription ends when all clones
/// are dropped.
#[derive(Debug, Clone)]
pub struct Driver {
    commands: mpsc::UnboundedSender<Command>,
    settled: watch::Receiver<usize>,
    sent: std::sync::Arc<std::sync::atomic::AtomicUsize>,
}

/// What the agent says.
#[derive(Debug)]
pub struct Events(mpsc::UnboundedReceiver<Event>);

impl Driver {
    /// Reports a task's state. Source, uuid, timestamp and executor are filled in where not set. The
    /// update is repeated until the agent has stored it.
    pub fn update(&self, status: TaskStatus) {
        self.sent.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        // A receiver that is gone means a subscription that is over: nobody is left to tell.
        let _ = self.commands.send(Command::Update(Box::new(status)));
    }

    /// Sends bytes to the framework's scheduler, at most once.
    pub fn message(&self, data: Vec<u8>) {
        let _ = self.commands.send(Command::Message(data));
    }

    /// Waits until the agent has stored every update given so far. Ends early, with `false`, when
    /// the subscription is over.
    pub async fn settled(&self) -> bool {
        let want = self.sent.load(std::sync::atomic::Ordering::SeqCst);
        let mut settled = self.settled.clone();
        settled.wait_for(|count| *count >= want).await.is_ok()
    }
}

impl Events {
    /// The next event; `None` after [`Event::Shutdown`].
    pub async fn next(&mut self) -> Option<Event> {
        self.0.recv().await
    }
}

/// Subscribes, and stays subscribed, in a task of the current tokio runtime.
pub fn start(environment: Environment) -> (Driver, Events) {
    let (commands, command_queue) = mpsc::unbounded_channel();
    let (event_queue, events) = mpsc::unbounded_channel();
    let (settled_sender, settled) = watch::channel(0);
    let session = Session {
        environment,
        commands: command_queue,
        events: Some(event_queue),
        pending: Pending::default(),
        calls: VecDeque::new(),
        handled: 0,
        settled: settled_sender,
    };
    tokio::spawn(session.run());
    let sent = std::sync::Arc::default();
    (
        Driver {
            commands,
            settled,
            sent,
        },
        Events(events),
    )
}

/// Why a subscription ended.
enum End {
    Lost,
    Refused(String),
    Shutdown,
    Abandoned,
}

struct Session {
    environment: Environment,
    commands: mpsc::UnboundedReceiver<Command>,
    /// `None` when the executor has been told to shut down: there is no event after that.
    events: Option<mpsc::UnboundedSender<Event>>,
    pending: Pending,
    calls: VecDeque<Call>,
    handled: usize,
    settled: watch::Sender<usize>,
}

impl Session {
    async fn run(mut self) {
        match self.subscribe_again_and_again().await {
            End::Abandoned => return,
            End::Refused(text) => {
                tracing::error!("the agent refuses this executor: {text}");
                self.tell(Event::Error(text));
            }
            End::Lost | End::Shutdown => {}
        }
        self.tell_shutdown();
    }

    fn tell(&self, event: Event) {
        if let Some(events) = &self.events {
            // An executor that no longer listens is about to exit.
            let _ = events.send(event);
        }
    }

    fn tell_shutdown(&mut self) {
        self.tell(Event::Shutdown);
        self.events = None;
    }

    async fn subscribe_again_and_again(&mut self) -> End {
        let caller = match Caller::new(&self.environment) {
            Ok(caller) => caller,
            Err(error) => return End::Refused(chain(&error)),
        };
        let mut deadline = Instant::now()
            + if self.environment.checkpoint {
                self.environment.recovery_timeout
            } else {
                FIRST_SUBSCRIPTION
            };
        let mut backoff = FIRST_BACKOFF;
        loop {
            let mut call = self.new_call(call::Type::SUBSCRIBE);
            call.subscribe = Some(self.pending.subscribe()).into();
            // What waited to be sent is in the subscription now.
            self.calls.retain(|call| update_uuid(call).is_none());
            let attempt = tokio::select! {
                attempt = caller.subscribe(&call) => attempt,
                () = sleep_until(deadline) => return End::Lost,
                () = self.absorb_commands() => return End::Abandoned,
            };
            match attempt {
                Ok(stream) => {
                    tracing::info!("subscribed at agent {}", self.environment.agent_endpoint);
                    match self.serve(&caller, stream).await {
                        End::Lost if self.events.is_none() => return End::Shutdown,
                        End::Lost if self.environment.checkpoint => {
                            tracing::warn!("the agent is gone; waiting for it to come back");
                            deadline = Instant::now() + self.environment.recovery_timeout;
                            backoff = FIRST_BACKOFF;
                        }
                        end => return end,
                    }
                }
                Err(ConnectionError::Refused { status, text }) => {
                    return End::Refused(format!("{status}: {text}"));
                }
                Err(error) => tracing::debug!("cannot subscribe: {}", chain(&error)),
            }
            let pause = backoff.min(self.environment.subscription_backoff_max);
            backoff = backoff.saturating_mul(2);
            tokio::select! {
                () = sleep(up_to(pause)) => {}
                () = sleep_until(deadline) => return End::Lost,
                () = self.absorb_commands() => return End::Abandoned,
            }
        }
    }

    /// Takes commands while nobody can be told; ends when no driver is left.
    async fn absorb_commands(&mut self) {
        while let Some(command) = self.commands.recv().await {
            self.take(command);
        }
    }

    async fn serve(&mut self, caller: &Caller, mut stream: Stream) -> End {
        let mut in_flight = None;
        let mut heartbeat = Instant::now() + HEARTBEAT;
        loop {
            if in_flight.is_none()
                && let Some(call) = self.calls.pop_front()
            {
                let caller = caller.clone();
                in_flight = Some(Box::pin(async move {
                    let result = caller.call(&call).await;
                    (call, result)
                }));
            }
            tokio::select! {
                event = stream.next() => match event {
                    Ok(event) => if self.handle(event) { return End::Shutdown },
                    Err(error) => {
                        tracing::info!("the subscription ended: {}", chain(&error));
                        return End::Lost;
                    }
                },
                command = self.commands.recv() => match command {
                    Some(command) => self.take(command),
                    None if in_flight.is_none() && self.calls.is_empty() => return End::Abandoned,
                    None => {
                        // Nothing more will come; what was given is still sent.
                        if let Some(in_flight) = in_flight.take() { let _ = in_flight.await; }
                    }
                },
                (call, result) = async { match in_flight.as_mut() {
                    Some(future) => future.await,
                    None => std::future::pending().await,
                } } => {
                    in_flight = None;
                    match result {
                        Ok(()) => {}
                        Err(ConnectionError::Refused { status, text }) => {
                            tracing::error!("the agent refused a call with `{status}`: {text}");
                            if let Some(uuid) = update_uuid(&call) {
                                self.pending.refused(uuid);
                                self.note_settled();
                            }
                        }
                        Err(error) => {
                            // An update goes out again with the next subscription; a message is lost.
                            tracing::info!("a call failed: {}", chain(&error));
                            return End::Lost;
                        }
                    }
                },
                () = sleep_until(heartbeat) => {
                    heartbeat = Instant::now() + HEARTBEAT;
                    let call = self.new_call(call::Type::HEARTBEAT);
                    self.calls.push_back(call);
                }
            }
        }
    }

    /// Passes an event on; `true` if it was the last.
    fn handle(&mut self, mut event: api::Event) -> bool {
        use api::event::Type;
        match event.type_() {
            Type::SUBSCRIBED => {
                if let Some(subscribed) = event.subscribed.take() {
                    self.tell(Event::Subscribed(Box::new(subscribed)));
                }
            }
            Type::LAUNCH => {
                if let Some(task) = event
                    .launch
                    .take()
                    .and_then(|mut launch| launch.task.take())
                {
                    self.pending.launched(&task);
                    self.tell(Event::Launch(Box::new(task)));
                }
            }
            Type::LAUNCH_GROUP => {
                let group = event.launch_group.take();
                if let Some(group) = group.and_then(|mut launch| launch.task_group.take()) {
                    group
                        .tasks
                        .iter()
                        .for_each(|task| self.pending.launched(task));
                    self.tell(Event::LaunchGroup(Box::new(group)));
                }
            }
            Type::KILL => {
                if let Some(mut kill) = event.kill.take() {
                    self.tell(Event::Kill {
                        task_id: kill.task_id.take().unwrap_or_default(),
                        kill_policy: kill.kill_policy.take(),
                    });
                }
            }
            Type::ACKNOWLEDGED => {
                if let Some(acknowledged) = event.acknowledged.as_ref() {
                    self.pending.acknowledged(acknowledged.uuid());
                    self.note_settled();
                }
            }
            Type::MESSAGE => {
                if let Some(message) = event.message.as_mut() {
                    self.tell(Event::Message(message.take_data()));
                }
            }
            Type::ERROR => {
                let text = event.error.as_ref().map_or("", |error| error.message());
                self.tell(Event::Error(text.to_string()));
                return true;
            }
            // The agent still takes what the executor reports of its tasks' end.
            Type::SHUTDOWN => self.tell_shutdown(),
            Type::HEARTBEAT | Type::UNKNOWN => {}
        }
        false
    }

    fn take(&mut self, command: Command) {
        match command {
            Command::Update(mut status) => {
                self.complete(&mut status);
                self.pending.sent(&status);
                self.handled += 1;
                let mut call = self.new_call(call::Type::UPDATE);
                call.update = Some(update(&status)).into();
                self.calls.push_back(call);
            }
            Command::Message(data) => {
                let mut message = call::Message::new();
                message.set_data(data);
                let mut call = self.new_call(call::Type::MESSAGE);
                call.message = Some(message).into();
                self.calls.push_back(call);
            }
        }
    }

    fn note_settled(&self) {
        if self.pending.is_settled() {
            self.settled.send_replace(self.handled);
        }
    }

    /// Fills in what an agent demands of an update.
    fn complete(&self, status: &mut TaskStatus) {
        if status.uuid().is_empty() {
            status.set_uuid(Uuid::new_v4().as_bytes().to_vec());
        }
        if !status.has_timestamp() {
            let since = SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default();
            status.set_timestamp(since.as_secs_f64());
        }
        status.set_source(task_status::Source::SOURCE_EXECUTOR);
        if status.executor_id.is_none() {
            let mut id = ExecutorID::new();
            id.set_value(self.environment.executor_id.clone());
            status.executor_id = Some(id).into();
        }
        if status.slave_id.is_none()
            && let Some(agent) = &self.environment.agent_id
        {
            let mut id = SlaveID::new();
            id.set_value(agent.clone());
            status.slave_id = Some(id).into();
        }
    }

    fn new_call(&self, kind: call::Type) -> Call {
        let mut executor = ExecutorID::new();
        executor.set_value(self.environment.executor_id.clone());
        let mut framework = FrameworkID::new();
        framework.set_value(self.environment.framework_id.clone());
        let mut call = Call::new();
        call.executor_id = Some(executor).into();
        call.framework_id = Some(framework).into();
        call.set_type(kind);
        call
    }
}

/// A random time of at most `most`: executors of one agent must not all come back at once.
fn up_to(most: Duration) -> Duration {
    let random = Uuid::new_v4().as_u128() as u32;
    most.mul_f64(f64::from(random) / f64::from(u32::MAX))
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
