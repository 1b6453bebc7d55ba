//! The agent and the command executor as programs, over real sockets.

mod answers;
mod appc;
mod authorization;
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
#[path = "../../../master/tests/served/foe.rs"]
#[allow(unreachable_pub, reason = "shared with the master's tests")]
mod foe;
mod folder;
mod groups;
mod hostile;
mod isolation;
mod recorded;
mod reservations;
mod security;
mod support;
mod tasks;
