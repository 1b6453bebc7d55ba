//! Queries of URLs: pairs between `&` or `;`, percent-decoded, `+` for a space; the last of equal
//! keys wins.

use std::collections::BTreeMap;

use hyper::StatusCode;
use thiserror::Error;

use super::Response;

/// A decoded query.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query(BTreeMap<String, String>);

impl Query {
    /// Reads a URL's query; `None` if an escape in it is malformed, or makes no UTF-8.
    pub fn parse(text: &str) -> Option<Self> {
        Self::read(text, |part| percent_decode(part).ok_or(())).ok()
    }

    fn read<E>(text: &str, decode: impl Fn(&str) -> Result<String, E>) -> Result<Self, E> {
        let mut pairs = BTreeMap::new();
        for part in text.split(['&', ';']).filter(|part| !part.is_empty()) {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            let decode = |text: &str| decode(&text.replace('+', " "));
            pairs.insert(decode(key)?, decode(value)?);
        }
        Ok(Self(pairs))
    }

    /// Reads a form, whose encoding is that of a query; the error is the answer to give.
    pub fn parse_form(body: &[u8]) -> Result<Self, Response> {
        Self::read(&String::from_utf8_lossy(body), decode).map_err(|error| {
            let text = format!("Unable to decode query string: {error}");
            Response::text(StatusCode::BAD_REQUEST, text)
        })
    }

    /// A value by its key; empty for a key that stands alone.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }
}

/// An escape that is cut off, or not hexadecimal.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("Malformed % escape in '{text}': '{escape}'")]
struct MalformedEscape {
    text: String,
    escape: String,
}

/// Decodes `%41`; `None` if an escape is malformed, or makes no UTF-8.
pub fn percent_decode(text: &str) -> Option<String> {
    String::from_utf8(bytes_of(text).ok()?).ok()
}

/// Decodes `%41`; what is no UTF-8 is replaced.
fn decode(text: &str) -> Result<String, MalformedEscape> {
    let decoded = bytes_of(text).map_err(|at| MalformedEscape {
        text: text.to_string(),
        escape: text[at..].chars().take(3).collect(),
    })?;
    Ok(String::from_utf8_lossy(&decoded).into_owned())
}

/// The decoded bytes, or where the escape is that cannot be decoded.
fn bytes_of(text: &str) -> Result<Vec<u8>, usize> {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        if *byte != b'%' {
            decoded.push(*byte);
            at += 1;
            continue;
        }
        let digit = |offset: usize| char::from(*bytes.get(at + offset)?).to_digit(16);
        let (Some(high), Some(low)) = (digit(1), digit(2)) else {
            return Err(at);
        };
        decoded.push((high * 16 + low) as u8);
        at += 3;
    }
    Ok(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_decoded() {
        let query = Query::parse("a=1&b=x+y%21;c&a=2&").unwrap();
        assert_eq!(query.get("a"), Some("2"));
        assert_eq!(query.get("b"), Some("x y!"));
        assert_eq!(query.get("c"), Some(""));
        assert_eq!(query.get("d"), None);
        for bad in ["a=%", "a=%4", "a=%zz", "a=%ff"] {
            assert_eq!(Query::parse(bad), None, "case `{bad}`");
        }
    }

    #[test]
    fn forms_say_what_is_malformed() {
        let form = Query::read("d=%ff", decode).unwrap();
        assert_eq!(form.get("d"), Some("\u{fffd}"));
        for (bad, want) in [
            ("a=%", "Malformed % escape in '%': '%'"),
            ("a=b%4", "Malformed % escape in 'b%4': '%4'"),
            ("a%zzb=5", "Malformed % escape in 'a%zzb': '%zz'"),
            ("%=x", "Malformed % escape in '%': '%'"),
            (
                "x=%1\u{e9}%",
                "Malformed % escape in '%1\u{e9}%': '%1\u{e9}'",
            ),
        ] {
            let error = Query::read(bad, decode).expect_err(bad).to_string();
            assert_eq!(error, want, "case `{bad}`");
        }
    }
}
