//! `thermos` on its own.

fn main() -> std::process::ExitCode {
    aurora_thermos::cli_main(std::env::args_os().collect())
}
