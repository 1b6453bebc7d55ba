//! The client as its users see it: run as a program, against prepared answers.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod calls;
mod config;
mod flat;
mod replay;
mod support;
mod updates;
