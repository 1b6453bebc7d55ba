//! Spans of time and amounts of data as operators write them (`twitter.common.quantity.parse_simple`).

use std::fmt;

/// A unit of time: its letter, its name in print, its seconds.
const UNITS: [(char, &str, u64); 4] = [
    ('d', "days", 86_400),
    ('h', "hrs", 3_600),
    ('m', "mins", 60),
    ('s', "secs", 1),
];

const BYTES_PER_MB: f64 = 1_048_576.0;

/// A span of time that remembers the finest unit it was written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// Its length in seconds.
    pub seconds: u64,
    unit: (u64, &'static str),
}

impl Span {
    /// Some seconds.
    pub const fn seconds(count: u64) -> Self {
        Self {
            seconds: count,
            unit: (1, "secs"),
        }
    }

    /// Some minutes.
    pub const fn minutes(count: u64) -> Self {
        Self {
            seconds: count * 60,
            unit: (60, "mins"),
        }
    }

    /// From `XdYhZmWs`: each part may be left out, but the order is fixed.
    pub fn parse(text: &str) -> Result<Self, String> {
        let invalid = || format!("Invalid time span: {text}");
        let mut rest = text.trim();
        let mut units = UNITS.iter();
        let mut span = None;
        while !rest.is_empty() {
            let end = rest
                .find(|c: char| !c.is_ascii_digit())
                .ok_or_else(invalid)?;
            let (number, tail) = rest.split_at(end);
            let number: u64 = number.parse().map_err(|_| invalid())?;
            let letter = tail.chars().next().ok_or_else(invalid)?;
            let (_, name, seconds) = units
                .by_ref()
                .find(|(unit, _, _)| *unit == letter)
                .ok_or_else(invalid)?;
            let before = span.map_or(0, |span: Self| span.seconds);
            span = Some(Self {
                seconds: number
                    .checked_mul(*seconds)
                    .and_then(|length| length.checked_add(before))
                    .filter(|length| i64::try_from(*length).is_ok())
                    .ok_or_else(invalid)?,
                unit: (*seconds, *name),
            });
            rest = tail.get(letter.len_utf8()..).unwrap_or_default();
        }
        span.ok_or_else(invalid)
    }

    /// A list of them, shortest first.
    pub fn parse_list(text: &str) -> Result<Vec<Self>, String> {
        let mut spans = text
            .split(',')
            .map(Self::parse)
            .collect::<Result<Vec<_>, _>>()?;
        spans.sort();
        Ok(spans)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, name) = self.unit;
        write!(f, "{} {name}", self.seconds / seconds)
    }
}

/// An amount of data, such as `1024m`, `10GB` or plain bytes, in whole megabytes.
pub fn megabytes(text: &str) -> Result<i64, String> {
    let invalid = || {
        format!(
            "Invalid size `{text}`: a number, and one of k, kb, m, mb, g, gb, t, tb, or no unit for bytes"
        )
    };
    let lower = text.trim().to_ascii_lowercase();
    let end = lower
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(lower.len());
    let (number, unit) = lower.split_at(end);
    let number: f64 = number.parse().map_err(|_| invalid())?;
    let bytes = match unit.trim() {
        "" | "b" => 1.0,
        "k" | "kb" => 1024.0,
        "m" | "mb" => BYTES_PER_MB,
        "g" | "gb" => BYTES_PER_MB * 1024.0,
        "t" | "tb" => BYTES_PER_MB * 1024.0 * 1024.0,
        _ => return Err(invalid()),
    };
    let amount = (number * bytes / BYTES_PER_MB).floor();
    #[expect(
        clippy::cast_possible_truncation,
        reason = "checked to be within the range"
    )]
    if amount < 9e15 {
        Ok(amount as i64)
    } else {
        Err(invalid())
    }
}

/// Numbers between 0 and 100, both excluded.
pub fn parse_percentiles(text: &str) -> Result<Vec<f64>, String> {
    text.split(',')
        .map(|value| {
            let number: Option<f64> = value.trim().parse().ok();
            number
                .filter(|number| *number > 0.0 && *number < 100.0)
                .ok_or_else(|| {
                    format!(
                        "Invalid percentile value:{value}. Must be between 0.0 and 100.0 exclusive."
                    )
                })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_written_in_days_hours_minutes_and_seconds() {
        for (text, expected) in [
            ("1m", Some((60, "1 mins"))),
            ("12h", Some((43_200, "12 hrs"))),
            ("7d", Some((604_800, "7 days"))),
            ("1h3m10s", Some((3_790, "3790 secs"))),
            ("1d1h", Some((90_000, "25 hrs"))),
            ("0s", Some((0, "0 secs"))),
            ("10s3m", None),
            ("1m1m", None),
            ("5", None),
            ("h", None),
            ("", None),
            ("1é", None),
            ("99999999999999999999d", None),
        ] {
            let found = Span::parse(text);
            let shown = found
                .clone()
                .ok()
                .map(|span| (span.seconds, span.to_string()));
            let expected = expected.map(|(seconds, shown)| (seconds, shown.to_owned()));
            assert_eq!(shown, expected, "{text}");
        }
        assert_eq!(Span::parse("x").unwrap_err(), "Invalid time span: x");
    }

    #[test]
    fn sizes_are_given_in_any_unit_and_rounded_down() {
        for (text, expected) in [
            ("1024m", Some(1024)),
            ("10GB", Some(10_240)),
            ("2t", Some(2_097_152)),
            ("1.5g", Some(1536)),
            ("2048k", Some(2)),
            ("1048577", Some(1)),
            ("0m", Some(0)),
            ("x", None),
            ("5q", None),
            ("", None),
            ("-1m", None),
            ("99999999999999999999999t", None),
        ] {
            assert_eq!(megabytes(text).ok(), expected, "{text}");
        }
    }
}
