//! `mesos-executor`: runs one plain command task (protocol-flows.md, section 12.1). It speaks the v1
//! API to whatever agent has started it, the original's too.

pub(crate) mod child;
pub(crate) mod docker;
pub(crate) mod health;
pub(crate) mod probe;
mod run;
pub(crate) mod task;
pub(crate) mod within;

use std::ffi::OsString;
use std::process::ExitCode;

use mesos_driver::executor::{Environment, start};
use mesos_wire::flags::{Flag, Flags, Kind, Request, flag, usage};
use mesos_wire::log;

pub use docker::main as docker_main;
use run::Executor;

/// The flags that agents give to it; what is not used here is for containers with images.
const FLAGS: [Flag; 9] = [
    flag(
        "launcher_dir",
        Kind::Text,
        None,
        "Where Mesos' programs are",
    ),
    flag("user", Kind::Text, None, "The user that the task runs as"),
    flag(
        "sandbox_directory",
        Kind::Text,
        None,
        "The sandbox, inside of an image",
    ),
    flag(
        "working_directory",
        Kind::Text,
        None,
        "Where the task starts",
    ),
    flag("rootfs", Kind::Text, None, "The root of an image"),
    flag(
        "task_launch_info",
        Kind::Text,
        None,
        "How a container is entered",
    ),
    flag("tty_slave_path", Kind::Text, None, "A terminal"),
    flag(
        "effective_capabilities",
        Kind::Text,
        None,
        "Capabilities of the task",
    ),
    flag(
        "bounding_capabilities",
        Kind::Text,
        None,
        "The most capabilities of the task",
    ),
];

/// Runs `mesos-executor`; `args` begins with the program's name.
pub fn main(args: Vec<OsString>) -> ExitCode {
    use std::io::Write as _;
    let said = |text: String| match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    };
    log::init("info");
    let flags = match Flags::parse(&FLAGS, args.into_iter().skip(1), []) {
        Ok(Request::Help) => return said(usage("mesos-executor", &FLAGS)),
        Ok(Request::Version) => return said("mesos 1.12.0\n".to_string()),
        Ok(Request::Run(flags)) => flags,
        Err(error) => {
            tracing::error!("{error}");
            return ExitCode::FAILURE;
        }
    };
    if flags.text("rootfs").is_some() || flags.text("task_launch_info").is_some() {
        tracing::error!("this executor starts no containers with images");
        return ExitCode::FAILURE;
    }
    let environment = match Environment::from_process() {
        Ok(environment) => environment,
        Err(error) => {
            tracing::error!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!("cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let code = runtime.block_on(async {
        let (driver, events) = start(environment.clone());
        let user = flags.text("user").map(ToString::to_string);
        Executor::new(driver, environment, user).run(events).await
    });
    runtime.shutdown_background();
    code
}
