//! `devcluster version`.

use std::process::ExitCode;

use super::failure::Failure;
use crate::report;

pub(super) fn run() -> Result<ExitCode, Failure> {
    report::data(&format!("devcluster {}", env!("CARGO_PKG_VERSION")));
    Ok(ExitCode::SUCCESS)
}
