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

/// What happened between the last two samples.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Rate {
    /// How often a second.
    pub events_per_sec: f64,
    /// How much time a second it took, in nanoseconds.
    pub nanos_per_sec: f64,
    /// How long each took, in nanoseconds; 0 if nothing happened.
    pub nanos_per_event: f64,
}

impl Rate {
    fn between(before: Timing, now: Timing, seconds: f64) -> Self {
        let events = now.events.saturating_sub(before.events) as f64;
        let nanos = now.total.saturating_sub(before.total).as_nanos() as f64;
        Self {
            events_per_sec: events / seconds,
            nanos_per_sec: nanos / seconds,
            nanos_per_event: if events > 0.0 { nanos / events } else { 0.0 },
        }
    }
}

/// The last sample.
#[derive(Debug, Default)]
struct Sample {
    at: Duration,
    timings: BTreeMap<String, Timing>,
    rates: BTreeMap<String, Rate>,
    /// How long the process had computed.
    computed: Duration,
    /// How many cores it kept busy since the sample before.
    cores: f64,
}

/// Timings and counters by name.
#[derive(Debug, Default)]
pub struct HttpStats {
    timings: Mutex<BTreeMap<String, Timing>>,
    counters: Mutex<BTreeMap<String, u64>>,
    sample: Mutex<Sample>,
}

impl HttpStats {
    /// Notes that something took this long.
    pub fn time(&self, name: &str, took: Duration) {
        let mut timings = self.timings.lock().unwrap_or_else(PoisonError::into_inner);
        let timing = timings.entry(name.to_string()).or_default();
        timing.events = timing.events.saturating_add(1);
        timing.total = timing.total.saturating_add(took);
    }

    /// Notes how often something has happened and how long it has taken in all, as counted elsewhere.
    pub fn set(&self, name: &str, timing: Timing) {
        let mut timings = self.timings.lock().unwrap_or_else(PoisonError::into_inner);
        timings.insert(name.to_string(), timing);
    }

    /// Notes that something happened so many times.
    pub fn add(&self, name: &str, times: u64) {
        let mut counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        let counter = counters.entry(name.to_string()).or_default();
        *counter = counter.saturating_add(times);
    }

    /// Computes the rates since the last sample; `uptime` is the time since the start, `computed` the time that the
    /// process has computed.
    pub fn sample(&self, uptime: Duration, computed: Duration) {
        let timings = self.timings();
        let mut last = self.sample.lock().unwrap_or_else(PoisonError::into_inner);
        let seconds = uptime.saturating_sub(last.at).as_secs_f64();
        if seconds <= 0.0 {
            return;
        }
        let rate = |(name, now): (&String, &Timing)| {
            let before = last.timings.get(name).copied().unwrap_or_default();
            (name.clone(), Rate::between(before, *now, seconds))
        };
        let rates = timings.iter().map(rate).collect();
        let busy = computed.saturating_sub(last.computed);
        *last = Sample {
            at: uptime,
            timings,
            rates,
            computed,
            cores: busy.as_secs_f64() / seconds,
        };
    }

    /// How many cores the process kept busy between the last two samples.
    pub fn cores(&self) -> f64 {
        let last = self.sample.lock().unwrap_or_else(PoisonError::into_inner);
        last.cores
    }

    /// A timing's rates, zero before the first sample.
    pub fn rate(&self, name: &str) -> Rate {
        let last = self.sample.lock().unwrap_or_else(PoisonError::into_inner);
        last.rates.get(name).copied().unwrap_or_default()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_those_between_two_samples() {
        let stats = HttpStats::default();
        let second = Duration::from_secs(1);
        stats.time("x", Duration::from_nanos(100));
        assert_eq!(stats.rate("x"), Rate::default());
        stats.sample(second, second / 2);
        assert_eq!(stats.cores(), 0.5);
        for _ in 0..4 {
            stats.time("x", Duration::from_nanos(300));
        }
        stats.sample(second * 3, second * 5 / 2);
        assert_eq!(stats.cores(), 1.0);
        let rate = stats.rate("x");
        assert_eq!(
            (
                rate.events_per_sec,
                rate.nanos_per_sec,
                rate.nanos_per_event
            ),
            (2.0, 600.0, 300.0)
        );
        stats.sample(second * 4, second * 5 / 2);
        assert_eq!(stats.cores(), 0.0);
        assert_eq!(stats.rate("x"), Rate::default());
    }
}
