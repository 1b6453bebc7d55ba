//! `update …`.

pub(super) mod control;
mod info;
mod list;
mod start;

pub(super) use info::{info, wait};
pub(super) use list::list;
pub(super) use start::start;
