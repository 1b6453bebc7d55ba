//! The Mesos master of devcluster: what agents and frameworks of Apache Mesos 1.x meet on port 5050.
//!
//! [`model`] decides, [`view`] shows, `server` talks.

pub mod flags;
pub mod model;
pub mod view;
