//! The `aurora_admin` program alone.

fn main() -> std::process::ExitCode {
    aurora_client::admin::main(std::env::args_os().collect())
}
