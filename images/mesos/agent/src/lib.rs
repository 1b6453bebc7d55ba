//! The Mesos agent, the command executor that it runs plain command tasks with, the default executor
//! for groups of tasks, and the launcher of the containers nested in it.
//!
//! `model` is a state machine without effects; `server` gives it sockets and time; `containerizer` and
//! `checkpoint` carry out what it decides; `executor`, `default_executor` and `launcher` are the other programs.

pub mod appc;
pub mod checkpoint;
pub mod containerizer;
mod default_executor;
pub mod detect;
pub mod docker;
pub mod executor;
pub mod flags;
pub mod gc;
mod launcher;
pub mod model;
pub mod nested;
pub mod paths;
pub mod proc;
pub mod server;
pub mod settings;
pub mod signals;
pub mod spawn;
pub mod system;
pub mod tree;
pub mod users;

pub use default_executor::main as default_executor_main;
pub use executor::docker_main as docker_executor_main;
pub use executor::main as executor_main;
pub use launcher::main as launcher_main;
pub use server::main;
