//! What several tests share.

pub(crate) mod jobs;
pub(crate) mod server;
pub(crate) mod world;
