//! `mesos-docker-executor` as a program of its own.

fn main() -> std::process::ExitCode {
    mesos_agent::docker_executor_main(std::env::args_os().collect())
}
