//! JSON text as the original reads it: somewhat loosely, and with errors that show where they are. What is
//! proper JSON goes through `serde_json` alone; only the rest is read here.

use serde_json::{Map, Number, Value};

/// How deep lists and objects may stand in one another.
const MAX_DEPTH: usize = 500;

/// Reads a JSON text; the error has the original's words: `syntax error at line 1 near: }`.
pub fn parse(text: &[u8]) -> Result<Value, String> {
    // A number alone is left to the reader below: what follows it is judged differently there.
    match serde_json::from_slice::<Value>(text) {
        Ok(value) if !value.is_number() => return Ok(value),
        _ => {}
    }
    let mut reader = Reader {
        text,
        at: 0,
        is_out_of_range: false,
    };
    let Some(value) = reader.value(MAX_DEPTH) else {
        return Err(match reader.is_out_of_range {
            true => "Value out of range".to_string(),
            false => reader.error(),
        });
    };
    // Behind a number, the original has looked at one more character, which counts as read.
    let read = match value {
        Value::Number(_) => (reader.at + 1).min(text.len()),
        _ => reader.at,
    };
    let end = text.trim_ascii_end().len();
    if read == end {
        return Ok(value);
    }
    let rest = String::from_utf8_lossy(text.get(read..end).unwrap_or_default());
    Err(format!(
        "Parsed JSON included non-whitespace trailing characters: {rest}"
    ))
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
    is_out_of_range: bool,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    /// Steps over this byte, if it is the next one.
    fn take(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Steps over white space and this byte.
    fn expect(&mut self, byte: u8) -> Option<()> {
        self.skip_space();
        self.take(byte)
    }

    /// Where reading ended, and what is there up to the end of the line.
    fn error(&self) -> String {
        let (mut before, rest) = self.text.split_at(self.at);
        // The original begins a line when it reads the first character of it.
        if rest.is_empty() {
            before = before.strip_suffix(b"\n").unwrap_or(before);
        }
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        let near = rest.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let near: Vec<u8> = near.iter().copied().filter(|byte| *byte >= b' ').collect();
        let near = String::from_utf8_lossy(&near);
        format!("syntax error at line {line} near: {near}")
    }

    fn value(&mut self, depth: usize) -> Option<Value> {
        self.skip_space();
        match self.peek()? {
            b'n' => self.word("null", Value::Null),
            b't' => self.word("true", Value::Bool(true)),
            b'f' => self.word("false", Value::Bool(false)),
            b'"' => self.string().map(Value::String),
            b'[' => self.list(depth.checked_sub(1)?),
            b'{' => self.object(depth.checked_sub(1)?),
            b'-' | b'0'..=b'9' => self.number(),
            _ => None,
        }
    }

    fn word(&mut self, word: &str, value: Value) -> Option<Value> {
        word.bytes().try_for_each(|byte| self.take(byte))?;
        Some(value)
    }

    fn list(&mut self, depth: usize) -> Option<Value> {
        self.at += 1;
        let mut items = Vec::new();
        if self.expect(b']').is_some() {
            return Some(Value::Array(items));
        }
        loop {
            items.push(self.value(depth)?);
            if self.expect(b',').is_none() {
                break;
            }
        }
        self.expect(b']')?;
        Some(Value::Array(items))
    }

    fn object(&mut self, depth: usize) -> Option<Value> {
        self.at += 1;
        let mut fields = Map::new();
        if self.expect(b'}').is_some() {
            return Some(Value::Object(fields));
        }
        loop {
            self.skip_space();
            if self.peek()? != b'"' {
                return None;
            }
            let name = self.string()?;
            self.expect(b':')?;
            let value = self.value(depth)?;
            fields.insert(name, value);
            if self.expect(b',').is_none() {
                break;
            }
        }
        self.expect(b'}')?;
        Some(Value::Object(fields))
    }

    /// Digits, points, signs and exponents in any order, as long as they make a number in the end.
    fn number(&mut self) -> Option<Value> {
        let start = self.at;
        while matches!(
            self.peek(),
            Some(b'0'..=b'9' | b'+' | b'-' | b'e' | b'E' | b'.')
        ) {
            self.at += 1;
        }
        let text = std::str::from_utf8(&self.text[start..self.at]).ok()?;
        if let Ok(whole) = text.parse::<i64>() {
            return Some(whole.into());
        }
        let number: f64 = text.parse().ok()?;
        self.is_out_of_range = number.is_infinite();
        Number::from_f64(number).map(Value::Number)
    }

    fn string(&mut self) -> Option<String> {
        self.at += 1;
        let mut bytes = Vec::new();
        loop {
            match self.peek()? {
                b'"' => break,
                b'\\' => {
                    self.at += 1;
                    self.escape(&mut bytes)?;
                }
                // What has no place in a string stays to be seen in the error.
                0..b' ' => return None,
                byte => {
                    self.at += 1;
                    bytes.push(byte);
                }
            }
        }
        self.at += 1;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn escape(&mut self, bytes: &mut Vec<u8>) -> Option<()> {
        let kind = self.peek()?;
        self.at += 1;
        bytes.push(match kind {
            b'"' | b'\\' | b'/' => kind,
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => {
                let letter = self.code_point()?;
                bytes.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
                return Some(());
            }
            _ => return None,
        });
        Some(())
    }

    /// What follows `\u`; of a pair of surrogates, both.
    fn code_point(&mut self) -> Option<char> {
        let first = self.four_digits()?;
        if !(0xd800..0xdc00).contains(&first) {
            return char::from_u32(first);
        }
        self.take(b'\\')?;
        self.take(b'u')?;
        let second = self.four_digits()?;
        let low = second.checked_sub(0xdc00).filter(|low| *low < 0x400)?;
        char::from_u32(0x10000 + ((first - 0xd800) << 10) + low)
    }

    fn four_digits(&mut self) -> Option<u32> {
        (0..4).try_fold(0, |number, _| {
            let digit = char::from(self.peek()?).to_digit(16)?;
            self.at += 1;
            Some(number * 16 + digit)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Mesos 1.11 says to these texts, a line each: the text and the error, both as JSON.
    const RECORDED: &str = include_str!("../../tests/data/json-errors.jsonl");

    #[test]
    fn errors_are_those_of_the_original() {
        let mut count = 0;
        for line in RECORDED.lines() {
            let (text, want): (String, String) = serde_json::from_str(line).expect(line);
            assert_eq!(parse(text.as_bytes()), Err(want), "case `{text}`");
            count += 1;
        }
        assert!(count > 60);
    }

    #[test]
    fn loose_texts_are_read_as_the_original_does() {
        for (text, want) in [
            (r#"{"a":01}"#, r#"{"a":1}"#),
            (r#"{"a":5.}"#, r#"{"a":5.0}"#),
            (r#"{"a":[],"b":{},"c":-0}x"#, ""),
            ("12x", "12"),
            ("[]\n ", "[]"),
            ("\"\\ud83d\\ude00\\u00e9\" ", "\"😀é\""),
            ("00", "0"),
        ] {
            match parse(text.as_bytes()) {
                Ok(value) => assert_eq!(value.to_string(), want, "case `{text}`"),
                Err(error) => assert_eq!("", want, "case `{text}`: {error}"),
            }
        }
        assert_eq!(parse(b"\"\xff\""), Ok(Value::String("\u{fffd}".into())));
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |depth| "[".repeat(depth) + &"]".repeat(depth);
        assert!(parse(nested(MAX_DEPTH).as_bytes()).is_ok());
        assert!(parse(nested(MAX_DEPTH + 1).as_bytes()).is_err());
        assert!(parse("[".repeat(1 << 20).as_bytes()).is_err());
    }
}
