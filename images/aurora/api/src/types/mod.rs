//! The API's structs and unions (`api.thrift`), by subject.
//!
//! A field is an `Option` where its absence means something or is common on the wire; else it is
//! always written, and read as its default where it is missing.

mod container;
mod host;
mod job;
mod query;
mod response;
mod sla;
mod task;
mod update;

pub use container::*;
pub use host::*;
pub use job::*;
pub use query::*;
pub use response::*;
pub use sla::*;
pub use task::*;
pub use update::*;
