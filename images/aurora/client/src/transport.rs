//! One call over HTTP: TBINARY both ways, with the original client's headers.

use std::time::Duration;

use aurora_api::envelope::{BadReply, decode_reply, encode_call};
use aurora_api::protocol::BINARY_MEDIA_TYPE;
use aurora_api::{Call, Protocol, Response};
use reqwest::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, HeaderMap, HeaderValue, USER_AGENT, WWW_AUTHENTICATE,
};
use reqwest::{StatusCode, Url};
use thiserror::Error;

use crate::auth::{self, Mechanism};
use crate::netrc;

/// Has a scheduler answer itself, whether it leads or not.
const BYPASS_HEADER: &str = "bypass-leader-redirect";
/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(60);
/// Largest answer that is read, in bytes: ten thousands of tasks with their configurations.
const MAX_ANSWER: u64 = 512 << 20;

/// Why a call has no response.
#[derive(Debug, Error)]
pub enum TransportError {
    /// The scheduler wants (other) credentials.
    #[error("{0}")]
    Auth(String),
    /// It did not get there, or not back.
    #[error("{0}")]
    Broken(String),
    /// The scheduler answered with Thrift's own exception, or with nonsense.
    #[error("{0}")]
    Protocol(String),
}

/// What a client says of itself.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    /// How it calls itself.
    pub agent: &'static str,
    /// Whether it wants this scheduler's answer, even if another one leads.
    pub bypass_leader: bool,
}

impl Manner {
    /// How `aurora` speaks.
    pub const USER: Self = Self {
        agent: "Aurora V2",
        bypass_leader: false,
    };

    /// How `aurora_admin` speaks.
    pub const fn admin(bypass_leader: bool) -> Self {
        Self {
            agent: "Aurora Admin",
            bypass_leader,
        }
    }
}

/// A scheduler's HTTP address, and the connection to it.
#[derive(Debug)]
pub struct Transport {
    http: reqwest::Client,
    endpoint: Url,
    mechanism: Mechanism,
}

impl Transport {
    /// To the scheduler at a URL.
    pub fn new(
        scheduler_url: &str,
        manner: Manner,
        mechanism: Mechanism,
    ) -> Result<Self, TransportError> {
        let broken = |text: String| TransportError::Broken(text);
        let endpoint = Url::parse(&format!("{scheduler_url}/api"))
            .map_err(|error| broken(format!("`{scheduler_url}` is no URL: {error}")))?;
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static(BINARY_MEDIA_TYPE));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(BINARY_MEDIA_TYPE));
        headers.insert(USER_AGENT, HeaderValue::from_static(manner.agent));
        if manner.bypass_leader {
            headers.insert(BYPASS_HEADER, HeaderValue::from_static("true"));
        }
        // The original names the host without its port.
        if let Some(host) = endpoint
            .host_str()
            .and_then(|host| HeaderValue::from_str(host).ok())
        {
            headers.insert(HOST, host);
        }
        let http = reqwest::Client::builder()
            .default_headers(headers)
            .timeout(TIMEOUT)
            .no_proxy()
            .build()
            .map_err(|error| broken(chain(&error)))?;
        Ok(Self {
            http,
            endpoint,
            mechanism,
        })
    }

    /// How it proves who the user is.
    pub fn mechanism(&self) -> Mechanism {
        self.mechanism
    }

    /// Makes a call. A redirect to the leader is followed, the body sent again.
    pub async fn call(&self, call: &Call) -> Result<Response, TransportError> {
        let body = encode_call(Protocol::Binary, 0, call)
            .map_err(|error| TransportError::Protocol(error.to_string()))?;
        let mut answer = self.send(self.endpoint.clone(), body.clone(), None).await?;
        if self.mechanism == Mechanism::Kerberos && wants_ticket(&answer) {
            // Whoever asks may be another one than was called, if that one does not lead.
            let url = answer.url().clone();
            let proof = auth::negotiate(url.host_str().unwrap_or_default()).await;
            let proof =
                proof.map_err(|why| TransportError::Auth(format!("{}: {why}", reason(&answer))))?;
            answer = self.send(url, body, Some(proof)).await?;
        }
        let status = answer.status();
        if matches!(status.as_u16(), 401 | 403) {
            return Err(TransportError::Auth(reason(&answer)));
        }
        if !status.is_success() {
            return Err(TransportError::Broken(reason(&answer)));
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = answer
            .chunk()
            .await
            .map_err(|error| TransportError::Broken(chain(&error)))?
        {
            bytes.extend_from_slice(&chunk);
            if bytes.len() as u64 > MAX_ANSWER {
                return Err(TransportError::Protocol(format!(
                    "the answer is longer than {MAX_ANSWER} bytes"
                )));
            }
        }
        decode_reply(Protocol::Binary, call, &bytes).map_err(|error| match error {
            BadReply::Malformed(source) => {
                TransportError::Protocol(format!("the answer is no thrift message: {source}"))
            }
            other => TransportError::Protocol(other.to_string()),
        })
    }

    /// Sends a call, with a proof of who makes it if there is one.
    async fn send(
        &self,
        url: Url,
        body: Vec<u8>,
        proof: Option<String>,
    ) -> Result<reqwest::Response, TransportError> {
        let login = match self.mechanism {
            Mechanism::Unauthenticated => url.host_str().and_then(netrc::login),
            Mechanism::Kerberos => None,
        };
        let mut request = self.http.post(url).body(body);
        if let Some(login) = login {
            request = request.basic_auth(login.user, Some(login.password));
        }
        if let Some(proof) = proof {
            request = request.header(AUTHORIZATION, proof);
        }
        let sent = request.send().await;
        sent.map_err(|error| TransportError::Broken(chain(&error)))
    }
}

/// Whether a scheduler asks for a ticket.
fn wants_ticket(answer: &reqwest::Response) -> bool {
    let mut offered = answer.headers().get_all(WWW_AUTHENTICATE).iter();
    answer.status() == StatusCode::UNAUTHORIZED
        && offered.any(|scheme| scheme.as_bytes().eq_ignore_ascii_case(b"negotiate"))
}

/// As python-requests words an answer that is an error.
fn reason(answer: &reqwest::Response) -> String {
    let status = answer.status();
    let kind = if status.is_client_error() {
        "Client"
    } else {
        "Server"
    };
    let text = status.canonical_reason().unwrap_or_default();
    format!(
        "{} {kind} Error: {text} for url: {}",
        status.as_u16(),
        answer.url()
    )
}

/// An error with all its causes, which is where reqwest says what happened.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
