//! One connection to a master: the subscription, its stream of events, and the lanes that post calls.

use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use mesos_proto::scheduler::{Event, call};
use mesos_proto::v1_scheduler::Call;
use mesos_wire::authentication::Credential;
use mesos_wire::recordio::Decoder;
use protobuf::Message;
use tokio::sync::{mpsc, watch};

use super::{Config, DriverError, DriverEvent, MasterAddress, SCHEDULER_PATH, describe};

/// The largest event taken: an OFFERS event may name every agent.
const EVENT_LIMIT_BYTES: usize = 64 << 20;
/// How much of a refusal's body is quoted.
const QUOTE_LIMIT_CHARS: usize = 300;
/// How often a redirect is followed before it counts as a circle.
const MAX_REDIRECTS: usize = 5;
/// How long the answer to SUBSCRIBE may take.
const SUBSCRIBE_TIMEOUT: Duration = Duration::from_secs(5);
const PROTOBUF: &str = "application/x-protobuf";
const STREAM_ID: &str = "Mesos-Stream-Id";

/// A subscribed connection.
pub(super) struct Session {
    url: String,
    stream_id: Option<String>,
    asked: MasterAddress,
    chunks: BoxStream<'static, reqwest::Result<Bytes>>,
    decoder: Decoder,
    silence: Option<Duration>,
    missed_heartbeats: u32,
}

/// Subscribes with `master`, or with the one it redirects to.
pub(super) async fn subscribe(
    client: &reqwest::Client,
    config: &Config,
    master: &MasterAddress,
    masters: &mut watch::Receiver<Option<MasterAddress>>,
) -> Result<Session, DriverError> {
    let body = subscribe_call(config)?;
    let mut url = format!("http://{master}{SCHEDULER_PATH}");
    for _ in 0..MAX_REDIRECTS {
        let request = post(client, &url, config.credential.as_ref(), body.clone()).send();
        let answer = tokio::select! {
            answer = tokio::time::timeout(SUBSCRIBE_TIMEOUT, request) => answer,
            Ok(()) = masters.changed() => return Err(DriverError::LeaderChanged),
        };
        let response = answer
            .map_err(|_| DriverError::Heartbeat(SUBSCRIBE_TIMEOUT))?
            .map_err(|source| DriverError::Unreachable {
                url: url.clone(),
                source,
            })?;
        let status = response.status();
        if status.is_redirection() {
            url = redirect_target(&response).ok_or(DriverError::Redirects { url })?;
            continue;
        }
        if status.as_u16() != 200 {
            return Err(refusal(url, response).await);
        }
        let stream_id = response
            .headers()
            .get(STREAM_ID)
            .and_then(|value| value.to_str().ok())
            .map(str::to_string);
        return Ok(Session {
            url,
            stream_id,
            asked: master.clone(),
            chunks: response.bytes_stream().boxed(),
            decoder: Decoder::new(EVENT_LIMIT_BYTES),
            silence: None,
            missed_heartbeats: config.missed_heartbeats.max(1),
        });
    }
    Err(DriverError::Redirects { url })
}

/// A call as both kinds of requests carry it.
fn post(
    client: &reqwest::Client,
    url: &str,
    credential: Option<&Credential>,
    body: Vec<u8>,
) -> reqwest::RequestBuilder {
    let request = client
        .post(url)
        .header("Content-Type", PROTOBUF)
        .header("Accept", PROTOBUF)
        .body(body);
    match credential {
        Some(Credential { principal, secret }) => request.basic_auth(principal, Some(secret)),
        None => request,
    }
}

fn subscribe_call(config: &Config) -> Result<Vec<u8>, DriverError> {
    let mut call = Call::new();
    call.set_type(call::Type::SUBSCRIBE);
    call.framework_id = config.framework.id.clone();
    call.subscribe.mut_or_insert_default().framework_info = Some(config.framework.clone()).into();
    call.write_to_bytes()
        .map_err(|error| DriverError::Stream(error.to_string()))
}

/// Masters redirect with `//host:port/path`, without a scheme.
fn redirect_target(response: &reqwest::Response) -> Option<String> {
    let location = response.headers().get("Location")?.to_str().ok()?;
    if let Some(rest) = location.strip_prefix("//") {
        return Some(format!("http://{rest}"));
    }
    response.url().join(location).ok().map(String::from)
}

async fn refusal(url: String, response: reqwest::Response) -> DriverError {
    let status = response.status().as_u16();
    let text = response.text().await.unwrap_or_default();
    DriverError::Refused {
        url,
        status,
        text: text.chars().take(QUOTE_LIMIT_CHARS).collect(),
    }
}

impl Session {
    /// Whether this is a connection to that master (or the one it redirected to).
    pub(super) fn is_with(&self, master: &MasterAddress) -> bool {
        self.asked == *master || self.url.contains(&format!("//{master}/"))
    }

    /// The next event. An error ends the session.
    pub(super) async fn next_event(&mut self) -> Result<Event, DriverError> {
        loop {
            let record = self
                .decoder
                .next_record()
                .map_err(|error| DriverError::Stream(error.to_string()))?;
            if let Some(record) = record {
                let event = Event::parse_from_bytes(&record)
                    .map_err(|error| DriverError::Stream(error.to_string()))?;
                self.note_heartbeat_interval(&event);
                return Ok(event);
            }
            let next = self.chunks.next();
            let chunk = match self.silence {
                Some(silence) => tokio::time::timeout(silence, next)
                    .await
                    .map_err(|_| DriverError::Heartbeat(silence))?,
                None => next.await,
            };
            match chunk {
                Some(Ok(bytes)) => self.decoder.push(&bytes),
                Some(Err(source)) => {
                    return Err(DriverError::Unreachable {
                        url: self.url.clone(),
                        source,
                    });
                }
                None => return Err(DriverError::Closed),
            }
        }
    }

    fn note_heartbeat_interval(&mut self, event: &Event) {
        let interval = event
            .subscribed
            .as_ref()
            .and_then(|subscribed| subscribed.heartbeat_interval_seconds)
            .filter(|seconds| seconds.is_finite() && *seconds > 0.0)
            .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        if let Some(interval) = interval {
            self.silence = interval.checked_mul(self.missed_heartbeats);
        }
    }

    /// Starts the tasks that post calls on this connection. They end when the lanes are dropped.
    pub(super) fn lanes(
        &self,
        client: &reqwest::Client,
        config: &Config,
        events: &mpsc::UnboundedSender<DriverEvent>,
    ) -> Lanes {
        let (closed, _) = watch::channel(());
        let open = |closed: &watch::Sender<()>| {
            let (sender, receiver) = mpsc::unbounded_channel();
            let lane = Lane {
                client: client.clone(),
                url: self.url.clone(),
                stream_id: self.stream_id.clone(),
                credential: config.credential.clone(),
                timeout: config.call_timeout,
                events: events.clone(),
                closed: closed.subscribe(),
            };
            tokio::spawn(lane.run(receiver));
            sender
        };
        Lanes {
            calls: open(&closed),
            acknowledgements: open(&closed),
            _closed: closed,
        }
    }
}

/// Where calls of one connection go. Acknowledgements have their own lane, so that a burst of status
/// updates does not hold up launches.
pub(super) struct Lanes {
    calls: mpsc::UnboundedSender<Call>,
    acknowledgements: mpsc::UnboundedSender<Call>,
    /// Dropped with the lanes, which tells their tasks to stop.
    _closed: watch::Sender<()>,
}

impl Lanes {
    pub(super) fn send(&self, call: Call) {
        let lane = if call.type_() == call::Type::ACKNOWLEDGE {
            &self.acknowledgements
        } else {
            &self.calls
        };
        if lane.send(call).is_err() {
            tracing::debug!("a lane of calls ended before its connection");
        }
    }
}

struct Lane {
    client: reqwest::Client,
    url: String,
    stream_id: Option<String>,
    credential: Option<Credential>,
    timeout: Duration,
    events: mpsc::UnboundedSender<DriverEvent>,
    closed: watch::Receiver<()>,
}

impl Lane {
    async fn run(mut self, mut calls: mpsc::UnboundedReceiver<Call>) {
        while let Some(call) = calls.recv().await {
            let mut closed = self.closed.clone();
            let posted = tokio::select! {
                biased;
                // The sender never sends: this ends when it is dropped.
                _ = closed.changed() => Err("the connection ended".to_string()),
                posted = self.post(&call) => posted.map_err(|error| describe(&error)),
            };
            if let Err(reason) = posted {
                let failed = DriverEvent::CallFailed {
                    call: Box::new(call),
                    reason,
                };
                if self.events.send(failed).is_err() {
                    return;
                }
            }
        }
    }

    async fn post(&mut self, call: &Call) -> Result<(), DriverError> {
        let body = call
            .write_to_bytes()
            .map_err(|error| DriverError::Stream(error.to_string()))?;
        let mut request =
            post(&self.client, &self.url, self.credential.as_ref(), body).timeout(self.timeout);
        if let Some(id) = &self.stream_id {
            request = request.header(STREAM_ID, id);
        }
        let response = request
            .send()
            .await
            .map_err(|source| DriverError::Unreachable {
                url: self.url.clone(),
                source,
            })?;
        if response.status().is_success() {
            return Ok(());
        }
        Err(refusal(self.url.clone(), response).await)
    }
}
