//! Counts and times requests and calls.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;

use super::Shared;

/// How often something happened, and how long it took in all.
#[derive(Debug, Clone, Copy, Default)]
pub struct Timing {
    /// How often.
    pub events: u64,
    /// How long.
    pub total: Duration,
}

/// Timings and counters by name.
#[derive(Debug, Default)]
pub struct HttpStats {
    timings: Mutex<BTreeMap<String, Timing>>,
    counters: Mutex<BTreeMap<String, u64>>,
}

impl HttpStats {
    /// Notes that something took this long.
    pub fn time(&self, name: &str, took: Duration) {
        let mut timings = self.timings.lock().unwrap_or_else(PoisonError::into_inner);
        let timing = timings.entry(name.to_string()).or_default();
        timing.events = timing.events.saturating_add(1);
        timing.total = timing.total.saturating_add(took);
    }

    /// Notes that something happened so many times.
    pub fn add(&self, name: &str, times: u64) {
        let mut counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        let counter = counters.entry(name.to_string()).or_default();
        *counter = counter.saturating_add(times);
    }

    /// All timings.
    pub fn timings(&self) -> BTreeMap<String, Timing> {
        self.timings
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// All counters.
    pub fn counters(&self) -> BTreeMap<String, u64> {
        self.counters
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// Counts every answer by its status.
pub(super) async fn count(State(app): State<Shared>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let response = next.run(request).await;
    let name = format!("http_{}_responses", response.status().as_u16());
    app.stats.time(&name, began.elapsed());
    response
}
