//! Commands in containers.

use bollard::exec::{ResizeExecOptions, StartExecOptions, StartExecResults};
use bollard::models::ExecConfig;
use futures_util::StreamExt;

use super::containers::output;
use super::{DockerEngine, convert};
use crate::engine::{ContainerId, EngineError, ExecSession, ExecSpec, Kind, Terminal};

impl DockerEngine {
    pub(super) async fn run(
        &self,
        container: &ContainerId,
        spec: &ExecSpec,
    ) -> Result<ExecSession, EngineError> {
        let config = ExecConfig {
            attach_stdin: Some(spec.input),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            tty: Some(spec.terminal.is_some()),
            cmd: Some(spec.command.clone()),
            env: Some(spec.env.clone()),
            working_dir: spec.folder.clone(),
            ..ExecConfig::default()
        };
        let id = self
            .docker
            .create_exec(&container.0, config)
            .await
            .map_err(convert::error)?
            .id;
        let options = StartExecOptions {
            detach: false,
            tty: spec.terminal.is_some(),
            output_capacity: None,
        };
        match self
            .docker
            .start_exec(&id, Some(options))
            .await
            .map_err(convert::error)?
        {
            StartExecResults::Attached {
                output: pieces,
                input,
            } => {
                if let Some(size) = spec.terminal {
                    // The terminal exists from here on; a command that ended already has none to be told of.
                    let _ = self.resize(&id, size).await;
                }
                Ok(ExecSession {
                    id,
                    output: Box::pin(pieces.map(output)),
                    input,
                })
            }
            StartExecResults::Detached => Err(EngineError::new(
                Kind::Other,
                "the engine did not attach to the command",
            )),
        }
    }

    pub(super) async fn resize(&self, id: &str, size: Terminal) -> Result<(), EngineError> {
        let options = ResizeExecOptions {
            height: size.height,
            width: size.width,
        };
        self.docker
            .resize_exec(id, options)
            .await
            .map_err(convert::error)
    }

    pub(super) async fn exit_code(&self, id: &str) -> Result<Option<i64>, EngineError> {
        let found = self.docker.inspect_exec(id).await.map_err(convert::error)?;
        Ok(if found.running == Some(true) {
            None
        } else {
            found.exit_code
        })
    }
}
