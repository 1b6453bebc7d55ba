//! Reads Thrift's JSON encoding (see `tjson_write`). The text is parsed as a whole first, which
//! bounds depth (128 levels) and makes declared sizes checkable before anything is built from them.

use base64::Engine as _;
use serde_json::{Map, Value as Json};
use thrift::protocol::{
    TFieldIdentifier, TInputProtocol, TListIdentifier, TMapIdentifier, TMessageIdentifier,
    TMessageType, TSetIdentifier, TStructIdentifier, TType,
};

use super::tjson_write::VERSION;
use crate::value::{invalid, wire_size};

/// Where reading is.
enum Frame {
    /// In an array: what is left of it.
    Array(std::vec::IntoIter<Json>),
    /// In a struct: its fields to come, and the value of the field begun.
    Struct {
        fields: serde_json::map::IntoIter,
        value: Option<Json>,
    },
    /// In a map: its entries to come, and the value that belongs to the key just read.
    Map {
        entries: serde_json::map::IntoIter,
        value: Option<Json>,
    },
}

/// An input protocol over JSON text.
pub struct JsonReader {
    /// The document, until reading begins.
    root: Option<Json>,
    frames: Vec<Frame>,
}

fn shape(expected: &str) -> thrift::Error {
    invalid(format!("expected {expected}"))
}

impl JsonReader {
    /// A reader of one JSON document, with nothing but blanks after it.
    pub fn new(text: &[u8]) -> thrift::Result<Self> {
        let root = serde_json::from_slice(text).map_err(|e| invalid(e.to_string()))?;
        Ok(Self {
            root: Some(root),
            frames: Vec::new(),
        })
    }

    /// Fails if something is left unread.
    pub fn finish(self) -> thrift::Result<()> {
        if self.root.is_some() || !self.frames.is_empty() {
            return Err(invalid("the document holds more than one value".to_owned()));
        }
        Ok(())
    }

    fn next(&mut self) -> thrift::Result<Json> {
        let next = match self.frames.last_mut() {
            None => self.root.take(),
            Some(Frame::Array(items)) => items.next(),
            Some(Frame::Struct { value, .. }) => value.take(),
            Some(Frame::Map { entries, value }) => value.take().or_else(|| {
                let (key, mapped) = entries.next()?;
                *value = Some(mapped);
                Some(Json::String(key))
            }),
        };
        next.ok_or_else(|| shape("another value"))
    }

    fn next_array(&mut self) -> thrift::Result<std::vec::IntoIter<Json>> {
        match self.next()? {
            Json::Array(items) => Ok(items.into_iter()),
            _ => Err(shape("an array")),
        }
    }

    fn next_object(&mut self) -> thrift::Result<Map<String, Json>> {
        match self.next()? {
            Json::Object(object) => Ok(object),
            _ => Err(shape("an object")),
        }
    }

    /// A whole number, quoted where it is a map's key.
    fn next_integer<T: TryFrom<i64>>(&mut self) -> thrift::Result<T> {
        let number = match self.next()? {
            Json::Number(number) => number.as_i64(),
            Json::String(text) => text.parse().ok(),
            Json::Bool(b) => Some(i64::from(b)),
            _ => None,
        };
        number
            .and_then(|number| T::try_from(number).ok())
            .ok_or_else(|| shape("a whole number in its type's range"))
    }

    fn next_string(&mut self) -> thrift::Result<String> {
        match self.next()? {
            Json::String(text) => Ok(text),
            _ => Err(shape("a string")),
        }
    }

    fn next_type(&mut self) -> thrift::Result<TType> {
        type_of(&self.next_string()?)
    }

    /// The head of a list or a set, whose size must be that of its elements.
    fn sequence(&mut self) -> thrift::Result<(TType, i32)> {
        let items = self.next_array()?;
        self.frames.push(Frame::Array(items));
        let element = self.next_type()?;
        let size = self.next_integer()?;
        match self.frames.last() {
            Some(Frame::Array(items)) if wire_size(items.len())? == size => Ok((element, size)),
            _ => Err(invalid(format!(
                "a list or set that says {size} elements has others"
            ))),
        }
    }

    /// Leaves an array or a map, all of which must have been read.
    fn leave(&mut self) -> thrift::Result<()> {
        match self.frames.pop() {
            Some(Frame::Array(items)) if items.len() == 0 => Ok(()),
            Some(Frame::Map {
                entries,
                value: None,
            }) if entries.len() == 0 => Ok(()),
            _ => Err(shape("the end of an array or a map")),
        }
    }
}

fn type_of(name: &str) -> thrift::Result<TType> {
    Ok(match name {
        "tf" => TType::Bool,
        "i8" => TType::I08,
        "i16" => TType::I16,
        "i32" => TType::I32,
        "i64" => TType::I64,
        "dbl" => TType::Double,
        "str" => TType::String,
        "rec" => TType::Struct,
        "map" => TType::Map,
        "lst" => TType::List,
        "set" => TType::Set,
        "uid" => TType::Uuid,
        other => return Err(invalid(format!("`{other}` is no type of Thrift's JSON"))),
    })
}

/// Thrift writes no padding, other writers do.
fn base64_bytes(text: &str) -> Option<Vec<u8>> {
    base64::engine::general_purpose::STANDARD_NO_PAD
        .decode(text.trim_end_matches('='))
        .ok()
}

impl TInputProtocol for JsonReader {
    fn read_message_begin(&mut self) -> thrift::Result<TMessageIdentifier> {
        let items = self.next_array()?;
        self.frames.push(Frame::Array(items));
        if self.next_integer::<i64>()? != VERSION {
            return Err(invalid(format!("the message is not of version {VERSION}")));
        }
        let name = self.next_string()?;
        let message_type = TMessageType::try_from(self.next_integer::<u8>()?)?;
        let sequence_number = self.next_integer()?;
        Ok(TMessageIdentifier::new(name, message_type, sequence_number))
    }
    fn read_message_end(&mut self) -> thrift::Result<()> {
        self.leave()
    }
    fn read_struct_begin(&mut self) -> thrift::Result<Option<TStructIdentifier>> {
        let fields = self.next_object()?.into_iter();
        self.frames.push(Frame::Struct {
            fields,
            value: None,
        });
        Ok(None)
    }
    fn read_struct_end(&mut self) -> thrift::Result<()> {
        match self.frames.pop() {
            Some(Frame::Struct { .. }) => Ok(()),
            _ => Err(shape("the end of a struct")),
        }
    }
    fn read_field_begin(&mut self) -> thrift::Result<TFieldIdentifier> {
        let Some(Frame::Struct { fields, value }) = self.frames.last_mut() else {
            return Err(shape("a struct"));
        };
        let Some((id, typed)) = fields.next() else {
            return Ok(TFieldIdentifier {
                name: None,
                field_type: TType::Stop,
                id: Some(0),
            });
        };
        let id: i16 = id
            .parse()
            .map_err(|_| invalid(format!("`{id}` is no field number")))?;
        let Json::Object(typed) = typed else {
            return Err(shape("an object of a type's name and a value"));
        };
        let mut typed = typed.into_iter();
        let (Some((name, found)), None) = (typed.next(), typed.next()) else {
            return Err(shape("an object of one type's name and one value"));
        };
        *value = Some(found);
        Ok(TFieldIdentifier {
            name: None,
            field_type: type_of(&name)?,
            id: Some(id),
        })
    }
    fn read_field_end(&mut self) -> thrift::Result<()> {
        Ok(())
    }
    fn read_bool(&mut self) -> thrift::Result<bool> {
        self.next_integer::<i64>().map(|number| number != 0)
    }
    fn read_bytes(&mut self) -> thrift::Result<Vec<u8>> {
        base64_bytes(&self.next_string()?).ok_or_else(|| shape("base64 text"))
    }
    fn skip_binary(&mut self) -> thrift::Result<()> {
        self.next_string().map(|_| ())
    }
    fn read_i8(&mut self) -> thrift::Result<i8> {
        self.next_integer()
    }
    fn read_i16(&mut self) -> thrift::Result<i16> {
        self.next_integer()
    }
    fn read_i32(&mut self) -> thrift::Result<i32> {
        self.next_integer()
    }
    fn read_i64(&mut self) -> thrift::Result<i64> {
        self.next_integer()
    }
    fn read_double(&mut self) -> thrift::Result<f64> {
        match self.next()? {
            Json::Number(number) => number.as_f64(),
            Json::String(text) => match text.as_str() {
                "NaN" => Some(f64::NAN),
                "Infinity" => Some(f64::INFINITY),
                "-Infinity" => Some(f64::NEG_INFINITY),
                number => number.parse().ok(),
            },
            _ => None,
        }
        .ok_or_else(|| shape("a number"))
    }
    fn read_uuid(&mut self) -> thrift::Result<uuid::Uuid> {
        self.next_string()?.parse().map_err(|_| shape("a UUID"))
    }
    fn read_string(&mut self) -> thrift::Result<String> {
        self.next_string()
    }
    fn read_list_begin(&mut self) -> thrift::Result<TListIdentifier> {
        let (element, size) = self.sequence()?;
        Ok(TListIdentifier::new(element, size))
    }
    fn read_list_end(&mut self) -> thrift::Result<()> {
        self.leave()
    }
    fn read_set_begin(&mut self) -> thrift::Result<TSetIdentifier> {
        let (element, size) = self.sequence()?;
        Ok(TSetIdentifier::new(element, size))
    }
    fn read_set_end(&mut self) -> thrift::Result<()> {
        self.leave()
    }
    fn read_map_begin(&mut self) -> thrift::Result<TMapIdentifier> {
        let items = self.next_array()?;
        self.frames.push(Frame::Array(items));
        let key = self.next_type()?;
        let value = self.next_type()?;
        let size: i32 = self.next_integer()?;
        let entries = self.next_object()?;
        if wire_size(entries.len())? != size {
            return Err(invalid(format!(
                "a map that says {size} entries has others"
            )));
        }
        self.frames.push(Frame::Map {
            entries: entries.into_iter(),
            value: None,
        });
        Ok(TMapIdentifier::new(key, value, size))
    }
    fn read_map_end(&mut self) -> thrift::Result<()> {
        self.leave()?;
        self.leave()
    }
    fn read_byte(&mut self) -> thrift::Result<u8> {
        self.next_integer()
    }
}
