//! Remembers what has been shown, so that nobody shows it again who listened.

use std::collections::HashSet;

use sha2::{Digest, Sha256};

/// What was shown in the last while, and in the while before: each is forgotten after one while at the earliest and
/// two at the latest.
#[derive(Debug, Default)]
pub(super) struct Shown {
    now: HashSet<[u8; 32]>,
    before: HashSet<[u8; 32]>,
    /// When the last while began.
    since: i64,
}

impl Shown {
    /// Notes what is shown at a time; `false` if it has been shown before. Times and the while are in the same unit.
    pub(super) fn is_new(&mut self, bytes: &[u8], time: i64, a_while: i64) -> bool {
        if time.saturating_sub(self.since) >= a_while {
            let last = std::mem::take(&mut self.now);
            let is_recent = time.saturating_sub(self.since) < a_while.saturating_mul(2);
            self.before = if is_recent { last } else { HashSet::new() };
            self.since = time;
        }
        let digest = Sha256::digest(bytes).into();
        !self.before.contains(&digest) && self.now.insert(digest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_shown_is_remembered_for_a_while() {
        let mut shown = Shown::default();
        assert!(shown.is_new(b"a", 1000, 100));
        assert!(!shown.is_new(b"a", 1000, 100));
        assert!(shown.is_new(b"b", 1099, 100));
        assert!(!shown.is_new(b"a", 1100, 100), "in the while before");
        assert!(!shown.is_new(b"b", 1199, 100));
        assert!(shown.is_new(b"b", 1200, 100), "101 after it was shown");
        assert!(shown.is_new(b"a", 9000, 100) && shown.before.is_empty());
    }
}
