//! PID 1 of a node, as a program of its own.

fn main() -> std::process::ExitCode {
    node_init::main(std::env::args_os().collect())
}
