//! The agent's sockets and timers: messages and requests go into the model, and its effects are carried
//! out in their order.

mod agent;
mod attach;
mod attached;
mod collect;
mod container_calls;
mod container_checks;
mod disk;
mod documents;
mod effects;
mod executor_api;
mod files;
mod help;
mod isolation;
mod main_loop;
mod messages;
mod metrics;
mod operator;
mod page;
mod recovery;
mod rest;
mod routes;
mod sight;
mod statistics;
mod stats;
mod v0;

pub use main_loop::main;
