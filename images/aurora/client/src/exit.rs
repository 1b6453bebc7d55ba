//! Exit codes (`apache/aurora/client/cli/__init__.py`), and the error that ends a command with one.

use thiserror::Error;

pub const OK: u8 = 0;
/// The configuration is dangerous, or an uncaught error.
pub const DIED: u8 = 1;
/// argparse's own.
pub const USAGE: u8 = 2;
pub const INVALID_CONFIGURATION: u8 = 3;
pub const COMMAND_FAILURE: u8 = 4;
pub const INVALID_COMMAND: u8 = 5;
pub const INVALID_PARAMETER: u8 = 6;
pub const NETWORK_ERROR: u8 = 7;
pub const TIMEOUT: u8 = 9;
pub const API_ERROR: u8 = 10;
pub const UNKNOWN_ERROR: u8 = 20;
pub const AUTH_ERROR: u8 = 30;
pub const INTERRUPTED: u8 = 130;

/// A command that ended early.
#[derive(Debug, Error)]
#[error("{message}")]
pub struct Failure {
    pub code: u8,
    /// Printed as it is; nothing if it is empty, because it has been printed already.
    pub message: String,
}

impl Failure {
    /// With a message still to be printed.
    pub fn new(code: u8, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }

    /// With everything said.
    pub fn logged(code: u8) -> Self {
        Self {
            code,
            message: String::new(),
        }
    }
}

/// How a verb ends: with an exit code, or early.
pub type Result<T = u8> = std::result::Result<T, Failure>;
