//! Whose turn it is: groups that wait for a time, groups that are ready, and how many get a turn in a
//! second.
//!
//! Ready groups go first come, first served within their class. New ones are not kept waiting by those
//! that have been in vain before, however many there are.

use std::collections::{BTreeMap, HashMap};

/// How promising an attempt is; the most promising come first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Never tried yet.
    New,
    /// Placed something last time, or something that it fits has turned up.
    Promising,
    /// Fitted nowhere, and nothing is known to have changed.
    Retry,
}

#[derive(Debug, Clone, Copy)]
enum Place {
    Waiting(i64, u64, Class),
    Ready(Class, u64),
}

/// The turns of groups, which are known by numbers.
#[derive(Debug, Default)]
pub struct Turns {
    waiting: BTreeMap<(i64, u64), u64>,
    ready: BTreeMap<(Class, u64), u64>,
    places: HashMap<u64, Place>,
    sequence: u64,
}

impl Turns {
    /// Has a group wait until `at`, in milliseconds.
    pub fn wait(&mut self, group: u64, at: i64, class: Class) {
        self.remove(group);
        self.sequence += 1;
        self.waiting.insert((at, self.sequence), group);
        let place = Place::Waiting(at, self.sequence, class);
        self.places.insert(group, place);
    }

    /// Ends a group's wait, because something that it fits has turned up. One that was never tried keeps its time.
    pub fn wake(&mut self, group: u64) {
        if self.can_be_woken(group) {
            self.make_ready(group, Class::Promising);
        }
    }

    /// Whether the group waits without having been new.
    pub fn can_be_woken(&self, group: u64) -> bool {
        matches!(
            self.places.get(&group),
            Some(Place::Waiting(_, _, Class::Promising | Class::Retry))
        )
    }

    fn make_ready(&mut self, group: u64, class: Class) {
        self.remove(group);
        self.sequence += 1;
        self.ready.insert((class, self.sequence), group);
        let place = Place::Ready(class, self.sequence);
        self.places.insert(group, place);
    }

    /// Forgets a group.
    pub fn remove(&mut self, group: u64) {
        match self.places.remove(&group) {
            Some(Place::Waiting(at, sequence, _)) => {
                self.waiting.remove(&(at, sequence));
            }
            Some(Place::Ready(class, sequence)) => {
                self.ready.remove(&(class, sequence));
            }
            None => {}
        }
    }

    /// Makes those ready whose time has come.
    pub fn ripen(&mut self, now: i64) {
        while let Some((&(at, _), &group)) = self.waiting.first_key_value()
            && at <= now
        {
            let class = match self.places.get(&group) {
                Some(Place::Waiting(_, _, class) | Place::Ready(class, _)) => *class,
                None => Class::Retry,
            };
            self.make_ready(group, class);
        }
    }

    /// The next that is ready.
    pub fn first(&self) -> Option<(u64, Class)> {
        let ((class, _), group) = self.ready.first_key_value()?;
        Some((*group, *class))
    }

    /// Takes the next that is ready.
    pub fn take(&mut self) -> Option<(u64, Class)> {
        let ((class, _), group) = self.ready.pop_first()?;
        self.places.remove(&group);
        Some((group, class))
    }

    /// Whether any is ready.
    pub fn any_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// When the next wait is over.
    pub fn next(&self) -> Option<i64> {
        self.waiting.keys().next().map(|(at, _)| *at)
    }
}

/// So many attempts a second, and as many at once after a second without any.
#[derive(Debug)]
pub struct Bucket {
    tokens: f64,
    filled: i64,
}

impl Bucket {
    /// A full one.
    pub fn new(now: i64, rate: f64) -> Self {
        Self {
            tokens: rate.max(1.0),
            filled: now,
        }
    }

    fn fill(&mut self, now: i64, rate: f64) {
        let seconds = now.saturating_sub(self.filled).max(0) as f64 / 1000.0;
        self.tokens = (self.tokens + seconds * rate).min(rate.max(1.0));
        self.filled = self.filled.max(now);
    }

    /// Takes one, if there is one.
    pub fn take(&mut self, now: i64, rate: f64) -> bool {
        self.fill(now, rate);
        let any = self.tokens >= 1.0;
        if any {
            self.tokens -= 1.0;
        }
        any
    }

    /// When there will be one, in milliseconds.
    pub fn next(&self, rate: f64) -> i64 {
        let missing = (1.0 - self.tokens).max(0.0);
        let wait = (missing / rate * 1000.0).ceil();
        self.filled.saturating_add(wait as i64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(turns: &mut Turns) -> Vec<u64> {
        std::iter::from_fn(|| turns.take())
            .map(|(group, _)| group)
            .collect()
    }

    #[test]
    fn new_groups_go_before_those_that_were_in_vain() {
        let mut turns = Turns::default();
        turns.wait(1, 10, Class::Retry);
        turns.wait(2, 20, Class::New);
        turns.wait(3, 30, Class::Promising);
        turns.wait(4, 40, Class::New);
        turns.ripen(9);
        assert!(!turns.any_ready());
        assert_eq!(turns.next(), Some(10));
        turns.ripen(30);
        assert_eq!(taken(&mut turns), [2, 3, 1]);
        turns.ripen(40);
        assert_eq!(taken(&mut turns), [4]);
        assert_eq!(turns.next(), None);
    }

    #[test]
    fn what_turns_up_ends_a_wait_but_not_a_new_groups_delay() {
        let mut turns = Turns::default();
        turns.wait(1, 1000, Class::Retry);
        turns.wait(2, 1000, Class::New);
        turns.wake(1);
        turns.wake(2);
        turns.wake(3);
        assert_eq!(taken(&mut turns), [1]);
        turns.remove(2);
        turns.ripen(1000);
        assert_eq!(taken(&mut turns), [0; 0]);
    }

    #[test]
    fn attempts_are_limited_by_the_second() {
        let mut bucket = Bucket::new(0, 2.0);
        assert_eq!(
            [
                bucket.take(0, 2.0),
                bucket.take(0, 2.0),
                bucket.take(0, 2.0)
            ],
            [true, true, false]
        );
        assert_eq!(bucket.next(2.0), 500);
        assert!(!bucket.take(499, 2.0));
        assert!(bucket.take(bucket.next(2.0), 2.0));
        let all: Vec<bool> = (0..3).map(|_| bucket.take(60_000, 2.0)).collect();
        assert_eq!(all, [true, true, false]);
    }
}
