//! `mesos-load`: puts load on a Mesos master, ours or another, and prints what it measured as a line of
//! JSON. A tool of the benchmark and of whoever works on a tier; the product does not carry it.

mod agents;
mod framework;

use std::error::Error;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Puts load on a Mesos master and prints what was measured, as a line of JSON.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    load: Load,
}

#[derive(Subcommand)]
enum Load {
    /// Launches tasks through one v1 framework, acknowledges everything, and ends with the last task.
    Tasks(framework::Plan),
    /// Registers simulated agents over sockets of their own; each ends its tasks as soon as they run.
    Agents(agents::Plan),
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), Box<dyn Error>> {
    match arguments.load {
        Load::Tasks(plan) => framework::run(&plan).await?,
        Load::Agents(plan) => agents::run(&plan).await?,
    }
    Ok(())
}
