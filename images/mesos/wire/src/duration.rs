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

/// Why a text is not a duration.
#[derive(Debug, Error, PartialEq, Eq)]
#[error(
    "`{0}` is not a duration: a number and one of `ns`, `us`, `ms`, `secs`, `mins`, `hrs`, `days`, `weeks` is expected"
)]
pub struct DurationError(pub String);

/// Reads a duration such as `1.5secs`. Negative ones are refused: no flag takes them.
pub fn parse(text: &str) -> Result<Duration, DurationError> {
    let error = || DurationError(text.to_string());
    let trimmed = text.trim();
    let split = trimmed
        .find(|c: char| !(c.is_ascii_digit() || c == '.'))
        .ok_or_else(error)?;
    let (number, unit) = trimmed.split_at(split);
    let number: f64 = number.parse().map_err(|_| error())?;
    let (_, nanos) = UNITS
        .iter()
        .find(|(name, _)| *name == unit.trim())
        .ok_or_else(error)?;
    Duration::try_from_secs_f64(number * *nanos as f64 / 1e9).map_err(|_| error())
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
        ];
        for (text, want, printed) in cases {
            assert_eq!(parse(text), Ok(want), "case `{text}`");
            assert_eq!(format(want), printed, "case `{text}`");
        }
        for bad in [
            "",
            "10",
            "secs",
            "-1secs",
            "1 parsec",
            "1e99weeks",
            "1..2ms",
        ] {
            assert!(parse(bad).is_err(), "case `{bad}`");
        }
    }
}
