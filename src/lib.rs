//! devcluster: a whole Apache Aurora / Mesos cluster on one machine, in Docker containers, with one command.
//!
//! The library behind the `devcluster` program. Imports point downwards only: `cli` drives `cluster`, which drives a
//! [`plan`] made from a [`profile`] through the [`engine`], [`image`] and [`probe`] modules and emits events that only
//! `report` draws. Other projects' tests start their clusters through [`fixture`].

pub mod cli;
pub mod cluster;
pub mod engine;
pub mod fixture;
pub mod image;
pub mod plan;
pub mod probe;
pub mod profile;
pub mod report;
mod spelling;
