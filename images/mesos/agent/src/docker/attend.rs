//! What `docker run` does beside a container: starts it, copies its output, leads ports to it, and ends
//! with its exit status.

use std::io::Write as _;
use std::net::IpAddr;
use std::time::Duration;

use bollard::container::LogOutput;
use futures_util::StreamExt as _;

use super::engine::{Engine, EngineError, Inspected};
use super::forward::{Forward, Open};

/// The exit status of `docker run` where the engine could not run the container.
const NOT_RUN: i32 = 125;
/// Where the program cannot be run.
const NOT_EXECUTABLE: i32 = 126;
/// Where there is no such program.
const NO_PROGRAM: i32 = 127;
/// How often an engine that does not answer is asked again, and how long after.
const MOST_FAILURES: u32 = 60;
const PAUSE: Duration = Duration::from_secs(1);
/// How long output may come after the end.
const LAST_OUTPUT: Duration = Duration::from_secs(5);

/// A container that runs.
pub struct Attended {
    /// What it is.
    pub inspected: Inspected,
    engine: Engine,
    name: String,
    copied: tokio::task::JoinHandle<()>,
}

/// Why a container does not run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotStarted {
    /// What `docker run` would end with.
    pub status: i32,
    /// Why.
    pub text: String,
}

impl NotStarted {
    /// The engine's own refusal.
    pub fn refused(error: &EngineError) -> Self {
        let text = error.to_string();
        let status = if text.contains("permission denied") || text.contains("is a directory") {
            NOT_EXECUTABLE
        } else if text.contains("executable file not found")
            || text.contains("no such file or directory")
        {
            NO_PROGRAM
        } else {
            NOT_RUN
        };
        Self { status, text }
    }

    /// Something that is wrong before the engine is asked.
    pub fn wrong(text: impl Into<String>) -> Self {
        Self {
            status: NOT_RUN,
            text: text.into(),
        }
    }
}

/// Starts a container that was made.
pub async fn start(
    engine: &Engine,
    name: &str,
    forwards: &[Forward],
) -> Result<Attended, NotStarted> {
    let refused = |error: EngineError| NotStarted::refused(&error);
    let mut open = Vec::new();
    for forward in forwards {
        open.push(Open::new(*forward).await.map_err(NotStarted::wrong)?);
    }
    let output = engine.attach(name).await.map_err(refused)?.output;
    let copied = tokio::spawn(copy(output));
    engine.start(name).await.map_err(refused)?;
    let inspected = engine.inspect(name).await.map_err(refused)?;
    let address = inspected
        .addresses
        .iter()
        .find_map(|address| address.parse::<IpAddr>().ok());
    if let Some(address) = address {
        open.into_iter().for_each(|port| port.lead(address));
    }
    Ok(Attended {
        inspected,
        engine: engine.clone(),
        name: name.to_string(),
        copied,
    })
}

impl Attended {
    /// Waits for its end, and for the last of its output; the exit status. An engine that is started again
    /// is waited for.
    pub async fn ended(mut self) -> Result<i64, EngineError> {
        let mut failures = 0;
        let status = loop {
            match self.engine.wait(&self.name).await {
                Err(EngineError::Unreachable(_)) if failures < MOST_FAILURES => {
                    failures += 1;
                    tokio::time::sleep(PAUSE).await;
                }
                ended => break ended?,
            }
        };
        // The stream ends with the container; what is left of it is soon read.
        let _ = tokio::time::timeout(LAST_OUTPUT, &mut self.copied).await;
        Ok(status)
    }
}

async fn copy(
    mut output: std::pin::Pin<
        Box<dyn futures_util::Stream<Item = Result<LogOutput, bollard::errors::Error>> + Send>,
    >,
) {
    while let Some(Ok(piece)) = output.next().await {
        // A full disk loses output, and nothing else.
        let _ = match piece {
            LogOutput::StdErr { message } => std::io::stderr().write_all(&message),
            LogOutput::StdOut { message } | LogOutput::Console { message } => {
                let mut stdout = std::io::stdout();
                stdout.write_all(&message).and_then(|()| stdout.flush())
            }
            LogOutput::StdIn { .. } => Ok(()),
        };
    }
}
