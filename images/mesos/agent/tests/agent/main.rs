//! The agent and the command executor as programs, over real sockets.

#[path = "../../../master/tests/served/client.rs"]
#[allow(
    dead_code,
    unreachable_pub,
    reason = "the client of the master's tests, of which these need a part"
)]
mod client;
mod containers;
mod docker;
mod documents;
mod folder;
mod groups;
mod isolation;
mod recorded;
mod reservations;
mod security;
mod support;
mod tasks;
