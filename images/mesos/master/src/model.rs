//! The master as a state machine: what happened and when goes in, what is to be done comes out. It
//! holds no socket and reads no clock.
//!
//! Each file of this folder adds one concern to [`Master`]; the fields are in `master.rs`.

mod accept;
mod adopt;
mod agent;
mod agents;
mod allocator;
mod amounts;
mod authentication;
mod authorization;
mod calls;
mod config;
mod counters;
mod drain;
mod driver;
mod effect;
mod framework;
mod frameworks;
mod health;
mod id;
mod inverse;
mod legacy;
mod maintenance;
mod master;
mod notify;
mod offer;
mod offers;
mod operation_feedback;
mod operations;
mod policy;
mod quota;
mod quota_flaws;
mod reconcile;
mod records;
mod registry;
mod standing;
mod status;
mod throttle;
mod traffic;
mod updates;
mod validate_checks;
mod validate_command;
mod validate_executor;
mod validate_framework;
mod validate_group;
mod validate_operation;
mod validate_resources;
mod validate_task;
mod watch;
mod weights;
mod wishes;

pub use agent::{Agent, time_info};
pub use allocator::consumed;
pub use allocator::{Allocator, Grant, Rules, dominant_share};
pub use amounts::Amounts;
pub use calls::{CallError, Caller};
pub use config::{Config, Quantities};
pub use counters::{Counters, FrameworkCounters, is_terminal, label};
pub use effect::{Effect, Moment, Sender, StreamId};
pub use framework::{Capabilities, Connection, Framework, roles_of};
pub use id::{AgentId, ExecutorId, FrameworkId, OfferId, TaskId};
pub use inverse::InverseOffer;
pub use maintenance::Maintenance;
pub use master::Master;
pub use offer::Offer;
pub use operation_feedback::is_over;
pub use policy::{Policy, Quota, ancestors, is_within, top_of};
pub use records::Record;
pub use registry::Standing;
pub use throttle::{Limits, Throttle, Turn};
pub use traffic::Traffic;
pub use watch::Happening;
pub use wishes::Wishes;

#[cfg(test)]
mod tests;
