//! `thermos_executor`: runs one Aurora task for a Mesos agent.
//!
//! It speaks the v1 executor API, leaves the processes to a runner of its own, and reports what
//! becomes of the task in the original's words (`apache/aurora/executor/aurora_executor.py`).

mod announce;
mod assigned;
mod config;
mod disk;
mod flow;
mod health;
mod lifecycle;
mod probe;
mod program;
mod running;
mod sandbox;
mod status;
mod taskfs;
mod watch;

pub use program::main;
