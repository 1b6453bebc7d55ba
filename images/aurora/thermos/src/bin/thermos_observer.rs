//! `thermos_observer` on its own.

fn main() -> std::process::ExitCode {
    aurora_thermos::observer_main(std::env::args_os().collect())
}
