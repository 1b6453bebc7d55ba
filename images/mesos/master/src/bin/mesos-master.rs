//! The program `mesos-master`.

fn main() -> std::process::ExitCode {
    mesos_master::main(std::env::args_os().collect())
}
