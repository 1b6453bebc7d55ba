//! What every Mesos program has in common on the wire: libprocess messages, the v1 API's JSON and
//! RecordIO, the flags, and how masters are elected and found.
//!
//! The modules without sockets are pure codecs; `libprocess`, `http` and `zk` hold the sockets.

pub mod attributes;
pub mod authentication;
pub mod authorization;
pub mod duration;
pub mod flags;
pub mod http;
pub mod json;
pub mod libprocess;
pub mod log;
pub mod numbers;
pub mod pid;
pub mod recordio;
pub mod resources;
pub mod roles;
pub mod toggle;
pub mod zk;
