//! Sets of whole numbers as sorted ranges, such as ports.

use mesos_proto::mesos::value::{Range, Ranges};

/// Adds all numbers of `other`.
pub(super) fn add(ranges: &mut Ranges, other: &Ranges) {
    ranges.range.extend(other.range.iter().cloned());
    tidy(ranges);
}

/// Takes the numbers of `other` away; says whether all of them were there.
pub(super) fn subtract(ranges: &mut Ranges, other: &Ranges) -> bool {
    let mut whole = true;
    for gone in &other.range {
        let (begin, end) = (gone.begin(), gone.end());
        let mut found: u128 = 0;
        let mut rest = Vec::with_capacity(ranges.range.len() + 1);
        for range in &ranges.range {
            let low = range.begin().max(begin);
            let high = range.end().min(end);
            if low > high {
                rest.push(range.clone());
                continue;
            }
            found += u128::from(high - low) + 1;
            if range.begin() < low {
                rest.push(new(range.begin(), low - 1));
            }
            if range.end() > high {
                rest.push(new(high + 1, range.end()));
            }
        }
        whole &= found == u128::from(end.saturating_sub(begin)) + 1;
        ranges.range = rest;
    }
    whole
}

/// Sorts ranges and joins those that touch.
pub(super) fn tidy(ranges: &mut Ranges) {
    ranges
        .range
        .sort_by_key(|range| (range.begin(), range.end()));
    let mut joined: Vec<Range> = Vec::with_capacity(ranges.range.len());
    for range in ranges.range.drain(..) {
        match joined.last_mut() {
            Some(last) if range.begin() <= last.end().saturating_add(1) => {
                let end = last.end().max(range.end());
                last.set_end(end);
            }
            _ => joined.push(range),
        }
    }
    ranges.range = joined;
}

/// Reads `[1-5, 7-9]`; `None` if the text is not that.
pub fn parse_ranges(text: &str) -> Option<Ranges> {
    let inner = text.trim().strip_prefix('[')?.strip_suffix(']')?;
    let mut ranges = Ranges::new();
    for part in inner
        .split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
    {
        let (begin, end) = part.split_once('-')?;
        let (begin, end) = (begin.trim().parse().ok()?, end.trim().parse().ok()?);
        if begin > end {
            return None;
        }
        ranges.range.push(new(begin, end));
    }
    tidy(&mut ranges);
    Some(ranges)
}

/// Writes `[1-5, 7-9]`.
pub fn format_ranges(ranges: &Ranges) -> String {
    let parts: Vec<String> = ranges
        .range
        .iter()
        .map(|range| format!("{}-{}", range.begin(), range.end()))
        .collect();
    format!("[{}]", parts.join(", "))
}

fn new(begin: u64, end: u64) -> Range {
    let mut range = Range::new();
    range.set_begin(begin);
    range.set_end(end);
    range
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_cut_and_joined() {
        let cases = [
            ("[1-10]", "[3-4]", "[1-2, 5-10]", true),
            ("[1-10]", "[1-10]", "[]", true),
            ("[1-10]", "[5-15]", "[1-4]", false),
            ("[1-2, 5-6]", "[2-5]", "[1-1, 6-6]", false),
            (
                "[0-18446744073709551615]",
                "[18446744073709551615-18446744073709551615]",
                "[0-18446744073709551614]",
                true,
            ),
        ];
        for (have, gone, want, whole) in cases {
            let mut ranges = parse_ranges(have).expect(have);
            assert_eq!(
                subtract(&mut ranges, &parse_ranges(gone).expect(gone)),
                whole,
                "{have} {gone}"
            );
            assert_eq!(format_ranges(&ranges), want);
        }
        assert_eq!(
            parse_ranges("[7-9,1-5, 6-6]")
                .map(|r| format_ranges(&r))
                .as_deref(),
            Some("[1-9]")
        );
        for bad in ["", "1-2", "[1]", "[2-1]", "[a-b]", "[1-2"] {
            assert!(parse_ranges(bad).is_none(), "case `{bad}`");
        }
    }
}
