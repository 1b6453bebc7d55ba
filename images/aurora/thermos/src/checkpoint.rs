//! What Thermos writes about a task while it runs: an append-only stream of records per task and
//! one per process, from which the whole history can be replayed.
//!
//! The format is the original's (`thermos_internal.thrift`, `apache/thermos/common/ckpt.py`), so
//! that either side's files can be read by the other's tools.

mod codec;
mod paths;
mod record;
mod regular;
mod replay;
mod stream;

pub use codec::{CodecError, decode, encode};
pub use paths::{TaskPaths, is_file_name};
pub use record::{ProcessState, ProcessStatus, Record, RunnerHeader, TaskState, TaskStatus};
pub(crate) use regular::open as open_regular;
pub use replay::{Rejected, Runs, TaskHistory};
pub use stream::{MAX_RECORD, Split, StreamError, Tail, Writer, is_held, read_all, split};
