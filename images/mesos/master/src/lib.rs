//! The Mesos master of devcluster: what agents and frameworks of Apache Mesos 1.x meet on port 5050.
//!
//! [`model`] decides, [`view`] shows, [`server`] talks.

pub mod flags;
pub mod model;
pub mod server;
pub mod view;

use std::error::Error;
use std::ffi::OsString;
use std::process::ExitCode;

use mesos_wire::flags::{Flags, Request, usage};
use tokio::signal::unix::{SignalKind, signal};

use flags::{FLAGS, Settings};
use server::Server;

/// `mesos-master`: runs until it is told to stop or loses leadership. `args` begin with the
/// program's name.
pub fn main(args: Vec<OsString>) -> ExitCode {
    let environment = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let settings = match Flags::parse(FLAGS, args.into_iter().skip(1), environment) {
        Ok(Request::Help) => {
            println!("{}", usage("mesos-master", FLAGS));
            return ExitCode::SUCCESS;
        }
        Ok(Request::Version) => {
            println!("mesos {}", view::VERSION);
            return ExitCode::SUCCESS;
        }
        Ok(Request::Run(flags)) => Settings::new(flags).map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    let settings = match settings {
        Ok(settings) => settings,
        Err(error) => {
            eprintln!("{error}\nSee `mesos-master --help`");
            return ExitCode::FAILURE;
        }
    };
    let level = match settings.flags.is_on("quiet") {
        true => "error",
        false => settings.flags.text("logging_level").unwrap_or("INFO"),
    };
    if let Err(error) = begin_log(level, &settings) {
        eprintln!("mesos-master: {error}");
        return ExitCode::FAILURE;
    }
    // One thread does it all: a step of the state machine is short, and threads cost memory.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let ended = match runtime {
        Ok(runtime) => runtime.block_on(run(settings)),
        Err(error) => Err(error.into()),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let mut text = error.to_string();
            let mut cause = error.source();
            while let Some(inner) = cause {
                text.push_str(&format!(": {inner}"));
                cause = inner.source();
            }
            eprintln!("mesos-master: {text}");
            ExitCode::FAILURE
        }
    }
}

/// Starts the log, on standard error and in `--log_dir`.
fn begin_log(level: &str, settings: &Settings) -> Result<(), String> {
    let Some(file) = server::files::own_log(&settings.flags) else {
        mesos_wire::log::init(level);
        return Ok(());
    };
    let failed = |error: std::io::Error| format!("cannot write `{}`: {error}", file.display());
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    mesos_wire::log::init_with_file(level, &file).map_err(failed)
}

async fn run(settings: Settings) -> Result<(), Box<dyn Error>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let server = Server::bind(settings).await?;
    let stop = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping");
    };
    server.serve(stop).await?;
    Ok(())
}
