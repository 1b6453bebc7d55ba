//! Who may do what: the local authorizer of Mesos, which judges by the lists in `--acls`.
//!
//! [`Acls`] are what the flag says. [`Rights`] are what one peer has by them, and what endpoints ask.

mod acls;
mod action;
mod rights;

pub use acls::{Acls, AclsError};
pub use action::Action;
pub use rights::Rights;

/// The paths that `get_endpoints` is about; a list that names another is refused.
pub const ENDPOINTS: [&str; 6] = [
    "/containers",
    "/containerizer/debug",
    "/files/debug",
    "/logging/toggle",
    "/metrics/snapshot",
    "/monitor/statistics",
];
