//! `job …`.

mod add;
mod create;
mod diff;
mod inspect;
pub(crate) mod kill;
mod listing;
mod monitor;
mod restart;
mod status;

pub(super) use add::add;
pub(super) use create::create;
pub(super) use diff::{diff, show_changes};
pub(super) use inspect::inspect;
pub(super) use listing::{list, matching, open};
pub(super) use monitor::wait_as_asked;
pub(super) use restart::restart;
pub(super) use status::status;
