//! The v1 scheduler API, from the framework's side: finds the leading master, subscribes, passes
//! events up and calls down, and begins again whenever the connection ends.
//!
//! Nothing here decides anything about tasks or offers. Events and calls are in binary protobuf, in
//! RecordIO on the stream.

mod leader;
mod session;

use std::time::Duration;

use mesos_proto::mesos::{FrameworkID, FrameworkInfo};
use mesos_proto::scheduler::Event;
use mesos_proto::v1_scheduler::Call;
use mesos_wire::authentication::Credential;
use thiserror::Error;
use tokio::sync::{mpsc, watch};

pub use leader::{MasterAddress, detect};

/// The path of the scheduler API on a master.
pub const SCHEDULER_PATH: &str = "/api/v1/scheduler";

/// Why the driver could not be made, or a connection ended.
#[derive(Debug, Error)]
pub enum DriverError {
    /// The address of the master is in none of the forms that Mesos knows.
    #[error("`{0}` names no master: `zk://host:port,…/path` or `host:port` is expected")]
    MasterAddress(String),
    /// The HTTP client could not be made.
    #[error("cannot make an HTTP client")]
    Client(#[source] reqwest::Error),
    /// A request did not get an answer.
    #[error("cannot reach the master at `{url}`")]
    Unreachable {
        /// Where the request went.
        url: String,
        /// What the HTTP client said.
        #[source]
        source: reqwest::Error,
    },
    /// The master refused.
    #[error("the master at `{url}` answered {status}: {text}")]
    Refused {
        /// Where the request went.
        url: String,
        /// The HTTP status.
        status: u16,
        /// The body, shortened.
        text: String,
    },
    /// The master is not the leader, and who is cannot be followed.
    #[error("the master at `{url}` redirects in circles or to nowhere")]
    Redirects {
        /// The last address tried.
        url: String,
    },
    /// The stream is not RecordIO, or a record is no event.
    #[error("the master's event stream cannot be read: {0}")]
    Stream(String),
    /// The stream ended.
    #[error("the master closed the event stream")]
    Closed,
    /// No event came for several heartbeat intervals.
    #[error("no heartbeat from the master within {0:?}")]
    Heartbeat(Duration),
    /// Another master leads now.
    #[error("another master leads now")]
    LeaderChanged,
}

/// What the driver tells the framework, in order.
#[derive(Debug)]
pub enum DriverEvent {
    /// An event of the API as it came. SUBSCRIBED comes first on every connection.
    Api(Box<Event>),
    /// The connection ended, or could not be made after it was there once. The driver goes on trying.
    Disconnected {
        /// Why.
        reason: String,
    },
    /// A call was not taken by the master, which therefore has not acted on it.
    CallFailed {
        /// The call.
        call: Box<Call>,
        /// Why.
        reason: String,
    },
}

/// How a driver behaves. The defaults are for a cluster on a desk.
#[derive(Debug, Clone)]
pub struct Config {
    /// What to subscribe with. An `id` in it makes it a failover.
    pub framework: FrameworkInfo,
    /// Who the master is to believe sends the calls (`--authenticate_http_frameworks`): HTTP basic authentication.
    pub credential: Option<Credential>,
    /// The wait before the first new attempt; it doubles up to `backoff_max`.
    pub backoff: Duration,
    /// The longest wait between attempts.
    pub backoff_max: Duration,
    /// How many heartbeat intervals may pass in silence before the connection counts as dead.
    pub missed_heartbeats: u32,
    /// How long a single call may take.
    pub call_timeout: Duration,
}

impl Config {
    /// The defaults: 10 ms growing to 250 ms between attempts, 3 missed heartbeats, 10 s a call.
    pub fn new(framework: FrameworkInfo) -> Self {
        Self {
            framework,
            credential: None,
            backoff: Duration::from_millis(10),
            backoff_max: Duration::from_millis(250),
            missed_heartbeats: 3,
            call_timeout: Duration::from_secs(10),
        }
    }
}

/// The way to send calls. They are sent in the order given, but acknowledgements do not wait for
/// other calls. The driver fills in `framework_id`.
#[derive(Debug, Clone)]
pub struct CallSender {
    calls: mpsc::UnboundedSender<Call>,
}

impl CallSender {
    /// Queues a call. One that is made while there is no connection, or that fails, comes back as
    /// [`DriverEvent::CallFailed`].
    pub fn send(&self, call: Call) {
        if self.calls.send(call).is_err() {
            tracing::debug!("a call was made after the driver ended");
        }
    }

    /// A sender without a driver, and what is sent through it: for tests of frameworks.
    pub fn detached() -> (Self, mpsc::UnboundedReceiver<Call>) {
        let (calls, receiver) = mpsc::unbounded_channel();
        (Self { calls }, receiver)
    }
}

/// A running driver. Dropping the receiver of events ends it.
#[derive(Debug)]
pub struct Driver {
    /// What the master says.
    pub events: mpsc::UnboundedReceiver<DriverEvent>,
    /// To talk to the master.
    pub calls: CallSender,
}

/// Starts a driver that follows the leader `masters` shows. Must be called inside a tokio runtime.
pub fn start(
    config: Config,
    masters: watch::Receiver<Option<MasterAddress>>,
) -> Result<Driver, DriverError> {
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(Duration::from_secs(2))
        .tcp_nodelay(true)
        .no_proxy()
        .build()
        .map_err(DriverError::Client)?;
    let (event_sender, events) = mpsc::unbounded_channel();
    let (call_sender, call_receiver) = mpsc::unbounded_channel();
    let runner = Runner {
        client,
        config,
        masters,
        events: event_sender,
        calls: call_receiver,
    };
    tokio::spawn(runner.run());
    Ok(Driver {
        events,
        calls: CallSender { calls: call_sender },
    })
}

/// The task behind a [`Driver`].
struct Runner {
    client: reqwest::Client,
    config: Config,
    masters: watch::Receiver<Option<MasterAddress>>,
    events: mpsc::UnboundedSender<DriverEvent>,
    calls: mpsc::UnboundedReceiver<Call>,
}

impl Runner {
    async fn run(mut self) {
        let mut wait = self.config.backoff;
        let mut last = String::new();
        loop {
            let Some(master) = self.leader().await else {
                return;
            };
            let reason =
                match session::subscribe(&self.client, &self.config, &master, &mut self.masters)
                    .await
                {
                    Ok(session) => {
                        wait = self.config.backoff;
                        let reason = self.pump(session).await.to_string();
                        tracing::info!("disconnected from the master at {master}: {reason}");
                        let event = DriverEvent::Disconnected {
                            reason: reason.clone(),
                        };
                        if self.events.send(event).is_err() {
                            return;
                        }
                        reason
                    }
                    Err(error) => describe(&error),
                };
            if reason != last {
                tracing::info!("waiting for the master at {master}: {reason}");
                last = reason;
            }
            if self.events.is_closed() {
                return;
            }
            self.refuse_calls();
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                changed = self.masters.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    wait = self.config.backoff;
                }
            }
            wait = (wait * 2).min(self.config.backoff_max);
        }
    }

    /// The leading master, waiting until there is one; `None` when nobody listens any more.
    async fn leader(&mut self) -> Option<MasterAddress> {
        loop {
            if self.events.is_closed() {
                return None;
            }
            if let Some(master) = self.masters.borrow_and_update().clone() {
                return Some(master);
            }
            tokio::select! {
                changed = self.masters.changed() => changed.ok()?,
                call = self.calls.recv() => self.refuse(call?, "no master leads"),
                () = self.events.closed() => return None,
            }
        }
    }

    /// Passes events and calls until the connection ends.
    async fn pump(&mut self, mut session: session::Session) -> DriverError {
        let lanes = session.lanes(&self.client, &self.config, &self.events);
        loop {
            tokio::select! {
                event = session.next_event() => match event {
                    Ok(event) => {
                        if let Some(id) = subscribed_id(&event) {
                            self.config.framework.id = Some(id).into();
                        }
                        if self.events.send(DriverEvent::Api(Box::new(event))).is_err() {
                            return DriverError::Closed;
                        }
                    }
                    Err(error) => return error,
                },
                call = self.calls.recv() => match call {
                    Some(mut call) => {
                        call.framework_id = self.config.framework.id.clone();
                        lanes.send(call);
                    }
                    None => return DriverError::Closed,
                },
                changed = self.masters.changed() => {
                    let gone = changed.is_err();
                    let leader = self.masters.borrow_and_update().clone();
                    // No leader in sight is no reason to leave one that still answers.
                    if gone || leader.is_some_and(|leader| !session.is_with(&leader)) {
                        return DriverError::LeaderChanged;
                    }
                }
                () = self.events.closed() => return DriverError::Closed,
            }
        }
    }

    /// Answers what was called while there was nobody to call.
    fn refuse_calls(&mut self) {
        while let Ok(call) = self.calls.try_recv() {
            self.refuse(call, "not connected to a master");
        }
    }

    fn refuse(&self, call: Call, reason: &str) {
        // The receiver may be gone: then nobody needs to know.
        let _ = self.events.send(DriverEvent::CallFailed {
            call: Box::new(call),
            reason: reason.to_string(),
        });
    }
}

fn subscribed_id(event: &Event) -> Option<FrameworkID> {
    event.subscribed.as_ref()?.framework_id.as_ref().cloned()
}

/// An error with its causes in one line.
fn describe(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}
