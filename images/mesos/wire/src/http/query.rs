//! Queries of URLs: pairs between `&` or `;`, percent-decoded, `+` for a space; the last of equal
//! keys wins.

use std::collections::BTreeMap;

/// A decoded query.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query(BTreeMap<String, String>);

impl Query {
    /// Reads a query; `None` if an escape in it is malformed.
    pub fn parse(text: &str) -> Option<Self> {
        let mut pairs = BTreeMap::new();
        for part in text.split(['&', ';']).filter(|part| !part.is_empty()) {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            let decode = |text: &str| percent_decode(&text.replace('+', " "));
            pairs.insert(decode(key)?, decode(value)?);
        }
        Some(Self(pairs))
    }

    /// A value by its key; empty for a key that stands alone.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }
}

/// Decodes `%41`; `None` if an escape is cut off, not hexadecimal, or makes no UTF-8.
pub fn percent_decode(text: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let digit = |b: u8| char::from(b).to_digit(16);
        let high = digit(bytes.next()?)?;
        let low = digit(bytes.next()?)?;
        decoded.push(u8::try_from(high * 16 + low).ok()?);
    }
    String::from_utf8(decoded).ok()
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
}
