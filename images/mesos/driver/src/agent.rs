//! The agent's operator API, as far as executors use it: calls about containers.

use std::time::Duration;

use bytes::Bytes;
use mesos_proto::v1_agent::{Call, ProcessIO, Response as Answer};
use mesos_wire::recordio::Decoder;
use protobuf::Message as _;
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use thiserror::Error;

use crate::executor::Environment;

const PROTOBUF: &str = "application/x-protobuf";
const RECORDIO: &str = "application/recordio";
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The largest answer that is read, in bytes.
const MAX_ANSWER: usize = 1 << 20;

/// Why a call came to nothing.
#[derive(Debug, Error)]
pub enum AgentError {
    /// The agent cannot be reached, or the connection broke.
    #[error("the agent cannot be reached")]
    Unreachable(#[source] reqwest::Error),
    /// The agent did not accept the call.
    #[error("{text}")]
    Refused {
        /// The status that it answered with.
        status: u16,
        /// Its words.
        text: String,
    },
    /// The answer is not what was asked for.
    #[error("the agent's answer cannot be read: {0}")]
    Answer(String),
}

impl AgentError {
    /// Whether the same call may succeed later: the agent is away, or recovers.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable(_) => true,
            Self::Refused { status, .. } => *status == StatusCode::SERVICE_UNAVAILABLE.as_u16(),
            Self::Answer(_) => false,
        }
    }

    /// Whether the agent does not know the container.
    pub fn is_unknown(&self) -> bool {
        matches!(self, Self::Refused { status, .. } if *status == StatusCode::NOT_FOUND.as_u16())
    }
}

/// Calls one agent.
#[derive(Debug, Clone)]
pub struct Agent {
    client: Client,
    url: String,
    token: Option<String>,
}

impl Agent {
    /// The agent of an executor.
    pub fn of(environment: &Environment) -> Result<Self, AgentError> {
        let client = Client::builder()
            .no_proxy()
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_nodelay(true)
            .build()
            .map_err(AgentError::Unreachable)?;
        Ok(Self {
            client,
            url: format!(
                "http://{}/{}/api/v1",
                environment.agent_endpoint, environment.agent_process
            ),
            token: environment.token.clone(),
        })
    }

    fn post(&self, call: &Call) -> Result<RequestBuilder, AgentError> {
        let body = call
            .write_to_bytes()
            .map_err(|error| AgentError::Answer(error.to_string()))?;
        let request = self.client.post(&self.url).header("Content-Type", PROTOBUF);
        let request = match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        Ok(request.body(body))
    }

    /// Makes a call, and waits for its answer as long as it takes.
    pub async fn call(&self, call: &Call) -> Result<Answer, AgentError> {
        let request = self.post(call)?.header("Accept", PROTOBUF);
        let response = request.send().await.map_err(AgentError::Unreachable)?;
        let body = accepted(response).await?;
        Answer::parse_from_bytes(&body).map_err(|error| AgentError::Answer(error.to_string()))
    }

    /// Makes a call that is answered by its status alone.
    pub async fn call_for_nothing(&self, call: &Call) -> Result<(), AgentError> {
        let response = self
            .post(call)?
            .send()
            .await
            .map_err(AgentError::Unreachable)?;
        accepted(response).await.map(drop)
    }

    /// Launches a session, and waits until the agent closes it, having passed on all of its output.
    /// The container ends when this is dropped.
    pub async fn session(
        &self,
        call: &Call,
        mut output: impl FnMut(&ProcessIO),
    ) -> Result<(), AgentError> {
        let request = self
            .post(call)?
            .header("Accept", RECORDIO)
            .header("Message-Accept", PROTOBUF);
        let mut response = request.send().await.map_err(AgentError::Unreachable)?;
        if response.status() != StatusCode::OK {
            return accepted(response).await.map(drop);
        }
        let mut decoder = Decoder::new(MAX_ANSWER);
        let bad = |error: String| AgentError::Answer(error);
        while let Some(chunk) = response.chunk().await.map_err(AgentError::Unreachable)? {
            decoder.push(&chunk);
            while let Some(record) = decoder.next_record().map_err(|e| bad(e.to_string()))? {
                output(&ProcessIO::parse_from_bytes(&record).map_err(|e| bad(e.to_string()))?);
            }
        }
        Ok(())
    }
}

/// The body of an answer with status 200; all others refuse.
async fn accepted(mut response: Response) -> Result<Bytes, AgentError> {
    let status = response.status();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(AgentError::Unreachable)? {
        if body.len() + chunk.len() > MAX_ANSWER {
            return Err(AgentError::Answer("it is too long".to_string()));
        }
        body.extend_from_slice(&chunk);
    }
    if status == StatusCode::OK {
        return Ok(body.into());
    }
    Err(AgentError::Refused {
        status: status.as_u16(),
        text: String::from_utf8_lossy(&body).trim().to_string(),
    })
}
