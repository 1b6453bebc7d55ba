//! Times that were measured, for the metrics that show how they are spread.

use std::collections::VecDeque;
use std::time::Duration;

/// How many measurements are kept.
const KEPT: usize = 1000;

/// The last times that something took.
#[derive(Debug, Default)]
pub struct Samples {
    millis: VecDeque<f64>,
    count: u64,
}

impl Samples {
    /// Adds a measurement.
    pub fn add(&mut self, time: Duration) {
        self.millis.push_back(time.as_secs_f64() * 1000.0);
        while self.millis.len() > KEPT {
            self.millis.pop_front();
        }
        self.count += 1;
    }

    /// The metrics under `name`: the last time, and the spread of all that are kept, which, as the original
    /// has it, a single one has not. None before the first measurement.
    pub fn metrics(&self, name: &str) -> Vec<(String, f64)> {
        let Some(last) = self.millis.back() else {
            return Vec::new();
        };
        if self.millis.len() < 2 {
            return vec![(name.to_string(), *last)];
        }
        let mut sorted: Vec<f64> = self.millis.iter().copied().collect();
        sorted.sort_by(f64::total_cmp);
        let at = |part: f64| percentile(&sorted, part);
        let spread = [
            ("max", at(1.0)),
            ("min", at(0.0)),
            ("p50", at(0.5)),
            ("p90", at(0.9)),
            ("p95", at(0.95)),
            ("p99", at(0.99)),
            ("p999", at(0.999)),
            ("p9999", at(0.9999)),
        ];
        let mut metrics = vec![
            (name.to_string(), *last),
            (format!("{name}/count"), self.count as f64),
        ];
        metrics.extend(
            spread
                .into_iter()
                .map(|(part, value)| (format!("{name}/{part}"), value)),
        );
        metrics
    }
}

/// The value below which a part of the sorted values lies, between the two nearest.
fn percentile(sorted: &[f64], part: f64) -> f64 {
    let place = part * sorted.len().saturating_sub(1) as f64;
    let (below, above) = (place.floor() as usize, place.ceil() as usize);
    let get = |index: usize| sorted.get(index).copied().unwrap_or_default();
    get(below) + (get(above) - get(below)) * place.fract()
}

/// What the server measures.
#[derive(Debug, Default)]
pub struct Timings {
    /// How long allocation runs took.
    pub run: Samples,
    /// How long they were waited for.
    pub latency: Samples,
    /// How long changes of the registry took.
    pub store: Samples,
    /// How long reading the registry took at the election, in milliseconds.
    pub fetch: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_lie_between_the_nearest_samples() {
        let mut samples = Samples::default();
        assert!(samples.metrics("x").is_empty());
        samples.add(Duration::from_millis(4));
        assert_eq!(samples.metrics("x"), [("x".to_string(), 4.0)]);
        for millis in [1, 3, 2, 5] {
            samples.add(Duration::from_millis(millis));
        }
        let metrics = samples.metrics("x");
        let get = |name: &str| metrics.iter().find(|(n, _)| n == name).map(|(_, v)| *v);
        assert_eq!(get("x"), Some(5.0));
        assert_eq!(get("x/count"), Some(5.0));
        assert_eq!(get("x/min"), Some(1.0));
        assert_eq!(get("x/p50"), Some(3.0));
        assert_eq!(get("x/p90"), Some(4.6));
    }
}
