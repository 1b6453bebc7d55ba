//! The `aurora` client alone.

fn main() -> std::process::ExitCode {
    aurora_client::main(std::env::args_os().collect())
}
