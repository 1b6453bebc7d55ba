//! `thermos_observer`: shows the tasks of one agent, while they run and after.
//!
//! It reads checkpoints and sandboxes and writes nothing. It keeps no state of its own but small
//! caches, so that it can be restarted at any time, and does nothing while nobody asks.

mod abandoned;
mod browse;
mod catalog;
mod collector;
mod config;
mod documents;
mod files;
mod http;
mod pages;
mod program;
mod resources;
mod text;
mod view;

pub use program::main;

pub(crate) use catalog::{Catalog, Found};
