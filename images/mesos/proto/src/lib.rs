//! The messages of Mesos as Rust types, generated from the files in `protos/`.
//!
//! There is one set of types, under the v0 names (`SlaveID`, `slave_id`). The v1 API has the same
//! field numbers, so its binary form is read and written with these types too, and its JSON form by
//! renaming (`mesos_wire::json`). The one exception is [`v1_scheduler`]. Unknown fields are kept, and
//! a message that lacks a required field does not parse, as with the original.

#![allow(
    unreachable_pub,
    clippy::all,
    clippy::unwrap_used,
    reason = "the code in the included module is generated"
)]

include!(concat!(env!("OUT_DIR"), "/generated/mod.rs"));
