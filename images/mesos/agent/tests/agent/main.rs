//! The agent and the command executor as programs, over real sockets.

mod documents;
mod recorded;
mod support;
mod tasks;
