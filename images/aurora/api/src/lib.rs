//! Aurora's Thrift API: every struct, union, enum and call of `api.thrift` and `storage.thrift`
//! (Apache Aurora 0.23), with the encodings that the scheduler speaks.
//!
//! * [`types`], [`storage`]: the data, declared in one table each by [`macros`]
//! * [`calls`]: the three services' methods and their arguments
//! * [`protocol`]: TBINARY (crate `thrift`'s) and TJSON over byte slices, chosen by HTTP header
//! * [`simple`]: "simple JSON", where fields go by name
//! * [`text`]: values as the original's messages show them
//! * [`envelope`]: whole messages: a call, its reply, or a `TApplicationException`
//!
//! Everything here is pure. Reading is bounded by the input's own length and never panics; fields
//! that this version does not know are skipped, as Thrift asks.

#[macro_use]
mod macros;

pub mod calls;
pub mod enums;
pub mod envelope;
pub mod protocol;
pub mod schema;
pub mod simple;
pub mod storage;
pub mod text;
pub mod types;
pub mod value;

pub use calls::{Call, Service};
pub use enums::*;
pub use protocol::Protocol;
pub use types::*;
pub use value::{Binary, Double, Value};

/// Name of Aurora's own executor, the one whose `ExecutorConfig.data` is a job in JSON.
pub const AURORA_EXECUTOR_NAME: &str = "AuroraExecutor";
/// A request with this header (any value) is answered by the scheduler it reached, leader or not.
pub const BYPASS_LEADER_REDIRECT_HEADER: &str = "Bypass-Leader-Redirect";
/// Where a task's own file system is mounted inside its sandbox.
pub const TASK_FILESYSTEM_MOUNT_POINT: &str = "taskfs";
/// Longest role, environment or job name the scheduler takes, in bytes.
pub const MAX_IDENTIFIER_LENGTH: usize = 255;

/// Whether a text may be a role, an environment, a job name or a user: `^[\w\-\.]+$`.
/// The scheduler also limits its length, see [`MAX_IDENTIFIER_LENGTH`].
pub fn is_good_identifier(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
}
