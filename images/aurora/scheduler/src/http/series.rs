//! Every numeric variable over time, for `/graphdata` and `/graphview`.
//!
//! Most variables hardly ever change, so a variable's changes are kept, not its samples.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use serde_json::Number;

/// Samples of variables, at most so old.
#[derive(Debug)]
pub(super) struct Series {
    retention_ms: i64,
    /// When samples were taken, in milliseconds since the epoch.
    times: VecDeque<i64>,
    changes: BTreeMap<String, VecDeque<(i64, Number)>>,
}

impl Series {
    /// Keeps samples for as long as `-stat_retention_period` says.
    pub(super) fn new(retention: Duration) -> Self {
        Self {
            retention_ms: i64::try_from(retention.as_millis()).unwrap_or(i64::MAX),
            times: VecDeque::new(),
            changes: BTreeMap::new(),
        }
    }

    /// Takes a sample. A variable that is not in it keeps its last value.
    pub(super) fn sample(&mut self, now: i64, values: impl IntoIterator<Item = (String, Number)>) {
        // A clock that was set back must not put times out of order.
        let now = now.max(self.times.back().copied().unwrap_or(now));
        self.times.push_back(now);
        let oldest = now.saturating_sub(self.retention_ms);
        while self.times.front().is_some_and(|time| *time < oldest) {
            self.times.pop_front();
        }
        for (name, value) in values {
            let changes = self.changes.entry(name).or_default();
            if changes.back().is_none_or(|(_, last)| *last != value) {
                changes.push_back((now, value));
            }
            // The last change before the oldest sample still says what was then.
            while changes.get(1).is_some_and(|(time, _)| *time <= oldest) {
                changes.pop_front();
            }
        }
    }

    /// The variables' names, sorted.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.changes.keys().map(String::as_str)
    }

    /// A variable's value at each sample after `since`; zero before it was known. `None` if there is
    /// no such variable.
    pub(super) fn values(&self, name: &str, since: i64) -> Option<Vec<Number>> {
        let changes = self.changes.get(name)?;
        let mut next = changes.iter().peekable();
        let mut value = Number::from(0);
        let values = self.times.iter().map(|time| {
            while let Some((_, changed)) = next.next_if(|(at, _)| at <= time) {
                value = changed.clone();
            }
            (*time, value.clone())
        });
        let after = values.filter(|(time, _)| *time > since);
        Some(after.map(|(_, value)| value).collect())
    }

    /// The times of the samples after `since`.
    pub(super) fn times(&self, since: i64) -> impl Iterator<Item = i64> {
        let after = move |time: &i64| *time > since;
        self.times.iter().copied().filter(after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(series: &mut Series, now: i64, values: &[(&str, i64)]) {
        let values = values.iter();
        series.sample(now, values.map(|(name, n)| (name.to_string(), (*n).into())));
    }

    fn shown(series: &Series, name: &str, since: i64) -> Option<Vec<i64>> {
        let values = series.values(name, since)?;
        Some(values.iter().filter_map(Number::as_i64).collect())
    }

    #[test]
    fn values_are_those_of_their_time() {
        let mut series = Series::new(Duration::from_millis(30));
        for (now, a) in [(10, 1), (20, 1), (30, 5)] {
            sample(&mut series, now, &[("a", a)]);
        }
        sample(&mut series, 40, &[("a", 5), ("b", 7)]);
        assert_eq!(series.names().collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(shown(&series, "a", 0), Some(vec![1, 1, 5, 5]));
        assert_eq!(shown(&series, "b", 0), Some(vec![0, 0, 0, 7]));
        assert_eq!(shown(&series, "a", 20), Some(vec![5, 5]));
        assert_eq!(shown(&series, "c", 0), None);
        sample(&mut series, 60, &[("a", 6)]);
        assert_eq!(series.times(0).collect::<Vec<_>>(), [30, 40, 60]);
        assert_eq!(shown(&series, "a", 0), Some(vec![5, 5, 6]));
        assert_eq!(shown(&series, "b", 0), Some(vec![0, 7, 7]));
        sample(&mut series, 50, &[("a", 8)]);
        assert_eq!(series.times(50).collect::<Vec<_>>(), [60, 60]);
    }
}
