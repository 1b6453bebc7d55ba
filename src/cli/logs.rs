//! `devcluster logs`.

use std::process::ExitCode;

use futures_util::StreamExt;
use tokio::io::AsyncWriteExt;

use super::args::LogsArgs;
use super::failure::Failure;
use super::interrupt::Interrupts;
use super::settings::Settings;
use crate::cluster::{self, Launcher};
use crate::engine::Output;

pub(super) async fn run(
    settings: &Settings,
    args: LogsArgs,
    interrupts: &mut Interrupts,
) -> Result<ExitCode, Failure> {
    let LogsArgs { node, follow, tail } = args;
    let cluster = settings.cluster()?;
    let showing = async {
        let launcher = Launcher::connect().await?;
        let found = cluster::find_node(&launcher, &cluster, &node).await?;
        let mut pieces = launcher.engine.logs(&found.id, tail, follow);
        let mut out = tokio::io::stdout();
        while let Some(piece) = pieces.next().await {
            // Both are what was asked for, and stand in the order in which they were printed.
            let (Output::Out(bytes) | Output::Err(bytes)) = piece?;
            let written = out.write_all(&bytes).await.and(out.flush().await);
            if written.is_err() {
                // Whoever read this reads no more.
                break;
            }
        }
        Ok::<_, Failure>(())
    };
    match interrupts.during("", showing).await {
        Ok(result) => result.map(|()| ExitCode::SUCCESS),
        // Ctrl-C is how following ends.
        Err(_) if follow => Ok(ExitCode::from(130)),
        Err(failure) => Err(failure),
    }
}
