//! Numbers as C++ streams print them, which is how Mesos' messages show them.

/// A number with at most `digits` significant ones: plain where that is short, `1e+30` where not.
pub fn shown(value: f64, digits: usize) -> String {
    if value.is_nan() {
        return if value.is_sign_negative() {
            "-nan"
        } else {
            "nan"
        }
        .to_string();
    }
    if value.is_infinite() {
        return if value < 0.0 { "-inf" } else { "inf" }.to_string();
    }
    let digits = digits.max(1);
    let scientific = format!("{:.*e}", digits - 1, value);
    let Some((mantissa, exponent)) = scientific.split_once('e') else {
        return scientific;
    };
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if (-4..digits as i32).contains(&exponent) {
        let decimals = (digits as i32 - 1 - exponent).max(0) as usize;
        return without_zeros(&format!("{value:.decimals$}")).to_string();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!(
        "{}e{sign}{:02}",
        without_zeros(mantissa),
        exponent.unsigned_abs()
    )
}

fn without_zeros(text: &str) -> &str {
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.')
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_shown_as_streams_show_them() {
        for (value, digits, want) in [
            (0.0, 6, "0"),
            (1.0, 6, "1"),
            (-1.0, 6, "-1"),
            (0.1, 15, "0.1"),
            (1234.5678, 6, "1234.57"),
            (1e30, 6, "1e+30"),
            (1_000_000.0, 6, "1e+06"),
            (123_456.0, 6, "123456"),
            (0.000_01, 6, "1e-05"),
            (-9_223_372_036_854_775.808, 15, "-9.22337203685478e+15"),
            (f64::INFINITY, 6, "inf"),
            (f64::NAN, 6, "nan"),
        ] {
            assert_eq!(shown(value, digits), want);
        }
    }
}
