//! `mesos-agent` as a program of its own.

fn main() -> std::process::ExitCode {
    mesos_agent::main(std::env::args_os().collect())
}
