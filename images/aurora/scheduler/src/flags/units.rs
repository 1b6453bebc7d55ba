//! Times and amounts of data, as the original's flags spell them.

use std::time::Duration;

/// A century: no longer time is meant, and sums of times fit everywhere.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 86_400);

fn split(text: &str) -> Option<(f64, &str)> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, unit) = text.split_at(end);
    Some((number.parse().ok()?, unit.trim()))
}

/// A time such as `5secs` or `1days`.
pub(super) fn time(text: &str) -> Option<Duration> {
    let (number, unit) = split(text)?;
    let seconds = match unit {
        "ns" => 1e-9,
        "us" => 1e-6,
        "ms" => 1e-3,
        "secs" | "sec" | "s" => 1.0,
        "mins" | "min" => 60.0,
        "hrs" | "hr" => 3600.0,
        "days" | "day" => 86_400.0,
        _ => return None,
    };
    Duration::try_from_secs_f64(number * seconds)
        .ok()
        .filter(|time| *time < LONGEST)
}

/// An amount of data such as `128MB`, in bytes.
pub(super) fn data(text: &str) -> Option<u64> {
    let (number, unit) = split(text)?;
    let factor: f64 = match unit.to_ascii_uppercase().as_str() {
        "B" => 1.0,
        "KB" => 1024.0,
        "MB" => 1024.0 * 1024.0,
        "GB" => 1024.0 * 1024.0 * 1024.0,
        "TB" => 1024.0 * 1024.0 * 1024.0 * 1024.0,
        _ => return None,
    };
    let bytes = number * factor;
    // Above this a double no longer counts single bytes.
    (bytes < 9e15).then_some(bytes as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_read() {
        assert_eq!(time("1mins"), Some(Duration::from_secs(60)));
        assert_eq!(time("0.5secs"), Some(Duration::from_millis(500)));
        assert_eq!(time("0secs"), Some(Duration::ZERO));
        assert_eq!(time("21days"), Some(Duration::from_secs(21 * 86_400)));
        for bad in ["", "5", "secs", "-1secs", "5 weeks", "1e99days"] {
            assert_eq!(time(bad), None, "`{bad}`");
        }
        assert_eq!(data("128MB"), Some(128 << 20));
        assert_eq!(data("512KB"), Some(512 << 10));
        for bad in ["", "5", "MB", "1XB", "99999999TB"] {
            assert_eq!(data(bad), None, "`{bad}`");
        }
    }
}
