//! `Accept` and `Accept-Encoding` by libprocess' rules: the range that says most decides, whatever its
//! place and its weight, and only a weight of 0 refuses.

/// Whether an `Accept` allows a media type.
pub(super) fn media_type(accept: &str, media_type: &str) -> bool {
    let main = media_type.split('/').next().unwrap_or_default();
    allows(accept, &[media_type, &format!("{main}/*"), "*/*"])
}

/// Whether an `Accept-Encoding` allows gzip.
pub(super) fn gzip(accept: &str) -> bool {
    allows(accept, &["gzip", "*"])
}

/// Whether the first of these that the header names is allowed there.
fn allows(header: &str, candidates: &[&str]) -> bool {
    let header: String = header
        .chars()
        .filter(|c| !matches!(c, ' ' | '\t'))
        .collect();
    let find = |candidate: &&str| {
        header
            .split(',')
            .map(|range| range.split_once(';').unwrap_or((range, "")))
            .find(|(name, _)| name.eq_ignore_ascii_case(candidate))
    };
    candidates.iter().find_map(find).is_some_and(|(_, rest)| {
        rest.split(';')
            .filter_map(|parameter| parameter.strip_prefix("q="))
            .all(|weight| weight.parse::<f64>().is_ok_and(|weight| weight > 0.0))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_types_are_accepted_as_by_the_original() {
        for (accept, json, protobuf) in [
            ("", false, false),
            ("*/*", true, true),
            ("application/*", true, true),
            ("APPLICATION/JSON", true, false),
            ("application/json ; q=0", false, false),
            ("application/json;Q=0", true, false),
            ("application/json;q=0.0", false, false),
            ("application/json;q=x", false, false),
            ("application/json;v=1;q=0;w=2", false, false),
            ("*/*;q=0", false, false),
            ("application/*;q=0, application/json", true, false),
            ("application/json;q=0, */*", false, true),
            ("*/*, application/json;q=0", false, true),
            ("text/html, */*;q=0.1", true, true),
            ("application/json,", true, false),
            ("application/json text/html", false, false),
            ("*/json", false, false),
            ("*", false, false),
            ("application/", false, false),
        ] {
            let got =
                ["application/json", "application/x-protobuf"].map(|name| media_type(accept, name));
            assert_eq!(got, [json, protobuf], "case `{accept}`");
        }
    }

    #[test]
    fn gzip_is_used_for_those_who_accept_it() {
        for (accept, want) in [
            ("gzip", true),
            ("GZIP", true),
            ("deflate, gzip;q=0.5", true),
            ("gzip;q=0.001", true),
            ("*", true),
            ("*;q=0, gzip", true),
            ("gzip;v=1", true),
            ("gzip,", true),
            ("gzip;q=0", false),
            ("gzip ;q=00", false),
            ("*, gzip;q=0", false),
            ("gzip;q=0, *", false),
            ("gzip;q=x", false),
            ("gzip deflate", false),
            ("x-gzip", false),
            ("identity", false),
            ("", false),
        ] {
            assert_eq!(gzip(accept), want, "case `{accept}`");
        }
    }
}
