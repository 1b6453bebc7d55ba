//! Small matters of text: dates, links, escapes.

/// A date in GMT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Date {
    pub(crate) year: i64,
    pub(crate) month: usize,
    pub(crate) day: i64,
    pub(crate) hour: i64,
    pub(crate) minute: i64,
    pub(crate) second: i64,
}

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

impl Date {
    /// The date so many seconds after 1970 began. By days from March on, so that the leap day is a
    /// year's last.
    pub(crate) fn at(seconds: i64) -> Self {
        let (days, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
        let days = days + 719_468;
        let era = days.div_euclid(146_097);
        let day_of_era = days.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted = (5 * day_of_year + 2) / 153;
        let month = if shifted < 10 {
            shifted + 3
        } else {
            shifted - 9
        };
        Self {
            year: year_of_era + era * 400 + i64::from(month <= 2),
            month: usize::try_from(month).unwrap_or(1),
            day: day_of_year - (153 * shifted + 2) / 5 + 1,
            hour: rest / 3600,
            minute: rest / 60 % 60,
            second: rest % 60,
        }
    }
}

/// `MM/DD HH:MM:SS`, as the original's pages show times.
pub(crate) fn page_time(seconds: i64) -> String {
    let Date {
        month,
        day,
        hour,
        minute,
        second,
        ..
    } = Date::at(seconds);
    format!("{month:02}/{day:02} {hour:02}:{minute:02}:{second:02}")
}

/// A time as `ls -l` shows it: with the hour where it is less than half a year ago, else with the
/// year.
pub(crate) fn list_time(seconds: i64, now: i64) -> String {
    let Date {
        year,
        month,
        day,
        hour,
        minute,
        ..
    } = Date::at(seconds);
    let name = MONTHS
        .get(month.saturating_sub(1))
        .copied()
        .unwrap_or("???");
    if (0..=183 * 86_400).contains(&(now - seconds)) {
        format!("{name} {day:2} {hour:02}:{minute:02}")
    } else {
        format!("{name} {day:2} {year:5}")
    }
}

/// A part of a path, fit for a link. Slashes stay.
pub(crate) fn link(text: &str) -> String {
    let mut link = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~/".contains(&byte) {
            link.push(char::from(byte));
        } else {
            link.push_str(&format!("%{byte:02X}"));
        }
    }
    link
}

/// Text with the three characters replaced that HTML elements cannot hold.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_right_around_leap_days() {
        let cases = [
            (0, "01/01 00:00:00", 1970),
            (951_782_399, "02/28 23:59:59", 2000),
            (951_782_400, "02/29 00:00:00", 2000),
            (951_868_800, "03/01 00:00:00", 2000),
            (1_795_263_230, "11/21 12:13:50", 2026),
            (4_107_542_399, "02/28 23:59:59", 2100),
            (4_107_542_400, "03/01 00:00:00", 2100),
            (-1, "12/31 23:59:59", 1969),
        ];
        for (seconds, want, year) in cases {
            assert_eq!(
                (page_time(seconds).as_str(), Date::at(seconds).year),
                (want, year),
                "case {seconds}"
            );
        }
    }

    #[test]
    fn lists_show_the_hour_of_new_files_and_the_year_of_old_ones() {
        let now = 1_795_263_230;
        assert_eq!(list_time(now, now), "Nov 21 12:13");
        assert_eq!(list_time(0, now), "Jan  1  1970");
        assert_eq!(list_time(now + 86_400, now), "Nov 22  2026");
    }

    #[test]
    fn nothing_in_a_name_breaks_out_of_a_link() {
        assert_eq!(link("a b/\"<>&?#ü"), "a%20b/%22%3C%3E%26%3F%23%C3%BC");
        assert_eq!(escape("<a href=\"x\">&"), "&lt;a href=\"x\"&gt;&amp;");
    }
}
