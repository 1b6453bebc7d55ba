//! Runs a command in a node and gathers what it prints.

use futures_util::StreamExt;

use super::{ClusterError, Launcher, labels};
use crate::engine::{EngineError, ExecSpec, FoundContainer, Kind, Output};

/// What a command printed, and how it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecOutput {
    /// Its exit code.
    pub code: i64,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

/// Runs a command in a node, in the folder that the nodes share with the host, without input.
///
/// # Errors
/// When the engine cannot run it.
pub async fn exec(
    launcher: &Launcher,
    node: &FoundContainer,
    command: &[String],
) -> Result<ExecOutput, ClusterError> {
    let what = || ClusterError::engine(format!("run `{}` in `{}`", command.join(" "), node.name));
    let folder = node.labels.get(labels::WORK_FOLDER).cloned();
    let spec = ExecSpec {
        command: command.to_vec(),
        folder,
        ..ExecSpec::default()
    };
    let mut session = launcher
        .engine
        .exec(&node.id, &spec)
        .await
        .map_err(what())?;
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    while let Some(piece) = session.output.next().await {
        match piece.map_err(what())? {
            Output::Out(bytes) => stdout.extend_from_slice(&bytes),
            Output::Err(bytes) => stderr.extend_from_slice(&bytes),
        }
    }
    let code = launcher
        .engine
        .exec_exit(&session.id)
        .await
        .map_err(what())?;
    let code = code.ok_or_else(|| {
        what()(EngineError::new(
            Kind::Other,
            "it closed its output and still runs",
        ))
    })?;
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Ok(ExecOutput {
        code,
        stdout: text(stdout),
        stderr: text(stderr),
    })
}
