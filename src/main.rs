//! The product: one executable that acts by the name it is called by, as its links in the images do.

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().collect();
    let program = args
        .first()
        .and_then(|name| Path::new(name).file_name())
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    match program {
        "node-init" => node_init::main(args),
        "node-listen" => node_init::listen::main(args),
        "mesos-master" => mesos_master::main(args),
        "mesos-agent" | "mesos-slave" => mesos_agent::main(args),
        "mesos-containerizer" => mesos_agent::launcher_main(args),
        "mesos-default-executor" => mesos_agent::default_executor_main(args),
        "mesos-executor" => mesos_agent::executor_main(args),
        "mesos-docker-executor" => mesos_agent::docker_executor_main(args),
        "aurora-scheduler" => aurora_scheduler::main(args),
        "recovery-tool" => aurora_scheduler::recovery_main(args),
        "thermos" => aurora_thermos::cli_main(args),
        "thermos_executor" => aurora_thermos::executor_main(args),
        "thermos_observer" => aurora_thermos::observer_main(args),
        "aurora" => aurora_client::main(args),
        "aurora_admin" => aurora_client::admin::main(args),
        _ => devcluster::cli::main(args),
    }
}
