//! The executor's program: which part of it is asked for, and how it ends.

use std::ffi::OsString;
use std::process::ExitCode;

use mesos_driver::executor::Environment;

use crate::{inside, runner};

use super::config::Config;
use super::flow;

/// Runs `thermos_executor`, or its runner or a coordinator where the first argument says so.
pub fn main(args: Vec<OsString>) -> ExitCode {
    mesos_wire::log::init("info");
    let mut args = args.into_iter().skip(1).peekable();
    match args.peek().and_then(|first| first.to_str()) {
        Some(runner::COORDINATOR) => return runner::coordinator_main(),
        Some(runner::RUNNER) => return runner::main(args.skip(1)),
        Some(inside::INSIDE) => {
            let order = args.nth(1);
            return inside::main(order.as_deref().and_then(|order| order.to_str()));
        }
        _ => {}
    }
    let config = match Config::parse(args) {
        Ok(config) => config,
        Err(error) => {
            tracing::error!("{error}");
            return ExitCode::from(2);
        }
    };
    let environment = match Environment::from_process() {
        Ok(environment) => environment,
        Err(error) => {
            tracing::error!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(2)
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!("cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let code = runtime.block_on(flow::run(config, environment));
    // A check that hangs in another thread is nothing to wait for.
    runtime.shutdown_background();
    code
}
