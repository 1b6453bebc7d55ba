//! Thrift's encodings over byte slices, and which one an HTTP request means.

mod tjson_read;
mod tjson_write;

use thrift::TConfiguration;
use thrift::protocol::{
    TBinaryInputProtocol, TBinaryOutputProtocol, TInputProtocol, TOutputProtocol,
};

use crate::value::{Value, invalid};

pub use tjson_read::JsonReader;
pub use tjson_write::JsonWriter;

/// The media type of TBINARY, in `Content-Type` and `Accept`.
pub const BINARY_MEDIA_TYPE: &str = "application/vnd.apache.thrift.binary";
/// The media type of TJSON, in answers.
pub const JSON_MEDIA_TYPE: &str = "application/vnd.apache.thrift.json";

/// Requests of these media types are TJSON. They are compared as a whole, parameters included.
const JSON_REQUEST_TYPES: &[&str] = &[
    "application/x-thrift",
    "application/json",
    JSON_MEDIA_TYPE,
    "application/vnd.apache.thrift.json; charset=utf-8",
];

/// Deepest nesting of structs and containers that is read.
const MAX_DEPTH: usize = 64;

/// An encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// `TBinaryProtocol`: strict and old-style messages are read, strict ones written.
    Binary,
    /// `TJSONProtocol`: structs as objects keyed by field numbers.
    Json,
}

impl Protocol {
    /// The encoding of a request with this `Content-Type`; `None` is one the scheduler answers with
    /// 415 and the body of [`unsupported_content_type`].
    pub fn of_request(content_type: Option<&str>) -> Option<Self> {
        let Some(content_type) = content_type else {
            return Some(Self::Json);
        };
        let normal = normalized(content_type);
        if normal == BINARY_MEDIA_TYPE {
            Some(Self::Binary)
        } else {
            JSON_REQUEST_TYPES
                .contains(&normal.as_str())
                .then_some(Self::Json)
        }
    }

    /// The encoding of the answer to a request with this `Accept`: TJSON unless it asks for TBINARY
    /// and nothing else.
    pub fn of_answer(accept: Option<&str>) -> Self {
        match accept.map(normalized) {
            Some(normal) if normal == BINARY_MEDIA_TYPE => Self::Binary,
            _ => Self::Json,
        }
    }

    /// The `Content-Type` of an answer in this encoding.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Binary => BINARY_MEDIA_TYPE,
            Self::Json => JSON_MEDIA_TYPE,
        }
    }

    /// Runs `read` on `bytes`, which must be used up by it.
    pub fn reading<T>(
        self,
        bytes: &[u8],
        read: impl FnOnce(&mut dyn TInputProtocol) -> thrift::Result<T>,
    ) -> thrift::Result<T> {
        match self {
            Self::Binary => {
                let mut rest = bytes;
                let value = read(&mut TBinaryInputProtocol::with_config(
                    &mut rest,
                    false,
                    bounds(bytes.len())?,
                ))?;
                if !rest.is_empty() {
                    return Err(invalid(format!("{} bytes follow the value", rest.len())));
                }
                Ok(value)
            }
            Self::Json => {
                let mut reader = JsonReader::new(bytes)?;
                let value = read(&mut reader)?;
                reader.finish()?;
                Ok(value)
            }
        }
    }

    /// Collects what `write` writes.
    pub fn writing(
        self,
        write: impl FnOnce(&mut dyn TOutputProtocol) -> thrift::Result<()>,
    ) -> thrift::Result<Vec<u8>> {
        match self {
            Self::Binary => {
                let mut bytes = Vec::new();
                write(&mut TBinaryOutputProtocol::new(&mut bytes, true))?;
                Ok(bytes)
            }
            Self::Json => {
                let mut writer = JsonWriter::new();
                write(&mut writer)?;
                Ok(writer.into_bytes())
            }
        }
    }

    /// A lone value (no message around it) from bytes.
    pub fn decode<T: Value>(self, bytes: &[u8]) -> thrift::Result<T> {
        self.reading(bytes, |input| {
            T::read(input)?.ok_or_else(|| invalid("the value is of no known kind".to_owned()))
        })
    }

    /// A lone value (no message around it) as bytes.
    pub fn encode<T: Value>(self, value: &T) -> thrift::Result<Vec<u8>> {
        self.writing(|output| value.write(output))
    }
}

/// What the scheduler says, with HTTP status 415, to a request whose `Content-Type` it cannot read.
pub fn unsupported_content_type(content_type: &str) -> String {
    format!("Unsupported Content-Type: {content_type}")
}

/// Nothing in a message can be longer than the message.
fn bounds(length: usize) -> thrift::Result<TConfiguration> {
    TConfiguration::builder()
        .max_message_size(Some(length))
        .max_frame_size(None)
        .max_string_size(Some(length))
        .max_container_size(Some(length))
        .max_recursion_depth(Some(MAX_DEPTH))
        .build()
}

/// Case and the blanks around `;` and `=` mean nothing in a media type.
fn normalized(media_type: &str) -> String {
    let mut parts = media_type
        .split(';')
        .map(|part| part.trim().to_ascii_lowercase());
    let mut normal = parts.next().unwrap_or_default();
    for part in parts {
        normal.push_str("; ");
        normal.push_str(&part);
    }
    normal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_without_content_type_is_tjson() {
        assert_eq!(Protocol::of_request(None), Some(Protocol::Json));
    }

    #[test]
    fn request_media_types_are_compared_whole() {
        for (content_type, expected) in [
            ("application/x-thrift", Some(Protocol::Json)),
            ("application/json", Some(Protocol::Json)),
            ("application/vnd.apache.thrift.json", Some(Protocol::Json)),
            (
                "application/vnd.apache.thrift.json; charset=utf-8",
                Some(Protocol::Json),
            ),
            (
                "application/vnd.apache.thrift.json;charset=UTF-8",
                Some(Protocol::Json),
            ),
            (
                "application/vnd.apache.thrift.binary",
                Some(Protocol::Binary),
            ),
            ("application/json; charset=utf-8", None),
            ("text/plain", None),
            ("", None),
        ] {
            assert_eq!(
                Protocol::of_request(Some(content_type)),
                expected,
                "{content_type}"
            );
        }
    }

    #[test]
    fn only_a_lone_binary_accept_gets_tbinary() {
        for (accept, expected) in [
            (None, Protocol::Json),
            (
                Some("application/vnd.apache.thrift.binary"),
                Protocol::Binary,
            ),
            (
                Some("application/vnd.apache.thrift.binary, */*"),
                Protocol::Json,
            ),
            (Some("*/*"), Protocol::Json),
            (Some("no such"), Protocol::Json),
        ] {
            assert_eq!(Protocol::of_answer(accept), expected, "{accept:?}");
        }
    }
}
