//! `mesos-containerizer` as a program of its own.

fn main() -> std::process::ExitCode {
    mesos_agent::launcher_main(std::env::args_os().collect())
}
