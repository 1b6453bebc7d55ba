//! Times as the pages show them.

/// Year, month, day, hour, minute and second in UTC of a time in milliseconds since the epoch.
fn civil(ms: i64) -> (i64, i64, i64, i64, i64, i64) {
    let seconds = ms.div_euclid(1000);
    let (days, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // Days since 0000-03-01, in eras of 400 years.
    let z = days + 719_468;
    let (era, doe) = (z.div_euclid(146_097), z.rem_euclid(146_097));
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let day = doy - (153 * mp + 2) / 5 + 1;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    let year = yoe + era * 400 + i64::from(month <= 2);
    (year, month, day, rest / 3600, rest / 60 % 60, rest % 60)
}

/// `11/21 13:05:09 UTC`
pub(super) fn stamp(ms: i64) -> String {
    let (_, month, day, hour, minute, second) = civil(ms);
    format!("{month:02}/{day:02} {hour:02}:{minute:02}:{second:02} UTC")
}

/// `November 21st 2026, 2:05:09 pm UTC`; `None` if no calendar has such a time.
pub(super) fn long(ms: i64) -> Option<String> {
    let at = jiff::Timestamp::from_millisecond(ms).ok()?;
    let at = at.to_zoned(jiff::tz::TimeZone::UTC);
    let suffix = match at.day() {
        1 | 21 | 31 => "st",
        2 | 22 => "nd",
        3 | 23 => "rd",
        _ => "th",
    };
    let (month, time) = (at.strftime("%B"), at.strftime("%Y, %-I:%M:%S %P UTC"));
    Some(format!("{month} {}{suffix} {time}", at.day()))
}

/// `3 minutes ago`
pub(super) fn ago(ms: i64, now: i64) -> String {
    match span(now.saturating_sub(ms)) {
        span if span.is_empty() => "just now".to_string(),
        span => format!("{span} ago"),
    }
}

/// `3 minutes`; empty if it is less than a second.
pub(super) fn span(ms: i64) -> String {
    let seconds = ms.max(0) / 1000;
    let (amount, unit) = match seconds {
        0 => return String::new(),
        1..60 => (seconds, "second"),
        60..3600 => (seconds / 60, "minute"),
        3600..86_400 => (seconds / 3600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    format!("{amount} {unit}{}", if amount == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_shown_in_utc() {
        assert_eq!(stamp(0), "01/01 00:00:00 UTC");
        assert_eq!(stamp(1_582_286_400_000), "02/21 12:00:00 UTC");
        assert_eq!(stamp(951_782_399_000), "02/28 23:59:59 UTC");
        assert_eq!(stamp(951_782_400_000), "02/29 00:00:00 UTC");
    }

    #[test]
    fn a_long_time_names_its_month_and_day() {
        let shown = |ms| long(ms).unwrap();
        assert_eq!(shown(0), "January 1st 1970, 12:00:00 am UTC");
        assert_eq!(
            shown(1_582_296_309_000),
            "February 21st 2020, 2:45:09 pm UTC"
        );
    }

    #[test]
    fn spans_are_shown_in_their_largest_unit() {
        assert_eq!(ago(0, 500), "just now");
        assert_eq!(ago(0, 1_000), "1 second ago");
        assert_eq!(ago(0, 150_000), "2 minutes ago");
        assert_eq!(span(90_000_000), "1 day");
    }
}
