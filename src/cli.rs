//! The command line: arguments, resolved settings, and one file per verb, each a plain function on the library.

mod args;
mod down;
mod failure;
mod interrupt;
mod logs;
mod settings;
mod ssh;
mod status;
mod up;
mod version;

use std::ffi::OsString;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

use args::{Arguments, Verb};
use failure::Failure;
use interrupt::Interrupts;
use settings::Settings;

/// Runs `devcluster` with its arguments, the first of which is the program's name, and returns its exit code.
pub fn main(arguments: Vec<OsString>) -> ExitCode {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => return failure::print_usage(&error),
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return Failure::other(format!("cannot start: {error}")).print(),
    };
    let result = runtime.block_on(run(arguments));
    // A thread may wait for input that never comes; what is left is not worth more than a moment.
    runtime.shutdown_timeout(Duration::from_millis(100));
    match result {
        Ok(code) => code,
        Err(failure) => failure.print(),
    }
}

async fn run(arguments: Arguments) -> Result<ExitCode, Failure> {
    let Arguments { common, verb } = arguments;
    // Signals are caught before anything is started.
    let mut interrupts = Interrupts::open()?;
    let settings = Settings::resolve(common)?;
    let result = match verb {
        Verb::Up(args) => up::run(&settings, args, &mut interrupts).await,
        Verb::Status(args) => status::run(&settings, args, &mut interrupts).await,
        Verb::Ssh(args) => ssh::run(&settings, args, &mut interrupts).await,
        Verb::Logs(args) => logs::run(&settings, args, &mut interrupts).await,
        Verb::Down(args) => down::run(&settings, args, &mut interrupts).await,
        Verb::Version => version::run(),
    };
    result.map_err(|failure| failure.called(&settings.program()))
}
