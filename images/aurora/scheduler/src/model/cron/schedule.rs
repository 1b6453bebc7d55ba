//! Cron schedules, in the strict dialect of the original: five fields, Sunday is 0 and never 7, and
//! either the day of the month or the day of the week is `*`. No library reads just that: they take
//! more, and a job that a real scheduler refuses must be refused here.

use std::fmt;

use jiff::Timestamp;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;

const MONTHS: &[&str] = &[
    "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
];
const WEEKDAYS: &[&str] = &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/// A field's smallest and greatest value, and the names of its values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Span {
    first: u32,
    last: u32,
    names: &'static [&'static str],
}

const fn span(first: u32, last: u32, names: &'static [&'static str]) -> Span {
    Span { first, last, names }
}

const MINUTE: Span = span(0, 59, &[]);
const HOUR: Span = span(0, 23, &[]);
const DAY: Span = span(1, 31, &[]);
const MONTH: Span = span(1, 12, MONTHS);
const WEEKDAY: Span = span(0, 6, WEEKDAYS);

/// Nothing that can happen at all is further away: 29 February skips a leap year once in a century.
const LOOK_AHEAD_DAYS: u32 = 9 * 366;

/// The values of a field that a schedule allows, a bit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Field {
    span: Span,
    allowed: u64,
}

impl Field {
    fn parse(text: &str, span: Span) -> Option<Self> {
        let mut allowed = 0;
        for part in text.split(',') {
            let (range, step) = match part.split_once('/') {
                Some((range, step)) => (range, Some(number(step)?)),
                None => (part, None),
            };
            let (first, last) = match range.split_once('-') {
                _ if range == "*" => (span.first, span.last),
                Some((first, last)) => (span.value(first)?, span.value(last)?),
                // A step needs something to step through.
                None if step.is_some() => return None,
                None => {
                    let value = span.value(range)?;
                    (value, value)
                }
            };
            let step = usize::try_from(step.unwrap_or(1)).ok()?;
            if first > last || step == 0 {
                return None;
            }
            for value in (first..=last).step_by(step) {
                allowed |= 1 << value;
            }
        }
        Some(Self { span, allowed })
    }

    fn allows(self, value: u32) -> bool {
        value < u64::BITS && self.allowed & (1 << value) != 0
    }

    fn values(self) -> impl Iterator<Item = u32> {
        (self.span.first..=self.span.last).filter(move |value| self.allows(*value))
    }

    fn is_wildcard(self) -> bool {
        self.values().count() == (self.span.first..=self.span.last).count()
    }

    /// The step, if the field is every so many from its first value on.
    fn step(self) -> Option<usize> {
        let values: Vec<u32> = self.values().collect();
        let [first, second, _, ..] = values.as_slice() else {
            return None;
        };
        let step = usize::try_from(second - first).ok().filter(|n| *n > 1)?;
        let steps = (self.span.first..=self.span.last).step_by(step);
        steps.eq(values).then_some(step)
    }
}

impl Span {
    /// A value by its number or name.
    fn value(self, text: &str) -> Option<u32> {
        let named = self
            .names
            .iter()
            .position(|name| name.eq_ignore_ascii_case(text))
            .and_then(|place| u32::try_from(place).ok())
            .map(|place| self.first + place);
        named
            .or_else(|| number(text))
            .filter(|value| (self.first..=self.last).contains(value))
    }
}

fn number(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().ok())?
}

/// The canonical spelling: `*`, `*/5`, or the values with runs of them as ranges.
impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_wildcard() {
            return f.write_str("*");
        }
        if let Some(step) = self.step() {
            return write!(f, "*/{step}");
        }
        let mut runs: Vec<(u32, u32)> = Vec::new();
        for value in self.values() {
            match runs.last_mut() {
                Some((_, last)) if *last + 1 == value => *last = value,
                _ => runs.push((value, value)),
            }
        }
        for (index, (first, last)) in runs.into_iter().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            if first == last {
                write!(f, "{first}")?;
            } else {
                write!(f, "{first}-{last}")?;
            }
        }
        Ok(())
    }
}

/// When a cron job runs. Displays as its canonical spelling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    minute: Field,
    hour: Field,
    day: Field,
    month: Field,
    weekday: Field,
}

impl Schedule {
    /// From its five fields; `None` if it is no schedule.
    pub fn parse(text: &str) -> Option<Self> {
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [minute, hour, day, month, weekday] = fields.as_slice() else {
            return None;
        };
        let schedule = Self {
            minute: Field::parse(minute, MINUTE)?,
            hour: Field::parse(hour, HOUR)?,
            day: Field::parse(day, DAY)?,
            month: Field::parse(month, MONTH)?,
            weekday: Field::parse(weekday, WEEKDAY)?,
        };
        (schedule.day.is_wildcard() || schedule.weekday.is_wildcard()).then_some(schedule)
    }

    fn is_on(&self, date: Date) -> bool {
        let field = |value: i8| u32::try_from(value).unwrap_or(0);
        self.month.allows(field(date.month()))
            && self.day.allows(field(date.day()))
            && self
                .weekday
                .allows(field(date.weekday().to_sunday_zero_offset()))
    }

    /// The first match after a time, both in milliseconds since the epoch; `None` if there is none.
    pub fn next_after(&self, after_ms: i64, zone: &TimeZone) -> Option<i64> {
        let after = Timestamp::from_millisecond(after_ms).ok()?;
        let mut date = after.to_zoned(zone.clone()).date();
        for _ in 0..LOOK_AHEAD_DAYS {
            if self.is_on(date) {
                for hour in self.hour.values() {
                    for minute in self.minute.values() {
                        let (hour, minute) = (i8::try_from(hour).ok()?, i8::try_from(minute).ok()?);
                        let time = Time::new(hour, minute, 0, 0).ok()?;
                        // A time that the clocks skip is the first one after.
                        let at = zone.to_timestamp(date.to_datetime(time)).ok()?;
                        if at > after {
                            return Some(at.as_millisecond());
                        }
                    }
                }
            }
            date = date.tomorrow().ok()?;
        }
        None
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            minute,
            hour,
            day,
            month,
            weekday,
        } = self;
        write!(f, "{minute} {hour} {day} {month} {weekday}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules_are_read_strictly_and_shown_canonically() {
        for (text, shown) in [
            ("* * * * *", Some("* * * * *")),
            ("*/5 * * * *", Some("*/5 * * * *")),
            ("0-59 0-23 1-31 1-12 0-6", Some("* * * * *")),
            (" 1,2,3,7  4 * jan-MAR * ", Some("1-3,7 4 * 1-3 *")),
            ("0 0 * * Sun,6", Some("0 0 * * 0,6")),
            ("10-20/5 * 2 * *", Some("10,15,20 * 2 * *")),
            ("0 0 * * 7", None),
            ("0 0 1 * 1", None),
            ("60 * * * *", None),
            ("* * * *", None),
            ("* * * * * *", None),
            ("5/10 * * * *", None),
            ("*/0 * * * *", None),
            ("9-3 * * * *", None),
            ("+1 * * * *", None),
            ("a * * * *", None),
            ("1, * * * *", None),
            ("@daily", None),
            ("", None),
        ] {
            let found = Schedule::parse(text).map(|schedule| schedule.to_string());
            assert_eq!(found.as_deref(), shown, "`{text}`");
        }
    }

    #[test]
    fn the_next_run_is_the_first_match_after_now() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap().as_millisecond();
        for (schedule, after, next) in [
            (
                "*/5 * * * *",
                "2026-01-01T00:00:00Z",
                "2026-01-01T00:05:00Z",
            ),
            (
                "*/5 * * * *",
                "2026-01-01T00:04:59.999Z",
                "2026-01-01T00:05:00Z",
            ),
            ("0 0 * * *", "2026-12-31T00:00:00Z", "2027-01-01T00:00:00Z"),
            (
                "30 6 * * SUN",
                "2026-01-01T00:00:00Z",
                "2026-01-04T06:30:00Z",
            ),
            (
                "0 12 29 2 *",
                "2025-03-01T00:00:00Z",
                "2028-02-29T12:00:00Z",
            ),
        ] {
            let found = Schedule::parse(schedule)
                .unwrap()
                .next_after(at(after), &TimeZone::UTC);
            assert_eq!(found, Some(at(next)), "{schedule} after {after}");
        }
        let never = Schedule::parse("0 0 31 2 *").unwrap();
        assert_eq!(never.next_after(0, &TimeZone::UTC), None);
        let east = TimeZone::fixed(jiff::tz::offset(2));
        let midnight = Schedule::parse("0 0 * * *").unwrap();
        assert_eq!(
            midnight.next_after(at("2026-01-01T00:00:00Z"), &east),
            Some(at("2026-01-01T22:00:00Z"))
        );
    }
}
