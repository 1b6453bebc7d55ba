//! The Aurora scheduler: a Mesos framework with Aurora's thrift API, its task and update state
//! machines, and its pages.
//!
//! * [`model`]: every decision, pure
//! * [`store`]: what survives a restart
//! * [`backup`]: files that hold everything, and the way back
//! * [`engine`]: carries commands out: model, then store, then Mesos
//! * [`framework`]: the model's requests and the master's events, in Mesos' terms
//! * [`discovery`]: election and announcement in ZooKeeper
//! * [`api`], [`http`]: the thrift calls, and how they and the pages are served
//! * [`security`]: who may call what
//! * [`outside`]: coordinators and the webhook, which are the users'
//! * [`flags`], [`run`]: the program; [`recovery`]: the one beside it

pub mod api;
pub mod backup;
pub mod discovery;
pub mod engine;
pub mod flags;
pub mod framework;
pub mod http;
pub mod kerberos;
pub mod model;
pub mod outside;
pub mod recovery;
pub mod run;
pub mod security;
pub mod store;

pub use recovery::main as recovery_main;
pub use run::main;
