//! JSON laid out as Python's `json.dumps` does by default: `", "` and `": "`, all ASCII.

use std::io::{self, Write};

use serde_json::Value;
use serde_json::ser::{Formatter, Serializer};

struct Python;

impl Formatter for Python {
    fn begin_array_value<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        if first {
            Ok(())
        } else {
            writer.write_all(b", ")
        }
    }

    fn begin_object_key<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        if first {
            Ok(())
        } else {
            writer.write_all(b", ")
        }
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }

    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut units = [0; 2];
        for c in fragment.chars() {
            if c.is_ascii() && c != '\u{7f}' {
                write!(writer, "{c}")?;
            } else {
                for unit in c.encode_utf16(&mut units) {
                    write!(writer, "\\u{unit:04x}")?;
                }
            }
        }
        Ok(())
    }
}

/// Writes a value as Python does.
pub fn to_python_json(value: &Value) -> String {
    let mut bytes = Vec::new();
    let mut out = Serializer::with_formatter(&mut bytes, Python);
    // Writing a value into memory fails at nothing; an empty text is the honest rest.
    match serde::Serialize::serialize(value, &mut out) {
        Ok(()) => String::from_utf8(bytes).unwrap_or_default(),
        Err(_) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_look_as_python_prints_them() {
        let cases = [
            (
                r#"{"a":[1,2.0,true,null],"b":{}}"#,
                r#"{"a": [1, 2.0, true, null], "b": {}}"#,
            ),
            (
                r#"["é","😀","\"\n"]"#,
                r#"["\u00e9", "\ud83d\ude00", "\"\n"]"#,
            ),
            ("[]", "[]"),
        ];
        for (text, want) in cases {
            let value: Value = serde_json::from_str(text).unwrap();
            assert_eq!(to_python_json(&value), want);
        }
    }
}
