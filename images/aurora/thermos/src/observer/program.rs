//! The observer's program.

use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use super::config::Config;
use super::http;
use super::view::Observer;

/// Runs `thermos_observer`.
pub fn main(args: Vec<OsString>) -> ExitCode {
    mesos_wire::log::init("info");
    let config = match Config::parse(args.into_iter().skip(1)) {
        Ok(config) => config,
        Err(error) => {
            tracing::error!("{error}");
            return ExitCode::from(2);
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(2)
        .thread_stack_size(512 * 1024)
        .build();
    match runtime.map(|runtime| runtime.block_on(serve(config))) {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(error)) | Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(config: Config) -> std::io::Result<()> {
    let address = config.address;
    let listener = TcpListener::bind(address).await.map_err(|error| {
        std::io::Error::new(error.kind(), format!("cannot listen at {address}: {error}"))
    })?;
    // With port 0, this line is how others learn the port.
    tracing::info!(
        "observing `{}` at http://{}",
        config.mesos_root.display(),
        listener.local_addr()?
    );
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let observer = Arc::new(Observer::new(config).map_err(std::io::Error::other)?);
    tokio::select! {
        result = http::serve(listener, observer) => result,
        _ = terminate.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
    }
}
