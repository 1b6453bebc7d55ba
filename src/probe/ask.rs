//! Asking for real: HTTP and four-letter words from the host, commands through the engine.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{Answer, Asker, Target};
use crate::engine::{Engine, ExecSpec};
use crate::plan::Ask;

/// How long one answer may take: a node that is ready answers within milliseconds.
const PATIENCE: Duration = Duration::from_secs(2);
/// A command has an interpreter to start, and may wait for a leader itself.
const COMMAND: Duration = Duration::from_secs(15);
/// The longest answer read; metrics of a busy master are tens of kilobytes.
const LONGEST: usize = 8 << 20;

/// Asks over the host's network, and through the engine.
pub struct HostAsker {
    engine: Arc<dyn Engine>,
    http: reqwest::Client,
}

impl HostAsker {
    /// An asker that runs its commands through that engine.
    pub fn new(engine: Arc<dyn Engine>) -> Self {
        // Probes go to this host: its proxy has no part in them.
        let http = reqwest::Client::builder()
            .no_proxy()
            .timeout(PATIENCE)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap_or_default();
        Self { engine, http }
    }

    async fn http(&self, address: SocketAddr, path: &str) -> Result<Answer, String> {
        let mut response = self
            .http
            .get(format!("http://{address}{path}"))
            .send()
            .await
            .map_err(|error| reason(&error))?;
        let status = i64::from(response.status().as_u16());
        let mut body = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(|error| reason(&error))? {
            if body.len() + piece.len() > LONGEST {
                return Err(format!("an answer of more than {LONGEST} bytes"));
            }
            body.extend_from_slice(&piece);
        }
        Ok(Answer {
            status,
            text: String::from_utf8_lossy(&body).into_owned(),
        })
    }

    async fn command(&self, target: &Target, command: &[String]) -> Result<Answer, String> {
        let container = target.container.as_ref().ok_or("it has no container")?;
        let spec = ExecSpec {
            command: command.to_vec(),
            ..ExecSpec::default()
        };
        let mut session = self
            .engine
            .exec(container, &spec)
            .await
            .map_err(|error| error.to_string())?;
        let mut text = Vec::new();
        while let Some(piece) = session.output.next().await {
            let piece = piece.map_err(|error| error.to_string())?;
            if text.len() < LONGEST {
                text.extend_from_slice(piece.bytes());
            }
        }
        let status = self
            .engine
            .exec_exit(&session.id)
            .await
            .map_err(|error| error.to_string())?;
        Ok(Answer {
            status: status.ok_or("the command still runs")?,
            text: String::from_utf8_lossy(&text).into_owned(),
        })
    }
}

#[async_trait]
impl Asker for HostAsker {
    async fn ask(&self, target: &Target, ask: &Ask) -> Result<Answer, String> {
        let published = |port: &u16| {
            target
                .ports
                .get(port)
                .copied()
                .ok_or_else(|| format!("port {port} is not published"))
        };
        match ask {
            Ask::Http { port, path } => self.http(published(port)?, path).await,
            Ask::Word { port, word } => {
                let answer =
                    tokio::time::timeout(PATIENCE, four_letters(published(port)?, word)).await;
                answer
                    .map_err(|_| "no answer in time".to_owned())?
                    .map_err(|error| error.to_string())
            }
            Ask::Exec { command } => {
                let answer = tokio::time::timeout(COMMAND, self.command(target, command)).await;
                answer.map_err(|_| format!("no end within {} s", COMMAND.as_secs()))?
            }
        }
    }
}

/// Says a four-letter word to ZooKeeper, which answers and hangs up.
async fn four_letters(address: SocketAddr, word: &str) -> std::io::Result<Answer> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(word.as_bytes()).await?;
    let mut text = Vec::new();
    stream.take(1 << 20).read_to_end(&mut text).await?;
    Ok(Answer {
        status: 0,
        text: String::from_utf8_lossy(&text).into_owned(),
    })
}

/// Why there was no answer, in a few words.
fn reason(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}
