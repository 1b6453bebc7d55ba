//! `thermos_executor` on its own.

fn main() -> std::process::ExitCode {
    aurora_thermos::executor_main(std::env::args_os().collect())
}
