//! Durations as Mesos writes them in flags and in environment variables: `10ms`, `3secs`, `15mins`.

use std::time::Duration;

use thiserror::Error;

/// Nanoseconds of each unit, largest first, as stout's `Duration` names them.
const UNITS: [(&str, u128); 8] = [
    ("weeks", 604_800_000_000_000),
    ("days", 86_400_000_000_000),
    ("hrs", 3_600_000_000_000),
    ("mins", 60_000_000_000),
    ("secs", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

/// Why a text is not a duration, in stout's words.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum DurationError {
    /// It has digits alone, or nothing.
    #[error("Invalid duration '{0}'")]
    NoUnit(String),
    /// What comes before its unit is no number.
    #[error("Failed to convert '{0}' to number")]
    Number(String),
    /// What follows its number is no unit.
    #[error(
        "Unknown duration unit '{0}'; supported units are 'ns', 'us', 'ms', 'secs', 'mins', 'hrs', 'days', and 'weeks'"
    )]
    Unit(String),
    /// It is longer than 64 bits of nanoseconds.
    #[error("Argument out of the range that a Duration can represent due to int64_t's size limit")]
    Range,
}

/// Reads a duration such as `1.5secs`. Negative ones are refused, as by the original.
pub fn parse(text: &str) -> Result<Duration, DurationError> {
    let split = text
        .find(|c: char| !(c.is_ascii_digit() || c == '.'))
        .ok_or_else(|| DurationError::NoUnit(text.to_string()))?;
    let (number, unit) = text.split_at(split);
    let number: f64 = number
        .parse()
        .map_err(|_| DurationError::Number(number.to_string()))?;
    let (_, scale) = UNITS
        .iter()
        .find(|(name, _)| *name == unit)
        .ok_or_else(|| DurationError::Unit(unit.to_string()))?;
    let nanos = number * *scale as f64;
    if nanos >= i64::MAX as f64 {
        return Err(DurationError::Range);
    }
    Ok(Duration::from_nanos(nanos as u64))
}

/// Writes a duration as stout prints it: in the largest unit of which it is a whole number.
pub fn format(duration: Duration) -> String {
    let nanos = duration.as_nanos();
    UNITS
        .iter()
        .find(|(_, unit)| nanos != 0 && nanos.is_multiple_of(*unit))
        .map_or_else(
            || "0ns".to_string(),
            |(name, unit)| format!("{}{name}", nanos / unit),
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_and_written_as_stout_does() {
        let cases = [
            ("10ms", Duration::from_millis(10), "10ms"),
            ("3secs", Duration::from_secs(3), "3secs"),
            ("1.5secs", Duration::from_millis(1500), "1500ms"),
            ("60secs", Duration::from_secs(60), "1mins"),
            ("15mins", Duration::from_secs(900), "15mins"),
            ("2weeks", Duration::from_secs(1_209_600), "2weeks"),
            ("0ns", Duration::ZERO, "0ns"),
            (".5secs", Duration::from_millis(500), "500ms"),
            ("5.secs", Duration::from_secs(5), "5secs"),
        ];
        for (text, want, printed) in cases {
            assert_eq!(parse(text), Ok(want), "case `{text}`");
            assert_eq!(format(want), printed, "case `{text}`");
        }
        let unit =
            "supported units are 'ns', 'us', 'ms', 'secs', 'mins', 'hrs', 'days', and 'weeks'";
        for (bad, want) in [
            ("", "Invalid duration ''".to_string()),
            ("10", "Invalid duration '10'".to_string()),
            ("secs", "Failed to convert '' to number".to_string()),
            ("-1secs", "Failed to convert '' to number".to_string()),
            (" 1secs", "Failed to convert '' to number".to_string()),
            ("1..2ms", "Failed to convert '1..2' to number".to_string()),
            (".secs", "Failed to convert '.' to number".to_string()),
            ("1 secs", format!("Unknown duration unit ' secs'; {unit}")),
            ("1SECS", format!("Unknown duration unit 'SECS'; {unit}")),
            (
                "99999999999weeks",
                "Argument out of the range that a Duration can represent due to int64_t's size limit".to_string(),
            ),
        ] {
            let error = parse(bad).expect_err(bad).to_string();
            assert_eq!(error, want, "case `{bad}`");
        }
    }
}
