//! Moments and amounts as the original prints and reads them.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// C's `asctime` in the local time zone: `Sat Nov 21 11:47:38 2026`.
pub(super) fn asctime(seconds: f64) -> String {
    moment(seconds, TimeZone::system(), "%a %b %e %H:%M:%S %Y")
}

/// What tells tasks of one name apart: `20261121-114738.123456`.
pub(super) fn stamp(seconds: f64) -> String {
    moment(seconds, TimeZone::system(), "%Y%m%d-%H%M%S.%6f")
}

fn moment(seconds: f64, zone: TimeZone, pattern: &str) -> String {
    #[expect(clippy::cast_possible_truncation, reason = "out of range saturates")]
    let micros = (seconds * 1e6) as i64;
    Timestamp::from_microsecond(micros)
        .unwrap_or_default()
        .to_zoned(zone)
        .strftime(pattern)
        .to_string()
}

/// An age such as `2d5h` or `7200s`, in seconds.
pub(super) fn age(text: &str) -> Option<f64> {
    amount(
        text,
        &[("d", 86_400.0), ("h", 3_600.0), ("m", 60.0), ("s", 1.0)],
    )
}

/// A size such as `20G` or `512MB`, in bytes.
pub(super) fn size(text: &str) -> Option<f64> {
    const UNITS: [(&str, f64); 9] = [
        ("tb", 1_099_511_627_776.0),
        ("gb", 1_073_741_824.0),
        ("mb", 1_048_576.0),
        ("kb", 1_024.0),
        ("t", 1_099_511_627_776.0),
        ("g", 1_073_741_824.0),
        ("m", 1_048_576.0),
        ("k", 1_024.0),
        ("b", 1.0),
    ];
    amount(&text.to_lowercase(), &UNITS)
}

/// A sum of numbers, each with its unit.
fn amount(text: &str, units: &[(&str, f64)]) -> Option<f64> {
    let mut rest = text;
    let mut sum = 0.0;
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(rest.len());
        let (number, after) = rest.split_at(digits);
        let (unit, factor) = units.iter().find(|(unit, _)| after.starts_with(unit))?;
        sum += number.parse::<f64>().ok()? * factor;
        rest = after.strip_prefix(unit)?;
    }
    (!text.is_empty()).then_some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_as_c_does() {
        let at = |seconds| moment(seconds, TimeZone::UTC, "%a %b %e %H:%M:%S %Y");
        assert_eq!(at(1_795_261_658.9), "Sat Nov 21 11:47:38 2026");
        assert_eq!(at(0.0), "Thu Jan  1 00:00:00 1970");
        let stamped = moment(1_795_261_658.25, TimeZone::UTC, "%Y%m%d-%H%M%S.%6f");
        assert_eq!(stamped, "20261121-114738.250000");
    }

    #[test]
    fn amounts_have_units() {
        for (text, want) in [
            ("2d5h", Some(190_800.0)),
            ("7200s", Some(7_200.0)),
            ("1.5m", Some(90.0)),
            ("", None),
            ("12", None),
            ("d", None),
            ("1x", None),
        ] {
            assert_eq!(age(text), want, "case `{text}`");
        }
        for (text, want) in [
            ("20G", Some(21_474_836_480.0)),
            ("1kb", Some(1_024.0)),
            ("3B", Some(3.0)),
            ("G", None),
        ] {
            assert_eq!(size(text), want, "case `{text}`");
        }
    }
}
