//! How containers ended whose executor is gone, for those who ask a little late.
//!
//! A client that follows a container's output asks for its exit status once the output has ended. If it was the last of
//! its executor's, nothing else of it is left by then.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::{Chain, Termination};

/// How long an end is remembered.
const REMEMBERED: Duration = Duration::from_secs(10);
/// How many are, at the most: the older ones go first.
const MOST: usize = 1000;

/// The ends, oldest first.
#[derive(Debug, Default)]
pub(super) struct Late(VecDeque<(Instant, Chain, Termination)>);

impl Late {
    /// Remembers an end.
    pub(super) fn keep(&mut self, now: Instant, id: Chain, ended: Termination) {
        self.forget(now);
        if self.0.len() >= MOST {
            self.0.pop_front();
        }
        self.0.push_back((now, id, ended));
    }

    /// How a container ended, if that was not long ago.
    pub(super) fn find(&mut self, now: Instant, id: &Chain) -> Option<Termination> {
        self.forget(now);
        let found = self.0.iter().rev().find(|(_, other, _)| other == id);
        found.map(|(_, _, ended)| ended.clone())
    }

    fn forget(&mut self, now: Instant) {
        while let Some((at, _, _)) = self.0.front()
            && now.saturating_duration_since(*at) >= REMEMBERED
        {
            self.0.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_remembered_for_a_while() {
        let (mut late, now) = (Late::default(), Instant::now());
        let (first, second) = (Chain::root("a"), Chain::root("b"));
        late.keep(now, first.clone(), Termination::of(Some(256)));
        let soon = now + REMEMBERED / 2;
        late.keep(soon, second.clone(), Termination::of(Some(0)));
        let status = |ended: Option<Termination>| ended.map(|ended| ended.status);
        assert_eq!(status(late.find(soon, &first)), Some(Some(256)));
        let then = now + REMEMBERED;
        assert_eq!(status(late.find(then, &first)), None);
        assert_eq!(status(late.find(then, &second)), Some(Some(0)));
    }

    #[test]
    fn no_more_are_remembered_than_are_useful() {
        let (mut late, now) = (Late::default(), Instant::now());
        for number in 0..=MOST {
            late.keep(
                now,
                Chain::root(&number.to_string()),
                Termination::default(),
            );
        }
        assert_eq!(late.0.len(), MOST);
        assert_eq!(late.find(now, &Chain::root("0")), None);
    }
}
