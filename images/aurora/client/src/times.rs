//! Moments as the client prints them.

use jiff::Timestamp;
use jiff::tz::TimeZone;

fn format(milliseconds: i64, zone: TimeZone, pattern: &str) -> String {
    let moment = Timestamp::from_second(milliseconds.div_euclid(1000)).unwrap_or_default();
    moment.to_zoned(zone).strftime(pattern).to_string()
}

/// This moment, in milliseconds since the epoch.
pub fn now() -> i64 {
    Timestamp::now().as_millisecond()
}

/// `YYYY-MM-DD HH:MM:SS` in the local time zone.
pub fn local(milliseconds: i64) -> String {
    format(milliseconds, TimeZone::system(), "%Y-%m-%d %H:%M:%S")
}

/// `YYYY-MM-DDTHH:MM:SS` in UTC.
pub fn utc(milliseconds: i64) -> String {
    format(milliseconds, TimeZone::UTC, "%Y-%m-%dT%H:%M:%S")
}

#[cfg(test)]
mod tests {
    #[test]
    fn utc_drops_milliseconds() {
        assert_eq!(super::utc(1_795_260_280_999), "2026-11-21T11:24:40");
        assert_eq!(super::utc(-1), "1969-12-31T23:59:59");
    }
}
