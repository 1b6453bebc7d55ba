//! Amounts that people write with a unit.

use std::time::Duration;

/// Bytes from `512MB`, `2GB`, `64MiB` or a plain number. `KB`, `MB` and `GB` are powers of 1024, as in Mesos.
pub(super) fn bytes(text: &str) -> Option<u64> {
    let (number, unit) = split(text)?;
    let factor: u64 = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" | "kib" => 1 << 10,
        "m" | "mb" | "mib" => 1 << 20,
        "g" | "gb" | "gib" => 1 << 30,
        _ => return None,
    };
    number.checked_mul(factor)
}

/// A time from `500ms`, `30s`, `30secs`, `2m` or `2mins`.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = split(text)?;
    match unit.to_ascii_lowercase().as_str() {
        "ms" => Some(Duration::from_millis(number)),
        "s" | "sec" | "secs" => Some(Duration::from_secs(number)),
        "m" | "min" | "mins" => number.checked_mul(60).map(Duration::from_secs),
        _ => None,
    }
}

fn split(text: &str) -> Option<(u64, &str)> {
    let text = text.trim();
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(end)?;
    Some((number.parse().ok()?, unit.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_with_their_units() {
        let cases = [
            ("512MB", Some(512 << 20)),
            ("2 GiB", Some(2 << 30)),
            ("7", Some(7)),
            ("-1MB", None),
            ("1XB", None),
            ("", None),
        ];
        for (text, want) in cases {
            assert_eq!(bytes(text), want, "case `{text}`");
        }
        let cases = [
            ("500ms", Some(500)),
            ("30secs", Some(30_000)),
            ("2m", Some(120_000)),
            ("30", None),
            ("soon", None),
        ];
        for (text, want) in cases {
            assert_eq!(
                duration(text),
                want.map(Duration::from_millis),
                "case `{text}`"
            );
        }
        assert_eq!(bytes("99999999999999999999GB"), None);
        assert_eq!(bytes("18446744073709551615GB"), None);
    }
}
