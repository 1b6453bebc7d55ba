//! `--rate_limits`: what drivers say too fast waits, and what is too much is refused. HTTP frameworks are not slowed
//! down, as with the original.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use mesos_proto::mesos::RateLimits;
use mesos_wire::json::{Dialect, from_slice};
use mesos_wire::numbers;

use super::effect::Moment;

/// How fast a principal's drivers may speak.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Limit {
    /// From one message to the next.
    spacing: Duration,
    /// How many may wait; any number if `None`.
    capacity: Option<u64>,
}

/// The limits of all principals.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Limits {
    /// Those that are named; `None` is without a limit.
    named: BTreeMap<Arc<str>, Option<Limit>>,
    /// That which all others share.
    others: Option<Limit>,
}

impl Limits {
    /// Reads the flag's text.
    pub fn parse(text: &str) -> Result<Self, String> {
        let limits: RateLimits =
            from_slice(text.as_bytes(), Dialect::V0).map_err(|error| error.reason().to_string())?;
        let mut all = Self::default();
        for limit in &limits.limits {
            let spacing = limit.qps.map(|qps| spacing("qps", qps)).transpose()?;
            let limited = spacing.map(|spacing| Limit {
                spacing,
                capacity: limit.capacity,
            });
            let name = limit.principal();
            if all.named.insert(name.into(), limited).is_some() {
                return Err(format!(
                    "Duplicate principal {name} found in RateLimits configuration"
                ));
            }
        }
        if let Some(qps) = limits.aggregate_default_qps {
            all.others = Some(Limit {
                spacing: spacing("aggregate_default_qps", qps)?,
                capacity: limits.aggregate_default_capacity,
            });
        }
        Ok(all)
    }

    /// The limit of a driver's principal, with the name under which its messages are counted; none has what all
    /// others share.
    fn of(&self, principal: Option<&str>) -> Option<(Option<Arc<str>>, Limit)> {
        match principal.and_then(|name| self.named.get_key_value(name)) {
            Some((name, limit)) => Some((Some(name.clone()), (*limit)?)),
            None => Some((None, self.others?)),
        }
    }
}

fn spacing(field: &str, qps: f64) -> Result<Duration, String> {
    // What is no number is not above 0 either.
    if qps > 0.0 {
        Ok(Duration::try_from_secs_f64(qps.recip()).unwrap_or(Duration::MAX))
    } else {
        let qps = numbers::shown(qps, 6);
        Err(format!(
            "Invalid {field}: {qps}. It must be a positive number"
        ))
    }
}

/// What waits for its turn.
#[derive(Debug)]
pub struct Throttle<T> {
    limits: Limits,
    queues: BTreeMap<Option<Arc<str>>, Queue<T>>,
}

#[derive(Debug)]
struct Queue<T> {
    /// When the next may be heard.
    free: Moment,
    waiting: VecDeque<Waiting<T>>,
    /// How many of those that wait count.
    counted: u64,
}

#[derive(Debug)]
struct Waiting<T> {
    at: Moment,
    counts: bool,
    item: T,
}

/// What becomes of something that was said.
#[derive(Debug, PartialEq, Eq)]
pub enum Turn<T> {
    /// It is heard at once.
    Now(T),
    /// It waits.
    Later,
    /// So many wait already.
    Full(u64),
}

impl<T> Throttle<T> {
    /// Nothing waits.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            queues: BTreeMap::new(),
        }
    }

    /// Something that the driver of a framework says, given its principal; `counts` is false for what must not be
    /// lost, such as that it is gone.
    pub fn take(&mut self, principal: Option<&str>, now: Moment, item: T, counts: bool) -> Turn<T> {
        let Some((name, limit)) = self.limits.of(principal) else {
            return Turn::Now(item);
        };
        let queue = self.queues.entry(name).or_insert_with(|| Queue {
            free: Moment::ZERO,
            waiting: VecDeque::new(),
            counted: 0,
        });
        if let Some(capacity) = limit
            .capacity
            .filter(|most| counts && queue.counted >= *most)
        {
            return Turn::Full(capacity);
        }
        let at = queue.free.max(now);
        queue.free = at.saturating_add(limit.spacing);
        if at <= now {
            return Turn::Now(item);
        }
        queue.counted += u64::from(counts);
        queue.waiting.push_back(Waiting { at, counts, item });
        Turn::Later
    }

    /// When the next turn comes.
    pub fn next(&self) -> Option<Moment> {
        let queues = self.queues.values();
        queues.filter_map(|q| Some(q.waiting.front()?.at)).min()
    }

    /// One whose turn has come.
    pub fn due(&mut self, now: Moment) -> Option<T> {
        let next = self.next().filter(|at| *at <= now)?;
        let mut queues = self.queues.values_mut();
        let queue = queues.find(|q| q.waiting.front().is_some_and(|one| one.at == next))?;
        let one = queue.waiting.pop_front()?;
        queue.counted = queue.counted.saturating_sub(u64::from(one.counts));
        Some(one.item)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn throttle(limits: &str) -> Throttle<u32> {
        Throttle::new(Limits::parse(limits).expect("limits"))
    }

    fn at(millis: u64) -> Moment {
        Moment::from_millis(1_000_000 + millis)
    }

    #[test]
    fn limits_are_read_and_what_is_wrong_is_said_as_the_original_says_it() {
        for (text, want) in [
            ("{", "syntax error at line 1 near: "),
            (
                r#"{"limits":[{"qps":1}]}"#,
                "Missing required fields: limits[0].principal",
            ),
            (
                r#"{"limits":[{"qps":0,"principal":"p"}]}"#,
                "Invalid qps: 0. It must be a positive number",
            ),
            (
                r#"{"limits":[{"qps":1,"principal":"p"},{"principal":"p"}]}"#,
                "Duplicate principal p found in RateLimits configuration",
            ),
            (
                r#"{"aggregate_default_qps":-3}"#,
                "Invalid aggregate_default_qps: -3. It must be a positive number",
            ),
        ] {
            assert_eq!(Limits::parse(text), Err(want.to_string()), "case `{text}`");
        }
        for text in [
            "{}",
            r#"{"limits":[{"principal":"p","capacity":1}],"aggregate_default_capacity":1}"#,
            r#"{"limits":[{"principal":"p","qps":1e-300}]}"#,
        ] {
            assert!(Limits::parse(text).is_ok(), "case `{text}`");
        }
    }

    #[test]
    fn what_comes_too_fast_waits_in_its_order_and_what_is_too_much_is_refused() {
        let mut throttle = throttle(r#"{"limits":[{"principal":"p","qps":10,"capacity":2}]}"#);
        assert_eq!(throttle.take(Some("p"), at(0), 1, true), Turn::Now(1));
        assert_eq!(throttle.take(Some("p"), at(0), 2, true), Turn::Later);
        assert_eq!(throttle.take(Some("p"), at(50), 3, true), Turn::Later);
        assert_eq!(throttle.take(Some("p"), at(50), 4, true), Turn::Full(2));
        // That a driver is gone waits, too, and is never lost.
        assert_eq!(throttle.take(Some("p"), at(50), 5, false), Turn::Later);
        assert_eq!(
            (throttle.next(), throttle.due(at(99))),
            (Some(at(100)), None)
        );
        assert_eq!(throttle.due(at(100)), Some(2));
        assert_eq!(throttle.take(Some("p"), at(100), 6, true), Turn::Later);
        let rest: Vec<u32> = std::iter::from_fn(|| throttle.due(at(400))).collect();
        assert_eq!(rest, [3, 5, 6]);
        assert_eq!(throttle.next(), None);
        assert_eq!(throttle.take(Some("p"), at(499), 7, true), Turn::Later);
        assert_eq!(throttle.due(at(500)), Some(7));
        assert_eq!(throttle.take(Some("p"), at(900), 8, true), Turn::Now(8));
    }

    #[test]
    fn those_without_a_limit_of_their_own_share_one() {
        let limits = r#"{"limits":[{"principal":"free"}],"aggregate_default_qps":10,"aggregate_default_capacity":1}"#;
        let mut throttle = throttle(limits);
        for item in 0..3 {
            let turn = throttle.take(Some("free"), at(0), item, true);
            assert_eq!(turn, Turn::Now(item));
        }
        assert_eq!(throttle.take(Some("a"), at(0), 1, true), Turn::Now(1));
        assert_eq!(throttle.take(Some("b"), at(0), 2, true), Turn::Later);
        assert_eq!(throttle.take(None, at(0), 3, true), Turn::Full(1));
    }

    #[test]
    fn nothing_waits_without_limits_and_nothing_is_heard_where_none_may_wait() {
        assert_eq!(throttle("{}").take(None, at(0), 1, true), Turn::Now(1));
        let none = r#"{"limits":[{"principal":"p","qps":1,"capacity":0}]}"#;
        assert_eq!(
            throttle(none).take(Some("p"), at(0), 1, true),
            Turn::Full(0)
        );
    }
}
