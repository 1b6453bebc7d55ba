//! `mesos-default-executor`: runs groups of tasks, each task in a container nested in the executor's
//! (protocol-flows.md, section 12.2). It speaks the v1 APIs to whatever agent has started it, the
//! original's too.

mod calls;
mod machine;
mod run;
#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::process::ExitCode;

use mesos_driver::agent::Agent;
use mesos_driver::executor::{Environment, start};
use mesos_wire::flags::{Flag, Flags, Kind, Request, flag, usage};
use mesos_wire::log;

use run::Runner;

const FLAGS: [Flag; 1] = [flag(
    "launcher_dir",
    Kind::Text,
    None,
    "Where Mesos' programs are",
)];

/// Runs `mesos-default-executor`; `args` begins with the program's name.
pub fn main(args: Vec<OsString>) -> ExitCode {
    use std::io::Write as _;
    let said = |text: String| match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    };
    log::init("info");
    match Flags::parse(&FLAGS, args.into_iter().skip(1), []) {
        Ok(Request::Help) => return said(usage("mesos-default-executor", &FLAGS)),
        Ok(Request::Version) => return said("mesos 1.12.0\n".to_string()),
        Ok(Request::Run(_)) => {}
        Err(error) => {
            tracing::error!("{error}");
            return ExitCode::FAILURE;
        }
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let started = Environment::from_process()
        .map_err(|error| error.to_string())
        .and_then(|environment| {
            Ok((
                Agent::of(&environment).map_err(|e| e.to_string())?,
                environment,
            ))
        })
        .and_then(|parts| Ok((parts, runtime.map_err(|error| error.to_string())?)));
    let ((agent, environment), runtime) = match started {
        Ok(started) => started,
        Err(error) => {
            tracing::error!("cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let code = runtime.block_on(async {
        let (driver, events) = start(environment.clone());
        Runner::new(driver, agent, environment).run(events).await
    });
    runtime.shutdown_background();
    code
}
