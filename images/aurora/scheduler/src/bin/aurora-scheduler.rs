//! The program `aurora-scheduler` by itself.

fn main() -> std::process::ExitCode {
    aurora_scheduler::main(std::env::args_os().collect())
}
