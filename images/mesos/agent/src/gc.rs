//! Which old sandboxes are removed, and when (protocol-flows.md, section 13): after `--gc_delay`, and the
//! sooner the fuller the disk is. Without effects; `server::collect` removes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How much was removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Removals {
    /// Folders that wait.
    pub pending: u64,
    /// Folders that were removed.
    pub succeeded: u64,
    /// Folders that could not be removed.
    pub failed: u64,
}

/// The folders that nobody uses any more.
#[derive(Debug, Clone)]
pub struct Collector {
    delay: Duration,
    headroom: f64,
    /// Since when each is not used.
    since: BTreeMap<PathBuf, Duration>,
    max_age: Duration,
    succeeded: u64,
    failed: u64,
}

impl Collector {
    /// Nothing yet. `headroom` is the part of the disk that is to be free, 0 to 1.
    pub fn new(delay: Duration, headroom: f64) -> Self {
        Self {
            delay,
            headroom,
            since: BTreeMap::new(),
            max_age: delay,
            succeeded: 0,
            failed: 0,
        }
    }

    /// A folder is not used any more, and has not been for `age`. Told again, it is as new as that says.
    pub fn retire(&mut self, now: Duration, path: PathBuf, age: Duration) {
        self.since.insert(path, now.saturating_sub(age));
    }

    /// A folder is used again, or one below it is: it stays.
    pub fn revive(&mut self, path: &Path) {
        self.since.remove(path);
    }

    /// Notes how much of the disk is used, from 0 to 1, and takes out the folders that are too old for that.
    pub fn due_at_usage(&mut self, now: Duration, usage: f64) -> Vec<PathBuf> {
        let part = (1.0 - self.headroom - usage).clamp(0.0, 1.0);
        self.max_age = self.delay.mul_f64(if part.is_nan() { 1.0 } else { part });
        self.take(now, self.max_age)
    }

    /// The age that was last allowed.
    pub fn allowed(&self) -> Duration {
        self.max_age
    }

    /// When the next folder has waited for the whole delay.
    pub fn next(&self) -> Option<Duration> {
        let oldest = self.since.values().min()?;
        Some(oldest.saturating_add(self.delay))
    }

    /// Takes out the folders that have waited for the whole delay.
    pub fn due(&mut self, now: Duration) -> Vec<PathBuf> {
        self.take(now, self.delay)
    }

    fn take(&mut self, now: Duration, most: Duration) -> Vec<PathBuf> {
        let is_due = |since: &Duration| now.saturating_sub(*since) >= most;
        let due: Vec<PathBuf> = self
            .since
            .iter()
            .filter(|(_, since)| is_due(since))
            .map(|(path, _)| path.clone())
            .collect();
        for path in &due {
            self.since.remove(path);
        }
        due
    }

    /// Notes how a removal went.
    pub fn removed(&mut self, succeeded: bool) {
        if succeeded {
            self.succeeded += 1;
        } else {
            self.failed += 1;
        }
    }

    /// The counts.
    pub fn removals(&self) -> Removals {
        Removals {
            pending: self.since.len() as u64,
            succeeded: self.succeeded,
            failed: self.failed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn the_fuller_the_disk_the_sooner_a_folder_goes() {
        let mut collector = Collector::new(10 * HOUR, 0.1);
        for (usage, hours) in [(0.0, 9.0), (0.4, 5.0), (0.9, 0.0), (1.0, 0.0)] {
            assert!(collector.due_at_usage(Duration::ZERO, usage).is_empty());
            let got = collector.allowed().as_secs_f64() / 3600.0;
            assert!((got - hours).abs() < 1e-6, "usage {usage}: {got}");
        }
    }

    #[test]
    fn a_folder_is_removed_once_it_is_too_old_and_not_before() {
        let mut collector = Collector::new(10 * HOUR, 0.1);
        collector.retire(HOUR, "/a".into(), Duration::ZERO);
        collector.retire(3 * HOUR, "/b".into(), 2 * HOUR + HOUR / 2);
        assert_eq!(collector.next(), Some(10 * HOUR + HOUR / 2));
        let at = 5 * HOUR + HOUR / 2;
        assert!(collector.due(at).is_empty());
        assert_eq!(collector.due_at_usage(at, 0.4), [PathBuf::from("/b")]);
        assert!(collector.due(11 * HOUR - HOUR / 2).is_empty());
        assert_eq!(collector.next(), Some(11 * HOUR));
        assert_eq!(collector.due(11 * HOUR), [PathBuf::from("/a")]);
        assert_eq!(collector.next(), None);
        assert!(collector.due_at_usage(60 * HOUR, 1.0).is_empty());
    }

    #[test]
    fn a_folder_that_is_used_again_stays() {
        let mut collector = Collector::new(HOUR, 0.0);
        collector.retire(Duration::ZERO, "/a".into(), Duration::ZERO);
        collector.revive(Path::new("/a"));
        assert!(collector.due(9 * HOUR).is_empty());
        assert_eq!(collector.removals(), Removals::default());
    }
}
