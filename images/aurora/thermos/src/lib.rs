//! Thermos: runs the processes of an Aurora task, writes down what becomes of them, and shows it.
//!
//! `task`, `model` and `checkpoint` are pure; `runner` starts and kills processes; `executor` speaks
//! with the Mesos agent; `observer` shows what the checkpoints say, and `cli` does so on a terminal.

pub mod checkpoint;
mod cli;
mod clock;
pub mod executor;
mod flags;
mod inside;
pub mod model;
pub mod observer;
mod proc;
pub mod runner;
mod shell;
pub mod task;
mod users;

pub use cli::main as cli_main;
pub use executor::main as executor_main;
pub use observer::main as observer_main;
