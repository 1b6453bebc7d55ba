//! The master as a state machine: what happened and when goes in, what is to be done comes out. It
//! holds no socket and reads no clock.
//!
//! Each file of this folder adds one concern to [`Master`]; the fields are in `master.rs`.

mod accept;
mod adopt;
mod agent;
mod agents;
mod allocator;
mod calls;
mod config;
mod counters;
mod driver;
mod effect;
mod framework;
mod frameworks;
mod health;
mod id;
mod legacy;
mod master;
mod notify;
mod offer;
mod offers;
mod operation_feedback;
mod operations;
mod reconcile;
mod registry;
mod standing;
mod status;
mod updates;
mod validate_framework;
mod validate_operation;
mod validate_resources;
mod validate_task;
mod watch;

pub use agent::{Agent, time_info};
pub use allocator::{Allocator, Grant, dominant_share};
pub use calls::{CallError, Caller};
pub use config::{Config, Quantities};
pub use counters::{Counters, FrameworkCounters, is_terminal, label};
pub use effect::{Effect, Moment, Sender, StreamId};
pub use framework::{Capabilities, Connection, Framework, roles_of};
pub use id::{AgentId, ExecutorId, FrameworkId, OfferId, TaskId};
pub use master::Master;
pub use offer::Offer;
pub use operation_feedback::is_over;
pub use registry::Standing;
pub use watch::Happening;

#[cfg(test)]
mod tests;
