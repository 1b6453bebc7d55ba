//! The client as its users see it: run as a program, against prepared answers.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod admin;
mod calls;
mod config;
mod docker;
mod flat;
mod hooks;
mod kerberos;
mod replay;
mod sla;
mod support;
mod task;
mod transcripts;
mod updates;
mod usage;
mod zookeeper;
