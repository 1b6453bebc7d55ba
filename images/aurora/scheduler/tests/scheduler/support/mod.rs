//! What several tests share.

pub(crate) mod desk;
pub(crate) mod fake_master;
pub(crate) mod fake_store;
pub(crate) mod jobs;
pub(crate) mod process;
pub(crate) mod server;
pub(crate) mod world;
