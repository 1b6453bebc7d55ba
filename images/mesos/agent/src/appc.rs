//! App container images (appc), from a store on the agent's disk: `<store>/images/<image id>` has the files
//! `manifest`, which is JSON, and `rootfs`, a folder (appc specification 0.8, "image layout"; Mesos'
//! `--appc_store_dir`).
//!
//! `manifest` reads what an image says of itself, `store` finds images, `archive` packs their files.

pub mod archive;
pub mod manifest;
pub mod store;

pub use manifest::App;
pub use store::{Found, Store};
