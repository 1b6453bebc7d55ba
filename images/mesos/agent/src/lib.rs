//! The Mesos agent, and the command executor that it runs plain command tasks with.
//!
//! `model` is a state machine without effects; `server` gives it sockets and time; `containerizer` and
//! `checkpoint` carry out what it decides; `executor` is the other program.

pub mod checkpoint;
pub mod containerizer;
pub mod detect;
pub mod executor;
pub mod flags;
pub mod model;
pub mod paths;
pub mod proc;
pub mod server;
pub mod settings;
pub mod signals;
pub mod spawn;
pub mod system;
pub mod tree;
pub mod users;

pub use executor::main as executor_main;
pub use server::main;
