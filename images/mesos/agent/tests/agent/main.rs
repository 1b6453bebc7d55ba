//! The agent and the command executor as programs, over real sockets.

mod containers;
mod documents;
mod groups;
mod recorded;
mod support;
mod tasks;
