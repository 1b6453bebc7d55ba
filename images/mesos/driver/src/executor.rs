//! The v1 executor API, from the executor's side.
//!
//! [`Environment`] is what an agent tells its executors; [`start`] opens the subscription and gives
//! a [`Driver`] to speak with and [`Events`] to listen to. The driver keeps what the agent has not
//! acknowledged and tells it again after every interruption, so its user sends each update once.
//!
//! Calls and events are protobuf on the wire (`application/x-protobuf`), framed as RecordIO. The v1
//! messages have the field numbers of the v0 ones, whose names the types here carry.

mod connection;
mod environment;
mod pending;
mod run;

pub use environment::{Environment, EnvironmentError};
pub use run::{Driver, Event, Events, start};

#[cfg(test)]
mod tests;
