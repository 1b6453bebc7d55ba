//! node-listen alone.

fn main() -> std::process::ExitCode {
    node_init::listen::main(std::env::args_os().collect())
}
