//! What a runner decides: which process runs when, and what becomes of the task. Fed records,
//! requests and the time; it starts, kills and writes nothing itself.

mod machine;
mod planner;

pub use machine::{Action, Machine, Owner, Request};
pub use planner::Planner;

/// How many runs a process may have under Aurora before it counts as failed.
pub const AURORA_RUN_LIMIT: u32 = 100;
