//! Runs one task: starts a coordinator for each run of a process, reads what they write, and does
//! what the model decides.
//!
//! The runner is a process of its own, so that its signals, exit status and checkpoints are those
//! of the original's `thermos_runner`. It, and the coordinators, are this same executable.

mod coordinator;
mod kill;
mod launch;
mod logs;
mod options;
mod program;
mod supervise;

pub use launch::{COORDINATOR, PROGRAM, RUNNER};
pub use program::{ExitStatus, main};

pub(crate) use kill::send as signal;
pub(crate) use program::run;

pub(crate) use coordinator::main as coordinator_main;
pub(crate) use kill::{is_ours, seize};
pub(crate) use launch::this_program;
pub(crate) use options::logger;
