//! One subscription over HTTP: the event stream, and the calls beside it.

use std::time::Duration;

use mesos_proto::executor::{Call, Event};
use mesos_wire::recordio::{Decoder, RecordError};
use protobuf::Message;
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use thiserror::Error;

use super::environment::Environment;

const PROTOBUF: &str = "application/x-protobuf";
/// A task with its data is far smaller; an agent that sends more is not one.
const MAX_EVENT_BYTES: usize = 64 << 20;
/// The most of a refusal's text that is read.
const MAX_REFUSAL_BYTES: usize = 4 << 10;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// An agent answers a call at once, or is gone.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);

/// Why a call or a subscription came to nothing.
#[derive(Debug, Error)]
pub(super) enum ConnectionError {
    /// The agent cannot be reached, or the connection broke.
    #[error("the agent cannot be reached")]
    Unreachable(#[source] reqwest::Error),
    /// The agent answered, but is not ready for this.
    #[error("the agent is not ready: `{status}` {text}")]
    NotReady { status: StatusCode, text: String },
    /// The agent will never accept this.
    #[error("the agent refused with `{status}` {text}")]
    Refused { status: StatusCode, text: String },
    /// The agent closed the event stream.
    #[error("the agent closed the stream of events")]
    Closed,
    /// The event stream is not RecordIO.
    #[error("the stream of events cannot be read")]
    Framing(#[from] RecordError),
    /// A record is not an event.
    #[error("an event cannot be read")]
    Event(#[source] protobuf::Error),
}

/// Sends calls to one agent.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    client: Client,
    url: String,
    token: Option<String>,
}

impl Caller {
    pub(super) fn new(environment: &Environment) -> Result<Self, ConnectionError> {
        let client = Client::builder()
            .no_proxy()
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_nodelay(true)
            .pool_max_idle_per_host(1)
            .build()
            .map_err(ConnectionError::Unreachable)?;
        Ok(Self {
            client,
            url: environment.url(),
            token: environment.token.clone(),
        })
    }

    fn post(&self, call: &Call) -> Result<RequestBuilder, ConnectionError> {
        let body = call.write_to_bytes().map_err(ConnectionError::Event)?;
        let mut request = self
            .client
            .post(&self.url)
            .header("Content-Type", PROTOBUF)
            .header("Accept", PROTOBUF)
            .body(body);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        Ok(request)
    }

    /// Opens the event stream.
    pub(super) async fn subscribe(&self, call: &Call) -> Result<Stream, ConnectionError> {
        let response = self
            .post(call)?
            .send()
            .await
            .map_err(ConnectionError::Unreachable)?;
        let response = accepted(response).await?;
        Ok(Stream {
            response,
            decoder: Decoder::new(MAX_EVENT_BYTES),
        })
    }

    /// Makes a call other than SUBSCRIBE.
    pub(super) async fn call(&self, call: &Call) -> Result<(), ConnectionError> {
        let request = self.post(call)?.timeout(CALL_TIMEOUT);
        let response = request.send().await.map_err(ConnectionError::Unreachable)?;
        accepted(response).await.map(|_| ())
    }
}

async fn accepted(mut response: Response) -> Result<Response, ConnectionError> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let mut text = Vec::new();
    while text.len() < MAX_REFUSAL_BYTES {
        match response.chunk().await {
            Ok(Some(chunk)) => text.extend_from_slice(&chunk),
            Ok(None) | Err(_) => break,
        }
    }
    let text = String::from_utf8_lossy(&text).trim().to_string();
    // 503 is an agent that recovers, 403 one that wants a subscription first, 404 one that starts.
    Err(match status {
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::NOT_FOUND | StatusCode::FORBIDDEN => {
            ConnectionError::NotReady { status, text }
        }
        _ => ConnectionError::Refused { status, text },
    })
}

/// The events of one subscription.
#[derive(Debug)]
pub(super) struct Stream {
    response: Response,
    decoder: Decoder,
}

impl Stream {
    /// The next event. Cancelling this loses nothing.
    pub(super) async fn next(&mut self) -> Result<Event, ConnectionError> {
        loop {
            if let Some(record) = self.decoder.next_record()? {
                return Event::parse_from_bytes(&record).map_err(ConnectionError::Event);
            }
            match self.response.chunk().await {
                Ok(Some(chunk)) => self.decoder.push(&chunk),
                Ok(None) => return Err(ConnectionError::Closed),
                Err(error) => return Err(ConnectionError::Unreachable(error)),
            }
        }
    }
}
