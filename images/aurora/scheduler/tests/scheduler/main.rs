//! The scheduler's tests beyond its units: a simulated cluster, the store, and the API over HTTP.

#![expect(
    clippy::unwrap_used,
    reason = "a test may fail anywhere, its helpers too"
)]

mod admin;
mod backup;
mod cron;
mod events;
mod http;
mod kerberos;
mod kill;
mod lifecycle;
mod pages;
mod placement;
mod preemption;
mod quota;
mod restart;
mod security;
mod simulation;
mod sla;
mod store;
mod support;
mod watching;
mod webhook;
