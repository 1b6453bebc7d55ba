//! The TOML that a user writes: types, defaults, overrides and validation.
//!
//! Pure: nothing here opens a file or looks at the machine. [`Profile::parse`] takes text and the file's name (for
//! messages); reading the file is the command line's business.

mod builtin;
mod error;
mod name;
mod parse;
mod reader;
mod subnet;
mod tier;
mod types;
mod units;
mod validate;

#[cfg(test)]
mod tests;

pub use builtin::{builtin, builtin_names};
pub use error::ProfileError;
pub use name::{ClusterName, NameError};
pub use subnet::{Subnet, SubnetError};
pub use tier::Tier;
pub use types::{
    Advertise, FlagValue, Managed, MountSetting, NetworkSettings, NodeSettings, Overrides,
    PortSetting, ProbeSetting, Profile, ServiceSettings, StartOrder, TierSettings,
};
