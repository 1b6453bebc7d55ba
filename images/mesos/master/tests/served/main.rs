//! The running master over real sockets: a fake agent on one side, HTTP clients on the other.

mod agent;
mod authorization;
mod client;
mod conversations;
mod differences;
mod documents;
mod drivers;
mod election;
mod foe;
mod hostile;
mod logs;
mod masters;
mod operations;
mod operators;
mod policies;
mod principals;
mod refusals;
mod registry;
mod requests;
mod security;
mod shape;
mod site;
